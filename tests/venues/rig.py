"""An account at a venue as the engine has it, and the books that judge: on paper, or over a socket to a loopback venue.

The books are asked about an order by its side, price and size, which every case makes its own: no id of ours has to be
believed for that.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

import msgspec

from engine.core.component import Identity
from engine.core.errors import NotReady
from engine.core.scheduler import Scheduler
from engine.execution.rates import SlidingWindow
from engine.market.types import Balance, Fill, Instrument, OrderReport, OrderRequest, Side, Trade
from engine.testing import RecordingRuntime
from engine.venues.base import Exchange, MarketFeed
from engine.venues.credentials import Credentials
from engine.venues.hub import MarketHub
from engine.venues.paper.exchange import PaperExchange
from tests.venues.core import CROWD
from tests.venues.loopback import Loopback
from tests.venues.records import Market
from tests.venues.wire import Venue

D = Decimal
T = TypeVar("T")
HASTE = 20
PATIENCE_S = 10.0
DEPLOYMENT, TOKEN = 7, 3


class HastyClock:
    """The machine's time of day, and waits that pass twenty times as fast: nobody needs to wait for a back-off."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic() * HASTE

    async def sleep_until(self, monotonic: float) -> None:
        await asyncio.sleep(max(0.0, monotonic / HASTE - time.monotonic()))


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What the books hold of an order."""

    rests: bool
    filled: Decimal
    size: Decimal


class Rig(ABC):
    """`exchange` is what is tested; `reports` and `fills` are what it told."""

    exchange: Any
    symbol: str
    base: str
    quote: str

    def __init__(self) -> None:
        self.reports: list[OrderReport] = []
        self.fills: list[Fill] = []
        self._numbers = count(1)
        self._told = asyncio.Event()

    def listen(self) -> None:
        self.exchange.on_order.append(self._hear_report)
        self.exchange.on_fill.append(self._hear_fill)

    def _hear_report(self, report: OrderReport) -> None:
        self.reports.append(report)
        self._told.set()

    def _hear_fill(self, fill: Fill) -> None:
        self.fills.append(fill)
        self._told.set()

    async def until(self, so: Callable[[], object]) -> None:
        """Wait until what the exchange told makes something so. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while not so():
                self._told.clear()
                await self._told.wait()

    def order(self, side: Side = Side.BUY, price: str = "99.5", size: str = "1", **more: Any) -> OrderRequest:
        """A request of its own id and size."""
        number = next(self._numbers)
        return OrderRequest(
            client_order_id=f"mm-{DEPLOYMENT:x}-{TOKEN:x}-{0x19A00000000 + number:x}",
            symbol=self.symbol,
            side=side,
            price=D(price),
            size_base=D(size) + number * D("0.001"),
            **more,
        )

    async def place(self, order: OrderRequest) -> OrderReport:
        [answer] = await self.exchange.place([order])
        return answer

    def told_of(self, order: OrderRequest) -> list[OrderReport]:
        return [report for report in self.reports if report.client_order_id == order.client_order_id]

    def filled_of(self, order: OrderRequest) -> dict[str, Fill]:
        """Executions told of an order, by their id."""
        return {fill.fill_id: fill for fill in self.fills if fill.client_order_id == order.client_order_id}

    def truth(self, order: OrderRequest) -> Truth | None:
        """None when the books never had it. Raises AssertionError when they have it twice."""
        found = self.all_truths(order)
        assert len(found) <= 1, f"the books have {order} {len(found)} times"
        return found[0] if found else None

    # What a kind of rig knows

    @abstractmethod
    def all_truths(self, order: OrderRequest) -> list[Truth]: ...

    @abstractmethod
    def resting(self) -> int:
        """How many of our orders rest."""

    @abstractmethod
    def holdings(self) -> dict[str, Balance]: ...

    @abstractmethod
    def crowd_takes(self, side: Side, price: str, size: str) -> None:
        """Somebody takes everything down to a price, at most so much: what of ours rests there fills."""

    @abstractmethod
    async def move(self, seconds: float) -> None:
        """Let the venue's time pass."""

    @abstractmethod
    async def count_down(self, seconds: float) -> None:
        """Let so much of a dead man's switch pass."""

    @abstractmethod
    def now_ns(self) -> int:
        """The venue's time."""

    @abstractmethod
    async def close(self) -> None: ...


