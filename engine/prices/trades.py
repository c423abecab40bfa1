"""What prices made of public trades share: they hear the market's trades from load to unload."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from engine.market.types import Trade
from engine.prices.feed import FeedPrice
from engine.prices.traded import hear_trades


class TradePrice(FeedPrice, ABC):
    """A number of a market's trades. Those before load are unknown, but for the last one, which the feed keeps."""

    _stop_hearing: Callable[[], None] | None = None

    async def load(self) -> None:
        await super().load()
        self._stop_hearing = hear_trades(self.runtime, self._feed, self._hear)

    async def unload(self) -> None:
        if self._stop_hearing is not None:
            self._stop_hearing()

    @abstractmethod
    def _hear(self, trade: Trade) -> None: ...
