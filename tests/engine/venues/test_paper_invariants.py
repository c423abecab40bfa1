"""What holds on the paper venue whatever happens to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.market.types import Side
from engine.venues.paper.queue import QueuePosition
from tests.engine.venues.paper_desk import Desk
from tests.examples import examples

D = Decimal

price_ticks = st.integers(9_985, 10_015)
step = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(Side), price_ticks, st.integers(50, 4_000)),
    st.tuples(st.just("print"), st.sampled_from(Side), price_ticks, st.integers(1, 30_000)),
    st.tuples(st.just("book"), price_ticks, st.integers(1, 20), st.integers(1, 30_000)),
    st.tuples(st.just("cancel"), st.integers(0, 40)),
    st.tuples(st.just("wait"), st.integers(1, 200)),
)


@examples(60)
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
    visible=st.integers(0, 12),
    changes=st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=12),
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
