"""marketmaking.modifiers.fill_cooldown: a side that was just taken waits."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Seconds
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft


class FillCooldown(Component):
    """Hold back the side of a fill for a while: whoever took it may know more, and may not be done."""

    def __init__(
        self,
        *,
        cooldown_s: Annotated[Decimal, Seconds(gt=0, le=86_400, live=True, help="From the last fill of a side")],
    ) -> None:
        self.cooldown_s = cooldown_s

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        cooldown = float(self.cooldown_s)
        for record in reversed(context.activity.fills):
            left = record.at + cooldown - context.monotonic
            if left <= 0 or draft.is_empty:
                return
            side = record.fill.side
            draft.drop(side, f"No {side} orders for another {left:.1f} s: one filled at {record.fill.price}.")
