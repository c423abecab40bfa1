"""The kill path that needs no engine host: which accounts a kill must leave clean, and what a worker found there.

A kill latches its switch first, so that no host starts anything under it, and asks in the same transaction for a
clearing of every account in its scope. A worker of its own queue takes them up, wherever the hosts are.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from django.db.models import DateTimeField, Func, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from kombu.exceptions import OperationalError

from engine.core.states import State
from engine.execution.clearing import Ground, Whose
from engine.execution.ids import parse
from engine.market.types import OrderReport
from exchanges.models import ExchangeAccount, SealedCredentials
from strategies.choices import ClearingState, KillScope, Mode, StepKind, Wanted, Witness
from strategies.models import Clearing, ClearingStep, Deployment, KillSwitch
from strategies.selectors import covered_by, engaged

log = structlog.get_logger(__name__)

TASK = "mmplatform.clearing.clear_accounts"
HOLD_S = 5.0
"""For so long a worker has a clearing to itself, unless it says again that it is there."""
ASK_AGAIN_AFTER_S = 10.0
"""After an attempt that proved nothing."""
IN_FLIGHT_S = 2.0
"""What a host sent before it stopped has reached the venue by then, or never will."""
WHOLE_ACCOUNT = (KillScope.FIRM, KillScope.VENUE, KillScope.CLIENT, KillScope.ACCOUNT)
"""Scopes that cover every order of ours on each of their accounts, also of deployments that have ended."""


def accounts_of(switch: KillSwitch) -> QuerySet[ExchangeAccount]:
    """The accounts a kill must leave clean.

    Of those on paper only where something may run: a paper venue lives in the host that runs the deployment, so
    without one there is nothing anywhere.
    """
    covered = covered_by(switch).exclude(mode=Mode.REPLAY)
    trading = Q(pk__in=covered.values("account_id"))
    match switch.scope:
        case KillScope.FIRM:
            return ExchangeAccount.objects.filter(trading | Q(is_paper=False))
        case KillScope.VENUE:
            return ExchangeAccount.objects.filter(trading | Q(is_paper=False, venue_id=switch.venue_id))
        case KillScope.CLIENT:
            return ExchangeAccount.objects.filter(trading | Q(is_paper=False, client_id=switch.client_id))
        case KillScope.ACCOUNT:
            return ExchangeAccount.objects.filter(pk=switch.account_id)
    return ExchangeAccount.objects.filter(trading)


def clearings_ask(switch: KillSwitch) -> int:
    """Ask for a clearing of every account in a kill's scope, but where one is under way. Returns how many were asked.

    Whoever presses twice gets one clearing at a time, and new evidence once the last one is over.
    """
    return _ask(switch, accounts_of(switch))


def clearings_ask_again() -> int:
    """Ask for what an engaged switch covers and nobody has proven clean: attempts that failed, and trips of engines.

    Returns how many were asked.
    """
    last = Clearing.objects.filter(account_id=OuterRef("pk")).order_by("-id")
    before = timezone.now() - datetime.timedelta(seconds=ASK_AGAIN_AFTER_S)
    count = 0
    for switch in engaged():
        mine = last.filter(switch=switch)
        accounts = accounts_of(switch).annotate(
            last_state=Subquery(mine.values("state")[:1]), last_end=Subquery(mine.values("ended_at")[:1])
        )
        due = accounts.filter(Q(last_state=None) | Q(last_state=ClearingState.UNPROVEN, last_end__lt=before))
        with transaction.atomic():
            count += _ask(switch, due)
    return count


def _ask(switch: KillSwitch, accounts: QuerySet[ExchangeAccount]) -> int:
    now = timezone.now()
    rows = [
        Clearing(switch=switch, account_id=pk, client_id=client_id, asked_at=now)
        for pk, client_id in accounts.order_by("pk").values_list("pk", "client_id")
    ]
    Clearing.objects.bulk_create(rows, ignore_conflicts=True)
    if rows:
        transaction.on_commit(call_a_worker)
    return len(rows)


def call_a_worker() -> None:
    """Now rather than at the next round of the beat, which looks for what nobody was called for."""
    try:
        current_app.send_task(TASK, queue="kill", expires=60, retry=False)
    except OperationalError as error:
        log.warning("no worker could be called for a clearing", error=str(error))


# What a worker does with them


@transaction.atomic
def claim(worker: str, *, limit: int) -> list[Clearing]:
    """Take clearings that wait, and those whose worker was lost."""
    waiting = Q(state=ClearingState.ASKED) | Q(state=ClearingState.RUNNING, held_until__lt=Now())
    found = list(
        Clearing.objects.filter(waiting)
        .select_related("account__venue", "switch")
        .order_by("id")
        .select_for_update(skip_locked=True, of=("self",))[:limit]
    )
    Clearing.objects.filter(pk__in=[each.pk for each in found]).update(
        state=ClearingState.RUNNING,
        worker=worker,
        began_at=Coalesce("began_at", Now()),
        held_until=Now() + datetime.timedelta(seconds=HOLD_S),
    )
    for clearing in found:
        lost, clearing.worker = clearing.worker, worker
        step(clearing, StepKind.TAKEN, f"Taken up by {worker}" + (f", since {lost} was lost." if lost else "."))
    return found


def hold(worker: str, clearings: Sequence[int]) -> None:
    """Say that the worker is still there."""
    Clearing.objects.filter(pk__in=clearings, worker=worker, state=ClearingState.RUNNING).update(
        held_until=Now() + datetime.timedelta(seconds=HOLD_S)
    )


def step(clearing: Clearing, kind: StepKind, text: str, orders: Sequence[dict[str, str]] = ()) -> None:
    """Write one line of evidence."""
    ClearingStep.objects.create(
        clearing=clearing,
        client_id=clearing.client_id,
        at=timezone.now(),
        kind=kind,
        text=text,
        orders=list(orders),
    )


@transaction.atomic
def finish(
    clearing: Clearing, *, clean: bool, witness: Witness | str, reason: str, found: int = 0, left_alone: int = 0
) -> None:
    """Write down how it ended. Nothing when another worker has taken it up meanwhile, whose word then counts."""
    kept = Clearing.objects.select_for_update().filter(pk=clearing.pk, worker=clearing.worker).first()
    if kept is None or kept.is_over:
        return
    kept.state = ClearingState.CLEAN if clean else ClearingState.UNPROVEN
    kept.witness = witness if clean else ""
    kept.reason, kept.ended_at = reason, timezone.now()
    kept.orders_found, kept.orders_left_alone = found, left_alone
    words = f"{kept.get_state_display()}. {Witness(witness).label}." if clean else kept.get_state_display() + "."
    step(kept, StepKind.ENDED, f"{words} {reason}".strip())
    kept.save(update_fields=["state", "witness", "reason", "ended_at", "orders_found", "orders_left_alone"])
    if not clean:
        log.error("an account is not proven clean", account=kept.account_id, switch=kept.switch_id, reason=reason)


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What is to be done with one account.

    symbols    where orders of ours may rest at the venue; none: the venue need not be asked
    covered    the deployments whose orders are cancelled; None: every deployment's
    trouble    why the venue cannot be asked although it should be
    why        why it need not be asked
    """

    symbols: tuple[str, ...] = ()
    covered: frozenset[int] | None = None
    trouble: str = ""
    why: str = ""

    def whose(self, report: OrderReport, *, knows_own: bool) -> Whose:
        """To whom an order belongs that the venue lists.

        On a venue whose lists do not tell, everything in our markets counts as ours when the kill covers the whole
        account: an order too many cancelled is the smaller harm.
        """
        order_id = parse(report.client_order_id)
        if order_id is not None:
            is_covered = self.covered is None or order_id.deployment_id in self.covered
            return Whose.OURS if is_covered else Whose.UNCOVERED
        if knows_own:
            return Whose.FOREIGN
        return Whose.OURS if self.covered is None else Whose.UNTOLD


