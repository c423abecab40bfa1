"""listeners.funding: the funding rate of one perpetual."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.params import Collaborator, Seconds, Symbol
from engine.listeners.base import PublicListener, lacks_capability
from engine.market.summaries import Funding
from engine.metrics.events import FundingHeard
from engine.venues.base import MarketSource
from engine.venues.capabilities import FundingSource, StreamsFunding, offered
from engine.venues.channel import Reading


class FundingListener(PublicListener[Funding]):
    """Keep a perpetual's funding rate: streamed or polled. A venue without one is refused at load."""

    def __init__(
        self,
        *,
        market: Annotated[MarketSource | FundingSource | StreamsFunding, Collaborator(help="Venue to listen to")],
        symbol: Annotated[str, Symbol(help="Market to listen to, such as BTC/USDT:USDT")],
        interval_s: Annotated[Decimal, Seconds(ge=1, help="Time between two questions, where it is polled")] = Decimal(
            60
        ),
    ) -> None:
        super().__init__()
        self.market = market
        self.symbol = symbol
        self.interval_s = interval_s
        self._told: tuple[Decimal, int | None] | None = None

    async def load(self) -> None:
        symbol = self.symbol
        if streams := offered(self.market, StreamsFunding):
            await self.stream(streams.open_funding(symbol), lambda: streams.close_funding(symbol))
        elif polled := offered(self.market, FundingSource):

            async def ask(known: Funding | None) -> Funding:
                return await polled.funding(symbol)

            key = ("funding", polled.public_key(symbol))
            await self.poll(f"funding rate of {symbol}", key, polled, ask, float(self.interval_s))
        else:
            raise lacks_capability(
                self, self.market, f"funding rate of {symbol}", "name a venue of perpetuals, or leave the listener out"
            )

    def heard(self, reading: Reading[Funding]) -> None:
        told = (reading.value.rate, reading.value.next_ns)
        if told != self._told:
            self._told = told
            self.tell(FundingHeard, funding=reading.value)
