"""Verbs on staged roll-outs: a revision goes over a strategy's deployments in steps, and back at once.

People start, promote and abort. What follows from evidence, `monitoring.rollouts` asks for with no actor: the worker.
No deployment is touched before the baseline is measured, and none of a later stage before the ones before it held.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from clients.access import Action, require
from clients.audit import audit
from clients.errors import Refusal
from clients.models import User
from engine.core.decimals import ONE
from engine.core.states import State
from strategies.choices import Mode, RevisionState, RollOutState, Verdict, Wanted
from strategies.loading import check_share, loads_on
from strategies.models import Deployment, Revision, RollOut, RollOutEvidence, RollOutStage, RollOutTarget, Strategy
from strategies.selectors import covering, sentence
from strategies.services import deployment_carry, said

FRESH = datetime.timedelta(seconds=30)
"""A look older than this is no evidence for what is so now."""

LIMITS = (
    "promotes_itself",
    "decide_within_s",
    "baseline_s",
    "judge_after_s",
    "judge_over_s",
    "max_spread_growth",
    "max_depth_drop",
    "max_uptime_drop",
    "max_loss_quote",
    "max_not_quoting_s",
    "max_data_age_s",
    "max_missing_s",
    "max_settle_s",
)
"""The fields of a roll-out that say how it is judged; what is not given keeps its default."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A stage as it is asked for: the first `reach` deployments at a part of each size, for so long."""

    share: Decimal
    reach: int
    hold_s: int


@transaction.atomic
def rollout_start(
    *,
    revision: Revision,
    deployments: Sequence[Deployment],
    stages: Sequence[Step],
    actor: User,
    reason: str,
    limits: Mapping[str, Any] | None = None,
) -> RollOut:
    """Ask for an approved revision to be rolled out. The worker measures the baseline first, and begins after that.

    deployments: in the order in which they are reached; each quotes by another revision now
    stages: from the smallest on; the last reaches every deployment at full size
    """
    require(actor, Action.ROLL_OUT)
    reason = said(reason)
    strategy = Strategy.objects.select_for_update().get(pk=revision.strategy_id)
    if revision.state != RevisionState.APPROVED:
        raise Refusal(f"{revision} is not approved ({revision.get_state_display().lower()}); only approved ones run.")
    if running := strategy.rollouts.filter(state=RollOutState.RUNNING).first():
        raise Refusal(f"The {running} is under way; promote it to its end or abort it first.")
    _check_stages(stages, len(deployments))
    held = _locked([deployment.pk for deployment in deployments])
    ordered = [held[deployment.pk] for deployment in deployments if deployment.pk in held]
    for deployment in ordered:
        _check_target(deployment, revision)
        for stage in stages:
            share = _share(deployment.share, stage)
            check_share(Mode(deployment.mode), share)
            loads_on(deployment, revision, share)
    rollout = RollOut(
        client_id=strategy.client_id,
        strategy=strategy,
        revision=revision,
        reason=reason,
        started_by=actor,
        **_limits(limits or {}),
    )
    try:
        rollout.clean_fields()
    except ValidationError as error:
        name, problems = next(iter(error.message_dict.items()))
        raise Refusal(f"{name}: {problems[0]}") from None
    if shortest := [stage for stage in stages if stage.hold_s < rollout.judge_after_s]:
        raise Refusal(f"A stage holds for {shortest[0].hold_s} s, but is judged from {rollout.judge_after_s} s on.")
    rollout.save()
    RollOutStage.objects.bulk_create(
        RollOutStage(client_id=strategy.client_id, rollout=rollout, number=number, **vars(stage))
        for number, stage in enumerate(stages, start=1)
    )
    RollOutTarget.objects.bulk_create(
        RollOutTarget(
            client_id=strategy.client_id,
            rollout=rollout,
            deployment=deployment,
            position=position,
            previous_revision_id=deployment.revision_id,
            previous_share=deployment.share,
        )
        for position, deployment in enumerate(ordered, start=1)
    )
    audit(
        "rollout.started",
        rollout,
        actor=actor,
        old={deployment.name: str(deployment.revision) for deployment in ordered},
        new={
            "revision": str(revision),
            "stages": [vars(stage) for stage in stages],
            **{name: getattr(rollout, name) for name in LIMITS},
        },
        reason=reason,
    )
    return rollout


