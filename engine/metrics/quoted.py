"""What stands in the book: spread, depth, and what was promised of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

from engine.core.decimals import ZERO
from engine.core.params import Bps, Flag, Items, QuoteAmount
from engine.market.types import Side
from engine.metrics.collector import (
    EVERY_S,
    MAX_AGE_S,
    Every,
    MarketCollector,
    MarketSymbol,
    MaxAge,
    Values,
    flag,
)
from engine.metrics.events import BANDS_BPS
from engine.metrics.own_orders import depth_quote
from engine.venues.base import MarketSource

_SIDES = (("bid", Side.BUY), ("ask", Side.SELL))


class Spread(MarketCollector):
    """Measure the market's spread and our own, each against a target."""

    kind = "spread"

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: MarketSymbol,
        target_spread_bps: Annotated[
            Decimal | None, Bps(gt=0, live=True, help="Best bid to best ask that is aimed at")
        ] = None,
        max_age_s: MaxAge = MAX_AGE_S,
        interval_s: Every = EVERY_S,
    ) -> None:
        super().__init__(market=market, symbol=symbol, max_age_s=max_age_s, interval_s=interval_s)
        self.target_spread_bps = target_spread_bps

    async def measure(self) -> Mapping[str, Values]:
        book, target = self.book(), self.target_spread_bps
        mid = book.mid if book else None
        market = book.spread_bps if book else None
        own = self.own.spread_bps(mid) if mid is not None else None
        values: Values = {"mid": mid, "market_spread_bps": market, "own_spread_bps": own}
        if target is not None:
            values["market_over_target_bps"] = None if market is None else market - target
            values["own_over_target_bps"] = None if own is None else own - target
        return {self.symbol: values}


class Depth(MarketCollector):
    """Measure how much rests within bands around mid: ours, and the whole market's as far as its book shows."""

    kind = "depth"

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: MarketSymbol,
        bands_bps: Annotated[
            Sequence[Decimal], Items(ge=1, le=20), Bps(gt=0, le=10_000, help="Half-widths from mid")
        ] = BANDS_BPS,
        max_age_s: MaxAge = MAX_AGE_S,
        interval_s: Every = EVERY_S,
    ) -> None:
        super().__init__(market=market, symbol=symbol, max_age_s=max_age_s, interval_s=interval_s)
        self.bands_bps = tuple(bands_bps)

    async def measure(self) -> Mapping[str, Values]:
        book = self.book()
        mid = book.mid if book else None
        values: Values = {}
        for name, side in _SIDES:
            own = self.own.resting(side)
            for band in self.bands_bps:
                band_name = f"{band.normalize():f}"
                values[f"own_{name}_depth_{band_name}_quote"] = None if mid is None else depth_quote(own, mid, band)
                shows = book is not None and self.feed.depth_known
                market = book.depth_quote(side, band) if book is not None and shows else None
                values[f"market_{name}_depth_{band_name}_quote"] = market
        return {self.symbol: values}


class Obligations(MarketCollector):
    """Measure our quotes against what a mandate promises right now: which promise fails, and by how much.

    This is the moment, for alerts and boards; the evidence of a mandate is counted from the samples of every second.
    """

    kind = "obligations"

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: MarketSymbol,
        max_spread_bps: Annotated[
            Decimal | None, Bps(gt=0, live=True, help="Widest own spread, best bid to best ask")
        ] = None,
        min_depth_quote: Annotated[
            Decimal | None, QuoteAmount(gt=0, live=True, help="Own resting notional a side within the band")
        ] = None,
        band_bps: Annotated[
            Decimal, Bps(gt=0, le=10_000, live=True, help="Half-width from mid within which depth counts")
        ] = Decimal(200),
        two_sided: Annotated[bool, Flag(live=True, help="Whether a bid and an ask must rest")] = True,
        max_age_s: MaxAge = MAX_AGE_S,
        interval_s: Every = EVERY_S,
    ) -> None:
        super().__init__(market=market, symbol=symbol, max_age_s=max_age_s, interval_s=interval_s)
        self.max_spread_bps = max_spread_bps
        self.min_depth_quote = min_depth_quote
        self.band_bps = band_bps
        self.two_sided = two_sided

    async def measure(self) -> Mapping[str, Values]:
        book = self.book()
        mid = book.mid if book else None
        values = {**self._sides(mid), **self._spread(mid), **self._depth(mid)}
        verdicts = [value for name, value in values.items() if name.endswith("_met")]
        failing = None if mid is None else Decimal(verdicts.count(ZERO))
        return {self.symbol: {**values, "failing": failing}}

    def _sides(self, mid: Decimal | None) -> Values:
        if not self.two_sided:
            return {}
        if mid is None:
            return {"two_sided_met": None, "sides_missing": None}
        missing = sum(not self.own.resting(side) for _, side in _SIDES)
        return {"two_sided_met": flag(not missing), "sides_missing": Decimal(missing)}

    def _spread(self, mid: Decimal | None) -> Values:
        """One side alone has no spread, and does not keep the promise of one."""
        if self.max_spread_bps is None:
            return {}
        if mid is None:
            return {"spread_met": None, "spread_over_bps": None}
        own = self.own.spread_bps(mid)
        if own is None:
            return {"spread_met": flag(False), "spread_over_bps": None}
        return {
            "spread_met": flag(own <= self.max_spread_bps),
            "spread_over_bps": max(own - self.max_spread_bps, ZERO),
        }

    def _depth(self, mid: Decimal | None) -> Values:
        least = self.min_depth_quote
        if least is None:
            return {}
        values: Values = {}
        for name, side in _SIDES:
            if mid is None:
                values |= {f"{name}_depth_met": None, f"{name}_depth_missing_quote": None}
                continue
            missing = max(least - depth_quote(self.own.resting(side), mid, self.band_bps), ZERO)
            values |= {f"{name}_depth_met": flag(not missing), f"{name}_depth_missing_quote": missing}
        return values
