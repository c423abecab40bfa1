"""The books that judge: priority, money that neither appears nor vanishes, and news in order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.core import CROWD, FIRST_SEQUENCE, TAKERS, Core
from tests.venues.every import AURORA
from tests.venues.records import EXACT, BookChange, Event, Market, Reject

D = Decimal
S = AURORA.symbol


def core(**settings: Any) -> Core:
    made = Core([AURORA], **settings)
    made.deposit("desk", AUR="10", USDT="10000")
    return made


def events_of(made: Core) -> list[Event]:
    heard: list[Event] = []
    made.on_event.append(heard.append)
    return heard


def test_the_better_price_trades_first_and_then_the_earlier_order() -> None:
    books = core()
    late = books.crowd_rests(S, "sell", "100.02", "1")
    first, second = (books.crowd_rests(S, "sell", "100.01", "1") for _ in range(2))

    taken = books.place("desk", S, "buy", price=D("100.02"), size=D("1.5"))

    assert [order.filled for order in (first, second, late)] == [1, D("0.5"), 0]
    assert (taken.status, taken.average) == ("filled", D("100.01"))


def test_a_rest_that_takes_rests_with_what_is_left() -> None:
    books = core()
    books.crowd_rests(S, "sell", "100", "1")
    order = books.place("desk", S, "buy", price=D("100"), size=D("3"))
    assert (order.status, order.left) == ("partially_filled", D(2))
    assert books.levels(S, "buy") == [(D(100), D(2))]
    assert books.held("desk", "USDT") == D(200)


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        ({"price": D("100.005"), "size": D(1)}, "price"),
        ({"price": D(0), "size": D(1)}, "price"),
        ({"price": D(100), "size": D("0.000015")}, "size"),
        ({"price": D(100), "size": D("0.00001")}, "size"),
        ({"price": D(1), "size": D(1)}, "notional"),
        ({"price": D(100), "size": D("100.00001")}, "funds"),
        ({"price": D("100.01"), "size": D(1), "post_only": True}, "would_take"),
        ({"price": D(100), "size": D(1), "client_id": "once"}, "duplicate"),
        ({"price": D(100), "size": D(1), "symbol": "AUR/EUR"}, "unknown_market"),
    ],
)
def test_it_says_why_it_refuses(refused: dict[str, object], kind: str) -> None:
    books = core()
    books.crowd_rests(S, "sell", "100.01", "1")
    books.place("desk", S, "buy", price=D(50), size=D(1), client_id="once")
    before = books.free("desk", "USDT")

    with pytest.raises(Reject) as no:
        books.place("desk", **{"symbol": S, "side": "buy"} | refused)  # type: ignore[arg-type]

    assert no.value.kind == kind
    assert books.free("desk", "USDT") == before


@pytest.mark.parametrize(("client_ids", "again"), [("once", []), ("one_resting", [True]), ("any", [False, True])])
def test_client_ids_may_be_used_as_often_as_the_venue_lets_them(client_ids: str, again: list[bool]) -> None:
    taken = []
    for has_ended in (False, True):
        books = core(client_ids=client_ids)
        order = books.place("desk", S, "buy", price=D(50), size=D(1), client_id="x")
        if has_ended:
            books.cancel("desk", S, order_id=order.order_id)
        try:
            books.place("desk", S, "buy", price=D(50), size=D(1), client_id="x")
            taken.append(has_ended)
        except Reject:
            continue
    assert taken == again


def test_a_venue_may_acknowledge_a_post_only_order_before_it_cancels_it() -> None:
    books = core(refuses_takers_late=True)
    heard = events_of(books)
    books.crowd_rests(S, "sell", "100.01", "1")
    order = books.place("desk", S, "buy", price=D("100.01"), size=D(1), post_only=True)
    assert (order.status, order.why, order.filled) == ("canceled", "post_only", 0)
    assert [event.what for event in heard if event.order.account == "desk"] == ["new", "canceled"]


@pytest.mark.parametrize(("tif", "filled"), [("ioc", D(1)), ("fok", D(0))])
def test_what_may_not_rest_ends(tif: str, filled: Decimal) -> None:
    books = core()
    books.crowd_rests(S, "sell", "100", "1")
    order = books.place("desk", S, "buy", price=D(100), size=D(2), tif=tif)  # type: ignore[arg-type]
    assert (order.status, order.filled) == ("expired", filled)
    assert books.resting("desk") == []


def test_a_market_order_may_be_given_in_quote_currency() -> None:
    books = core()
    books.crowd_rests(S, "sell", "100", "1")
    books.crowd_rests(S, "sell", "200", "1")
    order = books.place("desk", S, "buy", size_quote=D(200))
    assert (order.filled, order.cost) == (D("1.5"), D(200))


def test_an_account_never_trades_with_itself() -> None:
    books = core()
    books.place("desk", S, "sell", price=D(100), size=D(1))
    order = books.place("desk", S, "buy", price=D(100), size=D(1))
    assert (order.status, order.why, books.executions) == ("expired", "self_trade", [])


@pytest.mark.parametrize(
    ("fee_in", "fee", "asset"), [("received", "0.001", "AUR"), ("quote", "0.1", "USDT"), ("BNX", "0.0002", "BNX")]
)
def test_fees_are_taken_where_the_venue_takes_them(fee_in: str, fee: str, asset: str) -> None:
    books = core()
    books.fee_in, books.fee_asset_price = fee_in, D(500)
    books.place("desk", S, "buy", price=D(100), size=D(1))
    books.crowd_takes(S, "sell", "100", "1")
    mine = books.fills("desk")[0]
    assert (mine.fee, mine.fee_asset, mine.is_maker) == (D(fee), asset, True)


def test_a_dead_mans_switch_goes_off_unless_it_is_wound_up() -> None:
    books = core()
    books.place("desk", S, "buy", price=D(50), size=D(1))
    books.cancel_all_after("desk", 10)
    books.clock.move(9)
    books.cancel_all_after("desk", 10)
    books.clock.move(9)
    books.tick()
    assert len(books.resting("desk")) == 1
    books.clock.move(2)
    books.tick()
    assert books.resting("desk") == []
    books.place("desk", S, "buy", price=D(50), size=D(1))
    books.cancel_all_after("desk", 10)
    books.cancel_all_after("desk", 0)
    books.clock.move(60)
    books.tick()
    assert len(books.resting("desk")) == 1


def test_eighteen_digits_survive() -> None:
    fine = Market(base="SHI", quote="ETH", tick=D("1e-18"), lot=D("1e-18"), min_size=D("1e-18"), min_quote=D(0))
    books = Core([fine])
    books.deposit("desk", SHI="1000", ETH="1000")
    books.place("desk", fine.symbol, "buy", price=D("1.234567890123456789"), size=D("0.987654321098765432"))
    books.crowd_takes(fine.symbol, "sell", "1.234567890123456789", "0.987654321098765432")
    [order] = books.history("desk")
    assert str(order.cost) == "1.219326311370217952114007012098917848"
    assert EXACT.add(books.total("desk", "ETH"), order.cost) == 1000
    assert books.fills("desk")[0].size == D("0.987654321098765432")


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["desk", "rival", CROWD, TAKERS]),
        st.sampled_from(["buy", "sell"]),
        st.integers(98, 102),
        st.integers(1, 40),
        st.sampled_from(["gtc", "gtc", "ioc", "fok", "post_only", "cancel_all"]),
    ),
    max_size=40,
)


@given(ACTIONS, st.sampled_from(["received", "quote", "BNX"]))
def test_no_money_appears_or_vanishes_and_no_book_is_crossed(
    actions: list[tuple[str, str, int, int, str]], fee_in: str
) -> None:
    books = Core([AURORA])
    books.fee_in = fee_in
    accounts = ("desk", "rival", CROWD, TAKERS)
    for account in accounts:
        books.deposit(account, AUR="20", USDT="2000", BNX="50")
    refused: set[str] = set()
    for account, side, price, tenths, how in actions:
        if how == "cancel_all":
            books.cancel_all(account)
            continue
        try:
            books.place(
                account,
                S,
                side,  # type: ignore[arg-type]
                price=D(price),
                size=D(tenths) / 10,
                tif=how if how in ("ioc", "fok") else "gtc",  # type: ignore[arg-type]
                post_only=how == "post_only",
            )
        except Reject as no:
            refused.add(no.kind)
        bids, asks = books.levels(S, "buy", 1), books.levels(S, "sell", 1)
        assert not bids or not asks or bids[0][0] < asks[0][0]
    assert refused <= {"funds", "would_take"}
    for asset, deposited in (("AUR", 80), ("USDT", 8000), ("BNX", 200)):
        held = sum(books.total(account, asset) for account in accounts)
        assert held + books.fees_taken.get(asset, D(0)) == deposited
    for account in accounts:
        assert all(order.filled <= order.size for order in books.history(account))
        filled = {order.order_id: order.filled for order in books.history(account)}
        for execution in books.fills(account):
            filled[execution.order.order_id] -= execution.size
        assert not any(filled.values())


@given(ACTIONS)
def test_a_book_kept_by_its_changes_is_the_book(actions: list[tuple[str, str, int, int, str]]) -> None:
    books = Core([AURORA])
    kept: dict[str, dict[Decimal, Decimal]] = {"buy": {}, "sell": {}}
    last = [FIRST_SEQUENCE]

    def hear(change: BookChange) -> None:
        assert change.sequence == last[-1] + 1
        last.append(change.sequence)
        for side, levels in (("buy", change.bids), ("sell", change.asks)):
            kept[side].update(levels)

    books.on_book.append(hear)
    for account in ("desk", "rival", CROWD, TAKERS):
        books.deposit(account, AUR="1000", USDT="100000")
    for account, side, price, tenths, how in actions:
        if how == "cancel_all":
            books.cancel_all(account)
        else:
            books.place(account, S, side, price=D(price), size=D(tenths) / 10)  # type: ignore[arg-type]
        for each in ("buy", "sell"):
            assert {price: size for price, size in kept[each].items() if size} == dict(books.levels(S, each))  # type: ignore[arg-type]
