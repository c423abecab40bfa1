"""From draft to what runs: review and submit, approve or reject, deploy, and return to an earlier revision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from clients.errors import Refusal
from clients.pages import desk_page, verbs, whole_number
from exchanges.models import ExchangeAccount, Market
from strategies.access import access_strategy
from strategies.builder.difference import differences
from strategies.builder.layout import sheet_of
from strategies.choices import Mode, RevisionState
from strategies.drafting import (
    DraftMoved,
    draft_submit,
    ground_of,
    markets_of,
    moved,
    usual_funding,
    with_market,
)
from strategies.forms import DeployForm, SwitchForm
from strategies.loading import Transition, installed, transition
from strategies.models import Deployment, Revision, Strategy
from strategies.services import deployment_create, deployment_switch, revision_approve, revision_reject


@desk_page
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """What the draft would change, before it is frozen. Submitting takes exactly the text that was shown."""
    strategy = with_market(access_strategy(request.user, pk))
    problem = ""
    if request.method == "POST":
        based_on = whole_number(request.POST.get("version", "")) or 0
        try:
            revision = draft_submit(strategy=strategy, based_on=based_on, actor=request.user)
        except DraftMoved as error:
            strategy, problem = error.strategy, f"{moved(error.strategy)} Look at it again, then submit it."
        except (Refusal, PermissionDenied) as refusal:
            problem = str(refusal)
        else:
            messages.success(request, f"{revision} waits for approval by a second person.")
            return redirect("strategies:revision", strategy.pk, revision.number)
    base, latest = _base(strategy), strategy.revisions.first()
    is_frozen = latest is not None and latest.yaml == strategy.draft_yaml and latest.state != RevisionState.REJECTED
    context = {
        "nav": "strategies",
        "strategy": strategy,
        "sheet": sheet_of(strategy.draft_yaml, ground_of(strategy)),
        "base": base,
        "changes": differences(base.yaml if base else "", strategy.draft_yaml, installed()),
        "frozen": latest if is_frozen else None,
        "latest": latest,
        "may": verbs(request.user),
        "problem": problem,
    }
    return render(request, "strategies/review.html", context, status=422 if problem else 200)


@desk_page
def revision(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    strategy, found = _revision(request, pk, number)
    return _page(request, strategy, found)


@desk_page
def decide(request: HttpRequest, pk: int, number: int, verb: str) -> HttpResponse:
    strategy, found = _revision(request, pk, number)
    acts: dict[str, Callable[..., None]] = {"approve": revision_approve, "reject": revision_reject}
    if verb not in acts:
        raise Http404("There is no such decision.")
    if request.method != "POST":
        return redirect("strategies:revision", pk, number)
    reason = request.POST.get("reason", "").strip()[:300]
    try:
        acts[verb](revision=found, actor=request.user, reason=reason)
    except (Refusal, PermissionDenied) as refusal:
        return _page(request, strategy, found, problem=str(refusal))
    messages.success(request, f"{found} is {found.get_state_display().lower()}.")
    return redirect("strategies:revision", pk, number)


@desk_page
def deploy(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Put the revision on a market, paused. Starting it is a step of its own, on the deployment's page."""
    strategy, found = _revision(request, pk, number)
    if request.method != "POST":
        return redirect("strategies:revision", pk, number)
    form = DeployForm(request.POST, places=_places(strategy), quote=strategy.mandate.quote, base=strategy.mandate.base)
    if not form.is_valid():
        return _page(request, strategy, found, form=form)
    market, account = form.chosen()
    try:
        deployment = deployment_create(
            mandate=strategy.mandate,
            revision=found,
            account=account,
            market=market,
            mode=form.cleaned_data["mode"],
            funding=form.funding(),
            actor=request.user,
            name=form.cleaned_data["name"].strip(),
            share=form.share(),
        )
    except PermissionDenied as refusal:
        return _page(request, strategy, found, problem=str(refusal))
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return _page(request, strategy, found, form=form)
    messages.success(request, f"{deployment} is deployed and paused. Start it when its mandate is to be quoted.")
    return redirect("monitoring:deployment", deployment.pk)


