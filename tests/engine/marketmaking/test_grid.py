"""The grid: lines, answers to fills, the heavy side, and whole nights on a service."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.types import Side
from engine.marketmaking.grid import Grid
from tests.engine.desk import Desk
from tests.engine.marketmaking.ticks import BUY, SELL, Tick, prices

D = Decimal


def grid(**settings: Any) -> Grid:
    given: dict[str, Any] = {"spread": D("0.01"), "order_amount": D(1), "num_orders": 3}
    return Grid(**given | settings)


def place(tick: Tick, strategy: Grid) -> list[str]:
    """Let every wanted order rest where none does; returns what is wanted, as "buy 99"."""
    draft = strategy.draft(tick.context)
    wanted = []
    for side, rungs in ((BUY, draft.bids), (SELL, draft.asks)):
        for rung in rungs:
            wanted.append(f"{side} {rung.price.normalize():f}")
            if tick.tracker.at((side, rung.level)) is None:
                tick.rest(side, rung.level, rung.price)
    return wanted


def fill(tick: Tick, price: str) -> None:
    (order,) = [order for order in tick.tracker.live.values() if order.price == D(price)]
    tick.fill(order)


def test_the_kth_order_stands_k_spreads_from_mid() -> None:
    """Q2: mid × (1 ∓ k × spread)."""
    assert place(Tick("100"), grid()) == ["buy 99", "buy 98", "buy 97", "sell 101", "sell 102", "sell 103"]


def test_a_fill_is_answered_one_step_away_on_the_other_side() -> None:
    """Q2"""
    tick, strategy = Tick("100"), grid()
    place(tick, strategy)
    fill(tick, "99")
    tick.reference = D("99")
    assert place(tick, strategy) == ["buy 98", "buy 97", "sell 100", "sell 101", "sell 102", "sell 103"]
    fill(tick, "98")
    tick.reference = D("98")
    assert place(tick, strategy) == ["buy 97", "sell 99", "sell 100", "sell 101", "sell 102", "sell 103"]
    fill(tick, "99")
    tick.reference = D("99")
    assert place(tick, strategy) == ["buy 98", "buy 97", "sell 100", "sell 101", "sell 102", "sell 103"]


def test_the_grid_does_not_follow_the_price() -> None:
    tick, strategy = Tick("100"), grid()
    first = place(tick, strategy)
    tick.reference = D("100.9")
    assert place(tick, strategy) == first


def test_a_part_of_a_fill_is_not_answered() -> None:
    tick, strategy = Tick("100"), grid()
    first = place(tick, strategy)
    (order,) = [order for order in tick.tracker.live.values() if order.price == 99]
    tick.fill(order, "0.4")
    assert place(tick, strategy) == first
    tick.fill(order, "0.6")
    assert place(tick, strategy) == ["buy 98", "buy 97", "sell 100", "sell 101", "sell 102", "sell 103"]


def test_a_line_further_out_that_fills_first_leaves_no_orders_at_one_price() -> None:
    tick, strategy = Tick("100"), grid()
    place(tick, strategy)
    fill(tick, "98")
    assert place(tick, strategy) == ["buy 97", "sell 101", "sell 102", "sell 103"]


def test_lines_the_price_has_passed_wait() -> None:
    tick, strategy = Tick("100"), grid()
    place(tick, strategy)
    tick.reference = D("97.5")
    draft = strategy.draft(tick.context)
    assert prices(draft)[0] == [97]
    assert draft.notes[-1] == "Bid 4, Bid 5 of the grid wait: the reference price of 97.5 is across."


@pytest.mark.parametrize(("reference", "moved"), [("96.9", True), ("97", False), ("103.1", True)])
def test_a_grid_that_was_left_is_laid_anew_when_told_to(reference: str, moved: bool) -> None:
    tick, strategy = Tick("100"), grid(recentre=True)
    place(tick, strategy)
    tick.reference = D(reference)
    centred = [price / D(reference) for price in prices(strategy.draft(tick.context))[0]]
    assert (centred[:1] == [D("0.99")]) is moved
    staying = grid()
    staying.draft(Tick("100").context)
    assert all(price in (97, 98, 99, 101, 102, 103) for side in prices(staying.draft(tick.context)) for price in side)


def test_the_heavy_side_gets_no_new_orders_until_it_is_back() -> None:
    """Q2: a ratio of 0.75 is more than 0.2 over 0.5. What rests stays, what fills is not replaced."""
    tick, strategy = Tick("100").holds("5", "500"), grid(num_orders=2)
    assert place(tick, strategy) == ["buy 99", "buy 98", "sell 101", "sell 102"]
    fill(tick, "101")
    tick.holds("7.5", "250").reference = D("101")
    draft = strategy.draft(tick.context)
    assert prices(draft) == ([99, 98], [102])
    assert draft.notes == ["No new bids: the base ratio of 0.752 is more than 0.2 over its target of 0.5."]
    tick.holds("6", "400")
    assert place(tick, strategy) == ["buy 100", "buy 99", "buy 98", "sell 102"]


def test_a_heavy_account_starts_with_one_side() -> None:
    strategy = grid(num_orders=2)
    assert place(Tick("100").holds("0", "1000"), strategy) == ["buy 99", "buy 98"]


@given(steps=st.lists(st.sampled_from([BUY, SELL]), max_size=40), lines=st.integers(1, 4))
def test_bids_stay_under_asks_and_the_number_of_orders_stays(steps: list[Side], lines: int) -> None:
    """Whatever fills next to the price, one line is empty and every other has its order."""
    tick, strategy = Tick("100"), grid(num_orders=lines)
    place(tick, strategy)
    for side in steps:
        resting = [order for order in tick.tracker.live.values() if order.side is side]
        if not resting:
            continue
        best = max(resting, key=lambda order: order.price * side.sign)
        tick.fill(best)
        tick.reference = best.price
        wanted = place(tick, strategy)
        bids, asks = ([D(line.split()[1]) for line in wanted if line.startswith(s)] for s in ("buy", "sell"))
        assert len(wanted) == len(set(wanted)) == 2 * lines
        assert not bids or not asks or max(bids) < min(asks)


def test_a_grid_that_would_reach_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"was 1\.5"):
        grid(spread=D("0.5"))


# On a service


async def test_an_order_that_fills_at_the_venue_is_answered_at_once_and_the_grid_earns_its_step() -> None:
    """Q2, through the whole service; "at once" is before the next tick."""
    desk = await grid_desk()
    assert desk.prices(Side.BUY) == ["49950.00", "49900.00"]
    assert desk.prices(Side.SELL) == ["50050.00", "50100.00"]

    desk.venue.trade("49950", "0.02", Side.SELL)
    desk.book("49940.00", "49960.00")
    await desk.run(0.1)
    assert desk.prices(Side.BUY) == ["49900.00"]
    assert desk.prices(Side.SELL) == ["50000.00", "50050.00", "50100.00"]

    desk.venue.trade("50000", "0.02", Side.BUY)
    desk.book("49990.00", "50010.00")
    await desk.run(0.1)
    assert desk.prices(Side.BUY) == ["49950.00", "49900.00"]
    assert desk.service.account.position.realised_quote == D("0.02") * 50
    assert desk.service.account.position.base == 0
    await desk.close()


async def test_a_quiet_grid_sends_nothing_twice() -> None:
    desk = await grid_desk()
    placed = desk.service.executor.orders_sent
    for mid in ("50010", "49990", "50020"):
        desk.book(str(D(mid) - 5), str(D(mid) + 5))
        await desk.run(2)
    assert desk.service.executor.orders_sent == placed == 4
    await desk.close()


async def grid_desk() -> Desk:
    desk = Desk(
        components="",
        strategy="grid",
        more="""grid:
    id: marketmaking.grid
    args: {spread: !decimal "0.001", order_amount: !decimal "0.02", num_orders: 2, target_ratio: !decimal "0.98"}""",
    )
    await desk.open()
    await desk.service.start("test")
    await desk.run(1)
    return desk
