"""A service's log lines: decimals digit by digit, and who, where and which run on every one of them. E13."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import structlog

from engine.core.component import Identity
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.log import configure
from engine.core.plugins import Registry
from engine.market.types import Side
from engine.metrics.events import FillRecorded
from engine.testing import FakeVenue, ManualClock
from tests.engine.desk import DEFAULTS, YAML

WHO = {"deployment": 12, "client": "acorn", "venue": "paper", "symbol": "BTC/USDT", "trace_id": "click-7"}


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """JSON lines of this test alone."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure(json=True, stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Desk:
    """A market maker that logs orders and fills, with an identity and the id of the click that began it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.registry = Registry.installed().with_components({"fake.venue": FakeVenue})
        text = YAML.format(**DEFAULTS) + "  log: {id: sinks.log, args: {orders: true}}\n"
        config = load_config(text, filename="desk.yaml", registry=self.registry)
        identity = Identity(deployment_id=12, client="acorn", mandate="m", venue="paper", symbol="BTC/USDT", token=7)
        self.container = Container(config, self.registry, identity=identity, clock=self.clock, trace_id="click-7")


def lines(out: io.StringIO, event: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, out.getvalue().splitlines()) if line["event"] == event]


async def test_every_line_of_a_service_says_who_where_and_which_run_and_keeps_its_decimals(out: io.StringIO) -> None:
    desk = Desk()
    venue: Any = desk.container.components["venue"]
    memory: Any = desk.container.components["memory"]
    venue.clock = desk.clock
    venue.set_book(*_book())
    await desk.container.load()
    await desk.container.begin()
    await desk.container.within(desk.container.service.start("test"))
    venue.set_book(*_book())
    await desk.clock.advance(2)
    # A fill arrives from the venue's own callback, outside every task of the service.
    venue.fill(next(order.client_order_id for order in await venue.open_orders("BTC/USDT") if order.side is Side.BUY))
    await desk.clock.advance(1)
    await desk.container.unload()

    (fill,) = lines(out, "fill")
    (recorded,) = [event for event in memory.events if isinstance(event, FillRecorded)]
    assert (fill["price"], fill["size_base"]) == (str(recorded.fill.price), str(recorded.fill.size_base))
    assert "." in fill["price"]
    orders = lines(out, "order")
    assert {order["price"] for order in orders} >= {"49975.00", "50025.00"}
    for line in (*lines(out, "state"), *orders, fill):
        assert {key: line.get(key) for key in WHO} == WHO, line


def _book() -> tuple[list[Any], list[Any]]:
    return [(Decimal("49999.99"), Decimal(1000))], [(Decimal("50000.01"), Decimal(1000))]