@desk_page
def switch(request: HttpRequest, pk: int, number: int, deployment: int) -> HttpResponse:
    """Let a running deployment go on with this revision: also the way back to an earlier one."""
    strategy, found = _revision(request, pk, number)
    running = Deployment.objects.filter(pk=deployment, mandate=strategy.mandate).first()
    if running is None:
        raise Http404("There is no such deployment.")
    if request.method != "POST":
        return redirect("strategies:revision", pk, number)
    form = SwitchForm(request.POST)
    if not form.is_valid():
        return _page(request, strategy, found, problem=form.sentence())
    given = form.cleaned_data
    try:
        deployment_switch(
            deployment=running, revision=found, actor=request.user, reason=given["reason"], share=given["percent"]
        )
    except (Refusal, PermissionDenied) as refusal:
        return _page(request, strategy, found, problem=str(refusal))
    messages.success(request, f"{running} is asked to go on with {found}. Position and history stay.")
    return redirect("monitoring:deployment", running.pk)


def _revision(request: HttpRequest, pk: int, number: int) -> tuple[Strategy, Revision]:
    strategy = with_market(access_strategy(request.user, pk))
    found = strategy.revisions.select_related("author", "approver").filter(number=number).first()
    if found is None:
        raise Http404("There is no such revision.")
    return strategy, found


def _page(
    request: HttpRequest, strategy: Strategy, found: Revision, *, form: DeployForm | None = None, problem: str = ""
) -> HttpResponse:
    base = _base(strategy, found)
    may = verbs(request.user)
    running = list(_running(strategy))
    places = _places(strategy)
    if form is None and found.state == RevisionState.APPROVED and places:
        form = DeployForm(
            places=places, quote=strategy.mandate.quote, base=strategy.mandate.base, initial=_funding(strategy, found)
        )
    context = {
        "nav": "strategies",
        "strategy": strategy,
        "revision": found,
        "base": base,
        "changes": differences(base.yaml if base else "", found.yaml, installed()),
        "revisions": strategy.revisions.select_related("author", "approver"),
        "running": running,
        "elsewhere": [_move(each, found) for each in running if each.revision_id != found.pk or each.is_canary],
        "form": form,
        "places": places,
        "may": may,
        "rollout": strategy.rollouts.select_related("revision").first(),
        "is_author": found.author_id == request.user.pk,
        "problem": problem,
    }
    failed = bool(problem or (form is not None and form.errors))
    return render(request, "strategies/revision.html", context, status=422 if failed else 200)


@dataclass(frozen=True, kw_only=True)
class Move:
    """A deployment that could go on with the revision, and what that would do to it."""

    deployment: Deployment
    revision: Revision
    transition: Transition | None = None
    problem: str = ""
    """Why it could not run there at all."""

    @property
    def verb(self) -> str:
        number = self.deployment.revision.number
        return "Return" if self.revision.number < number else "Resize" if self.revision.number == number else "Move on"


def _move(deployment: Deployment, found: Revision) -> Move:
    try:
        return Move(deployment=deployment, revision=found, transition=transition(deployment, found))
    except Refusal as refusal:
        return Move(deployment=deployment, revision=found, problem=str(refusal))


def _running(strategy: Strategy) -> Any:
    return (
        Deployment.objects.filter(revision__strategy=strategy, ended_at=None)
        .exclude(mode=Mode.REPLAY)
        .select_related("revision__strategy", "runs_revision__strategy", "market__venue", "account")
        .order_by("pk")
    )


def _base(strategy: Strategy, found: Revision | None = None) -> Revision | None:
    """What a text is compared with: what runs, else what was approved last, and never itself."""
    others = [each.revision for each in _running(strategy) if found is None or each.revision_id != found.pk]
    older = [each for each in others if found is None or each.number < found.number]
    if older or others:
        return max(older or others, key=lambda each: each.number)
    approved = strategy.revisions.filter(state=RevisionState.APPROVED)
    if found is not None:
        approved = approved.filter(number__lt=found.number)
    return approved.first()


def _places(strategy: Strategy) -> list[tuple[Market, ExchangeAccount]]:
    """Where the mandate may be quoted, and with which account; the market the draft was checked on first."""
    accounts: dict[int, list[ExchangeAccount]] = {}
    for account in ExchangeAccount.objects.filter(client=strategy.client_id).select_related("venue").order_by("pk"):
        accounts.setdefault(account.venue_id, []).append(account)
    markets = sorted(markets_of(strategy.mandate), key=lambda market: market.pk != strategy.market_id)
    return [(market, account) for market in markets for account in accounts.get(market.venue_id, [])]


def _funding(strategy: Strategy, found: Revision) -> dict[str, str]:
    usual = usual_funding(strategy, found.yaml)
    assets = {"base": strategy.mandate.base, "quote": strategy.mandate.quote}
    return {name: f"{usual[asset].normalize():f}" for name, asset in assets.items() if asset in usual}
