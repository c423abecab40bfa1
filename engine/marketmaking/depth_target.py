"""marketmaking.depth_target: what the mandate's depth bands still lack."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import WIDE, ZERO
from engine.core.params import Bps, Items, Money
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext, QuotingStrategy
from engine.marketmaking.draft import Draft, Rung
from engine.marketmaking.modifiers.formulas import of_price

FIRST_LEVEL = 100
"""Slots of the filling orders begin here, past those of the strategy they add to."""


class DepthTarget(Component):
    """Add to a strategy's quotes what the mandate's depth bands still lack, one order a band and side.

    Each order stands just inside its band's edge, the least exposed place that counts, and is rounded up to the lot.
    """

    def __init__(
        self,
        *,
        depth_quote_by_band_bps: Annotated[
            Mapping[str, Decimal],
            Items(ge=1, example={"25": 500, "100": 1000}),
            Money(gt=0, help='Own depth owed on each side within ± so many bps of the reference price: {"50": 5000}'),
        ],
        strategy: QuotingStrategy | None = None,
        inside_bps: Annotated[
            Decimal, Bps(gt=0, lt=1000, live=True, help="How far inside the edge of its band an order stands")
        ] = Decimal(5),
    ) -> None:
        self.bands = _bands(depth_quote_by_band_bps)
        if self.bands[0][0] <= inside_bps:
            raise ValueError(
                f"inside_bps must be less than the narrowest band, was {inside_bps} of {self.bands[0][0]} bps"
            )
        self.strategy = strategy
        self.inside_bps = inside_bps

    def draft(self, context: QuoteContext) -> Draft:
        draft = Draft() if self.strategy is None else self.strategy.draft(context)
        for side in Side:
            draft.bake(side)
            rungs = draft.rungs(side)
            for number, (band_bps, owed) in enumerate(self.bands):
                lack = owed - _depth(rungs, side, context.reference.value, band_bps)
                if lack > 0:
                    rungs.append(self._filling(side, FIRST_LEVEL + number, band_bps, lack, context))
            rungs.sort(key=lambda rung: rung.price, reverse=side is Side.BUY)
        if not draft.is_empty:
            draft.reason = ""
        return draft

    def _filling(self, side: Side, level: int, band_bps: Decimal, lack: Decimal, context: QuoteContext) -> Rung:
        reference, rounding = context.reference.value, context.rounding
        distance = of_price(reference, WIDE.subtract(band_bps, self.inside_bps))
        price = rounding.price(side, WIDE.subtract(reference, WIDE.multiply(distance, Decimal(side.sign))))
        if price <= 0:
            return Rung(level, price, lack)
        return Rung(level, price, rounding.lots.ceil(WIDE.divide(lack, price)))


def _bands(owed: Mapping[str, Decimal]) -> list[tuple[Decimal, Decimal]]:
    """(half-width, depth) narrowest first. Raises ValueError for what is no band, or owes less than one inside it."""
    bands: list[tuple[Decimal, Decimal]] = []
    for text, depth in owed.items():
        try:
            bps = Decimal(text)
        except InvalidOperation:
            raise ValueError(f'a depth band is a number of bps such as "50", was "{text}"') from None
        if not (bps.is_finite() and 0 < bps < 10_000):
            raise ValueError(f"a depth band must be more than 0 and less than 10000 bps, was {bps}")
        bands.append((bps, depth))
    if not bands:
        raise ValueError("a depth target needs at least one band, had none")
    bands.sort()
    for (inner, inner_depth), (outer, outer_depth) in pairwise(bands):
        if outer == inner or outer_depth < inner_depth:
            raise ValueError(
                f"depth within {outer} bps contains that within {inner} bps and cannot be less, "
                f"was {outer_depth} after {inner_depth}"
            )
    return bands


def _depth(rungs: list[Rung], side: Side, reference: Decimal, band_bps: Decimal) -> Decimal:
    """Notional that stands within a band."""
    edge = WIDE.subtract(reference, WIDE.multiply(of_price(reference, band_bps), Decimal(side.sign)))
    inside = (rung for rung in rungs if (rung.price - edge) * side.sign >= 0)
    return sum((rung.notional_quote(rung.price) for rung in inside), ZERO)
