"""prices.mid believes a book only while it can be believed (E9)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.market.types import NoPrice, Price
from engine.prices.mid import Mid
from engine.testing import FakeVenue, RecordingRuntime, levels


class Market:
    """prices.mid on a fake venue with a book of 0.9990 / 1.0005."""

    def __init__(self) -> None:
        self.runtime = RecordingRuntime()
        self.venue = FakeVenue()
        self.mid = Mid(market=self.venue, symbol="AURORA/USDT")
        self.runtime.equip(self.venue, "venue")
        self.runtime.equip(self.mid, "mid")

    async def open(self) -> Market:
        await self.venue.load()
        await self.mid.load()
        return self

    def book(self, bid: str | None, ask: str | None) -> None:
        self.venue.set_book(levels((bid, "10")) if bid else [], levels((ask, "10")) if ask else [])

    def reason(self) -> str:
        answer = self.mid.price()
        assert isinstance(answer, NoPrice)
        return answer.reason


async def test_a_price_carries_its_time_and_source() -> None:
    market = await Market().open()
    market.book("0.9990", "1.0005")
    answer = market.mid.price()
    assert answer == Price(value=Decimal("0.99975"), ts_ns=market.runtime.clock.now_ns(), source="fake mid")


async def test_before_the_first_book_there_is_no_price() -> None:
    market = await Market().open()
    assert market.reason() == "No mid of AURORA/USDT: no book from fake yet."


async def test_an_old_book_is_no_price() -> None:
    market = await Market().open()
    market.book("0.9990", "1.0005")
    await market.runtime.clock.advance(5)
    assert isinstance(market.mid.price(), Price)
    await market.runtime.clock.advance(0.1)
    assert market.reason() == "No mid of AURORA/USDT: the book from fake is 5.1 s old, older than 5 s."


@pytest.mark.parametrize(("bid", "ask"), [("1.0005", "1.0005"), ("1.0010", "1.0005")])
async def test_a_crossed_or_locked_book_is_no_price(bid: str, ask: str) -> None:
    market = await Market().open()
    market.book(bid, ask)
    assert f"is crossed, best bid {bid} and best ask {ask}." in market.reason()


async def test_a_one_sided_book_is_no_price() -> None:
    market = await Market().open()
    market.book("0.9990", None)
    assert market.reason().endswith("has no asks.")
    market.book(None, "1.0005")
    assert market.reason().endswith("has no bids.")


async def test_a_feed_in_trouble_is_no_price_however_fresh() -> None:
    market = await Market().open()
    market.book("0.9990", "1.0005")
    market.venue.feed("AURORA/USDT").problem = "a gap of 3 messages"
    assert market.reason() == "No mid of AURORA/USDT: the feed from fake is in trouble: a gap of 3 messages."
