"""Staged roll-outs: asked for on one page, followed on another, with the buttons that lead on and back."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from clients.access import Action, require
from clients.errors import Refusal
from clients.models import AuditEntry
from clients.pages import desk_page, verbs
from strategies.access import access_strategy
from strategies.choices import Mode, RevisionState
from strategies.forms import ReasonForm, RollOutForm
from strategies.loading import Transition, transition
from strategies.models import Deployment, Revision, RollOut, RollOutEvidence, RollOutTarget, Strategy
from strategies.rollout import FRESH, reached, rollout_abort, rollout_promote, rollout_start

SHOWN = 12
"""Of the looks that went before, the newest so many."""


@desk_page
def begin(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Where to, in which steps, and what leads back. Nothing happens before it is sent."""
    strategy = access_strategy(request.user, pk)
    revision = strategy.revisions.filter(number=number, state=RevisionState.APPROVED).first()
    if revision is None:
        raise Http404("There is no such approved revision.")
    require(request.user, Action.ROLL_OUT)
    deployments = list(_targets(strategy, revision))
    form = RollOutForm(request.POST or None, deployments=deployments)
    problem = "" if deployments else f"Nothing of {strategy} runs by another revision, on paper or live."
    if request.method == "POST" and form.is_valid():
        try:
            rollout = rollout_start(
                revision=revision,
                deployments=form.ordered(),
                stages=form.stages(),
                limits=form.terms(),
                actor=request.user,
                reason=form.cleaned_data["reason"],
            )
        except (Refusal, PermissionDenied) as refusal:
            problem = str(refusal)
        else:
            messages.success(request, f"The {rollout} is asked for: first its baseline is measured.")
            return redirect("strategies:rollout", strategy.pk, rollout.pk)
    context = {
        "nav": "strategies",
        "strategy": strategy,
        "revision": revision,
        "form": form,
        "targets": [(each, _how(each, revision)) for each in deployments],
        "problem": problem,
    }
    failed = bool(problem) or (form.is_bound and not form.is_valid())
    return render(request, "strategies/rollout_begin.html", context, status=422 if failed else 200)


def _targets(strategy: Strategy, revision: Revision) -> Any:
    return (
        Deployment.objects.filter(revision__strategy=strategy, ended_at=None, mode__in=(Mode.PAPER, Mode.LIVE))
        .exclude(revision=revision)
        .select_related("revision__strategy", "runs_revision__strategy", "market__venue", "account")
        .order_by("pk")
    )


def _how(deployment: Deployment, revision: Revision) -> Transition | str:
    try:
        return transition(deployment, revision)
    except Refusal as refusal:
        return str(refusal)


@desk_page
def rollout(request: HttpRequest, pk: int, rollout_id: int) -> HttpResponse:
    strategy, found = _found(request, pk, rollout_id)
    page = "strategies/rollout_state.html" if request.htmx else "strategies/rollout.html"
    answer = _page(request, strategy, found, page)
    if request.htmx and not found.is_running:
        answer["HX-Refresh"] = "true"  # the buttons go, and nothing is asked for any more
    return answer


@desk_page
def decide(request: HttpRequest, pk: int, rollout_id: int, verb: str) -> HttpResponse:
    """On, or back. The reason is the person's and goes into the audit."""
    strategy, found = _found(request, pk, rollout_id)
    acts: dict[str, Callable[..., None]] = {"promote": rollout_promote, "abort": rollout_abort}
    if verb not in acts:
        raise Http404("There is no such decision.")
    if request.method != "POST":
        return redirect("strategies:rollout", pk, rollout_id)
    form, page = ReasonForm(request.POST), "strategies/rollout.html"
    if not form.is_valid():
        return _page(request, strategy, found, page, problem=form.sentence())
    try:
        acts[verb](rollout=found, actor=request.user, reason=form.cleaned_data["reason"])
    except (Refusal, PermissionDenied) as refusal:
        return _page(request, strategy, found, page, problem=str(refusal))
    if verb == "abort":
        messages.success(request, "The roll-out is aborted: everything is asked to go back to what it ran by before.")
    return redirect("strategies:rollout", pk, rollout_id)


def _found(request: HttpRequest, pk: int, rollout_id: int) -> tuple[Strategy, RollOut]:
    strategy = access_strategy(request.user, pk)
    found = strategy.rollouts.filter(pk=rollout_id).select_related("revision__strategy", "started_by", "ended_by")
    if not (rollout := found.first()):
        raise Http404("There is no such roll-out.")
    return strategy, rollout


@dataclass(frozen=True, kw_only=True)
class Clock:
    """What the stage waits for, and how long that still takes."""

    waits_for: str
    left_s: int | None = None
    done: float = 0.0
    """Of the hold, 0 to 1."""


def _clock(rollout: RollOut, now: datetime.datetime) -> Clock:
    if rollout.stage == 0:
        return Clock(waits_for="the baseline, measured by the worker within seconds")
    if rollout.settled_since is None:
        assert rollout.stage_since is not None
        left = rollout.max_settle_s - (now - rollout.stage_since).total_seconds()
        return Clock(waits_for="every deployment of the stage to quote by it; back if not", left_s=max(int(left), 0))
    hold = rollout.stages.get(number=rollout.stage).hold_s
    lasted = (now - rollout.settled_since).total_seconds()
    done = min(lasted / hold, 1.0)
    if lasted < hold:
        then = "then on by itself if all is fine" if rollout.promotes_itself else "then somebody promotes it"
        return Clock(waits_for=f"the hold of {hold / 60:g} min to end; {then}", left_s=int(hold - lasted), done=done)
    if rollout.promotes_itself:
        return Clock(waits_for="a look that finds every measure within its limit", done=done)
    left = hold + rollout.decide_within_s - lasted
    return Clock(waits_for="somebody to promote it; back if nobody does", left_s=max(int(left), 0), done=done)


def _page(request: HttpRequest, strategy: Strategy, found: RollOut, page: str, *, problem: str = "") -> HttpResponse:
    now = timezone.now()
    evidence = RollOutEvidence.objects.filter(rollout=found).select_related("deployment")
    targets = found.targets.select_related("deployment__revision", "deployment__runs_revision", "previous_revision")
    context = {
        "nav": "strategies",
        "strategy": strategy,
        "rollout": found,
        "stages": found.stages.all(),
        "targets": [(target, _latest(found, target)) for target in targets],
        "reached": {target.pk for target in reached(found)},
        "clock": _clock(found, now) if found.is_running else None,
        "unattended": found.is_running and now - (found.looked_at or found.started_at) > FRESH,
        "history": evidence[:SHOWN],
        "acts": AuditEntry.objects.filter(object_type="strategies.rollout", object_id=str(found.pk)).order_by("pk"),
        "may": verbs(request.user),
        "problem": problem,
    }
    return render(request, page, context, status=422 if problem else 200)


def _latest(found: RollOut, target: RollOutTarget) -> RollOutEvidence | None:
    return RollOutEvidence.objects.filter(rollout=found, deployment_id=target.deployment_id, stage=found.stage).first()
