"""What every loopback venue shares: routes, answers, faults of answers, and sessions of its streams."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import WSMsgType, web

from tests.venues.core import Core
from tests.venues.faults import (
    BreakOff,
    Drop,
    Fault,
    Faults,
    Hold,
    Lane,
    Late,
    Limited,
    Never,
    Say,
    Streams,
    Truncate,
    Unheard,
)
from tests.venues.records import Market, Order, Reject

_ENCODER = msgspec.json.Encoder(decimal_format="number")
DECODER = msgspec.json.Decoder(float_hook=Decimal)
"""Numbers stay exact both ways; what a venue quotes is a str here, what it does not is a Decimal."""


def encode(payload: object) -> str:
    return _ENCODER.encode(payload).decode()


def plain(value: Decimal) -> str:
    return format(value, "f")


def texts(levels: Iterable[tuple[Decimal, Decimal]]) -> list[list[str]]:
    """Levels as most venues write them: price and size, quoted."""
    return [[plain(price), plain(size)] for price, size in levels]


def places(step: Decimal) -> int:
    """Decimal places of a step that is a power of ten."""
    return max(0, -int(step.normalize().as_tuple().exponent))


def sha256_hex(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def sha256_base64(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    api_key: str
    secret: str
    passphrase: str = ""


class Ask(msgspec.Struct, kw_only=True):
    """A request as it arrived. `target` is path and raw query; `args` those of query, path and form or JSON body."""

    call: str
    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]
    args: dict[str, Any]
    account: str = ""
    at: float = 0.0
    """When it came, by the machine's monotonic clock."""

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def text(self, name: str, default: str = "") -> str:
        value = self.args.get(name)
        return default if value is None else str(value)

    def int(self, name: str, default: int = 0) -> int:
        return int(self.text(name) or default)

    def decimal(self, name: str) -> Decimal | None:
        text = self.text(name)
        return Decimal(text) if text else None


class Wire(Exception):
    """Answer this instead."""

    def __init__(self, payload: object, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(payload)
        self.payload = payload
        self.status = status
        self.headers = headers or {}


PATIENCE_S = 10.0
Handler = Callable[[Any, Ask], object]
_ROUTES: dict[str, list[tuple[str, str, re.Pattern[str], bool, Handler]]] = {}


def call(name: str, method: str, path: str, *, private: bool = False) -> Callable[[Handler], Handler]:
    """A route: `{x}` in the path becomes an argument. `name` is what faults and the log know it by."""

    def remember(handler: Handler) -> Handler:
        pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path))
        routes = handler.__dict__.setdefault("routes", [])
        routes.append((name, method, pattern, private))
        return handler

    return remember


class Session:
    """One WebSocket connection. `account` is set when it has logged in; `topics` is what it has subscribed to."""

    def __init__(self, venue: Venue, socket: web.WebSocketResponse, path: str, query: dict[str, str]) -> None:
        self.venue = venue
        self.path = path
        self.query = query
        self.account = ""
        self.topics: dict[str, Any] = {}
        self._socket = socket
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._held: list[str] = []

    def push(self, message: object, lane: Lane = "control") -> None:
        """Send in order, as the faults of the streams have it. A str goes out as it is."""
        streams = self.venue.streams
        if lane in streams.mute:
            return
        text = message if isinstance(message, str) else encode(message)
        if lane != "private":
            self._outgoing.put_nowait(text)
            return
        self._held.append(text)
        if len(self._held) >= streams.reverse_private:
            for each in reversed(self._held):
                for _ in range(2 if streams.double_private else 1):
                    self._outgoing.put_nowait(each)
            self._held.clear()

    async def run(self) -> None:
        writer = asyncio.get_running_loop().create_task(self._write())
        try:
            self.venue.opened(self)
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    self.venue.hear(self, message.data)
                elif message.type is WSMsgType.PING and "control" not in self.venue.streams.mute:
                    await self._socket.pong(message.data)
        finally:
            writer.cancel()

    async def _write(self) -> None:
        while True:
            try:
                await self._socket.send_str(await self._outgoing.get())
            except ConnectionError:
                return

    async def cut(self) -> None:
        """Close the connection under the client, without a goodbye."""
        transport = self._socket._req.transport if self._socket._req is not None else None
        if transport is not None:
            transport.abort()
        await asyncio.sleep(0)


