"""`exchanges.ccxt.*`: any centralised venue ccxt knows, by its id.

One class an id, made when it is asked for: its methods are what the venue really has (`quality.yaml`), so that the
catalog and the checks of a file tell what fits. ccxt itself is imported when such a component is loaded.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from engine.core.clock import NS
from engine.core.component import Component
from engine.core.errors import AuthRejected, NotReady, PermitLost, Refused
from engine.core.params import Count, Items, Option, Seconds, Symbol, Text
from engine.market.summaries import Candle, Funding, Ticker
from engine.market.types import Amendment, Balance, Fill, MarketStatus, OrderReport, OrderRequest
from engine.venues.account_report import AccountReport
from engine.venues.base import MarketFeed
from engine.venues.ccxt import amending, boundary, history, orders, surveys
from engine.venues.ccxt.account import Account
from engine.venues.ccxt.public import Place, PublicVenue
from engine.venues.ccxt.quality import Quality, qualities
from engine.venues.ccxt.tuned.base import tuning_of
from engine.venues.market_listing import Listing

_DOWN = frozenset({"maintenance", "shutdown", "error"})
_TIMEFRAMES = ((86_400 * 7, "w", 86_400 * 7), (86_400, "d", 86_400), (3_600, "h", 3_600), (60, "m", 60), (1, "s", 1))


class CcxtVenue(Component):
    """A centralised venue through ccxt, with exact decimals: public data alone when no account is named."""

    venue_id: ClassVar[str] = ""
    quality: ClassVar[Quality]
    immediate = False

    def __init__(
        self,
        *,
        account: Annotated[
            str,
            Text(pattern=r"[\w.\-]*", shape="the name of an account", help="Whose orders; empty: public data alone"),
        ] = "",
        symbols: Annotated[
            tuple[Annotated[str, Symbol()], ...],
            Items(help="Markets to know at once, needed only where a tick follows from the price"),
        ] = (),
        market_kind: Annotated[
            Literal["spot", "linear"], Option(help="Spot markets, or contracts settled in the quote currency")
        ] = "spot",
        book_levels: Annotated[int, Count(ge=5, le=1000, help="Depth of the book, a side, where one may choose")] = 100,
        request_timeout_s: Annotated[
            Decimal, Seconds(gt=0, le=60, help="A request without an answer by then")
        ] = Decimal(10),
        local_address: Annotated[
            str,
            Text(pattern=r"[0-9a-fA-F.:]*", shape="an IP address", help="Ours to call from; each has its own budget"),
        ] = "",
        endpoint_override: Annotated[
            str,
            Text(pattern=r"(https?://[^\s?#]+)?", shape="an address", help="For sandboxes and proxies: called instead"),
        ] = "",
        markets_as_of: Annotated[
            str,
            Text(
                pattern=r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?",
                shape="a time in UTC such as 2026-01-31T12:00:00Z",
                help="Markets that were read before then are read again",
            ),
        ] = "",
    ) -> None:
        self.account = account
        self.symbols = symbols
        self.market_kind: Literal["spot", "linear"] = market_kind
        self.book_levels = book_levels
        self.request_timeout_s = request_timeout_s
        self.local_address = local_address
        self.endpoint_override = endpoint_override
        self.markets_as_of = markets_as_of
        self.on_order: list[Callable[[OrderReport], None]] = []
        self.on_fill: list[Callable[[Fill], None]] = []
        self._venue: PublicVenue | None = None
        self._account: Account | None = None
        self._account_key: Hashable = None
        self._feeds: dict[str, MarketFeed] = {}
        self._used: dict[str, None] = {}

    # Life

    async def load(self) -> None:
        runtime = self.runtime
        self._context = contextvars.copy_context()
        self._place = Place(self.venue_id, self.market_kind, self.endpoint_override, self.local_address)
        venue = await runtime.hub.acquire(
            self._place.key,
            lambda: PublicVenue(
                self._place,
                hub=runtime.hub,
                clock=runtime.clock,
                scheduler=runtime.scheduler.shared,
                timeout_s=float(self.request_timeout_s),
                book_levels=self.book_levels,
                new_budget=runtime.new_budget,
            ),
        )
        await venue.opened()
        self._venue = venue
        if self.markets_as_of:
            await venue.read_markets_since(int(datetime.fromisoformat(self.markets_as_of).timestamp()) * NS)
        for symbol in dict.fromkeys((*self.symbols, *filter(None, [runtime.identity.symbol]))):
            if symbol in self.symbols or symbol in venue.library.markets:
                await venue.instrument(symbol)
        if self.account:
            await self._open_account(venue)

    async def _open_account(self, venue: PublicVenue) -> None:
        runtime = self.runtime
        if not self.quality.can("fills"):
            raise Refused(f"{self.venue_id} does not list executions: it is for public data alone.")
        credentials = runtime.credentials(self.account)
        self._account_key = Account.key(venue, credentials)
        account = await runtime.hub.acquire(
            self._account_key,
            lambda: Account(
                venue,
                credentials,
                clock=runtime.clock,
                scheduler=runtime.scheduler.shared,
                timeout_s=float(self.request_timeout_s),
            ),
        )
        self._account = account
        for report in runtime.restore.orders if runtime.restore is not None else ():
            account.known.link(report.client_order_id, report.venue_order_id)
        account.on_order.append(self._hear_order)
        account.on_fill.append(self._hear_fill)

    async def unload(self) -> None:
        account, self._account = self._account, None
        if account is not None:
            account.on_order.remove(self._hear_order)
            account.on_fill.remove(self._hear_fill)
            for symbol in self._used:
                await account.leave(symbol)
            self._used.clear()
            await self.runtime.hub.release(self._account_key)
        venue, self._venue = self._venue, None
        if venue is not None:
            for symbol in self._feeds:
                await venue.close_book(symbol)
            self._feeds.clear()
            await self.runtime.hub.release(self._place.key)

    def _hear_order(self, report: OrderReport) -> None:
        self._tell(self.on_order, report)

    def _hear_fill(self, fill: Fill) -> None:
        self._tell(self.on_fill, fill)

    def _tell(self, hearers: Sequence[Callable[[Any], None]], news: Any) -> None:
        """In our own context, since the account's socket is shared: what a hearer raises is our failure alone."""
        for hear in tuple(hearers):
            try:
                self._context.copy().run(hear, news)
            except Exception as error:  # the edge to the services that share an account
                self.runtime.spawn(_fail(error), "news of our orders")

    # Public data

    def feed(self, symbol: str) -> MarketFeed:
        if symbol not in self._feeds:
            self._feeds[symbol] = self._open_venue.open_book(symbol)
        return self._feeds[symbol]

    def public_key(self, symbol: str) -> Hashable:
        return (*self._place, symbol)

    def clock_skew_s(self) -> float | None:
        return None if self._venue is None else self._venue.skew_s

    async def ticker(self, symbol: str) -> Ticker:
        venue = self._open_venue
        said = await venue.ask(f"fetch_ticker {symbol}", lambda library: library.fetch_ticker(symbol))
        return boundary.ticker(said, symbol=symbol, now_ns=self.runtime.clock.now_ns())

    async def candles(self, symbol: str, interval_s: int, since_ns: int) -> Sequence[Candle]:
        venue = self._open_venue
        frame = timeframe(interval_s)
        if frame not in (venue.library.timeframes or {}):
            raise Refused(f"{self.venue_id} has no candles of {interval_s} s.")
        said = await venue.ask(
            f"fetch_ohlcv {symbol}", lambda library: library.fetch_ohlcv(symbol, frame, since_ns // boundary.MS)
        )
        now_ns = self.runtime.clock.now_ns()
        found = boundary.candles(said, interval_s=interval_s, now_ns=now_ns)
        return [candle for candle in found if candle.open_ns >= since_ns]

    async def market_status(self, symbol: str) -> MarketStatus:
        """Of the venue where it tells one, and of the market as it was last listed."""
        venue = self._open_venue
        if venue.market(symbol).get("active") is False:
            return MarketStatus.HALTED
        if not venue.library.has.get("fetchStatus"):
            await venue.ask(f"fetch_ticker {symbol}", lambda library: library.fetch_ticker(symbol))
            return MarketStatus.TRADING
        said = await venue.ask("fetch_status", lambda library: library.fetch_status())
        return MarketStatus.HALTED if said.get("status") in _DOWN else MarketStatus.TRADING

    async def listing(self) -> Listing:
        return surveys.listing(self._open_venue)

    # The account

    async def account_report(self) -> AccountReport:
        return await surveys.account_report(self._open_account_of(""))

    async def place(self, orders_: Sequence[OrderRequest]) -> Sequence[OrderReport]:
        account = self._open_account_of(orders_[0].symbol if orders_ else "")
        if not self.runtime.permit.valid():
            raise PermitLost("The permission to trade has run out; nothing was sent.")
        for symbol in dict.fromkeys(order.symbol for order in orders_):
            await self._use(account, symbol)
        return await orders.place(account, orders_, self.runtime.permit.valid)

    async def cancel(self, symbol: str, client_order_ids: Sequence[str]) -> Sequence[OrderReport]:
        account = await self._using(symbol)
        return await orders.cancel(account, symbol, client_order_ids)

    async def cancel_all(self, symbol: str) -> None:
        await orders.cancel_all(await self._using(symbol), symbol)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        return await history.open_orders(await self._using(symbol), symbol)

    async def fills(self, symbol: str, since_ns: int) -> Sequence[Fill]:
        return await history.fills(await self._using(symbol), symbol, since_ns)

    async def balances(self) -> dict[str, Balance]:
        return await self._open_account_of("").balances()

    @property
    def knows_own(self) -> bool:
        return self._open_account_of("").known.form.is_readable

    # Inside

    @property
    def _open_venue(self) -> PublicVenue:
        if self._venue is None:
            raise NotReady(f"{self.name or self.venue_id} is not loaded.")
        return self._venue

    def _open_account_of(self, symbol: str) -> Account:
        if self._account is None:
            if self._venue is not None:
                raise AuthRejected(f"{self.name or self.venue_id} names no account, so it has public data alone.")
            raise NotReady(f"{self.name or self.venue_id} is not loaded.")
        return self._account

    async def _using(self, symbol: str) -> Account:
        account = self._open_account_of(symbol)
        await self._use(account, symbol)
        return account

    async def _use(self, account: Account, symbol: str) -> None:
        if symbol not in self._used:
            await account.use(symbol, hears=bool(self.on_order or self.on_fill))
            if symbol in self._used:  # somebody else asked meanwhile
                await account.leave(symbol)
            self._used[symbol] = None


class _Asked:
    """A venue that answers about one order by our id."""

    async def order_by_client_id(self: Any, symbol: str, client_order_id: str) -> OrderReport | None:
        return await history.one_order(await self._using(symbol), symbol, client_order_id)


class _Amending:
    """A venue that makes orders smaller in their place."""

    def amends(self: Any, symbol: str) -> bool:
        return amending.amends(self._open_account_of(symbol), symbol)

    async def amend(self: Any, amendments: Sequence[Amendment]) -> Sequence[OrderReport]:
        account = await self._using(amendments[0].symbol)
        if not self.runtime.permit.valid():
            raise PermitLost("The permission to trade has run out; nothing was sent.")
        return await amending.amend(account, amendments, self.runtime.permit.valid)


class _Timed:
    """A venue with a dead man's switch. Its clock is one for the whole account."""

    async def cancel_all_after(self: Any, symbol: str, seconds: int) -> None:
        await (await self._using(symbol)).cancel_all_after(symbol, seconds)


class _Remembered:
    """A venue that lists orders which have ended."""

    async def closed_orders(self: Any, symbol: str, since_ns: int) -> Sequence[OrderReport]:
        return await history.closed_orders(await self._using(symbol), symbol, since_ns)


class _Funded:
    """A venue with perpetual contracts."""

    async def funding(self: Any, symbol: str) -> Funding:
        venue = self._open_venue
        said = await venue.ask(f"fetch_funding_rate {symbol}", lambda library: library.fetch_funding_rate(symbol))
        return boundary.funding(said, symbol=symbol, now_ns=self.runtime.clock.now_ns())


class Venues:
    """The family `exchanges.ccxt.*`."""

    _made: ClassVar[dict[str, type[CcxtVenue]]] = {}

    @classmethod
    def suffixes(cls) -> Iterable[str]:
        return sorted(qualities())

    @classmethod
    def component(cls, suffix: str) -> type[CcxtVenue]:
        """Raises KeyError for an id there is none of."""
        if suffix not in cls._made:
            cls._made[suffix] = cls._make(suffix, qualities()[suffix])
        return cls._made[suffix]

    @staticmethod
    def _make(venue_id: str, quality: Quality) -> type[CcxtVenue]:
        mixins: list[type] = []
        tuning = tuning_of(venue_id)
        if tuning.finds_by_client_id:
            mixins.append(_Asked)
        if tuning.amends:
            mixins.append(_Amending)
        for ability, mixin in (("cancel_after", _Timed), ("closed_orders", _Remembered), ("funding", _Funded)):
            if quality.can(ability):
                mixins.append(mixin)
        return type(
            f"Ccxt_{venue_id}",
            (*mixins, CcxtVenue),
            {"venue_id": venue_id, "quality": quality, "__doc__": quality.in_a_sentence(), "__module__": __name__},
        )


def timeframe(interval_s: int) -> str:
    """ccxt's word for an interval: 60 is 1m, 14400 is 4h. Raises Refused for less than a second."""
    for unit_s, letter, least_s in _TIMEFRAMES:
        if interval_s >= least_s and interval_s % unit_s == 0:
            return f"{interval_s // unit_s}{letter}"
    raise Refused(f"There are no candles of {interval_s} s.")


async def _fail(error: BaseException) -> None:
    raise error
