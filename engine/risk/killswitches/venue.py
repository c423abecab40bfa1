"""How the venue answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Count, Flag, Money, Seconds
from engine.market.types import OrderStatus, RefusalKind
from engine.marketmaking.base import Trip
from engine.risk.base import RiskState
from engine.risk.killswitches.window import Window

_WAITING = frozenset({OrderStatus.PENDING, OrderStatus.CANCELLING})


class RejectStorm(Component):
    """Trip when the venue refuses many orders within a short time.

    A post-only order that the market has crossed before it arrives is refused too. That is routine and counted apart,
    where the venue tells the two from each other; so many of them that our prices must be late are no routine.
    """

    def __init__(
        self,
        *,
        rejections: Annotated[
            int, Count(ge=1, le=999, live=True, help="This many refused orders within the window are a storm")
        ] = 5,
        crossed: Annotated[
            int | None,
            Count(ge=1, le=999, live=True, help="So are this many post-only orders that would have traded at once"),
        ] = 60,
        window_s: Annotated[Decimal, Seconds(gt=0, help="How far back to count")] = Decimal(60),
    ) -> None:
        self.rejections = rejections
        self.crossed = crossed
        self.window_s = window_s
        self._window = Window(window_s)

    def check(self, state: RiskState) -> Trip | None:
        refused = crossed = 0
        last = ""
        for one in self._window.within(state.activity.rejections, state):
            if one.kind is RefusalKind.WOULD_TAKE:
                crossed += 1
            else:
                refused += 1
                last = last or one.reason
        if refused >= self.rejections:
            return self._trip(f"refused {refused} orders", refused, self.rejections, f", the last one: {last}")
        if self.crossed is not None and crossed >= self.crossed:
            what = f"refused {crossed} post-only orders that would have traded at once"
            return self._trip(what, crossed, self.crossed, ": our prices are late")
        return None

    def _trip(self, what: str, count: int, limit: int, why: str) -> Trip:
        return Trip(
            switch=self.name,
            reason=f"The venue {what} within {self.window_s} s, {limit} are a storm{why.rstrip('.')}.",
            value=Decimal(count),
            limit=Decimal(limit),
        )


class ResponseTimeout(Component):
    """Trip when the venue takes too long to answer orders and cancels, several times within a window.

    Late are answers that took longer than the limit, requests still waiting longer than that, and requests given up
    after the executor's own response timeout. A request is counted once, however many orders it held.
    """

    def __init__(
        self,
        *,
        max_response_s: Annotated[
            Decimal, Seconds(gt=0, live=True, help="Slowest answer in time: 0.05 in-house, seconds elsewhere")
        ] = Decimal(2),
        times: Annotated[
            int, Count(ge=1, le=999, live=True, help="Late answers within the window that trip it; 1 for the first")
        ] = 3,
        window_s: Annotated[Decimal, Seconds(gt=0, help="How far back to count")] = Decimal(60),
    ) -> None:
        self.max_response_s = max_response_s
        self.times = times
        self.window_s = window_s
        self._window = Window(window_s)

    def check(self, state: RiskState) -> Trip | None:
        activity, now = state.activity, state.monotonic
        late = [one for one in self._window.within(activity.answers, state) if one.seconds > self.max_response_s]
        waiting = {
            order.status_at
            for order in state.orders
            if order.left and order.status in _WAITING and now - order.status_at > self.max_response_s
        }
        given_up = {
            one.at
            for one in self._window.within(activity.silences, state)
            # An answer that came after all is counted as such.
            if not any(answer.at - answer.seconds <= one.at <= answer.at for answer in late)
        }
        count = len(late) + len(waiting) + len(given_up)
        if count < self.times:
            return None
        slowest_s = max([one.seconds for one in late] + [now - at for at in waiting], default=None)
        slowest = f", the slowest {slowest_s:.2f} s" if slowest_s is not None else ""
        return Trip(
            switch=self.name,
            reason=f"The venue left {count} requests without an answer within {self.max_response_s} s{slowest}, "
            f"{self.times} within {self.window_s} s are too many.",
            value=Decimal(count),
            limit=Decimal(self.times),
        )


class Reconciliation(Component):
    """Trip when our books and the venue's differ by more than the limit, or by something nobody can price."""

    def __init__(
        self,
        *,
        max_mismatch_quote: Annotated[
            Decimal, Money(ge=0, live=True, help="Largest confirmed difference, by value", example=100)
        ],
        unpriced: Annotated[bool, Flag(live=True, help="Also when the asset has no price")] = True,
    ) -> None:
        self.max_mismatch_quote = max_mismatch_quote
        self.unpriced = unpriced

    def check(self, state: RiskState) -> Trip | None:
        mismatch = state.activity.mismatch
        if mismatch is None:
            return None
        value, quote = mismatch.value_quote, state.feed.instrument.quote
        if value is None:
            if not self.unpriced:
                return None
            worth = f"which has no price in {quote}"
        elif value > self.max_mismatch_quote:
            worth = f"worth {value:.2f} {quote}, over the limit of {self.max_mismatch_quote}"
        else:
            return None
        return Trip(
            switch=self.name,
            reason=f"The venue holds {mismatch.found} {mismatch.asset} where our books say {mismatch.expected}: "
            f"a difference of {abs(mismatch.difference)} {mismatch.asset}, {worth}.",
            value=value,
            limit=self.max_mismatch_quote,
        )
