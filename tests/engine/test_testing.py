"""The fakes we ship keep honest books, or tests built on them would prove nothing."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.clock import NS
from engine.core.errors import NotReady, Refused
from engine.market.types import MarketStatus, OrderRequest, OrderStatus, Side
from engine.testing import AURORA, FakeVenue, ManualClock, book_around, levels, settle
from engine.venues.base import Exchange, Placed, PlaceRefused, PlaceUnknown
from tests.examples import examples

SYMBOL = AURORA.symbol


@pytest.fixture
def venue() -> FakeVenue:
    venue = FakeVenue(maker_fee_bps=Decimal(10), base_balance=Decimal(100), quote_balance=Decimal(100))
    venue.set_book(*book_around("1.0000"))
    return venue


def order(id: str, side: Side, price: str, size: str, **more: Any) -> OrderRequest:
    fields: dict[str, Any] = {"symbol": SYMBOL, **more}
    return OrderRequest(client_order_id=id, side=side, price=Decimal(price), size_base=Decimal(size), **fields)


async def test_it_is_an_exchange(venue: FakeVenue) -> None:
    assert isinstance(venue, Exchange)
    assert venue.feed(SYMBOL).book.mid == Decimal(1)
    assert venue.feed(SYMBOL).age_s(venue.clock.monotonic()) == 0
    with pytest.raises(Refused, match="there is no market BTC/USDT here"):
        venue.feed("BTC/USDT")


async def test_an_order_rests_and_locks_its_money(venue: FakeVenue) -> None:
    (answer,) = await venue.place([order("a", Side.BUY, "0.9990", "10")])
    assert isinstance(answer, Placed)
    assert [report.client_order_id for report in await venue.open_orders(SYMBOL)] == ["a"]
    balance = (await venue.balances())["USDT"]
    assert (balance.free, balance.locked, balance.total) == (Decimal("90.0100"), Decimal("9.9900"), Decimal(100))


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (order("a", Side.BUY, "1.0005", "10"), "post-only: 1.0005 would trade at once against 1.0005"),
        (order("a", Side.SELL, "0.9995", "10"), "post-only: 0.9995 would trade at once against 0.9995"),
        (order("a", Side.BUY, "0.99905", "10"), "the price 0.99905 is not on the tick 0.0001"),
        (order("a", Side.BUY, "0.9990", "10.05"), "the size 10.05 is not a multiple of the lot 0.1"),
        (order("a", Side.BUY, "0.9990", "0"), "the size 0 is not a multiple of the lot 0.1"),
        (order("a", Side.BUY, "0.9990", "5"), "the notional 4.9950 is below the minimum 5"),
        (order("a", Side.BUY, "0.9990", "200"), "199.8000 USDT needed, 100 free"),
        (order("a", Side.SELL, "1.1", "100.1"), "100.1 AURORA needed, 100 free"),
        (order("a", Side.BUY, "0.9990", "10", post_only=False), "only post-only orders are taken here"),
        (order("a", Side.BUY, "0.9990", "10", symbol="X/Y"), "there is no market X/Y here"),
    ],
)
async def test_it_refuses_what_a_venue_refuses(venue: FakeVenue, request_: OrderRequest, reason: str) -> None:
    (answer,) = await venue.place([request_])
    assert isinstance(answer, PlaceRefused)
    assert (answer.status, answer.reason) == (OrderStatus.REJECTED, reason)
    assert await venue.open_orders(SYMBOL) == []


async def test_a_client_order_id_is_used_once_and_a_halted_market_takes_nothing(venue: FakeVenue) -> None:
    await venue.place([order("a", Side.BUY, "0.9990", "10")])
    (again,) = await venue.place([order("a", Side.BUY, "0.9980", "10")])
    assert again.reason == "the client order id a has been used"
    venue.set_status(MarketStatus.HALTED)
    (halted,) = await venue.place([order("b", Side.BUY, "0.9990", "10")])
    assert halted.reason == "the market is halted"


async def test_a_trade_fills_the_best_price_first_and_tells(venue: FakeVenue) -> None:
    fills: list[Any] = []
    orders: list[Any] = []
    venue.on_fill.append(fills.append)
    venue.on_order.append(orders.append)
    await venue.place([order("far", Side.BUY, "0.9980", "10"), order("near", Side.BUY, "0.9990", "10")])
    venue.trade("0.9980", "15", Side.SELL)
    assert [(fill.client_order_id, fill.size_base) for fill in fills] == [("near", Decimal(10)), ("far", Decimal(5))]
    assert fills[0].fee == Decimal("0.00999")
    assert [report.status for report in orders[2:]] == [OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED]
    assert [level.size_base for level in venue.resting(Side.BUY)] == [Decimal(5)]
    assert await venue.fills(SYMBOL, 0) == fills


async def test_a_book_that_moves_through_an_order_fills_it_at_its_own_price(venue: FakeVenue) -> None:
    await venue.place([order("a", Side.SELL, "1.0010", "10")])
    venue.set_book(levels(("1.0020", "5")), levels(("1.0030", "5")))
    (fill,) = await venue.fills(SYMBOL, 0)
    assert (fill.price, fill.size_base) == (Decimal("1.0010"), Decimal(10))


async def test_a_lost_answer_leaves_the_order_resting_and_a_lost_request_does_not(venue: FakeVenue) -> None:
    venue.lose_answers = True
    (lost,) = await venue.place([order("a", Side.BUY, "0.9990", "10")])
    venue.lose_answers, venue.lose_requests = False, True
    (never,) = await venue.place([order("b", Side.BUY, "0.9990", "10")])
    assert isinstance(lost, PlaceUnknown)
    assert isinstance(never, PlaceUnknown)
    assert [report.client_order_id for report in await venue.open_orders(SYMBOL)] == ["a"]
    with pytest.raises(KeyError):
        venue.order("b")


async def test_an_answer_may_come_late_while_the_order_rests(venue: FakeVenue) -> None:
    clock = ManualClock()
    venue.clock = clock
    venue.ack_after_s = 2
    answer = asyncio.create_task(venue.place([order("a", Side.BUY, "0.9990", "10")]))
    await settle()
    assert len(venue.resting(Side.BUY)) == 1
    assert not answer.done()
    await clock.advance(2)
    assert answer.done()


async def test_a_cancel_of_what_does_not_rest_is_unknown(venue: FakeVenue) -> None:
    await venue.place([order("a", Side.BUY, "0.9990", "10"), order("b", Side.BUY, "0.9980", "10")])
    venue.fill("a")
    gone, cancelled, never = await venue.cancel(SYMBOL, ["a", "b", "c"])
    assert [gone.status, cancelled.status, never.status] == [
        OrderStatus.UNKNOWN,
        OrderStatus.CANCELLED,
        OrderStatus.UNKNOWN,
    ]


async def test_it_may_ignore_cancels_be_offline_silent_or_say_things_twice(venue: FakeVenue) -> None:
    heard: list[Any] = []
    venue.on_order.append(heard.append)
    venue.silent = True
    await venue.place([order("a", Side.BUY, "0.9990", "10")])
    assert heard == []
    venue.silent, venue.repeat = False, True
    venue.keep_on_cancel = True
    (kept,) = await venue.cancel(SYMBOL, ["a"])
    assert kept.status is OrderStatus.UNKNOWN
    await venue.cancel_all(SYMBOL)
    assert len(venue.resting(Side.BUY)) == 1
    venue.keep_on_cancel = False
    await venue.cancel_all(SYMBOL)
    assert [report.status for report in heard] == [OrderStatus.CANCELLED] * 2
    venue.offline = "maintenance"
    with pytest.raises(NotReady, match="maintenance"):
        await venue.balances()
    assert [call for call, _ in venue.calls] == ["place", "cancel", "cancel_all", "cancel_all", "balances"]


@examples(60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["buy", "sell", "trade down", "trade up", "cancel", "move"]),
            st.integers(9900, 10100),
            st.integers(1, 400),
        ),
        max_size=40,
    )
)
async def test_nothing_is_created_or_lost(steps: list[tuple[str, int, int]]) -> None:
    """Totals follow from the fills alone, and locked money is exactly what rests."""
    venue = FakeVenue(maker_fee_bps=Decimal(-1), base_balance=Decimal(500), quote_balance=Decimal(500))
    venue.set_book(*book_around("1.0000"))
    for number, (step, ticks, lots) in enumerate(steps):
        price, size = Decimal(ticks) / 10000, Decimal(lots) / 10
        if step in ("buy", "sell"):
            await venue.place([order(str(number), Side(step), str(price), str(size))])
        elif step == "cancel":
            await venue.cancel(SYMBOL, [str(number - 1)])
        elif step == "move":
            venue.set_book(*book_around(price))
        else:
            venue.trade(price, size, Side.SELL if step == "trade down" else Side.BUY)
    base, quote = Decimal(500), Decimal(500)
    for fill in await venue.fills(SYMBOL, 0):
        base += fill.size_base * fill.side.sign
        quote -= fill.size_base * fill.price * fill.side.sign + fill.fee
    balances = await venue.balances()
    assert (balances["AURORA"].total, balances["USDT"].total) == (base, quote)
    assert min(balance.free for balance in balances.values()) >= 0
    assert balances["USDT"].locked == sum(
        (level.price * level.size_base for level in venue.resting(Side.BUY)), Decimal(0)
    )
    assert balances["AURORA"].locked == sum((level.size_base for level in venue.resting(Side.SELL)), Decimal(0))
    bids, asks = venue.resting(Side.BUY), venue.resting(Side.SELL)
    best_ask, best_bid = venue.feed(SYMBOL).book.best_ask, venue.feed(SYMBOL).book.best_bid
    assert best_ask is not None
    assert best_bid is not None
    assert not bids or bids[0].price < best_ask
    assert not asks or asks[0].price > best_bid


# The clock


async def test_sleepers_wake_in_order_of_their_time() -> None:
    clock = ManualClock(monotonic=0)
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, until: float) -> None:
        await clock.sleep_until(until)
        woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleep(name, until)) for name, until in [("b", 2), ("a", 1), ("c", 2), ("now", 0)]]
    await clock.advance(1.5)
    assert woken == [("now", 0), ("a", 1)]
    await clock.advance(1.5)
    assert woken[2:] == [("b", 2), ("c", 2)]
    await asyncio.gather(*tasks)


async def test_both_times_move_together_and_never_back() -> None:
    clock = ManualClock(now_ns=5 * NS, monotonic=100)
    clock.move_to(101.5)
    assert clock.now_ns() == 6_500_000_000
    with pytest.raises(ValueError, match=r"time cannot go back from 101\.5 to 101"):
        clock.move_to(101)


def test_a_built_book_is_on_the_tick_and_never_crossed() -> None:
    bids, asks = book_around("0.0312345", half_spread_bps="0.1", tick_size=Decimal("0.0000001"), count=20)
    assert all(price % Decimal("0.0000001") == 0 for price, _ in bids + asks)
    assert bids[0][0] < asks[0][0]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
