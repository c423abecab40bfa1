"""listeners.order_book: whether a market's book is there and can be believed."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.params import Collaborator, Seconds, Symbol
from engine.listeners.base import Listener
from engine.market.summaries import Touch
from engine.market.types import Side
from engine.venues.base import MarketFeed, MarketSource

CHECK_EVERY_S = 1.0


class OrderBookListener(Listener[Touch]):
    """Keep watch over a market's book: tell when it stops, is in trouble or crossed, and when it is back.

    The book itself is the host's shared one, `feed`; its updates are not recorded. `latest` holds the best prices.
    """

    def __init__(
        self,
        *,
        market: Annotated[MarketSource, Collaborator(help="Venue to listen to")],
        symbol: Annotated[str, Symbol(help="Market to listen to")],
        max_age_s: Annotated[Decimal, Seconds(gt=0, help="A book not confirmed for this long is not heard")] = Decimal(
            5
        ),
    ) -> None:
        self.market = market
        self.symbol = symbol
        self.max_age_s = max_age_s

    async def load(self) -> None:
        self.feed: MarketFeed = self.market.feed(self.symbol)
        channel = self.new_channel(f"order book of {self.symbol}", self.market)
        channel.source = self.feed.source
        self.hear(channel)
        self._hear_book = self.runtime.hearing(self._on_book)
        self.feed.on_book.append(self._hear_book)
        self.runtime.scheduler.every(CHECK_EVERY_S, self._check, name=f"{self.name} check")
        if self.feed.received_at is not None:
            self._on_book(self.feed)

    async def unload(self) -> None:
        if self.deaf():
            self.feed.on_book.remove(self._hear_book)

    def _on_book(self, feed: MarketFeed) -> None:
        if trouble := self._trouble():
            self.channel.fail(trouble)
            return
        book = feed.book
        bid, ask = book.best_bid, book.best_ask
        self.channel.put(
            Touch(
                bid=bid,
                bid_size_base=Decimal(0) if bid is None else book.size_at(Side.BUY, bid),
                ask=ask,
                ask_size_base=Decimal(0) if ask is None else book.size_at(Side.SELL, ask),
            )
        )

    def _trouble(self) -> str:
        feed = self.feed
        if feed.problem:
            return feed.problem
        age_s = feed.age_s(self.runtime.clock.monotonic())
        if age_s is None:
            return "there is no book yet"
        if age_s > self.max_age_s:
            return f"the book is {age_s:.1f} s old, older than {self.max_age_s} s"
        if feed.book.is_crossed:
            return f"the book is crossed, best bid {feed.book.best_bid} and best ask {feed.book.best_ask}"
        return ""

    async def _check(self) -> None:
        if trouble := self._trouble():
            self.channel.fail(trouble)
        elif self.channel.problem:
            self._on_book(self.feed)
