"""The host's side of live push: events in, frames out, never blocking a tick and never growing without bound."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection

from engine.core.legible import to_json
from engine.core.states import State
from engine.metrics.events import (
    BANDS_BPS,
    Event,
    Heard,
    Measurement,
    OrderChanged,
    QuotesSimulated,
    Sample,
    StateChanged,
    View,
    Vitals,
    stamp_of,
)
from engine.metrics.explained import Cause, TickExplained
from monitoring.live import (
    BROKER_ERRORS,
    asked_key,
    changes_key,
    connection_to,
    deployment_channel,
    last_tile_key,
    last_view_key,
    standing_key,
    ticks_key,
    tile_channel,
)

log = logging.getLogger(__name__)

KEEP_S = 3600
"""How long the newest view and tile stay readable after their deployment fell silent."""
TICKS_KEPT = 40
"""Explained ticks of one deployment, and as many again of those at which something changed."""
CHANGES_KEPT_S = 7 * 86_400
GATHER_S = 0.02
"""What happens this soon after a batch has left waits for the next: each costs the loop, and the broker, a turn."""
TILE_BAND = BANDS_BPS.index(200)
"""The depth band a tile shows: ±2 % of mid."""


_NOT_SHOWN = (OrderChanged, QuotesSimulated, Measurement, Heard, Vitals)
"""A view carries orders and market; the rest of these is for the record."""


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def event_frame(deployment_id: int, event: Event, sent_ms: int) -> bytes:
    """One event as it travels to browsers; decimals are strings."""
    kind = event.__struct_config__.tag
    return to_json(
        {"type": kind, "dep": deployment_id, "sent_ms": sent_ms, "market_ns": stamp_of(event), "data": event}
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
    return to_json(tile)


def _kept(deployment_id: int, told: TickExplained) -> list[tuple[Any, ...]]:
    """What keeps an explained tick among the last ones; told again, it replaces what was told before."""
    frame, commands = to_json(told), []
    kept = [(ticks_key(deployment_id), KEEP_S)]
    if told.cause is not Cause.ASKED:
        kept.append((changes_key(deployment_id), CHANGES_KEPT_S))
    for key, keep_s in kept:
        # A sorted set orders by floating point: stamps of nanoseconds are told apart to a quarter of a microsecond.
        commands += [
            ("ZREMRANGEBYSCORE", key, told.ts_ns, told.ts_ns),
            ("ZADD", key, told.ts_ns, frame),
            ("ZREMRANGEBYRANK", key, 0, -TICKS_KEPT - 1),
            ("EXPIRE", key, keep_s),
        ]
    return commands


class _Pending:
    """What one deployment has yet to send, and when it may."""

    __slots__ = (
        "asked", "explained", "reason", "sample", "standing", "state", "tile_due", "tile_waits", "view", "view_due",
        "view_waits", "watched",
    )  # fmt: skip

    def __init__(self) -> None:
        self.state: str = State.PAUSED.value
        self.reason = ""
        self.view: View | None = None
        self.view_waits = False
        self.view_due = 0.0
        self.sample: Sample | None = None
        self.tile_waits = False
        self.tile_due = 0.0
        self.watched = True
        """Whether anybody listened to the last view; before the first, somebody may."""
        self.asked = False
        """Whether somebody asked for explanations when the last view was sent."""
        self.explained: deque[TickExplained] = deque(maxlen=TICKS_KEPT)
        self.standing: bytes | None = None


class Publisher:
    """The host's outbox. One flusher pipelines what has gathered since the previous batch.

    Views and tiles keep a gap per deployment, other events leave at once, in order. The gaps are shorter than the
    intervals at which views and samples come: were they equal, one frame that left late would make all later ones late.
    While the broker is away views and tiles keep the newest only and at most `max_events` other frames are held, the
    oldest given up first: what matters among them is in the database.
    """

    def __init__(
        self,
        url: str,
        *,
        view_gap_s: float = 0.15,
        tile_gap_s: float = 0.5,
        gather_s: float = GATHER_S,
        max_events: int = 2000,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = _wall_ms,
    ) -> None:
        self._url = url
        self._view_gap_s = view_gap_s
        self._tile_gap_s = tile_gap_s
        self._gather_s = gather_s
        self._monotonic = monotonic
        self._wall_ms = wall_ms
        self._pending: dict[int, _Pending] = {}
        self._waiting: dict[int, _Pending] = {}
        """Those with a view or a tile to send."""
        self._events: deque[tuple[int, bytes]] = deque(maxlen=max_events)
        self._kick = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._down_since: float | None = None
        self._closing = False
        self.sent = 0
        self.given_up = 0

    def emit(self, deployment_id: int, event: Event) -> None:
        """Take an event of a service; never blocks."""
        if isinstance(event, _NOT_SHOWN):
            return
        pending = self._of(deployment_id)
        match event:
            case View():
                pending.view = event
                pending.view_waits = True
                self._waiting[deployment_id] = pending
            case Sample():
                pending.sample = event
                pending.tile_waits = True
                self._waiting[deployment_id] = pending
            case TickExplained():
                pending.explained.append(event)
                self._waiting[deployment_id] = pending
            case StateChanged():
                self.state(deployment_id, event.new.value, event.reason)
                self._append(deployment_id, event)
            case _:
                self._append(deployment_id, event)
        self._kick.set()

    def state(self, deployment_id: int, state: str, reason: str) -> None:
        """The host's own word on a deployment; its tile leaves at once."""
        pending = self._of(deployment_id)
        pending.state, pending.reason = state, reason
        pending.tile_waits, pending.tile_due = True, 0.0
        self._waiting[deployment_id] = pending
        self._kick.set()

    def standing(self, deployment_id: int, frame: bytes) -> None:
        """How a deployment works and how its components stand, for whoever looks; the newest is kept."""
        pending = self._of(deployment_id)
        pending.standing = frame
        self._waiting[deployment_id] = pending
        self._kick.set()

    def asks_why(self, deployment_id: int) -> bool:
        """Whether somebody looks at why it quotes what it quotes."""
        pending = self._pending.get(deployment_id)
        return pending is not None and pending.asked

    def _of(self, deployment_id: int) -> _Pending:
        pending = self._pending.get(deployment_id)
        if pending is None:
            pending = self._pending[deployment_id] = _Pending()
        return pending

    def is_watched(self, deployment_id: int) -> bool:
        """Whether views of it are worth their making: somebody heard the last one, or none has been sent yet."""
        pending = self._pending.get(deployment_id)
        return pending is None or pending.watched

    def forget(self, deployment_id: int) -> None:
        """The deployment is no longer ours to speak for."""
        self._pending.pop(deployment_id, None)
        self._waiting.pop(deployment_id, None)

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._run(), name="live publisher")
        return self._task

    async def stop(self, *, drain_s: float = 1.0) -> None:
        """Send what waits, if the broker takes it within `drain_s`, and end."""
        if self._task is None:
            return
        for pending in self._pending.values():
            pending.view_due = pending.tile_due = 0.0
        self._closing = True
        self._kick.set()
        await asyncio.wait([self._task], timeout=drain_s)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    def _append(self, deployment_id: int, event: Event) -> None:
        if len(self._events) == self._events.maxlen:
            self.given_up += 1
        self._events.append((deployment_id, event_frame(deployment_id, event, self._wall_ms())))

    async def _run(self) -> None:
        wait_s = 0.1
        while True:
            connection = connection_to(self._url)
            try:
                await connection.connect()
                if self._down_since is not None:
                    log.info("live broker is back after %.1f s", self._monotonic() - self._down_since)
                    for pending in self._pending.values():  # a restarted broker has forgotten the newest of each
                        pending.view_waits, pending.tile_waits = pending.view is not None, True
                        pending.watched = True  # its pages are on their way back
                    self._waiting.update(self._pending)
                self._down_since, wait_s = None, 0.1
                while True:
                    await self._flush(connection)
                    if self._closing:
                        return
                    await asyncio.sleep(self._gather_s)
                    await self._sleep_until_due()
            except BROKER_ERRORS as error:
                if self._down_since is None:
                    self._down_since = self._monotonic()
                    log.warning("live broker is away, pages will go stale: %s", error)
            finally:
                await connection.disconnect(nowait=True)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 2.0)

    async def _flush(self, connection: AbstractConnection) -> None:
        """Send everything that is due; when we close, batch after batch, until nothing is."""
        while True:
            self._kick.clear()
            events = [self._events.popleft() for _ in range(min(len(self._events), 1000))]
            commands: list[tuple[Any, ...]] = [
                ("PUBLISH", deployment_channel(deployment_id), frame) for deployment_id, frame in events
            ]
            shown: list[tuple[int, _Pending]] = []
            now, sent_ms = self._monotonic(), self._wall_ms()
            for deployment_id, pending in self._waiting.items():
                if pending.view is not None and pending.view_waits and pending.view_due <= now:
                    frame = event_frame(deployment_id, pending.view, sent_ms)
                    shown.append((len(commands), pending))
                    commands.append(("PUBLISH", deployment_channel(deployment_id), frame))
                    commands.append(("EXISTS", asked_key(deployment_id)))
                    commands.append(("SET", last_view_key(deployment_id), frame, "EX", KEEP_S))
                    pending.view_waits, pending.view_due = False, now + self._view_gap_s
                if pending.tile_waits and pending.tile_due <= now:
                    frame = tile_frame(deployment_id, pending.state, pending.reason, pending.sample, sent_ms)
                    commands.append(("PUBLISH", tile_channel(deployment_id), frame))
                    commands.append(("SET", last_tile_key(deployment_id), frame, "EX", KEEP_S))
                    pending.tile_waits, pending.tile_due = False, now + self._tile_gap_s
                if pending.standing is not None:
                    commands.append(("SET", standing_key(deployment_id), pending.standing, "EX", KEEP_S))
                    pending.standing = None
                while pending.explained:
                    commands += _kept(deployment_id, pending.explained.popleft())
            self._waiting = {key: each for key, each in self._waiting.items() if each.view_waits or each.tile_waits}
            if not commands:
                return
            try:
                await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
                heard = [await connection.read_response() for _ in commands]
            except BROKER_ERRORS:
                # The newest views and tiles are sent again on reconnection; the other events are offered again.
                room = (self._events.maxlen or 0) - len(self._events)
                self.given_up += max(0, len(events) - room)
                self._events.extendleft(reversed(events[-room:] if room else []))
                raise
            for index, pending in shown:
                pending.watched, pending.asked = heard[index] != 0, heard[index + 1] != 0
            self.sent += len(commands)
            if not self._closing and not self._events:
                return

    async def _sleep_until_due(self) -> None:
        dues = [p.view_due for p in self._waiting.values() if p.view_waits]
        dues += [p.tile_due for p in self._waiting.values() if p.tile_waits]
        wait_s = max(0.0, min(dues) - self._monotonic()) if dues else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._kick.wait()
