"""One account at one venue: a keyed instance, shared by every deployment of this host that trades on it.

It borrows markets, connections and the address's budget of the public venue, and has a budget of its own where the
venue counts an account's orders. Two instances with one key would spoil each other's nonce.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import structlog
from msgspec.structs import asdict, replace

from engine.core.clock import Clock
from engine.core.errors import AuthRejected, EngineError, NotReady
from engine.core.scheduler import Scheduler
from engine.execution.rates import Line, Priority
from engine.market.types import Balance, Fill, Instrument, OrderReport, OrderStatus, RefusalKind
from engine.venues.base import PlaceRefused
from engine.venues.ccxt import boundary, library
from engine.venues.ccxt.boundary import Boundary, Unreadable
from engine.venues.ccxt.calls import Call, calling
from engine.venues.ccxt.errors import remedy
from engine.venues.ccxt.ids import Known, NoIds, spelled_in
from engine.venues.ccxt.library import Library
from engine.venues.ccxt.limits import VenueWire
from engine.venues.ccxt.nameless import Nameless
from engine.venues.ccxt.private import PrivateStreams
from engine.venues.ccxt.public import PublicVenue
from engine.venues.ccxt.quality import qualities
from engine.venues.credentials import Credentials

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Account:
    """Asks and is told in the name of one account. Every error it raises is one of `engine.core.errors`.

    on_order, on_fill   what the venue pushes, of every order of the account, whoever sent it
    """

    def __init__(
        self,
        venue: PublicVenue,
        credentials: Credentials,
        *,
        clock: Clock,
        scheduler: Scheduler,
        timeout_s: float,
    ) -> None:
        self.venue = venue
        self.tuning = venue.tuning
        self.clock = clock
        self.scheduler = scheduler
        self.known = Known(self.tuning.ids if qualities()[venue.place.venue_id].can("client_ids") else NoIds())
        self.nameless = Nameless() if isinstance(self.known.form, NoIds) else None
        self.boundary = Boundary(
            self.known,
            id_names=self.tuning.id_names,
            status_of=self.tuning.status_of,
            mended=self.tuning.mended,
        )
        self.library: Library = None
        self.on_order: list[Callable[[OrderReport], None]] = []
        self.on_fill: list[Callable[[Fill], None]] = []
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._placing = 0
        self._early: list[Callable[[], None]] = []
        """What was told of orders nobody here knows, while one of ours was on its way and its id not known yet."""
        self._users: dict[str, int] = {}
        self.withdrawn: dict[str, str] = {}
        """Markets in use that cannot be traded any more, each with why."""
        self._armed: dict[str, int] = {}

    @staticmethod
    def key(venue: PublicVenue, credentials: Credentials) -> Hashable:
        return (*venue.place, "account", credentials.fingerprint)

    @property
    def feed(self) -> Account:
        return self

    @property
    def name(self) -> str:
        return self.venue.name

    # Life

    async def start(self) -> None:
        venue, orders = self.venue, self.tuning.order_budget
        line: Line | None = None
        if orders is not None:
            line = venue.new_line(f"{venue.place.budget} orders of {self._credentials}", orders.limit, orders.window_s)
        wire = VenueWire(
            session=venue.connections.session,
            clock=self.clock,
            timeout_s=self._timeout_s,
            line=venue.line,
            tuning=self.tuning,
            orders=line,
            key_turns=venue.key_turns(self._credentials.fingerprint),
            on_connected=self._connected,
            is_account=True,
        )
        self.library = library.make(
            venue.place.venue_id,
            wire=wire,
            tls=venue.connections.tls,
            options=self.tuning.options(venue.place.kind),
            endpoint_override=venue.place.endpoint_override,
            credentials=self._credentials,
            codes=self.tuning.codes,
        )
        self.library.precisionMode = venue.library.precisionMode
        venue.lend_markets_to(self.library)
        self.library.tap(orders=self._hear_order, trades=self._hear_trade)
        self.streams = PrivateStreams(self, clock=self.clock)
        venue.on_markets.append(self._markets_read)

    async def stop(self) -> None:
        if self._markets_read in self.venue.on_markets:
            self.venue.on_markets.remove(self._markets_read)
        await self.streams.stop()
        await self.library.close()

    def _connected(self, url: str) -> None:
        self.streams.connected(url)

    async def use(self, symbol: str, *, hears: bool = True) -> None:
        """Know a market's units and rates, and hear of what happens to our orders in it if anybody listens."""
        self._know(await self.venue.instrument(symbol))
        self._users[symbol] = self._users.get(symbol, 0) + 1
        if hears:
            self.streams.hear(symbol)

    async def leave(self, symbol: str) -> None:
        self._users[symbol] = self._users.get(symbol, 1) - 1
        if self._users[symbol] <= 0:
            del self._users[symbol]
            await self.streams.leave(symbol)

    def _know(self, instrument: Instrument) -> None:
        symbol = instrument.symbol
        self.boundary.instruments[symbol] = instrument
        self.withdrawn.pop(symbol, None)
        if (unit := self.venue.unit(symbol)) != 1:
            self.boundary.units[symbol] = unit

    def _markets_read(self) -> None:
        """The library rounds by the markets read last: what is sent must be on their grid, not on an older one."""
        for symbol in self._users:
            try:
                self._know(self.venue.known_instrument(symbol))
            except EngineError as error:
                self.withdrawn[symbol] = str(error)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._users)

    # Questions

    async def ask(
        self,
        what: str,
        question: Callable[[Library], Awaitable[T]],
        *,
        priority: Priority = Priority.RECONCILE,
        is_write: bool = False,
        permitted: Callable[[], bool] | None = None,
        orders: int = 1,
    ) -> T:
        """Ask in the account's name, the most urgent first; about so many orders at once."""
        call = Call(
            what, priority=priority, is_write=is_write, permitted=permitted, orders=orders, is_question=not is_write
        )
        self.venue.lend_markets_to(self.library)  # which may have been read again
        self.library.options["timeDifference"] = self.venue.library.options.get("timeDifference", 0)
        with calling(call):
            try:
                return await question(self.library)
            except Exception as error:  # the edge to the library: a strange answer makes it raise anything
                raise self.translate(error, call) from None

    def translate(self, error: Exception, call: Call) -> Exception:
        found = remedy(error, call, venue=self.name, secrets=self._credentials.secrets)
        return AuthRejected(*found.args) if self.tuning.is_auth(str(found)) else found

    async def balances(self) -> dict[str, Balance]:
        said = await self.ask("fetch_balance", lambda venue: venue.fetch_balance())
        return boundary.balances(said)

    def unit(self, symbol: str) -> Decimal | None:
        return self.boundary.units.get(symbol)

    # What the venue pushes

    def placing(self, change: int) -> None:
        """Count orders on their way. When none is, whatever was told early belongs to others, or to ours by now."""
        self._placing += change
        if not self._placing and self._early:
            early, self._early = self._early, []
            for tell in early:
                tell()

    def _is_early(self, venue_order_id: Any, said: Mapping[str, Any]) -> bool:
        spelled = spelled_in(dict(said), *self.tuning.id_names)
        return bool(self._placing) and not self.known.ours(str(venue_order_id or ""), spelled)

    def _hear_order(self, said: dict[str, Any]) -> None:
        if self._is_early(said.get("id"), said):
            self._early.append(lambda: self.tell_order(said))
        else:
            self.tell_order(said)

    def _hear_trade(self, pushed: dict[str, Any]) -> None:
        if self.tuning.pushes_no_fees:
            self.streams.reconcile_soon([pushed["symbol"]] if pushed.get("symbol") in self._users else self.symbols)
            return
        said = self.tuning.mended_fill(pushed)
        if self._is_early(said.get("order"), said):
            self._early.append(lambda: self.tell_fill(said))
        else:
            self.tell_fill(said)

    def tell_order(self, said: Mapping[str, Any]) -> None:
        try:
            report = self.boundary.order(said, now_ns=self.clock.now_ns())
        except Unreadable as error:
            self._cannot_read(error)
            return
        if report.status is OrderStatus.CANCELLED and not report.filled_base and self.tuning.refused_late(said):
            refused = replace(report, status=OrderStatus.REJECTED, reason=self.tuning.refused_late(said))
            report = PlaceRefused(**asdict(refused), kind=RefusalKind.WOULD_TAKE)
        for hear in tuple(self.on_order):
            hear(report)

    def tell_fill(self, said: Mapping[str, Any]) -> None:
        try:
            fill = self.boundary.fill(said)
        except Unreadable as error:
            self._cannot_read(error)
            return
        if fill is not None:
            self.tell(fill)

    def tell(self, fill: Fill) -> None:
        for hear in tuple(self.on_fill):
            hear(fill)

    def _cannot_read(self, error: NotReady) -> None:
        """What was pushed and cannot be read is asked for: nothing of it is guessed."""
        log.warning("what the venue pushed cannot be read", venue=self.name, reason=str(error))
        self.streams.reconcile_soon(self.symbols)

    # The dead man's switch, which most venues have one of an account

    async def cancel_all_after(self, symbol: str, seconds: int) -> None:
        """Arm for a market. Where the venue has one clock for all, it is set to the shortest time anybody here wants,
        and stopped when nobody wants one."""
        if seconds:
            self._armed[symbol] = seconds
        else:
            self._armed.pop(symbol, None)
        shortest = seconds if self.tuning.timer_of_market else min(self._armed.values(), default=0)
        await self.ask(
            f"cancel_all_orders_after {shortest} s",
            lambda venue: self.tuning.wind_up(venue, symbol, shortest),
            priority=Priority.CANCEL,
            is_write=True,
        )
