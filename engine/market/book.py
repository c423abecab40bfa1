"""A level-2 order book: a dict a side for sizes, a sorted list a side for prices.

Measured as the fastest of six exact designs in plain Python for ten-level reads after every update.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from decimal import Decimal
from operator import mul

from engine.core.decimals import BPS, ZERO
from engine.market.types import Level, Side

Change = tuple[Decimal, Decimal]
"""(price, new size at that price); size zero removes the level."""
TOUCHED_KEPT = 5_000
"""Beyond so many changed prices between two publications it is quicker to look at everything."""


class OrderBook:
    """Prices are exact decimals; sizes are base currency."""

    __slots__ = ("_ask_prices", "_asks", "_bid_prices", "_bids", "_depths", "touched")

    def __init__(self) -> None:
        self.touched: set[Decimal] | None = None
        """Prices of both sides whose size may have changed since the book was last published; None: any may have."""
        self._depths: dict[tuple[Side, Decimal], Decimal] = {}
        """What `depth_quote` answered, until the book changes: many deployments ask the same of one book."""
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}
        self._bid_prices: list[Decimal] = []
        self._ask_prices: list[Decimal] = []

    def reset(self, bids: Iterable[Change], asks: Iterable[Change]) -> None:
        """Replace everything with a snapshot."""
        self.touched = None
        self._depths.clear()
        self._bids = {price: size for price, size in bids if size}
        self._asks = {price: size for price, size in asks if size}
        self._bid_prices = sorted(self._bids)
        self._ask_prices = sorted(self._asks)

    def apply(self, bids: Iterable[Change], asks: Iterable[Change]) -> None:
        """Apply changed levels."""
        touched = self.touched
        self._depths.clear()
        for sizes, prices, changes in (
            (self._bids, self._bid_prices, bids),
            (self._asks, self._ask_prices, asks),
        ):
            for price, size in changes:
                if touched is not None:
                    touched.add(price)
                if size:
                    known = len(sizes)
                    sizes[price] = size
                    if len(sizes) > known:  # asking first would hash the price once more, the dearest part of this
                        insort(prices, price)
                elif sizes.pop(price, None) is not None:
                    del prices[bisect_left(prices, price)]
        if touched is not None and len(touched) > TOUCHED_KEPT:
            self.touched = None

    def keep(self, levels: int) -> None:
        """Forget all but the innermost levels of each side: beyond them the source says nothing more."""
        bids, asks = self._bid_prices[: max(0, len(self._bid_prices) - levels)], self._ask_prices[levels:]
        if bids or asks:
            self.apply([(price, ZERO) for price in bids], [(price, ZERO) for price in asks])

    @property
    def best_bid(self) -> Decimal | None:
        return self._bid_prices[-1] if self._bid_prices else None

    @property
    def best_ask(self) -> Decimal | None:
        return self._ask_prices[0] if self._ask_prices else None

    @property
    def mid(self) -> Decimal | None:
        """Half way between best bid and best ask; None when a side is empty."""
        if not self._bid_prices or not self._ask_prices:
            return None
        return (self._bid_prices[-1] + self._ask_prices[0]) / 2

    @property
    def is_crossed(self) -> bool:
        """True when the best bid is at or above the best ask: nothing may be concluded from such a book."""
        return bool(self._bid_prices and self._ask_prices and self._bid_prices[-1] >= self._ask_prices[0])

    @property
    def spread_bps(self) -> Decimal | None:
        """Best ask minus best bid in basis points of mid."""
        mid = self.mid
        return None if mid is None else (self._ask_prices[0] - self._bid_prices[-1]) / mid * BPS

    def size_at(self, side: Side, price: Decimal) -> Decimal:
        """Base size resting at a price; zero when there is no such level."""
        return (self._bids if side is Side.BUY else self._asks).get(price, ZERO)

    def top(self, side: Side, levels: int) -> list[Level]:
        """The innermost levels of a side, best first."""
        if side is Side.BUY:
            return [Level(price, self._bids[price]) for price in self._bid_prices[: -levels - 1 : -1]]
        return [Level(price, self._asks[price]) for price in self._ask_prices[:levels]]

    def walk(self, side: Side) -> Iterator[Level]:
        """Every level of a side, best first, as far as one goes."""
        if side is Side.BUY:
            return (Level(price, self._bids[price]) for price in reversed(self._bid_prices))
        return (Level(price, self._asks[price]) for price in self._ask_prices)

    def better_than(self, side: Side, price: Decimal) -> list[Decimal]:
        """The prices of a side that stand before the given one in the queue to trade."""
        if side is Side.BUY:
            return self._bid_prices[bisect_right(self._bid_prices, price) :]
        return self._ask_prices[: bisect_left(self._ask_prices, price)]

    def depth_quote(self, side: Side, band_bps: Decimal) -> Decimal:
        """Resting notional within ±band_bps of mid on one side, in quote currency; zero without a mid."""
        mid = self.mid
        if mid is None:
            return ZERO
        known = self._depths.get((side, band_bps))
        if known is not None:
            return known
        if side is Side.BUY:
            sizes, floor = self._bids, mid * (1 - band_bps / BPS)
            prices = self._bid_prices[bisect_left(self._bid_prices, floor) :]
        else:
            sizes, ceiling = self._asks, mid * (1 + band_bps / BPS)
            prices = self._ask_prices[: bisect_right(self._ask_prices, ceiling)]
        depth = self._depths[side, band_bps] = sum(map(mul, prices, map(sizes.__getitem__, prices)), ZERO)
        return depth
