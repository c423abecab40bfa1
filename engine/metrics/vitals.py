"""How promptly and how busily a service works: lateness of ticks, answers of the venue, rates against their budget."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from engine.core.component import Runtime
from engine.core.scheduler import Job
from engine.execution.activity import Activity, since
from engine.metrics.events import Vitals
from engine.metrics.windows import Window, quantile
from engine.risk.base import Guard
from engine.venues.base import MarketFeed

SPAN_S = 300.0
"""How far back lateness and answers look."""
RATE_S = 60.0


class Working(Protocol):
    """What a service lets its vital signs be read from."""

    runtime: Runtime
    feed: MarketFeed
    guard: Guard
    activity: Activity
    job: Job | None
    tick_us: float


@runtime_checkable
class LimitsRate(Protocol):
    """A guard that holds orders to a rate."""

    max_orders_per_s: int


class VitalSigns:
    """One service's. `note` is called once a second, `read` now and then: neither runs with every tick."""

    def __init__(self, service: Working) -> None:
        self._service = service
        self._late, self._took = Window(SPAN_S), Window(SPAN_S)

    def note(self) -> None:
        job, now = self._service.job, self._service.runtime.clock.monotonic()
        if job is not None:
            self._late.add(now, job.late_ms)
            self._took.add(now, self._service.tick_us)

    def read(self) -> Vitals:
        service = self._service
        clock, activity, guard = service.runtime.clock, service.activity, service.guard
        now = clock.monotonic()
        late, took = self._late.values(now), self._took.values(now)
        answers = sorted(each.seconds * 1000 for each in since(activity.answers, now - SPAN_S))
        sent = since(activity.sent, now - RATE_S)
        return Vitals(
            ts_ns=clock.now_ns(),
            tick_late_p50_ms=quantile(late, 0.5),
            tick_late_p99_ms=quantile(late, 0.99),
            tick_us_p50=quantile(took, 0.5),
            answer_p50_ms=quantile(answers, 0.5),
            answer_p99_ms=quantile(answers, 0.99),
            answers=len(answers),
            orders_per_min=sum(each.orders for each in sent),
            cancels_per_min=sum(each.cancels for each in sent),
            refused_per_min=len(since(activity.rejections, now - RATE_S)),
            orders_budget_per_min=round(guard.max_orders_per_s * RATE_S) if isinstance(guard, LimitsRate) else None,
            feed_problem=service.feed.problem,
        )
