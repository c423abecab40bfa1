"""Forms check what was typed; services check what is allowed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.db.models import QuerySet

from clients.models import Mandate
from exchanges.models import ExchangeAccount, Market
from strategies.builder.starters import starters
from strategies.choices import Mode
from strategies.models import Deployment, RollOut, Strategy, StrategyTemplate
from strategies.rollout import LIMITS, Step

CONFIRMATION = "KILL"
TEMPLATE = "template-"
"""Before a template's key, among what a strategy may start from."""


class ReasonForm(forms.Form):
    """Why a person acts, kept in the audit."""

    reason = forms.CharField(max_length=300, error_messages={"required": "Say why: the reason is kept in the audit."})

    def sentence(self) -> str:
        """The first problem, in words."""
        return next(str(problem) for problems in self.errors.values() for problem in problems)


class PercentField(forms.DecimalField):
    """A part of every size, typed in percent and meant as a share of one."""

    def __init__(self) -> None:
        super().__init__(
            initial=100,
            min_value=Decimal("0.01"),
            max_value=Decimal(100),
            decimal_places=2,
            required=False,
            widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
            error_messages={
                "invalid": "The part of every size is a number of percent.",
                "min_value": "The part of every size is 0.01 to 100 %%.",
                "max_value": "The part of every size is 0.01 to 100 %%.",
                "max_decimal_places": "The part of every size has at most two decimals.",
            },
        )

    def clean(self, value: Any) -> Decimal | None:
        percent = super().clean(value)
        return None if percent is None else percent / 100


class SwitchForm(ReasonForm):
    """To go on with another revision, or with another part of every size; left empty, that stays as it is."""

    percent = PercentField()


class KillForm(forms.Form):
    """A kill waits for no words: what is missing stays empty, what is too long is cut."""

    reason = forms.CharField(required=False)

    def clean_reason(self) -> str:
        return self.cleaned_data["reason"][:300]

    sentence = ReasonForm.sentence


class FirmKillForm(KillForm):
    confirm = forms.CharField(error_messages={"required": f"Type {CONFIRMATION} to confirm a firm-wide kill."})

    def clean_confirm(self) -> str:
        typed = self.cleaned_data["confirm"].strip()
        if typed != CONFIRMATION:
            raise forms.ValidationError(f"Type {CONFIRMATION} to confirm a firm-wide kill; you typed {typed!r}.")
        return typed


class MandateField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Mandate) -> str:
        return f"{obj.client} · {obj.name}"


class StrategyField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Strategy) -> str:
        return f"{obj.client} · {obj.mandate} · {obj.name}"


