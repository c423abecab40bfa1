"""What a host says about itself: processor, memory, and how late its ticks are."""

from __future__ import annotations

import os
import resource
import time
from collections import deque
from pathlib import Path

from engine.core.scheduler import Scheduler

PROBE_S = 0.1
PROBES_KEPT = 600


class Stats:
    """A probe on the host's own timetable; its lateness is what every tick of this host meets."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._late_ms: deque[float] = deque(maxlen=PROBES_KEPT)
        self._scheduler = scheduler
        self._job = scheduler.every(PROBE_S, self._probe, name="lateness probe")
        self._cpu_s, self._wall_s = time.process_time(), time.monotonic()

    async def _probe(self) -> None:
        self._late_ms.append(self._job.late_ms)

    def read(self) -> dict[str, float | int | None]:
        """CPU percent of one core since the last reading, memory now, lateness over the last minute."""
        cpu_s, wall_s = time.process_time(), time.monotonic()
        share = (cpu_s - self._cpu_s) / max(wall_s - self._wall_s, 1e-9)
        self._cpu_s, self._wall_s = cpu_s, wall_s
        late = sorted(self._late_ms)
        return {
            "cpu_percent": round(100 * share, 1),
            "rss_mb": round(_resident_bytes() / 1e6, 1),
            "tick_late_p50_ms": round(late[len(late) // 2], 2) if late else None,
            "tick_late_p99_ms": round(late[len(late) * 99 // 100], 2) if late else None,
            "runs_left_out": self._scheduler.left_out,
            "pid": os.getpid(),
        }


def _resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
