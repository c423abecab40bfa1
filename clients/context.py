"""What every page's frame needs."""

from __future__ import annotations

from django.http import HttpRequest

from clients.access import Action, may


def frame(request: HttpRequest) -> dict[str, object]:
    """`may_kill_firm`: whether the kill dialog belongs on this page."""
    user = getattr(request, "user", None)
    return {"may_kill_firm": bool(user and user.is_authenticated and may(user, Action.KILL))}
