"""Several sinks behind one: each hears what it is meant to, whatever becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.config import ConfigError, load_config
from engine.core.container import Container
from engine.core.plugins import Registry
from engine.metrics.events import Event, EventKind, Notice
from engine.metrics.fanout import Fanout
from engine.metrics.sinks import Memory, Postgres
from engine.testing import ManualClock, RecordingRuntime
from tests.engine.metrics.happenings import fill

NOTICE = Notice(ts_ns=2, level="info", text="hello")
FILL = fill()


class Broken:
    """A sink with a full disk."""

    def __init__(self) -> None:
        self.trouble = True
        self.heard: list[Event] = []

    def emit(self, event: Event) -> None:
        if self.trouble:
            raise OSError("disk full")
        self.heard.append(event)


def fan(sinks: dict[str, Any], **kinds: list[EventKind]) -> tuple[Fanout, RecordingRuntime]:
    """A fanout whose notices come back to it, as through a container."""
    fanout, runtime = Fanout(sinks=sinks, kinds=kinds), RecordingRuntime()
    runtime.equip(fanout, "fan")
    record = runtime.record
    runtime.record = lambda event: (record(event), fanout.emit(event))  # type: ignore[arg-type, return-value, func-returns-value]
    return fanout, runtime


def test_each_hears_the_kinds_it_is_meant_to() -> None:
    everything, fills = Memory(), Memory()
    fanout, _ = fan({"everything": everything, "fills": fills}, fills=[EventKind.FILL])
    fanout.emit(NOTICE)
    fanout.emit(FILL)
    assert everything.events == [NOTICE, FILL]
    assert fills.events == [FILL]


def test_a_failing_sink_is_reported_once_and_the_others_go_on_hearing() -> None:
    broken, after = Broken(), Memory()
    fanout, runtime = fan({"broken": broken, "after": after}, after=[EventKind.FILL])
    for _ in range(5):
        fanout.emit(FILL)
    assert after.events == [FILL] * 5
    assert [(event.level, event.text) for event in runtime.events] == [
        ("error", "The sink broken behind fan fails: OSError disk full")
    ]
    broken.trouble = False
    fanout.emit(FILL)
    fanout.emit(FILL)
    assert FILL in broken.heard
    assert runtime.events[-1].text == "The sink broken behind fan hears again; what came meanwhile it has missed."
    assert len(runtime.events) == 2


def test_a_name_that_is_no_sink_is_refused() -> None:
    with pytest.raises(ValueError, match="kinds names fills, but the sinks are log"):
        Fanout(sinks={"log": Memory()}, kinds={"fills": [EventKind.FILL]})


def test_the_record_is_not_put_where_failing_costs_nothing() -> None:
    with pytest.raises(ValueError, match=r"record is sinks\.postgres, which must hear everything"):
        Fanout(sinks={"record": Postgres()})


FILE = """
service: "@beat"
components:
  beat: {{id: service.heartbeat}}
  behind: {{id: sinks.memory}}
  broken: {{id: test.broken}}
  fan: {{id: sinks.fanout, args: {{sinks: {{all: "@behind", bad: "@broken"}}, kinds: {{bad: [{kind}]}}}}}}
"""


def container(kind: str = "notice") -> tuple[Container, ManualClock]:
    registry = Registry.installed().with_components({"test.broken": Broken})
    clock = ManualClock()
    config = load_config(FILE.format(kind=kind), filename="fan.yaml", registry=registry)
    return Container(config, registry, clock=clock), clock


async def test_in_a_service_a_sink_behind_a_fanout_hears_everything_once_and_stops_nothing() -> None:
    service, clock = container()
    await service.load()
    await service.begin()
    await service.within(service.service.start("test"))
    await clock.advance(3)
    behind = service.components["behind"]
    assert isinstance(behind, Memory)
    texts = [event.text for event in behind.events if isinstance(event, Notice)]
    assert sorted(texts) == ["The sink bad behind fan fails: OSError disk full", "beat 1", "beat 2", "beat 3"]
    assert not service.fault
    await service.unload()


def test_a_kind_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"must be one of state, order.*fil"):
        container(kind="fil")
