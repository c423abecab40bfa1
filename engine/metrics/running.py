"""How the machinery runs: answers of the venue, age of what we see, lateness of our ticks, signs of life, balances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Protocol

from engine.core.decimals import ONE
from engine.core.errors import EngineError
from engine.core.params import Asset, Collaborator, Seconds, Symbol
from engine.core.scheduler import Job
from engine.core.states import State
from engine.market.types import Balance, OrderStatus
from engine.metrics.collector import EVERY_S, Collector, Every, Values, flag
from engine.metrics.events import Event, Notice, OrderChanged, StateChanged
from engine.metrics.windows import Window, rounded, summary
from engine.venues.base import MarketFeed, MarketSource

PROBE_S = 1.0
_UNANSWERED = frozenset({OrderStatus.PENDING, OrderStatus.CANCELLING, OrderStatus.UNKNOWN})


class Latency(Collector):
    """Measure how long the venue takes to answer, how old the book is, and how late ticks begin: p50, p99 and worst.

    The lateness is that of a probe of its own, a tick a second on the timetable that every tick of the host shares.
    """

    kind = "latency"

    def __init__(
        self,
        *,
        market: Annotated[MarketSource | None, Collaborator(help="Whose book's age is measured")] = None,
        symbol: Annotated[str | None, Symbol(help="Market of that book")] = None,
        window_s: Annotated[Decimal, Seconds(ge=10, le=3600, help="How far back the figures look")] = Decimal(60),
        interval_s: Every = EVERY_S,
    ) -> None:
        super().__init__(interval_s=interval_s)
        if (market is None) is not (symbol is None):
            raise ValueError("market and symbol belong together: the age of a book needs both, or neither")
        self.market = market
        self.symbol = symbol
        self.window_s = window_s
        span_s = float(window_s)
        self._placed, self._cancelled = Window(span_s), Window(span_s)
        self._ages, self._late = Window(span_s), Window(span_s)
        self._sent_at: dict[str, float] = {}
        self._cancel_sent_at: dict[str, float] = {}
        self._feed: MarketFeed | None = None

    async def load(self) -> None:
        await super().load()
        if self.market is not None and self.symbol is not None:
            self._feed = self.market.feed(self.symbol)
        self._probe_job: Job = self.runtime.scheduler.every(PROBE_S, self._probe, name=f"{self.name}.probe")

    async def _probe(self) -> None:
        now = self.runtime.clock.monotonic()
        self._late.add(now, self._probe_job.late_ms)
        age_s = self._feed.age_s(now) if self._feed is not None else None
        if age_s is not None:
            self._ages.add(now, age_s * 1000)

    def emit(self, event: Event) -> None:
        if not isinstance(event, OrderChanged) or event.new is event.old:
            return
        now, key = self.runtime.clock.monotonic(), event.client_order_id
        if event.old is None and event.new is OrderStatus.PENDING:
            self._sent_at[key] = now
        elif event.new not in _UNANSWERED and key in self._sent_at:
            self._placed.add(now, (now - self._sent_at.pop(key)) * 1000)
        if event.new is OrderStatus.CANCELLING:
            # Whatever is said from here on answers the cancel.
            self._sent_at.pop(key, None)
            self._cancel_sent_at.setdefault(key, now)
        elif event.new.is_final and key in self._cancel_sent_at:
            self._cancelled.add(now, (now - self._cancel_sent_at.pop(key)) * 1000)

    async def measure(self) -> Mapping[str, Values]:
        now = self.runtime.clock.monotonic()
        placed = self._placed.values(now)
        values: Values = {"answers": Decimal(len(placed)), **summary("place", placed, "ms")}
        values |= summary("cancel", self._cancelled.values(now), "ms")
        values |= summary("tick_late", self._late.values(now), "ms")
        if self._feed is not None:
            values |= summary("book_age", self._ages.values(now), "ms")
        return {self.symbol or self.runtime.identity.symbol: values}


class Heartbeat(Collector):
    """Say that the service is alive, and in which state. Silence is what an alert listens for."""

    kind = "heartbeat"

    def __init__(self, *, interval_s: Every = EVERY_S) -> None:
        super().__init__(interval_s=interval_s)
        self._state = State.PAUSED  # as every service begins

    async def load(self) -> None:
        await super().load()
        self._loaded_at = self._since = self.runtime.clock.monotonic()

    def emit(self, event: Event) -> None:
        if isinstance(event, StateChanged) and not event.service:
            self._state, self._since = event.new, self.runtime.clock.monotonic()

    async def measure(self) -> Mapping[str, Values]:
        now = self.runtime.clock.monotonic()
        values: Values = {
            "alive": ONE,
            "active": flag(self._state is State.ACTIVE),
            "halted": flag(self._state in (State.HALTING, State.HALTED)),
            "in_state_s": rounded(now - self._since),
            "up_s": rounded(now - self._loaded_at),
        }
        return {self.runtime.identity.symbol: values}


class HasBalances(Protocol):
    """An account that can be asked what it holds; every exchange is one."""

    async def balances(self) -> Mapping[str, Balance]: ...


class Balances(Collector):
    """Measure what an account holds, free and locked, as the venue says. Fields are ASSET.total, .free, .locked."""

    kind = "balances"

    def __init__(
        self,
        *,
        exchange: HasBalances,
        assets: Annotated[
            Sequence[str], Asset(help="Assets to measure; none named means every asset that is held")
        ] = (),
        interval_s: Every = EVERY_S,
    ) -> None:
        super().__init__(interval_s=interval_s)
        self.exchange = exchange
        self.assets = tuple(assets)
        self._known = dict.fromkeys(self.assets)
        """Assets measured so far: one that can no longer be read is not observed, rather than gone."""
        self._problem = ""

    async def measure(self) -> Mapping[str, Values]:
        held = await self._ask()
        values: Values = {}
        if held is not None and not self.assets:
            self._known |= dict.fromkeys(asset for asset, balance in held.items() if balance.total)
        for asset in self._known:
            balance = Balance(asset=asset, free=Decimal(0), locked=Decimal(0))
            found = None if held is None else held.get(asset, balance)
            values[f"{asset}.total"] = None if found is None else found.total
            values[f"{asset}.free"] = None if found is None else found.free
            values[f"{asset}.locked"] = None if found is None else found.locked
        return {"": values} if values else {}

    async def _ask(self) -> Mapping[str, Balance] | None:
        """The venue's word, or None; said once when it begins to fail and once when it answers again."""
        try:
            held = await self.exchange.balances()
        except EngineError as error:
            if not self._problem:
                self._notice("warning", f"{self.name} cannot read the balances: {error}")
            self._problem = str(error) or type(error).__name__
            return None
        if self._problem:
            self._problem = ""
            self._notice("info", f"{self.name} reads the balances again.")
        return held

    def _notice(self, level: str, text: str) -> None:
        self.runtime.record(Notice(ts_ns=self.runtime.clock.now_ns(), level=level, text=text))
