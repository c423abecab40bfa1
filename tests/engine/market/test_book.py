"""The depth of a book, asked again and again of one that seldom changes in between."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.core.decimals import BPS
from engine.market.book import OrderBook
from engine.market.types import Side

D = Decimal
BANDS = (D(20), D(100))
change = st.tuples(st.sampled_from(Side), st.integers(1, 30), st.integers(0, 5))


def plainly(book: OrderBook, side: Side, band_bps: Decimal) -> Decimal:
    mid = book.mid
    if mid is None:
        return D(0)
    edge = mid * (1 - side.sign * band_bps / BPS)
    return sum((at.price * at.size_base for at in book.walk(side) if (at.price - edge) * side.sign >= 0), D(0))


@given(changes=st.lists(change, max_size=30))
def test_depth_is_that_of_the_book_as_it_is_now(changes: list[tuple[Side, int, int]]) -> None:
    book = OrderBook()
    for side, steps, size in changes:
        level = [(100 - side.sign * steps * D("0.1"), D(size))]
        book.apply(level if side is Side.BUY else [], level if side is Side.SELL else [])
        for asked, band in ((asked, band) for asked in Side for band in BANDS):
            assert book.depth_quote(asked, band) == plainly(book, asked, band)
            assert book.depth_quote(asked, band) == plainly(book, asked, band)
    book.reset([(D(99), D(2))], [(D(101), D(3))])
    assert book.depth_quote(Side.BUY, D(100)) == D(198)
    assert book.depth_quote(Side.SELL, D(50)) == D(0)
