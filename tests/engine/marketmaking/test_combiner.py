"""Several strategies in one book: netting, blocks of slots, weights and budgets; and on a service."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.combiner import BLOCK, Combiner
from engine.marketmaking.draft import LANE, Draft, Rung
from engine.marketmaking.ladder import Ladder
from engine.marketmaking.netting import net
from tests.engine.desk import Desk
from tests.engine.marketmaking.ticks import BUY, SELL, Tick, prices, wanted

D = Decimal

SIDES = st.lists(
    st.builds(
        Rung,
        st.integers(0, 9),
        st.decimals("50", "150", places=2),
        st.decimals("0.001", "100", places=3),
        st.booleans(),
    ),
    max_size=6,
)


def total(rungs: list[Rung]) -> Fraction:
    return sum((Fraction(rung.size_base(rung.price)) for rung in rungs), Fraction(0))


@given(bids=SIDES, asks=SIDES)
def test_what_is_netted_never_crosses_and_bought_minus_sold_stays(bids: list[Rung], asks: list[Rung]) -> None:
    left_bids, left_asks, taken = net(bids, asks)
    assert not left_bids or not left_asks or left_bids[0].price < left_asks[0].price
    assert total(left_bids) - total(left_asks) == total(bids) - total(asks)
    assert total(left_bids) + Fraction(taken) == total(bids)
    assert [rung.price for rung in left_bids] == sorted((rung.price for rung in left_bids), reverse=True)
    assert [rung.price for rung in left_asks] == sorted(rung.price for rung in left_asks)


def test_bids_and_asks_that_meet_cancel_out() -> None:
    """A wants to buy 3 at 101, B to sell 2 at 100 and 5 at 102: 2 of the 3 are left out."""
    bids, asks, taken = net([Rung(0, D(101), D(3))], [Rung(0, D(100), D(2)), Rung(1, D(102), D(5))])
    assert bids == [Rung(0, D(101), D(1))]
    assert asks == [Rung(1, D(102), D(5))]
    assert taken == 2


# The component


class Fixed:
    """Wants what the test says, and remembers what it was shown."""

    def __init__(self, bids: str = "", asks: str = "", *, reason: str = "", offset: str = "0") -> None:
        self.bids, self.asks, self.reason, self.offset = bids, asks, reason, D(offset)
        self.orders: list[tuple[Side, int]] = []
        self.fills: list[int | None] = []

    def draft(self, context: QuoteContext) -> Draft:
        self.orders = [order.slot for order in context.orders if order.slot is not None]
        self.fills = [record.level for record in context.activity.fills]
        draft = wanted(self.bids, self.asks)
        draft.shift(self.offset)
        draft.reason = self.reason
        return draft


def test_each_strategy_keeps_its_own_block_of_slots() -> None:
    combined = Combiner(strategies={"near": Fixed("99 98", "101"), "far": Fixed("90", "110", offset="1")})
    draft = combined.draft(Tick("100").context)
    assert [rung.level for rung in draft.bids] == [0, 1, BLOCK]
    assert prices(draft) == ([99, 98, 91], [101, 111])


def test_weights_scale_sizes_and_budgets_cut_them_innermost_first() -> None:
    combined = Combiner(
        strategies={"a": Fixed("100 50", "200 300"), "b": Fixed("40", ""), "off": Fixed("10", "900")},
        weights={"a": D("0.5"), "off": D(0)},
        budgets_quote={"a": D(60)},
    )
    draft = combined.draft(Tick("150").context)
    assert [(rung.price, rung.size) for rung in draft.bids] == [(100, D("0.5")), (50, D("0.2")), (40, 1)]
    assert [(rung.price, rung.size) for rung in draft.asks] == [(200, D("0.3"))]
    assert draft.notes == [
        "a: its budget of 60 does not cover all 2 bids.",
        "a: its budget of 60 does not cover all 2 asks.",
    ]


def test_what_meets_within_the_book_is_left_out_and_said() -> None:
    draft = Combiner(strategies={"a": Fixed("101", "103"), "b": Fixed("99", "100")}).draft(Tick("100").context)
    assert prices(draft) == ([99], [103])
    assert draft.notes == ["1 AAA that met within the book was left out."]


def test_when_nothing_is_wanted_every_strategy_says_why() -> None:
    combined = Combiner(strategies={"a": Fixed(reason="Too early."), "b": Fixed(reason="Too late.")})
    assert combined.draft(Tick("100").context).reason == "a: Too early. b: Too late."


def test_a_strategy_sees_its_own_orders_and_fills_as_if_alone() -> None:
    tick, first, second = Tick("100"), Fixed("99", "101"), Fixed("98", "102")
    combined = Combiner(strategies={"a": first, "b": second})
    combined.draft(tick.context)
    tick.rest(BUY, 0, "99")
    tick.rest(BUY, BLOCK, "98")
    far = tick.rest(SELL, BLOCK + 3 + LANE, "102")
    combined.draft(tick.context)
    assert (first.orders, second.orders) == ([(BUY, 0)], [(BUY, 0), (SELL, 3)])
    tick.fill(far)
    combined.draft(tick.context)
    combined.draft(tick.context)
    assert (first.fills, second.fills) == ([], [3])


def test_a_strategy_added_last_leaves_the_others_their_slots() -> None:
    both = {"a": Fixed("99"), "b": Fixed("98")}
    levels = [rung.level for rung in Combiner(strategies=both).draft(Tick().context).bids]
    more = Combiner(strategies=both | {"c": Fixed("99.5")}).draft(Tick().context).bids
    assert levels == [0, BLOCK]
    assert [rung.level for rung in more] == [2 * BLOCK, 0, BLOCK]


@given(
    offsets=st.lists(st.decimals("-5", "5", places=3), min_size=1, max_size=4),
    sizes=st.lists(st.decimals("0.1", "10", places=2), min_size=4, max_size=4),
)
def test_ladders_leaning_any_way_never_cross_once_posted(offsets: list[Decimal], sizes: list[Decimal]) -> None:
    class Leaning:
        def __init__(self, lean: Decimal, size: Decimal) -> None:
            self.lean, self.ladder = lean, Ladder(half_spread_bps=D(50), size_base=size, levels=3)

        def draft(self, context: QuoteContext) -> Draft:
            draft = self.ladder.draft(context)
            draft.shift(self.lean)
            return draft

    combined = Combiner(strategies={str(n): Leaning(*each) for n, each in enumerate(zip(offsets, sizes, strict=False))})
    tick = Tick("100")
    lines = [line.split() for line in tick.posted(combined.draft(tick.context))]
    bids, asks = ([D(line[2]) for line in lines if line[0] == side] for side in ("buy", "sell"))
    assert not bids or not asks or max(bids) < min(asks)
    assert len({(line[0], line[1]) for line in lines}) == len(lines)


@pytest.mark.parametrize("what", ["weights", "budgets_quote"])
def test_a_name_that_is_no_strategy_is_refused(what: str) -> None:
    given: dict[str, Any] = {"strategies": {"a": Fixed()}, what: {"b": D(1)}}
    with pytest.raises(ValueError, match=f'{what} names "b", which is none of the strategies a'):
        Combiner(**given)


# On a service

MORE = """ladder:
    id: marketmaking.ladder
    args: {half_spread_bps: !decimal "10", size_base: !decimal "0.02", levels: 2, level_spacing_bps: !decimal "10"}
  grid:
    id: marketmaking.grid
    args: {spread: !decimal "0.0015", order_amount: !decimal "0.02", num_orders: 1, target_ratio: !decimal "0.98"}
  combined:
    id: marketmaking.combiner
    args: {strategies: {ladder: "@ladder", grid: "@grid"}, weights: {ladder: !decimal "0.5"}}
  budget: {id: marketmaking.modifiers.budget, args: {max_quote: !decimal "1800"}}
  own: {id: marketmaking.modifiers.self_trade_guard}"""


async def test_several_strategies_are_one_book_under_one_budget() -> None:
    """Bids: 0.01 at 49950 and 0.02 at 49925 take 1498 of 1800; what is left pays for a part of the third."""
    desk = Desk(strategy="combined", more=MORE, args=', modifiers: ["@budget", "@own"]')
    await desk.open()
    await desk.service.start("test")
    await desk.run(1)
    assert [(str(level.price), str(level.size_base)) for level in desk.venue.resting(Side.BUY)] == [
        ("49950.00", "0.01000"),
        ("49925.00", "0.02000"),
        ("49900.00", "0.00605"),
    ]
    assert desk.prices(Side.SELL) == ["50050.00", "50075.00", "50100.00"]
    assert "The budget of 1800 USDT does not cover all 3 bids." in desk.service.notes
    placed = desk.service.executor.orders_sent
    await desk.run(3)
    assert desk.service.executor.orders_sent == placed == 6

    # The grid's fill is the grid's alone: it answers one line up, the ladder quotes on.
    desk.venue.trade("49925", "0.03", Side.SELL)
    await desk.run(0.1)
    assert "50000.00" not in desk.prices(Side.BUY)
    assert desk.prices(Side.SELL) == ["50000.00", "50050.00", "50075.00", "50100.00"]
    await desk.close()


def test_a_combiner_in_a_combiner_is_refused_since_there_is_no_room_for_it() -> None:
    inner = Combiner(strategies={"one": Fixed("99x1"), "two": Fixed("98x1")})
    with pytest.raises(ValueError, match="inner is a combiner itself: name its strategies here instead"):
        Combiner(strategies={"inner": inner})


class Deep:
    """Wants more levels than there is room for."""

    def draft(self, context: QuoteContext) -> Draft:
        return Draft([Rung(level, D(90) - D(level) / 10, D(1)) for level in range(BLOCK + 3)], [])


def test_levels_beyond_a_strategys_room_are_left_out_and_said() -> None:
    draft = Combiner(strategies={"deep": Deep()}).draft(Tick().context)
    assert len(draft.bids) == BLOCK
    assert draft.notes == [f"deep: 3 bids beyond its {BLOCK} levels were left out."]
