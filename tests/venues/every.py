"""The venues there are, and the market that tests trade on them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from tests.venues.binance import Binance
from tests.venues.bitget import Bitget
from tests.venues.bybit import Bybit
from tests.venues.gate import Gate
from tests.venues.kraken import Kraken
from tests.venues.kucoin import Kucoin
from tests.venues.mexc import Mexc
from tests.venues.okx import Okx
from tests.venues.records import Market
from tests.venues.wire import Venue

TUNED = ("binance", "bitget", "bybit", "gate", "kraken", "kucoin", "mexc", "okx")
"""Venues that hold the contract."""

VENUES: dict[str, type[Venue]] = {
    venue.id: venue for venue in (Binance, Bitget, Bybit, Gate, Kraken, Kucoin, Mexc, Okx)
}

AURORA = Market(
    base="AUR",
    quote="USDT",
    tick=Decimal("0.01"),
    lot=Decimal("0.00001"),
    min_size=Decimal("0.0001"),
    min_quote=Decimal(5),
)
"""Invented, so that no library knows it better than the venue says."""


BOREAL = msgspec.structs.replace(AURORA, base="BOR")
"""A second one, as invented."""


def opened(kind: type[Venue], *, market: Market = AURORA, also: Sequence[Market] = ()) -> Venue:
    """A venue with a book of 99.99 / 100.01, three deep on each side, and a desk with 10 base and 100,000 quote; of
    every market."""
    venue = kind(market, *also)
    for each in (market, *also):
        venue.books.deposit(venue.keys.account, **{each.base: "10", each.quote: "100000"})
        for price in ("99.99", "99.98", "99.97"):
            venue.books.crowd_rests(each.symbol, "buy", price, "3")
        for price in ("100.01", "100.02", "100.03"):
            venue.books.crowd_rests(each.symbol, "sell", price, "3")
    return venue
