"""listeners.instrument_status: whether a market trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.params import Collaborator, Seconds, Symbol
from engine.listeners.base import PublicListener
from engine.market.types import MarketStatus
from engine.metrics.events import InstrumentStatusChanged, Notice
from engine.venues.base import MarketFeed, MarketSource
from engine.venues.capabilities import StatusSource, offered
from engine.venues.channel import Reading

CHECK_EVERY_S = 1.0


class StatusListener(PublicListener[MarketStatus]):
    """Keep whether a market trades: as its feed says and, where the venue can be asked, as it answers."""

    def __init__(
        self,
        *,
        market: Annotated[MarketSource, Collaborator(help="Venue to listen to")],
        symbol: Annotated[str, Symbol(help="Market to listen to")],
        interval_s: Annotated[Decimal, Seconds(ge=1, help="Time between two questions, where it is polled")] = Decimal(
            30
        ),
    ) -> None:
        super().__init__()
        self.market = market
        self.symbol = symbol
        self.interval_s = interval_s
        self._feed: MarketFeed | None = None
        self._told: MarketStatus | None = None

    async def load(self) -> None:
        symbol = self.symbol
        feed = self.market.feed(symbol)
        self._hear_status = self.runtime.hearing(self._on_status)
        if polled := offered(self.market, StatusSource):

            async def ask(known: MarketStatus | None) -> MarketStatus:
                return await polled.market_status(symbol)

            key = ("status", polled.public_key(symbol))
            await self.poll(f"status of {symbol}", key, polled, ask, float(self.interval_s))
        else:
            channel = self.new_channel(f"status of {symbol}", self.market)
            channel.source = feed.source
            self.hear(channel)
            self.runtime.scheduler.every(CHECK_EVERY_S, self._follow_feed, name=f"{self.name} check", phase_s=0)
        self._feed = feed
        feed.on_status.append(self._hear_status)

    async def unload(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.on_status.remove(self._hear_status)
        await super().unload()

    def status(self) -> MarketStatus | None:
        """Halted if the feed or the venue's answer says so; None while neither has said anything."""
        feed = self._feed
        if feed is not None and feed.status is MarketStatus.HALTED:
            return MarketStatus.HALTED
        return self.channel.value

    def heard(self, reading: Reading[MarketStatus]) -> None:
        self._tell_change()

    def _on_status(self, status: MarketStatus) -> None:
        self._tell_change()

    async def _follow_feed(self) -> None:
        feed = self._feed
        if feed is None:
            return
        if feed.problem:
            self.channel.fail(feed.problem)
        elif feed.received_at is None:
            self.channel.fail("the feed has not shown a book yet")
        else:
            self.channel.put(feed.status)

    def _tell_change(self) -> None:
        status, was = self.status(), self._told
        if status is None or status is was:
            return
        self._told = status
        self.tell(InstrumentStatusChanged, status=status)
        if was is not None or status is MarketStatus.HALTED:
            halted = status is MarketStatus.HALTED
            text = f"{self.symbol} is halted at {self.channel.source}." if halted else f"{self.symbol} trades again."
            level = "warning" if halted else "info"
            self.runtime.record(Notice(ts_ns=self.runtime.clock.now_ns(), level=level, text=text))
