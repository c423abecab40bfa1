"""listeners.candles: the candles of one market and interval."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.clock import NS
from engine.core.params import Collaborator, Count, Seconds, Symbol
from engine.listeners.base import PublicListener
from engine.market.summaries import Candle
from engine.metrics.events import CandleClosed
from engine.venues.base import MarketSource
from engine.venues.capabilities import CandleSource, StreamsCandles, offered
from engine.venues.channel import Reading
from engine.venues.derived import CANDLES_KEPT, DerivedCandles

Candles = tuple[Candle, ...]


class CandleListener(PublicListener[Candles]):
    """Keep a market's candles, oldest first: streamed, polled, or derived from its trades where the venue has none."""

    def __init__(
        self,
        *,
        market: Annotated[MarketSource | CandleSource | StreamsCandles, Collaborator(help="Venue to listen to")],
        symbol: Annotated[str, Symbol(help="Market to listen to")],
        candle_s: Annotated[int, Seconds(ge=1, le=86_400, help="Length of one candle")] = 60,
        interval_s: Annotated[Decimal, Seconds(ge=1, help="Time between two questions, where it is polled")] = Decimal(
            10
        ),
        keep: Annotated[int, Count(ge=2, le=CANDLES_KEPT, help="Candles of history, polled at load")] = 100,
    ) -> None:
        super().__init__()
        self.market = market
        self.symbol = symbol
        self.candle_s = candle_s
        self.interval_s = interval_s
        self.keep = keep
        self._told_ns: int | None = None

    async def load(self) -> None:
        symbol, candle_s, runtime = self.symbol, self.candle_s, self.runtime
        if streams := offered(self.market, StreamsCandles):
            await self.stream(streams.open_candles(symbol, candle_s), lambda: streams.close_candles(symbol, candle_s))
        elif polled := offered(self.market, CandleSource):

            async def ask(known: Candles | None) -> Candles:
                return await self._ask(polled, known)

            key = ("candles", polled.public_key(symbol), candle_s)
            what = f"candles of {candle_s} s of {symbol}"
            await self.poll(what, key, polled, ask, float(self.interval_s))
        elif isinstance(self.market, MarketSource):
            feed = self.market.feed(symbol)
            await self.derive(
                ("derived candles", feed, candle_s),
                lambda: DerivedCandles(feed, candle_s, runtime.clock, runtime.scheduler.shared),
            )

    async def _ask(self, polled: CandleSource, known: Candles | None) -> Candles:
        """What is known with everything from its last candle on, which may have been open, asked again."""
        candle_ns = self.candle_s * NS
        start_ns = (self.runtime.clock.now_ns() // candle_ns - CANDLES_KEPT + 1) * candle_ns
        since_ns = max(known[-1].open_ns, start_ns) if known else start_ns
        answer = await polled.candles(self.symbol, self.candle_s, since_ns)
        merged = {candle.open_ns: candle for candle in (*(known or ()), *answer)}
        return tuple(merged[open_ns] for open_ns in sorted(merged))[-CANDLES_KEPT:]

    def closed(self) -> Candles:
        """The closed and wholly seen ones, oldest first, at most `keep`."""
        known = self.channel.value or ()
        return tuple(candle for candle in known if candle.is_closed and not candle.is_partial)[-self.keep :]

    def heard(self, reading: Reading[Candles]) -> None:
        """Tell of each candle that closed since we listen; what was history at the first reading stays history."""
        closed = [candle for candle in reading.value if candle.is_closed]
        if self._told_ns is not None:
            for candle in closed:
                if candle.open_ns > self._told_ns and not candle.is_partial:
                    self.tell(CandleClosed, candle=candle)
        self._told_ns = closed[-1].open_ns if closed else self._told_ns or 0
