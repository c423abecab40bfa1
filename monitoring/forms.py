"""Forms check what was typed; services check what is allowed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Value
from django.db.models.functions import Concat

from monitoring.models import Recording
from monitoring.services import FASTEST
from strategies.choices import RevisionState
from strategies.models import Revision

SPEEDS = (("1", "1×"), ("10", "10×"), ("60", "60×"), (FASTEST, "as fast as it goes"))


class RevisionField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Revision) -> str:
        return f"{obj.strategy.mandate} · {obj.strategy} revision {obj.number}"


class RecordingField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Recording) -> str:
        begins = f", {obj.starts_at:%Y-%m-%d %H:%M} UTC" if obj.starts_at else ""
        return f"{obj.symbol} · {obj.name}{begins}"


class ReplayForm(forms.Form):
    """What to play, to which configuration, how fast. Only revisions about a recorded pair are offered."""

    recording = RecordingField(Recording.objects.all(), label="Recording", empty_label=None)
    revision = RevisionField(Revision.objects.none(), label="Configuration", empty_label=None)
    speed = forms.ChoiceField(choices=SPEEDS, initial="10", widget=forms.RadioSelect, label="Speed")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        recorded = Recording.objects.values_list("symbol", flat=True)
        approved = Revision.objects.filter(state=RevisionState.APPROVED)
        pair = Concat("strategy__mandate__base", Value("/"), "strategy__mandate__quote")
        self.fields["revision"].queryset = (
            approved.annotate(pair=pair).filter(pair__in=list(recorded)).select_related("strategy__mandate")
        )

    @property
    def has_revisions(self) -> bool:
        return self.fields["revision"].queryset.exists()
