"""The money of a session: volume, profit, fees by asset and round trips, from fills and conversions alone."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.accounting.ledger import EntryKind, Ledger
from engine.accounting.roundtrips import RoundTripFigures, RoundTrips
from engine.core.decimals import WIDE, ZERO
from engine.metrics.events import FeesPriced, FillRecorded


class AssetFees(msgspec.Struct, frozen=True, kw_only=True):
    """Fees of one asset over a session; negative where rebates outweigh them."""

    asset: str
    paid: Decimal
    """By the session's fills, in the asset."""
    booked_quote: Decimal
    """What the session's PnL counts of it, fees priced later included."""
    unpriced: Decimal
    """Of what was paid, in the asset: had no rate, and got none within the session. Missing from PnL."""


class AssetFlow(msgspec.Struct, frozen=True, kw_only=True):
    """One asset's ledger over a session."""

    asset: str
    change: Decimal
    by_kind: dict[str, Decimal]


class SessionMoney:
    """`on_fill` and `on_priced` in the order of time."""

    def __init__(self) -> None:
        self.volume = self.realised = self.fees = ZERO
        self.fills = 0
        self.position_start: Decimal | None = None
        """Position before the first fill; None when there was none."""
        self.cost_start = ZERO
        self._ledger = Ledger()
        self._trips = RoundTrips()
        self._booked: dict[str, Decimal] = {}
        self._unpriced: dict[str, Decimal] = {}

    def on_fill(self, event: FillRecorded) -> None:
        fill = event.fill
        base, quote = fill.symbol.split(":")[0].split("/")
        net = fill.side.sign * fill.size_base - (fill.fee if fill.fee_asset == base else ZERO)
        if self.position_start is None:
            cost = event.cost_quote
            if cost is None:
                cost = WIDE.multiply(event.position_base, event.average_cost)
            # What a fill adds to the cost is what it paid, and what it realised came out of it.
            self.position_start = WIDE.subtract(event.position_base, net)
            self.cost_start = ZERO
            if self.position_start:
                paid = WIDE.add(event.realised_quote, WIDE.multiply(net, fill.price))
                self.cost_start = WIDE.subtract(cost, paid)
            self._trips.begin(self.position_start, self.cost_start, fill.ts_ns)
        self.fills += 1
        self.volume = WIDE.add(self.volume, WIDE.multiply(fill.price, fill.size_base))
        self.realised = WIDE.add(self.realised, event.realised_quote)
        self._book(fill.fee_asset, event.fee_quote)
        if event.fee_unpriced is not None:
            self._wait(fill.fee_asset, event.fee_unpriced)
        self._ledger.post_fill(fill, base_asset=base, quote_asset=quote)
        self._trips.move(net, fill.price, fill.ts_ns)

    def on_priced(self, event: FeesPriced) -> None:
        self._book(event.asset, event.fee_quote)
        self._wait(event.asset, -event.amount)

    def _book(self, asset: str, fee_quote: Decimal) -> None:
        self.fees = WIDE.add(self.fees, fee_quote)
        self._booked[asset] = WIDE.add(self._booked.get(asset, ZERO), fee_quote)

    def _wait(self, asset: str, amount: Decimal) -> None:
        self._unpriced[asset] = WIDE.add(self._unpriced.get(asset, ZERO), amount)

    @property
    def round_trips(self) -> RoundTripFigures:
        return self._trips.figures()

    def fees_by_asset(self) -> tuple[AssetFees, ...]:
        """Every asset fees were paid or priced in. Priced fees of before the session leave nothing unpriced."""
        ledger = self._ledger
        figures = (
            AssetFees(
                asset=asset,
                paid=-ledger.moved(asset, EntryKind.FEE) - ledger.moved(asset, EntryKind.REBATE),
                booked_quote=self._booked[asset],
                unpriced=self._unpriced.get(asset, ZERO),
            )
            for asset in sorted(self._booked)
        )
        return tuple(each for each in figures if each.paid or each.booked_quote or each.unpriced)

    def flows(self) -> tuple[AssetFlow, ...]:
        ledger = self._ledger
        return tuple(
            AssetFlow(
                asset=asset,
                change=ledger.held(asset),
                by_kind={kind.value: moved for kind in EntryKind if (moved := ledger.moved(asset, kind))},
            )
            for asset in ledger.assets()
        )
