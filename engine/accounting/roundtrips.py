"""Round trips: how each purchase was sold again, or each sale bought back, first in, first out.

A figure of its own beside average cost. Both say the same once the position is flat; on the way there average cost
spreads what was paid over everything held, while a round trip asks what this one purchase earned, and how long it took.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import msgspec

from engine.core.clock import NS
from engine.core.decimals import WIDE, ZERO

_SMALLEST = Decimal("1e-18")
_LOTS_KEPT = 10_000
"""Open lots beyond this join their elder: what they earn stays exact, and their holding time becomes the elder's."""


class RoundTripFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Completed round trips: each is one opening fill, closed wholly. Quote currency, fees excluded."""

    completed: int = 0
    won: int = 0
    """Completed with a profit before fees."""
    realised_quote: Decimal = ZERO
    """By everything closed, the closed parts of round trips still open included."""
    completed_quote: Decimal = ZERO
    """By completed round trips alone."""
    average_holding_s: Decimal | None = None
    """From opening to closing, weighted by the size closed."""

    @property
    def won_share(self) -> Decimal | None:
        return Decimal(self.won) / self.completed if self.completed else None


class _Lot:
    __slots__ = ("cost_quote", "opened_ns", "realised_quote", "size_base")

    def __init__(self, size_base: Decimal, cost_quote: Decimal, opened_ns: int) -> None:
        self.size_base = size_base
        """Signed: negative for what was sold first."""
        self.cost_quote = cost_quote
        self.opened_ns = opened_ns
        self.realised_quote = ZERO


class RoundTrips:
    """Matches fills first in, first out. `move` each fill's net change of base, oldest first."""

    def __init__(self) -> None:
        self._lots: deque[_Lot] = deque()
        self._completed = self._won = 0
        self._realised = self._completed_quote = ZERO
        self._held_ns = self._closed_base = ZERO

    @property
    def position_base(self) -> Decimal:
        total = ZERO
        for lot in self._lots:
            total = WIDE.add(total, lot.size_base)
        return total

    def begin(self, position_base: Decimal, cost_quote: Decimal, ts_ns: int) -> None:
        """What was open before the first fill looked at, as one lot at its cost."""
        if position_base:
            self._lots.append(_Lot(position_base, cost_quote, ts_ns))

    def move(self, signed_base: Decimal, price: Decimal, ts_ns: int) -> Decimal:
        """Close what is open on the other side, oldest first, and open the rest; returns the PnL this realised."""
        realised, left = ZERO, signed_base
        while left and self._lots and (self._lots[0].size_base > 0) != (left > 0):
            lot = self._lots[0]
            closing = -lot.size_base if abs(left) >= abs(lot.size_base) else left
            realised = WIDE.add(realised, self._close(lot, closing, price, ts_ns))
            left = WIDE.subtract(left, closing)
        if left:
            self._open(left, WIDE.multiply(left, price), ts_ns)
        self._realised = WIDE.add(self._realised, realised)
        return realised

    def _close(self, lot: _Lot, closing: Decimal, price: Decimal, ts_ns: int) -> Decimal:
        released = lot.cost_quote
        if closing != -lot.size_base:
            share = WIDE.divide(WIDE.multiply(lot.cost_quote, -closing), lot.size_base)
            released = share.quantize(_SMALLEST, context=WIDE)
        earned = WIDE.subtract(WIDE.multiply(-closing, price), released)
        lot.size_base = WIDE.add(lot.size_base, closing)
        lot.cost_quote = WIDE.subtract(lot.cost_quote, released)
        lot.realised_quote = WIDE.add(lot.realised_quote, earned)
        self._held_ns = WIDE.add(self._held_ns, WIDE.multiply(abs(closing), Decimal(max(0, ts_ns - lot.opened_ns))))
        self._closed_base = WIDE.add(self._closed_base, abs(closing))
        if not lot.size_base:
            self._lots.popleft()
            self._completed += 1
            self._won += lot.realised_quote > 0
            self._completed_quote = WIDE.add(self._completed_quote, lot.realised_quote)
        return earned

    def _open(self, size_base: Decimal, cost_quote: Decimal, ts_ns: int) -> None:
        if len(self._lots) < _LOTS_KEPT:
            self._lots.append(_Lot(size_base, cost_quote, ts_ns))
            return
        elder = self._lots[-1]
        elder.size_base = WIDE.add(elder.size_base, size_base)
        elder.cost_quote = WIDE.add(elder.cost_quote, cost_quote)

    def figures(self) -> RoundTripFigures:
        holding = self._held_ns / self._closed_base / NS if self._closed_base else None
        return RoundTripFigures(
            completed=self._completed,
            won=self._won,
            realised_quote=self._realised,
            completed_quote=self._completed_quote,
            average_holding_s=holding,
        )
