"""A job that runs a single time, in time order with all others."""

from __future__ import annotations

from engine.core.scheduler import JobScope, Scheduler
from engine.testing import ManualClock


class Diary:
    def __init__(self) -> None:
        self.clock = ManualClock(monotonic=0.0)
        self.scheduler = Scheduler(self.clock)
        self.failures: list[BaseException] = []
        self.scope = JobScope(self.scheduler, on_error=self.failures.append)
        self.entries: list[tuple[str, float]] = []

    async def note(self) -> None:
        self.entries.append(("once", round(self.clock.monotonic(), 3)))

    async def beat(self) -> None:
        self.entries.append(("beat", round(self.clock.monotonic(), 3)))

    async def fail(self) -> None:
        raise RuntimeError("broken")


async def test_it_runs_once_between_the_others() -> None:
    diary = Diary()
    diary.scheduler.every(1.0, diary.beat, name="beat", phase_s=1.0)
    diary.scheduler.once(1.5, diary.note, name="note")
    await diary.scheduler.run_until(5.0)
    assert diary.entries == [("beat", 1.0), ("once", 1.5), ("beat", 2.0), ("beat", 3.0), ("beat", 4.0), ("beat", 5.0)]


async def test_it_runs_once_on_the_live_loop_too() -> None:
    diary = Diary()
    diary.scheduler.start()
    diary.scheduler.once(0, diary.note, name="note")
    await diary.clock.advance(1)
    await diary.scheduler.stop()
    assert diary.entries == [("once", 0.01)]


async def test_before_its_service_begins_it_waits() -> None:
    diary = Diary()
    diary.scope.once(0.5, diary.note, name="note")
    await diary.scheduler.run_until(2.0)
    assert diary.entries == []
    diary.scope.release()
    await diary.scheduler.run_until(4.0)
    assert diary.entries == [("once", 2.5)]


async def test_a_closed_scope_runs_nothing_more_and_a_spent_job_is_forgotten() -> None:
    diary = Diary()
    diary.scope.release()
    diary.scope.once(0.5, diary.note, name="note")
    await diary.scheduler.run_until(1.0)
    assert diary.scope._jobs == []
    diary.scope.once(0.5, diary.note, name="note")
    await diary.scope.close()
    await diary.scheduler.run_until(3.0)
    assert diary.entries == [("once", 0.5)]


async def test_a_failure_reaches_the_owner() -> None:
    diary = Diary()
    diary.scope.release()
    diary.scope.once(0, diary.fail, name="fail")
    await diary.scheduler.run_until(1.0)
    assert [str(error) for error in diary.failures] == ["broken"]
