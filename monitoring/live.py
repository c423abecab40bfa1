"""Live push: hosts publish what just happened, every web process shares one subscription, browsers get the newest.

Channels (JSON text frames): `live:dep:<id>` carries everything about one deployment, `live:tile:<id>` one small summary
a second at most. The newest of both are also kept for an hour under `live:last:view:<id>` and `live:last:tile:<id>`, so
that a page has something to show before the next tick; beside them are the last explained ticks and how the components
stand, which `monitoring/kept.py` reads. Nothing here is a record: losing the broker loses frames only.
The host's side is monitoring/publisher.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Protocol
from weakref import WeakKeyDictionary

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

BROKER_ERRORS = (RedisError, OSError, TimeoutError, EOFError)


def deployment_channel(deployment_id: int) -> str:
    return f"live:dep:{deployment_id}"


def tile_channel(deployment_id: int) -> str:
    return f"live:tile:{deployment_id}"


def last_view_key(deployment_id: int) -> str:
    return f"live:last:view:{deployment_id}"


def last_tile_key(deployment_id: int) -> str:
    return f"live:last:tile:{deployment_id}"


def standing_key(deployment_id: int) -> str:
    """The newest word of a host on how a deployment works: vitals, and how each component stands."""
    return f"live:last:standing:{deployment_id}"


def ticks_key(deployment_id: int) -> str:
    """The last explained ticks, by stamp."""
    return f"live:why:{deployment_id}"


def changes_key(deployment_id: int) -> str:
    """Those among them at which something changed, kept for longer."""
    return f"live:why:changes:{deployment_id}"


def asked_key(deployment_id: int) -> str:
    """There while somebody asks why it quotes what it quotes."""
    return f"live:why:asked:{deployment_id}"


def connection_to(url: str) -> AbstractConnection:
    """A bare connection that never reconnects behind our back: what a lost broker means is decided here."""
    client = Redis.from_url(
        url, protocol=2, retry=Retry(NoBackoff(), 0), socket_connect_timeout=2, socket_timeout=5, max_connections=1
    )
    return client.connection_pool.make_connection()


class Listener(Protocol):
    """One WebSocket consumer. Both methods are called on the loop and must only take note."""

    def frame(self, channel: str, text: str) -> None: ...

    def broker(self, *, connected: bool, stale_s: float) -> None:
        """The broker was lost (`stale_s` 0) or is back after `stale_s` seconds: what happened between was not seen."""
        ...


class Bridge:
    """One broker connection a web process, shared by every listener of a channel, dropped with the last of them.

    It reconnects by itself and subscribes again; a silent broker counts as lost after `silence_s`.
    """

    def __init__(self, url: str, *, silence_s: float = 5.0) -> None:
        self._url = url
        self._silence_s = silence_s
        self._listeners: dict[str, set[Listener]] = {}
        self._connection: AbstractConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._lost_at: float | None = None
        self._client: Redis | None = None

    @property
    def stale_s(self) -> float:
        """Seconds since the broker was lost; zero while connected."""
        return 0.0 if self._lost_at is None else time.monotonic() - self._lost_at

    async def subscribe(self, listener: Listener, channels: Iterable[str]) -> None:
        new = []
        for channel in channels:
            if channel not in self._listeners:
                self._listeners[channel] = set()
                new.append(channel)
            self._listeners[channel].add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="live bridge")
        elif new:
            await self._send("SUBSCRIBE", *new)

    async def unsubscribe(self, listener: Listener) -> None:
        """Forget a listener on every channel it follows."""
        empty = []
        for channel, listeners in self._listeners.items():
            listeners.discard(listener)
            if not listeners:
                empty.append(channel)
        for channel in empty:
            del self._listeners[channel]
        if empty:
            await self._send("UNSUBSCRIBE", *empty)

    async def last(self, keys: list[str]) -> list[str | None]:
        """The stored frames under the given keys; None where there is none or the broker is away."""
        if not keys:
            return []
        if self._client is None:
            self._client = Redis.from_url(self._url, socket_connect_timeout=2, socket_timeout=2)
        try:
            frames = await self._client.mget(keys)
        except BROKER_ERRORS:
            return [None] * len(keys)
        return [None if frame is None else frame.decode() for frame in frames]

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _send(self, *command: str) -> None:
        connection = self._connection
        if connection is None:
            return  # the next connection subscribes to whatever is listened to by then
        with contextlib.suppress(*BROKER_ERRORS):  # the reader notices the loss and reconnects
            await connection.send_command(*command, check_health=False)

    async def _run(self) -> None:
        wait_s = 0.1
        while True:
            connection = connection_to(self._url)
            try:
                await connection.connect()
                self._connection = connection  # from here on new channels are subscribed as they come
                await connection.send_command("SUBSCRIBE", "live:bridge", *self._listeners, check_health=False)
                await self._read(connection)
            except BROKER_ERRORS as error:
                self._lost(error)
            finally:
                self._connection = None
                await connection.disconnect(nowait=True)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 1.0) if self._lost_at is not None else 0.1

    async def _read(self, connection: AbstractConnection) -> None:
        pinged = False
        while True:
            try:
                async with asyncio.timeout(self._silence_s / 2):
                    answer = await connection.read_response(timeout=float("inf"), disconnect_on_error=False)
            except TimeoutError:
                if pinged:
                    raise TimeoutError(f"the live broker was silent for {self._silence_s:g} s") from None
                pinged = True
                await connection.send_command("PING", check_health=False)
                continue
            pinged = False
            if answer[0] == b"subscribe" and self._lost_at is not None:
                self._regained()
            if answer[0] != b"message":
                continue
            channel, text = answer[1].decode(), answer[2].decode()
            for listener in tuple(self._listeners.get(channel, ())):
                listener.frame(channel, text)

    def _lost(self, error: BaseException) -> None:
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            log.warning("live bridge lost the broker: %s", error)
            self._tell(connected=False, stale_s=0.0)

    def _regained(self) -> None:
        stale_s, self._lost_at = self.stale_s, None
        log.info("live bridge is connected again after %.1f s", stale_s)
        self._tell(connected=True, stale_s=stale_s)

    def _tell(self, *, connected: bool, stale_s: float) -> None:
        for listener in {each for group in self._listeners.values() for each in group}:
            listener.broker(connected=connected, stale_s=stale_s)


_bridges: WeakKeyDictionary[asyncio.AbstractEventLoop, Bridge] = WeakKeyDictionary()


def bridge() -> Bridge:
    """The bridge of the running loop; a web process has one."""
    loop = asyncio.get_running_loop()
    if loop not in _bridges:
        _bridges[loop] = Bridge(settings.REDIS_URL)
    return _bridges[loop]


class Mailbox:
    """What one browser has yet to receive: the newest frame per key, and the last `events` frames without one.

    A browser that never reads costs this much memory and no more.
    """

    def __init__(self, *, events: int = 256) -> None:
        self._newest: dict[Hashable, str] = {}
        self._events: deque[str] = deque(maxlen=events)
        self._ready = asyncio.Event()
        self.dropped = 0

    def put(self, text: str, *, key: Hashable | None = None) -> None:
        if key is not None:
            self._newest[key] = text
        else:
            self.dropped += len(self._events) == self._events.maxlen
            self._events.append(text)
        self._ready.set()

    async def take(self) -> list[str]:
        """Wait for something, then hand over all of it: events in order first, then the newest states."""
        await self._ready.wait()
        self._ready.clear()
        frames = [*self._events, *self._newest.values()]
        self._events.clear()
        self._newest.clear()
        return frames
