"""What an account holds: the venue's balances and the position our own fills made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from decimal import Decimal

from engine.accounting.ledger import Entry, Ledger
from engine.accounting.position import Booked, Position
from engine.core.decimals import WIDE, ZERO
from engine.core.service import Restore
from engine.execution.tracker import TrackedOrder
from engine.market.types import Balance, Fill, Instrument, Side
from engine.marketmaking.base import Inventory


class Account:
    """One deployment's account in one market. Balances are the venue's word, asked again after every fill."""

    def __init__(self, instrument: Instrument, *, restore: Restore | None = None) -> None:
        self.instrument = instrument
        self.position = Position(base_asset=instrument.base, quote_asset=instrument.quote, restore=restore)
        self.ledger = Ledger()
        """Everything our fills moved since this holder began."""
        self.balances: Mapping[str, Balance] = {}
        self.is_stale = True
        """Whether a fill came since the balances were asked for."""
        self._others: dict[str, Decimal] = {}
        """What was locked when the balances were read, and not by our orders."""
        self._held_then: Mapping[str, Decimal] = {}
        """The ledger's sums when the balances were asked for."""
        self._inventory: Inventory | None = None
        """As it was summed last, until a fill, an adjustment or newly read balances."""
        self._inventory_entries = 0

    def apply(self, fill: Fill, *, fee_rate: Decimal | None = None) -> Booked:
        self.is_stale = True
        self._inventory = None
        self.ledger.post_fill(fill, base_asset=self.instrument.base, quote_asset=self.instrument.quote)
        return self.position.apply(fill, fee_rate=fee_rate)

    async def refresh(
        self, fetch: Callable[[], Awaitable[Mapping[str, Balance]]], orders: Collection[TrackedOrder] = ()
    ) -> None:
        """Read the balances. `orders` are our own as they stand, looked at when the answer is there."""
        self.is_stale = False
        held = self.ledger.flows()
        self.balances = await fetch()
        self._inventory = None
        ours = _spoken_for(orders, self.instrument)
        self._held_then = held
        self._others = {
            asset: max(ZERO, balance.locked - ours.get(asset, ZERO)) for asset, balance in self.balances.items()
        }

    def accept(self, entry: Entry) -> None:
        """Book a difference to the venue, which the balances read last show already."""
        self.ledger.post(entry)
        known = self._held_then.get(entry.asset, ZERO)
        self._held_then = {**self._held_then, entry.asset: WIDE.add(known, entry.amount)}

    def available(self, asset: str) -> Decimal:
        """What our orders may speak for: the total, less what others' orders hold and what fills have spent since.

        Counted from the total, so that an order replaced after the balances were read is neither counted twice nor
        missed: a free balance alone is out of date with the next cancel.
        """
        balance = self.balances.get(asset)
        if balance is None:
            return ZERO
        moved = self.ledger.held(asset) - self._held_then.get(asset, ZERO)
        return max(ZERO, balance.total + min(ZERO, moved) - self._others.get(asset, ZERO))

    def inventory(self) -> Inventory:
        if self._inventory is None or self._inventory_entries != self.ledger.entries:
            self._inventory, self._inventory_entries = self._summed(), self.ledger.entries
        return self._inventory

    def _summed(self) -> Inventory:
        base = self.balances.get(self.instrument.base)
        quote = self.balances.get(self.instrument.quote)
        return Inventory(
            position_base=self.position.base,
            base_free=base.free if base else ZERO,
            base_total=base.total if base else ZERO,
            quote_free=quote.free if quote else ZERO,
            quote_total=quote.total if quote else ZERO,
            average_cost=self.position.average_cost,
            is_known=bool(self.balances),
            base_available=self.available(self.instrument.base),
            quote_available=self.available(self.instrument.quote),
        )

    def total_quote(self, mark: Decimal | None) -> Decimal | None:
        """Total PnL at a mark; None while a position is open and there has been no price yet."""
        if mark is not None:
            return self.position.total_quote(mark)
        return None if self.position.base else self.position.realised_quote - self.position.fees_quote

    def missing_from_pnl(self) -> tuple[str, ...]:
        """A sentence for each asset in which fees were paid whose rate is not known yet."""
        unpriced = sorted(self.position.unpriced_fees.items())
        return tuple(
            f"Fees of {_plain(fee)} {asset} have no rate yet and are missing from PnL." for asset, fee in unpriced
        )

    def inventory_ratio(self, mid: Decimal | None) -> Decimal | None:
        """Value of base over value of base and quote, 0 to 1; None without balances or a mid."""
        base = self.balances.get(self.instrument.base)
        quote = self.balances.get(self.instrument.quote)
        if mid is None or base is None or quote is None:
            return None
        value = base.total * mid
        return value / (value + quote.total) if value + quote.total > 0 else None


def _spoken_for(orders: Collection[TrackedOrder], instrument: Instrument) -> dict[str, Decimal]:
    """What our orders hold by asset, those on their way in or out included."""
    held = {instrument.base: ZERO, instrument.quote: ZERO}
    for order in orders:
        if order.status.is_final:
            continue
        if order.side is Side.BUY:
            held[instrument.quote] += order.remaining_base * order.price
        else:
            held[instrument.base] += order.remaining_base
    return held


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
