"""Spread, depth and promises, from the public book and from what the venue confirmed of ours (E12)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.market.types import OrderStatus, Side
from engine.metrics.quoted import Depth, Obligations, Spread
from tests.engine.metrics.happenings import SYMBOL, Bench, D, order

OPEN = OrderStatus.OPEN


async def test_the_spread_of_the_market_and_ours_stand_against_a_target() -> None:
    bench = Bench()
    spread = await bench.load(Spread(market=bench.venue, symbol=SYMBOL, target_spread_bps=D(60)))
    spread.emit(order(OPEN, key="b", side=Side.BUY, price="0.998"))
    spread.emit(order(OPEN, key="a", side=Side.SELL, price="1.002"))
    assert await bench.values(spread) == {
        "mid": D(1),
        "market_spread_bps": D(200),
        "own_spread_bps": D(40),
        "market_over_target_bps": D(140),
        "own_over_target_bps": D(-20),
    }
    spread.target_spread_bps = D(30)
    assert (await bench.values(spread))["own_over_target_bps"] == D(10)


async def test_one_side_alone_has_no_spread() -> None:
    bench = Bench()
    spread = await bench.load(Spread(market=bench.venue, symbol=SYMBOL))
    spread.emit(order(OPEN, key="b", price="0.998"))
    assert await bench.values(spread) == {"mid": D(1), "market_spread_bps": D(200), "own_spread_bps": None}


@pytest.mark.parametrize("trouble", ["a gap", "crossed", "one-sided", "old", "none"])
async def test_without_a_book_to_trust_nothing_is_observed(trouble: str) -> None:
    bench = Bench()
    feed = bench.venue.feed(SYMBOL)
    spread = await bench.load(Spread(market=bench.venue, symbol=SYMBOL, target_spread_bps=D(60)))
    depth = await bench.load(Depth(market=bench.venue, symbol=SYMBOL, bands_bps=[D(50)]))
    promised = await bench.load(
        Obligations(market=bench.venue, symbol=SYMBOL, max_spread_bps=D(60), min_depth_quote=D(100))
    )
    for collector in (spread, depth, promised):
        collector.emit(order(OPEN, key="b", side=Side.BUY, price="0.998"))
        collector.emit(order(OPEN, key="a", side=Side.SELL, price="1.002"))
        assert None not in (await bench.values(collector)).values()
    match trouble:
        case "a gap":
            feed.problem = trouble
        case "crossed":
            bench.book("1.02", "1.01")
        case "one-sided":
            bench.venue.set_book([], [(D("1.01"), D(1))])
        case "old":
            await bench.clock.advance(10.1)
        case "none":
            feed.received_at = None
    for collector in (spread, depth, promised):
        assert set((await bench.values(collector)).values()) == {None}


async def test_depth_counts_what_rests_of_ours_and_what_the_market_shows() -> None:
    bench = Bench()
    depth = await bench.load(Depth(market=bench.venue, symbol=SYMBOL, bands_bps=(D(50), D("100"), D("200"))))
    depth.emit(order(OPEN, key="1", price="0.995", size="100"))  # on the edge of 50 bps
    depth.emit(order(OrderStatus.PARTIALLY_FILLED, key="2", price="0.990", size="100", filled="40"))
    depth.emit(order(OrderStatus.PENDING, key="3", price="0.995", size="1000"))
    depth.emit(order(OPEN, key="4", price="0.995", size="1000", symbol="OTHER/USDT"))
    depth.emit(order(OPEN, key="5", side=Side.SELL, price="1.02", size="10"))
    values = await bench.values(depth)
    assert [values[f"own_bid_depth_{band}_quote"] for band in (50, 100, 200)] == [D("99.5"), D("158.9"), D("158.9")]
    assert [values[f"own_ask_depth_{band}_quote"] for band in (50, 100, 200)] == [D(0), D(0), D("10.2")]
    assert [values[f"market_bid_depth_{band}_quote"] for band in (50, 100, 200)] == [D(0), D(990), D(990)]
    assert len(values) == 12


async def test_depth_of_a_market_that_shows_best_prices_alone_is_not_observed() -> None:
    bench = Bench()
    bench.venue.feed(SYMBOL).depth_known = False
    values = await bench.values(await bench.load(Depth(market=bench.venue, symbol=SYMBOL)))
    assert values["market_ask_depth_2000_quote"] is None
    assert values["own_ask_depth_2000_quote"] == 0


@pytest.mark.parametrize("gone", [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED])
async def test_an_order_that_ended_rests_no_more(gone: OrderStatus) -> None:
    bench = Bench()
    depth = await bench.load(Depth(market=bench.venue, symbol=SYMBOL, bands_bps=[D(200)]))
    depth.emit(order(OPEN))
    depth.emit(order(gone, old=OPEN))
    assert (await bench.values(depth))["own_bid_depth_200_quote"] == 0


PROMISES: list[tuple[str, list[tuple[Side, str, str]], dict[str, Decimal | None]]] = [
    (
        "everything holds",
        [(Side.BUY, "0.998", "200"), (Side.SELL, "1.002", "200")],
        {"two_sided_met": D(1), "spread_met": D(1), "spread_over_bps": D(0), "bid_depth_met": D(1), "failing": D(0)},
    ),
    (
        "too wide by 40 bps",
        [(Side.BUY, "0.995", "200"), (Side.SELL, "1.005", "200")],
        {"two_sided_met": D(1), "spread_met": D(0), "spread_over_bps": D(40), "failing": D(1)},
    ),
    (
        "thin by 50 on the bid",
        [(Side.BUY, "1.00", "50"), (Side.SELL, "1.002", "200")],
        {"bid_depth_met": D(0), "bid_depth_missing_quote": D(50), "ask_depth_missing_quote": D(0), "failing": D(1)},
    ),
    (
        "no ask",
        [(Side.BUY, "0.998", "200")],
        {
            "two_sided_met": D(0),
            "sides_missing": D(1),
            "spread_met": D(0),
            "spread_over_bps": None,
            "bid_depth_met": D(1),
            "ask_depth_missing_quote": D(100),
            "failing": D(3),
        },
    ),
    ("nothing", [], {"sides_missing": D(2), "spread_met": D(0), "bid_depth_missing_quote": D(100), "failing": D(4)}),
]


@pytest.mark.parametrize(("case", "quotes", "expected"), PROMISES, ids=[case for case, _, _ in PROMISES])
async def test_it_says_which_promise_fails_and_by_how_much(
    case: str, quotes: list[tuple[Side, str, str]], expected: dict[str, Decimal | None]
) -> None:
    bench = Bench()
    promised = await bench.load(
        Obligations(market=bench.venue, symbol=SYMBOL, max_spread_bps=D(60), min_depth_quote=D(100))
    )
    for number, (side, price, size) in enumerate(quotes):
        promised.emit(order(OPEN, key=str(number), side=side, price=price, size=size))
    values = await bench.values(promised)
    assert {name: values[name] for name in expected} == expected


async def test_only_what_is_promised_is_measured() -> None:
    bench = Bench()
    promised = await bench.load(Obligations(market=bench.venue, symbol=SYMBOL, max_spread_bps=D(60), two_sided=False))
    assert set(await bench.values(promised)) == {"spread_met", "spread_over_bps", "failing"}
