"""The kill console: every scope as a tree, a kill for each, what is proven of it, and the reset."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from clients.access import Action, require
from clients.errors import Refusal
from clients.models import Client, Mandate, User
from clients.pages import desk_page, verbs
from exchanges.models import ExchangeAccount, Venue
from strategies import console
from strategies.choices import KillScope
from strategies.drills import alarms
from strategies.evidence import proofs
from strategies.forms import FirmKillForm, KillForm, ReasonForm
from strategies.models import Deployment, KillSwitch
from strategies.selectors import covered_by, engaged
from strategies.services import (
    account_halt,
    client_halt,
    deployment_halt,
    firm_halt,
    kill_switch_reset,
    mandate_halt,
    venue_halt,
)
from strategies.views.controls import done, refused

HISTORY = 50

HALTS: dict[KillScope, Callable[[int, User, str], KillSwitch]] = {
    KillScope.VENUE: lambda pk, actor, why: venue_halt(venue=Venue.objects.get(pk=pk), actor=actor, reason=why),
    KillScope.CLIENT: lambda pk, actor, why: client_halt(client=Client.objects.get(pk=pk), actor=actor, reason=why),
    KillScope.ACCOUNT: lambda pk, actor, why: account_halt(
        account=ExchangeAccount.objects.get(pk=pk), actor=actor, reason=why
    ),
    KillScope.MANDATE: lambda pk, actor, why: mandate_halt(mandate=Mandate.objects.get(pk=pk), actor=actor, reason=why),
    KillScope.DEPLOYMENT: lambda pk, actor, why: deployment_halt(
        deployment=Deployment.objects.get(pk=pk), actor=actor, reason=why
    ),
}
"""The firm is not among them: its kill takes a typed word and has a view of its own."""


@desk_page
def switches(request: HttpRequest) -> HttpResponse:
    """Every scope with what runs there, the switches engaged now with their proof, and the history.

    An open console asks again for what it shows, naming the switches it knows of; 204 while these are the ones.
    """
    standing = list(engaged())
    known = ",".join(str(switch.pk) for switch in standing)
    if request.htmx and request.GET.get("known") == known:
        return HttpResponse(status=204)
    rows = console.tree()
    of_accounts = proofs(standing)
    now = [(console.progress(switch, rows[0].deployments), of_accounts[switch.pk]) for switch in standing]
    past = KillSwitch.objects.exclude(reset_at=None).select_related(
        "engaged_by", "reset_by", "client", "mandate", "deployment", "venue", "account"
    )
    context = {
        "nav": "kill",
        "live_path": "/ws/desk/",
        "rows": rows,
        "engaged": now,
        "alarms": alarms(),
        "past": past[:HISTORY],
        "known": known,
        "firm_engaged": rows[0].switch is not None,
        "may": verbs(request.user),
    }
    return render(request, "strategies/switches.html", context)


@desk_page
def scope_kill(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Kill one scope: what that means on GET, the act on POST. A kill waits for no words."""
    if kind not in KillScope.values or KillScope(kind) not in HALTS:
        raise Http404("There is no such scope.")
    scope = console.target(KillScope(kind), pk)
    if scope is None:
        raise Http404("Nothing runs in this scope.")
    require(request.user, Action.KILL)
    if request.method != "POST":
        return render(request, "strategies/scope_kill.html", {"nav": "kill", "scope": scope})
    form = KillForm(request.POST)
    form.is_valid()  # nothing of it is ever refused
    try:
        switch = HALTS[scope.kind](pk, request.user, form.cleaned_data["reason"])
    except Refusal as refusal:
        return _flash_back(request, str(refusal), reverse("strategies:switches"))
    messages.success(
        request, f"{scope.kind.label}: {_stops(covered_by(switch).count())}. Watch each prove itself clean."
    )
    return redirect("strategies:switches")


@desk_page
@require_POST
def firm_kill(request: HttpRequest) -> HttpResponse:
    """The firm's kill switch. The typed word is checked here too, for whoever comes without the dialog."""
    back = reverse("strategies:switches")
    form = FirmKillForm(request.POST)
    if not form.is_valid():
        return refused(request, form.sentence(), "#firm-kill", lambda text: _flash_back(request, text, back))
    try:
        switch = firm_halt(actor=request.user, reason=form.cleaned_data["reason"])
    except (Refusal, PermissionDenied) as refusal:
        return refused(request, str(refusal), "#firm-kill", lambda text: _flash_back(request, text, back))
    messages.success(request, f"Firm-wide: {_stops(covered_by(switch).count())}. Watch each prove itself clean.")
    return done(request, back)


@desk_page
@require_POST
def switch_reset(request: HttpRequest, pk: int) -> HttpResponse:
    """Lift one switch. What it alone had stopped goes to paused."""
    switch = get_object_or_404(KillSwitch, pk=pk)
    back = reverse("strategies:switches")
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _flash_back(request, form.sentence(), back)
    try:
        kill_switch_reset(switch=switch, actor=request.user, reason=form.cleaned_data["reason"])
    except (Refusal, PermissionDenied) as refusal:
        return _flash_back(request, str(refusal), back)
    messages.success(request, "The switch is reset. What it had stopped is paused; nothing started by itself.")
    return redirect(back)


def _stops(count: int) -> str:
    return f"kill engaged for {count} deployment{'' if count == 1 else 's'}"


def _flash_back(request: HttpRequest, sentence: str, back: str) -> HttpResponse:
    messages.error(request, sentence)
    return redirect(back)
