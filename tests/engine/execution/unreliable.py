"""A venue at the end of a bad line, and a record that a crash cuts short: the world of `test_lifecycle_model.py`.

The venue itself is honest: what it took rests, what traded is listed. Everything between it and us is not: requests
and answers are late or lost, pushed news is late, lost or doubled and so out of order, lists show the past.

The worst that is promised, and what the engine's waits are made for: a request arrives within ARRIVES_WITHIN_S or
never, a list is at most LISTS_LAG_S behind.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from engine.core.decimals import ZERO
from engine.core.errors import NotReady, OutcomeUnknown
from engine.core.service import Restore
from engine.market.types import Amendment, Balance, Fill, OrderReport, OrderRequest, OrderStatus, Side
from engine.metrics.events import FillRecorded, OrderChanged
from engine.testing import FakeVenue, ManualClock
from engine.venues.base import MarketFeed

T = TypeVar("T")

ARRIVES_WITHIN_S = 6.5
LISTS_LAG_S = 2.0
CLIENT_GIVES_UP_S = 4.0
"""A library's own time-out, after which it says that it does not know."""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one request and its answer. None: lost on that leg."""

    there_s: float | None = 0.02
    back_s: float | None = 0.02
    refused: bool = False
    hangs: bool = False
    """When lost: whether the library never says so either."""


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one pushed report or execution. None: lost."""

    after_s: float | None = 0.01
    twice: bool = False


class World:
    """The venue's truth and the lines to it. Outlives every holder."""

    latest: World

    def __init__(self, clock: ManualClock, **market: Any) -> None:
        World.latest = self
        self.clock = clock
        self.truth = FakeVenue(immediate=False, **market)
        self.truth.clock = clock
        self.truth.on_order.append(self._changed)
        self.truth.on_fill.append(self._filled)
        self.fates: dict[str, deque[Fate]] = {"place": deque(), "cancel": deque(), "amend": deque(), "ask": deque()}
        """What awaits the next messages of each kind; after them everything goes well."""
        self.news: deque[News] = deque()
        self.lag_s = self.fills_lag_s = 0.0
        self.down = ""
        """Why every call fails at once; pushed news is lost meanwhile."""
        self.holder: Connection | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self._history: list[tuple[float, OrderReport]] = []
        self._executions: list[tuple[float, Fill]] = []

    def heal(self) -> None:
        for waiting in self.fates.values():
            waiting.clear()
        self.news.clear()
        self.lag_s = self.fills_lag_s = 0.0
        self.down = ""

    # Truth

    def resting(self) -> list[OrderReport]:
        return self.truth._resting()

    def fills(self) -> list[Fill]:
        return [fill for _, fill in self._executions]

    def orders_at(self, lag_s: float) -> list[OrderReport]:
        """Open orders as they were `lag_s` ago."""
        then = self.clock.monotonic() - lag_s
        last = {report.client_order_id: report for at, report in self._history if at <= then}
        return [report for report in last.values() if not report.status.is_final]

    def fills_at(self, lag_s: float, since_ns: int) -> list[Fill]:
        then = self.clock.monotonic() - lag_s
        return [fill for at, fill in self._executions if at <= then and fill.ts_ns >= since_ns]

    def leave_a_strangers_order(self, price: str) -> None:
        """Somebody else on the same account."""
        self.truth._place(
            OrderRequest(
                client_order_id=f"by-hand-{len(self._history)}",
                symbol=self.truth.instrument.symbol,
                side=Side.BUY,
                price=Decimal(price),
                size_base=Decimal("0.001"),
            )
        )

    def _changed(self, report: OrderReport) -> None:
        self._history.append((self.clock.monotonic(), report))
        self._push(report, "on_order")

    def _filled(self, fill: Fill) -> None:
        self._executions.append((self.clock.monotonic(), fill))
        self._push(fill, "on_fill")

    # Lines

    def _push(self, word: OrderReport | Fill, listeners: str) -> None:
        news = self.news.popleft() if self.news else News()
        if self.holder is None or self.down or news.after_s is None:
            return
        for number in range(2 if news.twice else 1):
            self.spawn(self._deliver(self.holder, word, listeners, news.after_s + number * 0.7))

    async def _deliver(self, holder: Connection, word: OrderReport | Fill, listeners: str, after_s: float) -> None:
        await self._sleep(after_s)
        if self.holder is holder:
            for hear in list(getattr(holder, listeners)):
                hear(word)

    async def call(self, kind: str, work: Callable[[Fate], T]) -> T:
        """A request on its way: it arrives, or not, whatever becomes of the caller."""
        fate = self.fates[kind].popleft() if self.fates[kind] else Fate()
        if self.down:
            raise NotReady(self.down)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.spawn(self._transit(fate, work, answer))
        return await answer

    async def _transit(self, fate: Fate, work: Callable[[Fate], T], answer: asyncio.Future[T]) -> None:
        sent_at = self.clock.monotonic()
        done: T | None = None
        if fate.there_s is not None:
            await self._sleep(fate.there_s)
            done = work(fate)
        lost = fate.there_s is None or fate.back_s is None
        if not lost:
            await self._sleep(fate.back_s or 0.0)
        elif fate.hangs:
            return
        gives_up_at = sent_at + CLIENT_GIVES_UP_S
        if lost or self.clock.monotonic() > gives_up_at:
            await self.clock.sleep_until(gives_up_at)
            if not answer.done():
                answer.set_exception(OutcomeUnknown("no answer in time"))
        elif not answer.done():
            answer.set_result(done)  # type: ignore[arg-type]

    async def _sleep(self, seconds: float) -> None:
        if seconds:
            await self.clock.sleep_until(self.clock.monotonic() + seconds)

    def spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class Connection(FakeVenue):
    """One holder's line to the venue of the world that was made last."""

    @property
    def world(self) -> World:
        return World.latest

    async def load(self) -> None:
        self.clock = self.world.clock
        self.world.holder = self

    def feed(self, symbol: str) -> MarketFeed:
        return self.world.truth.feed(symbol)

    async def place(self, orders: Sequence[OrderRequest]) -> Sequence[OrderReport]:
        return await self.world.call("place", lambda fate: [self._take(order, fate) for order in orders])

    def _take(self, order: OrderRequest, fate: Fate) -> OrderReport:
        truth = self.world.truth
        truth.refuse = "insufficient balance" if fate.refused else ""
        answer = truth._place(order)
        truth.refuse = ""
        return answer

    async def amend(self, amendments: Sequence[Amendment]) -> Sequence[OrderReport]:
        return await self.world.call("amend", lambda fate: [self._shrink(each, fate) for each in amendments])

    def _shrink(self, amendment: Amendment, fate: Fate) -> OrderReport:
        truth = self.world.truth
        truth.refuse = "no amendments today" if fate.refused else ""
        answer = truth._amend(amendment)
        truth.refuse = ""
        return answer

    async def cancel(self, symbol: str, client_order_ids: Sequence[str]) -> Sequence[OrderReport]:
        return await self.world.call("cancel", lambda _: [self._end(symbol, each) for each in client_order_ids])

    def _end(self, symbol: str, client_order_id: str) -> OrderReport:
        answer = self.world.truth._cancel(symbol, client_order_id)
        if answer.status is OrderStatus.UNKNOWN:
            # "No such order" is all that many venues say of one that has filled.
            return msgspec.structs.replace(answer, filled_base=ZERO, venue_order_id="", ts_ns=self.clock.now_ns())
        return answer

    async def cancel_all(self, symbol: str) -> None:
        raise AssertionError("others trade on this account: orders are cancelled one by one")

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        return await self.world.call("ask", lambda _: self.world.orders_at(self.world.lag_s))

    async def fills(self, symbol: str, since_ns: int) -> Sequence[Fill]:
        return await self.world.call("ask", lambda _: self.world.fills_at(self.world.fills_lag_s, since_ns))

    async def balances(self) -> dict[str, Balance]:
        return self.world.truth._balances()


