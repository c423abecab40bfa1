"""One venue as everybody sees it: a keyless instance that holds markets, books and the request budget, once a host.

Accounts borrow all of it. Markets are asked for without keys, since many venues answer a keyed request from another
address, which a key for trading alone may not ask.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Hashable
from copy import deepcopy
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import aiohttp
import msgspec
import structlog

from engine.core.clock import NS, Clock, within
from engine.core.errors import EngineError, NotReady, Refused
from engine.core.scheduler import Job, Scheduler
from engine.execution.rates import KeyTurns, Line, NewBudget, OwnBudgets
from engine.market.types import Instrument
from engine.venues.base import MarketFeed
from engine.venues.ccxt import library
from engine.venues.ccxt.beside import read_markets
from engine.venues.ccxt.books import BookWriter, book_writer
from engine.venues.ccxt.calls import Call, calling
from engine.venues.ccxt.errors import plain, remedy
from engine.venues.ccxt.library import Library
from engine.venues.ccxt.limits import UNITS, VenueWire, budget_of
from engine.venues.ccxt.markets import SIGNIFICANT_DIGITS, TICK_SIZE, contract_size, instrument_of
from engine.venues.ccxt.tuned.base import MarketKind, Steps, Tuning, tuning_of
from engine.venues.hub import MarketHub

if TYPE_CHECKING:
    from engine.venues.ccxt.wire import Wire

T = TypeVar("T")

log = structlog.get_logger(__name__)

CLOCK_EVERY_S = 60.0
MARKETS_EVERY_S = 3600.0
CANCELS_SHARE = 0.2
"""Of every budget, for cancels alone."""


class Place(NamedTuple):
    """Where a venue is reached, and from where: what two components must have in common to share it."""

    venue_id: str
    kind: MarketKind = "spot"
    endpoint_override: str = ""
    local_address: str = ""

    @property
    def key(self) -> Hashable:
        return ("exchanges.ccxt", *self)

    @property
    def budget(self) -> str:
        """Whose requests are counted together: those from one address of ours to one venue."""
        return " ".join(filter(None, (self.venue_id, self.kind, self.local_address, self.endpoint_override)))


class Connections:
    """Pooled connections and one TLS context for every venue reached from one address of ours."""

    def __init__(self, local_address: str = "") -> None:
        self.local = (local_address, 0) if local_address else None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tls: ssl.SSLContext

    @property
    def feed(self) -> Connections:
        return self

    async def start(self) -> None:
        try:
            # Half a second for what it imports, which other services of this loop would have to wait for.
            wire = await asyncio.to_thread(library.wire)
            self.tls = await asyncio.to_thread(ssl.create_default_context)
            self.session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self.tls, limit=0, limit_per_host=50, local_addr=self.local),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[wire.tracing()],
            )
        except BaseException as error:
            self._opened.set_exception(NotReady(f"No connections could be made: {said_plainly(error)}"))
            self._opened.exception()
            raise
        self._opened.set_result(None)

    async def opened(self) -> None:
        """Wait until whoever came first, for another venue perhaps, has made them. Raises NotReady if that failed."""
        await asyncio.shield(self._opened)

    async def stop(self) -> None:
        await self.session.close()


class PublicVenue:
    """A venue's markets and public data, kept for as long as any component of this host uses it.

    Readers ask through `ask`, which puts every error into the house's words. `skew_s` is the venue's clock minus ours.
    """

    def __init__(
        self,
        place: Place,
        *,
        hub: MarketHub,
        clock: Clock,
        scheduler: Scheduler,
        timeout_s: float,
        book_levels: int,
        new_budget: NewBudget | None = None,
    ) -> None:
        self.place = place
        self.tuning: Tuning = tuning_of(place.venue_id)
        self.library: Library = None
        self.line: Line
        self.connections: Connections
        self.skew_s: float | None = None
        self.round_trip_s: float | None = None
        """How long the venue took to tell its time."""
        self._hub = hub
        self._clock = clock
        self.scheduler = scheduler
        self._timeout_s = timeout_s
        self._book_levels = book_levels
        self._new_budget = new_budget or OwnBudgets(clock)
        self._books: dict[str, tuple[BookWriter, int]] = {}
        self._instruments: dict[str, Instrument] = {}
        self._infos: dict[str, bytes] = {}
        self._steps: dict[str, Steps] = {}
        self.on_markets: list[Callable[[], None]] = []
        """Called when the markets have been read again."""
        self._jobs: list[Job] = []
        self.compares_at = float("-inf")
        """When the next quiet book may be asked for."""
        self._read_ns = 0
        """When the markets were last read."""
        self._reading = asyncio.Lock()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def feed(self) -> PublicVenue:
        return self

    @property
    def name(self) -> str:
        return self.place.venue_id

    # Life

    async def start(self) -> None:
        place, hub = self.place, self._hub
        self._connections_key = ("exchanges.ccxt", "connections", place.local_address)
        self.connections = await hub.acquire(self._connections_key, lambda: Connections(place.local_address))
        try:
            await self.connections.opened()
            await self._open()
        except BaseException as error:
            await self.stop()
            self._opened.set_exception(NotReady(f"{self.name} could not be opened: {said_plainly(error)}"))
            self._opened.exception()
            raise
        self._opened.set_result(None)

    async def opened(self) -> None:
        """Wait until whoever came first has opened it. Raises NotReady when that failed."""
        await asyncio.shield(self._opened)

    async def _open(self) -> None:
        place = self.place
        # The import takes half a second, which other services of this loop would have to wait for.
        await asyncio.to_thread(library.exact_class, place.venue_id)
        stock_rate_ms = float(library.exact_class(place.venue_id)().rateLimit)
        budget = budget_of(self.tuning, stock_rate_ms)
        self.line = self.new_line(place.budget, budget.limit, budget.window_s)
        wire = VenueWire(
            session=self.connections.session,
            clock=self._clock,
            timeout_s=self._timeout_s,
            line=self.line,
            tuning=self.tuning,
            on_connected=self._connected,
        )
        self._wire = wire
        self.library = self._make(wire)
        await self._load_markets()
        await self._ask_clock()
        self._jobs = [
            self.scheduler.every(CLOCK_EVERY_S, self._ask_clock, name=f"{self.name} clock"),
            self.scheduler.every(MARKETS_EVERY_S, self._reload_markets, name=f"{self.name} markets"),
        ]

    async def stop(self) -> None:
        for job in self._jobs:
            job.cancel()
        for writer, _ in self._books.values():
            await writer.stop()
        self._books.clear()
        if self.library is not None:
            await self.library.close()
        await self._hub.release(self._connections_key)

    def new_line(self, name: str, limit: float, window_s: float) -> Line:
        return Line(
            self._new_budget(
                name,
                limit=max(1, round(limit * UNITS)),
                window_s=window_s,
                reserve=int(limit * UNITS * CANCELS_SHARE),
            ),
            name=name,
            clock=self._clock,
            scheduler=self.scheduler,
            max_waiting=500,
            max_wait_s=5.0,
        )

    def key_turns(self, fingerprint: str) -> KeyTurns | None:
        """The turns of a key among all processes that use it, where the venue wants its requests in order."""
        if not self.tuning.serial:
            return None
        place = self.place
        name = " ".join(filter(None, (place.venue_id, place.endpoint_override, "key", fingerprint)))
        return self._new_budget.turns(name, longest_s=self._timeout_s + 1)

    def _connected(self, url: str) -> None:
        """A socket of public data: its books notice by themselves."""

    # Questions

    async def ask(self, what: str, question: Callable[[Library], Awaitable[T]]) -> T:
        """Ask for public data. Raises the errors of `engine.core.errors`."""
        call = Call(what, is_question=True)
        with calling(call):
            try:
                return await question(self.library)
            except Exception as error:  # the edge to the library: a strange answer makes it raise anything
                raise remedy(error, call, venue=self.name) from None

    # Markets

    @staticmethod
    def lend_markets(lender: Library, borrower: Library) -> None:
        """Hand over the markets, and what reading them left in the options: some venues' methods look there."""
        borrower.set_markets_from_exchange(lender)
        left = {key: deepcopy(value) for key, value in lender.options.items() if key != "timeDifference"}
        borrower.options.update(left)

    def lend_markets_to(self, borrower: Library) -> None:
        """Unless it has these already. Never from the instance that asks: it has tokens and sockets of its own."""
        if borrower.markets is not self.library.markets:
            self.lend_markets(self._reader, borrower)

    def _make(self, wire: Wire) -> Library:
        place = self.place
        made = library.make(
            place.venue_id,
            wire=wire,
            tls=self.connections.tls,
            options=self.tuning.options(place.kind),
            endpoint_override=place.endpoint_override,
            codes=self.tuning.codes,
        )
        if self.tuning.asks_for_steps:
            made.precisionMode = TICK_SIZE
        return made

    async def _load_markets(self) -> None:
        read = await self.ask(
            "load_markets", lambda _: read_markets(self._make, self._wire, local=self.connections.local)
        )
        self.lend_markets(read.held_by, self.library)
        self._reader = read.held_by
        self._infos = read.infos
        self._read_ns = self._clock.now_ns()

    async def _reload_markets(self) -> None:
        """Ticks change and markets come; a venue that does not answer keeps what is known."""
        traded = dict(self._instruments)
        try:
            await self._load_markets()
        except EngineError:
            return
        self._instruments.clear()
        for symbol, before in traded.items():
            if symbol in self.library.markets:
                try:
                    instrument = await self.instrument(symbol)
                except NotReady:
                    instrument = self._as_before(before)
                except EngineError as error:
                    log.warning("a market cannot be traded any more", venue=self.name, reason=str(error))
                    continue
                if symbol in self._books:
                    self._books[symbol][0].feed.instrument = instrument
        for hear in tuple(self.on_markets):
            hear()

    def _as_before(self, instrument: Instrument) -> Instrument:
        """A market whose steps are asked for by themselves, and could not be had now."""
        if instrument.symbol in self._steps:
            return self._take_steps(instrument.symbol, self._steps[instrument.symbol])
        self._unpack(instrument.symbol)
        self._instruments[instrument.symbol] = instrument
        return instrument

    def _take_steps(self, symbol: str, steps: Steps) -> Instrument:
        self._unpack(symbol)
        market = self.market(symbol)
        market["precision"] = {"price": steps.tick, "amount": steps.lot}
        if steps.least is not None:
            market["limits"]["amount"]["min"] = steps.least
        instrument = instrument_of(market, mode=TICK_SIZE)
        if steps.size_places is not None:
            # The same dict is the accounts': what they send is rounded by it.
            market["precision"]["amount"] = steps.size_places
        self._steps[symbol], self._instruments[symbol] = steps, instrument
        return instrument

    async def read_markets_since(self, ts_ns: int) -> None:
        """Read the markets again if that was last done before the stamp: one of them is known to have changed."""
        async with self._reading:
            if self._read_ns < ts_ns:
                await self._reload_markets()

    def _unpack(self, symbol: str) -> None:
        """Give the market its own words back: the library reads some of them when it sends an order."""
        market = self.library.markets[symbol]
        info = msgspec.json.Decoder(float_hook=Decimal).decode(self._infos[symbol])
        market["info"] = info
        for other in self.library.markets_by_id.get(market["id"], ()):
            if other.get("symbol") == symbol:
                other["info"] = info

    def market(self, symbol: str) -> dict[str, Any]:
        """The library's own description. Raises Refused for a market the venue does not have."""
        found: dict[str, Any] | None = self.library.markets.get(symbol)
        if found is None:
            raise Refused(f"{self.name} has no market {symbol} of the kind {self.place.kind}.")
        return found

    def known_instrument(self, symbol: str) -> Instrument:
        """Raises Refused for what is not there or cannot be traded, NotReady for what must be asked about first."""
        if symbol not in self._instruments:
            market = self.market(symbol)
            if self.library.precisionMode == SIGNIFICANT_DIGITS:
                raise NotReady(f"The tick of {symbol} at {self.name} follows from its price, which is not known yet.")
            if self.tuning.asks_for_steps:
                raise NotReady(f"The tick of {symbol} at {self.name} is asked for market by market, and not known yet.")
            self._unpack(symbol)
            self._instruments[symbol] = instrument_of(market, mode=self.library.precisionMode)
        return self._instruments[symbol]

    async def instrument(self, symbol: str) -> Instrument:
        if symbol not in self._instruments and self.tuning.asks_for_steps:
            market = self.market(symbol)
            steps = await self.ask(f"steps of {symbol}", lambda venue: self.tuning.ask_steps(venue, market))
            self._take_steps(symbol, steps)
        if symbol not in self._instruments and self.library.precisionMode == SIGNIFICANT_DIGITS:
            market = self.market(symbol)
            said = await self.ask(f"fetch_ticker {symbol}", lambda venue: venue.fetch_ticker(symbol))
            self._unpack(symbol)
            self._instruments[symbol] = instrument_of(market, mode=SIGNIFICANT_DIGITS, price=said.get("last"))
        return self.known_instrument(symbol)

    def unit(self, symbol: str) -> Decimal:
        return contract_size(self.market(symbol))

    # Books

    def open_book(self, symbol: str) -> MarketFeed:
        """The shared feed of a market, begun by the first who wants it."""
        writer, readers = self._books.get(symbol) or (self._new_book(symbol), 0)
        self._books[symbol] = writer, readers + 1
        return writer.feed

    def _new_book(self, symbol: str) -> BookWriter:
        feed = MarketFeed(self.known_instrument(symbol), source=self.name)
        feed.problem = f"the book of {symbol} at {self.name} has not come yet"
        writer = book_writer(self, feed, clock=self._clock, levels=self._book_levels)
        writer.begin()
        return writer

    async def close_book(self, symbol: str) -> None:
        if symbol not in self._books:
            return
        writer, readers = self._books[symbol]
        if readers > 1:
            self._books[symbol] = writer, readers - 1
            return
        del self._books[symbol]
        await writer.stop()

    # The clock

    async def _ask_clock(self) -> None:
        """How far the venue's clock is from ours, to half of the time the question took."""
        if not self.library.has.get("fetchTime"):
            return
        asked_ns, asked = self._clock.now_ns(), self._clock.monotonic()
        try:
            said = await within(
                self._timeout_s, self.ask("fetch_time", lambda venue: venue.fetch_time()), clock=self._clock
            )
        except (EngineError, TimeoutError):
            self.skew_s = None
            return
        took_s = self.round_trip_s = self._clock.monotonic() - asked
        if isinstance(said, int) and not isinstance(said, bool):
            self.skew_s = (said * 1_000_000 - asked_ns) / NS - took_s / 2
            # What the library takes from its stamps, in milliseconds, where a venue reads it.
            self.library.options["timeDifference"] = round(-self.skew_s * 1000)


def said_plainly(error: BaseException) -> str:
    return str(error) if isinstance(error, EngineError) else plain(error)
