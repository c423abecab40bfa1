"""What a replay needs beside a deployment: time of its own, a tally of the session, and a brake."""

from __future__ import annotations

from collections.abc import Callable

from engine.accounting.session import SessionReport, SessionTally
from engine.core.scheduler import Scheduler
from engine.metrics.events import Event, RecordingEnded
from engine.rehearsal.clock import ReplayClock
from mmplatform.host.journal import Journal
from mmplatform.host.writer import Writer

BACKLOG_ROWS = 2_000
"""A recording is played faster than its records can be written; beyond this many waiting rows it waits for them."""


class Rehearsal:
    """The clock and timetable of one replay, moved by its recording."""

    def __init__(self, journal: Journal, writer: Writer, *, on_ended: Callable[[str], None]) -> None:
        self.clock = ReplayClock()
        self.scheduler = Scheduler(self.clock)
        self._journal = journal
        self._writer = writer
        self._on_ended = on_ended
        self._tally = SessionTally()
        self.scheduler.every(1.0, self._brake, name="brake")

    def add(self, event: Event) -> None:
        self._tally.add(event)
        if isinstance(event, RecordingEnded):
            self._on_ended(event.problem)

    def report(self) -> SessionReport | None:
        """The session so far; None when nothing was observed."""
        report = self._tally.report()
        return report if report.end_ns else None

    async def _brake(self) -> None:
        if self._journal.backlog > BACKLOG_ROWS:
            await self._writer.settle(self._journal, within_s=10)
