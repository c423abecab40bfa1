"""Modifiers whose behaviour is about orders over time, through whole YAML files; and the two small executors."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.core.component import Identity
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.plugins import Registry
from engine.core.states import State
from engine.market.types import Side
from engine.metrics.events import FillRecorded, OrderChanged
from engine.testing import ManualClock
from engine.venues.hub import MarketHub
from tests.engine.desk import Desk

D = Decimal


async def running(more: str, modifiers: str, **settings: str) -> Desk:
    given = {"levels": "1", "threshold": "0"} | settings
    desk = Desk(more=more, args=f", modifiers: [{modifiers}]", **given)
    await desk.open()
    await desk.service.start("test")
    await desk.run(1)
    return desk


async def test_a_side_that_was_taken_waits_and_then_comes_back() -> None:
    more = 'cooldown: {id: marketmaking.modifiers.fill_cooldown, args: {cooldown_s: !decimal "5"}}'
    desk = await running(more, '"@cooldown"', levels="2")
    desk.venue.trade("49975", "1", Side.SELL)
    await desk.run(0.1)
    assert desk.prices(Side.BUY) == []
    assert len(desk.prices(Side.SELL)) == 2
    assert "No buy orders for another" in desk.service.notes[0]
    await desk.run(4)
    assert desk.prices(Side.BUY) == []
    await desk.run(2)
    assert len(desk.prices(Side.BUY)) == 2
    await desk.close()


async def test_a_hanging_order_is_never_touched_while_the_quotes_move_beside_it() -> None:
    more = "hanging: {id: marketmaking.modifiers.hanging_orders}"
    desk = await running(more, '"@hanging"')
    (left,) = desk.venue.resting(Side.SELL)
    (held,) = [order for order in desk.service.tracker.live.values() if order.side is Side.SELL]
    desk.venue.trade("49975", "1", Side.SELL)
    for mid in ("49985", "49970", "49955"):
        desk.book(str(D(mid) - D("0.01")), str(D(mid) + D("0.01")))
        await desk.run(2)
        assert left in desk.venue.resting(Side.SELL)
        assert len(desk.venue.resting(Side.SELL)) == 2
        assert len(desk.venue.resting(Side.BUY)) == 1
    assert held.client_order_id in desk.service.tracker.live

    desk.venue.fill(held.client_order_id)
    desk.book("49999.99", "50000.01")
    await desk.run(2)
    assert left not in desk.venue.resting(Side.SELL)
    assert len(desk.venue.resting(Side.SELL)) == 1
    await desk.close()


async def test_random_sizes_differ_and_do_not_make_a_quiet_book_requote() -> None:
    more = 'sizes: {id: marketmaking.modifiers.size_random, args: {variation: !decimal "0.3"}}'
    desk = await running(more, '"@sizes"', levels="3")
    sizes = [level.size_base for level in desk.venue.resting(Side.BUY)]
    assert len(set(sizes)) == 3
    placed = desk.service.executor.orders_sent
    await desk.run(5)
    assert desk.service.executor.orders_sent == placed == 6
    desk.book("50099.99", "50100.01")
    await desk.run(3)
    assert desk.service.executor.orders_sent == 12
    assert not set(sizes) & {level.size_base for level in desk.venue.resting(Side.BUY)}

    again = await running(more, '"@sizes"', levels="3")
    assert [level.size_base for level in again.venue.resting(Side.BUY)] == sizes
    await again.close()
    await desk.close()


async def test_a_budget_keeps_every_level_while_orders_are_replaced() -> None:
    """What a cancelled order held is at hand for its successor, whatever the balances said last."""
    more = 'budget: {id: marketmaking.modifiers.budget, args: {max_quote: !decimal "3000"}}'
    desk = await running(more, '"@budget"', levels="3")
    for mid in ("50050", "49990", "50100", "50020"):
        desk.book(str(D(mid) - D("0.01")), str(D(mid) + D("0.01")))
        await desk.run(1)
        assert len(desk.venue.resting(Side.BUY)) == len(desk.venue.resting(Side.SELL)) == 3
    assert not desk.service.notes
    await desk.close()


async def test_quiet_hours_take_the_quotes_down_and_the_reason_is_on_the_screen() -> None:
    """The clock stands at 22:13:20 UTC when it starts."""
    more = 'hours: {id: marketmaking.modifiers.schedule, args: {quiet_hours: ["22:14-22:15"]}}'
    desk = await running(more, '"@hours"')
    assert desk.prices(Side.BUY)
    await desk.run(45)
    assert desk.prices(Side.BUY) == desk.prices(Side.SELL) == []
    assert desk.service.quotes.reason == "Quiet hours: 22:14-22:15 UTC."
    await desk.run(60)
    assert desk.prices(Side.BUY)
    await desk.close()


async def test_two_deployments_of_a_host_never_have_orders_that_would_meet() -> None:
    """B6: the second quotes around a price 60 dollars higher; its bids would take the first one's asks."""
    hub, more = MarketHub(), "own: {id: marketmaking.modifiers.self_trade_guard}"
    desks = [Desk(hub=hub, more=more, args=', modifiers: ["@own"]', threshold="0") for _ in range(2)]
    first, second = desks
    await first.open()
    await second.open("50059.99", "50060.01")
    for turn in range(4):
        for desk in desks[:: 1 if turn % 2 else -1]:
            await desk.service.start("test")
            await desk.run(1)
            bids = [level.price for each in desks for level in each.venue.resting(Side.BUY)]
            asks = [level.price for each in desks for level in each.venue.resting(Side.SELL)]
            assert max(bids) < min(asks)
    assert any("an order of another deployment stands there" in note for desk in desks for note in desk.service.notes)
    for desk in desks:
        await desk.close()


