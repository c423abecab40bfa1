"""Signing in and out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from clients.access import MAY, SENTENCES, Action, may
from clients.choices import DeskRole
from clients.errors import Refusal
from clients.models import User
from clients.pages import desk_page
from clients.services import link_consume, person_invite
from clients.signin import address_of, attempt_begin, attempts_forget

BACKEND = "django.contrib.auth.backends.ModelBackend"


def home_of(user: User) -> str:
    """Where a person's work begins: the desk, or their own portal."""
    return resolve_url("monitoring:desk" if may(user, Action.VIEW) else "monitoring:portal")


class PasswordForm(AuthenticationForm):
    """Django's, but passwords cannot be tried without end."""

    def clean(self) -> dict[str, Any]:
        if self.errors:
            return self.cleaned_data  # nothing to try, and nothing to forgive
        who = {"name": self.cleaned_data["username"], "address": address_of(self.request)}
        if not attempt_begin(**who):
            raise ValidationError("Too many passwords were tried. Wait a quarter of an hour, or use a one-time link.")
        cleaned = super().clean()
        attempts_forget(**who)
        return cleaned


class SignIn(LoginView):
    template_name = "clients/signin.html"
    form_class = PasswordForm
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        return home_of(self.request.user)


@never_cache
def signin_link(request: HttpRequest, pk: UUID, secret: str) -> HttpResponse:
    """Opening the link changes nothing, so that a preview does not burn it; pressing the button does."""
    if request.method != "POST":
        return render(request, "clients/signin_link.html")
    user = link_consume(link_id=pk, secret=secret)
    if user is None:
        return render(request, "clients/signin_link.html", {"spent": True}, status=410)
    login(request, user, backend=BACKEND)
    return redirect(home_of(user))


@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("clients:signin")


@never_cache
@desk_page
def roles(request: HttpRequest) -> HttpResponse:
    """Who may do what: the table that every door asks, and who holds each role. POST invites somebody."""
    problem, link, invited = "", "", request.POST.get("username", "").strip()
    if request.method == "POST":
        try:
            link = person_invite(
                username=invited,
                desk_role=request.POST.get("desk_role", ""),
                actor=request.user,  # type: ignore[arg-type]
                reason=request.POST.get("reason", "")[:300],
            )
        except (Refusal, PermissionDenied) as refusal:
            problem = str(refusal)
    held = [role for role in DeskRole if role != DeskRole.NONE]
    people = User.objects.exclude(desk_role=DeskRole.NONE).filter(is_active=True).order_by("username")
    context = {
        "roles": [(role.label, [each.username for each in people if each.desk_role == role]) for role in held],
        "rows": [(SENTENCES[action], [action in MAY[role] for role in held]) for action in Action],
        "offered": [(role.value, role.label) for role in held],
        "chosen": request.POST.get("desk_role", DeskRole.APPROVER),
        "may_invite": may(request.user, Action.ADMINISTER),
        "invited": invited,
        "problem": problem,
        "link": request.build_absolute_uri(link) if link else "",
    }
    return render(request, "clients/roles.html", context, status=422 if problem else 200)
