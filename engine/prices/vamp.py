"""prices.vamp: the mid of what a given amount could really be sold and bought for."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.params import Money, Seconds, Symbol
from engine.market.book import OrderBook
from engine.market.types import NoPrice, Side
from engine.prices import formulas
from engine.prices.feed import BookPrice
from engine.venues.base import MarketSource


class Vamp(BookPrice):
    """Volume-adjusted mid: half way between the average prices at which a notional could be sold and bought."""

    what = "volume-adjusted mid"

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market whose book is read")],
        notional_quote: Annotated[Decimal, Money(gt=0, help="Walked into each side of the book")],
        max_age_s: Annotated[Decimal, Seconds(gt=0, help="Oldest usable book")] = Decimal(5),
    ) -> None:
        super().__init__(market=market, symbol=symbol, max_age_s=max_age_s)
        self.notional_quote = notional_quote

    def _value(self, book: OrderBook, bid: Decimal, ask: Decimal) -> Decimal | NoPrice:
        feed = self._feed
        if not feed.depth_known:
            return self._none(f"{feed.source} shows best prices alone, without the depth behind them")
        sold = formulas.base_for(book.walk(Side.BUY), self.notional_quote)
        bought = formulas.base_for(book.walk(Side.SELL), self.notional_quote)
        if sold is None or bought is None:
            return self._none(
                f"the {'bids' if sold is None else 'asks'} from {feed.source} hold less than "
                f"{self.notional_quote} {feed.instrument.quote}"
            )
        return formulas.vamp(self.notional_quote, sold, bought)
