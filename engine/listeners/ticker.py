"""listeners.ticker: last, best and daily figures of one market."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.params import Collaborator, Seconds, Symbol
from engine.listeners.base import PublicListener
from engine.market.summaries import Ticker
from engine.metrics.events import TickerHeard
from engine.venues.base import MarketSource
from engine.venues.capabilities import StreamsTicker, TickerSource, offered
from engine.venues.channel import NoReading, Reading
from engine.venues.derived import DerivedTicker


class TickerListener(PublicListener[Ticker]):
    """Keep a market's ticker: streamed, polled, or derived from its book and trades where the venue has none."""

    def __init__(
        self,
        *,
        market: Annotated[MarketSource | TickerSource | StreamsTicker, Collaborator(help="Venue to listen to")],
        symbol: Annotated[str, Symbol(help="Market to listen to")],
        interval_s: Annotated[Decimal, Seconds(ge=1, help="Time between two questions, where it is polled")] = Decimal(
            5
        ),
        record_every_s: Annotated[Decimal, Seconds(ge=1, help="Tell sinks of a change at most this often")] = Decimal(
            10
        ),
    ) -> None:
        super().__init__()
        self.market = market
        self.symbol = symbol
        self.interval_s = interval_s
        self.record_every_s = record_every_s
        self._unspoken = False

    async def load(self) -> None:
        symbol, runtime = self.symbol, self.runtime
        runtime.scheduler.every(float(self.record_every_s), self._tell, name=f"{self.name} record")
        if streams := offered(self.market, StreamsTicker):
            await self.stream(streams.open_ticker(symbol), lambda: streams.close_ticker(symbol))
        elif polled := offered(self.market, TickerSource):

            async def ask(known: Ticker | None) -> Ticker:
                return await polled.ticker(symbol)

            key = ("ticker", polled.public_key(symbol))
            await self.poll(f"ticker of {symbol}", key, polled, ask, float(self.interval_s))
        elif isinstance(self.market, MarketSource):
            feed = self.market.feed(symbol)
            await self.derive(
                ("derived ticker", feed), lambda: DerivedTicker(feed, runtime.clock, runtime.scheduler.shared)
            )

    def ticker(self, max_age_s: float) -> Ticker | NoReading:
        """The ticker, unless the last was heard too long ago."""
        return self.fresh(max_age_s)

    def heard(self, reading: Reading[Ticker]) -> None:
        self._unspoken = True

    async def _tell(self) -> None:
        if self._unspoken and self.channel.value is not None:
            self._unspoken = False
            self.tell(TickerHeard, ticker=self.channel.value)
