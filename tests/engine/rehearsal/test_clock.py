"""A clock that stands still until the recording moves it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from engine.rehearsal.clock import ReplayClock

START_NS = 1_723_161_253_937_085_768


def test_it_tells_the_recordings_stamps_to_the_nanosecond() -> None:
    clock = ReplayClock()
    clock.start(START_NS)
    assert (clock.now_ns(), clock.monotonic()) == (START_NS, 0)
    for later_ns in (1, 62_914_303, 346_062_145_616):
        clock.move_to(clock.at(START_NS + later_ns))
        assert clock.now_ns() == START_NS + later_ns


def test_it_never_runs_backwards() -> None:
    clock = ReplayClock()
    clock.start(START_NS)
    clock.move_to(5)
    clock.move_to(3)
    assert clock.monotonic() == 5


async def test_sleepers_wake_when_the_clock_passes_their_time_in_order() -> None:
    clock = ReplayClock()
    woken: list[str] = []

    async def sleeper(name: str, until: float) -> None:
        await clock.sleep_until(until)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper(name, until)) for name, until in (("late", 2), ("early", 1), ("never", 9))]
    await asyncio.sleep(0)
    clock.move_to(2)
    for _ in range(3):
        await asyncio.sleep(0)
    assert woken == ["early", "late"]
    tasks[2].cancel()


def test_unlimited_speed_is_always_due_and_a_set_one_follows_the_wall() -> None:
    assert ReplayClock().due_in_s(1_000_000) == 0
    clock = ReplayClock(Decimal(10))
    clock.roll()
    assert 0.9 < clock.due_in_s(10) <= 1
