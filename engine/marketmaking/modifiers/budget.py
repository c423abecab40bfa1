"""marketmaking.modifiers.budget: no more than the account can pay for."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import ONE, WIDE
from engine.core.params import Money, Share, Size
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.modifiers import formulas


class Budget(Component):
    """Cap bids by the quote currency and asks by the base that our orders may speak for, innermost first.

    That is the balance without what others' orders hold; our own resting orders are part of the wanted set and count
    once. What does not fit is left out, the last order that fits in part is made smaller.
    """

    def __init__(
        self,
        *,
        share: Annotated[Decimal, Share(gt=0, live=True, help="Part of the balance that may be used")] = ONE,
        max_quote: Annotated[Decimal | None, Money(gt=0, live=True, help="Most for bids; empty for no cap")] = None,
        max_base: Annotated[Decimal | None, Size(gt=0, live=True, help="Most for asks; empty for no cap")] = None,
    ) -> None:
        self.share = share
        self.max_quote = max_quote
        self.max_base = max_base

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        inventory, instrument = context.inventory, context.instrument
        if not inventory.is_known:
            draft.notes.append("Not capped by the balance: there is no account whose balances are known.")
        quote = self._most(inventory.quote_available, self.max_quote, inventory.is_known)
        base = self._most(inventory.base_available, self.max_base, inventory.is_known)
        self._cap(draft, Side.BUY, quote, instrument.quote, instrument.maker_fee_bps)
        self._cap(draft, Side.SELL, base, instrument.base, instrument.maker_fee_bps)

    def _most(self, available: Decimal, cap: Decimal | None, known: bool) -> Decimal | None:
        if not known:
            return cap
        most = WIDE.multiply(available, self.share)
        return most if cap is None else min(most, cap)

    def _cap(self, draft: Draft, side: Side, most: Decimal | None, asset: str, fee_bps: Decimal) -> None:
        rungs = draft.rungs(side)
        if most is None or not rungs:
            return
        kept = formulas.affordable(rungs, draft.offset(side), side, most, fee_bps)
        if len(kept) == len(rungs) and kept[-1] is rungs[-1]:
            return
        what = "bids" if side is Side.BUY else "asks"
        why = f"The budget of {most.normalize(WIDE):f} {asset} does not cover all {len(rungs)} {what}."
        if not kept:
            draft.drop(side, why)
            return
        draft.notes.append(why)
        rungs[:] = kept
