"""What our fills moved, entry by entry: a ledger that ties out to the venue's balances, to the last digit.

Double entry: each entry is posted to what we hold of its asset and, with the opposite sign, against the account of its
kind. So an asset's accounts always sum to zero, and what we hold is what trades, fees, rebates, transfers and
adjustments brought together. Only the sums are kept, a handful of numbers however long it runs; entries leave by
`on_entry` for whoever wants every line.

The paper venue has books of its own (engine/venues/paper/ledger.py): those are the venue's word, these are ours, and
engine/accounting/reconcile.py compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.core.decimals import WIDE, ZERO
from engine.market.types import Fill


class EntryKind(StrEnum):
    """Why an amount moved: the account each entry is posted against."""

    TRADE = "trade"
    FEE = "fee"
    REBATE = "rebate"
    TRANSFER = "transfer"
    """A deposit or withdrawal a person has accepted."""
    ADJUSTMENT = "adjustment"
    """A difference to the venue a person has accepted without an explanation."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line: `amount` of `asset` came (positive) or went (negative)."""

    ts_ns: int
    asset: str
    amount: Decimal
    kind: EntryKind
    fill_id: str = ""
    note: str = ""


class Ledger:
    """Sums by asset and kind of everything posted. Nothing is ever taken back: a correction is an entry of its own."""

    def __init__(self, *, on_entry: Callable[[Entry], None] = lambda entry: None) -> None:
        self.entries = 0
        """How many were posted: who compares it before and after knows whether something moved meanwhile."""
        self._on_entry = on_entry
        self._held: dict[str, Decimal] = {}
        self._against: dict[tuple[str, EntryKind], Decimal] = {}

    def post(self, entry: Entry) -> None:
        """Book one line; an amount of zero is none."""
        if not entry.amount:
            return
        key = (entry.asset, entry.kind)
        self._held[entry.asset] = WIDE.add(self._held.get(entry.asset, ZERO), entry.amount)
        self._against[key] = WIDE.subtract(self._against.get(key, ZERO), entry.amount)
        self.entries += 1
        self._on_entry(entry)

    def post_fill(self, fill: Fill, *, base_asset: str, quote_asset: str) -> None:
        """The two legs of a fill and its fee, in whatever asset that was taken; a negative fee is a rebate."""
        for entry in entries_of(fill, base_asset=base_asset, quote_asset=quote_asset):
            self.post(entry)

    def held(self, asset: str) -> Decimal:
        """Net change of what we hold since the ledger began."""
        return self._held.get(asset, ZERO)

    def assets(self) -> tuple[str, ...]:
        """Every asset that ever moved, in order of name."""
        return tuple(sorted(self._held))

    def flows(self) -> Mapping[str, Decimal]:
        """Net change by asset, a copy."""
        return dict(self._held)

    def moved(self, asset: str, kind: EntryKind) -> Decimal:
        """What one kind brought (positive) or took (negative)."""
        return -self._against.get((asset, kind), ZERO)

    def is_balanced(self) -> bool:
        """Whether each asset's accounts sum to zero, as they must."""
        return all(WIDE.add(held, self._total_against(asset)) == 0 for asset, held in self._held.items())

    def _total_against(self, asset: str) -> Decimal:
        total = ZERO
        for kind in EntryKind:
            total = WIDE.add(total, self._against.get((asset, kind), ZERO))
        return total


def entries_of(fill: Fill, *, base_asset: str, quote_asset: str) -> Iterator[Entry]:
    """The lines of one fill: base and quote as traded, then the fee where there is one."""
    notional = WIDE.multiply(fill.price, fill.size_base)
    legs = (
        (base_asset, fill.side.sign * fill.size_base, EntryKind.TRADE),
        (quote_asset, -fill.side.sign * notional, EntryKind.TRADE),
        (fill.fee_asset, -fill.fee, EntryKind.FEE if fill.fee > 0 else EntryKind.REBATE),
    )
    for asset, amount, kind in legs:
        if amount:
            yield Entry(ts_ns=fill.ts_ns, asset=asset, amount=amount, kind=kind, fill_id=fill.fill_id)
