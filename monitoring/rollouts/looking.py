"""The worker's look at every roll-out under way: measure, keep the evidence, and go on, wait, or go back.

A look acts on records alone, so that it makes no difference which process takes it, nor whether one was missed: what
happened meanwhile stands in the samples. Nothing goes on without evidence, and too long without it leads back.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from engine.core.decimals import ONE
from engine.core.states import State
from monitoring.rollouts.figures import Figures, figures, standing
from monitoring.rollouts.judging import COVERED, Measure, judge, verdict
from monitoring.uptime import LATE
from strategies.choices import RollOutState, Verdict
from strategies.models import RollOut, RollOutEvidence, RollOutStage, RollOutTarget
from strategies.rollout import reached, rollout_next, rollout_return, share_in

log = structlog.get_logger(__name__)

MEASURING_ERRORS = (DatabaseError, ArithmeticError, LookupError, TypeError, ValueError)
"""What cannot be measured for whatever reason is missing evidence, and hurts no other roll-out."""
READ_WITHIN_MS = 2000
"""A query that takes longer is given up: whoever else waits for this worker must not wait for it."""


def rollouts_look(*, now: datetime.datetime | None = None) -> int:
    """Look at every roll-out under way; how many there were. One that somebody else works on is left to them."""
    keys = list(RollOut.objects.filter(state=RollOutState.RUNNING).order_by("pk").values_list("pk", flat=True))
    for key in keys:
        with transaction.atomic():
            rollout = (
                RollOut.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
                .select_related("revision__strategy", "strategy")
                .filter(pk=key, state=RollOutState.RUNNING)
                .first()
            )
            if rollout is not None:
                _look(rollout, now or timezone.now())
    return len(keys)


def _look(rollout: RollOut, now: datetime.datetime) -> None:
    rollout.looked_at = now
    rollout.save(update_fields=["looked_at"])
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {READ_WITHIN_MS}")
            outcome = _baseline(rollout, now) if rollout.stage == 0 else _stage(rollout, now)
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except MEASURING_ERRORS as error:
        log.warning("a roll-out could not be measured", rollout=rollout.pk, error=str(error).strip())
        outcome = _missing(rollout, now, f"The measures could not be read: {str(error).strip()}")
    if outcome.back:
        log.warning("a roll-out is rolled back", rollout=rollout.pk, stage=rollout.stage, reason=outcome.reason)
        state = RollOutState.ROLLED_BACK if rollout.stage else RollOutState.ABORTED
        rollout_return(rollout, state, actor=None, reason=outcome.reason)
    elif outcome.on:
        log.info("a roll-out goes on", rollout=rollout.pk, stage=rollout.stage, reason=outcome.reason)
        rollout_next(rollout, actor=None, reason=outcome.reason, now=now)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """On, back, or neither: wait."""

    on: bool = False
    back: bool = False
    reason: str = ""


WAIT = Outcome()


def _baseline(rollout: RollOut, now: datetime.datetime) -> Outcome:
    """Measure every deployment by what it runs now; without that there is nothing to be worse than."""
    end = rollout.started_at
    if now < end + LATE:
        return WAIT  # its last seconds are not all written yet
    for target in rollout.targets.select_related("deployment"):
        since = target.deployment.runs_since or end - datetime.timedelta(days=1)
        start = max(since, end - datetime.timedelta(seconds=rollout.baseline_s))
        found = figures(target.deployment_id, start, end, part=target.previous_share)
        if found.span_s < rollout.judge_after_s or found.sampled < COVERED or found.spread_bps is None:
            return Outcome(
                back=True,
                reason=f"There is no baseline, so nothing was changed: {target.deployment} has run by what it runs by "
                f"for {found.span_s:.0f} of the {rollout.baseline_s} s before the start, with samples of "
                f"{100 * found.sampled:.1f} % of them and both sides quoted for {found.two_sided_s} s. It takes "
                f"{rollout.judge_after_s} s at least, and samples of {100 * COVERED:.0f} %.",
            )
        target.baseline = found.kept()
        target.save(update_fields=["baseline"])
    return Outcome(on=True, reason="the baseline is measured")


def _stage(rollout: RollOut, now: datetime.datetime) -> Outcome:
    targets = reached(rollout)
    for target in targets:
        if why := _overridden(rollout, target):
            return Outcome(back=True, reason=why)
    if rollout.settled_since is None:
        return _settle(rollout, targets, now)
    stage = rollout.stages.get(number=rollout.stage)
    hold_ends = rollout.settled_since + datetime.timedelta(seconds=stage.hold_s)
    is_held = now >= hold_ends + LATE
    over = datetime.timedelta(seconds=rollout.judge_over_s)
    latest = [_judged(rollout, target, max(rollout.settled_since, now - LATE - over), now) for target in targets]
    if is_held and all(each.verdict is Verdict.FINE for each in latest):
        # What no look saw, because none was taken, counts as well: the stage as a whole.
        latest = [_judged(rollout, target, rollout.settled_since, now) for target in targets]
    _keep(rollout, latest, now)
    if worse := [each for each in latest if each.verdict is Verdict.WORSE]:
        return Outcome(back=True, reason=worse[0].words())
    if missing := [each for each in latest if each.verdict is Verdict.MISSING]:
        return _missing(rollout, now, missing[0].words())
    if rollout.missing_since is not None:
        rollout.missing_since = None
        rollout.save(update_fields=["missing_since"])
    if not is_held or any(each.verdict is not Verdict.FINE for each in latest):
        return WAIT
    if rollout.promotes_itself:
        return Outcome(on=True, reason=f"it held for {stage.hold_s} s, and every measure is within its limit")
    return _undecided(rollout, stage, hold_ends, now)


def _undecided(rollout: RollOut, stage: RollOutStage, hold_ends: datetime.datetime, now: datetime.datetime) -> Outcome:
    if now < hold_ends + datetime.timedelta(seconds=rollout.decide_within_s):
        return WAIT
    return Outcome(
        back=True,
        reason=f"Nobody promoted stage {stage.number} within {rollout.decide_within_s} s after its hold of "
        f"{stage.hold_s} s.",
    )


def _overridden(rollout: RollOut, target: RollOutTarget) -> str:
    """Whatever else was done to a deployment meanwhile, this roll-out no longer knows what it would be judging."""
    deployment, share = target.deployment, share_in(rollout, target)
    if (deployment.revision_id, deployment.share) == (rollout.revision_id, share):
        return ""
    return f"{deployment} was given something else to run by than this stage did."


def _settle(rollout: RollOut, targets: list[RollOutTarget], now: datetime.datetime) -> Outcome:
    """Wait until hosts say that all of the stage quotes by it; what stops meanwhile leads back at once."""
    assert rollout.stage_since is not None
    for target in targets:
        now_is = standing(target.deployment, since=rollout.stage_since, now=now)
        if now_is.trouble:
            return Outcome(back=True, reason=f"{target.deployment}: {now_is.trouble}")
    waiting = [target.deployment for target in targets if not _quotes_by(rollout, target)]
    if not waiting:
        rollout.settled_since = now
        rollout.save(update_fields=["settled_since"])
        return WAIT
    if now < rollout.stage_since + datetime.timedelta(seconds=rollout.max_settle_s):
        return WAIT
    slow = waiting[0]
    return Outcome(
        back=True,
        reason=f"{slow} did not quote by {rollout.revision} within {rollout.max_settle_s} s: it is {slow.observed} "
        f"({slow.observed_reason}).",
    )


def _quotes_by(rollout: RollOut, target: RollOutTarget) -> bool:
    runs = target.deployment
    return (
        runs.observed == State.ACTIVE
        and runs.runs_revision_id == rollout.revision_id
        and runs.runs_share == share_in(rollout, target)
    )


@dataclass(frozen=True, kw_only=True)
class Judged:
    target: RollOutTarget
    measures: list[Measure]

    @property
    def verdict(self) -> Verdict:
        return verdict(self.measures)

    def words(self) -> str:
        """The measures that decided it."""
        decisive = " ".join(each.text for each in self.measures if each.verdict is self.verdict)
        return f"{self.target.deployment}: {decisive}"


def _judged(rollout: RollOut, target: RollOutTarget, start: datetime.datetime, now: datetime.datetime) -> Judged:
    assert rollout.stage_since is not None
    share = share_in(rollout, target)
    measures = judge(
        rollout,
        now=standing(target.deployment, since=rollout.stage_since, now=now),
        stage=figures(target.deployment_id, start, max(start, now - LATE), part=share),
        before=Figures(**(target.baseline or {})),
        part=share / target.previous_share if target.previous_share else ONE,
    )
    return Judged(target=target, measures=measures)


def _keep(rollout: RollOut, looks: list[Judged], now: datetime.datetime) -> None:
    RollOutEvidence.objects.bulk_create(
        RollOutEvidence(
            client_id=rollout.client_id,
            rollout=rollout,
            deployment_id=each.target.deployment_id,
            stage=rollout.stage,
            at=now,
            verdict=each.verdict,
            measures=[measure.kept() for measure in each.measures],
        )
        for each in looks
    )


def _missing(rollout: RollOut, now: datetime.datetime, why: str) -> Outcome:
    if rollout.missing_since is None:
        rollout.missing_since = now
        rollout.save(update_fields=["missing_since"])
    if now < rollout.missing_since + datetime.timedelta(seconds=rollout.max_missing_s):
        return WAIT
    return Outcome(back=True, reason=f"Evidence has been missing for {rollout.max_missing_s} s. {why}")
