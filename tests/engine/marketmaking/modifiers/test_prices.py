"""Modifiers that move prices: worked figures, and what holds for every input."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.marketmaking.modifiers import formulas
from engine.marketmaking.modifiers.book_depth import BookDepth
from engine.marketmaking.modifiers.inventory_shade import InventoryShade
from engine.marketmaking.modifiers.inventory_widen import InventoryWiden
from engine.marketmaking.modifiers.max_spread import MaxSpread
from engine.marketmaking.modifiers.min_profit import MinProfit
from engine.marketmaking.modifiers.min_spread import MinSpread
from engine.marketmaking.modifiers.not_crossing import NotCrossing
from engine.marketmaking.modifiers.price_band import PriceBand
from engine.marketmaking.modifiers.trade_flow import TradeFlow
from engine.marketmaking.modifiers.volatility import Volatility
from engine.testing import FakeVenue, RecordingRuntime
from tests.engine.marketmaking.ticks import BUY, MARKET, SELL, Tick, prices

D = Decimal
RATIOS = st.decimals("0", "1", places=4)
AMOUNTS = st.decimals("0", "1000000", places=6)
PRICES = st.decimals("0.001", "100000", places=6)


# Inventory


@pytest.mark.parametrize(
    ("base", "quote", "shift"),
    [
        ("7", "300", "-0.08"),  # ratio 0.7: −20 bps × 0.2 / 0.5 = −8 bps
        ("3", "700", "0.08"),
        ("5", "500", "0"),
        ("10", "0", "-0.1"),  # −20 bps × 0.5 / 0.5, bound at 10 bps
        ("0", "1000", "0.1"),
        ("0", "0", "0"),
    ],
)
def test_too_much_base_moves_both_sides_down(base: str, quote: str, shift: str) -> None:
    """Q3"""
    modifier = InventoryShade(shift_bps=D(20), max_shift_bps=D(10))
    draft = Tick("100").holds(base, quote).adjusted(modifier)
    assert prices(draft) == ([99 + D(shift)], [101 + D(shift)])


def test_without_an_account_nothing_is_shaded_and_the_notes_say_so() -> None:
    for modifier in (InventoryShade(shift_bps=D(20), max_shift_bps=D(10)), InventoryWiden()):
        draft = Tick("100").adjusted(modifier)
        assert prices(draft) == ([99], [101])
        assert "no account whose balances are known" in draft.notes[0]


@given(less=AMOUNTS, more=AMOUNTS, quote=AMOUNTS, price=PRICES, target=RATIOS, bound=st.decimals("0", "500", places=2))
def test_the_shade_falls_with_the_base_and_keeps_its_bound(
    less: Decimal, more: Decimal, quote: Decimal, price: Decimal, target: Decimal, bound: Decimal
) -> None:
    shifts = []
    for base in sorted((less, more)):
        inventory = Tick().holds(str(base), str(quote)).inventory
        gap, total = formulas.base_value_gap(inventory, price, target)
        shift = formulas.shade(
            gap=gap, total=total, band_ratio=D("0.3"), shift_bps=D(25), max_shift_bps=bound, price=price
        )
        if total > 0:
            ratio = Fraction(base) * Fraction(price) / (Fraction(base) * Fraction(price) + Fraction(quote))
            exact = -25 * (ratio - Fraction(target)) / Fraction("0.3") * Fraction(price) / 10000
            most = Fraction(bound) * Fraction(price) / 10000
            assert abs(Fraction(shift) - max(-most, min(most, exact))) < Fraction(1, 10**60)
            shifts.append(shift)
    assert shifts == sorted(shifts, reverse=True)


@pytest.mark.parametrize(
    ("base", "quote", "bid", "ask"),
    [
        ("5", "500", "99", "101"),
        ("7", "300", "98.8", "101.2"),  # 1 + 0.5 × 0.2 / 0.5 = 1.2
        ("3", "700", "98.8", "101.2"),
        ("10", "0", "98.6", "101.4"),  # 1.5, bound at 1.4
    ],
)
def test_the_spread_grows_with_the_distance_from_target(base: str, quote: str, bid: str, ask: str) -> None:
    """Q4"""
    draft = Tick("100").holds(base, quote).adjusted(InventoryWiden(max_factor=D("1.4")))
    assert prices(draft) == ([D(bid)], [D(ask)])


def test_a_lone_side_is_widened_from_the_reference_price() -> None:
    tick = Tick("100").holds("10", "0")
    assert prices(tick.adjusted(InventoryWiden(), bids="", asks="101 102")) == ([], [D("101.5"), D("102.5")])
    assert prices(tick.adjusted(InventoryWiden(), bids="99", asks="")) == ([D("98.5")], [])


# Volatility


def test_moves_beyond_the_normal_widen_up_to_the_bound() -> None:
    """Q4: ln(1.001)² a second is 9.995 bps per √s, against a normal of 5."""
    tick = Tick("100")
    modifier = Volatility(reference_sigma_bps=D(5), min_returns=1)
    tick.adjusted(modifier)
    tick.wait(1).reference = D("100.1")
    draft = tick.adjusted(modifier, bids="99.1", asks="101.1")
    factor = (draft.best_ask - draft.best_bid) / 2  # type: ignore[operator]
    assert abs(factor - D("1.9990006663")) < D("1e-9")
    tick.wait(1).reference = D("110")
    assert prices(tick.adjusted(modifier, bids="109", asks="111")) == ([D(107)], [D(113)])


def test_a_calm_market_is_not_widened_nor_one_not_yet_known() -> None:
    tick = Tick("100")
    modifier = Volatility(reference_sigma_bps=D(5), min_returns=2)
    for reference in ("100", "200"):
        tick.wait(1).reference = D(reference)
        draft = tick.adjusted(modifier)
        assert prices(draft) == ([99], [101])
        assert "of 2 returns" in draft.notes[0]
    for _ in range(1400):
        tick.adjusted(modifier)
        tick.wait(1)
    assert prices(tick.adjusted(modifier)) == ([99], [101])


def test_ticks_between_samples_change_nothing() -> None:
    tick = Tick("100")
    modifier = Volatility(reference_sigma_bps=D(5), min_returns=1)
    tick.adjusted(modifier)
    tick.wait(1).reference = D("100.1")
    first = prices(tick.adjusted(modifier))
    tick.wait(0.5)
    assert prices(tick.adjusted(modifier)) == first


# Book and trades


@pytest.mark.parametrize(
    ("size", "exponent", "factor"),
    [("10", "1", "1"), ("2.5", "1", "2"), ("2.5", "0.5", None), ("0.1", "1", "3"), ("100", "1", "1")],
)
def test_a_thin_book_widens(size: str, exponent: str, factor: str | None) -> None:
    """Q4: 1000 of depth is normal; 2.5 a side at 99.9 and 100.1 is half of it."""
    tick = Tick("100").book(f"99.9x{size} 90x1000", f"100.1x{size} 110x1000")
    modifier = BookDepth(depth_reference_quote=D(1000), exponent=D(exponent))
    draft = tick.adjusted(modifier)
    if factor is None:
        assert draft.spread == 2 * D(2).sqrt()
    else:
        assert draft.spread == 2 * D(factor)


def test_our_own_orders_are_no_depth() -> None:
    tick = Tick("100").book("99.9x5", "100.1x5")
    tick.rest(BUY, 0, "99.9", "5")
    tick.rest(SELL, 0, "100.1", "9")
    modifier = BookDepth(depth_reference_quote=D(1000), max_factor=D(7))
    assert tick.adjusted(modifier).spread == 14


def test_an_empty_book_is_as_thin_as_can_be() -> None:
    assert Tick("100").adjusted(BookDepth(depth_reference_quote=D(1000))).spread == 6


async def hearing(**settings: object) -> tuple[TradeFlow, FakeVenue, Tick]:
    venue, tick = FakeVenue(symbol="AAA/BBB"), Tick("100")
    modifier = TradeFlow(market=venue, symbol="AAA/BBB", max_shift_bps=D(10), **settings)  # type: ignore[arg-type]
    RecordingRuntime(tick.clock).equip(modifier, "flow")
    await modifier.load()
    return modifier, venue, tick


async def test_quotes_move_with_those_who_take() -> None:
    """Q5: (3 − 1) / 4 of 10 bps."""
    modifier, venue, tick = await hearing(min_trades=2, window_s=D(60))
    venue.trade("100", "3", BUY)
    assert prices(tick.adjusted(modifier)) == ([99], [101])
    venue.trade("100", "1", SELL)
    assert prices(tick.adjusted(modifier)) == ([D("99.05")], [D("101.05")])
    tick.wait(61)
    assert prices(tick.adjusted(modifier)) == ([99], [101])
    await modifier.unload()
    await modifier.unload()
    assert venue.feed("AAA/BBB").on_trade == []


@given(bought=AMOUNTS, sold=AMOUNTS, price=PRICES, bound=st.decimals("0", "500", places=2))
def test_the_flow_shift_keeps_its_bound_and_its_sign(
    bought: Decimal, sold: Decimal, price: Decimal, bound: Decimal
) -> None:
    shift = formulas.flow_shift(bought=bought, sold=sold, max_shift_bps=bound, price=price)
    assert Fraction(abs(shift)) <= Fraction(bound) * Fraction(price) / 10000
    assert (shift > 0) == (bought > sold and bound > 0)


# Clamps


@pytest.mark.parametrize(
    ("bids", "asks", "clamped"),
    [
        ("99.9", "100.1", ([D("99.5")], [D("100.5")])),
        ("99.8", "100.1", ([D("99.45")], [D("100.45")])),
        ("99", "101", ([99], [101])),
        ("99.9 99.8", "", ([D("99.5"), D("99.4")], [])),
        ("", "100.2", ([], [D("100.5")])),
        ("", "", ([], [])),
    ],
)
def test_the_spread_is_never_under_the_least(bids: str, asks: str, clamped: object) -> None:
    assert prices(Tick("100").adjusted(MinSpread(min_spread_bps=D(100)), bids=bids, asks=asks)) == clamped


@pytest.mark.parametrize(
    ("bids", "asks", "clamped"),
    [
        ("99 98", "101 102", (["99.50", "98.50"], ["100.50", "101.50"])),
        ("99.9", "100.1", (["99.9"], ["100.1"])),
        ("90", "", (["90"], [])),
        # 99.501 and 100.501 would rest at 99.50 and 100.51, 101 bps apart
        ("99.501", "100.501", (["99.51"], ["100.50"])),
    ],
)
def test_what_rests_is_never_wider_than_promised(bids: str, asks: str, clamped: object) -> None:
    tick = Tick("100")
    draft = tick.adjusted(MaxSpread(max_spread_bps=D(100)), bids=bids, asks=asks)
    assert tuple([D(price) for price in side] for side in clamped) == prices(draft)  # type: ignore[attr-defined]
    assert not draft.notes


def test_a_tick_wider_than_the_promise_is_left_alone_and_said() -> None:
    coarse = msgspec.structs.replace(MARKET, tick_size=D(1))
    draft = Tick("100.5", instrument=coarse).adjusted(MaxSpread(max_spread_bps=D(10)), bids="100.2", asks="100.8")
    assert prices(draft) == ([D("100.2")], [D("100.8")])
    assert "the tick of 1 allows no narrower one" in draft.notes[0]


@given(
    bid=st.decimals("50", "100", places=5),
    ask=st.decimals("100.00001", "150", places=5),
    least=st.decimals("1", "500", places=2),
    more=st.decimals("4", "500", places=2),
)
def test_clamped_by_both_a_spread_is_within_them_on_the_tick(
    bid: Decimal, ask: Decimal, least: Decimal, more: Decimal
) -> None:
    tick = Tick("100")
    draft = tick.adjusted(MinSpread(min_spread_bps=least), bids=str(bid), asks=str(ask))
    MaxSpread(max_spread_bps=least + more).adjust(draft, tick.context)
    low, high = (D(line.split()[2]) for line in tick.posted(draft))
    assert low < high
    assert high - low <= (least + more) / 100
    assert high - low >= least / 100 - D("0.02")


def test_nothing_is_bought_above_the_ceiling_nor_sold_below_the_floor() -> None:
    modifier = PriceBand(ceiling_price=D(98), floor_price=D(102))
    draft = Tick("100").adjusted(modifier, bids="99 98 97", asks="101 102 103")
    assert prices(draft) == ([98, 97], [102, 103])
    assert draft.notes == [
        "Bid 1 left out: above the ceiling of 98.",
        "Ask 1 left out: below the floor of 102.",
    ]


def test_a_band_that_leaves_nothing_is_the_reason() -> None:
    draft = Tick("100").adjusted(PriceBand(ceiling_price=D(90)), bids="99", asks="")
    assert draft.reason == "Bid 1 left out: above the ceiling of 90."


def test_a_band_without_edges_is_refused() -> None:
    with pytest.raises(ValueError, match="a ceiling_price, a floor_price or both"):
        PriceBand()


# Profit


@pytest.mark.parametrize(
    ("position", "cost", "bids", "asks", "expected"),
    [
        # (1 + 0.001 + 0.0005) / (1 − 0.001) of cost
        ("5", "100", "99", "100", (["99"], ["100.2502502502502502502502503"])),
        ("5", "90", "99", "101", (["99"], ["101"])),
        # (1 − 0.001) / (1 + 0.001 + 0.0005) of proceeds
        ("-5", "100", "100", "101", (["99.75037443834248627059410884"], ["101"])),
        ("0", "0", "99", "101", (["99"], ["101"])),
        # flat, but a round trip at 100 and 100 would cost its fees: w = 100 × 25 / 20005
        ("0", "0", "100", "100", (["99.87503124218945263684078980"], ["100.1249687578105473631592102"])),
    ],
)
def test_the_way_out_covers_cost_fees_and_profit(
    position: str, cost: str, bids: str, asks: str, expected: tuple[list[str], list[str]]
) -> None:
    tick = Tick("100").holds("10", "1000", position=position, cost=cost)
    draft = tick.adjusted(MinProfit(min_profit_bps=D(5), fee_bps=D(10)), bids=bids, asks=asks)
    assert tuple([str(+price) for price in side] for side in prices(draft)) == expected


@given(
    bid=st.decimals("50", "150", places=4),
    gap=st.decimals("-5", "5", places=4),
    fee=st.decimals("-10", "100", places=2),
    profit=st.decimals("0", "100", places=2),
)
def test_a_bid_and_an_ask_that_both_fill_leave_the_profit(
    bid: Decimal, gap: Decimal, fee: Decimal, profit: Decimal
) -> None:
    draft = Tick("100").adjusted(MinProfit(min_profit_bps=profit, fee_bps=fee), bids=str(bid), asks=str(bid + gap))
    low, high = (
        Fraction(side[0].price) + Fraction(draft.offset(where))
        for side, where in ((draft.bids, BUY), (draft.asks, SELL))
    )
    paid = low * (1 + Fraction(fee) / 10000)
    assert high * (1 - Fraction(fee) / 10000) - paid >= low * Fraction(profit) / 10000 - Fraction(1, 10**60)


# The live book


@pytest.mark.parametrize(
    ("bids", "asks", "expected"),
    [
        ("100.5 100.4", "101", (["100.19", "100.09"], ["101"])),
        ("100.2", "101", (["100.19"], ["101"])),
        ("99", "99.7 99.9", (["99"], ["99.81", "100.01"])),
        ("99", "101", (["99"], ["101"])),
    ],
)
def test_a_side_that_would_take_is_moved_off_the_book(bids: str, asks: str, expected: object) -> None:
    tick = Tick("100").book("99.8x5", "100.2x5")
    found = prices(tick.adjusted(NotCrossing(), bids=bids, asks=asks))
    assert found == tuple([D(price) for price in side] for side in expected)  # type: ignore[attr-defined]


def test_our_own_orders_in_the_book_do_not_stop_us() -> None:
    tick = Tick("100").book("99.8x5", "100.2x5 100.4x1")
    tick.rest(SELL, 0, "100.2", "5")
    assert prices(tick.adjusted(NotCrossing(min_ticks=2), bids="100.5")) == ([D("100.38")], [101])


def test_a_level_we_share_is_somebody_elses() -> None:
    tick = Tick("100").book("99.8x5", "100.2x5")
    tick.rest(SELL, 0, "100.2", "4")
    assert prices(tick.adjusted(NotCrossing(), bids="100.5")) == ([D("100.19")], [101])


def test_an_empty_book_stops_nobody() -> None:
    assert prices(Tick("100").adjusted(NotCrossing(), bids="150")) == ([150], [101])
