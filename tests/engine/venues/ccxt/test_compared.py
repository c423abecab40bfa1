"""A quiet book against the venue's answer: begun anew where the stream has missed something, and only there."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal
from typing import Any

import pytest

from engine.core.errors import NotReady
from engine.market.types import Instrument
from engine.testing import ManualClock
from engine.venues.base import MarketFeed
from engine.venues.ccxt.compared import EVERY_S, QUIET_S, TOLD_WITHIN_S, Compared
from engine.venues.ccxt.tuned.base import Tuning

D = Decimal
BOOK = [(D("99.98"), D(2)), (D("99.99"), D(1))], [(D("100.01"), D(1)), (D("100.02"), D(2))]


class Library:
    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def fetch_order_book(self, symbol: str, depth: int) -> dict[str, Any]:
        self._venue.asked.append((symbol, self._venue.clock.monotonic()))
        if self._venue.is_away:
            raise NotReady("no answer")
        bids, asks = self._venue.book
        return {"bids": bids, "asks": asks}


class Venue:
    """Answers with `book`, whatever is streamed."""

    name = "aurora"
    tuning = Tuning()

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.compares_at = float("-inf")
        self.asked: list[tuple[str, float]] = []
        self.book = BOOK
        self.is_away = False

    async def ask(self, what: str, question: Any) -> Any:
        return await question(Library(self))


class Stream:
    """Of one book. `tells` is what it does next."""

    def __init__(self, venue: Any, symbol: str = "AUR/USDT") -> None:
        self.clock: ManualClock = venue.clock
        self.changed_at = self.clock.monotonic()
        instrument = Instrument(symbol=symbol, base="AUR", quote="USDT", tick_size=D("0.01"), lot_size=D("0.001"))
        self.feed = MarketFeed(instrument, source="aurora")
        self.feed.book.reset(*BOOK)
        compared = Compared(venue, self.feed, self, clock=self.clock)
        self.following = asyncio.ensure_future(compared.follow())

    def changes(self) -> None:
        self.changed_at = self.clock.monotonic()

    @property
    def problem(self) -> str:
        return str(self.following.exception()) if self.following.done() else ""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def venue(clock: ManualClock) -> Venue:
    return Venue(clock)


async def test_a_book_that_changes_is_never_asked_for(venue: Venue, clock: ManualClock) -> None:
    stream = Stream(venue)
    for _ in range(20):
        await clock.advance(QUIET_S / 2)
        stream.changes()
    assert venue.asked == []
    stream.following.cancel()


async def test_a_quiet_book_that_is_the_venues_is_asked_for_again_and_again(venue: Venue, clock: ManualClock) -> None:
    stream = Stream(venue)
    await clock.advance(QUIET_S * 4.5)
    assert len(venue.asked) == 4
    assert stream.problem == ""
    stream.following.cancel()


async def test_a_size_that_differs_is_no_reason(venue: Venue, clock: ManualClock) -> None:
    stream = Stream(venue)
    venue.book = [(D("99.99"), D(7)), (D("99.50"), D(7))], [(D("100.01"), D(7))]
    await clock.advance(QUIET_S * 2)
    assert stream.problem == ""
    stream.following.cancel()


@pytest.mark.parametrize(
    ("book", "words"),
    [
        (([(D("99.97"), D(1))], BOOK[1]), "99.99 and 100.01 here and 99.97 and 100.01 when asked"),
        (([(D("99.99"), D(0)), (D("99.97"), D(1))], BOOK[1]), "99.97 and 100.01 when asked"),
        (([], BOOK[1]), "none and 100.01 when asked"),
    ],
)
async def test_a_stream_that_does_not_tell_what_the_venue_answers_is_begun_anew(
    venue: Venue, clock: ManualClock, book: Any, words: str
) -> None:
    stream = Stream(venue)
    venue.book = book
    await clock.advance(QUIET_S + TOLD_WITHIN_S / 2)
    assert stream.problem == ""
    await clock.advance(TOLD_WITHIN_S)
    assert "is streamed no more" in stream.problem
    assert words in stream.problem


async def test_one_that_tells_it_a_moment_later_is_kept(venue: Venue, clock: ManualClock) -> None:
    stream = Stream(venue)
    venue.book = [(D("99.97"), D(1))], BOOK[1]
    await clock.advance(QUIET_S + TOLD_WITHIN_S / 2)
    stream.changes()
    await clock.advance(TOLD_WITHIN_S * 3)
    assert stream.problem == ""
    stream.following.cancel()


async def test_a_venue_that_does_not_answer_says_nothing_of_its_stream(venue: Venue, clock: ManualClock) -> None:
    stream = Stream(venue)
    venue.is_away = True
    await clock.advance(QUIET_S * 3.5)
    assert len(venue.asked) == 3
    assert stream.problem == ""
    stream.following.cancel()


async def test_many_quiet_books_of_a_venue_are_asked_for_one_after_another(venue: Venue, clock: ManualClock) -> None:
    streams = [Stream(venue, f"A{number}/USDT") for number in range(40)]
    await clock.advance(QUIET_S + 200)
    moments = [at for _, at in venue.asked]
    assert all(later - earlier >= EVERY_S for earlier, later in itertools.pairwise(moments))
    assert {symbol for symbol, _ in venue.asked} == {stream.feed.instrument.symbol for stream in streams}
    for stream in streams:
        stream.following.cancel()
