"""Ticks for every service of a host, from one loop.

One task wakes in slots of 10 ms and starts whatever is due: a task a service costs about eight times as much, measured
with a thousand of them. Due times are multiples of the interval from a fixed anchor, so nothing drifts; a job still
running when it is due again is skipped and counted, so nothing overlaps.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import math
from collections.abc import Awaitable, Callable
from decimal import setcontext
from typing import Protocol, runtime_checkable

import structlog

from engine.core.clock import Clock
from engine.core.decimals import MONEY
from engine.core.edge import ENDINGS, as_failure, is_our_wish
from engine.core.errors import EngineError
from engine.core.watchdog import Watchdog

SLOT_S = 0.01
_EARLY_S = 0.001
"""A loop timer may ring a little early; within this it counts as on time."""
_TOGETHER = 8
"""After starting so many jobs of a slot it lets whoever else waits for the loop come first: above all the lease."""
_LONG_S = 0.05
_REST = 4.0
"""A run that held the loop for longer than _LONG_S is followed by this many times as long without one."""
PATIENCE_S = 30.0
_GOLDEN = (math.sqrt(5) - 1) / 2

log = structlog.get_logger(__name__)

Work = Callable[[], Awaitable[None]]
OnError = Callable[[BaseException], None]


class Stuck(EngineError):
    """A job waits for something that does not come."""


class Job:
    """One thing done at a fixed interval. A job that raised never runs again."""

    def __init__(
        self,
        *,
        interval_s: float,
        work: Work,
        name: str,
        on_error: OnError | None,
        context: contextvars.Context,
        patience_s: float,
    ) -> None:
        self.name = name
        self.interval_s = interval_s
        self.patience_s = patience_s
        """A run that has not ended by then is cancelled and counts as failed: whatever it waits for, nobody quotes."""
        self.runs = 0
        self.skipped = 0
        """Due times that passed without a run, since the one before was still running or the loop was late."""
        self.late_ms = 0.0
        """How long after its due time the last run began."""
        self.cancelled = False
        self.task: asyncio.Task[None] | None = None
        """The run in progress, when the slot loop started it."""
        self._work = work
        self._on_error = on_error
        self._anchor = 0.0
        self._turn = 0
        self._context = context
        self._fired_due = 0.0
        self._fired_at = 0.0
        self._rests_until = 0.0
        self._repeats = True

    @property
    def due(self) -> float:
        return self._anchor + self._turn * self.interval_s

    def cancel(self) -> None:
        """No run begins after this; one in progress goes on. Safe to repeat."""
        self.cancelled = True

    def _begin(self, anchor: float) -> None:
        self._anchor, self._turn = anchor, 0

    def _pass(self, now: float) -> None:
        """Move to the first due time after now, counting those left out."""
        missed = max(0, math.floor((now + _EARLY_S - self._anchor) / self.interval_s) - self._turn)
        self.skipped += missed
        self._turn += missed + 1

    async def _run(self, scheduler: Scheduler) -> None:
        setcontext(MONEY.copy())
        clock = scheduler.clock
        began, slot = clock.monotonic(), scheduler.slots
        self.late_ms = max(0.0, (began - self._fired_due) * 1000)
        self.runs += 1
        try:
            await self._work()
        except Exception as error:  # the scheduler's edge: one job must not hurt the others
            self._fail(error)
        except ENDINGS as error:
            if is_our_wish(error):
                raise
            self._fail(as_failure(error, self.name))
        if scheduler.slots == slot:
            # No slot came meanwhile, so the loop was held. Who holds it long rests long: the others have theirs to do.
            held_s = clock.monotonic() - began
            if held_s > _LONG_S:
                self._rests_until = clock.monotonic() + held_s * _REST

    def _fail(self, error: BaseException) -> None:
        self.cancel()
        if self._on_error is None:
            log.error("a scheduled job failed and will not run again", job=self.name, exc_info=error)
        else:
            self._on_error(error)


class Schedule(Protocol):
    """What a component sees of the scheduler."""

    def every(
        self,
        interval_s: float,
        work: Work,
        *,
        name: str,
        phase_s: float | None = None,
        on_error: OnError | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Job: ...

    def once(self, delay_s: float, work: Work, *, name: str, on_error: OnError | None = None) -> Job: ...

    async def run_until(self, monotonic: float) -> None: ...

    @property
    def shared(self) -> Scheduler:
        """The host's own timetable, for what outlives one service: a feed that several of them read through the hub."""
        ...


