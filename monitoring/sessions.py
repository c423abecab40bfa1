"""Sessions of a deployment, and their reports built from the records: any range, also when no engine runs any more.

Money comes from fills and conversions, which are exact; time, spreads and depth come from the samples, which are double
precision and one a second. Both feed the engine's own `SessionTally`, so a report from records and one tallied live
mean the same.
"""

from __future__ import annotations

import datetime
import heapq
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from engine.accounting.session import SessionReport as Figures
from engine.accounting.session import SessionTally
from engine.core.clock import NS
from engine.core.decimals import WIDE, ZERO
from engine.core.states import State
from engine.market.types import Fill as Execution
from engine.market.types import OrderStatus, Side
from engine.metrics.events import BANDS_BPS, FeesPriced, FillRecorded, Sample
from monitoring.models import DeploymentEvent, FeeConversion, Fill, Order, Origin, SessionReport
from monitoring.samples import read_tallied
from strategies.choices import Mode
from strategies.models import Deployment

SAMPLES_AT_MOST = 20_000
"""A longer range looks at every second, third, … second only, and says so; its money stays exact."""

SETTLED = (State.PAUSED.value, State.HALTED.value, State.FAULTED.value)
RUNNING = (State.ACTIVE.value, State.PAUSING.value, State.HALTING.value)
LOST = "lost"
"""How a session ended whose host was lost: with the last second anybody recorded."""

WRITTEN_WITHIN = datetime.timedelta(seconds=30)
"""What happened this long ago has been written, or its host is cut off from the records."""
REPORTED_BACK = datetime.timedelta(days=7)
REPORTS_A_LOOK = 20


@dataclass(frozen=True, kw_only=True)
class Session:
    """From ACTIVE to a settled state. `ends_at` is None while it runs."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime | None
    ended_as: str = ""
    reason: str = ""


def sessions_of(deployment: Deployment, *, since: datetime.datetime | None = None) -> list[Session]:
    """The sessions that began since a moment (all of them, when none is given), newest first."""
    events = DeploymentEvent.objects.filter(
        deployment=deployment, kind="state", detail__new__in=[State.ACTIVE.value, *SETTLED]
    )
    if since is not None:
        events = events.filter(at__gte=since)
    found: list[Session] = []
    began: DeploymentEvent | None = None
    for event in events.order_by("at", "id"):
        state = event.detail["new"]
        if state == State.ACTIVE.value:
            if began is not None:
                found.append(_lost(deployment, began, before=event.at))
            began = event
        elif began is not None:
            found.append(Session(starts_at=began.at, ends_at=event.at, ended_as=state, reason=event.text))
            began = None
    if began is not None:
        runs = began.token == deployment.token and deployment.observed in RUNNING
        found.append(Session(starts_at=began.at, ends_at=None) if runs else _lost(deployment, began))
    return found[::-1]


def _lost(deployment: Deployment, began: DeploymentEvent, *, before: datetime.datetime | None = None) -> Session:
    """A session nobody ended: it lasted until the last sample of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(ts) FROM monitoring_sample_all WHERE deployment_id = %s AND ts >= %s AND ts < %s"
            " AND state = 'active'",
            [deployment.pk, began.at, before or timezone.now()],
        )
        last = cursor.fetchone()[0]
    return Session(starts_at=began.at, ends_at=last or began.at, ended_as=LOST, reason="The host was lost.")


