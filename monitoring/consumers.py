"""Live pages over WebSocket. Who may listen is decided here, on the server, and again while the socket lives.

The server beats every two seconds, so that a browser knows a silent connection from a quiet market.
"""

from __future__ import annotations

import asyncio
import json
import time
from importlib import import_module
from typing import Any

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from clients.access import Action, may
from clients.models import User
from monitoring.live import Mailbox, bridge, deployment_channel, last_tile_key, last_view_key, tile_channel
from monitoring.records import Record, record_watch
from monitoring.scope import shows_pnl, watchable
from strategies.choices import Mode

SIGNED_OUT = 4401
STRANGER = 4404
BEAT_S = 2.0
RECHECK_S = 15.0
TILES_EVERY_S = 0.5

PORTAL_FRAMES = {"view", "fill"}
PNL = frozenset({"pnl_quote", "realised_quote", "unrealised_quote", "fees_quote"})
"""A client's where the mandate shares it."""
MARKET_SIDE = frozenset(
    {
        *("dep", "sent_ms", "kept_ms", "market_ns", "ts_ns", "state", "book_age_ms"),
        *("mid", "best_bid", "best_ask", "market_spread_bps", "market_bid_depth_quote", "market_ask_depth_quote"),
        *("own_bid", "own_ask", "own_spread_bps", "open_bids", "open_asks"),
        *("own_bid_depth", "own_ask_depth", "own_bid_depth_quote", "own_ask_depth_quote"),
        *("position_base", "base_total", "quote_total", "inventory_ratio", "volume_quote", "fills"),
    }
)
"""What a client may always see of a sample or tile. A figure not named here is the desk's until somebody decides."""
OF_ORDER = frozenset({"side", "level", "price", "size_base", "filled_base", "status", "age_ms"})
WORDS = frozenset({"reason", "quoting_reason"})


class LiveConsumer(AsyncWebsocketConsumer):
    """What the desk's and a deployment's socket share: scope, beat, one mailbox, one pump."""

    async def connect(self) -> None:
        # Accepted first: a browser learns the reason of a close only from a socket that was open.
        await self.accept()
        self.mailbox = Mailbox()
        self.tasks: list[asyncio.Task[None]] = []
        self.user_id = getattr(self.scope["user"], "pk", None)
        code = await self.admit()
        if code:
            await self.close(code)
            return
        self.tasks = [asyncio.create_task(self.pump()), asyncio.create_task(self.beat())]
        await self.begin()

    async def disconnect(self, code: int) -> None:
        for task in self.tasks:
            task.cancel()
        record_watch().leave(self.record)
        await bridge().unsubscribe(self)

    async def admit(self) -> int:
        """Read anew who the person is and what they may see; a close code, or 0 when they may listen."""
        raise NotImplementedError

    async def begin(self) -> None:
        raise NotImplementedError

    def record(self, pk: int, record: Record) -> None:
        raise NotImplementedError

    def frame(self, channel: str, text: str) -> None:
        raise NotImplementedError

    def broker(self, *, connected: bool, stale_s: float) -> None:
        self.say_how_stale()

    def say_how_stale(self) -> None:
        self.mailbox.put(json.dumps({"type": "server", "stale_s": round(bridge().stale_s, 1)}), key="server")

    async def pump(self) -> None:
        while True:
            for text in await self.mailbox.take():
                await self.send(text_data=text)

    async def beat(self) -> None:
        checked = time.monotonic()
        while True:
            self.say_how_stale()
            await asyncio.sleep(BEAT_S)
            if time.monotonic() - checked > RECHECK_S:
                checked = time.monotonic()
                if code := await self.admit():
                    await self.close(code)
                    return


