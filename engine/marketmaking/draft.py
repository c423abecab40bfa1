"""What is wanted before it is rounded: a strategy drafts it, modifiers change it, and it becomes orders once, here.

Rounding once and last keeps every step exact. Most modifiers move a whole side, so a draft keeps one offset a side: a
shift or a widening is two additions however many levels there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_FLOOR, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from itertools import repeat

import msgspec

from engine.core.decimals import ONE, WIDE, ZERO
from engine.market.rounding import Rounding
from engine.market.types import Quote, QuoteSet, Side, SideQuotes

_BUY, _SELL = Side.BUY, Side.SELL
FLOOR = Context(prec=28, rounding=ROUND_FLOOR, traps=[InvalidOperation, DivisionByZero, Overflow])
_HALF = Decimal("0.5")

LANE = 4_000
"""Levels of strategies are below this. A slot further on is another one for the same level: see `hanging_orders`."""


class Rung(msgspec.Struct, frozen=True, gc=False):
    """One order a strategy wants: its level (0 is innermost), its unrounded price, and its size.

    size is base currency, or with `in_quote` the notional the order shall not exceed.
    """

    level: int
    price: Decimal
    size: Decimal
    in_quote: bool = False

    def size_base(self, price: Decimal) -> Decimal:
        """The size in base at a price, at 28 digits rounded down: never more than was asked for."""
        return FLOOR.divide(self.size, price) if self.in_quote else self.size

    def notional_quote(self, price: Decimal) -> Decimal:
        return self.size if self.in_quote else WIDE.multiply(self.size, price)


class Steps(msgspec.Struct, frozen=True, gc=False):
    """Unrounded prices of an even ladder: the innermost bid and ask, and how far further out each level stands."""

    bid: Decimal
    ask: Decimal
    distances: list[Decimal]
    """Of each level from the innermost, which is 0, in quote per base."""

    def pairs(self) -> list[tuple[Decimal, Decimal]]:
        """The (bid, ask) of each level, innermost first."""
        return [(self.bid - distance, self.ask + distance) for distance in self.distances]


class _Flight(msgspec.Struct, frozen=True, gc=False):
    """One side of an even ladder, all of one size: what most strategies want and most modifiers leave as it is."""

    side: Side
    first: Decimal
    distances: list[Decimal]
    size: Decimal
    in_quote: bool

    def prices(self, offset: Decimal) -> list[Decimal]:
        first = WIDE.add(self.first, offset)
        if self.side is _BUY:
            return [first - distance for distance in self.distances]
        return [first + distance for distance in self.distances]

    def rungs(self) -> list[Rung]:
        return [Rung(level, price, self.size, self.in_quote) for level, price in enumerate(self.prices(ZERO))]


class Draft:
    """Bids and asks, innermost first, and what modifiers did to them. One tick's; whoever adjusts it changes it.

    `bids` and `asks` may be replaced; their prices do not contain the offsets. `reason` says why nothing is wanted.
    """

    __slots__ = ("_asks", "_bids", "ask_offset", "bid_offset", "notes", "reason")

    def __init__(self, bids: Iterable[Rung] = (), asks: Iterable[Rung] = (), *, reason: str = "") -> None:
        self._bids: list[Rung] | _Flight = list(bids)
        self._asks: list[Rung] | _Flight = list(asks)
        self.bid_offset = ZERO
        """Quote per base by which every bid stands away from its rung's price."""
        self.ask_offset = ZERO
        self.reason = reason
        self.notes: list[str] = []

    @classmethod
    def none(cls, reason: str) -> Draft:
        """Nothing, and why, as a sentence."""
        return cls(reason=reason)

    @classmethod
    def even(cls, steps: Steps, *, bid_size: Decimal, ask_size: Decimal, in_quote: bool = False) -> Draft:
        """An even ladder with one size a side; a side of size zero is left out.

        Its rungs are made when somebody asks for them: a ladder that is only shifted and widened never needs any.
        """
        draft = cls()
        if bid_size:
            draft._bids = _Flight(_BUY, steps.bid, steps.distances, bid_size, in_quote)
        if ask_size:
            draft._asks = _Flight(_SELL, steps.ask, steps.distances, ask_size, in_quote)
        return draft

    @property
    def bids(self) -> list[Rung]:
        if not isinstance(self._bids, list):
            self._bids = self._bids.rungs()
        return self._bids

    @bids.setter
    def bids(self, rungs: list[Rung]) -> None:
        self._bids = rungs

    @property
    def asks(self) -> list[Rung]:
        if not isinstance(self._asks, list):
            self._asks = self._asks.rungs()
        return self._asks

    @asks.setter
    def asks(self, rungs: list[Rung]) -> None:
        self._asks = rungs

    @property
    def is_empty(self) -> bool:
        return not self._bids and not self._asks

    def rungs(self, side: Side) -> list[Rung]:
        return self.bids if side is Side.BUY else self.asks

    def offset(self, side: Side) -> Decimal:
        return self.bid_offset if side is Side.BUY else self.ask_offset

    @property
    def best_bid(self) -> Decimal | None:
        """The innermost bid as it stands, offset included; None without bids."""
        return _first(self._bids, self.bid_offset)

    @property
    def best_ask(self) -> Decimal | None:
        return _first(self._asks, self.ask_offset)

    @property
    def spread(self) -> Decimal | None:
        """Innermost ask minus innermost bid, quote per base; None while one-sided."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else WIDE.subtract(ask, bid)

    def standing(self, side: Side) -> list[Rung]:
        """One side as it stands now, offset put in: a list of its own, and nothing of the draft is changed."""
        wanted, offset = (self._bids, self.bid_offset) if side is _BUY else (self._asks, self.ask_offset)
        rungs = wanted if isinstance(wanted, list) else wanted.rungs()
        return [Rung(rung.level, WIDE.add(rung.price, offset), rung.size, rung.in_quote) for rung in rungs]

    # What modifiers do

    def shift(self, amount: Decimal) -> None:
        """Move both sides by an amount in quote per base; a positive one moves them up."""
        self.bid_offset = WIDE.add(self.bid_offset, amount)
        self.ask_offset = WIDE.add(self.ask_offset, amount)

    def widen(self, amount: Decimal) -> None:
        """Move each side outwards by an amount in quote per base; a negative one moves them inwards."""
        self.bid_offset = WIDE.subtract(self.bid_offset, amount)
        self.ask_offset = WIDE.add(self.ask_offset, amount)

    def move(self, side: Side, amount: Decimal) -> None:
        """Move one side by an amount in quote per base; a positive one moves it up."""
        if side is Side.BUY:
            self.bid_offset = WIDE.add(self.bid_offset, amount)
        else:
            self.ask_offset = WIDE.add(self.ask_offset, amount)

    def stretch(self, factor: Decimal, reference: Decimal) -> None:
        """Multiply the spread, half of the change on each side. A lone side stands half a spread from the reference."""
        half = self.half_spread(reference)
        if half is not None and half > 0:
            self.widen(WIDE.multiply(half, WIDE.subtract(factor, ONE)))

    def half_spread(self, reference: Decimal) -> Decimal | None:
        """Half of what lies between innermost ask and bid; of a lone side its distance from the reference price."""
        bid, ask = self.best_bid, self.best_ask
        if bid is None:
            return None if ask is None else WIDE.subtract(ask, reference)
        return WIDE.subtract(reference, bid) if ask is None else WIDE.multiply(WIDE.subtract(ask, bid), _HALF)

    def bake(self, side: Side) -> None:
        """Put a side's offset into its prices, for a modifier that adds rungs with exact prices."""
        if offset := self.offset(side):
            self.change(side, lambda rung, price: Rung(rung.level, price, rung.size, rung.in_quote))
            self.move(side, offset.copy_negate())

    def change(self, side: Side, act: Callable[[Rung, Decimal], Rung | None]) -> None:
        """Replace each rung of a side by what `act(rung, its price with the offset)` returns; None leaves it out.

        A rung that `act` returns carries a price without the offset, like every rung.
        """
        offset = self.offset(side)
        kept = [
            changed for rung in self.rungs(side) if (changed := act(rung, WIDE.add(rung.price, offset))) is not None
        ]
        if side is Side.BUY:
            self.bids = kept
        else:
            self.asks = kept

    def drop(self, side: Side, why: str) -> None:
        """Want nothing on one side; `why` is a sentence. With nothing left on the other it becomes the reason."""
        if not self.rungs(side):
            return
        self.rungs(side).clear()
        self.notes.append(why)
        if self.is_empty and not self.reason:
            self.reason = " ".join(self.notes)

    def refuse(self, reason: str) -> None:
        """Want nothing at all, and why."""
        self.bids, self.asks, self.reason = [], [], reason


