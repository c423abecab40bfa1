"""What every venue must do for us, at each venue there is a server of: exact, once, and honest about what is not known.

What happened is read in the venue's own books, never in the library's words. Q11, Q12, Q14, E15.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from engine.core.errors import AuthRejected, NotReady, PermitLost
from engine.execution.ids import parse
from engine.market.types import Amendment, OrderStatus, Side
from engine.venues.base import Amended, MarketFeed, Placed, PlaceRefused, PlaceUnknown
from engine.venues.capabilities import CancelsAfter, ClosedOrderSource
from engine.venues.ccxt.books import PolledBook
from engine.venues.ccxt.quality import qualities
from engine.venues.ccxt.tuned.base import tuning_of
from engine.venues.credentials import Credentials
from engine.venues.hub import MarketHub
from tests.engine.venues.ccxt.desk import Desk, S, desk_at
from tests.engine.venues.ccxt.stubs import SERVERS
from tests.venues.every import AURORA, opened
from tests.venues.faults import BreakOff, Drop, Fault, Hold, Limited, Truncate, Unheard, html
from tests.venues.loopback import Loopback
from tests.venues.wire import Venue

D = Decimal


TUNED = {name: kind for name, kind in SERVERS.items() if qualities()[name].tier == "tuned"}


@pytest.fixture(params=TUNED.values(), ids=TUNED)
def venue(request: pytest.FixtureRequest, loopback: Loopback) -> Venue:
    made = opened(request.param)
    loopback.mount(made)
    return made


@pytest.fixture
async def desk(venue: Venue) -> AsyncIterator[Desk]:
    async with desk_at(venue, request_timeout_s=D(2)) as made:
        await made.component.open_orders(S)  # from here on the account is listened to
        if venue.has_streams:
            await made.until(lambda: venue.listens(venue.keys.account))
        yield made


async def test_it_knows_the_market_exactly(desk: Desk, venue: Venue) -> None:
    found = desk.component.feed(S).instrument
    truth = venue.books.markets[S]
    assert (found.tick_size, found.lot_size) == (truth.tick, venue.finest_lot or truth.lot)
    assert (found.base, found.quote) == (AURORA.base, AURORA.quote)


async def test_its_clock_is_measured(desk: Desk, venue: Venue) -> None:
    if not desk.component.quality.can("time"):
        pytest.skip("this venue does not tell its time")
    assert abs(desk.component.clock_skew_s() or 0) < 1
    venue.clock.move(30)
    await desk.component._venue._ask_clock()
    assert desk.component.clock_skew_s() == pytest.approx(30, abs=1)


async def test_a_book_is_shown_exactly_and_follows(desk: Desk, venue: Venue) -> None:
    if not venue.has_streams:
        pytest.skip("this venue pushes nothing")
    feed = desk.component.feed(S)
    await desk.until(lambda: not feed.problem)
    assert (feed.book.best_bid, feed.book.best_ask) == (D("99.99"), D("100.01"))
    assert feed.book.size_at(Side.BUY, D("99.98")) == 3
    venue.books.crowd_rests(S, "buy", "100.00", "0.12345")
    await desk.until(lambda: feed.book.best_bid == 100)
    assert feed.book.size_at(Side.BUY, D(100)) == D("0.12345")
    venue.books.crowd_takes(S, "sell", "100", "0.12345")
    await desk.until(lambda: feed.book.best_bid == D("99.99"))


async def test_balances_are_exact(desk: Desk, venue: Venue) -> None:
    await desk.place_one()
    found = await desk.component.balances()
    books = venue.books
    assert (found["USDT"].free, found["USDT"].locked) == (books.free("desk", "USDT"), books.held("desk", "USDT"))
    assert found["USDT"].locked >= D("49.75")
    assert found["AUR"].total == 10


# Orders


async def test_an_order_rests_as_it_was_meant_and_under_our_name(desk: Desk, venue: Venue) -> None:
    order = desk.order(Side.SELL, "100.55", "1.2345")
    answer = await desk.place_one(order)
    assert isinstance(answer, Placed)
    assert (answer.client_order_id, answer.status) == (order.client_order_id, OrderStatus.OPEN)
    [truth] = venue.books.resting("desk")
    assert (truth.side, truth.price, truth.size, truth.post_only) == ("sell", D("100.55"), D("1.2345"), True)
    [listed] = await desk.component.open_orders(S)
    assert (listed.client_order_id, listed.venue_order_id) == (order.client_order_id, answer.venue_order_id)
    assert (listed.price, listed.size_base, listed.filled_base) == (order.price, order.size_base, 0)


async def test_several_orders_go_at_once_and_each_has_its_answer(desk: Desk, venue: Venue) -> None:
    good = [desk.order(price=price) for price in ("99.50", "99.40", "99.30")]
    crossing = desk.order(price="100.05")
    answers = await desk.place(*good, crossing)
    assert [type(answer) for answer in answers[:3]] == [Placed] * 3
    assert [answer.client_order_id for answer in answers] == [order.client_order_id for order in (*good, crossing)]
    assert {order.price for order in venue.books.resting("desk")} == {order.price for order in good}
    assert not isinstance(answers[3], Placed) or answers[3].status is not OrderStatus.FILLED
    assert not venue.books.fills("desk")


def able(ability: str) -> pytest.MarkDecorator:
    """Runs at the venues that have it: at the others there is nothing to see."""
    kinds = {name: kind for name, kind in TUNED.items() if qualities()[name].can(ability)}
    return pytest.mark.parametrize("venue", kinds.values(), ids=kinds, indirect=True)


@able("batch_create")
async def test_of_several_orders_in_one_request_each_has_its_own_answer(desk: Desk, venue: Venue) -> None:
    orders = [desk.order(size="9000"), desk.order(), desk.order(size="8000"), desk.order(price="99.40")]
    answers = await desk.place(*orders)
    assert len(venue.requests("place")) == 1
    assert [type(answer) for answer in answers] == [PlaceRefused, Placed, PlaceRefused, Placed]
    assert [answer.client_order_id for answer in answers] == [order.client_order_id for order in orders]
    assert {order.price for order in venue.books.resting("desk")} == {D("99.5"), D("99.4")}


@able("batch_cancel")
async def test_of_several_cancels_in_one_request_each_is_answered_by_what_is_known(desk: Desk, venue: Venue) -> None:
    orders = [desk.order(price="100.00"), desk.order(), desk.order(price="99.40")]
    await desk.place(*orders)
    venue.books.crowd_takes(S, "sell", "100", "0.5")
    answers = await desk.component.cancel(S, [order.client_order_id for order in orders])
    assert len(venue.requests("cancel")) == 1
    assert [answer.client_order_id for answer in answers] == [order.client_order_id for order in orders]
    assert OrderStatus.CANCELLED not in {answer.status for answer in answers}
    assert {answer.status for answer in answers[1:]} == {OrderStatus.CANCELLING}
    assert not venue.books.resting("desk")


@able("amends")
async def test_an_order_becomes_smaller_in_its_place(desk: Desk, venue: Venue) -> None:
    order = desk.order(price="100.00")
    placed = await desk.place_one(order)
    venue.books.crowd_rests(S, "buy", "100", "3")
    venue.books.crowd_takes(S, "sell", "100", "0.1")
    [answer] = await desk.component.amend(
        [Amendment(client_order_id=order.client_order_id, symbol=S, size_base=D("0.3"))]
    )
    assert isinstance(answer, Amended)
    [listed] = await desk.component.open_orders(S)
    assert (listed.client_order_id, listed.venue_order_id) == (order.client_order_id, placed.venue_order_id)
    assert (listed.size_base, listed.filled_base) == (D("0.3"), D("0.1"))
    venue.books.crowd_takes(S, "sell", "100", "0.2")
    assert not venue.books.resting("desk"), "somebody else was served before"


async def test_a_post_only_order_that_would_trade_is_refused_as_that(desk: Desk, venue: Venue) -> None:
    order = desk.order(price="100.05")
    answer = await desk.place_one(order)
    if isinstance(answer, Placed):  # taken at first, and refused by its stream
        await desk.until(lambda: any(isinstance(one, PlaceRefused) for one in desk.told(order.client_order_id)))
        answer = next(one for one in desk.told(order.client_order_id) if isinstance(one, PlaceRefused))
    assert isinstance(answer, PlaceRefused)
    assert answer.kind == "would_take"
    assert not venue.books.resting("desk")
    assert not venue.books.fills("desk")


async def test_an_order_beyond_our_means_is_refused(desk: Desk, venue: Venue) -> None:
    answer = await desk.place_one(desk.order(price="99.5", size="9000"))
    assert isinstance(answer, PlaceRefused)
    assert answer.kind == "other"
    assert not venue.books.resting("desk")


@pytest.mark.parametrize(
    "fault",
    [Drop(), Truncate(), BreakOff(), html(), html(status=502), html(status=504), Unheard(acts=True)],
    ids=["drop", "truncated", "broken off", "html", "502", "504", "unheard"],
)
async def test_an_order_without_a_clear_answer_is_unknown_and_was_sent_once(
    desk: Desk, venue: Venue, fault: Fault
) -> None:
    order = desk.order()
    venue.faults.next("place", fault)
    answer = await desk.place_one(order)
    assert isinstance(answer, PlaceUnknown), answer
    assert len(venue.requests("place")) == 1
    [resting] = await desk.component.open_orders(S)
    assert resting.client_order_id == order.client_order_id


async def test_an_order_that_is_not_answered_in_time_is_unknown(desk: Desk, venue: Venue) -> None:
    venue.faults.next("place", held := Hold())
    answer = await desk.place_one()
    held.until.set()
    assert isinstance(answer, PlaceUnknown)
    assert len(venue.books.resting("desk")) == len(venue.requests("place")) == 1


async def test_too_many_requests_silence_us_for_as_long_as_the_venue_asks(desk: Desk, venue: Venue) -> None:
    venue.faults.next("place", Limited(retry_after_s=7))
    answer = await desk.place_one()
    assert not isinstance(answer, Placed)
    assert not venue.books.resting("desk")
    assert await desk.component._venue.line.budget.take(1, with_reserve=True) > 0


async def test_an_order_without_permission_is_not_sent(venue: Venue) -> None:
    class Lapsed:
        def valid(self) -> bool:
            return False

    async with desk_at(venue, permit=Lapsed()) as desk:
        with pytest.raises(PermitLost):
            await desk.place_one()
    assert not venue.requests("place")


async def test_a_permission_that_ends_while_we_wait_for_our_turn_holds_the_order_back(venue: Venue) -> None:
    class Lapsing:
        asked = 0

        def valid(self) -> bool:
            self.asked += 1
            return self.asked == 1

    async with desk_at(venue, permit=Lapsing()) as desk:
        with pytest.raises(PermitLost):
            await desk.place_one()
    assert not venue.requests("place")


async def test_wrong_credentials_wait_for_a_person_and_are_shown_to_nobody(venue: Venue) -> None:
    wrong = Credentials(
        api_key="key-of-nobody-17", secret="c2VjcmV0LW9mLW5vYm9keQ==", passphrase="phrase-of-nobody", uid="7"
    )

    async with desk_at(venue, keyring=lambda account: wrong) as desk:
        with pytest.raises(AuthRejected) as refused:
            await desk.component.balances()
    assert not any(secret in str(refused.value) for secret in wrong.secrets)


# Cancels


async def test_an_order_is_cancelled(desk: Desk, venue: Venue) -> None:
    order = desk.order()
    await desk.place_one(order)
    [answer] = await desk.component.cancel(S, [order.client_order_id])
    assert not venue.books.resting("desk")
    assert answer.client_order_id == order.client_order_id
    if answer.status is not OrderStatus.CANCELLED:
        await desk.until(lambda: desk.told(order.client_order_id)[-1].status is OrderStatus.CANCELLED)


async def test_what_had_filled_before_the_cancel_is_told(desk: Desk, venue: Venue) -> None:
    order = desk.order(price="100.00", size="2")
    await desk.place_one(order)
    venue.books.crowd_takes(S, "sell", "100", "0.5")
    [listed] = await desk.component.open_orders(S)
    assert (listed.status, listed.size_base, listed.filled_base) == (OrderStatus.PARTIALLY_FILLED, 2, D("0.5"))
    await desk.component.cancel(S, [order.client_order_id])
    await desk.until(lambda: desk.fills or not venue.has_streams)
    [fill] = await desk.component.fills(S, desk.runtime.clock.now_ns() - 60_000_000_000)
    assert (fill.size_base, fill.client_order_id) == (D("0.5"), order.client_order_id)
    assert not venue.books.resting("desk")


async def test_an_order_that_was_never_answered_can_be_cancelled(desk: Desk, venue: Venue) -> None:
    order = desk.order()
    venue.faults.next("place", Drop())
    await desk.place_one(order)
    await desk.component.cancel(S, [order.client_order_id])
    assert not venue.books.resting("desk")


async def test_a_cancel_of_what_is_gone_is_unknown_since_it_may_have_filled(desk: Desk, venue: Venue) -> None:
    order = desk.order(price="100.00", size="0.5")
    await desk.place_one(order)
    venue.books.crowd_takes(S, "sell", "100", "0.5")
    [answer] = await desk.component.cancel(S, [order.client_order_id])
    assert answer.status in (OrderStatus.UNKNOWN, OrderStatus.FILLED)


@pytest.mark.parametrize("fault", [Drop(), Truncate(), html()], ids=["drop", "truncated", "html"])
async def test_a_cancel_without_a_clear_answer_is_unknown(desk: Desk, venue: Venue, fault: Fault) -> None:
    order = desk.order()
    await desk.place_one(order)
    venue.faults.always("cancel", fault)
    [answer] = await desk.component.cancel(S, [order.client_order_id])
    assert answer.status in (OrderStatus.UNKNOWN, OrderStatus.CANCELLED)
    assert answer.status is OrderStatus.UNKNOWN or not venue.books.resting("desk")


async def test_everything_of_a_market_is_cancelled_at_once(desk: Desk, venue: Venue) -> None:
    await desk.place(desk.order(price="99.5"), desk.order(price="99.4"), desk.order(Side.SELL, "101"))
    await desk.component.cancel_all(S)
    assert not venue.books.resting("desk")


# History


async def test_executions_are_found_by_asking_exactly_and_once(desk: Desk, venue: Venue) -> None:
    order = desk.order(price="100.00", size="2")
    since_ns = desk.runtime.clock.now_ns() - 3_600_000_000_000
    await desk.place_one(order)
    for size in ("0.5", "0.25", "0.1234"):
        venue.books.crowd_takes(S, "sell", "100", size)
    found = await desk.component.fills(S, since_ns)
    assert [fill.size_base for fill in found] == [D("0.5"), D("0.25"), D("0.1234")]
    assert {fill.client_order_id for fill in found} == {order.client_order_id}
    truth = venue.books.fills("desk")
    assert [(fill.price, fill.fee, fill.fee_asset) for fill in found] == [
        (one.price, one.fee, one.fee_asset) for one in truth
    ]
    assert await desk.component.fills(S, desk.runtime.clock.now_ns() + 3_600_000_000_000) == []


async def test_many_executions_come_whole_whatever_the_pages(desk: Desk, venue: Venue) -> None:
    await desk.place_one(desk.order(price="100.00", size="9"))
    for _ in range(120):
        venue.books.crowd_takes(S, "sell", "100", "0.05")
        venue.clock.move(0.25 if venue.counts_seconds else 0)
    desk.component._account.tuning = type(tuning_of(venue.id))()
    desk.component._account.tuning.fills_page = 50
    found = await desk.component.fills(S, desk.runtime.clock.now_ns() - 60_000_000_000)
    assert len(found) == len({fill.fill_id for fill in found}) == 120


async def test_orders_that_ended_come_whole_with_what_filled_of_them(desk: Desk, venue: Venue) -> None:
    if not isinstance(desk.component, ClosedOrderSource):
        pytest.skip("this venue lists no orders that have ended")
    filled, partly = desk.order(price="100.00", size="0.5"), desk.order(price="99.99", size="4")
    cancelled = [desk.order(price="99.5", size="0.1") for _ in range(6)]
    resting = desk.order(price="98")
    for order in (filled, *cancelled, resting, partly):
        await desk.place_one(order)
        venue.clock.move(1 if venue.counts_seconds else 0)
    venue.books.crowd_takes(S, "sell", "100", "0.5")
    venue.books.crowd_takes(S, "sell", "99.99", "4")
    for order in (*cancelled, partly):
        await desk.component.cancel(S, [order.client_order_id])
    desk.component._account.tuning = type(tuning_of(venue.id))()
    desk.component._account.tuning.closed_page = 3
    found = await desk.component.closed_orders(S, desk.runtime.clock.now_ns() - 6 * 86_400_000_000_000)
    ended = {order.client_order_id: order for order in found}
    assert ended.keys() == {order.client_order_id for order in (filled, partly, *cancelled)}
    assert (ended[filled.client_order_id].status, ended[filled.client_order_id].filled_base) == ("filled", D("0.5"))
    assert (ended[partly.client_order_id].status, ended[partly.client_order_id].filled_base) == ("cancelled", 1)
    assert {(ended[one.client_order_id].status, ended[one.client_order_id].filled_base) for one in cancelled} == {
        ("cancelled", 0)
    }


async def test_a_list_that_cannot_be_had_is_no_empty_list(desk: Desk, venue: Venue) -> None:
    await desk.place_one()
    for fault in (html(), Truncate(), Drop(), html(status=503)):
        venue.faults.always("open_orders", fault)
        with pytest.raises(NotReady):
            await desk.component.open_orders(S)


async def test_strangers_on_the_account_are_listed_as_strangers(desk: Desk, venue: Venue) -> None:
    venue.books.place("desk", S, "buy", price=D("99.1"), size=D(1), client_id="somebody")
    [listed] = await desk.component.open_orders(S)
    assert parse(listed.client_order_id) is None
    assert listed.client_order_id


# What is pushed


async def test_every_execution_is_told_while_nobody_waits(desk: Desk, venue: Venue) -> None:
    if not venue.has_streams:
        pytest.skip("this venue pushes nothing")
    orders = [desk.order(price="100.00", size="0.3") for _ in range(5)]
    await desk.place(*orders)
    for _ in range(30):
        venue.books.crowd_takes(S, "sell", "100", "0.05")
    await desk.until(lambda: len({fill.fill_id for fill in desk.fills}) == 30)
    assert sum(fill.size_base for fill in {fill.fill_id: fill for fill in desk.fills}.values()) == D("1.5")
    assert {fill.client_order_id for fill in desk.fills} == {order.client_order_id for order in orders}
    ends = [order.client_order_id for order in orders]
    await desk.until(lambda: all(OrderStatus.FILLED in {one.status for one in desk.told(end)} for end in ends))
    assert not [report for report in desk.orders if report.status is OrderStatus.CANCELLED]
    listed = await desk.component.fills(S, desk.runtime.clock.now_ns() - 60_000_000_000)
    assert {fill.fill_id for fill in listed} == {fill.fill_id for fill in desk.fills}


async def test_what_happened_while_the_stream_was_cut_is_told_after(desk: Desk, venue: Venue) -> None:
    if not venue.has_streams:
        pytest.skip("this venue pushes nothing")
    order = desk.order(price="100.00", size="1")
    await desk.place_one(order)
    await venue.cut()
    venue.books.crowd_takes(S, "sell", "100", "0.75")
    await desk.until(lambda: desk.fills)
    assert {fill.size_base for fill in desk.fills} == {D("0.75")}
    await desk.until(lambda: venue.listens("desk"))
    await asyncio.sleep(0.1)
    venue.books.crowd_takes(S, "sell", "100", "0.25")
    await desk.until(lambda: len({fill.fill_id for fill in desk.fills}) == 2)


async def test_a_book_whose_stream_was_cut_is_not_trusted_until_it_is_whole_again(desk: Desk, venue: Venue) -> None:
    if not venue.has_streams:
        pytest.skip("this venue pushes nothing")
    feed = desk.component.feed(S)
    await desk.until(lambda: not feed.problem)
    problems: list[str] = []
    feed.on_book.append(lambda feed: problems.append(feed.problem))
    await venue.cut()
    venue.books.crowd_takes(S, "sell", "99.99", "3")
    await desk.until(lambda: not feed.problem and feed.book.best_bid == D("99.98"))
    assert any(problems), "nobody was told that the book was away"


async def test_a_book_that_is_asked_for_is_asked_for_in_a_depth_the_venue_takes(desk: Desk, venue: Venue) -> None:
    public = desk.component._venue
    for levels in (5, 7, 30, 150, 1000):
        feed = MarketFeed(public.known_instrument(S), source=venue.id)
        await PolledBook(public, feed, clock=desk.runtime.clock, levels=levels).turn()
        assert not feed.problem
        assert (feed.book.best_bid, feed.book.best_ask) == (D("99.99"), D("100.01"))
        assert feed.book.size_at(Side.SELL, D("100.03")) == 3


# The account's order of things


async def test_requests_at_once_are_all_taken(desk: Desk, venue: Venue) -> None:
    """Each in its turn where the venue wants a number that rises, and none with one it has seen."""
    orders = [desk.order(price=price) for price in ("99.5", "99.4", "99.3")]
    answers, *told = await asyncio.gather(desk.place(*orders), *(desk.component.balances() for _ in range(5)))
    assert [type(answer) for answer in answers] == [Placed] * 3
    assert all("USDT" in balances for balances in told)


async def test_a_dead_mans_switch_goes_off_when_nobody_winds_it_up(desk: Desk, venue: Venue) -> None:
    if not isinstance(desk.component, CancelsAfter):
        pytest.skip("this venue has none")
    await desk.place_one()
    await desk.component.cancel_all_after(S, 30)
    venue.clock.move(20)
    await desk.component.cancel_all_after(S, 30)
    venue.clock.move(20)
    venue.books.tick()
    assert venue.books.resting("desk")
    venue.clock.move(20)
    venue.books.tick()
    assert not venue.books.resting("desk")


# Sharing


async def test_two_services_share_one_instance_one_book_and_one_account(venue: Venue) -> None:
    hub = MarketHub()
    async with desk_at(venue, hub=hub) as one, desk_at(venue, hub=hub) as other:
        assert one.component.feed(S) is other.component.feed(S)
        await asyncio.gather(one.component.balances(), other.component.balances())
        assert one.component._account is other.component._account
        assert len(venue.requests("markets")) == 1 or venue.id != "binance"
        answer = await one.place_one()
        if venue.has_streams:
            await other.until(lambda: other.told(answer.client_order_id))
    await hub.close()


async def test_public_data_need_no_keys(venue: Venue) -> None:
    async with desk_at(venue, keyless=True) as desk:
        if venue.tells_quotes:
            ticker = await desk.component.ticker(S)
            assert (ticker.bid, ticker.ask) == (D("99.99"), D("100.01"))
        with pytest.raises(AuthRejected, match="public data alone"):
            await desk.component.balances()
