"""What a market weighs among others: the base currency resting near its mid, or traded at it lately."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from engine.core.component import Runtime
from engine.core.decimals import WIDE
from engine.core.errors import NotReady
from engine.market.types import NoPrice, Side
from engine.marketmaking.base import PriceProvider
from engine.prices.feed import OfMarket
from engine.prices.traded import Traded, hear_trades
from engine.venues.base import MarketFeed


def feeds_of(owner: str, names: Sequence[str], sources: Sequence[PriceProvider]) -> list[MarketFeed]:
    """The market behind each source. Raises NotReady for a price that no single market stands behind."""
    feeds = []
    for name, source in zip(names, sources, strict=True):
        feed = source.market_feed() if isinstance(source, OfMarket) else None
        if feed is None:
            raise NotReady(f"{owner} cannot weigh {name}: no single market stands behind its price; give it a weight")
        feeds.append(feed)
    return feeds


class Depths:
    """Base currency resting within a band around each market's mid, both sides together."""

    def __init__(self, feeds: Sequence[MarketFeed], band_bps: Decimal) -> None:
        self._feeds = feeds
        self._band_bps = band_bps

    def weight(self, place: int) -> Decimal | NoPrice:
        feed = self._feeds[place]
        mid = feed.book.mid
        if not feed.depth_known or mid is None:
            return NoPrice(f"The depth of {feed.source} is not known.")
        both = WIDE.add(
            feed.book.depth_quote(Side.BUY, self._band_bps), feed.book.depth_quote(Side.SELL, self._band_bps)
        )
        # In base, which all of them share: one may be quoted in USDT and the next in EUR.
        return WIDE.divide(both, mid) if both else NoPrice(f"{feed.source} shows nothing within {self._band_bps} bps.")


class Volumes:
    """Base currency traded at each market within a window; heard from construction until `close`."""

    def __init__(self, runtime: Runtime, feeds: Sequence[MarketFeed], window_s: Decimal) -> None:
        self._feeds = feeds
        self._window_s = window_s
        self._traded = [Traded(runtime.clock, window_s) for _ in feeds]
        self._stops = [
            hear_trades(runtime, feed, traded.hear) for feed, traded in zip(feeds, self._traded, strict=True)
        ]

    def weight(self, place: int) -> Decimal | NoPrice:
        base, _ = self._traded[place].sums()
        return base or NoPrice(f"Nothing was traded at {self._feeds[place].source} within {self._window_s} s.")

    def close(self) -> None:
        for stop in self._stops:
            stop()
