"""Events leave whole: decimals exact, nothing dropped, and a missing port is named with its remedy (E12, E13)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from engine.core.errors import NotReady
from engine.core.states import State
from engine.metrics.events import Event, EventKind, Notice, Sample, View, kind_of
from engine.metrics.sinks import Jsonl, Live, Log, Memory, Outbox, Postgres
from engine.testing import RecordingRuntime

SAMPLE = Sample(ts_ns=1, state=State.ACTIVE, mid=Decimal("0.1000000000000000000000000001"))
NOTICE = Notice(ts_ns=2, level="warning", text="mind the gap")
VIEW = View(ts_ns=3, sample=SAMPLE, bids=(), asks=(), orders=())


@pytest.mark.parametrize(("kind", "outlet"), [(Postgres, "postgres"), (Live, "live")])
async def test_an_outlet_gets_every_event(kind: type, outlet: str) -> None:
    heard: list[object] = []
    sink = kind()
    RecordingRuntime(outlets={outlet: heard.append}).equip(sink, "sink")
    await sink.load()
    for event in (SAMPLE, NOTICE, VIEW):
        sink.emit(event)
    assert heard == [SAMPLE, NOTICE, VIEW]


async def test_without_a_host_the_remedy_is_named() -> None:
    sink = Postgres()
    RecordingRuntime().equip(sink, "record")
    with pytest.raises(NotReady, match=r"needs a host with the outlet 'postgres'.*sinks.jsonl"):
        await sink.load()


async def test_a_file_holds_every_event_with_exact_decimals(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one.jsonl"
    sink = Jsonl(path=str(path))
    await sink.load()
    for event in (SAMPLE, VIEW, NOTICE):
        sink.emit(event)
    await sink.unload()
    await sink.unload()
    sink.emit(NOTICE)

    decoded = [msgspec.json.decode(line, type=Event) for line in path.read_bytes().splitlines()]
    assert decoded == [SAMPLE, NOTICE]


async def test_memory_forgets_the_oldest() -> None:
    sink = Memory(limit=2)
    for event in (SAMPLE, VIEW, NOTICE):
        sink.emit(event)
    assert sink.events == [VIEW, NOTICE]


async def test_the_log_says_what_a_person_would_want_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    sink = Log()
    for event in (SAMPLE, VIEW, NOTICE):
        sink.emit(event)
    out = capsys.readouterr()
    assert "mind the gap" in out.out + out.err
    assert "0.1000000000000000000000000001" not in out.out + out.err


def test_every_event_has_a_kind_by_which_sinks_choose() -> None:
    assert [kind.value for kind in EventKind] == [kind.__struct_config__.tag for kind in get_args(Event)]
    assert kind_of(NOTICE) is EventKind.NOTICE


async def test_an_outbox_tells_what_it_is_meant_to() -> None:
    heard: list[object] = []
    sink = Outbox(kinds=[EventKind.NOTICE])
    RecordingRuntime(outlets={"outbox": heard.append}).equip(sink, "tell")
    await sink.load()
    for event in (SAMPLE, NOTICE, VIEW):
        sink.emit(event)
    assert heard == [NOTICE]


def test_what_comes_by_the_clock_is_not_told_through_an_outbox() -> None:
    with pytest.raises(ValueError, match=r"sample, view comes by the clock .* which tells state, order"):
        Outbox(kinds=[EventKind.FILL, EventKind.SAMPLE, EventKind.VIEW])