class Nowhere(AsyncWebsocketConsumer):
    """An address that leads to nothing closes like one that is somebody else's."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(STRANGER)


class DeskConsumer(LiveConsumer):
    """Tiles of everything the person watches, gathered to two frames a second at most."""

    async def admit(self) -> int:
        found = await _scope_of(self.user_id, self.scope.get("session"))
        if found is None:
            return SIGNED_OUT
        self.of_desk, self.shares = found
        return 0

    async def begin(self) -> None:
        self.fresh: dict[int, str] = {}
        ids = list(self.shares)
        self.channels = {tile_channel(pk): pk for pk in ids}
        await bridge().subscribe(self, self.channels)
        for pk, text in zip(ids, await bridge().last([last_tile_key(pk) for pk in ids]), strict=True):
            if text is not None:
                self.fresh.setdefault(pk, _with_age(self.redacted(pk, text)))
        record_watch().follow(self.record, ids)
        self.tasks.append(asyncio.create_task(self.gather()))

    def frame(self, channel: str, text: str) -> None:
        pk = self.channels[channel]
        self.fresh[pk] = self.redacted(pk, text)

    def redacted(self, pk: int, text: str) -> str:
        if self.of_desk:
            return text
        return json.dumps(for_client(json.loads(text), with_pnl=self.shares.get(pk, False)))

    def record(self, pk: int, record: Record) -> None:
        if pk not in self.shares:
            return
        told = {name: record[name] for name in ("wanted", "observed", "held")}
        told |= {"dep": pk, "reason": record["observed_reason"] if self.of_desk else ""}
        if self.of_desk:
            told |= {"halt_ms": record["halt_ms"], "halt_proven": record["halt_proven"]}
        self.mailbox.put(json.dumps({"type": "record", "data": told}), key=("record", pk))

    async def gather(self) -> None:
        while True:
            if self.fresh:
                tiles, self.fresh = self.fresh, {}
                visible = [text for pk, text in tiles.items() if pk in self.shares]
                self.mailbox.put(f'{{"type":"tiles","tiles":[{",".join(visible)}]}}')
            await asyncio.sleep(TILES_EVERY_S)


class DeploymentConsumer(LiveConsumer):
    """Everything about one deployment; a client's people get its market side, never the desk's reasons."""

    async def admit(self) -> int:
        self.pk = int(self.scope["url_route"]["kwargs"]["pk"])
        found = await _scope_of(self.user_id, self.scope.get("session"), self.pk)
        if found is None:
            return SIGNED_OUT
        self.of_desk, shares = found
        if self.pk not in shares:
            return STRANGER
        self.with_pnl = shares[self.pk]
        return 0

    async def begin(self) -> None:
        await bridge().subscribe(self, [deployment_channel(self.pk)])
        (last,) = await bridge().last([last_view_key(self.pk)])
        if last is not None:
            self.put(_with_age(last))
        record_watch().follow(self.record, [self.pk])

    def frame(self, channel: str, text: str) -> None:
        self.put(text)

    def put(self, text: str) -> None:
        kind = msgspec.json.decode(text, type=_Kind).type
        if not self.of_desk:
            if kind not in PORTAL_FRAMES:
                return
            text = self.redacted(kind, text)
        self.mailbox.put(text, key=kind if kind in ("view", "progress") else None)

    def redacted(self, kind: str, text: str) -> str:
        frame = json.loads(text)
        if kind == "fill":
            # Only the word that there is a new one: the page then asks for what it may show.
            return json.dumps({"type": "fill", "dep": self.pk, "sent_ms": frame["sent_ms"]})
        view = frame["data"]
        told = {name: view[name] for name in ("ts_ns", "bids", "asks")}
        told |= {"sample": for_client(view["sample"], with_pnl=self.with_pnl), "notes": []}
        told["orders"] = [
            {name: value if name in OF_ORDER else "" for name, value in order.items()} for order in view["orders"]
        ]
        return json.dumps(frame | {"data": told})

    def record(self, pk: int, record: Record) -> None:
        told: dict[str, Any] = record if self.of_desk else {"wanted": record["wanted"], "observed": record["observed"]}
        self.mailbox.put(json.dumps({"type": "record", "data": told}), key="record")


def for_client(figures: dict[str, Any], *, with_pnl: bool) -> dict[str, Any]:
    """A sample or tile as its client sees it: the same names, the desk's own figures null and its words empty."""
    shown = MARKET_SIDE | PNL if with_pnl else MARKET_SIDE
    return {name: value if name in shown else "" if name in WORDS else None for name, value in figures.items()}


class _Kind(msgspec.Struct):
    type: str


def _with_age(text: str) -> str:
    """A kept frame, with how long ago it was sent: it was not made for this moment."""
    frame = json.loads(text)
    return json.dumps(frame | {"kept_ms": max(0, round(time.time() * 1000) - frame["sent_ms"])})


@database_sync_to_async
def _scope_of(
    user_id: int | None, session: SessionBase | None, pk: int | None = None
) -> tuple[bool, dict[int, bool]] | None:
    """Whether the person is the desk's, and the deployments they may hear, each with whether PnL is theirs to see.

    None for visitors, for accounts that were closed since, and for sessions that ended: signed out, run out, or of an
    older password.
    """
    if session is not None and not _still_signed_in(session):
        return None
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None:
        return None
    seen = watchable(user)
    seen = seen.filter(ended_at=None).exclude(mode=Mode.REPLAY) if pk is None else seen.filter(pk=pk)
    return may(user, Action.VIEW), {each.pk: shows_pnl(user, each) for each in seen}


def _still_signed_in(session: SessionBase) -> bool:
    """Whether a page asked for now would still find the person signed in."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session.session_key)
    return get_user(request).is_authenticated
