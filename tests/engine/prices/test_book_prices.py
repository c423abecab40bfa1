"""Prices read from one book: their figures, and that none of them believes a book prices.mid would not (E9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.market.types import Price
from engine.prices.best import BestAsk, BestBid
from engine.prices.feed import BookPrice
from engine.prices.micro import Micro
from engine.prices.mid import Mid
from engine.prices.vamp import Vamp
from tests.engine.prices.told import Bench, book, reason_of, value_of

D = Decimal

KINDS: dict[type[BookPrice], tuple[dict[str, Any], str, str]] = {
    Mid: ({}, "100.5", "mid"),
    BestBid: ({}, "100", "best bid"),
    BestAsk: ({}, "101", "best ask"),
    Micro: ({}, "100.75", "micro price"),
    # 500 sold: 300 at 100, then 200 at 80 is 5.5 base. 500 bought: 101 at 101, then 399 at 133 is 4 base.
    # (500 / 5.5 + 500 / 4) / 2
    Vamp: ({"notional_quote": D(500)}, "107.9545454545454545454545455", "volume-adjusted mid"),
}


async def made(bench: Bench, kind: type[BookPrice]) -> tuple[Any, BookPrice]:
    venue = await bench.venue()
    return venue, await bench.load(kind(market=venue, symbol="AURORA/USDT", **KINDS[kind][0]))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_price_of_a_book_is_the_worked_figure_with_time_and_source(bench: Bench, kind: type[BookPrice]) -> None:
    venue, price = await made(bench, kind)
    book(venue, "100 3, 80 5", "101 1, 133 5")
    _, expected, what = KINDS[kind]
    stamped = bench.clock.now_ns()
    await bench.advance(1)
    assert price.price() == Price(value=D(expected), ts_ns=stamped, source=f"venue {what}")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_book_that_cannot_be_believed_is_no_price(bench: Bench, kind: type[BookPrice]) -> None:
    venue, price = await made(bench, kind)
    start = f"No {KINDS[kind][2]} of AURORA/USDT: "
    assert reason_of(price) == start + "no book from venue yet."
    book(venue, "100 9", "101 9")
    await bench.advance(5)
    assert value_of(price)
    await bench.advance(0.1)
    assert reason_of(price) == start + "the book from venue is 5.1 s old, older than 5 s."
    book(venue, "100 9", "")
    assert reason_of(price) == start + "the book from venue has no asks."
    book(venue, "101 9", "101 9")
    assert reason_of(price) == start + "the book from venue is crossed, best bid 101 and best ask 101."
    book(venue, "100 9", "101 9")
    venue.feed("AURORA/USDT").problem = "a gap"
    assert reason_of(price) == start + "the feed from venue is in trouble: a gap."


async def test_a_book_thinner_than_the_notional_has_no_volume_adjusted_mid(bench: Bench) -> None:
    venue, price = await made(bench, Vamp)
    book(venue, "100 4.99", "101 9")
    assert reason_of(price).endswith("the bids from venue hold less than 500 USDT.")
    book(venue, "100 5", "101 4")
    assert reason_of(price).endswith("the asks from venue hold less than 500 USDT.")


async def test_without_depth_there_is_no_volume_adjusted_mid(bench: Bench) -> None:
    venue, price = await made(bench, Vamp)
    book(venue, "100 9", "101 9")
    venue.feed("AURORA/USDT").depth_known = False
    assert reason_of(price).endswith("venue shows best prices alone, without the depth behind them.")