class BeginForm(forms.Form):
    """What a strategy is for, and what it starts from."""

    mandate = MandateField(Mandate.objects.none(), empty_label=None, error_messages={"required": "Choose a mandate."})
    name = forms.CharField(required=False, max_length=120)
    start = forms.ChoiceField(error_messages={"required": "Choose what to start from."})
    copied = StrategyField(Strategy.objects.none(), required=False, empty_label=None)
    file = forms.FileField(required=False)
    yaml = forms.CharField(required=False, strip=False)

    def __init__(
        self,
        *args: Any,
        mandates: QuerySet[Mandate],
        others: QuerySet[Strategy],
        initial: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        start = initial.get("start") or ""
        if start.startswith("strategy-"):
            initial = {**initial, "start": "copy", "copied": start.removeprefix("strategy-")}
        if initial.get("mandate"):
            initial = {**initial, "mandate": mandates.filter(slug=initial["mandate"]).first()}
        super().__init__(*args, initial=initial, **kwargs)
        self.fields["mandate"].queryset = mandates
        self.fields["copied"].queryset = others
        templates = StrategyTemplate.objects.values_list("pk", "name")
        self.fields["start"].choices = [(slug, each.title) for slug, each in starters().items()] + [
            *((f"{TEMPLATE}{pk}", name) for pk, name in templates),
            ("copy", "A copy of another strategy"),
            ("text", "A YAML file or text"),
            ("empty", "Nothing"),
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("start") == "copy" and not cleaned.get("copied"):
            self.add_error("copied", "Choose the strategy to copy.")
        if cleaned.get("start") == "text":
            try:
                if not self.text().strip():
                    self.add_error("yaml", "Choose a file or paste the YAML.")
            except UnicodeDecodeError:
                self.add_error("file", f"{cleaned['file'].name} is no text: save it as UTF-8 YAML and choose it again.")
        return cleaned

    def text(self) -> str:
        """The file that was sent, or else what was pasted."""
        file = self.cleaned_data.get("file")
        if file is None:
            return self.cleaned_data.get("yaml", "").replace("\r\n", "\n")
        file.seek(0)
        return file.read().decode("utf-8-sig").replace("\r\n", "\n")


class DeployForm(forms.Form):
    """Where a revision goes to work, how far it may go, and with what on paper."""

    place = forms.TypedChoiceField(coerce=int, error_messages={"required": "Choose a market and an account."})
    mode = forms.ChoiceField(
        choices=[(mode.value, mode.label) for mode in (Mode.PAPER, Mode.SHADOW, Mode.LIVE)], initial=Mode.PAPER.value
    )
    percent = PercentField()
    base = forms.CharField(required=False)
    quote = forms.CharField(required=False)
    name = forms.CharField(required=False, max_length=120)

    def __init__(
        self, *args: Any, places: list[tuple[Market, ExchangeAccount]], base: str, quote: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.places = places
        self.assets = {"base": base, "quote": quote}
        self.fields["place"].choices = [
            (number, f"{market} · {account.name}") for number, (market, account) in enumerate(places)
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, asset in self.assets.items() if cleaned.get("mode") == Mode.PAPER else ():
            typed = cleaned.get(name, "").strip().replace(",", "")
            try:
                amount = Decimal(typed) if typed else None
            except InvalidOperation:
                amount = None
            if amount is None or not amount.is_finite() or amount < 0:
                said = f', was "{typed[:40]}"' if typed else ", was empty"
                self.add_error(name, f"The opening balance in {asset} must be a number of zero or more{said}.")
            else:
                cleaned[name] = amount
        return cleaned

    def chosen(self) -> tuple[Market, ExchangeAccount]:
        return self.places[self.cleaned_data["place"]]

    def share(self) -> Decimal:
        return self.cleaned_data["percent"] or Decimal(1)

    def funding(self) -> dict[str, Decimal]:
        """By asset; nothing in a mode that sends nothing."""
        if self.cleaned_data["mode"] != Mode.PAPER:
            return {}
        return {asset: self.cleaned_data[name] for name, asset in self.assets.items()}


class RollOutForm(forms.ModelForm):
    """A revision's way over the deployments that run by another one: up to four stages, and what leads back."""

    STAGES = ((10, 1, 10), (50, 1, 10), (100, 1, 10), (100, None, 30))
    """Suggested: percent of each size, deployments (None: all), minutes."""

    reason = forms.CharField(max_length=300, error_messages={"required": "Say why: the reason is kept in the audit."})
    first = forms.TypedChoiceField(coerce=int, error_messages={"required": "Choose the deployment that goes first."})

    class Meta:
        model = RollOut
        fields = (*LIMITS, "reason")

    def __init__(self, *args: Any, deployments: list[Deployment], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deployments = deployments
        self.fields["first"].choices = [(each.pk, f"{each.name}, {each.mode}") for each in deployments]
        for name in LIMITS:
            self.fields[name].widget.attrs |= {"autocomplete": "off", "step": "any"}
        # One deployment has no stage that others join.
        suggested = [each for each in self.STAGES if len(deployments) > 1 or each != (100, 1, 10)]
        for number in range(1, len(self.STAGES) + 1):
            percent, reach, minutes = suggested[number - 1] if number <= len(suggested) else ("", "", "")
            self.fields[f"percent_{number}"] = forms.DecimalField(
                required=False, min_value=Decimal("0.01"), max_value=Decimal(100), decimal_places=2, initial=percent
            )
            self.fields[f"reach_{number}"] = forms.IntegerField(
                required=False, min_value=1, initial=len(deployments) if reach is None else reach
            )
            self.fields[f"minutes_{number}"] = forms.DecimalField(
                required=False, min_value=Decimal("0.1"), max_value=Decimal(1440), decimal_places=1, initial=minutes
            )

    def rows(self) -> list[tuple[int, list[forms.BoundField]]]:
        """The stages' fields, a row each."""
        names = ("percent", "reach", "minutes")
        return [(n, [self[f"{name}_{n}"] for name in names]) for n in range(1, len(self.STAGES) + 1)]

    def limits(self) -> list[tuple[forms.BoundField, str]]:
        """The fields that lead back, each with its unit."""
        return [(self[name], self._unit(name)) for name in LIMITS]

    def _unit(self, name: str) -> str:
        if name == "max_loss_quote":
            return self.deployments[0].market.quote if self.deployments else "quote"
        return "s" if name.endswith("_s") else "of 1" if name.startswith("max_") else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for number, fields in self.rows():
            given = [cleaned.get(field.name) for field in fields]
            if any(value is not None for value in given) and None in given and not any(f.errors for f in fields):
                self.add_error(
                    f"percent_{number}", "A stage takes a part of each size, a number of deployments and minutes."
                )
        return cleaned

    def _post_clean(self) -> None:
        """What the verb checks is checked there: a form makes no record."""

    def stages(self) -> list[Step]:
        found = []
        for number, _ in self.rows():
            percent, minutes = self.cleaned_data[f"percent_{number}"], self.cleaned_data[f"minutes_{number}"]
            if percent is not None:
                reach = self.cleaned_data[f"reach_{number}"]
                found.append(Step(share=percent / 100, reach=reach, hold_s=int(minutes * 60)))
        return found

    def ordered(self) -> list[Deployment]:
        first = self.cleaned_data["first"]
        return sorted(self.deployments, key=lambda each: (each.pk != first, each.pk))

    def terms(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in LIMITS}


class DrilledField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Deployment) -> str:
        return f"{obj.client} · {obj.name} ({obj.mode})"


class DrillPlanForm(forms.Form):
    """Which deployment's kill is tried, how often, and how soon it must be proven clean."""

    deployment = DrilledField(
        queryset=Deployment.objects.none(), error_messages={"required": "Say which deployment is to be drilled."}
    )
    every_hours = forms.IntegerField(min_value=1, initial=24, label="Every, in hours")
    within_s = forms.IntegerField(min_value=1, initial=10, label="Proven clean within, in seconds")
    reason = forms.CharField(max_length=300, error_messages={"required": "Say why: the reason is kept in the audit."})

    def __init__(self, *args: Any, deployments: QuerySet[Deployment], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["deployment"]
        assert isinstance(field, DrilledField)
        field.queryset = deployments

    sentence = ReasonForm.sentence
