"""Parameters of a running service are changed between two ticks; its orders stay where they are."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from engine.core.change import NeedsRestart
from engine.core.config import Config, ConfigError, load_config
from engine.core.plugins import Registry
from engine.core.states import State
from engine.market.types import Side
from engine.testing import FakeVenue, settle
from tests.engine.desk import DEFAULTS, YAML, Desk

D = Decimal
BAND = "  band: {{id: marketmaking.modifiers.price_band, args: {{ceiling_price: {}, floor_price: {}}}}}\n"
WITH_BAND = ', modifiers: ["@band"]'


def file(components: str = "", **settings: str) -> Config:
    registry = Registry.installed().with_components({"fake.venue": FakeVenue})
    text = YAML.format(**(DEFAULTS | settings)) + components
    return load_config(text, filename="desk.yaml", registry=registry)


async def quoting(**settings: Any) -> Desk:
    desk = await Desk(**settings).open()
    await desk.service.start("test")
    await desk.run(1)
    assert desk.prices(Side.BUY) == ["49975.00", "49950.00", "49925.00"]
    return desk


async def test_the_next_tick_quotes_by_the_new_value_and_nothing_else_happens_to_the_orders() -> None:
    desk = await quoting()
    resting = dict(desk.service.tracker.live)

    changes = await desk.container.change(file(levels="4"))

    assert [each.in_words() for each in changes] == ["spread.num_levels 3 → 4"]
    assert dict(desk.service.tracker.live) == resting
    await desk.run(1)
    assert len(desk.prices(Side.BUY)) == len(desk.prices(Side.SELL)) == 4
    assert resting.items() <= dict(desk.service.tracker.live).items()  # the same orders, with their place in the queue
    assert desk.service.executor.cancels_sent == 0
    assert desk.service.machine.state is State.ACTIVE
    await desk.close()


async def test_a_value_that_a_constructor_refuses_leaves_everything_as_it_was() -> None:
    """The constructor of the band alone can know that one of its two prices must be given."""
    desk = await quoting(components=BAND.format(60000, 40000), args=WITH_BAND)
    with pytest.raises(ConfigError, match="price_band refuses its arguments"):
        await desk.container.change(file(BAND.format("null", "null"), args=WITH_BAND, levels="4"))
    await desk.run(1)
    assert len(desk.prices(Side.BUY)) == 3
    assert await desk.container.change(file(BAND.format(50000, 40000), args=WITH_BAND, levels="4"))
    await desk.close()


async def test_a_change_that_needs_a_restart_leaves_everything_as_it_was() -> None:
    desk = await quoting()
    with pytest.raises(NeedsRestart, match=r"quoting\.price_threshold_bps cannot be changed while the service runs"):
        await desk.container.change(file(levels="4", threshold="7"))
    await desk.run(1)
    assert len(desk.prices(Side.BUY)) == 3
    await desk.close()


async def test_a_tick_under_way_is_finished_with_what_it_began_with() -> None:
    desk = await quoting()
    desk.venue.ack_after_s = 0.5
    desk.book("50999.99", "51000.01")  # everything is to be replaced, and the venue takes its time
    for _ in range(20):
        if not desk.service._ticking:
            await desk.run(0.1)
    assert desk.service._ticking

    changing = asyncio.ensure_future(desk.container.change(file(levels="1", size="500")))
    await settle()
    assert not changing.done()
    await desk.run(3)
    assert changing.done()
    assert len(desk.prices(Side.BUY)) == 1
    await desk.close()


async def test_a_paused_service_is_changed_at_once() -> None:
    desk = await Desk().open()
    await desk.container.change(file(levels="1"))
    await desk.service.start("now")
    await desk.run(1)
    assert len(desk.prices(Side.BUY)) == 1
    await desk.close()


async def test_how_much_of_each_size_is_sent_may_change_while_it_quotes() -> None:
    desk = await quoting()
    assert desk.venue.resting(Side.BUY)[0].size_base == D("0.02001")
    await desk.container.change(file(more_executor=', share: !decimal "0.25"'))
    await desk.run(2)
    assert desk.venue.resting(Side.BUY)[0].size_base == D("0.00500")
    assert desk.service.machine.state is State.ACTIVE
    await desk.close()
