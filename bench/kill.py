"""The kill control: from the click to the moment the paper venue reports that nothing rests, 20 deployments in turn."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from urllib.parse import urlencode

import websockets

from bench import Figure, percentile
from bench._stage import open_desk, paper_deployments, session_cookie, wait_until_active
from mmplatform.desk import Address

COUNT = 20
SETTLE_S = 5.0


def run() -> list[Figure]:
    with open_desk() as address:
        deployments = paper_deployments(COUNT, interval_ms=1000, first_seed=300)
        wait_until_active(deployments)
        time.sleep(SETTLE_S)
        cookie = session_cookie()
        clicks_ms, proven = [], 0
        for deployment in deployments:
            took_ms, is_proven = asyncio.run(_kill(address, cookie, deployment.pk))
            clicks_ms.append(took_ms)
            proven += is_proven
    return [
        Figure(name="click to nothing resting p50", value=percentile(clicks_ms, 0.50), unit="ms"),
        Figure(name="click to nothing resting, worst", value=max(clicks_ms), unit="ms", at_most=250),
        Figure(name="proven clean at the venue", value=proven, unit="of 20", at_least=COUNT),
    ]


async def _kill(address: Address, cookie: str, pk: int) -> tuple[float, bool]:
    """Post the form as the page does, and wait for the frame that says the venue is clean."""
    page = f"{address.url}/deployments/{pk}/"
    token = "b" * 32
    cookies = f"{cookie}; csrftoken={token}"
    url = page.replace("http", "ws", 1).replace("/deployments/", "/ws/deployments/")
    async with websockets.connect(url, additional_headers={"Cookie": cookie, "Origin": address.url}) as socket:
        await socket.recv()
        form = urlencode({"reason": "bench", "csrfmiddlewaretoken": token}).encode()
        request = urllib.request.Request(
            f"{page}kill/", data=form, headers={"Cookie": cookies, "Referer": page, "Origin": address.url}
        )
        clicked = time.perf_counter()
        posted = asyncio.get_running_loop().run_in_executor(None, lambda: urllib.request.urlopen(request, timeout=10))
        while True:
            frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
            if frame["type"] == "halt":
                took_ms = (time.perf_counter() - clicked) * 1000
                (await posted).close()
                return took_ms, frame["data"]["proven_clean"]
