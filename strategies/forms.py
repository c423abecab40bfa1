"""Forms check what was typed; services check what is allowed."""

from __future__ import annotations

from django import forms

CONFIRMATION = "KILL"


class ReasonForm(forms.Form):
    """Why a person acts, kept in the audit."""

    reason = forms.CharField(max_length=300, error_messages={"required": "Say why: the reason is kept in the audit."})

    def sentence(self) -> str:
        """The first problem, in words."""
        return next(str(problem) for problems in self.errors.values() for problem in problems)


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
