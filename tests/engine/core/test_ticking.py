"""The life of a tick service: starts paused, ticks only while active, a halt wins. E5, Q9."""

from __future__ import annotations

import asyncio

import pytest

from engine.core.states import State, TransitionRefused
from engine.core.ticking import TickService
from engine.metrics.events import StateChanged
from engine.testing import ManualClock, RecordingRuntime, settle


class Slow(TickService):
    """Takes its time to prepare and to stand down, until told it may."""

    def __init__(self) -> None:
        super().__init__(interval_s=0.1)
        self.ticks = 0
        self.prepared = asyncio.Event()
        self.clean = asyncio.Event()
        self.stood_down: list[str] = []

    async def tick(self) -> None:
        self.ticks += 1

    async def prepare(self) -> None:
        await self.prepared.wait()

    async def stand_down(self, reason: str) -> None:
        self.stood_down.append(reason)
        await self.clean.wait()


class Broken(Slow):
    async def prepare(self) -> None:
        raise RuntimeError("the venue does not answer")


async def running(service: Slow) -> tuple[ManualClock, RecordingRuntime]:
    clock = ManualClock()
    runtime = RecordingRuntime(clock)
    runtime.equip(service, "service")
    await service.load()
    runtime.scheduler.shared.start()
    return clock, runtime


async def test_it_ticks_only_while_active() -> None:
    service = Slow()
    clock, runtime = await running(service)
    await clock.advance(1)
    assert (service.machine.state, service.ticks) == (State.PAUSED, 0)

    service.prepared.set()
    await service.start("a person asked")
    await clock.advance(1)
    assert (service.machine.state, service.ticks) == (State.ACTIVE, 10)

    service.clean.set()
    await service.pause("lunch")
    await clock.advance(1)
    assert (service.machine.state, service.machine.reason, service.ticks) == (State.PAUSED, "lunch", 10)
    await runtime.scheduler.shared.stop()
    assert [event.new for event in runtime.events if isinstance(event, StateChanged)] == [
        State.STARTING,
        State.ACTIVE,
        State.PAUSING,
        State.PAUSED,
    ]


async def test_every_verb_may_be_repeated() -> None:
    service = Slow()
    _, runtime = await running(service)
    service.prepared.set()
    service.clean.set()
    for verb in (service.pause, service.start, service.start, service.pause, service.pause, service.halt, service.halt):
        await verb("again")
    assert service.machine.state is State.HALTED
    await service.reset("a person looked")
    await service.reset("a person looked")
    assert service.machine.state is State.PAUSED
    await runtime.scheduler.shared.stop()


async def test_a_halted_service_does_not_start() -> None:
    service = Slow()
    _, runtime = await running(service)
    service.clean.set()
    await service.halt("loss limit")
    with pytest.raises(TransitionRefused, match=r"cannot start while halted \(loss limit\)"):
        await service.start("a person asked")
    await runtime.scheduler.shared.stop()


@pytest.mark.parametrize(("verb", "state"), [("halt", State.HALTED), ("pause", State.PAUSED)])
async def test_a_start_in_progress_does_not_undo_a_halt_or_a_pause(verb: str, state: State) -> None:
    service = Slow()
    _, runtime = await running(service)
    service.clean.set()
    starting = asyncio.create_task(service.start("a person asked"))
    await settle()
    assert service.machine.state is State.STARTING
    await getattr(service, verb)("something happened")
    service.prepared.set()
    await starting
    assert service.machine.state is state
    await runtime.scheduler.shared.stop()


async def test_a_halt_overtakes_a_pause_in_progress() -> None:
    service = Slow()
    _, runtime = await running(service)
    service.prepared.set()
    await service.start("a person asked")
    pausing = asyncio.create_task(service.pause("lunch"))
    await settle()
    halting = asyncio.create_task(service.halt("loss limit"))
    await settle()
    assert service.machine.state is State.HALTING
    service.clean.set()
    await asyncio.gather(pausing, halting)
    assert (service.machine.state, service.machine.reason) == (State.HALTED, "loss limit")
    await runtime.scheduler.shared.stop()


async def test_a_start_that_fails_leaves_it_paused_and_clean() -> None:
    service = Broken()
    _, runtime = await running(service)
    service.clean.set()
    with pytest.raises(RuntimeError, match="does not answer"):
        await service.start("a person asked")
    assert (service.machine.state, service.machine.reason) == (State.PAUSED, "the start failed")
    assert service.stood_down == ["the start failed"]
    await runtime.scheduler.shared.stop()


async def test_unload_stands_down_first() -> None:
    service = Slow()
    _, runtime = await running(service)
    service.prepared.set()
    service.clean.set()
    await service.start("a person asked")
    await service.unload()
    await service.unload()
    assert service.machine.state is State.PAUSED
    assert len(service.stood_down) == 2
    await runtime.scheduler.shared.stop()
