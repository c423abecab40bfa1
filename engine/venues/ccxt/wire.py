"""How ccxt reaches a venue: over our session, within our budget, never twice, and honest about what came back.

Its own `fetch` follows redirects with signed requests, sends a PUT or DELETE again when a connection closes, takes a
body that broke off for a refusal and a page of HTML for an answer. Nothing above this file does.

Imports ccxt: for `library.py` alone, which imports this late.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import ccxt
from yarl import URL

from engine.core.clock import Clock
from engine.execution.rates import Turn
from engine.venues.ccxt.calls import Call, carried_by, current_call
from engine.venues.ccxt.errors import slows_down
from engine.venues.ccxt.exact import ExactClient
from engine.venues.ccxt.sockets import LiveClient

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""A venue's list of markets may have ten."""


class Unanswered(ccxt.NetworkError):  # type: ignore[misc]
    """The connection broke, or nothing came in time."""


class Garbled(ccxt.BadResponse):  # type: ignore[misc]
    """An answer came that can be no answer to what was asked."""


class Wire(Protocol):
    """What a ccxt instance is given to reach its venue with."""

    session: aiohttp.ClientSession
    clock: Clock
    timeout_s: float

    async def turn(self, cost: float) -> None:
        """Wait until so much may be spent. Raises NotReady: nothing may be sent."""
        ...

    def alone(self) -> AbstractAsyncContextManager[Turn]:
        """Held from the nonce to the answer, where the venue takes one request at a time; else nobody waits in it.
        Tells the last nonce that was used, and is told the next."""
        ...

    async def heard(self, status: int, headers: Mapping[str, str]) -> None:
        """An answer came: its status and headers may say how much we have left."""
        ...

    async def slowed(self, headers: Mapping[str, str], text: str) -> None:
        """The venue said in words, `text`, that we ask too much, perhaps under a status that tells nothing of it."""
        ...

    def complaint(self, answer: Any) -> str:
        """Why an answer is a failure that the library takes for a success; empty when it is none."""
        ...

    def connected(self, url: str) -> None:
        """A socket was opened, for the first time or again."""
        ...


class Wired:
    """In front of a ccxt class: its requests over a `Wire`. `wire` is set right after it is made."""

    wire: Wire
    _last_nonce = 0

    async def throttle(self, cost: float | None = None) -> None:
        """Nothing: `fetch2` has paid before it came here."""

    async def fetch2(
        self,
        path: str,
        api: Any = "public",
        method: str = "GET",
        params: dict[str, Any] = {},  # noqa: B006 - as the library calls it
        config: dict[str, Any] = {},  # noqa: B006
    ) -> Any:
        """The budget first, then the turn: who waits for the budget must not keep a cancel from going."""
        this: Any = self
        await self.wire.turn(float(this.calculate_rate_limiter_cost(api, method, path, params, config)))
        async with self.wire.alone() as turn:
            self._last_nonce = max(self._last_nonce, turn.last)
            try:
                return await super().fetch2(path, api, method, params, config)  # type: ignore[misc]
            finally:
                turn.last = self._last_nonce

    def nonce(self) -> Any:
        """The venue's own kind of number, but never the same twice, and never a lower one."""
        found = super().nonce()  # type: ignore[misc]
        if type(found) is int:
            found = self._last_nonce = max(found, self._last_nonce + 1)
        return found

    def client(self, url: str) -> Any:
        client = super().client(url)  # type: ignore[misc]
        if client.__class__ is ExactClient:
            client.__class__ = LiveClient
            client.clock = self.wire.clock
        carried_by(client)
        return client

    def on_connected(self, client: Any, message: Any = None) -> None:
        super().on_connected(client, message)  # type: ignore[misc]
        self.wire.connected(client.url)

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        this: Any = self
        call = current_call()
        sent_headers = this.prepare_request_headers(headers)
        what = f"{method} {urlsplit(url).hostname}{urlsplit(url).path}"
        call.check()
        status, reason, answer_headers, answer = await _exchange(
            self.wire, call, what, method, url, sent_headers, _body(body, sent_headers)
        )
        this.last_response_headers = answer_headers
        await self.wire.heard(status, answer_headers)
        answer = this.on_rest_response(status, reason, url, method, answer_headers, answer, sent_headers, body)
        found = this.parse_json(answer)
        try:
            this.handle_errors(status, reason, url, method, answer_headers, answer, found, sent_headers, body)
        except Exception as error:  # the venue's own words, in the library's: what is not certain passes on as it is
            if slows_down(error):
                await self.wire.slowed(answer_headers, str(error))
            if status == 401 and type(error) is ccxt.ExchangeError:
                # A code without a name, and yet the plainest word there is.
                raise ccxt.AuthenticationError(str(error)) from None
            raise
        if why := self.wire.complaint(found):
            raise Garbled(f"{what}: {why}")
        # Queries hold keys and signatures, and the library's words repeat the whole address.
        this.handle_http_status_code(status, reason, what, method, answer)
        if status >= 400:
            raise Garbled(f"{what} answered {status} with a code nobody knows: {answer[:200]}")
        if status >= 300:
            raise Garbled(f"{what} answered {status}, a redirect, which a signed request does not follow")
        if call.is_question and not found and not isinstance(found, list):
            # Nothing at all would read as no orders, no executions, no money.
            raise Garbled(f"{what} answered {status} with nothing: {answer[:200]!r}")
        if found is not None:
            return found
        if answer[:1] in ("{", "[", "<"):
            raise Garbled(f"{what} answered {status} with what cannot be read: {answer[:200]}")
        return answer


