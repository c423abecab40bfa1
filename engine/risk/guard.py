"""risk.guard: the pre-trade checks (Q7). Every order passes twice, as a wish and when it is about to be sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import islice
from operator import lt
from typing import Annotated

import msgspec

from engine.core.component import Component
from engine.core.decimals import BPS, ZERO
from engine.core.params import Bps, Money, PerSecond
from engine.core.states import QUOTING
from engine.execution.tracker import Slot, TrackedOrder
from engine.market.rounding import Rounding
from engine.market.types import Instrument, MarketStatus, Quote, QuoteSet, Side, SideQuotes
from engine.marketmaking.draft import name
from engine.metrics.explained import Check
from engine.risk import checks
from engine.risk.base import RiskState

_BUY = Side.BUY


class Limits(Component):
    """Refuse every order that could break a limit, counting each resting order as if it had filled.

    `review` looks at the whole wanted set, so that an order which is no longer allowed is also taken down. `admit`
    looks at what is about to be sent against everything that rests at that moment: a fill may have come in between.
    """

    def __init__(
        self,
        *,
        max_position_quote: Annotated[
            Decimal,
            Money(
                gt=0,
                live=True,
                help="Largest position either way, at the reference price, if every order filled",
                example=2000,
            ),
        ],
        max_loss_quote: Annotated[
            Decimal, Money(gt=0, live=True, help="Largest loss since the session began", example=250)
        ],
        max_order_size_quote: Annotated[Decimal, Money(gt=0, live=True, help="Largest single order", example=200)],
        max_open_notional_quote: Annotated[
            Decimal, Money(gt=0, live=True, help="Largest sum of all resting orders", example=2000)
        ],
        price_band_bps: Annotated[
            Decimal, Bps(gt=0, le=10000, help="Furthest an order may stand from the reference price")
        ] = Decimal(500),
        max_orders_per_s: Annotated[
            int, PerSecond(ge=1, live=True, help="New orders in any second; cancels are never held back")
        ] = 10,
    ) -> None:
        self.max_position_quote = max_position_quote
        self.max_loss_quote = max_loss_quote
        self.max_order_size_quote = max_order_size_quote
        self.max_open_notional_quote = max_open_notional_quote
        self.price_band_bps = price_band_bps
        self.max_orders_per_s = max_orders_per_s
        self._band = price_band_bps / BPS
        self._sent_at: deque[float] = deque()
        self._rounding: Rounding | None = None

    def review(self, quotes: QuoteSet, state: RiskState) -> QuoteSet:
        if refusal := self._refuse_all(state):
            return QuoteSet(reason=refusal, notes=quotes.notes)
        if quotes.is_empty:
            return quotes
        reference = state.reference or ZERO
        if quotes.on_grid and self._all_fit(quotes, state, reference):
            return quotes
        held = {order.slot: order for order in state.orders if order.slot is not None}
        slots = {(quote.side, quote.level) for quote in quotes.quotes}
        exposure = _Exposure(self, state, (order for order in state.orders if order.slot not in slots))
        allowed: list[Quote] = []
        notes = list(quotes.notes)
        taken: set[tuple[Side, Decimal]] = set()
        best_bid: Decimal | None = None
        best_ask: Decimal | None = None
        for quote in quotes.quotes:
            order = held.get((quote.side, quote.level))
            refusal = self._refuse(quote, state, reference)
            if not refusal and (quote.side, quote.price) in taken:
                refusal = f"another of our orders is wanted at {quote.price}"
            if not refusal and quote.side is Side.BUY and best_ask is not None and quote.price >= best_ask:
                refusal = f"at {quote.price} it would meet our own ask at {best_ask}"
            if not refusal and quote.side is Side.SELL and best_bid is not None and quote.price <= best_bid:
                refusal = f"at {quote.price} it would meet our own bid at {best_bid}"
            refusal = refusal or exposure.refuse(quote, order)
            if refusal:
                exposure.keep(order)
                notes.append(f"{name(quote.side, quote.level)} refused: {refusal}.")
                continue
            exposure.take(quote, order)
            taken.add((quote.side, quote.price))
            if quote.side is Side.BUY:
                best_bid = quote.price if best_bid is None else max(best_bid, quote.price)
            else:
                best_ask = quote.price if best_ask is None else min(best_ask, quote.price)
            allowed.append(quote)
        if len(allowed) == len(quotes.quotes):
            return quotes
        reason = "" if allowed else " ".join(notes)
        return QuoteSet(quotes=tuple(allowed), reason=reason, notes=tuple(notes))

    def _all_fit(self, quotes: QuoteSet, state: RiskState, reference: Decimal) -> bool:
        """Whether every one of some orders on the grid is allowed. False says nothing: the slow way then finds out
        which is not, and why.

        Yes is the usual answer, so it is found without a word being made. It is never more lenient than the slow way;
        a test holds the two against each other.
        """
        side_of_bids, side_of_asks = quotes.sides
        bids, asks = _Reach.of(side_of_bids, reference), _Reach.of(side_of_asks, reference)
        band = reference * self._band
        if (
            bids.highest >= asks.lowest
            or bids.lowest <= reference - band
            or asks.highest > reference + band
            or not bids.are_distinct
            or not asks.are_distinct
            or bids.highest * bids.largest > self.max_order_size_quote
            or asks.highest * asks.largest > self.max_order_size_quote
        ):
            return False
        rests = state.exposure
        if rests is not None:
            # Far from every limit, wanted and resting orders fit even if all of both were to rest.
            notional = rests.notional_quote + bids.highest * bids.total_base + asks.highest * asks.total_base
            base = bids.total_base + rests.bids_base, asks.total_base + rests.asks_base
            if self._within(state, reference, *base, notional):
                return True
        return self._within(state, reference, *_worst(quotes.quotes, state.orders))

    def _within(self, state: RiskState, reference: Decimal, bids: Decimal, asks: Decimal, notional: Decimal) -> bool:
        position = state.position_base
        return (
            notional <= self.max_open_notional_quote
            and (position + bids) * reference <= self.max_position_quote
            and (asks - position) * reference <= self.max_position_quote
        )

    def admit(self, quotes: Sequence[Quote], state: RiskState) -> tuple[tuple[Quote, ...], tuple[str, ...]]:
        if refusal := self._refuse_all(state):
            return (), (refusal,)
        reference = state.reference or ZERO
        exposure = _Exposure(self, state, state.orders)
        admitted: list[Quote] = []
        notes: list[str] = []
        while self._sent_at and self._sent_at[0] <= state.monotonic - 1:
            self._sent_at.popleft()
        for quote in quotes:
            refusal = self._refuse(quote, state, reference) or _meets_own(quote, state.orders)
            refusal = refusal or exposure.refuse(quote, None)
            if not refusal and len(self._sent_at) >= self.max_orders_per_s:
                refusal = f"{self.max_orders_per_s} orders were sent within the last second; it waits"
            if refusal:
                notes.append(f"{name(quote.side, quote.level)} refused: {refusal}.")
                continue
            self._sent_at.append(state.monotonic)
            exposure.take(quote, None)
            admitted.append(quote)
        return tuple(admitted), tuple(notes)

    def checks(self, wanted: QuoteSet, allowed: QuoteSet, state: RiskState) -> tuple[Check, ...]:
        """Each limit beside its value, for whoever asks why. `allowed` is what `review` left of `wanted`."""
        told = checks.standing(state, self)
        if not wanted.is_empty and not self._refuse_all(state):
            told += checks.limits(
                wanted,
                allowed,
                state,
                self,
                unfit=next(filter(None, (self._unfit(each, state.feed.instrument) for each in wanted.quotes)), ""),
                worst=_worst(wanted.quotes, state.orders),
                sent_within_s=sum(at > state.monotonic - 1 for at in self._sent_at),
            )
        return tuple(told)

    def _refuse_all(self, state: RiskState) -> str:
        """Why no order at all may rest now; empty when some may."""
        if state.state not in QUOTING:
            return f"Orders are placed only while active; the deployment is {state.state}."
        if state.feed.status is not MarketStatus.TRADING:
            return f"The venue has halted {state.feed.instrument.symbol}."
        if state.reference is None:
            return "There is no reference price."
        if state.total_pnl_quote is None:
            return "The profit or loss of the open position is not known without a mid."
        if state.total_pnl_quote < -self.max_loss_quote:
            total = _short(state.total_pnl_quote)
            return f"The total PnL of {total} is beyond the loss limit of {self.max_loss_quote}."
        return ""

    def _grids(self, instrument: Instrument) -> Rounding:
        if self._rounding is None or self._rounding.instrument is not instrument:
            self._rounding = Rounding(instrument)
        return self._rounding

    def _refuse(self, quote: Quote, state: RiskState, reference: Decimal) -> str:
        """Why this order may not rest, whatever else does; empty when it may."""
        instrument = state.feed.instrument
        if unfit := self._unfit(quote, instrument):
            return unfit
        if abs(quote.price - reference) > reference * self._band:
            away_bps = abs(quote.price - reference) / reference * BPS
            return f"{quote.price} is {away_bps:.0f} bps from the reference price, more than {self.price_band_bps} bps"
        notional = quote.price * quote.size_base
        if notional > self.max_order_size_quote:
            return f"{_short(notional)} {instrument.quote} is over the order limit of {self.max_order_size_quote}"
        return ""

    def _unfit(self, quote: Quote, instrument: Instrument) -> str:
        """Why the venue would not take this order; empty when it fits grids and minimums."""
        rounding = self._grids(instrument)
        if quote.price <= 0:
            return f"its price must be positive, was {quote.price}"
        if not rounding.ticks.holds(quote.price):
            return f"{quote.price} is not on the venue's tick of {instrument.tick_size}"
        if not rounding.lots.holds(quote.size_base):
            return f"{quote.size_base} {instrument.base} is not on the venue's lot of {instrument.lot_size}"
        return rounding.below_minimum(quote)


class _Reach(msgspec.Struct, frozen=True, gc=False):
    """How far one side's orders go, in price and in size."""

    lowest: Decimal
    highest: Decimal
    are_distinct: bool
    """Whether no two are at one price."""
    largest: Decimal
    """The largest size, in base."""
    total_base: Decimal

    @classmethod
    def of(cls, side: SideQuotes, reference: Decimal) -> _Reach:
        """Of a side without orders the reference price, which is within every limit."""
        prices, sizes = side.prices, side.sizes_base
        if not prices:
            return cls(reference, reference, True, ZERO, ZERO)
        count, ordered = len(prices), sorted(prices)  # they usually are, one way or the other: cheaper than two passes
        distinct = all(map(lt, ordered, islice(ordered, 1, None)))  # hashing them for a set costs twice as much
        if sizes.count(sizes[0]) == count:
            return cls(ordered[0], ordered[-1], distinct, sizes[0], sizes[0] * count)
        return cls(ordered[0], ordered[-1], distinct, max(sizes), sum(sizes, ZERO))


