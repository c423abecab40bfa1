"""A running service as Prometheus sees it. Names, units and meaning: docs/metrics.md.

Prometheus counts in floats: these are figures to watch, not to account by. What was not observed has no series at
that moment, so that `absent()` finds it and nothing stale is taken for current.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from threading import Thread
from typing import Annotated
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.core.clock import NS
from engine.core.component import Component, Identity
from engine.core.errors import NotReady
from engine.core.params import Count
from engine.core.states import State
from engine.metrics.events import (
    BANDS_BPS,
    Event,
    FillRecorded,
    HaltCompleted,
    Measurement,
    Notice,
    OrderChanged,
    RiskTriggered,
    Sample,
    StateChanged,
)

log = structlog.get_logger(__name__)

LABELS = ("client", "mandate", "venue", "symbol", "deployment")
"""On every series: for whom and where."""

ADDRESS = "127.0.0.1"

_OF_SAMPLE = {
    "mid": "Half way between best bid and best ask",
    "reference_price": "The price quotes are set around",
    "market_spread_bps": "Best ask minus best bid, bps of mid",
    "own_spread_bps": "Own best ask minus own best bid, bps of mid",
    "position_base": "Base bought minus base sold since the session began",
    "base_total": "Base the account holds",
    "quote_total": "Quote currency the account holds",
    "inventory_ratio": "Value of base over value of base and quote, 0 to 1",
    "realised_quote": "Realised profit since the session began",
    "unrealised_quote": "Unrealised profit at mid",
    "fees_quote": "Fees since the session began",
    "total_pnl_quote": "Realised plus unrealised minus fees",
}
_SECONDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Prometheus(Component):
    """Serve what the service does as Prometheus metrics on a port of this machine, for a file that runs alone."""

    def __init__(
        self,
        *,
        port: Annotated[int, Count(ge=0, le=65535, help=f"Port of {ADDRESS}; 0 takes a free one, named in the log")],
    ) -> None:
        self.port = port
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None

    async def load(self) -> None:
        if self.runtime.outlets:
            raise NotReady(
                f"The sink {self.name!r} serves a port of its own, which hosts on one machine would take from each "
                "other. On a desk the figures are in the database: leave it out and add collectors (metrics.*)."
            )
        self._figures = Figures(self.runtime.identity)
        try:
            server, thread = start_http_server(self.port, ADDRESS, self._figures.registry)
        except OSError as error:
            raise NotReady(
                f"The sink {self.name!r} cannot serve {ADDRESS}:{self.port}: {error.strerror or error}. "
                "Give every service a port of its own."
            ) from None
        self._server, self._thread = server, thread
        self.port = server.server_port
        log.info("metrics are served", url=f"http://{ADDRESS}:{self.port}/metrics")

    def emit(self, event: Event) -> None:
        self._figures.hear(event)

    async def unload(self) -> None:
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            await asyncio.to_thread(self._thread.join)


class Figures(Collector):
    """What is exposed of one service, in a registry of its own: two services in one process have the same names.

    Events come from the loop, scrapes from a thread of the server: counters lock for themselves, the rest is replaced
    whole and never changed.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._state = State.PAUSED  # as every service begins
        self._sample: Sample | None = None
        self._measured: dict[tuple[str, str, str], Measurement] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._fills = self._counter("mm_fills", "Own fills", "side", "liquidity")
        self._filled = self._counter("mm_filled_quote", "Notional of own fills", "side", "liquidity")
        self._orders = self._counter("mm_order_changes", "Changes of own orders, by what they became", "side", "status")
        self._trips = self._counter("mm_trips", "Kill switches tripped", "switch")
        self._halts = self._counter("mm_halts", "Halts and pauses carried out", "proven")
        self._notices = self._counter("mm_notices", "Notices in the log of events", "level")
        self._late = self._histogram("mm_tick_late_seconds", "How late the last tick before each sample began")
        self._tick = self._histogram("mm_tick_seconds", "How long the last tick before each sample took")
        self._halt = self._histogram("mm_halt_seconds", "From the command to the venue's word that nothing rests")

    # In

    def hear(self, event: Event) -> None:
        match event:
            case Sample():
                self._sample = event
                self._late.labels(*self._labels()).observe(event.tick_late_ms / 1e3)
                self._tick.labels(*self._labels()).observe(event.tick_us / 1e6)
            case Measurement():
                key = (event.name, event.source, event.symbol)
                self._measured = {**self._measured, key: event}
            case StateChanged():
                self._state = event.new
            case OrderChanged() if event.new is not event.old:
                self._orders.labels(*self._labels(event.symbol), event.side.value, event.new.value).inc()
            case FillRecorded(fill=fill):
                labels = (*self._labels(fill.symbol), fill.side.value, "maker" if fill.is_maker else "taker")
                self._fills.labels(*labels).inc()
                self._filled.labels(*labels).inc(float(fill.price * fill.size_base))
            case RiskTriggered():
                self._trips.labels(*self._labels(), event.switch).inc()
            case HaltCompleted():
                self._halts.labels(*self._labels(), "yes" if event.proven_clean else "no").inc()
                self._halt.labels(*self._labels()).observe((event.completed_ns - event.requested_ns) / NS)
            case Notice():
                self._notices.labels(*self._labels(), event.level).inc()

    # Out

    def collect(self) -> Iterator[Metric]:
        """Called by every scrape."""
        states = _gauge("mm_state", "1 for the state the service is in, 0 for the others", "state")
        for state in State:
            states.add_metric([*self._labels(), state.value], state is self._state)
        yield states
        if (sample := self._sample) is not None:
            yield from self._of_sample(sample)
        yield from self._of_measurements(list(self._measured.values()))

    def _of_sample(self, sample: Sample) -> Iterator[Metric]:
        labels = self._labels()
        for name, meaning in _OF_SAMPLE.items():
            yield from self._one(f"mm_{name}", meaning, getattr(sample, name))
        yield from self._one("mm_sample_timestamp_seconds", "When these gauges were taken, UTC", sample.ts_ns / NS)
        age_s = None if sample.book_age_ms is None else sample.book_age_ms / 1000
        yield from self._one("mm_book_age_seconds", "Age of the venue's book", age_s)
        depth = _gauge("mm_own_depth_quote", "Own resting notional within ±band_bps of mid", "side", "band_bps")
        for side, depths in (("buy", sample.own_bid_depth_quote), ("sell", sample.own_ask_depth_quote)):
            for band, value in zip(BANDS_BPS, depths, strict=False):  # none without a mid
                depth.add_metric([*labels, side, str(band)], float(value))
        yield depth
        market = _gauge("mm_market_depth_quote", "The venue's resting notional within 200 bps of mid", "side")
        for side, shown in (("buy", sample.market_bid_depth_quote), ("sell", sample.market_ask_depth_quote)):
            if shown is not None:
                market.add_metric([*labels, side], float(shown))
        yield market
        orders = _gauge("mm_open_orders", "Own orders the venue has confirmed", "side")
        orders.add_metric([*labels, "buy"], sample.open_bids)
        orders.add_metric([*labels, "sell"], sample.open_asks)
        yield orders

    def _of_measurements(self, measured: list[Measurement]) -> Iterator[Metric]:
        figures = _gauge("mm_measurement", "One figure of a collector", "name", "source", "field")
        stamps = _gauge("mm_measurement_timestamp_seconds", "When a collector last measured, UTC", "name", "source")
        for each in measured:
            labels = [*self._labels(each.symbol), each.name, each.source]
            stamps.add_metric(labels, each.ts_ns / NS)
            for field, value in each.values.items():
                if value is not None:
                    figures.add_metric([*labels, field], float(value))
        yield figures
        yield stamps

    def _one(self, name: str, meaning: str, value: Decimal | float | None) -> Iterator[Metric]:
        if value is not None:
            gauge = _gauge(name, meaning)
            gauge.add_metric(self._labels(), float(value))
            yield gauge

    def _labels(self, symbol: str = "") -> list[str]:
        who = self._identity
        return [who.client, who.mandate, who.venue, symbol or who.symbol, str(who.deployment_id)]

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, (*LABELS, *labels), registry=self.registry)

    def _histogram(self, name: str, meaning: str) -> Histogram:
        return Histogram(name, meaning, LABELS, registry=self.registry, buckets=_SECONDS)


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=(*LABELS, *labels))
