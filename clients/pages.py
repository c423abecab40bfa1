"""Who may open a page at all. What they see on it is decided by the access doors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse

from clients.access import Action, may

View = Callable[..., HttpResponse]


def desk_page(view: View) -> View:
    """A page of the desk: visitors sign in first, for a client's people it does not exist."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not may(request.user, Action.VIEW):
            raise Http404("There is no such page.")
        return view(request, *args, **kwargs)

    return guarded


def verbs(user: object) -> set[str]:
    """Every action the person's role allows, by name, for templates: a control nobody may use is not drawn."""
    return {action.value for action in Action if may(user, action)}  # type: ignore[arg-type]


def whole_number(typed: str) -> int | None:
    """A number from an address, or None. `isdigit` would let ² pass, and `int` refuses what is thousands of digits."""
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) <= 18 else None