class AnsweringConnection(Connection):
    """A line to a venue that can be asked about one order by our own id."""

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> OrderReport | None:
        return await self.world.call("ask", lambda _: self.world.truth._orders.get(client_order_id))


class Record:
    """What the database would hold: events gather, a commit makes them last, a crash loses what came since.

    A prefix in time is what lasts, since a writer takes all that has gathered.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._gathered: list[OrderChanged | FillRecorded] = []
        self.commit_s: float = 0.01
        self.orders: dict[str, OrderChanged] = {}
        self.created_ns: dict[str, int] = {}
        self.fills: list[FillRecorded] = []
        self.level_of: dict[str, int] = {}
        """Of every order that any holder knew, lasting or not."""

    def hear(self, event: object) -> None:
        if isinstance(event, OrderChanged):
            self.level_of.setdefault(event.client_order_id, event.level)
            self._gathered.append(event)
        elif isinstance(event, FillRecorded):
            known = {each.fill.fill_id for each in self._timeline()}
            assert event.fill.fill_id not in known, f"the fill {event.fill.fill_id} was booked twice"
            self._gathered.append(event)

    def _timeline(self) -> list[FillRecorded]:
        return self.fills + [event for event in self._gathered if isinstance(event, FillRecorded)]

    async def secure(self) -> str:
        wanted = len(self._gathered)
        last = self._gathered[wanted - 1] if wanted else None
        await self._clock.sleep_until(self._clock.monotonic() + min(self.commit_s, 1.0))
        if self.commit_s > 1.0:
            return "The intent could not be recorded within 1 s."
        if last is not None and last in self._gathered:
            self.commit(self._gathered.index(last) + 1)
        return ""

    def commit(self, count: int | None = None) -> None:
        """Make what has gathered last, all of it or the first `count`."""
        lasting, self._gathered = self._gathered[:count], ([] if count is None else self._gathered[count:])
        for event in lasting:
            if isinstance(event, OrderChanged):
                self.created_ns.setdefault(event.client_order_id, event.ts_ns)
                self.orders[event.client_order_id] = event
            else:
                self.fills.append(event)

    def crash(self) -> None:
        self._gathered.clear()

    def restore(self) -> Restore | None:
        """As `mmplatform.host.records` reads it."""
        if not self.orders:
            return None
        booked: dict[str, Decimal] = {}
        for event in self.fills:
            key = event.fill.client_order_id
            booked[key] = booked.get(key, ZERO) + event.fill.size_base
        left = [
            order
            for key, order in self.orders.items()
            if not order.new.is_final or order.filled_base > booked.get(key, ZERO)
        ]
        last = self.fills[-1] if self.fills else None
        return Restore(
            position_base=last.position_base if last else ZERO,
            average_cost=last.average_cost if last else ZERO,
            realised_total_quote=last.realised_total_quote if last else ZERO,
            fees_total_quote=last.fees_total_quote if last else ZERO,
            volume_total_quote=last.volume_total_quote if last else ZERO,
            fills_total=last.fills_total if last else 0,
            last_fill_ns=last.fill.ts_ns if last else 0,
            fill_ids=frozenset(event.fill.fill_id for event in self.fills),
            fills_from_ns=0,
            orders=tuple(
                OrderReport(
                    ts_ns=self.created_ns[order.client_order_id],
                    client_order_id=order.client_order_id,
                    venue_order_id=order.venue_order_id,
                    symbol=order.symbol,
                    side=order.side,
                    price=order.price,
                    size_base=order.size_base,
                    filled_base=order.filled_base,
                    status=order.new,
                )
                for order in left
            ),
            booked_base={order.client_order_id: booked.get(order.client_order_id, ZERO) for order in left},
        )
