"""docs/metrics.md names every figure there is: what a dashboard asks for is looked up there."""

from __future__ import annotations

import re
from pathlib import Path

from engine.core.component import Identity
from engine.core.plugins import Registry
from engine.core.states import State
from engine.metrics.events import BANDS_BPS, Measurement, Sample
from engine.metrics.prometheus import Figures
from tests.engine.desk import Desk
from tests.engine.metrics.happenings import D
from tests.engine.metrics.test_collectors import COLLECTORS

NAMED = set(re.findall(r"`([\w.]+)(?:\{[\w,]+\})?`", (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()))


async def test_every_figure_of_every_collector_is_explained() -> None:
    desk = await Desk(components=COLLECTORS).open()
    await desk.run(11)
    await desk.close()
    measured = desk.events(Measurement)
    fields = {field for each in measured for field in each.values}
    plain = {re.sub(r"^(BTC|USDT)\.", "ASSET.", re.sub(r"_depth_\d+_", "_depth_B_", field)) for field in fields}
    assert plain - NAMED == set()
    assert {f"metrics.{each.name}" for each in measured} == set(_ids("metrics."))


def test_every_collector_and_sink_is_named() -> None:
    assert {*_ids("metrics."), *_ids("sinks.")} - NAMED == set()


def _ids(family: str) -> list[str]:
    return [id for id in Registry.installed().ids() if id.startswith(family)]


def test_every_prometheus_metric_is_explained() -> None:
    figures = Figures(Identity())
    everything = {name: 1.0 if name in ("tick_us", "tick_late_ms", "book_age_ms") else D(1) for name in _NUMBERS}
    depth = tuple(D(1) for _ in BANDS_BPS)
    figures.hear(
        Sample(
            ts_ns=1,
            state=State.ACTIVE,
            own_bid_depth_quote=depth,
            own_ask_depth_quote=depth,
            **everything,  # type: ignore[arg-type]
        )
    )
    names = {metric.name + ("_total" if metric.type == "counter" else "") for metric in figures.registry.collect()}
    assert len(names) > 25
    assert names - NAMED == set()


_NUMBERS = [
    "mid",
    "reference_price",
    "market_spread_bps",
    "own_spread_bps",
    "market_bid_depth_quote",
    "market_ask_depth_quote",
    "base_total",
    "quote_total",
    "inventory_ratio",
    "unrealised_quote",
    "book_age_ms",
    "tick_late_ms",
    "tick_us",
]