# Executors


async def test_a_canary_sends_a_part_of_every_size() -> None:
    """The strategy wants 0.02 BTC on each side; a tenth of it rests, and a fill of it is whole."""
    desk = Desk(levels="1", executor="canary", more_executor=', share: !decimal "0.1"')
    await desk.open()
    await desk.service.start("test")
    await desk.run(1)
    (bid,) = desk.venue.resting(Side.BUY)
    assert str(bid.size_base) == "0.00200"
    placed = desk.service.executor.orders_sent
    await desk.run(3)
    assert desk.service.executor.orders_sent == placed == 2
    await desk.close()


PAPER = """
service: "@quoting"
vars:
  symbol: "AURORA/USDT"
components:
  public:
    id: exchanges.simulated
    args: {symbol: "@symbol", anchor_price: !decimal "1.2345", tick_size: !decimal "0.0001", lot_size: !decimal "0.1",
           min_notional_quote: !decimal "5", profile: mid, seed: 7}
  mid: {id: prices.mid, args: {market: "@public", symbol: "@symbol"}}
  ladder:
    id: marketmaking.ladder
    args: {half_spread_bps: !decimal "1.5", size_base: !decimal "150", levels: 3, level_spacing_bps: !decimal "2"}
  guard:
    id: risk.guard
    args: {max_position_quote: !decimal "900", max_loss_quote: !decimal "500",
           max_order_size_quote: !decimal "1000", max_open_notional_quote: !decimal "5000"}
  kill: {id: killswitches.loss, args: {max_loss_quote: !decimal "500"}}
  executor:
    id: marketmaking.executors.paper
    args: {market: "@public", symbol: "@symbol", base_balance: !decimal "50000", quote_balance: !decimal "50000"}
  memory: {id: sinks.memory}
  quoting:
    id: marketmaking
    args: {exchange: "@public", symbol: "@symbol", price: "@mid", strategy: "@ladder", guard: "@guard",
           killswitch: "@kill", executor: "@executor", interval_ms: 500, price_threshold_bps: !decimal "1"}
"""


async def test_one_file_trades_on_paper_without_an_exchange_of_its_own() -> None:
    clock, registry = ManualClock(), Registry.installed()
    container = Container(
        load_config(PAPER, filename="paper.yaml", registry=registry),
        registry,
        identity=Identity(deployment_id=3, token=4),
        clock=clock,
    )
    await container.load()
    await container.begin()
    service: Any = container.service
    await service.start("test")
    await clock.advance(120)
    assert service.machine.state is State.ACTIVE, service.machine.reason
    events = container.components["memory"].events  # type: ignore[attr-defined]
    assert [event for event in events if isinstance(event, OrderChanged)]
    fills = [event for event in events if isinstance(event, FillRecorded)]
    assert fills
    position = service.account.position
    balances = await service.executor.balances()
    assert balances["AURORA"].total - 50000 == position.base
    await container.unload()
    assert not container.unload_errors
