"""Streams that break: begun again with growing waits, and nothing trusted or missed meanwhile. Q11."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import WSMessage, WSMsgType

from engine.core.errors import AuthRejected, NotReady, Refused
from engine.market.types import Side, Trade
from engine.testing import ManualClock, settle
from engine.venues.base import MarketFeed
from engine.venues.ccxt import books, compared, sockets
from engine.venues.ccxt.direct import stream
from engine.venues.ccxt.supervised import FIRST_WAIT_S, LONGEST_WAIT_S, STEADY_S, Supervised
from tests.engine.venues.ccxt.desk import D, Desk, S, desk_at
from tests.venues.binance import Binance
from tests.venues.bybit import Bybit
from tests.venues.every import opened
from tests.venues.loopback import Loopback
from tests.venues.wire import Session, Venue


class Stream(Supervised):
    """Ends as told, one ending a beginning; a number is how long it holds before that."""

    def __init__(self, clock: ManualClock, *endings: Exception | None, holds_s: float = 0) -> None:
        super().__init__("test", clock=clock)
        self.began: list[float] = []
        self.reasons: list[str] = []
        self._endings = list(endings)
        self._holds_s = holds_s

    async def follow(self) -> None:
        self.began.append(self.clock.monotonic())
        ending = self._endings.pop(0) if self._endings else None
        await self.clock.sleep_until(self.clock.monotonic() + (self._holds_s if ending else 1e9))
        if ending is not None:
            raise ending

    def broken(self, why: str) -> None:
        self.reasons.append(why)


def waits(stream: Stream) -> list[float]:
    return [later - earlier for earlier, later in zip(stream.began, stream.began[1:], strict=False)]


async def test_a_stream_that_breaks_is_begun_again_with_growing_waits_whatever_was_raised() -> None:
    clock = ManualClock()
    made = Stream(clock, NotReady("a"), KeyError("b"), ZeroDivisionError("c"), NotReady("d"))
    made.begin()
    await clock.advance(60)
    assert waits(made) == pytest.approx([2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S, 8 * FIRST_WAIT_S, 16 * FIRST_WAIT_S])
    assert made.epoch == 5
    assert [reason.split()[0] for reason in made.reasons] == ["a", "KeyError", "ZeroDivisionError", "d"]
    await made.stop()


async def test_one_that_held_long_is_begun_again_at_once() -> None:
    clock = ManualClock()
    made = Stream(clock, NotReady("a"), NotReady("b"), holds_s=STEADY_S + 1)
    made.begin()
    await clock.advance(3 * STEADY_S)
    assert waits(made) == pytest.approx([STEADY_S + 1 + FIRST_WAIT_S] * 2)
    await made.stop()


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (Refused("no such market"), LONGEST_WAIT_S),
        (AuthRejected("no such key"), LONGEST_WAIT_S),
        (NotReady("later", retry_after_s=17), 17.0),
    ],
)
async def test_a_definite_no_is_asked_again_late_and_a_venue_that_names_a_time_is_believed(
    error: Exception, wait_s: float
) -> None:
    clock = ManualClock()
    made = Stream(clock, error)
    made.begin()
    await clock.advance(wait_s - 0.5)
    assert made.epoch == 1
    await clock.advance(1)
    assert made.epoch == 2
    await made.stop()


async def test_a_stopped_stream_is_not_begun_again() -> None:
    clock = ManualClock()
    made = Stream(clock, NotReady("a"))
    made.begin()
    await settle()
    await made.stop()
    await made.stop()
    await clock.advance(60)
    assert made.epoch == 1


# At a venue


@pytest.fixture
def venue(loopback: Loopback) -> Venue:
    made = opened(Binance)
    loopback.mount(made)
    return made


def say(session: Session, text: str) -> None:
    session._outgoing.put_nowait(text)


async def test_a_frame_that_nobody_understands_ends_no_stream_for_good(venue: Venue) -> None:
    async with desk_at(venue) as desk:
        await desk.component.open_orders(S)
        await desk.until(lambda: venue.listens("desk"))
        await desk.place_one(desk.order(price="100.00", size="1"))
        [private] = venue.of_account("desk")
        say(private, '{"subscriptionId":0,"event":{"e":"executionReport","')
        await desk.until(lambda: private not in venue.sessions)
        venue.books.crowd_takes(S, "sell", "100", "0.5")
        await desk.until(lambda: desk.fills)
        await desk.until(lambda: venue.listens("desk"))
        await desk.until(lambda: desk.told(desk.fills[0].client_order_id))


async def test_a_book_of_frames_that_nobody_understands_is_not_shown(venue: Venue) -> None:
    async with desk_at(venue, keyless=True) as desk:
        feed = desk.component.feed(S)
        await desk.until(lambda: not feed.problem)
        problems: list[str] = []
        feed.on_book.append(lambda feed: problems.append(feed.problem))
        for session in list(venue.sessions):
            say(session, '{"e":"depthUpdate","U":1,"u":"not a number"}')
        await desk.until(lambda: any("DecodeError" in why or "ValidationError" in why for why in problems))
        await desk.until(lambda: not feed.problem)


async def test_a_connection_that_only_looks_open_is_given_up(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PING_AFTER_S", 0.1)
    monkeypatch.setattr(stream, "DEAD_AFTER_S", 0.4)
    async with desk_at(venue, keyless=True) as desk:
        feed = desk.component.feed(S)
        await desk.until(lambda: not feed.problem)
        venue.streams.mute = {"public", "control"}
        await desk.until(lambda: "Nothing was heard" in feed.problem)
        venue.streams.mute = set()
        await desk.until(lambda: not feed.problem)


# A quiet market


@pytest.fixture(params=["our own decoder", "the library's book"])
def quiet(request: pytest.FixtureRequest, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Venue:
    """A venue with a market in which nothing happens, kept in either way, and little patience with it."""
    monkeypatch.setattr(stream, "PING_AFTER_S", 0.1)
    monkeypatch.setattr(sockets, "PING_AFTER_S", 0.1)
    monkeypatch.setattr(sockets, "GLANCE_S", 0.05)
    monkeypatch.setattr(books, "GLANCE_S", 0.05)
    monkeypatch.setattr(compared, "EVERY_S", 0.05)
    if request.param == "the library's book":
        monkeypatch.setattr(stream, "DIALECTS", {})
    made = opened(Bybit)
    loopback.mount(made)
    return made


async def streamed(desk: Desk) -> MarketFeed:
    """The feed, once its book comes by the stream."""
    feed: MarketFeed = desk.component.feed(S)
    await desk.until(lambda: desk.venue.sessions)
    await desk.until(lambda: feed.received_at and not feed.problem)
    desk.venue.books.crowd_rests(S, "buy", "99.96", "3")
    await desk.until(lambda: feed.book.size_at(Side.BUY, D("99.96")))
    return feed


async def test_a_quiet_book_stays_young_while_its_connection_answers(quiet: Venue) -> None:
    async with desk_at(quiet, keyless=True) as desk:
        feed = await streamed(desk)
        changes: list[str] = []
        feed.on_book.append(lambda feed: changes.append(feed.problem))
        first = feed.received_at or 0
        await desk.until(lambda: (feed.received_at or 0) > first + 0.3)
        assert (desk.runtime.clock.monotonic() - (feed.received_at or 0)) < 0.5
        assert changes == []


async def test_a_quiet_book_grows_old_when_its_connection_falls_silent(quiet: Venue) -> None:
    async with desk_at(quiet, keyless=True) as desk:
        feed = await streamed(desk)
        quiet.streams.mute = {"public", "control"}
        await desk.until(lambda: (feed.age_s(desk.runtime.clock.monotonic()) or 0) > 0.5)


async def test_a_quiet_book_is_compared_with_the_venues_answer_and_kept_where_they_agree(
    quiet: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compared, "QUIET_S", 0.4)
    async with desk_at(quiet, keyless=True) as desk:
        feed = await streamed(desk)
        changes: list[str] = []
        feed.on_book.append(lambda feed: changes.append(feed.problem))
        asked = len(quiet.requests("book"))
        await desk.until(lambda: len(quiet.requests("book")) >= asked + 3)
        assert (changes, feed.problem) == ([], "")


async def test_a_book_whose_subscription_alone_has_died_is_not_shown_and_begun_again(
    quiet: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compared, "QUIET_S", 0.4)
    monkeypatch.setattr(compared, "TOLD_WITHIN_S", 0.05)
    async with desk_at(quiet, keyless=True) as desk:
        feed = await streamed(desk)
        prints: list[Trade] = []
        feed.on_trade.append(prints.append)
        quiet.streams.mute = {"public"}
        quiet.books.crowd_rests(S, "buy", "100.00", "100")
        await desk.until(lambda: "streamed no more" in feed.problem)
        assert "100.00 and 100.01 when asked" in feed.problem
        quiet.streams.clear()
        await desk.until(lambda: not feed.problem and feed.book.best_bid == D("100.00"))

        def traded() -> bool:  # one of those that the new subscription hears
            quiet.books.crowd_takes(S, "sell", "100.00", "0.1")
            return bool(prints)

        await desk.until(traded)


class Connection:
    """Of a socket: whether its far end answers pings."""

    def __init__(self) -> None:
        self.closed = False
        self.pings = 0
        self.answer: Callable[[], None] = lambda: None

    async def ping(self) -> None:
        self.pings += 1
        self.answer()

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("answers", "dead_after_s"), [(True, sockets.DEAD_AFTER_S), (False, 360.0)])
async def test_a_silence_is_the_end_early_only_of_a_connection_that_has_answered(
    answers: bool, dead_after_s: float
) -> None:
    clock, connection = ManualClock(), Connection()
    errors: list[str] = []
    socket = sockets.LiveClient("ws://nowhere", *[lambda *_: None] * 4, {"keepAlive": 180_000})
    socket.clock, socket.connection = clock, connection
    socket.asyncio_loop = asyncio.get_running_loop()
    socket.on_error_callback = lambda _, error: errors.append(str(error))
    if answers:
        connection.answer = lambda: socket.handle_message(WSMessage(WSMsgType.PONG, b"", None))
    looping = asyncio.ensure_future(socket.ping_loop())
    await clock.advance(60)
    assert 20 <= connection.pings <= 30
    assert errors == []
    connection.answer = lambda: None
    silent_s = 0 if answers else 60
    await clock.advance(dead_after_s - silent_s - 3)
    assert errors == []
    await clock.advance(6)
    assert len(errors) == 1
    assert "nothing was heard" in errors[0]
    await looping


async def test_a_connection_whose_pings_go_unanswered_is_heard_by_whatever_it_carries() -> None:
    clock, connection = ManualClock(), Connection()
    socket = sockets.LiveClient("ws://nowhere", *[lambda *_: None] * 4, {"keepAlive": 5_000})
    socket.clock, socket.connection = clock, connection
    socket.asyncio_loop = asyncio.get_running_loop()
    looping = asyncio.ensure_future(socket.ping_loop())
    for _ in range(30):
        await clock.advance(1)
        socket.handle_message(WSMessage(WSMsgType.TEXT, "{}", None))
    assert (connection.pings, connection.closed) == (0, False)
    looping.cancel()


async def test_a_stream_whose_connection_another_one_closed_is_begun_again() -> None:
    class Cancelled(Stream):
        async def follow(self) -> None:
            self.began.append(self.clock.monotonic())
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    clock = ManualClock()
    made = Cancelled(clock)
    made.begin()
    await clock.advance(2)
    assert made.epoch == 2
    assert "another stream" in made.reasons[0]
    await made.stop()
    await clock.advance(60)
    assert made.epoch == 2
