"""Verbs on strategies and deployments. Each says who and why, is audited, and is safe to repeat.

Services write what is wanted; hosts read it, act, and report what is observed. `NOTIFY mm_command, '<deployment id>'`
leaves with the commit, so a host never hears of a command it cannot read yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from clients.access import Action, require
from clients.audit import audit
from clients.errors import Refusal
from clients.models import Client, Mandate, User
from engine.core.decimals import ONE
from engine.core.states import State
from exchanges.models import ExchangeAccount, Market, Venue
from strategies.choices import DRILL_OVER, DrillOutcome, KillScope, Mode, RevisionState, Wanted
from strategies.clearing import clearings_ask
from strategies.loading import check_funding, check_it_loads, check_it_runs, check_share, loads_on
from strategies.models import Deployment, Drill, KillSwitch, PaperFunding, Revision, Strategy
from strategies.selectors import barred, cannot_trade_live, covered_by, covering, halt_reasons, sentence, under_way

COMMAND_CHANNEL = "mm_command"

STARTS_LOCK = 0x6D6D_0001
"""Advisory lock: starts share it, scope-wide kills hold it alone, so no start slips past a kill being engaged."""


@transaction.atomic
def revision_submit(*, strategy: Strategy, yaml: str, actor: User) -> Revision:
    """Freeze a configuration for approval. Submitting the latest text again gives the same revision."""
    require(actor, Action.CONFIGURE)
    if not yaml.strip():
        raise Refusal("An empty configuration cannot be submitted.")
    Strategy.objects.select_for_update().get(pk=strategy.pk)
    sha256 = hashlib.sha256(yaml.encode()).hexdigest()
    latest = strategy.revisions.order_by("-number").first()
    if latest and latest.sha256 == sha256 and latest.state != RevisionState.REJECTED:
        return latest
    number = (strategy.revisions.aggregate(last=Max("number"))["last"] or 0) + 1
    revision = Revision.objects.create(
        client_id=strategy.client_id, strategy=strategy, number=number, yaml=yaml, sha256=sha256, author=actor
    )
    audit("revision.submitted", revision, actor=actor, new={"sha256": sha256})
    return revision


def revision_approve(*, revision: Revision, actor: User, reason: str = "") -> None:
    """Allow a revision to run. Takes a second person (four eyes)."""
    _decide(revision, RevisionState.APPROVED, actor, reason)


def revision_reject(*, revision: Revision, actor: User, reason: str) -> None:
    """Turn a revision down; the author may submit another."""
    _decide(revision, RevisionState.REJECTED, actor, said(reason))


@transaction.atomic
def _decide(revision: Revision, state: RevisionState, actor: User, reason: str) -> None:
    require(actor, Action.APPROVE)
    revision.refresh_from_db(from_queryset=Revision.objects.select_for_update(no_key=True))
    if revision.state == state:
        return
    if revision.state != RevisionState.SUBMITTED:
        raise Refusal(f"{revision} was already {revision.state}; submit a new revision to change that.")
    if state == RevisionState.APPROVED and revision.author_id == actor.pk:
        raise Refusal(f"{revision} is your own work: approving it takes a second person.")
    revision.state, revision.approver = state, actor
    revision.decided_at, revision.decision_reason = timezone.now(), reason
    revision.save(update_fields=["state", "approver", "decided_at", "decision_reason"])
    audit(f"revision.{state}", revision, actor=actor, old=RevisionState.SUBMITTED, new=state, reason=reason)


@transaction.atomic
def deployment_create(
    *,
    mandate: Mandate,
    revision: Revision,
    account: ExchangeAccount,
    market: Market,
    mode: Mode | str,
    funding: Mapping[str, Decimal],
    actor: User,
    name: str = "",
    share: Decimal = ONE,
) -> Deployment:
    """Put an approved revision on a market, PAUSED. Account, market, mode and funding are frozen from here on.

    funding: opening balances by asset, for the modes that trade on paper; base and quote must both be named.
    share: the part of every size that is sent; less than one makes it a canary.
    """
    require(actor, Action.START if mode != Mode.REPLAY else Action.REPLAY)
    if revision.state != RevisionState.APPROVED:
        raise Refusal(f"{revision} is not approved ({revision.get_state_display().lower()}); only approved ones run.")
    if revision.strategy.retired_at is not None:
        raise Refusal(
            f"{revision.strategy} was put away on {revision.strategy.retired_at:%Y-%m-%d}; take it back first."
        )
    if revision.strategy.mandate_id != mandate.pk:
        raise Refusal(f"{revision} was written for {revision.strategy.mandate}, not for {mandate}.")
    if account.client_id != mandate.client_id:
        raise Refusal(f"The account {account.name} does not belong to {mandate.client}.")
    if account.venue_id != market.venue_id:
        raise Refusal(f"The account {account.name} is held at {account.venue}, but the market is {market}.")
    if (market.base, market.quote) != (mandate.base, mandate.quote):
        raise Refusal(f"The mandate is about {mandate.symbol}, but the market is {market}.")
    if mode == Mode.LIVE and (bar := cannot_trade_live(account)):
        raise Refusal(bar)
    check_funding(mandate, Mode(mode), funding)
    check_share(Mode(mode), share)
    check_it_loads(revision, Mode(mode), market, funding, account, share)
    check_it_runs(revision, Mode(mode), market)
    Mandate.objects.select_for_update(no_key=True).get(pk=mandate.pk)  # names are given out one at a time
    deployment = Deployment.objects.create(
        client_id=mandate.client_id,
        mandate=mandate,
        revision=revision,
        account=account,
        market=market,
        mode=mode,
        share=share,
        name=_free_name(mandate, name or f"{mandate.name} {mode}"),
    )
    PaperFunding.objects.bulk_create(
        PaperFunding(client_id=mandate.client_id, deployment=deployment, asset=asset, amount=amount)
        for asset, amount in funding.items()
    )
    audit(
        "deployment.created",
        deployment,
        actor=actor,
        new={
            "revision": str(revision),
            "account": account,
            "market": str(market),
            "mode": mode,
            "share": share,
            "funding": dict(funding),
        },
    )
    return deployment


def _free_name(mandate: Mandate, name: str) -> str:
    """The name, numbered when the mandate already has it."""
    taken = set(mandate.deployments.filter(name__startswith=name).values_list("name", flat=True))
    number = 1
    while (candidate := name if number == 1 else f"{name} {number}") in taken:
        number += 1
    return candidate


@transaction.atomic
def deployment_start(*, deployment: Deployment, actor: User | None, reason: str) -> None:
    """Ask the engine to reconcile and quote. Refused while a kill switch covers it or a halt was not reset.

    actor: None for the end of a drill, which somebody entitled has planned.
    """
    if actor is not None:
        require(actor, Action.START if deployment.mode != Mode.REPLAY else Action.REPLAY)
    reason = said(reason)
    _take_starts_lock(shared=True)
    lock(deployment)
    if switch := covering(deployment).first():
        raise Refusal(f"{deployment} may not start. {sentence(switch)}")
    if bar := barred(deployment):
        raise Refusal(f"{deployment} may not start. {bar}")
    if deployment.wanted == Wanted.HALTED or deployment.observed in (State.HALTING, State.HALTED):
        raise Refusal(f"{deployment} is halted ({deployment.observed_reason}); it must be reset first.")
    if deployment.observed == State.FAULTED:
        raise Refusal(f"{deployment} is faulted ({deployment.observed_reason}); it must be reset first.")
    if deployment.wanted == Wanted.ACTIVE and (
        deployment.is_pending or deployment.observed in (State.STARTING, State.ACTIVE)
    ):
        return
    _command(deployment, Wanted.ACTIVE, verb="deployment.started", actor=actor, reason=reason)


@transaction.atomic
def deployment_switch(
    *, deployment: Deployment, revision: Revision, actor: User, reason: str, share: Decimal | None = None
) -> None:
    """Go on with another approved revision of the same strategy, also an earlier one: a return is one step.

    What was wanted stays wanted. The host hears of it as of any change to what it was built with. Parameters that are
    live it changes between two ticks; for anything else (`strategies.loading.transition` says which) it cancels what
    rests, builds the service anew from the record, position and all, and goes on quoting if it was.

    share: the part of every size that is sent from now on; None leaves it as it is.
    """
    require(actor, Action.START)
    reason = said(reason)
    lock(deployment)
    share = deployment.share if share is None else share
    if (deployment.revision_id, deployment.share) == (revision.pk, share):
        return
    check_share(Mode(deployment.mode), share)
    if deployment.mode == Mode.REPLAY:
        raise Refusal(f"{deployment} is a replay, which plays one revision to its end; start another replay.")
    if revision.strategy_id != deployment.revision.strategy_id:
        raise Refusal(f"{revision} is of another strategy; deploy it beside {deployment} instead.")
    if revision.state != RevisionState.APPROVED:
        raise Refusal(f"{revision} is not approved ({revision.get_state_display().lower()}); only approved ones run.")
    if deployment.wanted == Wanted.HALTED or deployment.observed in (State.HALTING, State.HALTED, State.FAULTED):
        raise Refusal(f"{deployment} is {deployment.observed} ({deployment.observed_reason}); it must be reset first.")
    if rollout := under_way(deployment):
        raise Refusal(f"{deployment} is part of the {rollout}; promote that to its end or abort it first.")
    if bar := barred(deployment):
        raise Refusal(f"{deployment} may not trade. {bar}")
    loads_on(deployment, revision, share)
    deployment_carry(deployment, revision, share, actor=actor, reason=reason)


def deployment_carry(
    deployment: Deployment, revision: Revision, share: Decimal, *, actor: User | None, reason: str
) -> None:
    """Write what a locked deployment is to run by, audit it, and wake the host. Whoever calls has checked it."""
    old = {"revision": str(deployment.revision), "share": deployment.share}
    deployment.revision, deployment.share = revision, share
    deployment.save(update_fields=["revision", "share"])
    new = {"revision": str(revision), "share": share}
    audit("deployment.revision_changed", deployment, actor=actor, old=old, new=new, reason=reason)
    notify([deployment.pk])


@transaction.atomic
def deployment_pause(*, deployment: Deployment, actor: User, reason: str) -> None:
    """Ask the engine to cancel resting quotes and keep the inventory."""
    require(actor, Action.PAUSE)
    lock(deployment)
    if deployment.wanted == Wanted.HALTED or deployment.observed in (State.HALTING, State.HALTED):
        raise Refusal(f"{deployment} is halted, which is stronger than a pause; a reset leads back to paused.")
    if deployment.observed == State.FAULTED:
        # A host takes "paused" after a fault as the reset that it is, and a reset takes another right than a pause.
        raise Refusal(f"{deployment} is faulted ({deployment.observed_reason}); it must be reset first.")
    if deployment.wanted == Wanted.PAUSED and (deployment.is_pending or deployment.observed == State.PAUSED):
        return
    _command(deployment, Wanted.PAUSED, verb="deployment.paused", actor=actor, reason=reason)


@transaction.atomic
def deployment_halt(*, deployment: Deployment, actor: User | None, reason: str) -> KillSwitch:
    """Kill one deployment: cancel everything, prove that nothing rests, stay HALTED until a person resets it.

    Never refused for want of a reason. Repeating it wakes the host again, and is a command of its own once an earlier
    one came to nothing, as after a fault. actor: None for a drill, which ends when a person presses meanwhile.
    """
    if actor is not None:
        require(actor, Action.KILL)
    lock(deployment)
    reason = reason.strip() or "no reason given"
    switch = _engage(
        KillScope.DEPLOYMENT, client_id=deployment.client_id, deployment=deployment, actor=actor, reason=reason
    )
    if actor is not None:
        _take_over_drills(switch, actor)
    is_halted = deployment.is_pending or deployment.observed in (State.HALTING, State.HALTED)
    if deployment.wanted == Wanted.HALTED and is_halted:
        notify([deployment.pk])
    else:
        deployment.halt_ms = deployment.halt_proven = None  # this kill is proven by nothing yet
        deployment.save(update_fields=["halt_ms", "halt_proven"])
        _command(deployment, Wanted.HALTED, verb="deployment.halted", actor=actor, reason=reason)
    clearings_ask(switch)
    return switch


def _take_over_drills(switch: KillSwitch, actor: User) -> None:
    """A person means it: what a drill has stopped stays stopped."""
    for drill in Drill.objects.filter(switch=switch).exclude(outcome__in=DRILL_OVER).select_for_update():
        drill.outcome, drill.ended_at = DrillOutcome.FAILED, timezone.now()
        drill.reason = (
            f"{actor.get_username()} used the kill switch meanwhile; it stays halted until a person resets it."
        )
        drill.save(update_fields=["outcome", "ended_at", "reason"])
        audit("drill.failed", drill, actor=actor, reason=drill.reason)


def firm_halt(*, actor: User, reason: str) -> KillSwitch:
    """Kill everything that runs, for every client."""
    return _scope_halt(KillScope.FIRM, actor=actor, reason=reason)


def client_halt(*, client: Client, actor: User, reason: str) -> KillSwitch:
    """Kill everything that runs for one client."""
    return _scope_halt(KillScope.CLIENT, client_id=client.pk, actor=actor, reason=reason)


def mandate_halt(*, mandate: Mandate, actor: User, reason: str) -> KillSwitch:
    """Kill everything that runs for one mandate."""
    return _scope_halt(
        KillScope.MANDATE, client_id=mandate.client_id, mandate_id=mandate.pk, actor=actor, reason=reason
    )


def venue_halt(*, venue: Venue, actor: User, reason: str) -> KillSwitch:
    """Kill everything that runs at one venue, for every client."""
    return _scope_halt(KillScope.VENUE, venue_id=venue.pk, actor=actor, reason=reason)


def account_halt(*, account: ExchangeAccount, actor: User, reason: str) -> KillSwitch:
    """Kill everything that trades with one account."""
    return _scope_halt(
        KillScope.ACCOUNT, client_id=account.client_id, account_id=account.pk, actor=actor, reason=reason
    )


@transaction.atomic
def _scope_halt(scope: KillScope, *, actor: User, reason: str, **target: int) -> KillSwitch:
    require(actor, Action.KILL)
    reason = reason.strip() or "no reason given"
    _take_starts_lock(shared=False)
    switch = _engage(scope, actor=actor, reason=reason, **target)
    # Locked in the order of their keys, as hosts do when they renew, so that a kill never ends in a deadlock.
    covered = list(covered_by(switch).select_for_update(no_key=True).order_by("pk").values_list("pk", "wanted"))
    running = [pk for pk, wanted in covered if wanted != Wanted.HALTED]
    Deployment.objects.filter(pk__in=running).update(
        wanted=Wanted.HALTED,
        wanted_reason=sentence(switch),
        wanted_by=actor,
        wanted_at=timezone.now(),
        command=F("command") + 1,
        halt_ms=None,  # this kill is proven by nothing yet
        halt_proven=None,
    )
    if running:
        audit("deployments.halted", switch, actor=actor, new={"deployments": running}, reason=reason)
    notify([pk for pk, _ in covered])
    clearings_ask(switch)
    return switch


def _engage(scope: KillScope, *, actor: User | None, reason: str, **target: Any) -> KillSwitch:
    """The switch of this scope and target: the one already engaged, or a new one."""
    switch = KillSwitch.objects.filter(scope=scope, reset_at=None, **target).first()
    if switch is None:
        switch = KillSwitch.objects.create(scope=scope, reason=reason, engaged_by=actor, **target)
        audit("kill_switch.engaged", switch, actor=actor, new={"scope": scope, **target}, reason=reason)
    return switch


@transaction.atomic
def kill_switch_clear_again(*, switch: KillSwitch, actor: User) -> None:
    """Have the kill path look at every account of an engaged switch once more. It cancels what it finds of ours."""
    require(actor, Action.KILL)
    switch.refresh_from_db(from_queryset=KillSwitch.objects.select_for_update(no_key=True))
    if switch.reset_at is not None:
        raise Refusal("The switch was reset; what it covered may be quoting again.")
    asked = clearings_ask(switch)
    audit("kill_switch.looked_again", switch, actor=actor, new={"accounts": asked})


@transaction.atomic
def deployment_reset(*, deployment: Deployment, actor: User | None, reason: str) -> None:
    """HALTED or FAULTED back to PAUSED. Refused while a broader kill switch covers it: that one is reset by itself.

    actor: None for the end of a drill, which somebody entitled has planned.
    """
    if actor is not None:
        require(actor, Action.RESET)
    reason = said(reason)
    _take_starts_lock(shared=True)
    lock(deployment)
    switches = list(covering(deployment))
    if broader := next((switch for switch in switches if switch.scope != KillScope.DEPLOYMENT), None):
        raise Refusal(f"{deployment} cannot be reset alone; reset this switch first. {sentence(broader)}")
    if bar := barred(deployment):
        raise Refusal(f"{deployment} would be halted again at once. {bar}")
    for switch in switches:
        _disengage(switch, actor, reason)
    stopped = (State.HALTING, State.HALTED, State.FAULTED)
    if deployment.wanted != Wanted.HALTED and (deployment.observed not in stopped or _reset_is_pending(deployment)):
        return
    _command(deployment, Wanted.PAUSED, verb="deployment.reset", actor=actor, reason=reason)


def _reset_is_pending(deployment: Deployment) -> bool:
    return deployment.wanted == Wanted.PAUSED and deployment.is_pending


@transaction.atomic
def kill_switch_reset(*, switch: KillSwitch, actor: User, reason: str) -> None:
    """Lift a kill switch of any scope. What it alone had stopped goes to PAUSED; nothing starts by itself (Q9)."""
    require(actor, Action.RESET)
    reason = said(reason)
    _take_starts_lock(shared=False)
    switch.refresh_from_db(from_queryset=KillSwitch.objects.select_for_update())
    if switch.reset_at is not None:
        return
    _disengage(switch, actor, reason)
    # Also what halted without being told to: tripped by the engine, or made while the switch was engaged.
    is_stopped = Q(wanted=Wanted.HALTED) | Q(observed__in=(State.HALTING, State.HALTED))
    stopped = list(covered_by(switch).filter(is_stopped).select_for_update(no_key=True).order_by("pk"))
    still = halt_reasons(stopped)
    freed = [deployment.pk for deployment in stopped if deployment.pk not in still]
    Deployment.objects.filter(pk__in=freed).update(
        wanted=Wanted.PAUSED,
        wanted_reason=reason,
        wanted_by=actor,
        wanted_at=timezone.now(),
        command=F("command") + 1,
    )
    if freed:
        audit("deployments.reset", switch, actor=actor, new={"deployments": freed}, reason=reason)
    notify(freed)


def _disengage(switch: KillSwitch, actor: User | None, reason: str) -> None:
    switch.reset_by, switch.reset_at, switch.reset_reason = actor, timezone.now(), reason
    switch.save(update_fields=["reset_by", "reset_at", "reset_reason"])
    audit("kill_switch.reset", switch, actor=actor, reason=reason)


@transaction.atomic
def deployment_end(*, deployment: Deployment, actor: User, reason: str) -> None:
    """Close a deployment that will not run again. It must be paused or halted, with nothing left to carry out."""
    require(actor, Action.PAUSE)
    lock(deployment)
    if deployment.ended_at is not None:
        return
    settled = deployment.wanted != Wanted.ACTIVE and deployment.observed in (State.PAUSED, State.HALTED)
    if deployment.is_pending or not settled:
        raise Refusal(f"{deployment} is {deployment.observed}; pause it, and end it once it has come to rest.")
    deployment.ended_at = timezone.now()
    deployment.save(update_fields=["ended_at"])
    audit("deployment.ended", deployment, actor=actor, new=deployment.ended_at, reason=reason)


def said(reason: str) -> str:
    if not reason.strip():
        raise Refusal("Please say why: the reason stays with the record.")
    return reason.strip()


def lock(deployment: Deployment) -> None:
    """Read the row again and hold it. Inserts of its orders and fills go on meanwhile (hence no_key)."""
    deployment.refresh_from_db(from_queryset=Deployment.objects.select_for_update(no_key=True))
    if deployment.ended_at is not None:
        raise Refusal(f"{deployment} ended on {deployment.ended_at:%Y-%m-%d}; create a new deployment.")


def _command(deployment: Deployment, wanted: Wanted, *, verb: str, actor: User | None, reason: str) -> None:
    """Write what is wanted under the next command number, audit it, and wake the host."""
    old = deployment.wanted
    deployment.wanted, deployment.wanted_reason, deployment.wanted_by = wanted, reason, actor
    deployment.wanted_at = timezone.now()
    deployment.command += 1
    deployment.save(update_fields=["wanted", "wanted_reason", "wanted_by", "wanted_at", "command"])
    audit(verb, deployment, actor=actor, old=old, new=wanted, reason=reason)
    notify([deployment.pk])


def notify(deployment_ids: Iterable[int]) -> None:
    """Wake the hosts when this transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_notify(%s, id::text) FROM unnest(%s::bigint[]) AS id", [COMMAND_CHANNEL, list(deployment_ids)]
        )


def _take_starts_lock(*, shared: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}(%s)", [STARTS_LOCK])
