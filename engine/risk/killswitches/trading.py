"""How we trade."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import BPS, ZERO
from engine.core.params import Bps, Count, Money, Seconds
from engine.execution.activity import KEPT
from engine.marketmaking.base import Trip
from engine.risk.base import RiskState
from engine.risk.killswitches.window import Window


class Slippage(Component):
    """Trip when our fills of late stood on the wrong side of the reference price, by more than the limit on average.

    Weighted by volume: each fill's distance from the reference at that moment, against us, by its value there. A
    maker's is below zero as long as it earns its spread. Fills without a reference are left out.
    """

    def __init__(
        self,
        *,
        max_slippage_bps: Annotated[
            Decimal, Bps(gt=0, live=True, help="Largest average distance against us")
        ] = Decimal(50),
        min_volume_quote: Annotated[
            Decimal, Money(ge=0, live=True, help="Volume in the window below which it does not judge")
        ] = ZERO,
        window_s: Annotated[Decimal, Seconds(gt=0, help="How far back to weigh fills")] = Decimal(300),
    ) -> None:
        self.max_slippage_bps = max_slippage_bps
        self.min_volume_quote = min_volume_quote
        self.window_s = window_s
        self._window = Window(window_s)

    def check(self, state: RiskState) -> Trip | None:
        lost = volume = ZERO
        for one in self._window.within(state.activity.fills, state):
            if one.mid is not None:
                fill = one.fill
                lost += (fill.price - one.mid) * fill.size_base * fill.side.sign
                volume += one.mid * fill.size_base
        if lost <= 0 or volume < self.min_volume_quote:
            return None
        slippage_bps = lost / volume * BPS
        if slippage_bps <= self.max_slippage_bps:
            return None
        quote = state.feed.instrument.quote
        return Trip(
            switch=self.name,
            reason=f"Fills for {volume:.2f} {quote} within {self.window_s} s were {slippage_bps:.1f} bps worse than "
            f"the reference price on average, over the limit of {self.max_slippage_bps} bps.",
            value=slippage_bps,
            limit=self.max_slippage_bps,
        )


class OrderRate(Component):
    """Trip when more orders and cancels were sent within the window than the limit: a loop, not a market.

    The guard holds back orders above its own rate, but never a cancel. Give this one room above twice that rate.
    """

    def __init__(
        self,
        *,
        max_requests: Annotated[
            int, Count(ge=1, lt=KEPT, live=True, help="Most orders and cancels within the window")
        ] = 300,
        window_s: Annotated[Decimal, Seconds(gt=0, help="How far back to count")] = Decimal(10),
    ) -> None:
        self.max_requests = max_requests
        self.window_s = window_s
        self._window = Window(window_s)

    def check(self, state: RiskState) -> Trip | None:
        count = sum(one.orders + one.cancels for one in self._window.within(state.activity.sent, state))
        if count <= self.max_requests:
            return None
        return Trip(
            switch=self.name,
            reason=f"{count} orders and cancels were sent within {self.window_s} s, over the limit of "
            f"{self.max_requests}.",
            value=Decimal(count),
            limit=Decimal(self.max_requests),
        )


class FillRate(Component):
    """Trip when our orders fill too often, or for too much, within the window: somebody knows more than we do."""

    def __init__(
        self,
        *,
        max_fills: Annotated[int, Count(ge=1, lt=KEPT, live=True, help="Most fills within the window")] = 100,
        max_notional_quote: Annotated[
            Decimal | None, Money(gt=0, live=True, help="Most volume within the window; empty for no limit")
        ] = None,
        window_s: Annotated[Decimal, Seconds(gt=0, help="How far back to count")] = Decimal(60),
    ) -> None:
        self.max_fills = max_fills
        self.max_notional_quote = max_notional_quote
        self.window_s = window_s
        self._window = Window(window_s)

    def check(self, state: RiskState) -> Trip | None:
        fills, notional = 0, ZERO
        for one in self._window.within(state.activity.fills, state):
            fills += 1
            notional += one.fill.price * one.fill.size_base
        if fills > self.max_fills:
            return Trip(
                switch=self.name,
                reason=f"Our orders filled {fills} times within {self.window_s} s, over the limit of {self.max_fills}.",
                value=Decimal(fills),
                limit=Decimal(self.max_fills),
            )
        if self.max_notional_quote is not None and notional > self.max_notional_quote:
            quote = state.feed.instrument.quote
            return Trip(
                switch=self.name,
                reason=f"Our orders filled for {notional:.2f} {quote} within {self.window_s} s, over the limit of "
                f"{self.max_notional_quote}.",
                value=notional,
                limit=self.max_notional_quote,
            )
        return None