def _first(wanted: list[Rung] | _Flight, offset: Decimal) -> Decimal | None:
    if isinstance(wanted, _Flight):
        return WIDE.add(wanted.first, offset)
    return WIDE.add(wanted[0].price, offset) if wanted else None


def post(draft: Draft, rounding: Rounding, *, share: Decimal = ONE) -> QuoteSet:
    """Round a draft to orders the venue accepts: prices to the passive side, sizes down.

    share is the part of every size that is meant. A size in quote is divided by the order's own rounded price, so its
    notional never exceeds it. Orders under the venue's minimums are left out with a note; when none is left, the set
    says so.
    """
    notes = list(draft.notes)
    bids = _posted(_BUY, draft._bids, draft.bid_offset, rounding, share, notes)
    asks = _posted(_SELL, draft._asks, draft.ask_offset, rounding, share, notes)
    if bids.levels or asks.levels:
        return QuoteSet.rounded(bids, asks, tuple(notes))
    return QuoteSet(reason=draft.reason or " ".join(notes) or "The strategy wants no orders now.", notes=tuple(notes))


def _posted(
    side: Side,
    wanted: list[Rung] | _Flight,
    offset: Decimal,
    rounding: Rounding,
    share: Decimal,
    notes: list[str],
) -> SideQuotes:
    """One side's orders. Runs every tick for every level: plain lists, and words only for what is left out."""
    if not wanted:
        return SideQuotes([], [], [])
    if isinstance(wanted, _Flight):
        prices = rounding.prices(side, wanted.prices(offset))
        lowest = prices[-1] if side is _BUY else prices[0]
        sizes = _even_sizes(wanted, prices, lowest, rounding, share)
        smallest = min(sizes) if wanted.in_quote else sizes[0]
        posted = SideQuotes(list(range(len(prices))), prices, sizes)
    else:
        prices = rounding.prices(side, [rung.price + offset for rung in wanted])
        lowest, sizes = min(prices), _sizes(wanted, prices, rounding, share)
        smallest = min(sizes)
        posted = SideQuotes([rung.level for rung in wanted], prices, sizes)
    return posted if rounding.accepts_from(lowest, smallest) else _accepted(posted, side, rounding, notes)


