"""Punctuality of the slot scheduler: 50 services at 1 s and 5 at 100 ms in one loop."""

from __future__ import annotations

import asyncio
import resource
import time

import uvloop

from bench import Figure, percentile
from engine.core.clock import SystemClock
from engine.core.scheduler import Job, Scheduler

SECONDS = 10.0


def run() -> list[Figure]:
    return uvloop.run(_measure())


async def _measure() -> list[Figure]:
    scheduler = Scheduler(SystemClock())
    lateness_ms: list[float] = []
    jobs: list[Job] = []

    def add(name: str, interval_s: float) -> None:
        async def work() -> None:
            lateness_ms.append(job.late_ms)

        job = scheduler.every(interval_s, work, name=name)
        jobs.append(job)

    for number in range(50):
        add(f"mandate {number}", 1.0)
    for number in range(5):
        add(f"fast mandate {number}", 0.1)

    cpu_before, began = _cpu_s(), time.monotonic()
    scheduler.start()
    await asyncio.sleep(SECONDS)
    await scheduler.stop()
    cpu_share = (_cpu_s() - cpu_before) / (time.monotonic() - began)
    return [
        Figure(name="ticks", value=len(lateness_ms), unit="", at_least=0.95 * SECONDS * (50 + 5 * 10)),
        Figure(name="late p50", value=percentile(lateness_ms, 0.50), unit="ms"),
        Figure(name="late p99", value=percentile(lateness_ms, 0.99), unit="ms", at_most=20),
        Figure(name="ticks left out", value=sum(job.skipped for job in jobs), unit="", at_most=0),
        Figure(name="share of one core", value=cpu_share, unit=""),
    ]


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