def report_of(deployment: Deployment, start: datetime.datetime, end: datetime.datetime) -> Figures:
    """The report of any range, both ends included. Raises ValueError unless start lies before end."""
    if end <= start:
        raise ValueError(f"A report needs a beginning before its end, was {start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S}.")
    step_s = -(-int((end - start).total_seconds()) // SAMPLES_AT_MOST) or 1
    tally = SessionTally(sampling_interval_s=Decimal(step_s))
    tally.reach(_ns(start))
    books = _Books(deployment, start)
    within = {"deployment": deployment, "at__gte": start, "at__lte": end}
    rows = heapq.merge(
        ((row[0], 0, row) for row in read_tallied(deployment.pk, start, end, step_s=step_s)),
        ((row.at, 1, row) for row in Fill.objects.filter(**within).order_by("at", "fills_total").iterator()),
        ((row.at, 2, row) for row in FeeConversion.objects.filter(**within).order_by("number").iterator()),
        key=lambda each: (each[0], each[1]),
    )
    for _, kind, row in rows:
        tally.add(books.sample(row) if kind == 0 else books.fill(row) if kind == 1 else books.conversion(row))
    tally.reach(_ns(end))
    tally.count_orders(**_orders(deployment, start, end))
    return tally.report()


def reports_store(*, now: datetime.datetime | None = None) -> int:
    """Store the report of every session that ended lately and has none; how many were stored. Safe to repeat."""
    now = now or timezone.now()
    stored = 0
    for deployment in Deployment.objects.exclude(mode=Mode.REPLAY).order_by("pk"):
        for session in unreported(deployment, now=now):
            if stored >= REPORTS_A_LOOK:
                return stored
            assert session.ends_at is not None
            figures = msgspec.to_builtins(report_of(deployment, session.starts_at, session.ends_at))
            row = SessionReport(
                client_id=deployment.client_id,
                deployment=deployment,
                starts_at=session.starts_at,
                ends_at=session.ends_at,
                figures=figures,
                origin=Origin.RECORDS,
            )
            # Two that look at once store one: the database holds a session's start to be unique.
            SessionReport.objects.bulk_create([row], ignore_conflicts=True)
            stored += 1
    return stored


def unreported(deployment: Deployment, *, now: datetime.datetime) -> list[Session]:
    """Ended sessions without a report, oldest first."""
    known = set(
        SessionReport.objects.filter(deployment=deployment, origin=Origin.RECORDS).values_list("starts_at", flat=True)
    )
    return [
        each
        for each in reversed(sessions_of(deployment, since=now - REPORTED_BACK))
        if each.ends_at is not None
        and each.starts_at < each.ends_at < now - WRITTEN_WITHIN
        and each.starts_at not in known
    ]


def unpriced_fees(deployment_id: int) -> dict[str, Decimal]:
    """Fees that wait for a rate and are missing from PnL, by asset."""
    with connection.cursor() as cursor:
        cursor.execute(UNPRICED, [deployment_id, deployment_id])
        return dict(cursor.fetchall())


UNPRICED = """
SELECT asset, sum(amount) FROM (
    SELECT fee_asset AS asset, fee_unpriced AS amount FROM monitoring_fill
    WHERE deployment_id = %s AND fee_unpriced IS NOT NULL
    UNION ALL
    SELECT asset, -amount FROM monitoring_feeconversion WHERE deployment_id = %s
) AS fees GROUP BY asset HAVING sum(amount) <> 0 ORDER BY asset"""


def converted(deployment: Deployment, start: datetime.datetime, end: datetime.datetime, *, limit: int) -> list[Any]:
    """Conversions in a range, newest first: fills whose fee had a rate, and fees priced later."""
    within = {"deployment": deployment, "at__gte": start, "at__lte": end}
    fills: QuerySet[Fill] = Fill.objects.filter(**within, fee_rate__isnull=False)[:limit]
    later: QuerySet[FeeConversion] = FeeConversion.objects.filter(**within)[:limit]
    lines = [
        {
            "at": each.at,
            "asset": each.fee_asset,
            "amount": each.fee,
            "rate": each.fee_rate,
            "source": each.fee_rate_source,
            "rate_at": each.fee_rate_at,
            "fee_quote": each.fee_quote,
            "later": False,
        }
        for each in fills
    ] + [
        {
            "at": each.at,
            "asset": each.asset,
            "amount": each.amount,
            "rate": each.rate,
            "source": each.rate_source,
            "rate_at": each.rate_at,
            "fee_quote": each.fee_quote,
            "later": True,
        }
        for each in later
    ]
    return sorted(lines, key=lambda line: line["at"], reverse=True)[:limit]


class _Books:
    """What stood after the last fill: the money of a sample, exact, where the sample itself is rounded."""

    def __init__(self, deployment: Deployment, start: datetime.datetime) -> None:
        self._symbol = deployment.market.symbol
        self._position, self._cost = ZERO, ZERO
        before = Fill.objects.filter(deployment=deployment, at__lt=start).order_by("-at", "-fills_total").first()
        if before is not None:
            self._stand(before)

    def _stand(self, row: Fill) -> None:
        self._position = row.position_base
        known = row.cost_quote
        self._cost = WIDE.multiply(row.position_base, row.average_cost) if known is None else known

    def sample(self, row: tuple[Any, ...]) -> Sample:
        ts, state, mid, market_spread, own_bid, own_ask, own_spread = row[: -2 * len(BANDS_BPS)]
        depths = tuple(_decimal(value) or ZERO for value in row[-2 * len(BANDS_BPS) :])
        mid = _decimal(mid)
        return Sample(
            ts_ns=_ns(ts),
            state=State(state),
            mid=mid,
            market_spread_bps=_decimal(market_spread),
            own_bid=_decimal(own_bid),
            own_ask=_decimal(own_ask),
            own_spread_bps=_decimal(own_spread),
            own_bid_depth_quote=depths[: len(BANDS_BPS)],
            own_ask_depth_quote=depths[len(BANDS_BPS) :],
            position_base=self._position,
            unrealised_quote=None if mid is None else WIDE.subtract(WIDE.multiply(self._position, mid), self._cost),
        )

    def fill(self, row: Fill) -> FillRecorded:
        self._stand(row)
        return FillRecorded(
            fill=Execution(
                ts_ns=_ns(row.at),
                fill_id=row.fill_id,
                client_order_id=row.client_order_id,
                venue_order_id="",
                symbol=row.symbol,
                side=Side(row.side),
                price=row.price,
                size_base=row.size_base,
                fee=row.fee,
                fee_asset=row.fee_asset,
                is_maker=row.is_maker,
            ),
            mid=row.mid,
            realised_quote=row.realised_quote,
            fee_quote=row.fee_quote,
            position_base=row.position_base,
            average_cost=row.average_cost,
            realised_total_quote=row.realised_total_quote,
            fees_total_quote=row.fees_total_quote,
            volume_total_quote=row.volume_total_quote,
            fills_total=row.fills_total,
            cost_quote=row.cost_quote,
            fee_rate=row.fee_rate,
            fee_unpriced=row.fee_unpriced,
        )

    def conversion(self, row: FeeConversion) -> FeesPriced:
        return FeesPriced(
            ts_ns=_ns(row.at),
            symbol=self._symbol,
            number=row.number,
            asset=row.asset,
            amount=row.amount,
            rate=row.rate,
            rate_source=row.rate_source,
            rate_ns=_ns(row.rate_at),
            fee_quote=row.fee_quote,
            fees_total_quote=row.fees_total_quote,
            fills_total=row.fills_total,
        )


def _orders(deployment: Deployment, start: datetime.datetime, end: datetime.datetime) -> dict[str, int]:
    """Orders sent within the range, by what became of them: the record holds each order's last word alone."""
    sent = Order.objects.filter(deployment=deployment, created_at__gte=start, created_at__lte=end)
    counts: dict[str, int] = sent.aggregate(
        orders=Count("pk"),
        cancels=Count("pk", filter=Q(status=OrderStatus.CANCELLED.value)),
        rejections=Count("pk", filter=Q(status=OrderStatus.REJECTED.value)),
        filled=Count("pk", filter=Q(filled_base__gt=0)),
    )
    return counts


def _ns(at: datetime.datetime) -> int:
    return int(at.timestamp()) * NS + at.microsecond * 1000


def _decimal(value: float | None) -> Decimal | None:
    # Its shortest decimal: what was written, where that has no more digits than a double holds.
    return None if value is None else Decimal(repr(value))