async def _exchange(
    wire: Wire, call: Call, what: str, method: str, url: str, headers: dict[str, str], body: Any
) -> tuple[int, str, dict[str, str], str]:
    """Send one request and read its answer whole. Raises Unanswered or Garbled."""
    timeout = aiohttp.ClientTimeout(total=wire.timeout_s, sock_connect=wire.timeout_s, sock_read=wire.timeout_s)
    try:
        async with wire.session.request(
            method,
            URL(url, encoded=True),
            data=body,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            trace_request_ctx=_Trip(call),
        ) as response:
            content = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                content += chunk
                if len(content) > MAX_RESPONSE_BYTES:
                    response.close()
                    raise Garbled(f"{what} answered with more than {MAX_RESPONSE_BYTES} bytes")
            joined: dict[str, str] = {}
            for name, value in response.headers.items():
                joined[name] = f"{joined[name]}, {value}" if name in joined else value
            return response.status, response.reason or "", joined, content.decode("utf-8", "replace")
    except TimeoutError:
        raise Unanswered(f"{what} was not answered within {wire.timeout_s:g} s") from None
    except (aiohttp.ClientError, OSError) as error:
        # From nothing: the library's error, and whoever prints it, may show the whole address.
        raise Unanswered(f"{what}: the connection failed ({type(error).__name__})") from None


def _body(body: Any, headers: dict[str, str]) -> Any:
    """What a request carries, as ccxt means it."""
    kind = next((name for name in headers if name.lower() == "content-type"), "")
    if kind and headers[kind] == "multipart/form-data":
        del headers[kind]
        form = aiohttp.FormData()
        for name, value in body.items():
            form.add_field(name, value)
        return form
    return body.encode() if isinstance(body, str) and body else body or None


class _Trip:
    def __init__(self, call: Call) -> None:
        self.call = call
        self.got_connection = False


def tracing() -> aiohttp.TraceConfig:
    """For the session: notes when a request gets a connection, and lets a write have one only once. aiohttp would send
    a PUT or DELETE again on a fresh one, since HTTP calls them repeatable: an order is not."""

    async def connected(session: aiohttp.ClientSession, context: Any, params: Any) -> None:
        trip = context.trace_request_ctx
        if not isinstance(trip, _Trip):
            return  # a socket
        if trip.got_connection and trip.call.is_write:
            raise Unanswered("the venue closed the connection")
        trip.got_connection = trip.call.sent = True

    config = aiohttp.TraceConfig()
    config.on_connection_create_end.append(connected)
    config.on_connection_reuseconn.append(connected)
    return config


def rewritten(urls: Any, override: str) -> Any:
    """Every `scheme://host/path` of a venue below another address, such as a test server's: its first part is http or
    ws, and scheme and host go into the path."""
    if isinstance(urls, str):
        scheme, separator, rest = urls.partition("://")
        if not separator or scheme not in ("http", "https", "ws", "wss"):
            return urls
        base = override.rstrip("/")
        if scheme in ("ws", "wss"):
            base = "ws" + base.removeprefix("http")
        return f"{base}/{scheme}/{rest}"
    if isinstance(urls, dict):
        return {key: rewritten(value, override) for key, value in urls.items()}
    if isinstance(urls, list):
        return [rewritten(value, override) for value in urls]
    return urls
