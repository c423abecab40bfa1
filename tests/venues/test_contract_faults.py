"""The contract where things go wrong: nothing is sent twice, nothing is lost, and nobody claims what he cannot know.

Numbers go on from `test_contract.py`. The venue's books judge; a request is counted when the venue has it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import nullcontext
from decimal import Decimal
from typing import TypeVar

import msgspec
import pytest

from engine.core.errors import AuthRejected, EngineError, NotReady, Refused
from engine.market.types import OrderReport, OrderRequest, OrderStatus, Side
from engine.venues.base import Placed, PlaceRefused, PlaceUnknown
from engine.venues.ccxt.tuned.base import tuning_of
from tests.venues.every import AURORA, BOREAL, TUNED, VENUES, opened
from tests.venues.faults import BreakOff, Drop, Fault, Late, Limited, Never, Say, Truncate, Unheard, html
from tests.venues.loopback import Loopback
from tests.venues.rig import HASTE, Wired
from tests.venues.wire import Keys

D = Decimal
T = TypeVar("T")

ARRIVED: dict[str, Fault] = {
    "time-out": Never(),
    "connection dropped": Drop(),
    "answer broken off": BreakOff(),
    "answer truncated": Truncate(),
    "a page of HTML": html(),
    "an empty answer": Say(),
    "an empty object": Say(text="{}"),
    "null": Say(text="null"),
    "502": html(status=502),
    "503": html(status=503),
    "500 in JSON": Say(text='{"message":"internal"}', status=500),
    "an unheard-of code": Unheard(acts=True),
}
"""The venue carries the request out, and its answer is worth nothing."""

NEVER_ARRIVED: dict[str, Fault] = {
    "time-out": Never(acts=False),
    "connection dropped": Drop(acts=False),
    "a page of HTML": html(acts=False),
    "a gateway's refusal": html(acts=False, status=403),
    "502": html(acts=False, status=502),
    "too many requests": Limited(),
    "an unheard-of code": Unheard(),
}
"""The venue never gets it. Whoever sent it cannot always tell."""


@pytest.fixture(params=TUNED)
async def wired(request: pytest.FixtureRequest, loopback: Loopback) -> AsyncIterator[Wired]:
    made = Wired(opened(VENUES[request.param]), loopback)
    await made.open()
    await made.attentive()
    yield made
    await made.close()


async def under(wired: Wired, call: str, fault: Fault, doing: Awaitable[T]) -> T:
    """Do something while a fault awaits its request; requests are counted from here."""
    wired.venue.log.clear()
    wired.venue.faults.next(call, fault)
    with wired.impatient() if isinstance(fault, Never | Late) else nullcontext():
        return await doing


async def answer_of(wired: Wired, order: OrderRequest) -> OrderReport | EngineError:
    try:
        return await wired.place(order)
    except EngineError as error:
        return error


async def test_c30_an_order_that_arrived_though_its_answer_was_lost_is_unknown_then_found_and_never_doubled(
    wired: Wired, subtests: pytest.Subtests
) -> None:
    for name, fault in ARRIVED.items():
        wired.venue.books.cancel_all(wired.keys.account)
        with subtests.test(name):
            order = wired.order()
            answer = await under(wired, "place", fault, answer_of(wired, order))
            # It may already have been asked about; a refusal it must never be.
            assert isinstance(answer, PlaceUnknown | Placed), answer
            truth = wired.truth(order)
            assert truth is not None
            assert truth.rests
            [listed] = await wired.exchange.open_orders(wired.symbol)
            assert listed.client_order_id == order.client_order_id
            assert len(wired.venue.requests("place")) == 1
            await wired.exchange.cancel(wired.symbol, [order.client_order_id])
            assert wired.resting() == 0


async def test_c31_an_order_that_never_arrived_is_never_called_placed_nor_sent_again(
    wired: Wired, subtests: pytest.Subtests
) -> None:
    for name, fault in NEVER_ARRIVED.items():
        with subtests.test(name):
            order = wired.order()
            answer = await under(wired, "place", fault, answer_of(wired, order))
            assert isinstance(answer, PlaceUnknown | PlaceRefused | NotReady), answer
            assert wired.truth(order) is None
            assert len(wired.venue.requests("place")) == 1
            assert await wired.patiently(lambda: wired.exchange.open_orders(wired.symbol)) == []
            wired.plenty()


async def test_c32_a_cancel_whose_answer_was_lost_claims_nothing(wired: Wired, subtests: pytest.Subtests) -> None:
    for name, fault in ARRIVED.items():
        wired.venue.books.cancel_all(wired.keys.account)
        with subtests.test(name):
            order = wired.order()
            await wired.place(order)
            cancelling = wired.exchange.cancel(wired.symbol, [order.client_order_id])
            [answer] = await under(wired, "cancel", fault, cancelling)
            # Whoever asked the venue afterwards may know that it is gone, and it is.
            assert answer.status in (OrderStatus.UNKNOWN, OrderStatus.CANCELLED)
            assert len(wired.venue.requests("cancel")) == 1
            assert await wired.exchange.open_orders(wired.symbol) == []


async def test_c33_a_cancel_that_never_arrived_never_says_cancelled(wired: Wired, subtests: pytest.Subtests) -> None:
    order = wired.order()
    await wired.place(order)
    for name, fault in NEVER_ARRIVED.items():
        with subtests.test(name):
            cancelling = wired.exchange.cancel(wired.symbol, [order.client_order_id])
            [answer] = await under(wired, "cancel", fault, cancelling)
            assert answer.status in (OrderStatus.UNKNOWN, OrderStatus.CANCELLING, OrderStatus.OPEN)
            assert wired.resting() == 1
            [listed] = await wired.patiently(lambda: wired.exchange.open_orders(wired.symbol))
            assert listed.client_order_id == order.client_order_id
            wired.plenty()


@pytest.mark.parametrize("call", ["open_orders", "fills", "balances"])
async def test_c34_a_question_without_a_true_answer_raises_and_never_says_nothing(
    wired: Wired, call: str, subtests: pytest.Subtests
) -> None:
    order, since_ns = wired.order(price="100"), wired.now_ns() - 10**10
    await wired.place(order)
    wired.crowd_takes(Side.SELL, "100", "0.5")
    ask = {
        "open_orders": lambda: wired.exchange.open_orders(wired.symbol),
        "fills": lambda: wired.exchange.fills(wired.symbol, since_ns),
        "balances": lambda: wired.exchange.balances(),
    }[call]
    for name in (name for name in ARRIVED if name != "time-out"):
        with subtests.test(name):
            wired.venue.faults.clear()
            wired.venue.faults.next(call, ARRIVED[name])
            try:
                found = await ask()
            except NotReady:
                continue
            # A question may be asked again on a connection that was dropped, and so be answered after all.
            assert found == await ask(), "nothing was taken for an answer"
            assert found


@pytest.mark.parametrize("call", ["balances", "place"])
async def test_c35_told_to_slow_down_it_asks_for_nothing_until_it_may(wired: Wired, call: str) -> None:
    """For as long as the venue says, or for as long as it is known to count where it does not say."""
    order, venue = wired.order(), wired.venue
    silence_s = venue.says_when_to_come_back(30) or tuning_of(venue.id).left_alone_s
    venue.log.clear()
    venue.faults.next(call, Limited(retry_after_s=30))
    try:
        answer = await wired.place(order) if call == "place" else await wired.exchange.balances()
        assert isinstance(answer, PlaceUnknown | PlaceRefused)
    except NotReady:
        assert wired.truth(order) is None
    told_at = venue.requests(call)[0].at
    assert await wired.patiently(wired.exchange.balances)
    # What was under way when it was told may still arrive; what it is asked for every second from then on may not.
    came_back_at = venue.requests("balances")[-1].at
    assert (came_back_at - told_at) * HASTE >= 0.95 * silence_s
    assert len(venue.requests("balances")) == (1 if call == "place" else 2)
    assert wired.truth(order) is None
    assert len(venue.requests("place")) == (call == "place")


async def test_c36_wrong_keys_are_a_matter_for_a_person(wired: Wired) -> None:
    order = wired.order()
    wired.venue.by_key.clear()
    with pytest.raises(AuthRejected):
        await wired.exchange.balances()
    with pytest.raises(AuthRejected):
        await wired.place(order)
    assert wired.truth(order) is None


async def test_c37_no_secret_stands_in_an_error(wired: Wired) -> None:
    keys: Keys = wired.venue.keys
    wired.venue.faults.always("place", Say(text=f"<html>{keys.api_key} {keys.secret}</html>", status=500))
    answer = await answer_of(wired, wired.order())
    said = str(answer) if isinstance(answer, EngineError) else answer.reason
    for secret in (keys.api_key, keys.secret, keys.passphrase):
        assert not secret or secret not in said


@pytest.mark.parametrize("ahead_s", [120, -120])
@pytest.mark.parametrize("name", TUNED)
async def test_c38_a_venue_whose_clock_differs_is_noticed_and_either_served_or_refused(
    name: str, ahead_s: int, loopback: Loopback
) -> None:
    wired = Wired(opened(VENUES[name]), loopback)
    wired.venue.clock.move(ahead_s)
    await wired.open()
    try:
        assert wired.exchange.clock_skew_s() is not None
        assert abs(wired.exchange.clock_skew_s() - ahead_s) < 5
        order = wired.order()
        answer = await answer_of(wired, order)
        assert isinstance(answer, Placed | NotReady), answer
        truth = wired.truth(order)
        assert (truth is not None and truth.rests) is isinstance(answer, Placed)
    finally:
        await wired.close()


async def test_c39_an_order_that_arrives_after_its_sender_gave_up_is_found(wired: Wired) -> None:
    order, arrives = wired.order(), asyncio.Event()
    answer = await under(wired, "place", Late(until=arrives), answer_of(wired, order))
    assert isinstance(answer, PlaceUnknown), answer
    assert await wired.exchange.open_orders(wired.symbol) == []
    arrives.set()
    if wired.venue.refuses_the_overtaken:
        return
    await wired.venue.until(lambda: wired.truth(order) is not None)
    [listed] = await wired.exchange.open_orders(wired.symbol)
    assert listed.client_order_id == order.client_order_id


async def test_c40_events_that_come_twice_and_in_the_wrong_order_tell_the_same_story(wired: Wired) -> None:
    if not wired.venue.has_streams:
        pytest.skip("it streams no orders")
    order = wired.order(price="100")
    await wired.place(order)
    wired.venue.streams.double_private, wired.venue.streams.reverse_private = True, 2
    wired.crowd_takes(Side.SELL, "100", "0.25")
    wired.crowd_takes(Side.SELL, "100", "0.25")
    await wired.until(lambda: len(wired.filled_of(order)) == 2)
    assert sum(fill.size_base for fill in wired.filled_of(order).values()) == D("0.5")
    assert all(report.filled_base <= D("0.5") for report in wired.told_of(order))


async def test_c41_what_happened_while_the_stream_was_away_is_heard_of_when_it_is_back(wired: Wired) -> None:
    if not wired.venue.has_streams:
        pytest.skip("it streams no orders")
    order = wired.order(price="100")
    await wired.place(order)
    await wired.venue.cut(private=True)
    wired.crowd_takes(Side.SELL, "100", "0.25")
    await wired.until(lambda: wired.filled_of(order))
    await wired.heard_by_stream()
    wired.crowd_takes(Side.SELL, "100", "0.25")
    await wired.until(lambda: len(wired.filled_of(order)) == 2)


@pytest.mark.parametrize("name", [name for name in TUNED if VENUES[name].has_streams])
async def test_c48_what_happened_before_a_market_was_subscribed_to_is_heard_of_all_the_same(
    name: str, loopback: Loopback
) -> None:
    wired = Wired(opened(VENUES[name], also=[BOREAL]), loopback)
    venue = wired.venue
    await wired.open()
    try:
        for market in (AURORA, BOREAL):  # the second one's subscription goes over a connection that stands already
            wired.symbol = market.symbol
            venue.streams.mute = {"private"}
            order = wired.order(price="100")
            await wired.place(order)
            wired.crowd_takes(Side.SELL, "100", "0.25")
            await wired.heard_by_stream()
            venue.streams.mute = set()
            await wired.until(lambda order=order: wired.filled_of(order))  # type: ignore[misc]
            await settled(wired)
    finally:
        await wired.close()


async def test_c49_many_markets_of_an_account_are_each_asked_about_a_few_times_and_no_more(loopback: Loopback) -> None:
    names = [f"M{number}" for number in range(8)]
    markets = [msgspec.structs.replace(AURORA, base=name) for name in names]
    wired = Wired(opened(VENUES["binance"], also=markets), loopback)
    await wired.open()
    try:
        for market in markets:
            await wired.exchange.open_orders(market.symbol)
            await wired.clock.sleep_until(wired.clock.monotonic() + 1)
        await settled(wired)
        asked = Counter(ask.text("symbol") for ask in wired.venue.requests("open_orders"))
        assert sorted(asked) == [f"{name}USDT" for name in names]
        # Once by us, once when the connection opened if it was in use then, and once or twice after subscribing.
        assert all(2 <= times <= 4 for times in asked.values()), asked
        assert asked.total() <= 3 * len(markets)
    finally:
        await wired.close()


async def settled(wired: Wired) -> None:
    """Wait until nothing of what happened in the meantime is being asked for any more."""
    streams = wired.exchange._account.streams
    async with asyncio.timeout(10):
        while not streams._reconciling.done():
            await wired.clock.sleep_until(wired.clock.monotonic() + 1)


async def book_is_true(wired: Wired) -> None:
    """Wait until the feed shows, without a problem, what is in the books."""
    feed, changed = wired.exchange.feed(wired.symbol), asyncio.Event()
    hear = [lambda _: changed.set()]
    feed.on_book.append(hear[0])

    def is_true() -> bool:
        books = wired.venue.books
        best = [books.levels(wired.symbol, side, 1) for side in ("buy", "sell")]  # type: ignore[arg-type]
        wanted = tuple(level[0][0] for level in best)
        sizes = all(
            feed.book.size_at(Side(side), level[0][0]) == level[0][1] for side, level in zip(Side, best, strict=True)
        )
        return not feed.problem and (feed.book.best_bid, feed.book.best_ask) == wanted and sizes

    async with asyncio.timeout(10):
        while not is_true():
            changed.clear()
            try:
                await asyncio.wait_for(changed.wait(), 0.05)
            except TimeoutError:
                continue
    feed.on_book.remove(hear[0])


async def test_c42_a_book_that_lost_an_update_is_built_anew(wired: Wired) -> None:
    if not wired.venue.has_streams:
        pytest.skip("it streams no book")
    wired.exchange.feed(wired.symbol)
    await book_is_true(wired)
    books = wired.venue.books
    books.crowd_rests(wired.symbol, "buy", "100", "1")
    await book_is_true(wired)
    wired.venue.streams.skip_depth = 1
    books.cancel_all("crowd")
    for price in ("99.9", "99.8"):
        books.crowd_rests(wired.symbol, "buy", price, "2")
    books.crowd_rests(wired.symbol, "sell", "100.1", "2")
    await book_is_true(wired)


async def test_c43_a_book_whose_stream_is_cut_says_so_and_comes_back(wired: Wired) -> None:
    if not wired.venue.has_streams:
        pytest.skip("it streams no book")
    feed = wired.exchange.feed(wired.symbol)
    await book_is_true(wired)
    before = len(wired.venue.sessions)
    await wired.venue.cut(private=False)
    await wired.venue.until(lambda: len(wired.venue.sessions) < before)
    wired.venue.books.crowd_rests(wired.symbol, "buy", "100", "1")
    await book_is_true(wired)
    assert feed.age_s(wired.clock.monotonic()) is not None


async def test_c44_a_book_whose_stream_falls_silent_is_not_trusted_for_long(wired: Wired) -> None:
    if not wired.venue.has_streams:
        pytest.skip("it streams no book")
    feed = wired.exchange.feed(wired.symbol)
    await book_is_true(wired)
    wired.venue.streams.mute = {"public", "control"}
    wired.venue.books.cancel_all("crowd")
    async with asyncio.timeout(10):
        while (age_s := feed.age_s(wired.clock.monotonic())) is not None and age_s < 5:
            await wired.clock.sleep_until(wired.clock.monotonic() + 1)


async def test_c45_the_list_of_open_orders_may_lag_behind_and_nothing_is_concluded_from_it(wired: Wired) -> None:
    wired.venue.faults.stale_open_orders = True
    assert await wired.exchange.open_orders(wired.symbol) == []
    order = wired.order()
    answer = await wired.place(order)
    assert isinstance(answer, Placed)
    assert await wired.exchange.open_orders(wired.symbol) == []
    wired.venue.faults.stale_open_orders = False
    [listed] = await wired.exchange.open_orders(wired.symbol)
    assert listed.client_order_id == order.client_order_id


async def test_c46_a_halted_market_refuses_and_says_so(wired: Wired) -> None:
    wired.venue.books.halted.add(wired.symbol)
    answer = await answer_of(wired, wired.order())
    assert isinstance(answer, PlaceRefused | Refused | NotReady | PlaceUnknown), answer
    assert wired.resting() == 0


async def test_c47_more_executions_at_a_moment_than_a_page_holds_are_whole_or_not_told(wired: Wired) -> None:
    since_ns = wired.now_ns() // 10**9 * 10**9
    order = wired.order(price="100", size="30")
    await wired.place(order)
    for _ in range(130):
        wired.crowd_takes(Side.SELL, "100", "0.2")
    try:
        found = await wired.exchange.fills(wired.symbol, since_ns)
    except NotReady:
        return
    assert len({fill.fill_id for fill in found}) == 130