def _check_stages(stages: Sequence[Step], deployments: int) -> None:
    if not deployments:
        raise Refusal("A roll-out needs at least one deployment.")
    if not stages:
        raise Refusal("A roll-out needs at least one stage.")
    for stage in stages:
        check_share(Mode.PAPER, stage.share)
        if not 1 <= stage.reach <= deployments:
            raise Refusal(f"A stage reaches 1 to {deployments} deployments, was {stage.reach}.")
        if not 1 <= stage.hold_s <= 86_400:
            raise Refusal(f"A stage holds for 1 s to a day, was {stage.hold_s} s.")
    for before, after in pairwise(stages):
        if after.share < before.share or after.reach < before.reach:
            raise Refusal("Each stage is at least as large as the one before it, in size and in deployments.")
    if (stages[-1].share, stages[-1].reach) != (ONE, deployments):
        raise Refusal(f"The last stage reaches all {deployments} deployments at 100 % of each size.")


def _check_target(deployment: Deployment, revision: Revision) -> None:
    if deployment.ended_at is not None or deployment.revision.strategy_id != revision.strategy_id:
        raise Refusal(f"{deployment} is no running deployment of {revision.strategy}.")
    if deployment.mode not in (Mode.PAPER, Mode.LIVE):
        raise Refusal(f"{deployment} is in {deployment.mode}, where nothing rests that could be measured.")
    if deployment.revision_id == revision.pk:
        raise Refusal(f"{deployment} runs by {revision} already.")
    if switch := covering(deployment).first():
        raise Refusal(f"{deployment} may not trade. {sentence(switch)}")
    if deployment.wanted != Wanted.ACTIVE or deployment.observed != State.ACTIVE:
        raise Refusal(
            f"{deployment} is {deployment.observed} ({deployment.observed_reason}), so there is nothing to compare "
            "with; start it first, or switch it without a roll-out."
        )


