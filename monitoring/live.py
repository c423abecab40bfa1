"""Live push: hosts publish what just happened, every web process shares one subscription, browsers get the newest.

Channels (JSON text frames): `live:dep:<id>` carries everything about one deployment, `live:tile:<id>` one small summary
a second at most. The newest view and tile are also kept for an hour under `live:last:view:<id>` and `live:last:tile:<id>`,
so that a page has something to show before the next tick. Nothing here is a record: losing the broker loses frames only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import msgspec
from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from engine.core.states import State
from engine.metrics.events import (
    BANDS_BPS,
    Event,
    FillRecorded,
    HaltCompleted,
    OrderChanged,
    Sample,
    StateChanged,
    View,
)

log = logging.getLogger(__name__)

KEEP_S = 3600
"""How long the newest view and tile stay readable after their deployment fell silent."""
TILE_BAND = 2
"""Index of ±2 % in BANDS_BPS: the depth a tile shows."""
BROKER_ERRORS = (RedisError, OSError, TimeoutError, EOFError)

assert BANDS_BPS[TILE_BAND] == 200


def deployment_channel(deployment_id: int) -> str:
    return f"live:dep:{deployment_id}"


def tile_channel(deployment_id: int) -> str:
    return f"live:tile:{deployment_id}"


def last_view_key(deployment_id: int) -> str:
    return f"live:last:view:{deployment_id}"


def last_tile_key(deployment_id: int) -> str:
    return f"live:last:tile:{deployment_id}"


def connect(url: str) -> Redis:
    """A client that fails fast and never retries by itself: waiting is decided here, where it can be seen."""
    return Redis.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=2,
        socket_timeout=5,
        single_connection_client=True,
    )


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def event_frame(deployment_id: int, event: Event, sent_ms: int) -> bytes:
    """One event as it travels to browsers; decimals are strings."""
    kind = event.__struct_config__.tag
    stamp = event.fill.ts_ns if isinstance(event, FillRecorded) else None
    if stamp is None:
        stamp = event.completed_ns if isinstance(event, HaltCompleted) else event.ts_ns
    return msgspec.json.encode(
        {"type": kind, "dep": deployment_id, "sent_ms": sent_ms, "market_ns": stamp, "data": event}
    )


def tile_frame(deployment_id: int, state: str, reason: str, sample: Sample | None, sent_ms: int) -> bytes:
    """The summary of one deployment. Without a sample every figure is null: not observed, never zero."""
    tile: dict[str, Any] = {"dep": deployment_id, "sent_ms": sent_ms, "state": state, "reason": reason}
    if sample is None:
        sample = Sample(ts_ns=0, state=State(state))
    observed = sample.ts_ns > 0
    bids, asks = sample.own_bid_depth_quote, sample.own_ask_depth_quote
    tile |= {
        "mid": sample.mid,
        "own_spread_bps": sample.own_spread_bps,
        "market_spread_bps": sample.market_spread_bps,
        "own_bid_depth": bids[TILE_BAND] if bids else None,
        "own_ask_depth": asks[TILE_BAND] if asks else None,
        "inventory_ratio": sample.inventory_ratio,
        "position_base": sample.position_base if observed else None,
        "pnl_quote": sample.total_pnl_quote,
        "book_age_ms": sample.book_age_ms,
        "open_bids": sample.open_bids if observed else None,
        "open_asks": sample.open_asks if observed else None,
        "quoting_reason": sample.quoting_reason,
        "market_ns": sample.ts_ns if observed else None,
    }
    return msgspec.json.encode(tile)


class _Pending:
    """What one deployment has yet to send, and when it may."""

    __slots__ = ("reason", "sample", "state", "tile_due", "tile_waits", "view", "view_due", "view_waits")

    def __init__(self) -> None:
        self.state: str = State.PAUSED.value
        self.reason = ""
        self.view: View | None = None
        self.view_waits = False
        self.view_due = 0.0
        self.sample: Sample | None = None
        self.tile_waits = False
        self.tile_due = 0.0


class Publisher:
    """The host's outbox. One flusher pipelines what has gathered while the previous batch was on its way.

    Views are coalesced to `views_per_s` a deployment and tiles to one a second; other events leave at once, in order.
    While the broker is away views and tiles keep the newest only and at most `max_events` other frames are held, the
    oldest given up first: what matters among them is in the database.
    """

    def __init__(
        self,
        url: str,
        *,
        views_per_s: float = 5.0,
        max_events: int = 2000,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = _wall_ms,
    ) -> None:
        self._url = url
        self._view_gap_s = 1.0 / views_per_s
        self._monotonic = monotonic
        self._wall_ms = wall_ms
        self._pending: dict[int, _Pending] = {}
        self._events: deque[tuple[int, bytes]] = deque(maxlen=max_events)
        self._kick = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._down_since: float | None = None
        self.sent = 0
        self.given_up = 0

    def emit(self, deployment_id: int, event: Event) -> None:
        """Take an event of a service; never blocks."""
        pending = self._pending.setdefault(deployment_id, _Pending())
        match event:
            case View():
                pending.view = event
                pending.view_waits = True
            case Sample():
                pending.sample = event
                pending.tile_waits = True
            case OrderChanged():
                return  # a view carries every resting order; single transitions are for the record
            case StateChanged():
                self.state(deployment_id, event.new.value, event.reason)
                self._append(deployment_id, event)
            case _:
                self._append(deployment_id, event)
        self._kick.set()

    def state(self, deployment_id: int, state: str, reason: str) -> None:
        """The host's own word on a deployment; its tile leaves at once."""
        pending = self._pending.setdefault(deployment_id, _Pending())
        pending.state, pending.reason = state, reason
        pending.tile_waits, pending.tile_due = True, 0.0
        self._kick.set()

    def forget(self, deployment_id: int) -> None:
        """The deployment is no longer ours to speak for."""
        self._pending.pop(deployment_id, None)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="live publisher")

    async def stop(self, *, drain_s: float = 1.0) -> None:
        """Send what waits, if the broker takes it within `drain_s`, and end."""
        if self._task is None:
            return
        deadline = self._monotonic() + drain_s
        for pending in self._pending.values():
            pending.view_due = pending.tile_due = 0.0
        self._kick.set()
        while self._waiting() and self._down_since is None and self._monotonic() < deadline:
            await asyncio.sleep(0.01)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    def _append(self, deployment_id: int, event: Event) -> None:
        if len(self._events) == self._events.maxlen:
            self.given_up += 1
        self._events.append((deployment_id, event_frame(deployment_id, event, self._wall_ms())))

    def _waiting(self) -> bool:
        return bool(self._events) or any(p.view_waits or p.tile_waits for p in self._pending.values())

    async def _run(self) -> None:
        wait_s = 0.1
        while True:
            client = connect(self._url)
            try:
                await client.initialize()
                await client.ping()
                if self._down_since is not None:
                    log.info("live broker is back after %.1f s", self._monotonic() - self._down_since)
                    for pending in self._pending.values():  # a restarted broker has forgotten the newest of each
                        pending.view_waits, pending.tile_waits = pending.view is not None, True
                self._down_since, wait_s = None, 0.1
                while True:
                    await self._flush(client)
                    await self._sleep_until_due()
            except BROKER_ERRORS as error:
                if self._down_since is None:
                    self._down_since = self._monotonic()
                    log.warning("live broker is away, pages will go stale: %s", error)
            finally:
                with contextlib.suppress(*BROKER_ERRORS):
                    await client.aclose()
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 2.0)

    async def _flush(self, client: Redis) -> None:
        """Send everything that is due, batch after batch, until nothing is."""
        while True:
            self._kick.clear()
            events = [self._events.popleft() for _ in range(min(len(self._events), 1000))]
            pipe = client.pipeline(transaction=False)
            for deployment_id, frame in events:
                pipe.execute_command("PUBLISH", deployment_channel(deployment_id), frame)
            now, sent_ms = self._monotonic(), self._wall_ms()
            for deployment_id, pending in self._pending.items():
                if pending.view is not None and pending.view_waits and pending.view_due <= now:
                    frame = event_frame(deployment_id, pending.view, sent_ms)
                    pipe.execute_command("PUBLISH", deployment_channel(deployment_id), frame)
                    pipe.execute_command("SET", last_view_key(deployment_id), frame, "EX", KEEP_S)
                    pending.view_waits, pending.view_due = False, now + self._view_gap_s
                if pending.tile_waits and pending.tile_due <= now:
                    frame = tile_frame(deployment_id, pending.state, pending.reason, pending.sample, sent_ms)
                    pipe.execute_command("PUBLISH", tile_channel(deployment_id), frame)
                    pipe.execute_command("SET", last_tile_key(deployment_id), frame, "EX", KEEP_S)
                    pending.tile_waits, pending.tile_due = False, now + 1.0
            if not len(pipe):
                return
            try:
                await pipe.execute()
            except BROKER_ERRORS:
                # The newest views and tiles are sent again on reconnection; the other events are offered again.
                room = (self._events.maxlen or 0) - len(self._events)
                self.given_up += max(0, len(events) - room)
                self._events.extendleft(reversed(events[-room:] if room else []))
                raise
            self.sent += len(pipe)

    async def _sleep_until_due(self) -> None:
        dues = [p.view_due for p in self._pending.values() if p.view_waits]
        dues += [p.tile_due for p in self._pending.values() if p.tile_waits]
        wait_s = max(0.0, min(dues) - self._monotonic()) if dues else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._kick.wait()


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
            client = connect(self._url)
            connection = client.connection_pool.make_connection()
            try:
                await connection.connect()
                if self._listeners:
                    await connection.send_command("SUBSCRIBE", *self._listeners, check_health=False)
                self._connection = connection
                # A channel added while SUBSCRIBE was under way would be missed without this second look.
                await connection.send_command("SUBSCRIBE", "live:bridge", *self._listeners, check_health=False)
                await self._read(connection)
            except BROKER_ERRORS as error:
                self._lost(error)
            finally:
                self._connection = None
                await connection.disconnect(nowait=True)
                await client.aclose()
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
