"""Forms check what was typed; services check what is allowed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from clients.models import Client
from engine.metrics.events import BANDS_BPS
from engine.venues.credentials import FIELDS, Credentials
from exchanges.choices import VenueKind
from exchanges.models import ExchangeAccount, Venue


class Sentences(forms.Form):
    def sentence(self) -> str:
        """The first problem, in words."""
        return next(str(problem) for problems in self.errors.values() for problem in problems)


class AccountForm(Sentences):
    client = forms.ModelChoiceField(Client.objects.all(), empty_label=None)
    venue = forms.ModelChoiceField(Venue.objects.all(), empty_label=None)
    name = forms.CharField(max_length=120, help_text="As strategies call it, such as main.")
    kind = forms.ChoiceField(
        choices=(("paper", "On paper"), ("live", "Live")), initial="paper", widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)


class MandateForm(Sentences):
    """A mandate as one tells it: whose, which pair, where, and what is owed."""

    client = forms.CharField(max_length=120, widget=forms.TextInput({"list": "clients", "autofocus": True}))
    base = forms.RegexField(r"^\s*[\w.]{1,20}\s*$", error_messages={"invalid": "An asset is letters and digits: BTC."})
    quote = forms.RegexField(
        r"^\s*[\w.]{1,20}\s*$", initial="USDT", error_messages={"invalid": "An asset is letters and digits: USDT."}
    )
    venue = forms.ModelChoiceField(
        Venue.objects.filter(kind=VenueKind.CENTRALISED).order_by("name"),
        required=False,
        empty_label="Simulated, made here",
    )
    start_price = forms.DecimalField(required=False, initial="1", min_value=Decimal("1e-12"), max_digits=24)
    max_spread_bps = forms.DecimalField(required=False, initial=50, min_value=Decimal("0.0001"), max_value=10_000)
    target = forms.DecimalField(initial=95, min_value=1, max_value=100, max_digits=5)
    min_depth_quote = forms.DecimalField(required=False, initial=1000, min_value=Decimal("0.01"), max_value=10**12)
    band_bps = forms.TypedChoiceField(
        choices=[(f"{band:f}", f"±{band / 100:f} % of mid") for band in BANDS_BPS], initial="200", coerce=Decimal
    )


class CredentialsForm(Sentences):
    """What opens an account. Nothing typed here is ever put into a page again, not even after a mistake."""

    api_key = forms.CharField(max_length=4000, error_messages={"required": "The API key is missing; type all again."})
    secret = forms.CharField(max_length=8000, error_messages={"required": "The secret is missing; type all again."})
    passphrase = forms.CharField(max_length=4000, required=False)
    uid = forms.CharField(max_length=200, required=False)
    label = forms.CharField(max_length=80, required=False)
    reason = forms.CharField(max_length=300, error_messages={"required": "Say why: the reason is kept in the audit."})
    confirm = forms.CharField(required=False)

    def __init__(self, *args: Any, account: ExchangeAccount, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._account = account

    def clean_confirm(self) -> str:
        if hasattr(self._account, "credentials"):
            confirmed(self._account, self.cleaned_data["confirm"])
        return self.cleaned_data["confirm"]

    def credentials(self) -> Credentials:
        return Credentials(**{field: self.cleaned_data[field] for field in FIELDS})


class RemoveForm(Sentences):
    reason = forms.CharField(max_length=300, error_messages={"required": "Say why: the reason is kept in the audit."})
    confirm = forms.CharField(required=False)

    def __init__(self, *args: Any, account: ExchangeAccount, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._account = account

    def clean_confirm(self) -> str:
        confirmed(self._account, self.cleaned_data["confirm"])
        return self.cleaned_data["confirm"]


def confirmed(account: ExchangeAccount, typed: str) -> None:
    """Raises ValidationError unless the account's name was typed."""
    if typed.strip() != account.name:
        raise forms.ValidationError(f"Type the account's name, {account.name}, to confirm; you typed {typed!r}.")
