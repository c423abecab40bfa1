"""The contract of `engine.venues.base.Exchange`, case by case, for the account on paper and for every tuned venue.

Each case is judged by the venue's own books. Cases from C30 on are about what goes wrong on the way, and so need one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from engine.market.types import OrderRequest, OrderStatus, RefusalKind, Side
from engine.venues.base import Placed, PlaceRefused
from engine.venues.capabilities import AnswersByClientId, CancelsAfter, ClosedOrderSource
from tests.venues.every import AURORA, TUNED, VENUES, opened
from tests.venues.loopback import Loopback
from tests.venues.records import Market
from tests.venues.rig import OnPaper, Rig, Wired

D = Decimal
GONE = (OrderStatus.UNKNOWN, OrderStatus.FILLED)


@pytest.fixture(params=["paper", *TUNED])
async def rig(request: pytest.FixtureRequest, loopback: Loopback) -> AsyncIterator[Rig]:
    made: Any = OnPaper(AURORA) if request.param == "paper" else Wired(opened(VENUES[request.param]), loopback)
    await made.open()
    await made.attentive()
    yield made
    await made.close()


@pytest.fixture(params=TUNED)
async def wired(request: pytest.FixtureRequest, loopback: Loopback) -> AsyncIterator[Wired]:
    made = Wired(opened(VENUES[request.param]), loopback)
    await made.open()
    await made.attentive()
    yield made
    await made.close()


async def test_c01_an_order_rests_as_it_was_placed_and_is_listed_with_our_id(rig: Rig) -> None:
    order = rig.order()
    answer = await rig.place(order)
    assert isinstance(answer, Placed)
    assert (answer.client_order_id, answer.price, answer.size_base) == (
        order.client_order_id,
        order.price,
        order.size_base,
    )
    truth = rig.truth(order)
    assert truth is not None
    assert truth.rests
    [listed] = await rig.exchange.open_orders(rig.symbol)
    assert (listed.client_order_id, listed.side, listed.price) == (order.client_order_id, Side.BUY, order.price)
    assert (listed.size_base, listed.filled_base, listed.status) == (order.size_base, 0, OrderStatus.OPEN)
    assert listed.venue_order_id == answer.venue_order_id != ""


async def test_c03_a_post_only_order_that_would_trade_is_refused_as_that(rig: Rig) -> None:
    order = rig.order(price="100.01")
    answer = await rig.place(order)
    if isinstance(answer, Placed):  # a venue may refuse what it took at first
        await rig.until(lambda: any(isinstance(report, PlaceRefused) for report in rig.told_of(order)))
        answer = next(report for report in rig.told_of(order) if isinstance(report, PlaceRefused))
    assert isinstance(answer, PlaceRefused)
    assert (answer.status, answer.kind) == (OrderStatus.REJECTED, RefusalKind.WOULD_TAKE)
    assert rig.resting() == 0
    truth = rig.truth(order)
    assert truth is None or not truth.filled


async def test_c04_a_partial_fill_is_told_once_and_to_the_last_digit(rig: Rig) -> None:
    order = rig.order(price="100")
    await rig.place(order)
    rig.crowd_takes(Side.SELL, "100", "0.12345")
    await rig.until(lambda: rig.filled_of(order))
    [fill] = rig.filled_of(order).values()
    assert (fill.price, fill.size_base, fill.side, fill.is_maker) == (100, D("0.12345"), Side.BUY, True)
    [listed] = await rig.exchange.open_orders(rig.symbol)
    assert (listed.filled_base, listed.status) == (D("0.12345"), OrderStatus.PARTIALLY_FILLED)
    [again] = await rig.exchange.fills(rig.symbol, 0 if not isinstance(rig, Wired) else fill.ts_ns - 10**9)
    assert (again.fill_id, again.size_base, again.fee, again.fee_asset) == (
        fill.fill_id,
        fill.size_base,
        fill.fee,
        fill.fee_asset,
    )
    assert again.client_order_id == order.client_order_id


async def test_c05_an_order_that_filled_is_no_longer_listed_and_its_executions_add_up(rig: Rig) -> None:
    order = rig.order(price="100")
    await rig.place(order)
    rig.crowd_takes(Side.SELL, "100", "0.4")
    rig.crowd_takes(Side.SELL, "100", "5")
    await rig.until(lambda: sum(fill.size_base for fill in rig.filled_of(order).values()) == order.size_base)
    assert len(rig.filled_of(order)) == 2
    assert await rig.exchange.open_orders(rig.symbol) == []


async def test_c06_a_cancelled_order_is_gone_from_the_books(rig: Rig) -> None:
    order = rig.order()
    await rig.place(order)
    [answer] = await rig.exchange.cancel(rig.symbol, [order.client_order_id])
    assert answer.client_order_id == order.client_order_id
    assert answer.status in (OrderStatus.CANCELLED, OrderStatus.CANCELLING)
    assert rig.truth(order) is not None
    assert rig.resting() == 0
    assert await rig.exchange.open_orders(rig.symbol) == []


async def test_c07_a_cancel_that_came_too_late_never_says_cancelled(rig: Rig) -> None:
    order = rig.order(price="100")
    await rig.place(order)
    rig.crowd_takes(Side.SELL, "100", "5")
    [answer] = await rig.exchange.cancel(rig.symbol, [order.client_order_id])
    assert answer.client_order_id == order.client_order_id
    assert answer.status in GONE
    await rig.until(lambda: sum(fill.size_base for fill in rig.filled_of(order).values()) == order.size_base)


async def test_c08_a_cancel_of_an_order_nobody_knows_is_answered_as_unknown(rig: Rig) -> None:
    order = rig.order()
    [answer] = await rig.exchange.cancel(rig.symbol, [order.client_order_id])
    assert (answer.client_order_id, answer.status) == (order.client_order_id, OrderStatus.UNKNOWN)


async def test_c09_an_order_without_the_money_for_it_is_refused(rig: Rig) -> None:
    answer = await rig.place(rig.order(price="99", size="5000"))
    assert isinstance(answer, PlaceRefused)
    assert answer.kind is RefusalKind.OTHER
    assert answer.reason
    assert rig.resting() == 0


@pytest.mark.parametrize(("price", "size"), [("99.555", "1"), ("99.5", "1.000001"), ("1", "0.01")])
async def test_c10_an_order_off_the_markets_grid_or_too_small_is_refused_not_rounded(
    rig: Rig, price: str, size: str
) -> None:
    answer = await rig.place(rig.order(price=price, size=size))
    assert isinstance(answer, PlaceRefused)
    assert rig.resting() == 0


async def test_c11_several_orders_at_once_are_each_answered_in_order(rig: Rig) -> None:
    orders = [
        rig.order(price="99.5"),
        rig.order(price="99", size="5000"),
        rig.order(price="99.4"),
        rig.order(Side.SELL, price="101"),
        rig.order(Side.SELL, price="102", size="500"),
    ]
    answers = await rig.exchange.place(orders)
    assert [answer.client_order_id for answer in answers] == [order.client_order_id for order in orders]
    assert [type(answer) for answer in answers] == [Placed, PlaceRefused, Placed, Placed, PlaceRefused]
    resting = [rig.truth(orders[number]) for number in (0, 2, 3)]
    assert all(truth is not None and truth.rests for truth in resting)
    assert rig.resting() == 3
    listed = await rig.exchange.open_orders(rig.symbol)
    assert {report.client_order_id for report in listed} == {orders[n].client_order_id for n in (0, 2, 3)}
    ids = [order.client_order_id for order in orders]
    ended = await rig.exchange.cancel(rig.symbol, [ids[0], ids[2], ids[3]])
    assert [report.client_order_id for report in ended] == [ids[0], ids[2], ids[3]]
    assert rig.resting() == 0


async def test_c12_everything_in_a_market_is_cancelled_at_once(rig: Rig) -> None:
    await rig.exchange.place([rig.order(price="99.5"), rig.order(price="99.4"), rig.order(Side.SELL, price="101")])
    await rig.exchange.cancel_all(rig.symbol)
    assert rig.resting() == 0
    await rig.exchange.cancel_all(rig.symbol)


async def test_c13_balances_are_those_of_the_books(rig: Rig) -> None:
    first = rig.order(price="100")
    await rig.place(first)
    rig.crowd_takes(Side.SELL, "100", "0.33333")
    await rig.place(rig.order(Side.SELL, price="105", size="0.5"))
    balances, truth = await rig.exchange.balances(), rig.holdings()
    for asset in (rig.base, rig.quote):
        assert balances[asset].total == truth[asset].total
        assert (balances[asset].free, balances[asset].locked) == (truth[asset].free, truth[asset].locked)


async def test_c14_executions_are_complete_over_every_window_and_page(rig: Rig) -> None:
    """Twelve days of them, and on one day more than most pages hold."""
    await rig.move(-13 * 86_400 - 1630) if isinstance(rig, Wired) else None
    since_ns = rig.now_ns() // 10**6 * 10**6  # venues count in milliseconds
    expected = 0
    for day in range(12):
        order = rig.order(price="50", size="40")
        if isinstance(rig, Wired):
            _place_in_the_books(rig, order)
        else:
            await rig.place(order)
        for _ in range(130 if day == 5 else 3):
            rig.crowd_takes(Side.SELL, "50", "0.2")
            await rig.move(10)
            expected += 1
        await rig.move(86_400)
    await rig.move(86_400)
    found = await rig.exchange.fills(rig.symbol, since_ns)
    assert len(found) == len({fill.fill_id for fill in found}) == expected
    assert [fill.ts_ns for fill in found] == sorted(fill.ts_ns for fill in found)
    later = await rig.exchange.fills(rig.symbol, since_ns + 8 * 86_400 * 10**9)
    assert {fill.fill_id for fill in later} == {f.fill_id for f in found if f.ts_ns >= since_ns + 8 * 86_400 * 10**9}


def _place_in_the_books(rig: Wired, order: OrderRequest) -> None:
    """By hand: a request from another time would be refused."""
    rig.venue.books.cancel_all("crowd")
    rig.venue.books.place(rig.venue.keys.account, rig.symbol, order.side.value, price=order.price, size=order.size_base)


async def test_c15_orders_that_ended_are_remembered_with_what_filled(rig: Rig) -> None:
    if not isinstance(rig.exchange, ClosedOrderSource):
        pytest.skip("it lists no orders that have ended")
    since_ns = rig.now_ns() - 10**9
    filled, cancelled = rig.order(price="100"), rig.order(price="99")
    await rig.exchange.place([filled, cancelled])
    rig.crowd_takes(Side.SELL, "100", "5")
    await rig.exchange.cancel(rig.symbol, [cancelled.client_order_id])
    found = {each.client_order_id: each for each in await rig.exchange.closed_orders(rig.symbol, since_ns)}
    assert found[filled.client_order_id].status is OrderStatus.FILLED
    assert found[filled.client_order_id].filled_base == filled.size_base


async def test_c16_where_it_answers_by_our_id_it_tells_of_orders_in_every_state(rig: Rig) -> None:
    if not isinstance(rig.exchange, AnswersByClientId):
        pytest.skip("it does not answer by our id")
    resting, filled, ended = rig.order(price="99"), rig.order(price="100"), rig.order(price="98")
    await rig.exchange.place([resting, filled, ended])
    rig.crowd_takes(Side.SELL, "100", "5")
    await rig.exchange.cancel(rig.symbol, [ended.client_order_id])
    states = {}
    for order in (resting, filled, ended):
        report = await rig.exchange.order_by_client_id(rig.symbol, order.client_order_id)
        assert report is not None
        assert report.client_order_id == order.client_order_id
        states[order.client_order_id] = report.status
    assert list(states.values()) == [OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED]
    assert await rig.exchange.order_by_client_id(rig.symbol, rig.order().client_order_id) is None


async def test_c17_where_it_has_a_dead_mans_switch_silence_clears_the_market(rig: Rig) -> None:
    if not isinstance(rig.exchange, CancelsAfter):
        pytest.skip("it has no dead man's switch")
    await rig.place(rig.order())
    await rig.exchange.cancel_all_after(rig.symbol, 30)
    await rig.count_down(20)
    await rig.exchange.cancel_all_after(rig.symbol, 30)
    await rig.count_down(20)
    assert rig.resting() == 1
    await rig.count_down(11)
    assert rig.resting() == 0
    await rig.exchange.cancel_all_after(rig.symbol, 30)
    await rig.exchange.cancel_all_after(rig.symbol, 0)
    await rig.place(rig.order())
    await rig.count_down(60)
    assert rig.resting() == 1


async def test_c18_the_public_market_is_shown_exactly_and_followed(rig: Rig) -> None:
    feed = rig.exchange.feed(rig.symbol) if isinstance(rig, Wired) else rig.exchange.market.feed(rig.symbol)
    instrument = feed.instrument
    assert (instrument.tick_size, instrument.lot_size) == (AURORA.tick, AURORA.lot)
    assert (instrument.base, instrument.quote) == (AURORA.base, AURORA.quote)
    if not isinstance(rig, Wired):
        return
    changed = asyncio.Event()
    feed.on_book.append(lambda _: changed.set())
    trades: list[Decimal] = []
    feed.on_trade.append(lambda trade: (trades.append(trade.price), changed.set()))

    async def shows(bid: str, ask: str) -> None:
        async with asyncio.timeout(10):
            while (feed.book.best_bid, feed.book.best_ask) != (D(bid), D(ask)):
                changed.clear()
                await changed.wait()

    await shows("99.99", "100.01")
    rig.venue.books.crowd_rests(rig.symbol, "buy", "100", "0.12345")
    await shows("100", "100.01")
    assert feed.book.size_at(Side.BUY, D(100)) == D("0.12345")
    rig.venue.books.crowd_takes(rig.symbol, "sell", "100", "0.12345")
    await shows("99.99", "100.01")
    if rig.venue.has_streams:
        async with asyncio.timeout(10):
            while not trades:  # its subscription may come a little later than the book's
                rig.venue.books.crowd_rests(rig.symbol, "buy", "100", "0.12345")
                rig.venue.books.crowd_takes(rig.symbol, "sell", "100", "0.12345")
                changed.clear()
                await asyncio.wait({asyncio.ensure_future(changed.wait())}, timeout=0.1)
        assert set(trades) == {100}


FINE = Market(
    base="SHI",
    quote="ETH",
    tick=D("0.000000000000000001"),
    lot=D("0.000000000000000001"),
    min_size=D("0.001"),
    min_quote=D("0.001"),
)


@pytest.mark.parametrize("name", ["paper", *TUNED])
async def test_c19_eighteen_digits_survive_the_way_there_and_back(name: str, loopback: Loopback) -> None:
    if name == "paper":
        rig: Any = OnPaper(FINE)
    else:
        venue = VENUES[name](FINE)
        venue.books.deposit(venue.keys.account, SHI="10", ETH="100000")
        rig = Wired(venue, loopback)
    await rig.open()
    await rig.attentive()
    try:
        order = rig.order(price="99.123456789012345678", size="1.234567890123456789")
        assert isinstance(await rig.place(order), Placed)
        truth = rig.truth(order)
        assert truth is not None
        rig.crowd_takes(Side.SELL, "99.123456789012345678", "0.987654321098765432")
        await rig.until(lambda: rig.filled_of(order))
        [fill] = rig.filled_of(order).values()
        assert (fill.price, fill.size_base) == (order.price, D("0.987654321098765432"))
        [listed] = await rig.exchange.open_orders(rig.symbol)
        assert (listed.price, listed.size_base, listed.filled_base) == (order.price, order.size_base, fill.size_base)
    finally:
        await rig.close()
