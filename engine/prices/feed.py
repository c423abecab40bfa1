"""What prices read from one market share: the market, its feed, and whether its book can be believed now."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Annotated, ClassVar, Protocol, runtime_checkable

from engine.core.component import Component
from engine.core.params import Seconds, Symbol
from engine.market.book import OrderBook
from engine.market.types import NoPrice, Price
from engine.venues.base import MarketFeed, MarketSource


@runtime_checkable
class OfMarket(Protocol):
    """A price that comes from one market, whose depth and volume can weigh it."""

    def market_feed(self) -> MarketFeed | None:
        """The market's feed; None for a price that after all has no market of its own. Loaded first."""
        ...


class FeedPrice(Component):
    """One number of one market. `what` names it in reasons and sources: "No mid of BTC/USDT: …", "binance mid"."""

    what: ClassVar[str]

    def __init__(
        self, *, market: MarketSource, symbol: Annotated[str, Symbol(help="Market whose price is read")]
    ) -> None:
        self.market = market
        self.symbol = symbol

    async def load(self) -> None:
        self._feed: MarketFeed = self.market.feed(self.symbol)

    def market_feed(self) -> MarketFeed | None:
        return self._feed

    def _none(self, why: str) -> NoPrice:
        return NoPrice(f"No {self.what} of {self.symbol}: {why}.")

    def _trouble(self) -> NoPrice:
        return self._none(f"the feed from {self._feed.source} is in trouble: {self._feed.problem}")


class BookPrice(FeedPrice, ABC):
    """A number of a book. An old, missing, one-sided or crossed book, or a feed in trouble, is no price."""

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market whose book is read")],
        max_age_s: Annotated[Decimal, Seconds(gt=0, help="Oldest usable book")] = Decimal(5),
    ) -> None:
        super().__init__(market=market, symbol=symbol)
        self.max_age_s = max_age_s
        self._max_age = float(max_age_s)

    def price(self) -> Price | NoPrice:
        feed = self._feed
        if feed.problem:
            return self._trouble()
        if feed.received_at is None:
            return self._none(f"no book from {feed.source} yet")
        age_s = self.runtime.clock.monotonic() - feed.received_at
        if age_s > self._max_age:
            return self._none(f"the book from {feed.source} is {age_s:.1f} s old, older than {self.max_age_s} s")
        book = feed.book
        bid, ask = book.best_bid, book.best_ask
        if bid is None or ask is None:
            return self._none(f"the book from {feed.source} has no {'bids' if bid is None else 'asks'}")
        if bid >= ask:
            return self._none(f"the book from {feed.source} is crossed, best bid {bid} and best ask {ask}")
        value = self._value(book, bid, ask)
        if isinstance(value, NoPrice):
            return value
        return Price(value=value, ts_ns=feed.book_ts_ns, source=f"{feed.source} {self.what}")

    @abstractmethod
    def _value(self, book: OrderBook, bid: Decimal, ask: Decimal) -> Decimal | NoPrice:
        """The number, of a book that can be believed: bid and ask are its best prices, bid under ask."""