def errand_of(clearing: Clearing) -> Errand:
    """What the record says is to be done. Orders of ours rest only where a live deployment ever traded."""
    account, switch = clearing.account, clearing.switch
    if account.is_paper:
        return Errand(why="The account is on paper: its orders live in the engine host that runs the deployment.")
    ever = Deployment.objects.filter(account=account, mode=Mode.LIVE)
    covered = None
    if switch.scope not in WHOLE_ACCOUNT:
        ever = ever.filter(
            **({"mandate_id": switch.mandate_id} if switch.scope == KillScope.MANDATE else {"pk": switch.deployment_id})
        )
        covered = frozenset(ever.values_list("pk", flat=True))
    symbols = tuple(sorted(set(ever.values_list("market__symbol", flat=True))))
    if not symbols:
        return Errand(covered=covered, why="Nothing covered has ever traded live with this account.")
    if not SealedCredentials.objects.filter(account=account).exists():
        trouble = f"The account holds no key, so {account.venue} cannot be asked about {', '.join(symbols)}."
        return Errand(symbols=symbols, covered=covered, trouble=trouble)
    return Errand(symbols=symbols, covered=covered)


def ground_of(clearing: Clearing) -> Ground:
    """Who might still place an order on the account, by the leases and by what hosts have observed.

    A host may place while its lease runs and it has not yet acted on the kill. One that was lost or hangs may not once
    its lease has run out: its own permit ends before that.
    """
    if not KillSwitch.objects.filter(pk=clearing.switch_id, reset_at=None).exists():
        return Ground(stands=False)
    covered = covered_by(clearing.switch).filter(account_id=clearing.account_id).exclude(mode=Mode.REPLAY)
    clock = Func(function="clock_timestamp", output_field=DateTimeField())  # leases run by the database's
    moving: list[str] = []
    settles_in_s = 0.0
    for each in covered.annotate(now=clock).select_related("slot").order_by("pk"):
        is_held = each.expires_at is not None and each.expires_at > each.now
        if each.mode == Mode.SHADOW:
            continue  # sends nothing anywhere
        if is_held and not _has_stopped(each):
            moving.append(f"{each} is {each.observed} on {each.slot or 'a host'}, which has not confirmed the kill.")
        elif each.mode == Mode.LIVE and not _is_proven(each):
            since = each.observed_at if is_held else each.expires_at
            if since is not None:
                settles_in_s = max(settles_in_s, IN_FLIGHT_S - (each.now - since).total_seconds())
    return Ground(moving=" ".join(moving), settles_in_s=settles_in_s)


