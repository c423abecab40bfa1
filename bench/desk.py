"""A whole desk: 50 mandates at 1 s and 5 at 100 ms, 50 browsers, everything real and on this machine.

Each mandate quotes on a simulated market of its own, so the simulation of 55 markets is in the figures too.
"""

from __future__ import annotations

import asyncio
import json
import time

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
        ages_ms, delays_ms = asyncio.run(_watch(address, cookie, [each.pk for each in deployments]))
        cores = (_cpu_s(hosts) - busy) / (time.monotonic() - began)
        full_mb = [process.memory_info().rss / 1e6 for process in hosts]
        late_ms = _lateness([each.pk for each in deployments])
    return [
        Figure(name="tick lateness p50", value=percentile(late_ms, 0.50), unit="ms"),
        Figure(name="tick lateness p99", value=percentile(late_ms, 0.99), unit="ms", at_most=100),
        Figure(name="tick to browser p50", value=percentile(delays_ms, 0.50), unit="ms"),
        Figure(name="tick to browser p99", value=percentile(delays_ms, 0.99), unit="ms"),
        Figure(name="page data age p50", value=percentile(ages_ms, 0.50), unit="ms"),
        Figure(name="page data age p99", value=percentile(ages_ms, 0.99), unit="ms", at_most=1000),
        Figure(name="frames received", value=len(delays_ms), unit="", at_least=BROWSERS * MEASURE_S / 2),
        Figure(name="engine hosts together", value=cores, unit="cores"),
        Figure(name="whole machine", value=psutil.cpu_percent(), unit="%"),
        Figure(name="memory a mandate", value=(sum(full_mb) - sum(empty_mb)) / (SLOW + FAST), unit="MB"),
    ]


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


async def _watch(address: Address, cookie: str, ids: list[int]) -> tuple[list[float], list[float]]:
    """Half the browsers look at the desk, half at one deployment each. Return data ages and delays, milliseconds."""
    ages_ms: list[float] = []
    delays_ms: list[float] = []
    psutil.cpu_percent()  # the next call gives the mean since this one
    paths = ["/ws/desk/"] * (BROWSERS // 2)
    paths += [f"/ws/deployments/{ids[number % len(ids)]}/" for number in range(BROWSERS - len(paths))]
    await asyncio.gather(*(_browser(address, path, cookie, ages_ms, delays_ms) for path in paths))
    return ages_ms, delays_ms


async def _browser(address: Address, path: str, cookie: str, ages_ms: list[float], delays_ms: list[float]) -> None:
    """Receive for a while. The clock is the machine's own on both ends, so a delay is a plain difference."""
    url = address.url.replace("http", "ws", 1) + path
    until = time.monotonic() + MEASURE_S
    async with websockets.connect(url, additional_headers={"Cookie": cookie, "Origin": address.url}) as socket:
        while (left := until - time.monotonic()) > 0:
            try:
                frame = json.loads(await asyncio.wait_for(socket.recv(), left))
            except TimeoutError:
                return
            received_ms = time.time() * 1000
            if frame["type"] == "tiles":
                figures = [(tile["sent_ms"], tile["market_ns"], tile["book_age_ms"]) for tile in frame["tiles"]]
            elif frame["type"] == "view":
                sample = frame["data"]["sample"]
                figures = [(frame["sent_ms"], frame["data"]["ts_ns"], sample["book_age_ms"])]
            else:
                continue
            if "kept_ms" in frame or any("kept_ms" in tile for tile in frame.get("tiles", ())):
                continue  # the frame shown before the first live one
            for sent_ms, ticked_ns, age_ms in figures:
                if age_ms is not None:
                    ages_ms.append(age_ms + received_ms - sent_ms)
                delays_ms.append(received_ms - ticked_ns / 1e6)


def _lateness(ids: list[int]) -> list[float]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select tick_late_ms from monitoring_sample_all where deployment_id = any(%s) "
            "and ts > now() - make_interval(secs => %s) and tick_late_ms is not null",
            [ids, MEASURE_S],
        )
        return [late for (late,) in cursor.fetchall()]
