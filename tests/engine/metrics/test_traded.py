"""Orders, fills and profit as events tell of them, in any service."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.service import Restore
from engine.market.types import NoPrice, OrderStatus, Price, Side
from engine.metrics.traded import Fills, Orders, Pnl, captured_spread_bps
from tests.engine.metrics.happenings import SYMBOL, Bench, D, fill, order

PENDING, OPEN, CANCELLING = OrderStatus.PENDING, OrderStatus.OPEN, OrderStatus.CANCELLING


async def test_orders_are_counted_with_their_ages_and_what_they_offer() -> None:
    bench = Bench()
    orders = await bench.load(Orders())
    for key, side, price in (("1", Side.BUY, "0.99"), ("2", Side.BUY, "0.98"), ("3", Side.SELL, "1.01")):
        orders.emit(order(PENDING, key=key, side=side, price=price))
        orders.emit(order(OPEN, old=PENDING, key=key, side=side, price=price))
        await bench.clock.advance(2)
    orders.emit(order(PENDING, key="4"))
    values = await bench.values(orders)
    assert values == {
        "open_bids": D(2),
        "open_asks": D(1),
        "unconfirmed": D(1),
        "bid_liquidity_quote": D(197),
        "ask_liquidity_quote": D(101),
        "youngest_s": D("2.000"),
        "age_p50_s": D("4.000"),
        "oldest_s": D("6.000"),
        "orders_1m": D(4),
        "cancels_1m": D(0),
        "rejections_1m": D(0),
    }


async def test_orders_a_minute_cover_the_last_minute() -> None:
    bench = Bench()
    orders = await bench.load(Orders())
    orders.emit(order(PENDING, key="1"))
    orders.emit(order(CANCELLING, old=OPEN, key="1"))
    orders.emit(order(CANCELLING, old=CANCELLING, key="1", filled="10"))  # a fill on the way out is no second cancel
    await bench.clock.advance(40)
    orders.emit(order(PENDING, key="2"))
    orders.emit(order(OrderStatus.REJECTED, old=PENDING, key="2"))
    names = ("orders_1m", "cancels_1m", "rejections_1m")
    assert [(await bench.values(orders))[name] for name in names] == [2, 1, 1]
    await bench.clock.advance(30)
    assert [(await bench.values(orders))[name] for name in names] == [1, 0, 1]


async def test_an_order_an_earlier_holder_left_was_not_sent_by_us() -> None:
    bench = Bench()
    orders = await bench.load(Orders())
    orders.emit(order(OrderStatus.UNKNOWN))
    assert (await bench.values(orders))["orders_1m"] == 0
    assert (await bench.values(orders))["unconfirmed"] == 1


async def test_markets_are_measured_apart() -> None:
    bench = Bench(symbol="")
    orders, fills = await bench.load(Orders()), await bench.load(Fills())
    assert await orders.measure() == await fills.measure() == {}
    for symbol in ("AURORA/USDT", "AURORA/BTC"):
        orders.emit(order(OPEN, symbol=symbol))
        fills.emit(fill(symbol=symbol))
    assert list(await orders.measure()) == list(await fills.measure()) == ["AURORA/USDT", "AURORA/BTC"]
    assert (await bench.values(fills, "AURORA/BTC"))["fills"] == 1


async def test_fills_are_summed_by_side_and_by_who_made() -> None:
    bench = Bench()
    fills = await bench.load(Fills())
    assert (await bench.values(fills))["maker_share"] is None
    fills.emit(fill(1, price="0.99", size="100"))
    fills.emit(fill(2, side=Side.SELL, price="1.01", size="200"))
    fills.emit(fill(3, price="1.00", size="99", maker=False, mid=None))
    assert await bench.values(fills) == {
        "fills": D(3),
        "volume_quote": D(400),
        "bought_quote": D(198),
        "sold_quote": D(202),
        "maker_share": D(301) / D(400),
        "captured_spread_bps": D(200),
        "fills_without_mid": D(1),
    }


@pytest.mark.parametrize(
    ("side", "price", "mid", "expected"),
    [
        (Side.BUY, "99.9", "100", "20"),
        (Side.BUY, "100.1", "100", "-20"),
        (Side.SELL, "100.25", "100", "50"),
        (Side.SELL, "100", "100", "0"),
    ],
)
def test_captured_spread_is_twice_the_distance_to_mid(side: Side, price: str, mid: str, expected: str) -> None:
    assert captured_spread_bps(side, D(price), D(mid)) == D(expected)


class Said:
    """A price provider that says what it is told to."""

    def __init__(self, value: str | None) -> None:
        self.value = value

    def price(self) -> Price | NoPrice:
        return NoPrice("none") if self.value is None else Price(value=D(self.value), ts_ns=1, source="test")


async def pnl(bench: Bench, price: Said) -> Pnl:
    collector: Pnl = await bench.load(Pnl(price=price, symbol=SYMBOL))
    return collector


async def test_profit_is_valued_at_the_price_and_drawn_down_from_its_peak() -> None:
    bench, price = Bench(), Said("1.00")
    collector = await pnl(bench, price)
    collector.emit(fill(1, position="100", cost="1.00", realised="5", fees="1"))
    collector.emit(fill(2, position="900", cost="9", symbol="OTHER/USDT"))
    seen = []
    for price.value in ("1.00", "1.10", "0.95"):
        values = await bench.values(collector)
        seen.append([values[name] for name in ("unrealised_quote", "total_quote", "peak_quote", "drawdown_quote")])
    assert seen == [[D(0), D(4), D(4), D(0)], [D(10), D(14), D(14), D(0)], [D(-5), D(-1), D(14), D(15)]]
    assert (await bench.values(collector))["fees_quote"] == 1


async def test_a_loss_from_the_start_is_a_drawdown_from_nothing() -> None:
    bench = Bench()
    collector = await pnl(bench, Said("0.90"))
    collector.emit(fill(position="100", cost="1.00"))
    assert (await bench.values(collector))["drawdown_quote"] == 10


async def test_without_a_price_an_open_position_has_no_profit_and_a_flat_one_has() -> None:
    bench = Bench()
    collector = await pnl(bench, Said(None))
    assert (await bench.values(collector))["total_quote"] == 0
    collector.emit(fill(position="100", realised="3"))
    values = await bench.values(collector)
    assert values["unrealised_quote"] is values["total_quote"] is values["drawdown_quote"] is None
    assert values["realised_quote"] == 3


async def test_what_an_earlier_holder_earned_counts_on_and_its_peak_is_not_invented() -> None:
    restore = Restore(
        position_base=D(10), average_cost=D(1), realised_total_quote=D(-50), fees_total_quote=D(2), fills_total=9
    )
    bench = Bench(restore=restore)
    collector = await pnl(bench, Said("1.00"))
    values = await bench.values(collector)
    assert (values["total_quote"], values["peak_quote"], values["drawdown_quote"]) == (D(-52), D(-52), D(0))
    assert values["position_base"] == 10


async def test_a_decimal_is_exact_whatever_the_fills() -> None:
    bench = Bench()
    fills = await bench.load(Fills())
    for number in range(10):
        fills.emit(fill(number, price="0.1", size="0.3"))
    assert (await bench.values(fills))["volume_quote"] == Decimal("0.3")
