"""The paper venue: queue position, fills from the public flow alone, refusals, and balances that add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.component import Identity
from engine.core.errors import PermitLost
from engine.core.scheduler import Scheduler
from engine.core.service import Restore
from engine.market.types import Fill, Instrument, MarketStatus, OrderReport, OrderRequest, OrderStatus, Side, Trade
from engine.testing import ManualClock, RecordingRuntime
from engine.venues.base import MarketFeed, Placed, PlaceRefused
from engine.venues.paper.exchange import PaperExchange
from engine.venues.paper.queue import QueuePosition

D = Decimal
AUR = Instrument(
    symbol="AUR/USDT",
    base="AUR",
    quote="USDT",
    tick_size=D("0.01"),
    lot_size=D("0.001"),
    min_size_base=D("0.01"),
    min_notional_quote=D(5),
    maker_fee_bps=D(10),
    taker_fee_bps=D(20),
)


class Market:
    """A public market moved by hand."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._feed = MarketFeed(AUR, source="by hand")

    def feed(self, symbol: str) -> MarketFeed:
        return self._feed

    def book(self, bids: dict[str, str], asks: dict[str, str]) -> None:
        """Replace the book: sizes by price."""
        self._feed.book.reset(
            [(D(p), D(s)) for p, s in bids.items()],
            [(D(p), D(s)) for p, s in asks.items()],
        )
        self._feed.received_at = self._clock.monotonic()
        self._feed.book_ts_ns = self._clock.now_ns()
        for callback in tuple(self._feed.on_book):
            callback(self._feed)

    def print(self, price: str, size: str, aggressor: Side) -> None:
        trade = Trade(ts_ns=self._clock.now_ns(), price=D(price), size_base=D(size), aggressor=aggressor)
        for callback in tuple(self._feed.on_trade):
            callback(trade)


class Permit:
    def __init__(self) -> None:
        self.is_valid = True

    def valid(self) -> bool:
        return self.is_valid


class Desk:
    """A paper account of 10 AUR and 1,000 USDT over a book of 99.95 / 100.05 with 10 AUR at each level."""

    async def open(self, *, latency_ms: int = 0, restore: Restore | None = None, token: int = 1, **args: Any) -> Desk:
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.permit = Permit()
        self.runtime = RecordingRuntime(
            self.clock,
            identity=Identity(deployment_id=7, token=token),
            scheduler=self.scheduler,
            permit=self.permit,
            restore=restore,
        )
        self.market = Market(self.clock)
        self.venue = PaperExchange(
            market=self.market,
            symbol="AUR/USDT",
            base_balance=D(10),
            quote_balance=D(1000),
            latency_ms=latency_ms,
            cancel_latency_ms=latency_ms,
            **args,
        )
        self.runtime.equip(self.venue, "paper")
        self.fills: list[Fill] = []
        self.reports: list[OrderReport] = []
        self.venue.on_fill.append(self.fills.append)
        self.venue.on_order.append(self.reports.append)
        if restore is None:
            self.usual_book()
        await self.venue.load()
        return self

    def usual_book(self) -> None:
        self.market.book({"99.95": "10", "99.90": "10"}, {"100.05": "10", "100.10": "10"})

    async def place(self, side: Side, price: str, size: str, *, key: str = "mm-7-1-1", **more: Any) -> OrderReport:
        request = OrderRequest(
            client_order_id=key, symbol="AUR/USDT", side=side, price=D(price), size_base=D(size), **more
        )
        return (await self.venue.place([request]))[0]

    async def totals(self) -> dict[str, Decimal]:
        return {asset: balance.total for asset, balance in (await self.venue.balances()).items()}

    async def free(self) -> dict[str, Decimal]:
        return {asset: balance.free for asset, balance in (await self.venue.balances()).items()}

    async def move(self, seconds: float) -> None:
        await self.scheduler.run_until(self.clock.monotonic() + seconds)


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


# Invariants

price_ticks = st.integers(9_985, 10_015)
step = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(Side), price_ticks, st.integers(50, 4_000)),
    st.tuples(st.just("print"), st.sampled_from(Side), price_ticks, st.integers(1, 30_000)),
    st.tuples(st.just("book"), price_ticks, st.integers(1, 20), st.integers(1, 30_000)),
    st.tuples(st.just("cancel"), st.integers(0, 40)),
    st.tuples(st.just("wait"), st.integers(1, 200)),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(step, min_size=5, max_size=60), latency_ms=st.sampled_from([0, 30]))
async def test_balances_change_by_exactly_the_fills_and_are_never_overspent(
    steps: list[tuple[Any, ...]], latency_ms: int
) -> None:
    desk = await Desk().open(latency_ms=latency_ms)
    printed = {Side.BUY: D(0), Side.SELL: D(0)}
    for number, (kind, *values) in enumerate(steps):
        await desk.move(0.01)
        before = len(desk.fills)
        if kind == "place":
            side, ticks, lots = values
            await desk.place(side, str(ticks * D("0.01")), str(lots * D("0.001")), key=f"c{number}")
        elif kind == "print":
            side, ticks, lots = values
            desk.market.print(str(ticks * D("0.01")), str(lots * D("0.001")), side)
            printed[side] += lots * D("0.001")
            assert sum(fill.size_base for fill in desk.fills[before:]) <= lots * D("0.001")
        elif kind == "book":
            ticks, spread, lots = values
            size = str(lots * D("0.001"))
            desk.market.book({str(ticks * D("0.01")): size}, {str((ticks + spread) * D("0.01")): size})
        elif kind == "cancel":
            await desk.venue.cancel("AUR/USDT", [f"c{values[0]}"])
        else:
            await desk.move(values[0] / 1000)
        balances = await desk.venue.balances()
        assert all(balance.free >= 0 and balance.locked >= 0 for balance in balances.values())
    base = sum((fill.side.sign * fill.size_base for fill in desk.fills), D(0))
    quote = sum((-fill.side.sign * fill.size_base * fill.price - fill.fee for fill in desk.fills), D(0))
    assert await desk.totals() == {"AUR": D(10) + base, "USDT": D(1000) + quote}
    assert len({fill.fill_id for fill in desk.fills}) == len(desk.fills)
    await desk.venue.cancel_all("AUR/USDT")
    assert list(await desk.venue.open_orders("AUR/USDT")) == []
    assert await desk.free() == await desk.totals()


@given(
    visible=st.integers(0, 1000),
    changes=st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), max_size=20),
)
def test_the_queue_ahead_never_grows_and_never_exceeds_what_is_visible(
    visible: int, changes: list[tuple[bool, int]]
) -> None:
    lot = D("0.001")
    position = QueuePosition(visible * lot, lot)
    for is_trade, lots in changes:
        before = position.ahead
        if is_trade:
            reached = position.on_trade(lots * lot)
            assert reached == max(D(0), lots * lot - before)
        else:
            position.on_level(lots * lot)
            assert position.ahead <= lots * lot
        assert 0 <= position.ahead <= before
        assert position.ahead % lot == 0
