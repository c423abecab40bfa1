"""What trading has cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Money
from engine.marketmaking.base import Trip
from engine.risk.base import RiskState


class Loss(Component):
    """Trip when realised plus unrealised PnL minus fees is a larger loss than the limit."""

    def __init__(
        self,
        *,
        max_loss_quote: Annotated[
            Decimal, Money(gt=0, live=True, help="Largest loss since the session began", example=250)
        ],
    ) -> None:
        self.max_loss_quote = max_loss_quote

    def check(self, state: RiskState) -> Trip | None:
        total = state.total_pnl_quote
        if total is None or total >= -self.max_loss_quote:
            return None
        quote = state.feed.instrument.quote
        return Trip(
            switch=self.name,
            reason=f"The total PnL is {total:.2f} {quote}, beyond the loss limit of {self.max_loss_quote}.",
            value=total,
            limit=-self.max_loss_quote,
        )


class Drawdown(Component):
    """Trip when total PnL has fallen further from its peak than the limit.

    The peak is that of the session: it goes on over pauses, faults and changes of host (a new holder starts from the
    peak in the record), and begins anew when a person resets a halt. Without the latter, what tripped this could never
    start again.
    """

    def __init__(
        self,
        *,
        max_drawdown_quote: Annotated[
            Decimal,
            Money(gt=0, live=True, help="Largest fall of total PnL from its peak since the last reset", example=200),
        ],
    ) -> None:
        self.max_drawdown_quote = max_drawdown_quote
        self._peak: Decimal | None = None
        self._resets = 0

    async def load(self) -> None:
        if self.runtime.restore is not None:
            self._peak = self.runtime.restore.peak_pnl_quote

    def check(self, state: RiskState) -> Trip | None:
        if state.resets != self._resets:
            self._resets, self._peak = state.resets, None
        total = state.total_pnl_quote
        if total is None:
            return None
        if self._peak is None or total > self._peak:
            self._peak = total
        drawdown = self._peak - total
        if drawdown <= self.max_drawdown_quote:
            return None
        quote = state.feed.instrument.quote
        return Trip(
            switch=self.name,
            reason=f"The total PnL is {total:.2f} {quote}, which is {drawdown:.2f} {quote} below its peak of "
            f"{self._peak:.2f}, over the limit of {self.max_drawdown_quote}.",
            value=drawdown,
            limit=self.max_drawdown_quote,
        )