def _even_sizes(
    wanted: _Flight, prices: list[Decimal], lowest: Decimal, rounding: Rounding, share: Decimal
) -> list[Decimal]:
    """What one size comes to in base at each rounded price, on the lot."""
    size = wanted.size if share is ONE else wanted.size * share
    if not wanted.in_quote:
        return [rounding.size(size)] * len(prices)
    if lowest <= ZERO:
        return [rounding.size(FLOOR.divide(size, price)) if price > ZERO else ZERO for price in prices]
    return rounding.lots.floors(map(FLOOR.divide, repeat(size), prices))


def _sizes(rungs: list[Rung], prices: list[Decimal], rounding: Rounding, share: Decimal) -> list[Decimal]:
    """What each rung comes to in base at its rounded price, on the lot."""
    divide = FLOOR.divide
    sizes = [
        divide(rung.size, price) if rung.in_quote and price > ZERO else rung.size
        for rung, price in zip(rungs, prices, strict=True)
    ]
    return rounding.lots.floors(sizes if share is ONE else [size * share for size in sizes])


def _accepted(posted: SideQuotes, side: Side, rounding: Rounding, notes: list[str]) -> SideQuotes:
    """Those the venue takes, and a note for each other."""
    accepted: list[Quote] = []
    for quote in posted.quotes(side):
        why = f"its price would be {quote.price}, which is not positive" if quote.price <= ZERO else ""
        if why := why or rounding.below_minimum(quote):
            notes.append(f"{name(quote.side, quote.level)} not posted: {why}.")
        else:
            accepted.append(quote)
    return SideQuotes.of(accepted, side)


def name(side: Side, level: int) -> str:
    """How notes call an order: "Bid 1" is the innermost bid."""
    return f"{'Bid' if side is Side.BUY else 'Ask'} {level + 1}"
