"""Positions and PnL: worked figures, and books that balance to the last digit for any sequence of fills (S1)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from engine.accounting.ledger import Ledger
from engine.accounting.position import Position
from engine.core.service import Restore
from engine.market.types import Fill, Side

D = Decimal


def fill(side: str, price: str, size: str, fee: str = "0", fee_asset: str = "USDT") -> Fill:
    return Fill(
        ts_ns=1,
        fill_id="f",
        client_order_id="c",
        venue_order_id="v",
        symbol="BTC/USDT",
        side=Side(side),
        price=D(price),
        size_base=D(size),
        fee=D(fee),
        fee_asset=fee_asset,
    )


def book() -> Position:
    return Position(base_asset="BTC", quote_asset="USDT")


def test_buying_more_averages_the_cost_and_selling_realises_against_it() -> None:
    position = book()
    position.apply(fill("buy", "100", "1"))
    position.apply(fill("buy", "110", "3"))
    assert position.average_cost == D("107.5")

    booked = position.apply(fill("sell", "120", "2"))

    assert booked.realised_quote == D("25")
    assert position.base == D(2)
    assert position.average_cost == D("107.5")
    assert position.unrealised_quote(D(100)) == D("-15")
    assert position.volume_quote == D("670")
    assert position.fills == 3


def test_a_fill_through_zero_closes_first_and_opens_the_rest_at_its_price() -> None:
    position = book()
    position.apply(fill("buy", "100", "1"))
    booked = position.apply(fill("sell", "90", "3"))
    assert booked.realised_quote == D("-10")
    assert position.base == D(-2)
    assert position.average_cost == D(90)
    assert position.unrealised_quote(D(80)) == D(20)


def test_realised_pnl_leaves_fees_out_and_a_rebate_is_a_gain() -> None:
    position = book()
    position.apply(fill("buy", "100", "1", fee="0.1"))
    booked = position.apply(fill("sell", "101", "1", fee="-0.02"))
    assert booked.realised_quote == D(1)
    assert position.fees_quote == D("0.08")
    assert position.total_quote(D(500)) == D("0.92")


def test_a_fee_in_base_leaves_the_position_at_the_price_of_the_fill() -> None:
    position = book()
    booked = position.apply(fill("buy", "100", "1", fee="0.001", fee_asset="BTC"))
    assert position.base == D("0.999")
    assert booked.fee_quote == D("0.1")
    assert booked.realised_quote == 0
    assert position.average_cost == D(100)
    # What the account is worth at 110: 0.999 BTC for 100 USDT paid.
    assert position.total_quote(D(110)) == D("0.999") * 110 - 100


def test_a_fee_in_a_third_asset_is_valued_at_its_rate_or_kept_apart() -> None:
    position = book()
    assert position.apply(fill("buy", "100", "1", "0.01", "BNB"), fee_rate=D(500)).fee_quote == D(5)
    assert position.apply(fill("buy", "100", "1", "0.02", "BNB")).fee_quote is None
    assert position.fees_quote == D(5)
    assert position.unpriced_fees == {"BNB": D("0.02")}
    assert position.price_fees("BNB", D(600)) == D(12)
    assert position.fees_quote == D(17)
    assert position.unpriced_fees == {}


def test_a_restored_position_goes_on_where_the_record_ended() -> None:
    before = Restore(
        position_base=D("-2"),
        average_cost=D(90),
        realised_total_quote=D(7),
        fees_total_quote=D(1),
        volume_total_quote=D(1000),
        fills_total=12,
    )
    position = Position(base_asset="BTC", quote_asset="USDT", restore=before)
    assert position.total_quote(D(80)) == D(7) + D(20) - D(1)
    assert position.apply(fill("buy", "80", "2")).realised_quote == D(20)
    assert position.base == 0
    assert position.average_cost == 0
    assert position.fills == 13


FILLS = st.lists(
    st.builds(
        fill,
        st.sampled_from(["buy", "sell"]),
        st.decimals("0.0001", "100000", places=6).map(str),
        st.decimals("0.00001", "1000", places=5).map(str),
        st.decimals("-0.00005", "0.00005", places=6).map(str),
        st.sampled_from(["BTC", "USDT", "BNB"]),
    ),
    max_size=30,
)
RATE = D("612.34")


@given(fills=FILLS, mid=st.decimals("0.0001", "100000", places=6))
def test_profit_is_exactly_the_value_of_what_the_fills_moved(fills: list[Fill], mid: Decimal) -> None:
    position, ledger = book(), Ledger()
    for one in fills:
        position.apply(one, fee_rate=RATE)
        ledger.post_fill(one, base_asset="BTC", quote_asset="USDT")

    value = (
        Fraction(ledger.held("USDT"))
        + Fraction(ledger.held("BTC")) * Fraction(mid)
        + Fraction(ledger.held("BNB")) * Fraction(RATE)
    )
    assert Fraction(position.total_quote(mid)) == value


@given(fills=FILLS, cut=st.integers(0, 30))
def test_a_restart_in_the_middle_changes_no_digit(fills: list[Fill], cut: int) -> None:
    whole, before = book(), book()
    for one in fills:
        whole.apply(one)
    for one in fills[:cut]:
        before.apply(one)
    after = Position(
        base_asset="BTC",
        quote_asset="USDT",
        restore=Restore(
            position_base=before.base,
            average_cost=before.average_cost,
            cost_quote=before.cost_quote,
            realised_total_quote=before.realised_quote,
            fees_total_quote=before.fees_quote,
            volume_total_quote=before.volume_quote,
            fills_total=before.fills,
            unpriced_fees=before.unpriced_fees,
        ),
    )
    for one in fills[cut:]:
        after.apply(one)
    for name in ("base", "cost_quote", "realised_quote", "fees_quote", "volume_quote", "unpriced_fees", "fills"):
        assert getattr(after, name) == getattr(whole, name), name


@given(fills=FILLS)
def test_a_flat_position_has_no_cost_left(fills: list[Fill]) -> None:
    position = book()
    for one in fills:
        position.apply(one)
    if position.base:
        closing = "sell" if position.base > 0 else "buy"
        position.apply(fill(closing, "5", str(abs(position.base))))
    assert position.base == 0
    assert position.cost_quote == 0
