"""A venue's markets, read beside the loop: some have thousands, which take the library up to a second to make dicts of,
and every service of the host would have to wait for it.

A throw-away instance reads them on a loop of its own, in a thread; its requests keep to the venue's budget, which is on
ours. What it made of them is then handed over whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import msgspec

from engine.execution.rates import Turn
from engine.venues.ccxt import library
from engine.venues.ccxt.library import Library

if TYPE_CHECKING:
    from engine.venues.ccxt.wire import Wire


class Markets(NamedTuple):
    """An instance that holds them, and what the venue itself said of each as bytes: as dicts that takes twice the room
    of all the rest."""

    held_by: Library
    infos: dict[str, bytes]


async def read_markets(make: Callable[[Wire], Library], wire: Wire, *, local: tuple[str, int] | None) -> Markets:
    """Raises whatever the library raises."""
    home = asyncio.get_running_loop()

    async def read() -> Markets:
        async with _session(local) as session:
            instance = make(_Beside(wire, home, session))
            try:
                await instance.load_markets()
                return Markets(instance, _infos(instance))
            finally:
                await instance.close()

    return await asyncio.to_thread(lambda: asyncio.run(read()))


def _session(local: tuple[str, int] | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(local_addr=local),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[library.wire().tracing()],
    )


def _infos(instance: Library) -> dict[str, bytes]:
    """Take the venue's own words out of every market, in either index."""
    infos = {symbol: msgspec.json.encode(market.get("info")) for symbol, market in instance.markets.items()}
    by_id = (market for some in instance.markets_by_id.values() for market in some)
    for market in (*instance.markets.values(), *by_id):
        market["info"] = {}
    return infos


class _Beside:
    """The venue's wire as seen from another loop: the budget and what the venue says of it stay on the home one."""

    def __init__(self, wire: Wire, home: asyncio.AbstractEventLoop, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.clock = wire.clock
        self.timeout_s = wire.timeout_s
        self._wire = wire
        self._home = home

    async def turn(self, cost: float) -> None:
        await self._at_home(self._wire.turn, cost)

    def alone(self) -> AbstractAsyncContextManager[Turn]:
        return nullcontext(Turn())  # public questions carry no nonce

    async def heard(self, status: int, headers: Mapping[str, str]) -> None:
        await self._at_home(self._wire.heard, status, headers)

    async def slowed(self, headers: Mapping[str, str], text: str) -> None:
        await self._at_home(self._wire.slowed, headers, text)

    def complaint(self, answer: Any) -> str:
        return self._wire.complaint(answer)

    def connected(self, url: str) -> None:
        """Markets are asked for, never streamed."""

    async def _at_home(self, do: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        async def there() -> None:
            await do(*arguments)

        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), self._home))
