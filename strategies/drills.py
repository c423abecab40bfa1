"""Kill drills on a schedule: a deployment on paper or in shadow is killed in earnest, and it is written down how long
the engine and the kill path took to prove it clean.

Only the plan takes a person: whoever may plan drills says beforehand that this deployment may be stopped and, once it
is proven clean, started again. What fails stays halted for a person to look at.
"""

from __future__ import annotations

import datetime

import structlog
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from clients.access import Action, require
from clients.audit import audit
from clients.errors import Refusal
from clients.models import User
from engine.core.states import State
from strategies.choices import DRILL_OVER, ClearingState, DrillOutcome, Mode, Wanted
from strategies.models import Clearing, Deployment, Drill, DrillPlan
from strategies.selectors import covering, sentence
from strategies.services import deployment_halt, deployment_reset, deployment_start, said

log = structlog.get_logger(__name__)

TASK = "strategies.hold_drills"
DRILLED = (Mode.PAPER, Mode.SHADOW)
LONGEST_HOURS = 24 * 90
LONGEST_S = 300
MISSED_AFTER_S = 600
"""A drill that could not begin for so long after it was due was missed."""
OVERDUE_AFTER_S = 60
"""A drill that nobody has begun for so long after it was due is shown as an alarm."""
RESTARTED_WITHIN_S = 30


@transaction.atomic
def drill_plan_set(*, deployment: Deployment, every_hours: int, within_s: int, actor: User, reason: str) -> DrillPlan:
    """Drill a deployment's kill every so many hours, the first time now. It replaces an earlier plan."""
    require(actor, Action.DRILL)
    reason = said(reason)
    if deployment.mode not in DRILLED:
        raise Refusal(f"{deployment} is {deployment.mode}; only a deployment on paper or in shadow is drilled.")
    if deployment.ended_at is not None:
        raise Refusal(f"{deployment} ended on {deployment.ended_at:%Y-%m-%d}; plan the drill of another.")
    if not 1 <= every_hours <= LONGEST_HOURS:
        raise Refusal(f"A drill is held every 1 to {LONGEST_HOURS} hours, not every {every_hours}.")
    if not 1 <= within_s <= LONGEST_S:
        raise Refusal(f"A drill is to be proven clean within 1 to {LONGEST_S} s, not {within_s}.")
    old = DrillPlan.objects.select_for_update().filter(deployment=deployment, ended_at=None).first()
    if old is not None:
        old.ended_at = timezone.now()
        old.save(update_fields=["ended_at"])
    plan = DrillPlan.objects.create(
        client_id=deployment.client_id,
        deployment=deployment,
        every_hours=every_hours,
        within_s=within_s,
        next_at=timezone.now(),
        set_by=actor,
    )
    terms = {"every_hours": every_hours, "within_s": within_s}
    before = {"every_hours": old.every_hours, "within_s": old.within_s} if old else None
    audit("drill_plan.set", plan, actor=actor, old=before, new=terms, reason=reason)
    return plan


@transaction.atomic
def drill_plan_end(*, plan: DrillPlan, actor: User, reason: str) -> None:
    """Hold no more drills by a plan. One under way is ended as it would be."""
    require(actor, Action.DRILL)
    reason = said(reason)
    plan.refresh_from_db(from_queryset=DrillPlan.objects.select_for_update())
    if plan.ended_at is not None:
        return
    plan.ended_at = timezone.now()
    plan.save(update_fields=["ended_at"])
    audit("drill_plan.ended", plan, actor=actor, old={"every_hours": plan.every_hours}, reason=reason)


def plans() -> QuerySet[DrillPlan]:
    """The plans that hold now."""
    return DrillPlan.objects.filter(ended_at=None).select_related("deployment__market__venue", "client", "set_by")


def drilled() -> QuerySet[Deployment]:
    """What may be drilled."""
    found = Deployment.objects.filter(ended_at=None, mode__in=DRILLED).select_related("client")
    return found.order_by("client__name", "name")


def alarms() -> list[str]:
    """What of the drills a person must look at: a plan whose last one did not pass, or that nobody holds."""
    last = Drill.objects.filter(plan=OuterRef("pk"), outcome__in=DRILL_OVER).order_by("-id")
    now = timezone.now()
    words = []
    for plan in plans().annotate(outcome=Subquery(last.values("outcome")[:1]), why=Subquery(last.values("reason")[:1])):
        late_s = (now - plan.next_at).total_seconds()
        if late_s > OVERDUE_AFTER_S:
            words.append(
                f"The kill drill of {plan.deployment} has been due for {late_s:.0f} s: are beat and the worker for "
                "queue supervise running?"
            )
        elif plan.outcome in (DrillOutcome.FAILED, DrillOutcome.MISSED):
            words.append(f"The last kill drill of {plan.deployment} {plan.outcome}. {plan.why}")
    return words


# What the beat does


def drills_hold() -> None:
    """Begin what is due, and take what is under way one step further."""
    for plan in DrillPlan.objects.filter(ended_at=None, next_at__lte=timezone.now()):
        _begin(plan.pk)
    for pk in Drill.objects.exclude(outcome__in=DRILL_OVER).values_list("pk", flat=True):
        _go_on(pk)


