"""Modifiers that change sizes: the budget and the random draw."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.accounting.account import Account
from engine.execution.diff import Tolerance
from engine.market.rounding import Rounding
from engine.market.types import Balance
from engine.marketmaking.draft import Draft, Rung, post
from engine.marketmaking.modifiers.budget import Budget
from engine.marketmaking.modifiers.size_random import SizeRandom
from tests.engine.marketmaking.ticks import BUY, MARKET, SELL, Tick, wanted

D = Decimal


def sizes(draft: Draft) -> tuple[list[str], list[str]]:
    return [str(rung.size) for rung in draft.bids], [str(rung.size) for rung in draft.asks]


# Budget


def test_the_innermost_orders_are_paid_for_first() -> None:
    """99 of 200 for the first bid, 98 for the second, 3 of 97 left for the third; half a base for the asks."""
    tick = Tick("100").holds("0.5", "200")
    draft = tick.adjusted(Budget(), bids="99 98 97", asks="101 102")
    assert sizes(draft)[0][:2] == ["1", "1"]
    assert draft.bids[2].size == D("0.03092783505154639175257731958")
    assert sizes(draft)[1] == ["0.5"]
    assert draft.notes == [
        "The budget of 200 BBB does not cover all 3 bids.",
        "The budget of 0.5 AAA does not cover all 2 asks.",
    ]


def test_what_the_account_can_pay_for_is_left_as_it_is() -> None:
    draft = wanted("99 98", "101 102")
    before = [*draft.bids, *draft.asks]
    Budget().adjust(draft, Tick("100").holds("2", "197").context)
    assert [*draft.bids, *draft.asks] == before
    assert not draft.notes


def test_nothing_to_pay_with_is_the_reason() -> None:
    draft = Tick("100").holds("0", "0").adjusted(Budget(), bids="99", asks="101")
    assert draft.is_empty
    assert (
        draft.reason == "The budget of 0 BBB does not cover all 1 bids. The budget of 0 AAA does not cover all 1 asks."
    )


def test_a_bid_also_pays_its_fee() -> None:
    dear = msgspec.structs.replace(MARKET, maker_fee_bps=D(100))
    draft = Tick("100", instrument=dear).holds("1", "100").adjusted(Budget(), bids="100", asks="")
    assert draft.bids[0].size == D("0.9900990099009900990099009900")


def test_share_and_caps_limit_it_further_also_without_an_account() -> None:
    tick = Tick("100").holds("10", "1000")
    assert sizes(tick.adjusted(Budget(share=D("0.1")), bids="100 99", asks="101 102")) == (["1"], ["1"])
    capped = Budget(max_quote=D(50), max_base=D("0.2"))
    assert sizes(tick.adjusted(capped, bids="100", asks="101")) == (["0.5"], ["0.2"])
    draft = Tick("100").adjusted(capped, bids="100", asks="101")
    assert sizes(draft) == (["0.5"], ["0.2"])
    assert "no account whose balances are known" in draft.notes[0]


@given(
    bids=st.lists(st.tuples(st.decimals("1", "99", places=2), st.decimals("0.001", "50", places=3)), max_size=6),
    asks=st.lists(st.tuples(st.decimals("101", "200", places=2), st.decimals("0.001", "50", places=3)), max_size=6),
    in_quote=st.booleans(),
    base=st.decimals("0", "100", places=3),
    quote=st.decimals("0", "1000", places=3),
    fee=st.sampled_from(["0", "10", "-2"]),
)
def test_the_budget_is_never_exceeded_by_what_is_posted(
    bids: list[tuple[Decimal, Decimal]],
    asks: list[tuple[Decimal, Decimal]],
    in_quote: bool,
    base: Decimal,
    quote: Decimal,
    fee: str,
) -> None:
    instrument = msgspec.structs.replace(MARKET, maker_fee_bps=D(fee))
    tick = Tick("100", instrument=instrument).holds(str(base), str(quote))
    draft = Draft(
        [Rung(level, price, size, in_quote) for level, (price, size) in enumerate(sorted(bids, reverse=True))],
        [Rung(level, price, size, in_quote) for level, (price, size) in enumerate(sorted(asks))],
    )
    Budget().adjust(draft, tick.context)
    posted = post(draft, Rounding(instrument)).quotes
    paid = sum((Fraction(q.price) * Fraction(q.size_base) for q in posted if q.side is BUY), Fraction(0))
    assert paid * (1 + max(Fraction(fee), Fraction(0)) / 10000) <= Fraction(quote)
    assert sum((Fraction(q.size_base) for q in posted if q.side is SELL), Fraction(0)) <= Fraction(base)


# What may be spoken for: our own resting orders count once, others' not at all


async def balances(free: str, locked: str) -> dict[str, Balance]:
    return {
        "AAA": Balance(asset="AAA", free=D(10), locked=D(0)),
        "BBB": Balance(asset="BBB", free=D(free), locked=D(locked)),
    }


async def test_what_our_own_orders_hold_is_ours_to_use() -> None:
    tick, account = Tick("100"), Account(MARKET)
    tick.rest(BUY, 0, "100", "3")
    await account.refresh(lambda: balances("700", "300"), tick.tracker.live.values())
    assert account.inventory().quote_available == 1000


async def test_what_others_hold_is_not() -> None:
    """A second deployment on the account has 400 in the book."""
    tick, account = Tick("100"), Account(MARKET)
    tick.rest(BUY, 0, "100", "3")
    await account.refresh(lambda: balances("300", "700"), tick.tracker.live.values())
    assert account.inventory().quote_available == 600


async def test_orders_placed_or_replaced_after_the_balances_were_read_change_nothing() -> None:
    """Stale balances must neither count an order twice nor lose what a cancelled one held."""
    tick, account = Tick("100"), Account(MARKET)
    first = tick.rest(BUY, 0, "100", "3")
    await account.refresh(lambda: balances("700", "300"), tick.tracker.live.values())
    tick.rest(BUY, 1, "90", "5")
    tick.tracker.write_off(first)
    assert account.inventory().quote_available == 1000


async def test_what_a_fill_has_spent_since_is_gone_and_what_it_brought_not_yet_there() -> None:
    tick, account = Tick("100"), Account(MARKET)
    order = tick.rest(BUY, 0, "100", "3")
    await account.refresh(lambda: balances("700", "300"), tick.tracker.live.values())
    account.apply(tick.fill(order, "2").fill)
    assert account.inventory().quote_available == 800
    assert account.inventory().base_available == 10


def test_an_asset_the_venue_does_not_list_is_none() -> None:
    assert Account(MARKET).available("AAA") == 0
    assert not Account(MARKET).inventory().is_known


# Random sizes

LOOSE = Tolerance(price_bps=D(10), size_share=D("0.5"))


def test_a_size_stays_until_its_order_is_replaced_and_then_is_another() -> None:
    tick, modifier = Tick("100"), SizeRandom(variation=D("0.2"), seed=3)

    def ask_for(price: str) -> Decimal:
        return tick.adjusted(modifier, bids=price, asks="", tolerance=LOOSE).bids[0].size

    first = ask_for("99")
    assert ask_for("99") == first
    order = tick.rest(BUY, 0, "99", str(first))
    assert {ask_for("99"), ask_for("99.01"), ask_for("98.99")} == {first}

    second = ask_for("98")
    assert second != first
    assert ask_for("98") == second
    tick.fill(order)
    tick.rest(BUY, 0, "98", str(second))
    assert {ask_for("98"), ask_for("98.01")} == {second}


def test_a_filled_order_is_followed_by_another_size() -> None:
    tick, modifier = Tick("100"), SizeRandom(variation=D("0.2"))
    first = tick.adjusted(modifier, bids="99", asks="").bids[0].size
    order = tick.rest(BUY, 0, "99", str(first))
    tick.adjusted(modifier, bids="99", asks="")
    tick.fill(order)
    second = tick.adjusted(modifier, bids="99", asks="").bids[0].size
    assert second != first
    assert tick.adjusted(modifier, bids="99", asks="").bids[0].size == second


def test_the_same_seed_draws_the_same_sizes_and_another_others() -> None:
    def draws(seed: int) -> tuple[list[str], list[str]]:
        return sizes(Tick("100").adjusted(SizeRandom(variation=D("0.5"), seed=seed), bids="99 98", asks="101 102"))

    assert draws(1) == draws(1)
    assert draws(1) != draws(2)


@given(seed=st.integers(0, 1000), variation=st.decimals("0.01", "0.99", places=2))
def test_no_size_varies_by_more_than_it_may(seed: int, variation: Decimal) -> None:
    draft = Tick("100").adjusted(SizeRandom(variation=variation, seed=seed), bids="99 98 97", asks="101 102", size="7")
    for rung in [*draft.bids, *draft.asks]:
        assert 7 * (1 - variation) <= rung.size <= 7 * (1 + variation)


@pytest.mark.parametrize("modifier", [SizeRandom(variation=D("0.5")), Budget()])
def test_an_empty_draft_stays_empty(modifier: object) -> None:
    assert Tick("100").holds("1", "1").adjusted(modifier, bids="", asks="").is_empty
