"""Deployments: pages and controls. Every control says what it will do before it does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import reswap, retarget, trigger_client_event

from clients.access import Action, require
from clients.errors import Refusal
from clients.pages import desk_page, verbs
from exchanges.access import access_account
from strategies.access import access_deployment, visible_deployments
from strategies.choices import Mode
from strategies.forms import KillForm, ReasonForm
from strategies.models import Deployment
from strategies.services import (
    deployment_halt,
    deployment_pause,
    deployment_reset,
    deployment_start,
)


@dataclass(frozen=True)
class Control:
    """One button: what it says, what it will do, and the reason offered so that an emergency needs no typing."""

    verb: str
    title: str
    consequence: str
    done: str
    act: Callable[..., object]
    reason: str = ""
    reasons: tuple[str, ...] = ()
    form: type[ReasonForm | KillForm] = ReasonForm


CONTROLS = {
    control.verb: control
    for control in (
        Control(
            "start",
            "Start",
            "The engine reconciles with the venue, cancels what an older holder left, then quotes.",
            "Start is asked for. The observed state follows when the engine has reconciled.",
            deployment_start,
            reasons=("Mandate begins", "Back after a pause", "Checked after a reset"),
        ),
        Control(
            "pause",
            "Pause",
            "Resting quotes are cancelled and the inventory is kept. Time paused counts against the mandate.",
            "Pause is asked for. The observed state follows when nothing rests.",
            deployment_pause,
            reasons=("Agreed with the client", "Venue maintenance", "Looking into the quotes"),
        ),
        Control(
            "kill",
            "Kill",
            "Every order is cancelled, the venue is asked to prove that nothing rests, and the deployment stays halted "
            "until a person with the right resets it. Inventory is kept.",
            "Kill is asked for. The proof appears as soon as the engine has it.",
            deployment_halt,
            reason="Killed from its page",
            reasons=("Quotes look wrong", "Venue misbehaves", "Inventory runs away", "Drill"),
            form=KillForm,
        ),
        Control(
            "reset",
            "Reset",
            "The halt is lifted and the deployment goes to paused. Nothing starts by itself.",
            "Reset is asked for. The deployment goes to paused; starting it is a separate step.",
            deployment_reset,
            reasons=("Cause found and mended", "End of drill"),
        ),
    )
}


@desk_page
def deployments(request: HttpRequest) -> HttpResponse:
    rows = visible_deployments(request.user).select_related("slot", "revision__strategy", "runs_revision", "wanted_by")
    ended = request.GET.get("ended") == "1"
    rows = rows.filter(ended_at__isnull=not ended).exclude(mode=Mode.REPLAY).order_by("client__name", "name")
    return render(
        request,
        "strategies/deployments.html",
        {"nav": "deployments", "deployments": rows, "ended": ended, "live_path": "/ws/desk/"},
    )


@desk_page
def account_deployments(request: HttpRequest, pk: int) -> HttpResponse:
    """A panel on the page of an account: what runs with it, the newest first."""
    account = access_account(request.user, pk)
    rows = visible_deployments(request.user).filter(account=account).exclude(mode=Mode.REPLAY).order_by("-pk")
    return render(request, "strategies/account_deployments.html", {"deployments": rows[:20]})


def controls_for(request: HttpRequest) -> list[Control]:
    """The controls the person's role allows."""
    allowed = verbs(request.user)
    return [control for verb, control in CONTROLS.items() if verb in allowed]


@desk_page
def control(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """One control: a form on GET, the act on POST. The reason is the person's and goes into the audit."""
    if verb not in CONTROLS:
        raise Http404("There is no such control.")
    chosen = CONTROLS[verb]
    found = access_deployment(request.user, pk)
    back = reverse("monitoring:deployment", args=[pk])
    if request.method != "POST":
        require(request.user, Action(verb))
        return _control_page(request, found, chosen, back)
    form = chosen.form(request.POST)
    if not form.is_valid():
        return refused(
            request, form.sentence(), f"#{verb}", lambda text: _control_page(request, found, chosen, back, text)
        )
    try:
        chosen.act(deployment=found, actor=request.user, reason=form.cleaned_data["reason"])
    except (Refusal, PermissionDenied) as refusal:
        return refused(
            request, str(refusal), f"#{verb}", lambda text: _control_page(request, found, chosen, back, text)
        )
    messages.success(request, chosen.done)
    return done(request, back)


def _control_page(
    request: HttpRequest, found: Deployment, chosen: Control, back: str, problem: str = ""
) -> HttpResponse:
    context = {"nav": "deployments", "deployment": found, "control": chosen, "deployment_url": back, "problem": problem}
    return render(request, "strategies/control.html", context, status=422 if problem else 200)


def done(request: HttpRequest, back: str) -> HttpResponse:
    """With htmx the page stays and shows the message; without, the browser goes back to it."""
    if not request.htmx:
        return redirect(back)
    return trigger_client_event(render(request, "partials/flashes.html"), "mm:changed")


def refused(request: HttpRequest, sentence: str, dialog: str, page: Callable[[str], HttpResponse]) -> HttpResponse:
    """The sentence, inside the dialog that asked or on a page of its own."""
    if not request.htmx:
        return page(sentence)
    return reswap(
        retarget(HttpResponse(sentence, status=422, content_type="text/plain"), f"{dialog} .problem"), "textContent"
    )
