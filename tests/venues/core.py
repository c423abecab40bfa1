"""A venue's own books: price-time matching, balances with holds, fees, ids, events and history, exact and in order.

The servers of this package only translate between this core and a venue's wire format, so that what truly happened is
known whatever a client was told. Nothing here is shared with the engine under test but Python's Decimal.

Amounts are base currency unless a name says quote. Stamps are UTC nanoseconds of the venue's clock.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from decimal import ROUND_UP, Decimal, localcontext
from typing import Literal

import msgspec

from tests.venues.records import (
    EXACT,
    ZERO,
    BookChange,
    Event,
    Execution,
    Market,
    Order,
    Print,
    Reject,
    Side,
    Tif,
    VenueClock,
)

FEE_STEP = Decimal("1e-18")
FIRST_ID = 2**53 + 1
"""Beyond what a float can hold: an id that went through one comes back as another's."""
FIRST_SEQUENCE = 70_000_000_000
"""Of order-book updates; larger than 32 bits, as venues are after some years."""
CROWD = "crowd"
TAKERS = "takers"
"""The accounts of everybody else: those who quote, and those who trade with what is quoted."""


class Core:
    """Accounts, orders and trades of one venue.

    fee_in               where fees are taken: "received", "quote", or the name of a third asset
    fee_asset_price      what one unit of that third asset is worth in quote currency
    refuses_takers_late  a post-only order that would take is acknowledged first and cancelled then, as some venues do
    below_filled         when an order shall be smaller than what has filled: that is refused, or its rest is cancelled
    client_ids           whether one may be used once, again when no order with it rests, or at any time
    """

    def __init__(
        self,
        markets: Iterable[Market],
        *,
        refuses_takers_late: bool = False,
        client_ids: Literal["once", "one_resting", "any"] = "once",
        below_filled: Literal["refused", "cancelled"] = "refused",
        fee_in: str = "received",
    ) -> None:
        self.clock = VenueClock()
        self.markets = {market.symbol: market for market in markets}
        self.fee_in = fee_in
        self.fee_asset_price = Decimal(1)
        self.refuses_takers_late = refuses_takers_late
        self.client_ids = client_ids
        self.below_filled = below_filled
        self.halted: set[str] = set()
        self.orders: dict[int, Order] = {}
        """Every order ever taken, by id."""
        self.executions: list[Execution] = []
        self.prints: list[Print] = []
        self.on_event: list[Callable[[Event], None]] = []
        self.on_book: list[Callable[[BookChange], None]] = []
        self.on_print: list[Callable[[Print], None]] = []
        self.on_balance: list[Callable[[str, list[str]], None]] = []
        """Hears the account and the assets that changed."""
        self.sequences = dict.fromkeys(self.markets, FIRST_SEQUENCE)
        self.fees_taken: dict[str, Decimal] = {}
        self._totals: dict[tuple[str, str], Decimal] = {}
        self._books: dict[tuple[str, Side], list[Order]] = {
            (symbol, side): [] for symbol in self.markets for side in ("buy", "sell")
        }
        self._touched: dict[tuple[str, Side], dict[Decimal, None]] = {}
        self._events: list[Event] = []
        self._news: list[Print] = []
        self._ids = FIRST_ID
        self._switches: dict[tuple[str, str], int] = {}
        """When everything of an account is cancelled, by account and symbol; an empty symbol for all markets."""

    # Money

    def deposit(self, account: str, **amounts: str) -> None:
        for asset, amount in amounts.items():
            self._move(account, asset, Decimal(amount))

    def total(self, account: str, asset: str) -> Decimal:
        return self._totals.get((account, asset), ZERO)

    def held(self, account: str, asset: str) -> Decimal:
        with localcontext(EXACT):
            holds = [self._hold(order) for order in self.resting(account)]
            return sum((amount for held_asset, amount in holds if held_asset == asset), ZERO)

    def free(self, account: str, asset: str) -> Decimal:
        with localcontext(EXACT):
            return self.total(account, asset) - self.held(account, asset)

    def assets(self, account: str) -> list[str]:
        return sorted(asset for owner, asset in self._totals if owner == account)

    def _hold(self, order: Order) -> tuple[str, Decimal]:
        market = order.market
        if order.side == "sell":
            return market.base, order.left
        fee = max(market.maker_fee, market.taker_fee, ZERO) if self.fee_in == "quote" else ZERO
        return market.quote, order.left * order.price * (1 + fee)

    def _move(self, account: str, asset: str, change: Decimal) -> None:
        with localcontext(EXACT):
            self._totals[account, asset] = self.total(account, asset) + change

    # Orders

    def place(
        self,
        account: str,
        symbol: str,
        side: Side,
        *,
        price: Decimal | None = None,
        size: Decimal | None = None,
        size_quote: Decimal | None = None,
        tif: Tif = "gtc",
        post_only: bool = False,
        client_id: str = "",
    ) -> Order:
        """Take an order, a limit order when it has a price, and match it. Raises Reject."""
        self.tick()
        market = self.markets.get(symbol)
        if market is None:
            raise Reject("unknown_market", f"there is no market {symbol}")
        with localcontext(EXACT):
            if size is None:
                size = self._affordable(market, side, size_quote or ZERO)
            self._check(account, market, side, price, size, client_id)
            crosses = price is not None and self._crosses(market, side, price)
            if post_only and crosses and not self.refuses_takers_late:
                raise Reject("would_take", f"a post-only {side} at {price} would take")
            now_ns = self.clock.now_ns()
            order = Order(
                order_id=self._next_id(),
                client_id=client_id,
                account=account,
                market=market,
                side=side,
                kind="market" if price is None else "limit",
                tif="ioc" if price is None else tif,
                post_only=post_only,
                price=price or ZERO,
                size=size,
                created_ns=now_ns,
                updated_ns=now_ns,
            )
            self.orders[order.order_id] = order
            self._tell("new", order)
            if post_only and crosses:
                self._end(order, "canceled", "post_only")
            else:
                self._match(order)
        self._publish()
        return order

    def amend(
        self, account: str, symbol: str, *, order_id: int | None = None, client_id: str = "", size: Decimal
    ) -> Order:
        """Make an order smaller in its place: `size` is its whole one, executions included. Raises Reject."""
        self.tick()
        order = self.find(account, order_id=order_id, client_id=client_id)
        if order is None or (symbol and order.market.symbol != symbol) or not order.rests:
            raise Reject("gone", "there is no such order that rests", order)
        if size >= order.size or size % order.market.lot:
            raise Reject("amend", f"{size} is no reduction of {order.size} in lots of {order.market.lot}")
        if size <= order.filled and self.below_filled == "refused":
            raise Reject("amend", f"{order.filled} has filled, more than {size}")
        if size <= order.filled:
            self._end(order, "canceled", "user")
        else:
            order.size, order.updated_ns = size, self.clock.now_ns()
            self._touch(order)
            self._tell("amended", order)
        self._publish()
        return order

    def cancel(self, account: str, symbol: str, *, order_id: int | None = None, client_id: str = "") -> Order:
        """Raises Reject of kind gone, with the order when there was one."""
        self.tick()
        order = self.find(account, order_id=order_id, client_id=client_id)
        if order is None or (symbol and order.market.symbol != symbol):
            raise Reject("gone", "there is no such order")
        if not order.rests:
            raise Reject("gone", f"the order is {order.status}", order)
        self._end(order, "canceled", "user")
        self._publish()
        return order

    def cancel_all(self, account: str, symbol: str = "") -> list[Order]:
        self.tick()
        return self._cancel_all(account, symbol, "user")

    def cancel_all_after(self, account: str, seconds: float, symbol: str = "") -> int:
        """A dead man's switch: everything is cancelled unless it is wound up again; 0 disarms. Returns when, or 0."""
        self.tick()
        self._switches.pop((account, symbol), None)
        if not seconds:
            return 0
        due_ns = self.clock.now_ns() + round(seconds * 1_000_000_000)
        self._switches[account, symbol] = due_ns
        return due_ns

    def hasten(self, seconds: float) -> None:
        """Let so much of every countdown pass, without the time of day moving."""
        self._switches = {key: due_ns - round(seconds * 1_000_000_000) for key, due_ns in self._switches.items()}
        self.tick()

    def tick(self) -> None:
        """Let what is due happen."""
        now_ns = self.clock.now_ns()
        for account, symbol in [key for key, due_ns in self._switches.items() if due_ns <= now_ns]:
            del self._switches[account, symbol]
            self._cancel_all(account, symbol, "switch")

    def find(self, account: str, *, order_id: int | None = None, client_id: str = "") -> Order | None:
        """By id, or the latest with that client id."""
        if order_id is not None:
            order = self.orders.get(order_id)
            return order if order is not None and order.account == account else None
        if not client_id:
            return None
        mine = [order for order in self.orders.values() if (order.account, order.client_id) == (account, client_id)]
        return mine[-1] if mine else None

    def history(self, account: str, symbol: str = "") -> list[Order]:
        """Every order of an account, oldest first."""
        orders = self.orders.values()
        return [order for order in orders if order.account == account and symbol in ("", order.market.symbol)]

    def resting(self, account: str, symbol: str = "") -> list[Order]:
        return [order for order in self.history(account, symbol) if order.rests]

    def fills(self, account: str, symbol: str = "") -> list[Execution]:
        """Every execution of an account, oldest first."""
        mine = [each for each in self.executions if each.order.account == account]
        return [each for each in mine if symbol in ("", each.order.market.symbol)]

    # The market

    def levels(self, symbol: str, side: Side, depth: int = 1000) -> list[tuple[Decimal, Decimal]]:
        """Best first."""
        found: dict[Decimal, Decimal] = {}
        with localcontext(EXACT):
            for order in self._books[symbol, side]:
                found[order.price] = found.get(order.price, ZERO) + order.left
        return list(found.items())[:depth]

    def crowd_rests(self, symbol: str, side: Side, price: str, size: str) -> Order:
        """Somebody else quotes."""
        market = self.markets[symbol]
        self.deposit(CROWD, **{market.base: "1e9", market.quote: "1e15"})
        return self.place(CROWD, symbol, side, price=Decimal(price), size=Decimal(size), post_only=True)

    def crowd_takes(self, symbol: str, side: Side, price: str, size: str) -> Order:
        """Somebody else takes what rests, down to a price."""
        market = self.markets[symbol]
        self.deposit(TAKERS, **{market.base: "1e9", market.quote: "1e15"})
        return self.place(TAKERS, symbol, side, price=Decimal(price), size=Decimal(size), tif="ioc")

    # Inside

    def _next_id(self) -> int:
        self._ids += 2
        return self._ids

    def _check(
        self, account: str, market: Market, side: Side, price: Decimal | None, size: Decimal, client_id: str
    ) -> None:
        if market.symbol in self.halted:
            raise Reject("halted", f"{market.symbol} is halted")
        if price is not None and (price <= 0 or price % market.tick):
            raise Reject("price", f"the price {price} is not on the tick {market.tick}")
        if size < market.min_size or size % market.lot:
            raise Reject("size", f"the size {size} is not a multiple of the lot {market.lot} or too small")
        at = price if price is not None else self._best(market, "sell" if side == "buy" else "buy")
        if at is None:
            raise Reject("price", "there is nothing to trade with")
        if at * size < market.min_quote:
            raise Reject("notional", f"the notional {at * size} is below {market.min_quote}")
        taken = self.history(account) if self.client_ids == "once" else self.resting(account)
        if client_id and self.client_ids != "any" and any(order.client_id == client_id for order in taken):
            raise Reject("duplicate", f"the client id {client_id} has been used")
        probe = (market.base, size) if side == "sell" else (market.quote, at * size)
        if probe[1] > self.free(account, probe[0]):
            raise Reject("funds", f"{probe[1]} {probe[0]} needed, {self.free(account, probe[0])} free")

    def _affordable(self, market: Market, side: Side, size_quote: Decimal) -> Decimal:
        """What a market order for so much quote currency buys, in lots."""
        size = ZERO
        for price, there in self.levels(market.symbol, "sell" if side == "buy" else "buy"):
            part = min(there, size_quote / price // market.lot * market.lot)
            size += part
            size_quote -= part * price
            if part < there:
                break
        return size

    def _best(self, market: Market, side: Side) -> Decimal | None:
        resting = self._books[market.symbol, side]
        return resting[0].price if resting else None

    def _crosses(self, market: Market, side: Side, price: Decimal) -> bool:
        best = self._best(market, "sell" if side == "buy" else "buy")
        return best is not None and (price >= best if side == "buy" else price <= best)

    def _match(self, order: Order) -> None:
        market, others = order.market, self._books[order.market.symbol, "sell" if order.side == "buy" else "buy"]
        within = [each for each in others if not order.price or self._reaches(order, each)]
        if order.tif == "fok" and sum((each.left for each in within), ZERO) < order.size:
            self._end(order, "expired", "fok")
            return
        for maker in within:
            if not order.left:
                break
            if maker.account == order.account:
                self._end(order, "expired", "self_trade")
                return
            self._trade(maker, order, min(maker.left, order.left))
        if order.left and order.tif == "ioc":
            self._end(order, "expired", "ioc")
        elif order.left:
            sign = -1 if order.side == "buy" else 1
            insort(self._books[market.symbol, order.side], order, key=lambda each: (sign * each.price, each.order_id))
            self._touch(order)

    @staticmethod
    def _reaches(order: Order, other: Order) -> bool:
        return other.price <= order.price if order.side == "buy" else other.price >= order.price

    def _trade(self, maker: Order, taker: Order, size: Decimal) -> None:
        market, price, now_ns = taker.market, maker.price, self.clock.now_ns()
        trade_id = self._next_id()
        for order in (maker, taker):
            order.filled += size
            order.cost += size * price
            order.updated_ns = now_ns
            order.status = "partially_filled" if order.left else "filled"
        if not maker.left:
            self._books[market.symbol, maker.side].remove(maker)
        self._touch(maker)
        for order in (maker, taker):
            sign = 1 if order.side == "buy" else -1
            self._move(order.account, market.base, sign * size)
            self._move(order.account, market.quote, -sign * size * price)
            rate = market.maker_fee if order is maker else market.taker_fee
            fee, asset = self._fee(order, rate, size, price)
            self._move(order.account, asset, -fee)
            self.fees_taken[asset] = self.fees_taken.get(asset, ZERO) + fee
            execution = Execution(
                trade_id=trade_id,
                order=msgspec.structs.replace(order),
                price=price,
                size=size,
                fee=fee,
                fee_asset=asset,
                is_maker=order is maker,
                ts_ns=now_ns,
            )
            self.executions.append(execution)
            self._tell("trade", order, execution)
        public = Print(trade_id=trade_id, market=market, price=price, size=size, taker=taker.side, ts_ns=now_ns)
        self.prints.append(public)
        self._news.append(public)

    def _fee(self, order: Order, rate: Decimal, size: Decimal, price: Decimal) -> tuple[Decimal, str]:
        market = order.market
        if self.fee_in == "received" and order.side == "buy":
            amount, asset = rate * size, market.base
        elif self.fee_in in ("received", "quote"):
            amount, asset = rate * size * price, market.quote
        else:
            amount, asset = rate * size * price / self.fee_asset_price, self.fee_in
        return amount.quantize(FEE_STEP, ROUND_UP), asset

    def _cancel_all(self, account: str, symbol: str, why: str) -> list[Order]:
        ended = self.resting(account, symbol)
        for order in ended:
            self._end(order, "canceled", why)
        self._publish()
        return ended

    def _end(self, order: Order, status: Literal["canceled", "expired"], why: str) -> None:
        order.status, order.why, order.updated_ns = status, why, self.clock.now_ns()
        resting = self._books[order.market.symbol, order.side]
        if order in resting:
            resting.remove(order)
            self._touch(order)
        self._tell(status, order)

    def _touch(self, order: Order) -> None:
        self._touched.setdefault((order.market.symbol, order.side), {})[order.price] = None

    def _tell(
        self,
        what: Literal["new", "trade", "amended", "canceled", "expired"],
        order: Order,
        execution: Execution | None = None,
    ) -> None:
        self._events.append(Event(what=what, order=msgspec.structs.replace(order), execution=execution))

    def _publish(self) -> None:
        """Tell what one call changed, once it is wholly done: own events, prints, then the book in one step."""
        events, self._events = self._events, []
        news, self._news = self._news, []
        touched, self._touched = self._touched, {}
        for event in events:
            for hear in list(self.on_event):
                hear(event)
        for account in dict.fromkeys(event.order.account for event in events):
            market = next(event.order.market for event in events if event.order.account == account)
            for hear_balance in list(self.on_balance):
                hear_balance(account, [market.base, market.quote])
        for public in news:
            for hear_print in list(self.on_print):
                hear_print(public)
        for symbol in dict.fromkeys(symbol for symbol, _ in touched):
            self.sequences[symbol] += 1
            change = BookChange(
                market=self.markets[symbol],
                sequence=self.sequences[symbol],
                bids=self._sizes(symbol, "buy", touched.get((symbol, "buy"), {})),
                asks=self._sizes(symbol, "sell", touched.get((symbol, "sell"), {})),
                ts_ns=self.clock.now_ns(),
            )
            for hear_book in list(self.on_book):
                hear_book(change)

    def _sizes(self, symbol: str, side: Side, prices: Iterable[Decimal]) -> list[tuple[Decimal, Decimal]]:
        now = dict(self.levels(symbol, side))
        return [(price, now.get(price, ZERO)) for price in prices]
