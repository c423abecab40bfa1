"""From the library's dicts to our records: what is not certain does not pass. §5 of the venues' quirks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.core.errors import Refused
from engine.market.types import Instrument, OrderStatus, Side
from engine.venues.ccxt import boundary
from engine.venues.ccxt.boundary import Boundary, Unreadable, is_id
from engine.venues.ccxt.ids import PLAIN, Known
from engine.venues.ccxt.markets import DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE, instrument_of, significant_step

D = Decimal
NOW = 1_700_000_000_000_000_000
SYMBOL = "BTC/USDT"
INSTRUMENT = Instrument(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    tick_size=D("0.01"),
    lot_size=D("0.001"),
    maker_fee_bps=D(10),
    taker_fee_bps=D(20),
)


def reader(**units: Decimal) -> Boundary:
    made = Boundary(Known(PLAIN))
    made.instruments[SYMBOL] = INSTRUMENT
    made.units.update(units)
    return made


def order(**changes: Any) -> dict[str, Any]:
    said = {
        "id": "V1",
        "clientOrderId": "mm-1-2-3",
        "symbol": SYMBOL,
        "side": "buy",
        "price": D("100.5"),
        "amount": D(2),
        "filled": D(0),
        "status": "open",
        "timestamp": 1_700_000_000_123,
    }
    return {**said, **changes}


@pytest.mark.parametrize(
    ("changes", "status", "filled"),
    [
        ({}, OrderStatus.OPEN, 0),
        ({"filled": D("0.5")}, OrderStatus.PARTIALLY_FILLED, "0.5"),
        ({"status": "closed", "filled": D(2)}, OrderStatus.FILLED, 2),
        # A venue that calls a partly filled and then cancelled order closed; and one that calls a filled one cancelled.
        ({"status": "closed", "filled": D("0.5")}, OrderStatus.CANCELLED, "0.5"),
        ({"status": "canceled", "filled": D(2)}, OrderStatus.FILLED, 2),
        ({"status": "open", "filled": D(2)}, OrderStatus.FILLED, 2),
        ({"status": "canceled", "filled": D("0.5")}, OrderStatus.CANCELLED, "0.5"),
        ({"status": "expired"}, OrderStatus.CANCELLED, 0),
        ({"status": "canceled", "filled": None}, OrderStatus.CANCELLED, 0),
        ({"status": "closed", "filled": None}, OrderStatus.CANCELLED, 0),
        ({"status": "closed", "filled": None, "remaining": D(0)}, OrderStatus.FILLED, 2),
        ({"status": "rejected"}, OrderStatus.REJECTED, 0),
        ({"status": "rejected", "filled": D("0.5")}, OrderStatus.CANCELLED, "0.5"),
        ({"status": "canceling"}, OrderStatus.CANCELLING, 0),
        ({"status": None}, OrderStatus.UNKNOWN, 0),
        ({"status": "PENDING_NEW_WORD"}, OrderStatus.UNKNOWN, 0),
    ],
)
def test_whether_an_order_is_filled_is_told_by_its_numbers(
    changes: dict[str, Any], status: OrderStatus, filled: str | int
) -> None:
    report = reader().order(order(**changes), now_ns=NOW)
    assert (report.status, report.filled_base) == (status, D(filled))
    assert (report.client_order_id, report.venue_order_id, report.side) == ("mm-1-2-3", "V1", Side.BUY)
    assert report.ts_ns == 1_700_000_000_123_000_000


def test_what_stands_in_the_list_of_open_orders_rests_whatever_its_status() -> None:
    assert reader().order(order(status=None), now_ns=NOW, listed=True).status is OrderStatus.OPEN


@pytest.mark.parametrize("bad", [None, "", "<html><body>", 5, "a b", "x" * 200, '{"a"'])
def test_an_order_without_an_id_that_can_be_one_is_not_read(bad: object) -> None:
    assert not is_id(bad)
    with pytest.raises(Unreadable):
        reader().order(order(id=bad), now_ns=NOW)


@pytest.mark.parametrize("field", ["price", "amount", "filled"])
@pytest.mark.parametrize("bad", [1.5, "1.5", float("nan")])
def test_a_number_that_is_no_longer_exact_is_not_read(field: str, bad: object) -> None:
    with pytest.raises(Unreadable):
        reader().order(order(**{field: bad}), now_ns=NOW)


def test_a_strangers_order_goes_by_the_venues_id() -> None:
    assert reader().order(order(clientOrderId="web_17"), now_ns=NOW).client_order_id == "V1"


def test_the_last_change_dates_an_order_and_our_clock_one_without_a_stamp() -> None:
    assert reader().order(order(lastUpdateTimestamp=5), now_ns=NOW).ts_ns == 5_000_000
    assert reader().order(order(timestamp=None), now_ns=NOW).ts_ns == NOW


def test_contracts_are_counted_in_base_currency() -> None:
    report = reader(**{SYMBOL: D("0.01")}).order(order(filled=D(1)), now_ns=NOW)
    assert (report.size_base, report.filled_base) == (D("0.02"), D("0.01"))


def execution(**changes: Any) -> dict[str, Any]:
    said = {
        "id": "T1",
        "order": "V1",
        "symbol": SYMBOL,
        "side": "sell",
        "price": D("100.5"),
        "amount": D("0.5"),
        "timestamp": 1_700_000_000_123,
        "takerOrMaker": "maker",
        "fee": {"cost": D("0.05"), "currency": "USDT"},
    }
    return {**said, **changes}


def test_an_execution_is_read_with_its_fee() -> None:
    [fill] = reader().fills([execution()])
    assert (fill.fill_id, fill.price, fill.size_base, fill.side) == ("BTC/USDT:T1", D("100.5"), D("0.5"), Side.SELL)
    assert (fill.fee, fill.fee_asset, fill.is_maker) == (D("0.05"), "USDT", True)


@pytest.mark.parametrize(
    ("changes", "fee", "asset"),
    [
        ({"fee": None}, "0.05025", "USDT"),
        ({"fee": {"cost": None, "currency": None}, "takerOrMaker": "taker"}, "0.10050", "USDT"),
        ({"fee": {"cost": D("-0.01"), "currency": "USDT"}}, "-0.01", "USDT"),
        ({"fees": [{"cost": D(1), "currency": "KCS"}, {"cost": D(2), "currency": "KCS"}]}, "3", "KCS"),
        ({"fees": [{"cost": D(0), "currency": "USDT"}, {"cost": D(2), "currency": "KCS"}]}, "2", "KCS"),
    ],
)
def test_a_fee_the_venue_does_not_name_is_estimated_by_the_markets_rates(
    changes: dict[str, Any], fee: str, asset: str
) -> None:
    [fill] = reader().fills([execution(**changes)])
    assert (fill.fee, fill.fee_asset) == (D(fee), asset)


@pytest.mark.parametrize("field", ["price", "amount", "side", "timestamp"])
def test_an_execution_that_lacks_something_is_not_passed_over(field: str) -> None:
    with pytest.raises(Unreadable):
        reader().fills([execution(), execution(**{field: None})])


def test_executions_without_ids_are_told_apart_and_the_same_again_the_next_time() -> None:
    twins = [execution(id=None), execution(id=None), execution(id=None, amount=D(1))]
    first, again = ([fill.fill_id for fill in reader().fills(list(twins))] for _ in range(2))
    assert first == again
    assert len(set(first)) == 3


def test_executions_come_oldest_first() -> None:
    found = reader().fills([execution(id="T2", timestamp=2), execution(id="T1", timestamp=1)])
    assert [fill.fill_id for fill in found] == ["BTC/USDT:T1", "BTC/USDT:T2"]


def test_balances_are_completed_from_what_is_said() -> None:
    said = {
        "total": {"BTC": D(3), "ETH": None, "DUST": D(0), "USDT": D(5)},
        "BTC": {"free": D(1), "used": D(2), "total": D(3)},
        "ETH": {"free": D(4), "used": None, "total": None},
        "DUST": {"free": D(0), "used": D(0), "total": D(0)},
        "USDT": {"free": None, "used": D(2), "total": D(5)},
    }
    found = boundary.balances(said)
    assert {asset: (one.free, one.locked) for asset, one in found.items()} == {
        "BTC": (1, 2),
        "ETH": (4, 0),
        "USDT": (3, 2),
    }
    with pytest.raises(Unreadable):
        boundary.balances({"BTC": {"free": D(1)}})


def test_a_level_that_is_not_exact_is_no_level() -> None:
    assert boundary.levels([[D(1), D(2), "id"], (D(3), D(4))]) == [(D(1), D(2)), (D(3), D(4))]
    with pytest.raises(Unreadable):
        boundary.levels([[1.5, D(2)]])


# Markets


def market(**changes: Any) -> dict[str, Any]:
    said = {
        "symbol": SYMBOL,
        "base": "BTC",
        "quote": "USDT",
        "precision": {"price": D("0.01"), "amount": D("0.00001")},
        "limits": {"amount": {"min": D("0.0001")}, "cost": {"min": D(5)}},
        "maker": D("0.001"),
        "taker": D("-0.0002"),
    }
    return {**said, **changes}


@pytest.mark.parametrize(
    ("mode", "precision", "price", "tick", "lot"),
    [
        (TICK_SIZE, (D("0.05"), D("0.001")), None, "0.05", "0.001"),
        (TICK_SIZE, (D(10), D(100)), None, "10", "100"),
        (TICK_SIZE, (D("1e-18"), D("1e-18")), None, "1e-18", "1e-18"),
        (DECIMAL_PLACES, (D(2), D(8)), None, "0.01", "1e-8"),
        (DECIMAL_PLACES, (0, 3), None, "1", "0.001"),
        (DECIMAL_PLACES, (D(-2), D(0)), None, "100", "1"),
    ],
)
def test_tick_and_lot_are_exact_however_precision_is_stated(
    mode: int, precision: tuple[Any, Any], price: Decimal | None, tick: str, lot: str
) -> None:
    found = instrument_of(market(precision=dict(zip(("price", "amount"), precision, strict=True))), mode=mode)
    assert (found.tick_size, found.lot_size) == (D(tick), D(lot))
    assert (found.min_size_base, found.min_notional_quote) == (D("0.0001"), 5)
    assert (found.maker_fee_bps, found.taker_fee_bps) == (10, -2)


@pytest.mark.parametrize(
    ("price", "digits", "step"),
    [("60123.4", 5, "1"), ("95000", 5, "10"), ("99.5", 5, "0.01"), ("0.00123", 5, "0.0000001"), ("1", 5, "0.0001")],
)
def test_significant_digits_make_a_step_that_holds_for_prices_a_tenth_higher(
    price: str, digits: int, step: str
) -> None:
    assert significant_step(D(price), digits) == D(step)


def test_a_contract_is_stated_in_base_currency_and_an_inverse_one_refused() -> None:
    swap = market(contract=True, contractSize=D("0.001"), precision={"price": D("0.1"), "amount": D(1)})
    found = instrument_of(swap, mode=TICK_SIZE)
    assert (found.lot_size, found.min_size_base) == (D("0.001"), D("0.0000001"))
    with pytest.raises(Refused, match="settled in its base currency"):
        instrument_of(market(inverse=True), mode=TICK_SIZE)


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": {"price": None, "amount": D(1)}},
        {"precision": {"price": D(0), "amount": D(1)}},
        {"precision": {"price": 0.01, "amount": D(1)}},
        {"contract": True, "contractSize": None},
    ],
)
def test_a_market_that_does_not_say_its_steps_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        instrument_of(market(**changes), mode=TICK_SIZE)


def test_significant_digits_without_a_price_are_refused() -> None:
    with pytest.raises(Refused, match="no price"):
        instrument_of(market(precision={"price": D(5), "amount": D(8)}), mode=SIGNIFICANT_DIGITS)
