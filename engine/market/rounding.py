"""Rounding to what a venue accepts, always to the passive side: bids down, asks up, sizes down. Exact for any tick."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import repeat

from engine.core.decimals import WIDE, ZERO
from engine.market.types import Instrument, Quote, Side

_DOWN, _UP = ROUND_FLOOR, ROUND_CEILING
_FLOORING, _CEILING = WIDE.copy(), WIDE.copy()
_FLOORING.rounding, _CEILING.rounding = _DOWN, _UP


class Grid:
    """Multiples of one step: the prices of a tick size, or the sizes of a lot size.

    Quantising is fast and needs a step that is a power of ten (0.01); any other step (0.5, 0.025) is divided by.
    Results carry the step's number of decimals, so 0.03114 on a tick of 0.000001 reads 0.031140.
    """

    __slots__ = ("_exponent", "step")

    def __init__(self, step: Decimal) -> None:
        if not step.is_finite() or step <= 0:
            raise ValueError(f"A tick or lot size must be positive, was {step}.")
        step = step.normalize(WIDE)
        if step == step.to_integral_value():
            step = Decimal(int(step))
        self.step = step
        """Without trailing zeros: records keep a tick of 0.01 as 0.010000000000000000."""
        self._exponent = step if step.as_tuple().digits == (1,) else None

    def floor(self, value: Decimal) -> Decimal:
        """The largest multiple not above `value`."""
        exponent = self._exponent
        if exponent is not None:
            return value.quantize(exponent, _DOWN, WIDE)
        count = WIDE.divide_int(value, self.step)
        if value < 0 and WIDE.multiply(count, self.step) != value:
            count -= 1
        return WIDE.multiply(count, self.step)

    def ceil(self, value: Decimal) -> Decimal:
        """The smallest multiple not below `value`."""
        exponent = self._exponent
        if exponent is not None:
            return value.quantize(exponent, _UP, WIDE)
        # Not `-value`: that would round to the thread's precision before the ceiling is taken.
        return self.floor(value.copy_negate()).copy_negate()

    def floors(self, values: Iterable[Decimal]) -> list[Decimal]:
        """`floor` of many."""
        if self._exponent is not None:
            return list(map(_FLOORING.quantize, values, repeat(self._exponent)))
        return [self.floor(value) for value in values]

    def ceils(self, values: Iterable[Decimal]) -> list[Decimal]:
        """`ceil` of many."""
        if self._exponent is not None:
            return list(map(_CEILING.quantize, values, repeat(self._exponent)))
        return [self.ceil(value) for value in values]

    def holds(self, value: Decimal) -> bool:
        """Whether `value` is a multiple."""
        return WIDE.remainder(value, self.step) == 0


class Rounding:
    """The price and size grids of one market and its minimums."""

    __slots__ = ("instrument", "lots", "ticks")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.ticks = Grid(instrument.tick_size)
        self.lots = Grid(instrument.lot_size)

    def price(self, side: Side, price: Decimal) -> Decimal:
        """The nearest price on the tick that is no more aggressive: bids down, asks up."""
        return self.ticks.floor(price) if side is Side.BUY else self.ticks.ceil(price)

    def size(self, size_base: Decimal) -> Decimal:
        """The largest size on the lot that is no larger."""
        return self.lots.floor(size_base)

    def size_for(self, notional_quote: Decimal, price: Decimal) -> Decimal:
        """The largest size on the lot whose notional at `price` is no larger. Exact: whole lots are counted."""
        lots = WIDE.divide_int(notional_quote, WIDE.multiply(price, self.lots.step))
        return WIDE.multiply(lots, self.lots.step)

    def prices(self, side: Side, prices: Iterable[Decimal]) -> list[Decimal]:
        """`price` of many: the ticks' inner loop."""
        return self.ticks.floors(prices) if side is Side.BUY else self.ticks.ceils(prices)

    def accepts_from(self, lowest: Decimal, smallest: Decimal) -> bool:
        """Whether orders at no lower price and of no smaller size are large enough for the venue; False may err, as
        `below_minimum` does not."""
        least_size, least = self.instrument.min_size_base, self.instrument.min_notional_quote
        return (
            smallest > ZERO
            and lowest > ZERO
            and (least_size is None or smallest >= least_size)
            and (least is None or lowest * smallest >= least)
        )

    def below_minimum(self, quote: Quote) -> str:
        """Why the venue would not take an order this small, as a sentence; empty when it would."""
        instrument = self.instrument
        price, size = quote.price, quote.size_base
        if size <= ZERO:
            return f"its size is under one lot of {instrument.lot_size} {instrument.base}"
        least = instrument.min_size_base
        if least is not None and size < least:
            return f"{size} {instrument.base} is under the venue's minimum of {least} {instrument.base}"
        minimum = instrument.min_notional_quote
        if minimum is not None and (notional := price * size) < minimum:
            return (
                f"{size} {instrument.base} at {price} is {notional} {instrument.quote}, "
                f"under the venue's minimum notional of {minimum} {instrument.quote}"
            )
        return ""
