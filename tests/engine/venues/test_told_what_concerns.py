"""An account is told only of books and prints that concern it, and nothing comes out differently for that."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.market.book import TOUCHED_KEPT, OrderBook
from engine.market.types import Side
from tests.engine.venues.paper_desk import Desk
from tests.examples import examples

D = Decimal
CENT, LOT = D("0.01"), D("0.001")

ticks = st.integers(9_990, 10_010)
step = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(Side), ticks, st.integers(500, 2_000)),
    st.tuples(st.just("print"), st.sampled_from(Side), ticks, st.integers(1, 5_000)),
    st.tuples(st.just("level"), st.sampled_from(Side), ticks, st.integers(0, 5_000)),
    st.tuples(st.just("level"), st.sampled_from(Side), ticks, st.integers(0, 5_000)),
    st.tuples(st.just("trouble"), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 40)),
    st.tuples(st.just("wait"), st.integers(1, 60)),
)


async def play(desk: Desk, steps: list[tuple[Any, ...]], *, tell_everything: bool) -> None:
    feed = desk.market.feed("AUR/USDT")
    for number, (kind, *values) in enumerate(steps):
        if kind == "place":
            side, tick, lots = values
            await desk.place(side, str(tick * CENT), str(lots * LOT), key=f"c{number}")
        elif kind == "print":
            side, tick, lots = values
            desk.market.print(str(tick * CENT), str(lots * LOT), side)
        elif kind == "cancel":
            await desk.venue.cancel("AUR/USDT", [f"c{values[0]}"])
        elif kind == "wait":
            await desk.move(values[0] / 1000)
        else:
            if kind == "trouble":
                feed.problem = "a gap" if values[0] else ""
            else:
                side, tick, lots = values
                change = [(tick * CENT, lots * LOT)]
                feed.book.apply(change if side is Side.BUY else [], change if side is Side.SELL else [])
            feed.received_at, feed.book_ts_ns = desk.clock.monotonic(), desk.clock.now_ns()
            if tell_everything:
                feed.book.touched = None
            feed.publish()


@examples(150)
@given(steps=st.lists(step, min_size=5, max_size=60), latency_ms=st.sampled_from([0, 30]))
async def test_an_account_fills_as_one_that_is_told_everything(steps: list[tuple[Any, ...]], latency_ms: int) -> None:
    told_all, told_some = await Desk().open(latency_ms=latency_ms), await Desk().open(latency_ms=latency_ms)
    await play(told_all, steps, tell_everything=True)
    await play(told_some, steps, tell_everything=False)
    assert told_some.fills == told_all.fills
    assert told_some.reports == told_all.reports
    assert await told_some.totals() == await told_all.totals()


async def test_a_book_that_moves_elsewhere_is_not_looked_at() -> None:
    desk = await Desk().open()
    feed = desk.market.feed("AUR/USDT")
    await desk.place(Side.BUY, "99.90", "1")
    feed.publish()
    looked: list[OrderBook] = []
    desk.venue._matcher.on_book = lambda book, ts_ns: looked.append(book)  # type: ignore[method-assign]
    feed.book.apply([(D("99.80"), D(3))], [(D("100.05"), D(4))])
    feed.publish()
    assert looked == []
    feed.book.apply([(D("99.90"), D(3))], [])
    feed.publish()
    assert looked == [feed.book]


async def test_an_order_arrives_in_a_market_where_nothing_happens() -> None:
    desk = await Desk().open(latency_ms=30)
    await desk.place(Side.BUY, "99.90", "1")
    await desk.move(0.02)
    assert desk.reports == []
    await desk.move(0.02)
    assert [report.status.value for report in desk.reports] == ["open"]


def test_a_book_whose_changes_are_too_many_to_note_says_that_anything_may_have_changed() -> None:
    book = OrderBook()
    book.touched = set()
    book.apply([(D(number), D(1)) for number in range(1, TOUCHED_KEPT + 2)], [])
    assert book.touched is None
