"""One socket a market to a venue's book stream, kept alive and begun anew after a gap."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from engine.core.clock import Clock
from engine.core.errors import NotReady
from engine.venues.base import MarketFeed
from engine.venues.ccxt import boundary
from engine.venues.ccxt.compared import Compared
from engine.venues.ccxt.direct.binance import Binance
from engine.venues.ccxt.direct.bitget import Bitget
from engine.venues.ccxt.direct.bybit import Bybit
from engine.venues.ccxt.direct.dialect import Dialect, Gap, Snapshot
from engine.venues.ccxt.direct.gate import Gate
from engine.venues.ccxt.direct.joined import JoinedBook
from engine.venues.ccxt.direct.kraken import Kraken
from engine.venues.ccxt.direct.okx import Okx
from engine.venues.ccxt.supervised import Supervised, until_first_ends
from engine.venues.ccxt.tuned.base import PARENTS

if TYPE_CHECKING:
    from engine.venues.ccxt.public import PublicVenue

DIALECTS: dict[str, type[Dialect]] = {
    "binance": Binance,
    "bitget": Bitget,
    "bybit": Bybit,
    "gate": Gate,
    "kraken": Kraken,
    "okx": Okx,
}
"""Of spot markets."""

PING_AFTER_S = 1.0
"""Into a silence: so a quiet book is known to be as it was, early enough for a reader who wants it two seconds old at
most. No venue here minds a ping a second."""
DEAD_AFTER_S = 10.0
MAX_FRAME_BYTES = 16 * 1024 * 1024
SNAPSHOT_LEVELS = 1000
JOIN_AGAIN_AFTER_S = 0.5


def dialect_of(venue: PublicVenue, feed: MarketFeed, levels: int) -> Dialect | None:
    """How the market's book is read from the frame, where that is known."""
    kind = DIALECTS.get(PARENTS.get(venue.name, venue.name))
    market = venue.market(feed.instrument.symbol)
    return kind(market, levels) if kind is not None and market.get("spot") else None


class DirectBook(Supervised):
    """Follows one market's book by our own decoder."""

    def __init__(self, venue: PublicVenue, feed: MarketFeed, dialect: Dialect, *, clock: Clock) -> None:
        super().__init__(f"order book of {feed.instrument.symbol} at {venue.name}", clock=clock)
        self.feed = feed
        self._venue = venue
        self._dialect = dialect
        self._joined = JoinedBook(feed, dialect, clock=clock)
        self._compared = Compared(venue, feed, self._joined, clock=clock)
        self._heard_at = 0.0

    async def follow(self) -> None:
        dialect, joined = self._dialect, self._joined
        joined.reset()
        address = dialect.address(self._venue.library)
        session = self._venue.connections.session
        try:
            async with session.ws_connect(address, autoping=False, max_msg_size=MAX_FRAME_BYTES) as socket:
                await socket.send_str(dialect.hello(self.clock.now_ns()))
                doing = [self._hear(socket), self._watch(socket), self._compared.follow()]
                if dialect.snapshot_by_rest:
                    doing.append(self._join())
                await until_first_ends(*doing)
        except Gap as gap:
            raise NotReady(f"The {self.name} has a gap: {gap}.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotReady(f"The {self.name} cannot be reached: {type(error).__name__}.") from None

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        take, clock = self._joined.take, self.clock
        self._heard_at = clock.monotonic()
        async for message in socket:
            self._heard_at = clock.monotonic()
            if message.type is aiohttp.WSMsgType.TEXT or message.type is aiohttp.WSMsgType.BINARY:
                take(message.data)
            elif message.type is aiohttp.WSMsgType.PING:
                await socket.pong(message.data)
            if self._joined.is_whole and not self.feed.problem:
                self.feed.received_at = self._heard_at  # whatever comes says that nothing was held back

    async def _watch(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Ping into silences; give the connection up when nothing answers."""
        while True:
            await self.clock.sleep_until(self.clock.monotonic() + PING_AFTER_S / 2)
            silent_s = self.clock.monotonic() - self._heard_at
            if silent_s > DEAD_AFTER_S:
                raise NotReady(f"Nothing was heard of the {self.name} for {silent_s:.0f} s.")
            if silent_s > PING_AFTER_S:
                await (socket.send_str(self._dialect.ping) if self._dialect.ping else socket.ping())

    async def _join(self) -> None:
        """Ask for the whole book while changes come already, and again when it is older than the first of them."""
        symbol = self.feed.instrument.symbol
        for _ in range(5):
            said = await self._venue.ask(
                f"fetch_order_book {symbol}", lambda venue: venue.fetch_order_book(symbol, SNAPSHOT_LEVELS)
            )
            number = said.get("nonce")
            if not isinstance(number, int):
                raise NotReady(f"The {self.name} came without a number to join it by.")
            snapshot = Snapshot(
                boundary.levels(said["bids"]), boundary.levels(said["asks"]), self.clock.now_ns(), number
            )
            try:
                self._joined.begin(snapshot)
            except Gap:
                # It is dear to ask for, and a newer one needs a moment anyway.
                await self.clock.sleep_until(self.clock.monotonic() + JOIN_AGAIN_AFTER_S)
                continue
            await asyncio.get_running_loop().create_future()  # joined; the others decide how long it lasts
        raise NotReady(f"The {self.name} could not be joined to its changes.")

    def broken(self, why: str) -> None:
        self._joined.reset()
        self.feed.problem = why
        self.feed.publish()