def _worst(quotes: Sequence[Quote], orders: Iterable[TrackedOrder]) -> tuple[Decimal, Decimal, Decimal]:
    """Bids and asks in base and their notional if all filled, of wanted and resting orders.

    Of a wanted order and the one in its slot only one will rest, and it may be either: the larger counts.
    """
    sums = {_BUY: ZERO, Side.SELL: ZERO}
    notional = ZERO
    held: dict[Slot, TrackedOrder] = {}
    for order in orders:
        if order.slot is not None:
            held[order.slot] = order
        else:
            sums[order.side] += order.exposure_base
            notional += order.exposure_base * order.price
    for quote in quotes:
        rests = held.pop((quote.side, quote.level), None)
        resting = ZERO if rests is None else rests.exposure_base
        sums[quote.side] += max(quote.size_base, resting)
        notional += max(quote.notional_quote, ZERO if rests is None else resting * rests.price)
    for order in held.values():
        sums[order.side] += order.exposure_base
        notional += order.exposure_base * order.price
    return sums[_BUY], sums[Side.SELL], notional


class _Exposure:
    """Position and open notional if every order counted so far filled."""

    __slots__ = ("limits", "notional", "quote_asset", "reference", "worst")

    def __init__(self, limits: Limits, state: RiskState, orders: Iterable[TrackedOrder]) -> None:
        self.limits = limits
        self.reference = state.reference or ZERO
        self.quote_asset = state.feed.instrument.quote
        self.worst = {Side.BUY: state.position_base, Side.SELL: -state.position_base}
        self.notional = ZERO
        for order in orders:
            self.keep(order)

    def keep(self, order: TrackedOrder | None) -> None:
        """Count what rests."""
        if order is not None:
            size = order.exposure_base
            self.worst[order.side] += size
            self.notional += size * order.price

    def take(self, quote: Quote, order: TrackedOrder | None) -> None:
        """Count a wanted order, or the one in its slot where that is larger: only one of them rests at a time."""
        size, notional = self._larger(quote, order)
        self.worst[quote.side] += size
        self.notional += notional

    def refuse(self, quote: Quote, order: TrackedOrder | None) -> str:
        size, notional = self._larger(quote, order)
        position = (self.worst[quote.side] + size) * self.reference
        if position > self.limits.max_position_quote:
            held = "long" if quote.side is Side.BUY else "short"
            return (
                f"with every resting order filled the position would be {_short(position)} {self.quote_asset} {held}, "
                f"over the limit of {self.limits.max_position_quote}"
            )
        if self.notional + notional > self.limits.max_open_notional_quote:
            return (
                f"resting orders would come to {_short(self.notional + notional)} {self.quote_asset}, "
                f"over the limit of {self.limits.max_open_notional_quote}"
            )
        return ""

    @staticmethod
    def _larger(quote: Quote, order: TrackedOrder | None) -> tuple[Decimal, Decimal]:
        size, notional = quote.size_base, quote.size_base * quote.price
        if order is None:
            return size, notional
        resting = order.exposure_base
        return max(size, resting), max(notional, resting * order.price)


def _meets_own(quote: Quote, orders: Iterable[TrackedOrder]) -> str:
    """Whether the order would repeat or trade with one of ours that may still rest."""
    for order in orders:
        if order.status.is_final:
            continue
        if order.side is quote.side:
            if order.price == quote.price:
                return f"our order {order.client_order_id} is already at {quote.price}"
        elif (order.price - quote.price) * quote.side.sign <= 0:
            return f"at {quote.price} it would meet our own order at {order.price}"
    return ""


def _short(amount: Decimal) -> str:
    return f"{amount:.2f}" if abs(amount) >= 1 else f"{amount:.6g}"
