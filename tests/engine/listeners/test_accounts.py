"""What listens to an account: by asking and by what is pushed, each thing told once. E10"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.core.container import Container
from engine.market.types import OrderRequest, Side
from engine.metrics.events import BalancesChanged, OpenOrdersChanged, OrderClosed, OwnTradeHeard
from tests.engine.listeners.hosts import SYMBOL, Host, part, problems, told

VENUE = "  venue: {id: fake.venue, args: {book_levels: 3}}\n"


def ear(kind: str, args: str = "") -> str:
    return VENUE + f'  ear: {{id: listeners.{kind}, args: {{exchange: "@venue", interval_s: 5{args}}}}}\n'


BALANCES = ear("balances")
OPEN = ear("open_orders", f', symbol: "{SYMBOL}"')
CLOSED = ear("closed_orders", f', symbol: "{SYMBOL}"')
MINE = ear("my_trades", f', symbol: "{SYMBOL}"')


async def place(container: Container, number: int, *, side: Side = Side.BUY) -> str:
    venue: Any = part(container, "venue")
    order = OrderRequest(
        client_order_id=f"order-{number}",
        symbol=SYMBOL,
        side=side,
        price=Decimal("0.9") if side is Side.BUY else Decimal("1.1"),
        size_base=Decimal(10),
    )
    await venue.place([order])
    return order.client_order_id


async def test_balances_are_told_when_a_total_changes_and_not_when_an_order_locks_some(host: Host) -> None:
    container = await host.open(BALANCES)
    await host.run(6)
    assert len(told(container, BalancesChanged)) == 1
    order = await place(container, 1)
    await host.run(6)
    assert part(container).latest.value["USDT"].locked == 9
    assert len(told(container, BalancesChanged)) == 1
    part(container, "venue").fill(order)
    await host.run(6)
    changed = told(container, BalancesChanged)[-1].balances
    assert {balance.asset: balance.total for balance in changed} == {"AURORA": 100_010, "USDT": 99_991}


async def test_an_asset_that_is_no_longer_listed_has_become_nothing(host: Host) -> None:
    container = await host.open(BALANCES)
    await host.run(1)
    del part(container, "venue")._totals["AURORA"]
    part(container, "venue")._balances = dict
    await host.run(6)
    assert [(b.asset, b.total) for b in told(container, BalancesChanged)[-1].balances] == [("AURORA", 0), ("USDT", 0)]


async def test_open_orders_follow_what_is_pushed_between_two_lists(host: Host) -> None:
    container = await host.open(OPEN)
    await host.run(1)
    order = await place(container, 1)
    assert list(part(container).latest.value) == [order]
    await part(container, "venue").cancel(SYMBOL, [order])
    assert part(container).latest.value == {}


async def test_what_was_not_pushed_is_found_in_the_next_list(host: Host) -> None:
    container = await host.open(OPEN)
    part(container, "venue").silent = True
    await host.run(1)
    await place(container, 1)
    await place(container, 2, side=Side.SELL)
    await host.run(20)
    assert len(part(container).latest.value) == 2
    last = told(container, OpenOrdersChanged)[-1]
    assert (last.bids, last.asks, last.bid_base, last.ask_base) == (1, 1, 10, 10)


async def test_a_list_that_is_older_than_a_push_does_not_bring_a_cancelled_order_back(host: Host) -> None:
    container = await host.open(OPEN)
    venue = part(container, "venue")
    order = await place(container, 1)
    listing = venue.open_orders

    async def slow(symbol: str) -> Any:
        listed = await listing(symbol)
        await venue.cancel(SYMBOL, [order])
        return listed

    venue.open_orders = slow
    await host.run(1)
    assert part(container).latest.value == {}


async def test_each_own_trade_is_told_once_however_often_it_is_pushed_and_listed(host: Host) -> None:
    container = await host.open(MINE)
    venue = part(container, "venue")
    venue.repeat = True
    await host.run(1)
    venue.fill(await place(container, 1), "4")
    venue.silent = True
    venue.fill("order-1", "3")
    assert len(told(container, OwnTradeHeard)) == 1
    await host.run(60)
    assert [event.fill.size_base for event in told(container, OwnTradeHeard)] == [4, 3]
    assert [fill.size_base for fill in part(container).latest.value] == [4, 3]


async def test_what_happened_before_is_history_and_not_news(host: Host) -> None:
    container = await host.open(MINE)
    venue = part(container, "venue")
    venue.fill(await place(container, 1))
    venue._fills[0] = type(venue._fills[0])(
        **{name: getattr(venue._fills[0], name) for name in venue._fills[0].__struct_fields__}
        | {"ts_ns": host.clock.now_ns() - 1_000_000_000, "fill_id": "older"}
    )
    await host.run(1)
    assert {fill.fill_id for fill in part(container).latest.value} == {"F1", "older"}
    assert [event.fill.fill_id for event in told(container, OwnTradeHeard)] == ["F1"]


async def test_orders_that_end_are_told_with_how_they_ended(host: Host) -> None:
    container = await host.open(CLOSED)
    venue = part(container, "venue")
    await host.run(1)
    venue.fill(await place(container, 1))
    venue.silent = True
    await venue.cancel(SYMBOL, [await place(container, 2)])
    await host.run(6)
    ends = [(event.order.client_order_id, event.order.status) for event in told(container, OrderClosed)]
    assert ends == [("order-1", "filled"), ("order-2", "cancelled")]


async def test_an_account_on_paper_lists_the_orders_it_closed(host: Host) -> None:
    container = await host.open(
        VENUE.replace("venue:", "market:")
        + f'  venue: {{id: exchanges.paper, args: {{market: "@market", symbol: "{SYMBOL}", '
        + "base_balance: 1000, quote_balance: 1000, latency_ms: 0}}\n"
        + CLOSED.splitlines(keepends=True)[1]
    )
    await part(container, "venue").cancel(SYMBOL, [await place(container, 1)])
    await host.run(1)
    assert [event.order.status for event in told(container, OrderClosed)] == ["cancelled"]


async def test_while_the_account_is_silent_the_last_balances_keep_their_age(host: Host) -> None:
    container = await host.open(BALANCES)
    await host.run(1)
    part(container, "venue").offline = "the venue is under maintenance"
    await host.run(60)
    assert problems(container) == ["the venue is under maintenance"]
    assert host.clock.monotonic() - part(container).latest.received_at > 50
    part(container, "venue").offline = ""
    await host.run(60)
    assert problems(container) == ["the venue is under maintenance", ""]


async def test_a_listener_that_was_unloaded_leaves_nothing_at_the_account(host: Host) -> None:
    for file in (BALANCES, OPEN, CLOSED, MINE):
        container = await host.open(file)
        await container.unload()
        await part(container).unload()
        venue = part(container, "venue")
        assert venue.on_order == venue.on_fill == []
        calls = len(venue.calls)
        await host.run(30)
        assert len(venue.calls) == calls