class Wired(Rig):
    """The component of a venue, over a socket."""

    def __init__(self, venue: Venue, loopback: Loopback) -> None:
        super().__init__()
        self.venue = venue
        self.market: Market = next(iter(venue.books.markets.values()))
        self.symbol, self.base, self.quote = self.market.symbol, self.market.base, self.market.quote
        self.keys = venue.keys
        loopback.mount(venue)

    async def open(self, **settings: Any) -> Wired:
        from engine.venues.ccxt.venue import Venues

        self.clock = HastyClock()
        self.scheduler = Scheduler(self.clock)
        self.scheduler.start()
        self.hub = MarketHub()
        self.runtime = RecordingRuntime(
            self.clock,
            identity=Identity(deployment_id=DEPLOYMENT, token=TOKEN, symbol=self.symbol),
            scheduler=self.scheduler,
            hub=self.hub,
            credentials=self._credentials,
        )
        self.exchange = Venues.component(self.venue.id)(
            **{"account": "desk", "endpoint_override": self.venue.address, "request_timeout_s": D("5")} | settings
        )
        self.runtime.equip(self.exchange, self.venue.id)
        self.listen()
        await self.exchange.load()
        self.plenty()
        return self

    def plenty(self) -> None:
        """Let the address have all the requests a case needs: budgets are another test's matter."""
        self.exchange._venue.line.budget = SlidingWindow(self.clock, limit=10**9, window_s=1, reserve=0)

    async def attentive(self) -> Wired:
        """With the streams of our orders up: they begin with the first use of a market."""
        await self.exchange.open_orders(self.symbol)
        await self.heard_by_stream()
        return self

    def _credentials(self, account: str) -> Credentials:
        return Credentials(api_key=self.keys.api_key, secret=self.keys.secret, passphrase=self.keys.passphrase)

    async def until(self, so: Callable[[], object]) -> None:
        """Where the venue pushes nothing, as whoever asks it again and again."""
        if self.venue.has_streams:
            await super().until(so)
            return
        async with asyncio.timeout(PATIENCE_S):
            while not so():
                for fill in await self.exchange.fills(self.symbol, self.now_ns() - 60 * 10**9):
                    self._hear_fill(fill)
                await self.clock.sleep_until(self.clock.monotonic() + 1)

    async def heard_by_stream(self) -> None:
        """Wait until the venue has somebody who listens to our orders, where it streams any."""
        if self.venue.has_streams:
            async with asyncio.timeout(PATIENCE_S):
                await self.venue.until(lambda: self.venue.listens(self.venue.keys.account))

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """A request without an answer is given up at once, not after seconds."""
        wire = self.exchange._account.library.wire
        patience_s, wire.timeout_s = wire.timeout_s, 0.1
        try:
            yield
        finally:
            wire.timeout_s = patience_s

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until the budget lets us: the venue may have told us to stay away."""
        for _ in range(300):
            try:
                return await ask()
            except NotReady:
                await self.clock.sleep_until(self.clock.monotonic() + 1)
        raise TimeoutError

    def all_truths(self, order: OrderRequest) -> list[Truth]:
        return [
            Truth(rests=each.rests, filled=each.filled, size=each.size)
            for each in self.venue.books.history(self.venue.keys.account)
            if (each.side, each.price, each.size) == (order.side.value, order.price, order.size_base)
        ]

    def resting(self) -> int:
        return len(self.venue.books.resting(self.venue.keys.account))

    def holdings(self) -> dict[str, Balance]:
        books, account = self.venue.books, self.venue.keys.account
        return {
            asset: Balance(asset=asset, free=books.free(account, asset), locked=books.held(account, asset))
            for asset in books.assets(account)
        }

    def crowd_takes(self, side: Side, price: str, size: str) -> None:
        self.venue.books.cancel_all(CROWD)  # so that what is taken is ours
        self.venue.books.crowd_takes(self.symbol, side.value, price, size)

    async def move(self, seconds: float) -> None:
        self.venue.clock.move(seconds)
        self.venue.books.tick()

    async def count_down(self, seconds: float) -> None:
        self.venue.books.hasten(seconds)

    def now_ns(self) -> int:
        return self.venue.clock.now_ns()

    async def close(self) -> None:
        await self.exchange.unload()
        await self.hub.close()
        await self.scheduler.stop()
        for task in self.runtime.tasks:
            task.cancel()
        assert self.venue.unknown == []


class _PublicMarket:
    """The market a paper account is matched against, moved by hand."""

    def __init__(self, instrument: Instrument) -> None:
        self._feed = MarketFeed(instrument, source="by hand")

    def feed(self, symbol: str) -> MarketFeed:
        return self._feed


class OnPaper(Rig):
    """The account on paper."""

    def __init__(self, market: Market) -> None:
        super().__init__()
        self.market = market
        self.symbol, self.base, self.quote = market.symbol, market.base, market.quote

    async def attentive(self) -> OnPaper:
        return self

    async def open(self) -> OnPaper:
        from engine.testing import ManualClock

        self.clock = ManualClock(now_ns=time.time_ns())
        self.scheduler = Scheduler(self.clock)
        market = self.market
        instrument = Instrument(
            symbol=market.symbol,
            base=market.base,
            quote=market.quote,
            tick_size=market.tick,
            lot_size=market.lot,
            min_size_base=market.min_size,
            min_notional_quote=market.min_quote,
            maker_fee_bps=market.maker_fee * 10_000,
            taker_fee_bps=market.taker_fee * 10_000,
        )
        self.public = _PublicMarket(instrument)
        self.runtime = RecordingRuntime(
            self.clock, identity=Identity(deployment_id=DEPLOYMENT, token=TOKEN), scheduler=self.scheduler
        )
        self.exchange = PaperExchange(
            market=self.public, symbol=market.symbol, base_balance=D(10), quote_balance=D(100_000), latency_ms=0
        )
        self.runtime.equip(self.exchange, "paper")
        self._show([("99.99", "3"), ("99.98", "3")], [("100.01", "3"), ("100.02", "3")])
        self.listen()
        await self.exchange.load()
        return self

    def _show(self, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> None:
        feed = self.public.feed(self.symbol)
        feed.book.reset([(D(p), D(s)) for p, s in bids], [(D(p), D(s)) for p, s in asks])
        feed.received_at, feed.book_ts_ns = self.clock.monotonic(), self.clock.now_ns()
        feed.publish()

    def all_truths(self, order: OrderRequest) -> list[Truth]:
        """Paper is its own venue: what it holds is the truth."""
        open_, closed = self.exchange._orders.get(order.client_order_id), self.exchange._closed
        found = [Truth(rests=True, filled=open_.filled_base, size=order.size_base)] if open_ is not None else []
        return found + [
            Truth(rests=False, filled=each.filled_base, size=each.size_base)
            for each in closed
            if each.client_order_id == order.client_order_id and each.status != "rejected"
        ]

    def resting(self) -> int:
        return len(self.exchange._orders)

    def holdings(self) -> dict[str, Balance]:
        balances: dict[str, Balance] = self.exchange._ledger.balances()
        return balances

    def crowd_takes(self, side: Side, price: str, size: str) -> None:
        trade = Trade(ts_ns=self.clock.now_ns(), price=D(price), size_base=D(size), aggressor=side)
        for hear in tuple(self.public.feed(self.symbol).on_trade):
            hear(trade)

    async def move(self, seconds: float) -> None:
        await self.scheduler.run_until(self.clock.monotonic() + seconds)

    async def count_down(self, seconds: float) -> None:
        await self.move(seconds)

    def now_ns(self) -> int:
        return self.clock.now_ns()

    async def close(self) -> None:
        await self.exchange.unload()


def is_exchange(candidate: object) -> bool:
    return isinstance(candidate, Exchange)