def _has_stopped(deployment: Deployment) -> bool:
    """Whether its host places nothing more: on paper that is told with the proof, since the host holds the orders."""
    if deployment.mode == Mode.PAPER:
        return deployment.observed == State.FAULTED or _is_proven(deployment)
    carried_out = deployment.wanted == Wanted.HALTED and not deployment.is_pending
    return carried_out or deployment.observed in (State.HALTING, State.HALTED, State.FAULTED)


def _is_proven(deployment: Deployment) -> bool:
    return deployment.observed == State.HALTED and bool(deployment.halt_proven)


def was_confirmed_by_hosts(clearing: Clearing) -> bool:
    """Whether a host that runs something of the kill on this account has proven it clean itself."""
    covered = covered_by(clearing.switch).filter(account_id=clearing.account_id)
    return covered.filter(wanted=Wanted.HALTED, observed=State.HALTED, halt_proven=True, expires_at__gt=Now()).exists()


def plain(report: OrderReport, whose: str = "") -> dict[str, str]:
    """An order as evidence keeps it."""
    shown: dict[str, Any] = {
        "id": report.client_order_id,
        "venue_id": report.venue_order_id,
        "symbol": report.symbol,
        "side": report.side.value,
        "price": _text(report.price),
        "size": _text(report.size_base),
        "filled": _text(report.filled_base),
        "status": report.status.value,
        "reason": report.reason,
        "whose": whose,
    }
    return {name: value for name, value in shown.items() if value}


def _text(number: Decimal) -> str:
    return format(number, "f")
