"""What the market does."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import BPS
from engine.core.params import Bps, Seconds
from engine.core.states import State
from engine.market.types import MarketStatus
from engine.marketmaking.base import Trip
from engine.risk.base import RiskState
from engine.risk.killswitches.window import Extremes, Lasting


class MarketHalt(Component):
    """Trip when the venue halts the market: at once, or after a grace."""

    def __init__(
        self, *, grace_s: Annotated[Decimal, Seconds(ge=0, live=True, help="How long a halt may last")] = Decimal(0)
    ) -> None:
        self.grace_s = grace_s
        self._halted = Lasting()

    def check(self, state: RiskState) -> Trip | None:
        lasted_s = self._halted.seconds(state, state.feed.status is not MarketStatus.TRADING)
        if lasted_s is None or lasted_s < self.grace_s:
            return None
        for_how_long = f" for {lasted_s:.1f} s, over {self.grace_s} s" if self.grace_s else ""
        return Trip(
            switch=self.name,
            reason=f"The venue has halted {state.feed.instrument.symbol}{for_how_long}.",
            value=Decimal(f"{lasted_s:.3f}"),
            limit=self.grace_s,
        )


class PriceMove(Component):
    """Trip when the reference price has moved further within the window than the limit, up or down."""

    def __init__(
        self,
        *,
        max_move_bps: Annotated[Decimal, Bps(gt=0, live=True, help="Largest move within the window")] = Decimal(300),
        window_s: Annotated[Decimal, Seconds(gt=0, le=86400, help="How far back to compare")] = Decimal(60),
    ) -> None:
        self.max_move_bps = max_move_bps
        self.window_s = window_s
        self._extremes = Extremes(window_s)

    def check(self, state: RiskState) -> Trip | None:
        if state.state is State.STARTING:
            self._extremes.clear()
        price = state.reference
        if price is None:
            return None
        low, high = self._extremes.add(state.monotonic, price)
        rise_bps, fall_bps = (price - low) / low * BPS, (high - price) / high * BPS
        moved_bps = max(rise_bps, fall_bps)
        if moved_bps <= self.max_move_bps:
            return None
        way, before = ("rose", low) if rise_bps >= fall_bps else ("fell", high)
        return Trip(
            switch=self.name,
            reason=f"The reference price {way} {moved_bps:.0f} bps within {self.window_s} s, from {before} to {price}, "
            f"over the limit of {self.max_move_bps} bps.",
            value=moved_bps,
            limit=self.max_move_bps,
        )


class WideSpread(Component):
    """Trip when the market's spread has been wider than the limit, or its book one-sided or crossed, for a while."""

    def __init__(
        self,
        *,
        max_spread_bps: Annotated[Decimal, Bps(gt=0, live=True, help="Widest normal spread, ask minus bid")] = Decimal(
            500
        ),
        for_s: Annotated[Decimal, Seconds(ge=0, live=True, help="How long it may be abnormal")] = Decimal(10),
    ) -> None:
        self.max_spread_bps = max_spread_bps
        self.for_s = for_s
        self._abnormal = Lasting()

    def check(self, state: RiskState) -> Trip | None:
        feed, spread_bps = state.feed, state.feed.book.spread_bps
        known = feed.received_at is not None and not feed.problem  # else killswitches.data_lag watches
        what = ""
        if known and spread_bps is None:
            what = "The book of the market lacks a side"
        elif known and spread_bps is not None and spread_bps <= 0:
            what = f"The book of the market is crossed by {-spread_bps:.1f} bps"
        elif known and spread_bps is not None and spread_bps > self.max_spread_bps:
            what = f"The spread of the market is {spread_bps:.1f} bps, over the limit of {self.max_spread_bps} bps,"
        lasted_s = self._abnormal.seconds(state, bool(what))
        if lasted_s is None or lasted_s < self.for_s:
            return None
        return Trip(
            switch=self.name,
            reason=f"{what} for {lasted_s:.1f} s, allowed are {self.for_s} s.",
            value=spread_bps,
            limit=self.max_spread_bps,
        )
