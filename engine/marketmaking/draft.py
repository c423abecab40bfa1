"""What is wanted before it is rounded: a strategy drafts it, modifiers change it, and it becomes orders once, here.

Rounding once and last keeps every step exact. Most modifiers move a whole side, so a draft keeps one offset a side: a
shift or a widening is two additions however many levels there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_FLOOR, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from itertools import zip_longest

import msgspec

from engine.core.decimals import ONE, WIDE, ZERO
from engine.market.rounding import Rounding
from engine.market.types import Quote, QuoteSet, Side

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


class Draft:
    """Bids and asks, innermost first, and what modifiers did to them. One tick's; whoever adjusts it changes it.

    `bids` and `asks` may be replaced; their prices do not contain the offsets. `reason` says why nothing is wanted.
    """

    __slots__ = ("ask_offset", "asks", "bid_offset", "bids", "notes", "reason")

    def __init__(self, bids: Iterable[Rung] = (), asks: Iterable[Rung] = (), *, reason: str = "") -> None:
        self.bids = list(bids)
        self.asks = list(asks)
        self.bid_offset = ZERO
        """Quote per base by which every bid stands away from its rung's price."""
        self.ask_offset = ZERO
        self.reason = reason
        self.notes: list[str] = []

    @classmethod
    def none(cls, reason: str) -> Draft:
        """Nothing, and why, as a sentence."""
        return cls(reason=reason)

    @property
    def is_empty(self) -> bool:
        return not self.bids and not self.asks

    def rungs(self, side: Side) -> list[Rung]:
        return self.bids if side is Side.BUY else self.asks

    def offset(self, side: Side) -> Decimal:
        return self.bid_offset if side is Side.BUY else self.ask_offset

    @property
    def best_bid(self) -> Decimal | None:
        """The innermost bid as it stands, offset included; None without bids."""
        return WIDE.add(self.bids[0].price, self.bid_offset) if self.bids else None

    @property
    def best_ask(self) -> Decimal | None:
        return WIDE.add(self.asks[0].price, self.ask_offset) if self.asks else None

    @property
    def spread(self) -> Decimal | None:
        """Innermost ask minus innermost bid, quote per base; None while one-sided."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else WIDE.subtract(ask, bid)

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


def post(draft: Draft, rounding: Rounding, *, share: Decimal = ONE) -> QuoteSet:
    """Round a draft to orders the venue accepts: prices to the passive side, sizes down.

    share is the part of every size that is meant. A size in quote is divided by the order's own rounded price, so its
    notional never exceeds it. Orders under the venue's minimums are left out with a note; when none is left, the set
    says so.
    """
    notes = list(draft.notes)
    bids = _posted(_BUY, draft.bids, draft.bid_offset, rounding, share, notes) if draft.bids else []
    asks = _posted(_SELL, draft.asks, draft.ask_offset, rounding, share, notes) if draft.asks else []
    if bids or asks:
        return QuoteSet(quotes=_innermost_first(bids, asks), notes=tuple(notes), on_grid=True)
    return QuoteSet(reason=draft.reason or " ".join(notes) or "The strategy wants no orders now.", notes=tuple(notes))


def _posted(
    side: Side, rungs: list[Rung], offset: Decimal, rounding: Rounding, share: Decimal, notes: list[str]
) -> list[Quote]:
    """One side's orders. Runs every tick for every level: plain lists, and words only for what is left out."""
    prices = rounding.prices(side, [rung.price + offset for rung in rungs])
    sizes = _sizes(rungs, prices, rounding, share)
    quotes = [Quote(side, rung.level, price, size) for rung, price, size in zip(rungs, prices, sizes, strict=True)]
    return quotes if rounding.accepts_all(prices, sizes) else _accepted(quotes, rounding, notes)


def _sizes(rungs: list[Rung], prices: list[Decimal], rounding: Rounding, share: Decimal) -> list[Decimal]:
    """What each rung comes to in base at its rounded price, on the lot."""
    first = rungs[0]
    if not first.in_quote and all(rung.size is first.size and not rung.in_quote for rung in rungs):
        return [rounding.size(first.size if share is ONE else first.size * share)] * len(rungs)
    divide = FLOOR.divide
    sizes = [
        divide(rung.size, price) if rung.in_quote and price > ZERO else rung.size
        for rung, price in zip(rungs, prices, strict=True)
    ]
    return rounding.lots.floors(sizes if share is ONE else [size * share for size in sizes])


def _accepted(quotes: list[Quote], rounding: Rounding, notes: list[str]) -> list[Quote]:
    """Those the venue takes, and a note for each other."""
    accepted: list[Quote] = []
    for quote in quotes:
        why = f"its price would be {quote.price}, which is not positive" if quote.price <= ZERO else ""
        if why := why or rounding.below_minimum(quote):
            notes.append(f"{name(quote.side, quote.level)} not posted: {why}.")
        else:
            accepted.append(quote)
    return accepted


def _innermost_first(bids: list[Quote], asks: list[Quote]) -> tuple[Quote, ...]:
    """Both sides by turns, so that a limit which does not hold them all keeps the innermost of each."""
    if len(bids) == len(asks):
        quotes = bids + asks
        quotes[::2], quotes[1::2] = bids, asks
        return tuple(quotes)
    return tuple(quote for pair in zip_longest(bids, asks) for quote in pair if quote is not None)


def name(side: Side, level: int) -> str:
    """How notes call an order: "Bid 1" is the innermost bid."""
    return f"{'Bid' if side is Side.BUY else 'Ask'} {level + 1}"