def _limits(given: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := [name for name in given if name not in LIMITS]:
        raise Refusal(f"A roll-out has no {unknown[0]}; it has {', '.join(LIMITS)}.")
    return dict(given)


# By people


@transaction.atomic
def rollout_promote(*, rollout: RollOut, actor: User, reason: str) -> None:
    """Go on to the next stage, or finish, also before the hold is over; never without fresh evidence that all is fine.

    A person may be faster than the hold, not than the evidence.
    """
    require(actor, Action.ROLL_OUT)
    reason = said(reason)
    _lock(rollout)
    _refuse_ended(rollout)
    if rollout.settled_since is None:
        raise Refusal("The stage does not quote by the revision yet, so there is nothing to judge it by.")
    now = timezone.now()
    for target in reached(rollout):
        latest = RollOutEvidence.objects.filter(
            rollout=rollout, deployment_id=target.deployment_id, stage=rollout.stage
        ).first()
        if latest is None or now - latest.at > FRESH:
            raise Refusal(f"{target.deployment} was not looked at within {FRESH.seconds} s; without evidence no stage.")
        if latest.verdict != Verdict.FINE:
            raise Refusal(f"{target.deployment}: {latest.get_verdict_display().lower()}. {worst(latest)}")
    rollout_next(rollout, actor=actor, reason=reason)


@transaction.atomic
def rollout_abort(*, rollout: RollOut, actor: User, reason: str) -> None:
    """Back to the previous revision everywhere, at once. Safe to repeat."""
    require(actor, Action.ABORT)
    reason = said(reason)
    _lock(rollout)
    if rollout.is_running:
        rollout_return(rollout, RollOutState.ABORTED, actor=actor, reason=reason)


# By the worker, and by people through the verbs above; the roll-out is locked


def rollout_next(rollout: RollOut, *, actor: User | None, reason: str, now: datetime.datetime | None = None) -> None:
    """Begin the next stage: its deployments are written what they are to run by. After the last one it is done."""
    stages = list(rollout.stages.all())
    if rollout.stage:
        held = {"stage": rollout.stage, "of": len(stages), "settled_since": rollout.settled_since}
        audit("rollout.stage_passed", rollout, actor=actor, new=held, reason=reason)
    if rollout.stage == len(stages):
        _end(rollout, RollOutState.DONE, actor=actor, reason=reason)
        return
    stage = stages[rollout.stage]
    rollout.stage, rollout.stage_since = stage.number, now or timezone.now()
    rollout.settled_since = rollout.missing_since = None
    rollout.save(update_fields=["stage", "stage_since", "settled_since", "missing_since"])
    targets = reached(rollout)
    held_rows = _locked([target.deployment_id for target in targets])
    for target in targets:
        deployment, share = held_rows[target.deployment_id], _share(target.previous_share, stage)
        if (deployment.revision_id, deployment.share) != (rollout.revision_id, share):
            why = f"stage {stage.number} of {len(stages)} of the {rollout}: {reason}"
            deployment_carry(deployment, rollout.revision, share, actor=actor, reason=why)


def rollout_return(rollout: RollOut, state: RollOutState, *, actor: User | None, reason: str) -> None:
    """Whatever carries the revision carries its previous one again, as large as it was, in whatever state it is.

    One that was halted meanwhile stays halted: its reset then leads to the previous revision.
    """
    targets = list(rollout.targets.select_related("previous_revision__strategy"))
    held = _locked([target.deployment_id for target in targets])
    for target in targets:
        deployment = held[target.deployment_id]
        if deployment.revision_id == rollout.revision_id and deployment.ended_at is None:
            why = f"{state.label.lower()}: {reason}"
            deployment_carry(deployment, target.previous_revision, target.previous_share, actor=actor, reason=why)
    _end(rollout, state, actor=actor, reason=reason)


def _end(rollout: RollOut, state: RollOutState, *, actor: User | None, reason: str) -> None:
    old = {"state": rollout.state, "stage": rollout.stage}
    rollout.state, rollout.ended_at, rollout.ended_by, rollout.ended_reason = state, timezone.now(), actor, reason
    rollout.save(update_fields=["state", "ended_at", "ended_by", "ended_reason"])
    verb = f"rollout.{state.name.lower()}"
    audit(verb, rollout, actor=actor, old=old, new={"state": state}, reason=reason)


# Read


def reached(rollout: RollOut) -> list[RollOutTarget]:
    """The deployments of the stage under way, in order; none before the first."""
    stage = rollout.stages.filter(number=rollout.stage).first()
    if stage is None:
        return []
    return list(rollout.targets.filter(position__lte=stage.reach).select_related("deployment"))


def share_in(rollout: RollOut, target: RollOutTarget) -> Decimal:
    """The part of every size that a deployment sends in the stage under way."""
    return _share(target.previous_share, rollout.stages.get(number=rollout.stage))


def worst(evidence: RollOutEvidence) -> str:
    """What a look found, in words: the first of the measures that decided its verdict."""
    return next((each["text"] for each in evidence.measures if each["verdict"] == evidence.verdict), "")


def _share(whole: Decimal, stage: RollOutStage | Step) -> Decimal:
    return max((whole * stage.share).quantize(Decimal("0.0001")), Decimal("0.0001"))


def _lock(rollout: RollOut) -> None:
    rollout.refresh_from_db(from_queryset=RollOut.objects.select_for_update(no_key=True))


def _refuse_ended(rollout: RollOut) -> None:
    if not rollout.is_running:
        raise Refusal(f"The {rollout} is {rollout.get_state_display().lower()}: {rollout.ended_reason}")


def _locked(ids: list[int]) -> dict[int, Deployment]:
    """Deployments held in the order of their keys, as everybody who locks several does."""
    rows = Deployment.objects.filter(pk__in=ids).select_for_update(no_key=True, of=("self",)).order_by("pk")
    return {
        deployment.pk: deployment
        for deployment in rows.select_related("revision__strategy", "market__venue", "account")
    }