class Venue:
    """One venue: its books, its wire format and its faults. A subclass has routes, and knows a stream's messages.

    log       every request that matched a route, in order; `unknown` what matched none
    sessions  the open connections of its streams
    """

    id: ClassVar[str]
    keys: ClassVar[Keys]
    has_streams: ClassVar[bool] = True
    checks_stamps: ClassVar[bool] = True
    """Whether a request of another time is refused."""
    refuses_the_overtaken: ClassVar[bool] = False
    """Whether a request is refused that arrives after a later one: its nonce is too low by then."""
    tells_fills_as_orders: ClassVar[bool] = True
    """Whether the stream of orders tells of executions, too."""
    finest_lot: ClassVar[Decimal | None] = None
    """Its lot, where all its markets have one."""
    tells_quotes: ClassVar[bool] = True
    """Whether its ticker has the best bid and ask."""
    counts_seconds: ClassVar[bool] = False
    """Whether histories are asked for by whole seconds."""
    rules: ClassVar[dict[str, Any]] = {}
    """How this venue's core differs from others."""

    def __init__(self, *markets: Market) -> None:
        self.books = core = Core(markets, **self.rules)
        self.clock = core.clock
        self.faults = Faults()
        self.streams = Streams()
        self.log: list[Ask] = []
        self.unknown: list[str] = []
        self.sessions: list[Session] = []
        self.by_key = {self.keys.api_key: self.keys}
        self.address = ""
        """Where it is served: what a client puts before `/scheme/host/path` of the venue's own addresses."""
        self._stirred = asyncio.Event()
        self._stale: list[Order] | None = None
        core.on_event.append(self.on_event)
        core.on_book.append(self.on_book)
        core.on_print.append(self.on_print)
        core.on_balance.append(self.on_balance)

    # What a subclass says

    def authenticate(self, ask: Ask) -> Keys:
        """Whose request it is. Raises Wire with the venue's own refusal."""
        raise NotImplementedError

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        """The core's no in the venue's words."""
        raise NotImplementedError

    def unheard_of(self) -> Wire:
        """An error in the venue's format with a code that nobody documented."""
        raise NotImplementedError

    def rate_limited(self, retry_after_s: int) -> Wire:
        """The venue's own words for too many requests."""
        raise NotImplementedError

    def says_when_to_come_back(self, retry_after_s: int) -> int:
        """For how long its "too many requests" asks for silence; 0 when it does not say."""
        return 0

    def headers(self, ask: Ask) -> dict[str, str]:
        return {}

    def opened(self, session: Session) -> None: ...

    def closed(self, session: Session) -> None: ...

    def hear(self, session: Session, text: str) -> None: ...

    def on_event(self, event: Any) -> None: ...

    def on_book(self, change: Any) -> None: ...

    def on_print(self, public: Any) -> None: ...

    def on_balance(self, account: str, assets: list[str]) -> None: ...

    def listens(self, account: str) -> bool:
        """Whether somebody hears of the account's orders."""
        return bool(self.of_account(account))

    # What a test asks

    def requests(self, *calls: str) -> list[Ask]:
        return [ask for ask in self.log if ask.call in calls]

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until something is so that a request or a connection can bring about. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while not happened():
                self._stirred.clear()
                await self._stirred.wait()

    async def cut(self, *, private: bool | None = None) -> None:
        """Cut the streams: all, or those that have logged in, or those that have not."""
        for session in list(self.sessions):
            if private is None or bool(session.account) is private:
                await session.cut()

    # Requests

    def routes(self) -> Iterator[tuple[str, str, re.Pattern[str], bool, Handler]]:
        kind = type(self)
        if kind.__qualname__ not in _ROUTES:
            handlers = [getattr(kind, name) for name in dir(kind)]
            _ROUTES[kind.__qualname__] = [
                (*route, handler) for handler in handlers for route in getattr(handler, "routes", ())
            ]
        yield from _ROUTES[kind.__qualname__]

    async def serve(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._serve_stream(request, path)
        body = (await request.read()).decode()
        query = request.raw_path.partition("?")[2]
        for name, method, pattern, is_private, handler in self.routes():
            found = pattern.fullmatch(path)
            if found and method == request.method:
                args = dict(parse_qsl(query, keep_blank_values=True)) | self._body_args(request, body)
                ask = Ask(
                    call=name,
                    method=method,
                    path=path,
                    query=query,
                    body=body,
                    headers={key.lower(): value for key, value in request.headers.items()},
                    args=args | found.groupdict(),
                    at=time.monotonic(),
                )
                self.log.append(ask)
                self._stirred.set()
                return await self._answer(request, ask, handler if is_private else None, handler)
        self.unknown.append(f"{request.method} {path}?{query} {body}")
        return web.Response(status=404, text="{}", content_type="application/json")

    @staticmethod
    def _body_args(request: web.BaseRequest, body: str) -> dict[str, Any]:
        if not body:
            return {}
        if "json" in request.content_type or body[0] in "{[":
            decoded = DECODER.decode(body)
            return decoded if isinstance(decoded, dict) else {"items": decoded}
        return dict(parse_qsl(body, keep_blank_values=True))

    async def _answer(
        self, request: web.BaseRequest, ask: Ask, private: Handler | None, handler: Handler
    ) -> web.StreamResponse:
        fault = self.faults.take(ask.call)
        if isinstance(fault, Late):
            await fault.until.wait()
        if fault is not None and not fault.acts:
            answer = self._said(ask, self._instead(fault))
        else:
            try:
                self.books.tick()
                if private is not None:
                    ask.account = self.authenticate(ask).account
                answer = self._said(ask, Wire(handler(self, ask)))
            except Reject as reject:
                answer = self._said(ask, self.refusal(reject, ask))
            except Wire as other:
                answer = self._said(ask, other)
            if isinstance(fault, Unheard):
                answer = self._said(ask, self.unheard_of())
        self._stirred.set()
        return answer if fault is None else await self._spoil(request, fault, answer)

    def _instead(self, fault: Fault) -> Wire:
        if isinstance(fault, Limited):
            return self.rate_limited(fault.retry_after_s)
        return self.unheard_of() if isinstance(fault, Unheard) else Wire({})

    def _said(self, ask: Ask, wire: Wire) -> web.Response:
        return web.Response(
            text=encode(wire.payload),
            status=wire.status,
            content_type="application/json",
            headers=self.headers(ask) | wire.headers,
        )

    async def _spoil(self, request: web.BaseRequest, fault: Fault, answer: web.Response) -> web.StreamResponse:
        if isinstance(fault, Hold):
            await fault.until.wait()
        elif isinstance(fault, Never):
            await asyncio.Event().wait()
        elif isinstance(fault, Drop):
            assert request.transport is not None
            request.transport.abort()
        elif isinstance(fault, Say):
            return web.Response(
                text=fault.text, status=fault.status, content_type=fault.content_type, headers=fault.headers
            )
        elif isinstance(fault, Truncate | BreakOff):
            text = answer.text or ""
            half = text[: len(text) // 2]
            if isinstance(fault, Truncate):
                return web.Response(text=half, status=answer.status, content_type="application/json")
            broken = web.StreamResponse(
                headers={"Content-Type": "application/json", "Content-Length": str(len(text.encode()))}
            )
            await broken.prepare(request)
            await broken.write(half.encode())
            assert request.transport is not None
            request.transport.close()
            return broken
        return answer

    async def _serve_stream(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        session = Session(self, socket, path, dict(parse_qsl(request.raw_path.partition("?")[2])))
        self.sessions.append(session)
        self._stirred.set()
        try:
            await session.run()
        finally:
            self.sessions.remove(session)
            self.closed(session)
            self._stirred.set()
        return socket

    # What subclasses use

    def subscribed(self, topic: str) -> list[Session]:
        return [session for session in self.sessions if topic in session.topics]

    def of_account(self, account: str) -> list[Session]:
        return [session for session in self.sessions if session.account == account]

    def stirred(self) -> None:
        """Something that a test may wait for has happened."""
        self._stirred.set()

    def open_orders(self, account: str, symbol: str = "") -> list[Order]:
        """As the venue lists them: possibly as they were some time ago."""
        if not self.faults.stale_open_orders:
            self._stale = None
            return self.books.resting(account, symbol)
        if self._stale is None:
            self._stale = [msgspec.structs.replace(order) for order in self.books.resting(account)]
        return [order for order in self._stale if symbol in ("", order.market.symbol)]

    def skips_depth(self) -> bool:
        """Whether the next order-book frame is lost."""
        if not self.streams.skip_depth:
            return False
        self.streams.skip_depth -= 1
        return True

    def spoils_checksum(self) -> bool:
        if not self.streams.spoil_checksums:
            return False
        self.streams.spoil_checksums -= 1
        return True

    def market_by(self, name: str, spell: Callable[[Market], str]) -> Market:
        """The market a venue spells so. Raises Reject for none."""
        for market in self.books.markets.values():
            if spell(market) == name:
                return market
        raise Reject("unknown_market", f"there is no market {name}")