@transaction.atomic
def _begin(pk: int) -> None:
    plan = DrillPlan.objects.select_for_update(skip_locked=True).filter(pk=pk, ended_at=None).first()
    now = timezone.now()
    if plan is None or plan.next_at > now:
        return
    deployment = plan.deployment
    drill = Drill(client_id=plan.client_id, plan=plan, deployment=deployment, due_at=plan.next_at)
    plan.next_at = now + datetime.timedelta(hours=plan.every_hours)
    plan.save(update_fields=["next_at"])
    late_s = (now - drill.due_at).total_seconds()
    if deployment.ended_at is not None:
        plan.ended_at = now
        plan.save(update_fields=["ended_at"])
        _end(drill, DrillOutcome.MISSED, f"{deployment} has ended, and its plan with it.")
    elif Drill.objects.filter(deployment=deployment).exclude(outcome__in=DRILL_OVER).exists():
        _end(drill, DrillOutcome.MISSED, "The drill before it was still under way.")
    elif late_s > MISSED_AFTER_S:
        _end(drill, DrillOutcome.MISSED, f"It was due {late_s / 60:.0f} minutes before anybody could hold it.")
    elif switch := covering(deployment).first():
        _end(drill, DrillOutcome.MISSED, f"{deployment} was stopped already. {sentence(switch)}")
    elif deployment.observed in (State.HALTING, State.HALTED, State.FAULTED):
        _end(drill, DrillOutcome.MISSED, f"{deployment} was {deployment.observed}: {deployment.observed_reason}.")
    else:
        drill.began_at = now
        drill.was_quoting = deployment.wanted == Wanted.ACTIVE
        drill.save()
        drill.switch = deployment_halt(deployment=deployment, actor=None, reason=_words(drill))
        drill.save(update_fields=["switch"])
        audit("drill.begun", drill, actor=None, new={"due_at": drill.due_at}, reason=_words(drill))


@transaction.atomic
def _go_on(pk: int) -> None:
    drill = (
        Drill.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("plan__set_by", "deployment", "switch")
        .filter(pk=pk)
        .exclude(outcome__in=DRILL_OVER)
        .first()
    )
    if drill is None:
        return
    if drill.outcome == DrillOutcome.RESTARTING:
        _start_again(drill)
        return
    assert drill.switch is not None
    assert drill.began_at is not None
    if drill.switch.reset_at is not None:
        _end(drill, DrillOutcome.FAILED, "The kill switch was reset before both had proven it clean.")
        return
    deployment = drill.deployment
    last = Clearing.objects.filter(switch=drill.switch).order_by("-id").first()
    if last is not None and last.state == ClearingState.CLEAN:
        drill.path_ms = last.took_ms
    if deployment.observed == State.HALTED and deployment.halt_proven:
        drill.engine_ms = deployment.halt_ms
    if drill.engine_ms is not None and drill.path_ms is not None:
        _proven(drill)
    elif (timezone.now() - drill.began_at).total_seconds() > drill.plan.within_s:
        _end(drill, DrillOutcome.FAILED, _what_is_missing(drill, last))


def _what_is_missing(drill: Drill, last: Clearing | None) -> str:
    deployment = drill.deployment
    words = [f"Not proven clean within {drill.plan.within_s} s; it stays halted until a person resets it."]
    if drill.engine_ms is None:
        words.append(f"The engine has it {deployment.observed}: {deployment.observed_reason}.")
    if drill.path_ms is None:
        why = "was never asked" if last is None else last.reason or last.get_state_display().lower()
        words.append(f"The kill path: {why}.")
    return " ".join(words).replace("..", ".")


def _proven(drill: Drill) -> None:
    """Both have proven it: lift the drill's own switch, unless something else stops it by now."""
    deployment = drill.deployment
    others = [switch for switch in covering(deployment) if switch.pk != drill.switch_id]
    if others:
        _end(drill, DrillOutcome.PASSED, f"It stays halted. {sentence(others[0])}")
        return
    deployment_reset(deployment=deployment, actor=None, reason=f"End of {_words(drill)}")
    if drill.was_quoting:
        drill.outcome = DrillOutcome.RESTARTING
        drill.save(update_fields=["outcome", "engine_ms", "path_ms"])
    else:
        _end(drill, DrillOutcome.PASSED, "")


def _start_again(drill: Drill) -> None:
    deployment = drill.deployment
    if deployment.observed == State.PAUSED and not deployment.is_pending:
        try:
            with transaction.atomic():
                deployment_start(deployment=deployment, actor=None, reason=f"After {_words(drill)}")
        except Refusal as refusal:
            _end(drill, DrillOutcome.PASSED, f"It was not started again. {refusal}")
            return
        _end(drill, DrillOutcome.PASSED, "")
        return
    assert drill.began_at is not None
    if (timezone.now() - drill.began_at).total_seconds() > drill.plan.within_s + RESTARTED_WITHIN_S:
        _end(drill, DrillOutcome.PASSED, f"It was not started again: the engine has it {deployment.observed}.")


def _end(drill: Drill, outcome: DrillOutcome, reason: str) -> None:
    drill.outcome, drill.reason, drill.ended_at = outcome, reason, timezone.now()
    drill.save()
    figures = {"engine_ms": _whole(drill.engine_ms), "path_ms": _whole(drill.path_ms)}
    audit(f"drill.{outcome}", drill, actor=None, new=figures, reason=reason)
    if outcome != DrillOutcome.PASSED:
        log.error("a kill drill did not pass", drill=drill.pk, deployment=drill.deployment_id, reason=reason)


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)


def _words(drill: Drill) -> str:
    return f"kill drill {drill.pk}, planned by {drill.plan.set_by.get_username()}"
