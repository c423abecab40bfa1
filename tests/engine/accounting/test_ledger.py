"""The sum of our entries is what the venue's balances did, always and to the last digit; the venue is the judge."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.accounting.account import Account
from engine.accounting.ledger import Entry, EntryKind, Ledger
from engine.market.types import Fill, OrderRequest, Side
from engine.testing import FakeVenue
from tests.engine.accounting.test_position import fill
from tests.engine.venues.paper_desk import AUR
from tests.engine.venues.paper_desk import Desk as PaperDesk
from tests.examples import examples

D = Decimal
RATE = D("612.34")


def test_a_fill_has_two_legs_and_its_fee_is_a_third() -> None:
    lines: list[Entry] = []
    ledger = Ledger(on_entry=lines.append)
    ledger.post_fill(fill("sell", "100", "2", fee="0.01", fee_asset="BNB"), base_asset="BTC", quote_asset="USDT")
    ledger.post_fill(fill("buy", "90", "1", fee="-0.05"), base_asset="BTC", quote_asset="USDT")
    assert [(line.asset, str(line.amount), line.kind) for line in lines] == [
        ("BTC", "-2", EntryKind.TRADE),
        ("USDT", "200", EntryKind.TRADE),
        ("BNB", "-0.01", EntryKind.FEE),
        ("BTC", "1", EntryKind.TRADE),
        ("USDT", "-90", EntryKind.TRADE),
        ("USDT", "0.05", EntryKind.REBATE),
    ]
    assert ledger.flows() == {"BTC": D(-1), "USDT": D("110.05"), "BNB": D("-0.01")}
    assert (ledger.moved("USDT", EntryKind.TRADE), ledger.moved("USDT", EntryKind.REBATE)) == (D(110), D("0.05"))


def test_what_moved_without_a_fill_is_an_entry_of_its_own_kind() -> None:
    ledger = Ledger()
    ledger.post(Entry(ts_ns=1, asset="USDT", amount=D(1000), kind=EntryKind.TRANSFER))
    ledger.post(Entry(ts_ns=2, asset="USDT", amount=D(0), kind=EntryKind.ADJUSTMENT))
    assert (ledger.held("USDT"), ledger.entries) == (D(1000), 1)
    assert ledger.moved("USDT", EntryKind.TRANSFER) == D(1000)
    assert ledger.assets() == ("USDT",)


step = st.tuples(
    st.sampled_from(Side),
    st.integers(9_000, 9_990),
    st.integers(1, 50_000),
    st.sampled_from(["AURORA", "USDT", "BNB"]),
    st.sampled_from([D(0), D("0.37"), D(1)]),
)


@examples(60)
@given(
    steps=st.lists(step, max_size=25),
    fee_bps=st.sampled_from([D(10), D("-2.5"), D(0), D("0.123")]),
    mid=st.decimals("0.0001", "9", places=6),
)
async def test_the_sum_of_entries_is_the_change_of_the_venues_balances(
    steps: list[tuple[Side, int, int, str, Decimal]], fee_bps: Decimal, mid: Decimal
) -> None:
    venue = FakeVenue(min_notional_quote=None, maker_fee_bps=fee_bps, base_balance=D(10**9), quote_balance=D(10**9))
    venue.set_book([(D("0.0001"), D(1))], [(D(100), D(1))])
    account = Account(venue.instrument)
    venue.on_fill.append(lambda one: apply(account, one))
    at_first = {asset: balance.total for asset, balance in (await venue.balances()).items()}
    for number, (side, ticks, lots, fee_asset, first_part) in enumerate(steps):
        venue.fee_asset, venue.fee_asset_quote = fee_asset, D("0.9") if fee_asset == "AURORA" else RATE
        order = OrderRequest(
            client_order_id=f"c{number}",
            symbol=venue.instrument.symbol,
            side=side,
            price=ticks * D("0.0001"),
            size_base=lots * D("0.1"),
        )
        await venue.place([order])
        if first_part:
            venue.fill(order.client_order_id, order.size_base * first_part)
            if first_part != 1:
                venue.fill(order.client_order_id)

    now = {asset: balance.total for asset, balance in (await venue.balances()).items()}
    for asset in ("AURORA", "USDT", "BNB"):
        assert now.get(asset, D(0)) - at_first.get(asset, D(0)) == account.ledger.held(asset)
    assert account.ledger.is_balanced()
    value = (
        Fraction(account.ledger.held("USDT"))
        + Fraction(account.ledger.held("AURORA")) * Fraction(mid)
        + Fraction(account.ledger.held("BNB")) * Fraction(RATE)
    )
    assert Fraction(account.position.total_quote(mid)) == value


def apply(account: Account, one: Fill) -> None:
    account.apply(one, fee_rate=RATE if one.fee_asset == "BNB" else None)


paper_step = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(Side), st.integers(9_985, 10_015), st.integers(50, 4_000)),
    st.tuples(st.just("print"), st.sampled_from(Side), st.integers(9_985, 10_015), st.integers(1, 30_000)),
)


@examples(40)
@given(steps=st.lists(paper_step, min_size=5, max_size=50), fee_bps=st.sampled_from([D(10), D(-1)]))
async def test_our_entries_are_what_a_paper_account_did(steps: list[tuple[Any, ...]], fee_bps: Decimal) -> None:
    desk = await PaperDesk().open(maker_fee_bps=fee_bps)
    account = Account(AUR)
    at_first = await desk.totals()
    for number, (kind, side, ticks, lots) in enumerate(steps):
        await desk.move(0.01)
        if kind == "place":
            await desk.place(side, str(ticks * D("0.01")), str(lots * D("0.001")), key=f"c{number}")
        else:
            desk.market.print(str(ticks * D("0.01")), str(lots * D("0.001")), side)
    for one in desk.fills:
        account.apply(one)
    assert {asset: total - at_first[asset] for asset, total in (await desk.totals()).items()} == {
        asset: account.ledger.held(asset) for asset in ("AUR", "USDT")
    }
