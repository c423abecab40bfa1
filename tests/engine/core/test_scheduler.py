"""Ticks without drift and without overlap. E5."""

from __future__ import annotations

import asyncio
from decimal import Decimal, getcontext, localcontext
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.clock import SystemClock
from engine.core.scheduler import SLOT_S, JobScope, Scheduler
from engine.testing import ManualClock, settle
from tests.examples import examples


class Times:
    """Notes when it runs, and takes as long as told."""

    def __init__(self, clock: ManualClock, takes_s: float = 0.0) -> None:
        self.clock, self.takes_s = clock, takes_s
        self.at: list[float] = []
        self.now = 0
        self.most = 0

    async def __call__(self) -> None:
        self.at.append(round(self.clock.monotonic(), 6))
        self.now += 1
        self.most = max(self.most, self.now)
        if self.takes_s:
            await self.clock.sleep_until(self.clock.monotonic() + self.takes_s)
        self.now -= 1


async def test_it_ticks_at_multiples_of_the_interval_from_the_start() -> None:
    clock = ManualClock(monotonic=1000.0)
    work = Times(clock)
    scheduler = Scheduler(clock)
    scheduler.start()
    job = scheduler.every(0.25, work, name="tick", phase_s=0.1)
    await clock.advance(1.0)
    await scheduler.stop()
    assert work.at == [1000.1, 1000.35, 1000.6, 1000.85]
    assert (job.runs, job.skipped) == (4, 0)
    assert job.late_ms < 1


async def test_it_does_not_drift_over_a_long_time() -> None:
    clock = ManualClock(monotonic=0.0)
    work = Times(clock)
    scheduler = Scheduler(clock)
    job = scheduler.every(0.3, work, name="tick", phase_s=0)
    await scheduler.run_until(30_000.05)
    assert job.runs == 100_001
    assert work.at[-1] == 30_000.0


async def test_a_run_that_takes_too_long_is_not_doubled_but_counted() -> None:
    clock = ManualClock(monotonic=0.0)
    work = Times(clock, takes_s=0.25)
    scheduler = Scheduler(clock)
    scheduler.start()
    job = scheduler.every(0.1, work, name="tick", phase_s=0.1)
    await clock.advance(1.0)
    await scheduler.stop()
    assert work.most == 1
    assert work.at == [0.1, 0.4, 0.7, 1.0]
    assert job.skipped == 6
    assert scheduler.left_out == 6


async def test_time_lost_by_the_machine_is_not_made_up_in_a_burst() -> None:
    clock = ManualClock(monotonic=0.0)
    work = Times(clock)
    scheduler = Scheduler(clock)
    scheduler.start()
    job = scheduler.every(0.1, work, name="tick", phase_s=0.1)
    await settle()
    clock.move_to(5.05)  # the process was frozen
    await settle()
    assert work.at == [5.05]
    assert job.late_ms == pytest.approx(4950)
    await clock.advance(0.2)
    await scheduler.stop()
    assert work.at == [5.05, 5.1, 5.2]
    assert job.skipped == 49
    assert scheduler.left_out == 49


async def test_whoever_waits_for_the_loop_comes_between_the_jobs_of_a_crowded_slot() -> None:
    clock = ManualClock(monotonic=0.0)
    scheduler = Scheduler(clock)
    order: list[str] = []

    async def job() -> None:
        order.append("job")
        if len(order) == 1:
            asyncio.get_running_loop().call_soon(order.append, "answer")

    for number in range(100):
        scheduler.every(1.0, job, name=f"tick {number}", phase_s=0.5)
    scheduler.start()
    await clock.advance(0.6)
    await scheduler.stop()
    assert order.count("job") == 100
    assert order.index("answer") < 20


async def test_one_failing_job_does_not_hurt_the_others() -> None:
    clock = ManualClock()
    well = Times(clock)
    errors: list[BaseException] = []

    async def ill() -> None:
        raise RuntimeError("broken")

    scheduler = Scheduler(clock)
    scheduler.start()
    scheduler.every(0.1, well, name="well", phase_s=0.05)
    job = scheduler.every(0.1, ill, name="ill", phase_s=0.05, on_error=errors.append)
    await clock.advance(0.5)
    await scheduler.stop()
    assert len(well.at) == 5
    assert [str(error) for error in errors] == ["broken"]
    assert job.cancelled


async def test_a_cancelled_job_never_runs_again() -> None:
    clock = ManualClock()
    work = Times(clock)
    scheduler = Scheduler(clock)
    scheduler.start()
    job = scheduler.every(0.1, work, name="tick", phase_s=0)
    await clock.advance(0.25)
    job.cancel()
    job.cancel()
    ran = job.runs
    await clock.advance(1)
    await scheduler.stop()
    assert job.runs == ran > 0


async def test_jobs_of_one_interval_are_spread_over_it() -> None:
    clock = ManualClock(monotonic=0.0)
    works = [Times(clock) for _ in range(10)]
    scheduler = Scheduler(clock)
    for index, work in enumerate(works):
        scheduler.every(1.0, work, name=f"tick {index}")
    await scheduler.run_until(1.0)
    firsts = sorted(work.at[0] for work in works)
    gaps = [later - earlier for earlier, later in pairwise(firsts)]
    assert min(gaps) > 0.03
    assert max(gaps) < 0.25


async def test_a_job_may_be_added_while_nothing_else_runs() -> None:
    clock = ManualClock()
    work = Times(clock)
    scheduler = Scheduler(clock)
    scheduler.start()
    await clock.advance(3)
    scheduler.every(1, work, name="late", phase_s=0.5)
    await clock.advance(1)
    await scheduler.stop()
    assert len(work.at) == 1


