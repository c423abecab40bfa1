"""Whoever comes up waits; whoever runs does not."""

from __future__ import annotations

import asyncio

import pytest

from engine.testing import ManualClock
from mmplatform.host.pace import Pace


class Work:
    """Takes half a second of a clock that only moves when told, and says when it began."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.began: list[float] = []

    def __call__(self) -> int:
        self.began.append(self.clock.monotonic())
        self.clock.move_to(self.clock.monotonic() + 0.5)
        return len(self.began)


async def test_each_piece_is_followed_by_as_long_a_rest() -> None:
    clock = ManualClock(monotonic=10.0)
    pace, work = Pace(clock), Work(clock)
    pieces = asyncio.gather(*(pace.do(work) for _ in range(3)))
    await clock.advance(5)
    assert await pieces == [1, 2, 3]
    assert work.began == [10.0, 11.0, 12.0]


async def test_a_piece_that_fails_fails_alone_and_is_rested_from_too() -> None:
    clock = ManualClock(monotonic=10.0)
    pace, work = Pace(clock), Work(clock)

    def bad() -> None:
        work()
        raise ValueError("no such venue")

    failing, after = asyncio.ensure_future(pace.do(bad)), asyncio.ensure_future(pace.do(work))
    await clock.advance(5)
    with pytest.raises(ValueError, match="no such venue"):
        await failing
    assert await after == 2
    assert work.began == [10.0, 11.0]


async def test_who_no_longer_wants_to_come_up_costs_nobody_a_turn() -> None:
    clock = ManualClock(monotonic=10.0)
    pace, work = Pace(clock), Work(clock)
    await pace.do(work)
    waiting, after = asyncio.ensure_future(pace.do(work)), asyncio.ensure_future(pace.do(work))
    await clock.advance(0.1)
    waiting.cancel()
    await clock.advance(5)
    assert await after == 2
    assert work.began == [10.0, 11.0]