@runtime_checkable
class MovableClock(Clock, Protocol):
    def move_to(self, monotonic: float) -> None:
        """Set the time; never backwards."""
        ...


class Scheduler:
    """The slot loop of one host; or, not started, the deterministic timetable of one replay."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.slots = 0
        """Slots the loop has come round to."""
        self.left_out = 0
        """Runs of all jobs that did not take place, since the one before was still running or the loop was late."""
        self.watchdog = Watchdog()
        self._movable = clock if isinstance(clock, MovableClock) else None
        self._queue: list[tuple[float, int, Job]] = []
        self._entered = 0
        self._phases = 0
        self._loop_task: asyncio.Task[None] | None = None
        self._filled = asyncio.Event()
        self._context = contextvars.copy_context()

    @property
    def shared(self) -> Scheduler:
        return self

    def every(
        self,
        interval_s: float,
        work: Work,
        *,
        name: str,
        phase_s: float | None = None,
        on_error: OnError | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Job:
        """Run `work` every interval_s seconds, first after phase_s; phases are spread evenly unless given.

        An error in a run goes to on_error, and the job does not run again; so does a run that takes longer than
        patience_s, unless under a replay. Raises ValueError under one slot.
        """
        job = self.prepare(interval_s, work, name=name, on_error=on_error, context=self._context, patience_s=patience_s)
        self.release(job, phase_s=phase_s)
        return job

    def once(self, delay_s: float, work: Work, *, name: str, on_error: OnError | None = None) -> Job:
        """Run `work` a single time in the slot after delay_s, in time order with every other job.

        What a callback must leave to later goes here and not into a task: under a replay it then happens at the same
        moment in every run.
        """
        job = self.prepare(SLOT_S, work, name=name, on_error=on_error, context=self._context)
        job._repeats = False
        self.release(job, phase_s=delay_s)
        return job

    def prepare(
        self,
        interval_s: float,
        work: Work,
        *,
        name: str,
        on_error: OnError | None,
        context: contextvars.Context,
        patience_s: float = PATIENCE_S,
    ) -> Job:
        """A job that does not fire before `release`. Its log lines carry what is bound in `context`."""
        if interval_s < SLOT_S:
            raise ValueError(f"{name}: the interval must be at least {SLOT_S} s, was {interval_s}")
        return Job(
            interval_s=interval_s, work=work, name=name, on_error=on_error, context=context, patience_s=patience_s
        )

    def release(self, job: Job, *, phase_s: float | None = None) -> None:
        """Let a prepared job fire: first phase_s seconds from now."""
        if phase_s is None:
            self._phases += 1
            phase_s = (self._phases * _GOLDEN % 1) * job.interval_s
        job._begin(math.ceil((self.clock.monotonic() + phase_s) / SLOT_S - 1e-6) * SLOT_S)
        self._enter(job)

    def _enter(self, job: Job) -> None:
        self._entered += 1
        heapq.heappush(self._queue, (job.due, self._entered, job))
        self._filled.set()

    # Live

    def start(self) -> None:
        """Begin the slot loop on the running event loop."""
        if self._loop_task is None:
            self._loop_task = asyncio.get_running_loop().create_task(self._slots(), name="scheduler")
            self.watchdog.start()

    async def stop(self) -> None:
        """End the slot loop; runs in progress go on. Safe to repeat."""
        task, self._loop_task = self._loop_task, None
        self.watchdog.stop()
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _slots(self) -> None:
        while True:
            if not self._queue:
                self._filled.clear()
                await self._filled.wait()
            now = self.clock.monotonic()
            await self.clock.sleep_until((math.floor((now + _EARLY_S) / SLOT_S) + 1) * SLOT_S)
            now = self.clock.monotonic()
            self.slots += 1
            self.watchdog.beat()
            due = []
            while self._queue and self._queue[0][0] <= now + _EARLY_S:
                due.append(heapq.heappop(self._queue)[2])
            for number, job in enumerate(due, start=1):
                if not job.cancelled:
                    skipped = job.skipped
                    self._fire(job, now)
                    self.left_out += job.skipped - skipped
                if number % _TOGETHER == 0:
                    await asyncio.sleep(0)

    def _fire(self, job: Job, now: float) -> None:
        if job.task is not None and not job.task.done():
            job.skipped += 1
            if now - job._fired_at > job.patience_s:
                job.task.cancel()
                job._context.copy().run(job._fail, Stuck(f"{job.name} has not ended within {job.patience_s:g} s"))
                return
        elif now < job._rests_until:
            job.skipped += 1
        else:
            job._fired_due, job._fired_at = job.due, now
            job.task = asyncio.get_running_loop().create_task(
                job._run(self), name=job.name, context=job._context.copy()
            )
        if job._repeats:
            job._pass(now)
            self._enter(job)

    # Replay

    async def run_until(self, monotonic: float) -> None:
        """Fire every job due up to a moment in time order, each awaited to its end, moving the clock to each.

        For a scheduler that was not started, over a movable clock. Nothing is skipped, so two runs over the same
        recording do the same.
        """
        clock = self._movable
        if clock is None:
            raise TypeError(f"run_until needs a clock that can be moved, not {type(self.clock).__name__}")
        while self._queue and self._queue[0][0] <= monotonic:
            job = heapq.heappop(self._queue)[2]
            if job.cancelled:
                continue
            clock.move_to(max(job.due, clock.monotonic()))
            job._fired_due = job.due
            await job._run(self)
            if job._repeats:
                job._turn += 1
                self._enter(job)
        clock.move_to(max(monotonic, clock.monotonic()))


class JobScope:
    """The jobs of one component: held back until its service begins, ended with it."""

    def __init__(self, scheduler: Scheduler, *, on_error: OnError) -> None:
        self._scheduler = scheduler
        self._on_error = on_error
        self._held: list[tuple[Job, float | None]] | None = []
        self._jobs: list[Job] = []

    def every(
        self,
        interval_s: float,
        work: Work,
        *,
        name: str,
        phase_s: float | None = None,
        on_error: OnError | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Job:
        """As Scheduler.every, but nothing fires before the service begins; an error faults the service."""
        context = contextvars.copy_context()
        hear = on_error or self._on_error
        job = self._scheduler.prepare(
            interval_s, work, name=name, on_error=hear, context=context, patience_s=patience_s
        )
        self._jobs.append(job)
        if self._held is None:
            self._scheduler.release(job, phase_s=phase_s)
        else:
            self._held.append((job, phase_s))
        return job

    def once(self, delay_s: float, work: Work, *, name: str, on_error: OnError | None = None) -> Job:
        """As Scheduler.once; before the service begins it is held back like every job."""

        async def work_and_forget() -> None:
            try:
                await work()
            finally:
                self._jobs.remove(job)

        context = contextvars.copy_context()
        hear = on_error or self._on_error
        job = self._scheduler.prepare(SLOT_S, work_and_forget, name=name, on_error=hear, context=context)
        job._repeats = False
        self._jobs.append(job)
        if self._held is None:
            self._scheduler.release(job, phase_s=delay_s)
        else:
            self._held.append((job, delay_s))
        return job

    async def run_until(self, monotonic: float) -> None:
        await self._scheduler.run_until(monotonic)

    @property
    def shared(self) -> Scheduler:
        return self._scheduler

    def release(self) -> None:
        """Let every job fire from now on."""
        held, self._held = self._held or [], None
        for job, phase_s in held:
            if not job.cancelled:
                self._scheduler.release(job, phase_s=phase_s)

    async def close(self, *, grace_s: float = 1.0) -> None:
        """Cancel every job. A run in progress may finish within grace_s: it may be waiting for a venue's answer."""
        for job in self._jobs:
            job.cancel()
        current = asyncio.current_task()
        running = {job.task for job in self._jobs if job.task and not job.task.done() and job.task is not current}
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=grace_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=grace_s)
