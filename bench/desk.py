"""A whole desk: 50 mandates at 1 s and 5 at 100 ms, 50 browsers, everything real and on this machine.

Each mandate quotes on a simulated market of its own, so the simulation of 55 markets is in the figures too.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import psutil
import websockets

from bench import Figure, percentile
from bench._stage import engine_processes, open_desk, paper_deployments, session_cookie, wait_until_active
from mmplatform.desk import Address

SLOW, FAST, BROWSERS = 50, 5, 50
SETTLE_S, MEASURE_S = 15.0, 30.0


def run() -> list[Figure]:
    with open_desk() as address:
        empty_mb = [process.memory_info().rss / 1e6 for process in engine_processes(address)]
        slow = paper_deployments(SLOW, interval_ms=1000, first_seed=100)
        fast = paper_deployments(FAST, interval_ms=100, first_seed=200)
        deployments = slow + fast
        wait_until_active(deployments)
        time.sleep(SETTLE_S)
        cookie = session_cookie()
        hosts = engine_processes(address)
        busy = _cpu_s(hosts)
        began = time.monotonic()
        seen = asyncio.run(
            watch(address, cookie, [each.pk for each in deployments], browsers=BROWSERS, for_s=MEASURE_S)
        )
        cores = (_cpu_s(hosts) - busy) / (time.monotonic() - began)
        full_mb = [process.memory_info().rss / 1e6 for process in hosts]
        late_ms = _lateness([each.pk for each in deployments])
    return [
        Figure(name="tick lateness p50", value=percentile(late_ms, 0.50), unit="ms"),
        Figure(name="tick lateness p99", value=percentile(late_ms, 0.99), unit="ms", at_most=100),
        Figure(name="tick to browser, deployment page p50", value=percentile(seen.view_ms, 0.50), unit="ms"),
        Figure(name="tick to browser, deployment page p99", value=percentile(seen.view_ms, 0.99), unit="ms"),
        Figure(name="tick to browser, desk (gathered) p50", value=percentile(seen.tile_ms, 0.50), unit="ms"),
        Figure(name="tick to browser, desk (gathered) p99", value=percentile(seen.tile_ms, 0.99), unit="ms"),
        Figure(name="page data age p50", value=percentile(seen.age_ms, 0.50), unit="ms"),
        Figure(name="page data age p99", value=percentile(seen.age_ms, 0.99), unit="ms", at_most=1000),
        Figure(name="views received", value=len(seen.view_ms), unit="", at_least=BROWSERS / 2 * MEASURE_S),
        Figure(name="engine hosts together", value=cores, unit="cores"),
        Figure(name="whole machine", value=psutil.cpu_percent(), unit="%"),
        Figure(name="memory a mandate", value=(sum(full_mb) - sum(empty_mb)) / (SLOW + FAST), unit="MB"),
    ]


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


@dataclass
class Seen:
    """What the browsers saw, milliseconds: from tick to receipt of each view and tile, and the age of their data."""

    view_ms: list[float] = field(default_factory=list)
    tile_ms: list[float] = field(default_factory=list)
    age_ms: list[float] = field(default_factory=list)


async def watch(address: Address, cookie: str, ids: list[int], *, browsers: int, for_s: float) -> Seen:
    """Half the browsers look at the desk, half at one deployment each."""
    seen = Seen()
    psutil.cpu_percent()  # the next call gives the mean since this one
    paths = ["/ws/desk/"] * (browsers // 2)
    paths += [f"/ws/deployments/{ids[number % len(ids)]}/" for number in range(browsers - len(paths))]
    await asyncio.gather(*(_browser(address, path, cookie, seen, for_s) for path in paths))
    return seen


async def _browser(address: Address, path: str, cookie: str, seen: Seen, for_s: float) -> None:
    """Receive for a while. The clock is the machine's own on both ends, so a delay is a plain difference."""
    url = address.url.replace("http", "ws", 1) + path
    until = time.monotonic() + for_s
    async with websockets.connect(url, additional_headers={"Cookie": cookie, "Origin": address.url}) as socket:
        while (left := until - time.monotonic()) > 0:
            try:
                frame = json.loads(await asyncio.wait_for(socket.recv(), left))
            except TimeoutError:
                return
            received_ms = time.time() * 1000
            if frame["type"] == "view" and "kept_ms" not in frame:  # a kept one was not made for this moment
                seen.view_ms.append(received_ms - frame["data"]["ts_ns"] / 1e6)
                seen.age_ms.append(_age_ms(frame, frame["data"]["sample"], received_ms))
            for tile in frame.get("tiles", ()):
                if "kept_ms" not in tile and tile["market_ns"] is not None:  # else it only tells of a state
                    seen.tile_ms.append(received_ms - tile["market_ns"] / 1e6)
                    seen.age_ms.append(_age_ms(tile, tile, received_ms))


def _age_ms(frame: dict[str, Any], figures: dict[str, Any], received_ms: float) -> float:
    """As the page counts it: the book's age when the frame was sent, and the way to the browser."""
    age_ms = figures["book_age_ms"]
    return float("inf") if age_ms is None else float(age_ms) + received_ms - float(frame["sent_ms"])


def _lateness(ids: list[int]) -> list[float]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select tick_late_ms from monitoring_sample_all where deployment_id = any(%s) "
            "and ts > now() - make_interval(secs => %s) and tick_late_ms is not null",
            [ids, MEASURE_S],
        )
        return [late for (late,) in cursor.fetchall()]