async def test_an_interval_below_one_slot_is_refused() -> None:
    with pytest.raises(ValueError, match=r"fast: the interval must be at least 0.01 s, was 0.001"):
        Scheduler(ManualClock()).every(0.001, Times(ManualClock()), name="fast")


async def test_it_keeps_time_on_the_machines_clock() -> None:
    clock = SystemClock()
    done = asyncio.Event()
    late: list[float] = []
    scheduler = Scheduler(clock)

    async def work() -> None:
        late.append(job.late_ms)
        if job.runs == 5:
            done.set()

    scheduler.start()
    job = scheduler.every(0.02, work, name="tick", phase_s=0)
    async with asyncio.timeout(30):
        await done.wait()
    await scheduler.stop()
    await scheduler.stop()
    assert len(late) >= 5


async def test_every_run_has_our_decimal_context_whatever_others_did() -> None:
    precisions: list[int] = []

    async def work() -> None:
        precisions.append(getcontext().prec)
        getcontext().prec = 3  # as a library may do

    clock = ManualClock()
    with localcontext() as context:
        context.prec = 5
        scheduler = Scheduler(clock)
        scheduler.every(0.1, work, name="tick", phase_s=0.1)
        await scheduler.run_until(clock.monotonic() + 0.25)
        scheduler.start()
        await clock.advance(0.2)
        await scheduler.stop()
    assert set(precisions) == {28}
    assert Decimal(1) / 3 == Decimal("0.3333333333333333333333333333")


async def test_a_scope_holds_its_jobs_back_and_ends_them() -> None:
    clock = ManualClock()
    work = Times(clock)
    scheduler = Scheduler(clock)
    scheduler.start()
    scope = JobScope(scheduler, on_error=lambda error: None)
    scope.every(0.1, work, name="tick", phase_s=0.05)
    await clock.advance(1)
    assert work.at == []
    scope.release()
    await clock.advance(0.1)
    assert len(work.at) == 1
    await scope.close()
    await clock.advance(1)
    await scheduler.stop()
    assert len(work.at) == 1


async def test_a_scope_lets_a_run_in_progress_finish() -> None:
    clock = ManualClock()
    finished = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0.01)  # a venue answers
        finished.set()

    scheduler = Scheduler(clock)
    scheduler.start()
    scope = JobScope(scheduler, on_error=lambda error: None)
    scope.release()
    scope.every(0.1, work, name="tick", phase_s=0)
    await clock.advance(0.02)
    await scope.close()
    await scheduler.stop()
    assert finished.is_set()


async def test_a_scope_does_not_wait_forever_for_a_run() -> None:
    clock = ManualClock()
    scheduler = Scheduler(clock)
    scheduler.start()
    scope = JobScope(scheduler, on_error=lambda error: None)
    scope.release()
    job = scope.every(0.1, asyncio.Event().wait, name="stuck", phase_s=0)
    await clock.advance(0.02)
    await scope.close(grace_s=0.01)
    await scheduler.stop()
    assert job.task is not None
    assert job.task.cancelled()


# Replay


async def test_a_replay_fires_everything_in_time_order_and_awaits_it() -> None:
    clock = ManualClock(monotonic=0.0)
    seen: list[tuple[str, float]] = []
    scheduler = Scheduler(clock)

    def noting(name: str) -> None:
        async def work() -> None:
            await asyncio.sleep(0)  # a run may yield and must still end before the next begins
            seen.append((name, round(clock.monotonic(), 6)))

        scheduler.every(0.2 if name == "slow" else 0.1, work, name=name, phase_s=0.1)

    noting("slow")
    noting("quick")
    await scheduler.run_until(0.35)
    assert seen == [("slow", 0.1), ("quick", 0.1), ("quick", 0.2), ("slow", 0.3), ("quick", 0.3)]
    assert clock.monotonic() == 0.35


async def test_a_replay_needs_a_clock_that_moves() -> None:
    with pytest.raises(TypeError, match="run_until needs a clock that can be moved, not SystemClock"):
        await Scheduler(SystemClock()).run_until(1)


@examples(60)
@given(
    jobs=st.lists(st.tuples(st.integers(1, 200), st.integers(0, 100), st.integers(0, 300)), min_size=1, max_size=5),
    steps=st.lists(st.integers(1, 120), min_size=1, max_size=30),
)
async def test_no_job_ever_drifts_or_overlaps(jobs: list[tuple[int, int, int]], steps: list[int]) -> None:
    """Intervals, phases and durations in slots; time moves in uneven steps, as a busy machine's does."""
    clock = ManualClock(monotonic=0.0)
    scheduler = Scheduler(clock)
    scheduler.start()
    running = []
    for interval, phase, takes in jobs:
        work = Times(clock, takes * SLOT_S)
        running.append(
            (interval, phase, work, scheduler.every(interval * SLOT_S, work, name="j", phase_s=phase * SLOT_S))
        )
    for step in steps:
        await clock.advance(step * SLOT_S)
    await scheduler.stop()
    for interval, phase, work, job in running:
        assert work.most <= 1
        slots = [round(at / SLOT_S) for at in work.at]
        # A run begins at its due time; only the very first may be a slot late, when it was due as it was made.
        assert all((slot - phase) % interval == 0 for slot in slots[1:])
        assert slots == sorted(set(slots))
        elapsed = sum(steps) - phase
        assert job.runs + job.skipped <= max(0, elapsed // interval + 1)
