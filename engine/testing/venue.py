"""A venue in this process that keeps orders honestly and misbehaves as told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from engine.core.clock import Clock
from engine.core.component import Component
from engine.core.decimals import BPS, ZERO
from engine.core.errors import NotReady, Refused
from engine.core.params import Bps, Count, Flag, Price, Size, Symbol
from engine.core.params import Money as QuoteAmount
from engine.market.book import Change
from engine.market.types import (
    Amendment,
    Balance,
    Fill,
    Instrument,
    Level,
    MarketStatus,
    OrderReport,
    OrderRequest,
    OrderStatus,
    RefusalKind,
    Side,
    Trade,
)
from engine.testing.books import AURORA, book_around
from engine.testing.clock import ManualClock
from engine.venues.base import (
    Amended,
    AmendRefused,
    AmendUnknown,
    MarketFeed,
    Placed,
    PlaceRefused,
    PlaceUnknown,
)


class FakeVenue(Component):
    """An account at a venue in this process: keeps orders honestly, and misbehaves as told.

    Book and trades come from the test; post-only limit orders rest until filled by `trade`, `fill` or a book that moves
    through them. Switches, each changed at any time:

    refuse          a reason: every order is refused with it
    lose_answers    orders rest, but the answer to `place` is PlaceUnknown
    lose_requests   orders never arrive, and the answer is PlaceUnknown
    can_amend       whether it makes orders smaller in their place; lost and refused as orders are
    keep_on_cancel  cancels are answered UNKNOWN and the order goes on resting
    ack_after_s     answers come this much later; the order rests meanwhile
    offline         a reason: every call raises NotReady with it
    silent          nothing is pushed to on_order and on_fill
    repeat          everything is pushed twice
    fee_asset       fees are taken in this asset instead of the quote asset, one unit of it being worth fee_asset_quote
    stale_balances  what `balances` answers instead of the truth
    """

    def __init__(
        self,
        *,
        symbol: Annotated[str, Symbol(help="The one market there is")] = AURORA.symbol,
        tick_size: Annotated[Decimal, Price(gt=0, help="Smallest price step")] = AURORA.tick_size,
        lot_size: Annotated[Decimal, Size(gt=0, help="Smallest size step")] = AURORA.lot_size,
        min_notional_quote: Annotated[Decimal | None, QuoteAmount(ge=0)] = AURORA.min_notional_quote,
        maker_fee_bps: Annotated[Decimal, Bps(help="Negative for a rebate")] = ZERO,
        base_balance: Annotated[Decimal, Size(ge=0)] = Decimal(100_000),
        quote_balance: Annotated[Decimal, QuoteAmount(ge=0)] = Decimal(100_000),
        book_levels: Annotated[int, Count(ge=0, help="Levels of the book it loads with, 0 for none")] = 0,
        immediate: Annotated[bool, Flag(help="Answers within the caller's turn, as paper does")] = True,
    ) -> None:
        base, quote = symbol.split(":")[0].split("/")
        self.instrument = Instrument(
            symbol=symbol,
            base=base,
            quote=quote,
            tick_size=tick_size,
            lot_size=lot_size,
            min_notional_quote=min_notional_quote,
            maker_fee_bps=maker_fee_bps,
        )
        self.clock: Clock = ManualClock()
        self.immediate = immediate
        self.on_order: list[Callable[[OrderReport], None]] = []
        self.on_fill: list[Callable[[Fill], None]] = []
        self.refuse = ""
        self.lose_answers = False
        self.lose_requests = False
        self.can_amend = True
        self.keep_on_cancel = False
        self.ack_after_s = 0.0
        self.offline = ""
        self.silent = False
        self.repeat = False
        self.fee_asset = quote
        self.fee_asset_quote = Decimal(1)
        self.stale_balances: dict[str, Balance] | None = None
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        """Every request as it came in: ("place", client order ids), ("cancel", …), ("cancel_all", ()), …"""
        self._feed = MarketFeed(self.instrument, source="fake")
        self._book_levels = book_levels
        self._totals = {base: base_balance, quote: quote_balance}
        self._orders: dict[str, OrderReport] = {}
        self._fills: list[Fill] = []
        self._clear_at: float | None = None

    async def load(self) -> None:
        self.clock = self.runtime.clock
        if self._book_levels:
            self.set_book(*book_around("1", count=self._book_levels, tick_size=self.instrument.tick_size))

    # What the test tells it

    def set_book(self, bids: Sequence[Change], asks: Sequence[Change]) -> None:
        """Replace the public book, now; our orders it moves through are filled at their own price."""
        self._feed.book.reset(bids, asks)
        self._feed.book_ts_ns = self.clock.now_ns()
        self._feed.received_at = self.clock.monotonic()
        best = {Side.BUY: self._feed.book.best_ask, Side.SELL: self._feed.book.best_bid}
        for order in self._resting():
            other = best[order.side]
            if other is not None and (other - order.price) * order.side.sign <= 0:
                self.fill(order.client_order_id)
        for hear in list(self._feed.on_book):
            hear(self._feed)

    def trade(self, price: str | Decimal, size_base: str | Decimal, aggressor: Side) -> None:
        """Someone else trades at a price; our orders at that price or better are filled first, best price first."""
        limit, left = Decimal(price), Decimal(size_base)
        trade = Trade(ts_ns=self.clock.now_ns(), price=limit, size_base=left, aggressor=aggressor)
        self._feed.last_trade = trade
        reached = [
            order
            for order in self._resting()
            if order.side is aggressor.opposite and (order.price - limit) * order.side.sign >= 0
        ]
        for order in sorted(reached, key=lambda order: -order.price * order.side.sign):
            size = min(left, order.size_base - order.filled_base)
            if size > 0:
                self.fill(order.client_order_id, size)
                left -= size
        for hear in list(self._feed.on_trade):
            hear(trade)

    def fill(self, client_order_id: str, size_base: str | Decimal | None = None) -> Fill:
        """Execute a resting order, wholly or in part, at its own price. Raises KeyError when it does not rest."""
        order = next(order for order in self._resting() if order.client_order_id == client_order_id)
        size = order.size_base - order.filled_base if size_base is None else Decimal(size_base)
        notional = order.price * size
        fee = notional * self.instrument.maker_fee_bps / BPS
        if self.fee_asset != self.instrument.quote:
            fee = (fee / self.fee_asset_quote).quantize(_SMALLEST_FEE)
        self.move(self.instrument.base, size * order.side.sign)
        self.move(self.instrument.quote, -notional * order.side.sign)
        self.move(self.fee_asset, -fee)
        done = order.filled_base + size >= order.size_base
        fill = Fill(
            ts_ns=self.clock.now_ns(),
            fill_id=f"F{len(self._fills) + 1}",
            client_order_id=client_order_id,
            venue_order_id=order.venue_order_id,
            symbol=order.symbol,
            side=order.side,
            price=order.price,
            size_base=size,
            fee=fee,
            fee_asset=self.fee_asset,
        )
        self._fills.append(fill)
        for hear in self._hearers(self.on_fill):
            hear(fill)
        status = OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED
        self._change(order, status, filled_base=order.filled_base + size)
        return fill

    def move(self, asset: str, change: Decimal) -> None:
        """Change a balance: a leg of an execution, or a deposit or withdrawal nobody told us of."""
        self._totals[asset] = self._totals.get(asset, ZERO) + change

    def set_status(self, status: MarketStatus) -> None:
        """Halt or resume the market."""
        self._feed.status = status
        for hear in list(self._feed.on_status):
            hear(status)

    def order(self, client_order_id: str) -> OrderReport:
        """The venue's truth about an order, whatever its answers said. Raises KeyError when it never arrived."""
        self._resting()  # which lets the dead man's switch go off, if it is time
        return self._orders[client_order_id]

    def resting(self, side: Side) -> list[Level]:
        """What rests of ours on a side, best first: price and what is left."""
        found = [Level(o.price, o.size_base - o.filled_base) for o in self._resting() if o.side is side]
        return sorted(found, key=lambda level: -level.price * side.sign)

    # Exchange

    def feed(self, symbol: str) -> MarketFeed:
        if symbol != self.instrument.symbol:
            raise Refused(f"there is no market {symbol} here, only {self.instrument.symbol}")
        return self._feed

    async def place(self, orders: Sequence[OrderRequest]) -> Sequence[OrderReport]:
        self._arrive("place", tuple(order.client_order_id for order in orders))
        answers = [self._place(order) for order in orders]
        await self._late()
        return answers

    async def cancel(self, symbol: str, client_order_ids: Sequence[str]) -> Sequence[OrderReport]:
        self._arrive("cancel", tuple(client_order_ids))
        answers = [self._cancel(symbol, client_order_id) for client_order_id in client_order_ids]
        await self._late()
        return answers

    def amends(self, symbol: str) -> bool:
        return self.can_amend

    async def amend(self, amendments: Sequence[Amendment]) -> Sequence[OrderReport]:
        self._arrive("amend", tuple(each.client_order_id for each in amendments))
        answers = [self._amend(each) for each in amendments]
        await self._late()
        return answers

    async def cancel_all(self, symbol: str) -> None:
        self._arrive("cancel_all", ())
        if not self.keep_on_cancel:
            for order in self._resting():
                self._change(order, OrderStatus.CANCELLED)
        await self._late()

    async def cancel_all_after(self, symbol: str, seconds: int) -> None:
        self._arrive("cancel_all_after", (str(seconds),))
        self._clear_at = self.clock.monotonic() + seconds if seconds else None

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        self._arrive("open_orders", ())
        return self._resting()

    async def fills(self, symbol: str, since_ns: int) -> Sequence[Fill]:
        self._arrive("fills", ())
        return [fill for fill in self._fills if fill.ts_ns >= since_ns]

    async def closed_orders(self, symbol: str, since_ns: int) -> Sequence[OrderReport]:
        self._arrive("closed_orders", ())
        final = [order for order in self._orders.values() if order.status.is_final and order.ts_ns >= since_ns]
        return sorted(final, key=lambda order: order.ts_ns)

    async def balances(self) -> dict[str, Balance]:
        self._arrive("balances", ())
        return self._balances() if self.stale_balances is None else self.stale_balances

    # Inside

    def _arrive(self, call: str, ids: tuple[str, ...]) -> None:
        self.calls.append((call, ids))
        if self.offline:
            raise NotReady(self.offline)

    async def _late(self) -> None:
        if self.ack_after_s:
            await self.clock.sleep_until(self.clock.monotonic() + self.ack_after_s)

    def _place(self, order: OrderRequest) -> OrderReport:
        report = self._report(order)
        if self.lose_requests:
            return _answer(PlaceUnknown, report, OrderStatus.UNKNOWN, "the answer was lost")
        if reason := self.refuse or self._wrong(order):
            return _answer(PlaceRefused, report, OrderStatus.REJECTED, reason)
        if reason := self._would_take(order):
            answer = _answer(PlaceRefused, report, OrderStatus.REJECTED, reason)
            return msgspec.structs.replace(answer, kind=RefusalKind.WOULD_TAKE)
        self._orders[order.client_order_id] = report
        self._push(report)
        if self.lose_answers:
            return _answer(PlaceUnknown, report, OrderStatus.UNKNOWN, "the answer was lost")
        return _answer(Placed, report, OrderStatus.OPEN, "")

    def _report(self, order: OrderRequest) -> OrderReport:
        return OrderReport(
            ts_ns=self.clock.now_ns(),
            client_order_id=order.client_order_id,
            venue_order_id=f"V{len(self._orders) + 1}",
            symbol=order.symbol,
            side=order.side,
            price=order.price,
            size_base=order.size_base,
            filled_base=ZERO,
            status=OrderStatus.OPEN,
        )

    def _wrong(self, order: OrderRequest) -> str:
        """Why the venue does not take the order, or an empty string."""
        instrument = self.instrument
        if order.symbol != instrument.symbol:
            return f"there is no market {order.symbol} here"
        if self._feed.status is MarketStatus.HALTED:
            return "the market is halted"
        if order.client_order_id in self._orders:
            return f"the client order id {order.client_order_id} has been used"
        if order.price <= 0 or order.price % instrument.tick_size:
            return f"the price {order.price} is not on the tick {instrument.tick_size}"
        if order.size_base <= 0 or order.size_base % instrument.lot_size:
            return f"the size {order.size_base} is not a multiple of the lot {instrument.lot_size}"
        notional, least = order.price * order.size_base, instrument.min_notional_quote
        if least is not None and notional < least:
            return f"the notional {notional} is below the minimum {least}"
        if not order.post_only:
            return "only post-only orders are taken here"
        asset, needed = (instrument.quote, notional) if order.side is Side.BUY else (instrument.base, order.size_base)
        free = self._balances()[asset].free
        return f"{needed} {asset} needed, {free} free" if needed > free else ""

    def _would_take(self, order: OrderRequest) -> str:
        """Why a post-only order cannot rest, or an empty string."""
        book = self._feed.book
        other = book.best_ask if order.side is Side.BUY else book.best_bid
        if other is None or (other - order.price) * order.side.sign > 0:
            return ""
        return f"post-only: {order.price} would trade at once against {other}"

    def _cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        order = self._orders.get(client_order_id)
        if order is None or order.status.is_final:
            known = order or self._report(_nothing(client_order_id, symbol))
            return msgspec.structs.replace(known, status=OrderStatus.UNKNOWN, reason="the order does not rest here")
        if self.keep_on_cancel:
            return msgspec.structs.replace(order, status=OrderStatus.UNKNOWN, reason="the answer was lost")
        return self._change(order, OrderStatus.CANCELLED)

    def _amend(self, amendment: Amendment) -> OrderReport:
        order, size = self._orders.get(amendment.client_order_id), amendment.size_base
        if order is None or order.status.is_final:
            known = order or self._report(_nothing(amendment.client_order_id, amendment.symbol))
            return _answer(AmendUnknown, known, OrderStatus.UNKNOWN, "the order does not rest here")
        if self.lose_requests:
            return _answer(AmendUnknown, order, OrderStatus.UNKNOWN, "the answer was lost")
        if reason := self.refuse or ("" if order.filled_base < size < order.size_base else "that is no reduction"):
            return _answer(AmendRefused, order, order.status, reason)
        changed = self._change(msgspec.structs.replace(order, size_base=size), order.status)
        if self.lose_answers:
            return _answer(AmendUnknown, changed, OrderStatus.UNKNOWN, "the answer was lost")
        return _answer(Amended, changed, changed.status, "")

    def _change(self, order: OrderReport, status: OrderStatus, *, filled_base: Decimal | None = None) -> OrderReport:
        changed = msgspec.structs.replace(
            order,
            ts_ns=self.clock.now_ns(),
            status=status,
            filled_base=order.filled_base if filled_base is None else filled_base,
        )
        self._orders[order.client_order_id] = changed
        self._push(changed)
        return changed

    def _push(self, report: OrderReport) -> None:
        for hear in self._hearers(self.on_order):
            hear(report)

    def _hearers(self, listeners: list[Callable[[Any], None]]) -> list[Callable[[Any], None]]:
        return [] if self.silent else list(listeners) * (2 if self.repeat else 1)

    def _resting(self) -> list[OrderReport]:
        if self._clear_at is not None and self.clock.monotonic() >= self._clear_at:
            self._clear_at = None
            for order in self._resting():
                self._change(order, OrderStatus.CANCELLED)
        return [order for order in self._orders.values() if not order.status.is_final]

    def _balances(self) -> dict[str, Balance]:
        base, quote = self.instrument.base, self.instrument.quote
        locked = dict.fromkeys(self._totals, ZERO)
        for order in self._resting():
            left = order.size_base - order.filled_base
            if order.side is Side.BUY:
                locked[quote] += left * order.price
            else:
                locked[base] += left
        return {
            asset: Balance(asset=asset, free=total - locked[asset], locked=locked[asset])
            for asset, total in self._totals.items()
        }


def _nothing(client_order_id: str, symbol: str) -> OrderRequest:
    return OrderRequest(client_order_id=client_order_id, symbol=symbol, side=Side.BUY, price=ZERO, size_base=ZERO)


def _answer(kind: type[OrderReport], report: OrderReport, status: OrderStatus, reason: str) -> OrderReport:
    """The same order as another kind of answer."""
    fields = {name: getattr(report, name) for name in OrderReport.__struct_fields__}
    fields |= {"status": status, "reason": reason}
    if kind is not Placed:
        fields["venue_order_id"] = ""
    return kind(**fields)


_SMALLEST_FEE = Decimal("1e-8")
"""Venues round what they take in another asset."""
