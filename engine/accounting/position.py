"""Positions and profit from fills alone: average cost, realised by closing, fees in whatever asset they were paid.

The books always balance: `realised + unrealised(mid) − fees` equals the value at `mid` of everything the fills moved,
to the last digit. So cost is kept as an amount, not as a price: the share released by a closing fill is the only
quotient, and what is released from one side of the identity is what arrives on the other.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.decimals import WIDE, ZERO
from engine.core.service import Restore
from engine.market.types import Fill, Side

_SMALLEST = Decimal("1e-18")
"""A share of cost is rounded here, so that sums stay short; the rest of the cost stays with the open position."""


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """What one fill did. Quote currency; `fee_quote` is None when no rate for the fee's asset is known."""

    realised_quote: Decimal
    fee_quote: Decimal | None


class Position:
    """The position of one deployment in one market since its session began.

    A fee in base is booked as the venue takes it: that much base leaves at the fill's price, and its value is a fee.
    A fee in quote, or in a third asset at the given rate, is a fee only. Realised PnL never contains fees.
    """

    __slots__ = (
        "base",
        "base_asset",
        "cost_quote",
        "fees_quote",
        "fills",
        "quote_asset",
        "realised_quote",
        "unpriced_fees",
        "volume_quote",
    )

    def __init__(self, *, base_asset: str, quote_asset: str, restore: Restore | None = None) -> None:
        before = restore or Restore()
        self.base_asset = base_asset
        self.quote_asset = quote_asset
        self.base = before.position_base
        exact = before.cost_quote
        self.cost_quote = WIDE.multiply(before.position_base, before.average_cost) if exact is None else exact
        """Quote paid for the open position; negative when short."""
        self.realised_quote = before.realised_total_quote
        self.fees_quote = before.fees_total_quote
        self.volume_quote = before.volume_total_quote
        self.fills = before.fills_total
        self.unpriced_fees: dict[str, Decimal] = dict(before.unpriced_fees)
        """Fees by asset for which no rate was known: not in `fees_quote` until `price_fees`."""

    @property
    def average_cost(self) -> Decimal:
        """Quote per base of the open position; zero when flat."""
        return self.cost_quote / self.base if self.base else ZERO

    def unrealised_quote(self, mid: Decimal) -> Decimal:
        """What closing everything at `mid` would add."""
        return WIDE.subtract(WIDE.multiply(self.base, mid), self.cost_quote)

    def total_quote(self, mid: Decimal) -> Decimal:
        """Realised plus unrealised minus fees."""
        return WIDE.subtract(WIDE.add(self.realised_quote, self.unrealised_quote(mid)), self.fees_quote)

    def apply(self, fill: Fill, *, fee_rate: Decimal | None = None) -> Booked:
        """Book one fill. `fee_rate` is quote per unit of a fee paid in a third asset.

        The caller applies every fill once: nothing here recognises a repeated one.
        """
        signed = fill.size_base if fill.side is Side.BUY else -fill.size_base
        notional = WIDE.multiply(fill.price, fill.size_base)
        realised = self._move(signed, fill.price)

        fee_quote: Decimal | None = None
        if fill.fee_asset == self.quote_asset or not fill.fee:
            fee_quote = fill.fee
        elif fill.fee_asset == self.base_asset:
            realised += self._move(-fill.fee, fill.price)
            fee_quote = WIDE.multiply(fill.fee, fill.price)
        elif fee_rate is not None:
            fee_quote = WIDE.multiply(fill.fee, fee_rate)
        if fee_quote is None:
            self._keep_unpriced(fill.fee_asset, fill.fee)
        else:
            self.fees_quote = WIDE.add(self.fees_quote, fee_quote)

        self.realised_quote = WIDE.add(self.realised_quote, realised)
        self.volume_quote = WIDE.add(self.volume_quote, notional)
        self.fills += 1
        return Booked(realised_quote=realised, fee_quote=fee_quote)

    def _move(self, signed: Decimal, price: Decimal) -> Decimal:
        """Add signed base at a price; returns the PnL realised by the part that closes what was open."""
        before = self.base
        closing = ZERO
        if before and (before > 0) != (signed > 0):
            closing = -before if abs(signed) >= abs(before) else signed
        released = ZERO
        if closing:
            # Closing everything releases the whole cost, so that no rounding residue stays on a flat position.
            released = self.cost_quote
            if closing != -before:
                share = WIDE.divide(WIDE.multiply(self.cost_quote, -closing), before)
                released = share.quantize(_SMALLEST, context=WIDE)
        opening = signed - closing
        self.base = WIDE.add(before, signed)
        self.cost_quote = WIDE.add(WIDE.subtract(self.cost_quote, released), WIDE.multiply(opening, price))
        return WIDE.subtract(WIDE.multiply(-closing, price), released)

    def price_fees(self, asset: str, rate: Decimal) -> Decimal:
        """Book what was paid in an asset before its rate was known; returns it in quote currency."""
        fee_quote = WIDE.multiply(self.unpriced_fees.pop(asset, ZERO), rate)
        self.fees_quote = WIDE.add(self.fees_quote, fee_quote)
        return fee_quote

    def _keep_unpriced(self, asset: str, fee: Decimal) -> None:
        total = WIDE.add(self.unpriced_fees.pop(asset, ZERO), fee)
        if total:
            self.unpriced_fees[asset] = total
