"""The paper venue: queue position, fills from the public flow alone, refusals, latency, take-over."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.errors import PermitLost
from engine.core.service import Restore
from engine.market.types import MarketStatus, OrderReport, OrderRequest, OrderStatus, Side
from engine.venues.base import Placed, PlaceRefused
from tests.engine.venues.paper_desk import Desk

D = Decimal

# Queue position


async def test_an_order_joins_the_back_of_the_queue_and_is_served_in_turn() -> None:
    desk = await Desk().open()
    report = await desk.place(Side.BUY, "99.95", "1")
    assert isinstance(report, Placed)
    assert report.status is OrderStatus.OPEN
    desk.market.print("99.95", "10", Side.SELL)
    assert desk.fills == []
    desk.market.print("99.95", "0.4", Side.SELL)
    [fill] = desk.fills
    assert (fill.price, fill.size_base, fill.is_maker) == (D("99.95"), D("0.4"), True)
    assert desk.reports[-1].status is OrderStatus.PARTIALLY_FILLED
    desk.market.print("99.95", "5", Side.SELL)
    assert [fill.size_base for fill in desk.fills] == [D("0.4"), D("0.6")]
    assert desk.reports[-1].status is OrderStatus.FILLED


async def test_cancels_ahead_move_us_up_pro_rata_and_newcomers_queue_behind() -> None:
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.95", "1")
    desk.market.book({"99.95": "30"}, {"100.05": "10"})  # 20 join behind: 10 ahead of us, 20 behind
    desk.market.book({"99.95": "15"}, {"100.05": "10"})  # half of all cancelled: 5 ahead
    desk.market.print("99.95", "5", Side.SELL)
    assert desk.fills == []
    desk.market.print("99.95", "0.2", Side.SELL)
    assert desk.fills[0].size_base == D("0.2")


async def test_a_decrease_explained_by_prints_is_not_taken_for_cancels() -> None:
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.95", "1")
    desk.market.print("99.95", "4", Side.SELL)
    desk.market.book({"99.95": "6"}, {"100.05": "10"})  # ten less the four traded: nobody cancelled
    desk.market.print("99.95", "6", Side.SELL)
    assert desk.fills == []


async def test_where_only_best_prices_are_known_the_queue_is_met_when_the_price_comes() -> None:
    desk = await Desk().open()
    desk.market.feed("AUR/USDT").depth_known = False
    await desk.place(Side.BUY, "99.90", "1")
    desk.market.book({"99.90": "8"}, {"100.00": "10"})
    desk.market.print("99.90", "8", Side.SELL)
    assert desk.fills == []
    desk.market.print("99.90", "1", Side.SELL)
    assert [fill.size_base for fill in desk.fills] == [D(1)]


async def test_a_print_through_our_price_fills_us_with_no_more_than_its_own_size() -> None:
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.95", "3")
    desk.market.print("99.90", "2", Side.SELL)
    [fill] = desk.fills
    assert (fill.price, fill.size_base) == (D("99.95"), D(2))


async def test_one_print_never_fills_two_orders_with_more_than_its_size() -> None:
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.97", "1", key="a")
    await desk.place(Side.BUY, "99.96", "1", key="b")
    desk.market.print("99.90", "1.5", Side.SELL)
    assert [(fill.client_order_id, fill.size_base) for fill in desk.fills] == [("a", D(1)), ("b", D("0.5"))]


async def test_buyers_do_not_fill_our_bids() -> None:
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.97", "1")
    desk.market.print("99.97", "5", Side.BUY)
    assert desk.fills == []


async def test_the_opposite_best_coming_to_our_price_fills_us_once() -> None:
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.97", "3")
    desk.market.book({"99.90": "10"}, {"99.96": "2", "100.05": "10"})
    assert [fill.size_base for fill in desk.fills] == [D(2)]
    desk.market.book({"99.90": "10"}, {"99.96": "2", "100.05": "10"})
    assert len(desk.fills) == 1, "the same resting sellers cannot sell to us twice"
    desk.market.book({"99.90": "10"}, {"99.96": "2.5", "100.05": "10"})
    assert [fill.size_base for fill in desk.fills] == [D(2), D("0.5")]


async def test_a_print_older_than_our_arrival_is_not_ours() -> None:
    desk = await Desk().open(latency_ms=50)
    await desk.place(Side.BUY, "99.97", "1")
    desk.market.print("99.90", "5", Side.SELL)
    assert desk.fills == []
    await desk.move(0.06)
    desk.market.print("99.90", "5", Side.SELL)
    assert len(desk.fills) == 1


async def test_nothing_fills_while_the_book_is_not_trusted() -> None:
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.97", "1")
    feed = desk.market.feed("AUR/USDT")
    feed.problem = "sequence gap"
    desk.market.book({"99.90": "10"}, {"99.92": "10"})
    assert desk.fills == []
    refused = await desk.place(Side.BUY, "99.96", "1", key="b")
    assert isinstance(refused, PlaceRefused)
    assert "sequence gap" in refused.reason


# Latency


async def test_an_order_takes_its_latency_to_arrive_and_may_be_refused_then() -> None:
    desk = await Desk().open(latency_ms=100)
    report = await desk.place(Side.BUY, "100.00", "1")
    assert report.status is OrderStatus.PENDING
    desk.market.book({"99.80": "10"}, {"99.99": "10"})
    await desk.move(0.2)
    [told] = desk.reports
    assert told.status is OrderStatus.REJECTED
    assert "would take the best price of 99.99" in told.reason
    assert await desk.free() == {"AUR": D(10), "USDT": D(1000)}


async def test_an_order_may_fill_while_its_cancel_is_on_the_way() -> None:
    desk = await Desk().open(latency_ms=100)
    await desk.place(Side.BUY, "99.97", "2")
    await desk.move(0.2)
    [answer] = await desk.venue.cancel("AUR/USDT", ["mm-7-1-1"])
    assert answer.status is OrderStatus.CANCELLING
    desk.market.print("99.95", "0.5", Side.SELL)
    assert [fill.size_base for fill in desk.fills] == [D("0.5")]
    await desk.move(0.2)
    assert desk.reports[-1].status is OrderStatus.CANCELLED
    assert desk.reports[-1].filled_base == D("0.5")
    desk.market.print("99.95", "5", Side.SELL)
    assert len(desk.fills) == 1


async def test_a_question_arrives_after_the_cancels_sent_before_it() -> None:
    desk = await Desk().open(latency_ms=100)
    await desk.place(Side.BUY, "99.97", "2")
    await desk.venue.cancel_all("AUR/USDT")
    assert list(await desk.venue.open_orders("AUR/USDT")) == []
    assert desk.reports[-1].status is OrderStatus.CANCELLED


# Refusals


@pytest.mark.parametrize(
    ("side", "price", "size", "reason"),
    [
        (Side.BUY, "100.05", "1", "would take the best price of 100.05"),
        (Side.SELL, "99.95", "1", "would take the best price of 99.95"),
        (Side.BUY, "99.955", "1", "not on the tick of 0.01"),
        (Side.BUY, "99.95", "1.0005", "not on the lot of 0.001"),
        (Side.BUY, "99.95", "0.001", "under the minimum of 0.01 AUR"),
        (Side.BUY, "99.95", "0.02", "under the minimum of 5 USDT"),
        (Side.BUY, "99.95", "10.1", "only 1000 is free"),
        (Side.SELL, "100.05", "10.1", "only 10 is free"),
        (Side.BUY, "0", "1", "not on the tick"),
    ],
)
async def test_it_refuses_with_a_sentence(side: Side, price: str, size: str, reason: str) -> None:
    desk = await Desk().open()
    report = await desk.place(side, price, size)
    assert isinstance(report, PlaceRefused)
    assert report.status is OrderStatus.REJECTED
    assert reason in report.reason
    assert await desk.free() == {"AUR": D(10), "USDT": D(1000)}


async def test_it_refuses_a_used_id_a_halted_market_another_symbol_and_a_trade_with_ourselves() -> None:
    desk = await Desk().open()
    await desk.place(Side.SELL, "100.00", "1", key="a")
    assert "is in use" in (await desk.place(Side.SELL, "100.05", "1", key="a")).reason
    assert "an order of this account" in (await desk.place(Side.BUY, "100.00", "1", key="b")).reason
    other = OrderRequest(client_order_id="c", symbol="X/Y", side=Side.BUY, price=D(1), size_base=D(1))
    assert "trades AUR/USDT, not X/Y" in (await desk.venue.place([other]))[0].reason
    desk.market.feed("AUR/USDT").status = MarketStatus.HALTED
    assert "halted" in (await desk.place(Side.BUY, "99.95", "1", key="d")).reason


async def test_a_cancel_of_an_unknown_order_is_unknown() -> None:
    desk = await Desk().open()
    [report] = await desk.venue.cancel("AUR/USDT", ["nobody"])
    assert report.status is OrderStatus.UNKNOWN
    assert "not found" in report.reason


async def test_an_order_that_may_take_sweeps_the_visible_book_and_pays_the_taker_fee() -> None:
    desk = await Desk().open(taker_fee_bps=D(20))
    await desk.place(Side.SELL, "99.92", "5", post_only=False)
    [fill] = desk.fills
    assert (fill.price, fill.size_base, fill.is_maker) == (D("99.95"), D(5), False)
    assert fill.fee == D("0.9995")
    assert await desk.totals() == {"AUR": D(5), "USDT": D("1498.7505")}


# Permission and take-over


async def test_a_holder_without_permission_neither_places_nor_fills() -> None:
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.97", "1")
    desk.permit.is_valid = False
    desk.market.print("99.90", "5", Side.SELL)
    desk.market.book({"99.80": "10"}, {"99.85": "10"})
    assert desk.fills == []
    with pytest.raises(PermitLost):
        await desk.place(Side.BUY, "99.95", "1", key="b")


async def test_a_new_holder_finds_balances_and_orders_as_recorded() -> None:
    left = OrderReport(
        ts_ns=1,
        client_order_id="mm-7-1-9",
        venue_order_id="o7-1-9",
        symbol="AUR/USDT",
        side=Side.BUY,
        price=D("99.95"),
        size_base=D(2),
        filled_base=D("0.5"),
        status=OrderStatus.PENDING,
    )
    restore = Restore(balances={"AUR": D(12), "USDT": D(800)}, orders=(left,))
    desk = await Desk().open(restore=restore, token=2)
    assert await desk.totals() == {"AUR": D(12), "USDT": D(800)}
    [resting] = await desk.venue.open_orders("AUR/USDT")
    assert (resting.client_order_id, resting.filled_base) == ("mm-7-1-9", D("0.5"))
    desk.usual_book()
    desk.market.print("99.95", "10", Side.SELL)
    assert desk.fills == [], "it went to the back of the queue"
    desk.market.print("99.95", "1", Side.SELL)
    assert desk.fills[0].fill_id.startswith("f7-2-"), "ids differ from those of the holder before"
    [answer] = await desk.venue.cancel("AUR/USDT", ["mm-7-1-9"])
    assert answer.status is OrderStatus.CANCELLED


async def test_unload_stops_listening_and_may_run_twice() -> None:
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.97", "1")
    await desk.venue.unload()
    await desk.venue.unload()
    desk.market.print("99.90", "5", Side.SELL)
    assert desk.fills == []


async def test_its_dead_mans_switch_clears_the_account_unless_it_is_wound_up_or_disarmed() -> None:
    """Q13"""
    desk = await Desk().open()
    await desk.place(Side.BUY, "99.90", "1")
    await desk.venue.cancel_all_after("AUR/USDT", 10)
    await desk.move(8)
    await desk.venue.cancel_all_after("AUR/USDT", 10)
    await desk.move(8)
    assert len(await desk.venue.open_orders("AUR/USDT")) == 1
    await desk.move(3)
    assert await desk.venue.open_orders("AUR/USDT") == []
    assert desk.reports[-1].status is OrderStatus.CANCELLED
    assert (await desk.free())["USDT"] == D(1000)

    await desk.place(Side.BUY, "99.90", "1", key="mm-7-1-2")
    await desk.venue.cancel_all_after("AUR/USDT", 10)
    await desk.venue.cancel_all_after("AUR/USDT", 0)
    await desk.move(30)
    assert len(await desk.venue.open_orders("AUR/USDT")) == 1
