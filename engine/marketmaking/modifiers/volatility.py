"""marketmaking.modifiers.volatility: wider when the price moves more than usual (Q4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import ONE
from engine.core.params import Bps, Count, Factor, Seconds
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.estimators import Volatility as Estimate
from engine.marketmaking.modifiers import formulas


class Volatility(Component):
    """Multiply the spread by the reference price's volatility over a normal one, never by less than one."""

    def __init__(
        self,
        *,
        reference_sigma_bps: Annotated[
            Decimal, Bps(gt=0, live=True, help="Normal volatility per √second: at or under it nothing is widened")
        ],
        max_factor: Annotated[Decimal, Factor(ge=1, le=100, live=True, help="Widest, as a multiple")] = Decimal(3),
        half_life_s: Annotated[Decimal, Seconds(gt=0, help="After this long a return counts half")] = Decimal(60),
        sample_s: Annotated[Decimal, Seconds(gt=0, help="Time from return to return")] = ONE,
        min_returns: Annotated[int, Count(ge=1, le=10_000, help="Nothing is widened before so many returns")] = 10,
    ) -> None:
        self.reference_sigma_bps = reference_sigma_bps
        self.max_factor = max_factor
        self.min_returns = min_returns
        self._estimate = Estimate(half_life_s=half_life_s, sample_s=sample_s)
        self._sigma_bps = Decimal(0)

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        estimate = self._estimate
        if estimate.observe(context.monotonic, context.reference.value):
            self._sigma_bps = estimate.sigma_bps
        if estimate.returns < self.min_returns:
            draft.notes.append(
                f"Not widened by volatility: {estimate.returns} of {self.min_returns} returns have been seen."
            )
            return
        if self._sigma_bps > self.reference_sigma_bps:
            factor = formulas.ratio_factor(self._sigma_bps, self.reference_sigma_bps, self.max_factor)
            draft.stretch(factor, context.reference.value)

    def because(self, context: QuoteContext) -> str:
        if self._estimate.returns < self.min_returns:
            return ""
        sigma = f"σ is {self._sigma_bps:.3f} bps per √second, normal is {self.reference_sigma_bps}"
        if self._sigma_bps <= self.reference_sigma_bps:
            return f"{sigma}: nothing is widened."
        factor = formulas.ratio_factor(self._sigma_bps, self.reference_sigma_bps, self.max_factor)
        return f"{sigma}: the spread times {factor:.4f}, at most {self.max_factor}."
