"""http.session: requests to a venue over pooled connections, exact in numbers and honest about what is not known.

Every error is one of `engine.core.errors`, by its remedy:

    not connected, 5xx or garbled on a read    NotReady: ask again
    429, 418                                   NotReady, with how long the venue wants to be left alone
    401, 403                                   AuthRejected: a person
    any other 4xx, a redirect                  Refused: the venue's definite no
    no answer, 408, 5xx or garbled on a write  OutcomeUnknown: it may have taken effect

Messages name method, host and path below the session's base, never a query, a header or a base path: keys stand there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Protocol, runtime_checkable
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from yarl import URL

from engine.core.component import Component
from engine.core.errors import AuthRejected, EngineError, NotReady, OutcomeUnknown, Refused
from engine.core.params import Count, Seconds, Text

READS = frozenset({"GET", "HEAD", "OPTIONS"})
EXCERPT = 200
HIDDEN = "***"
_SECRET = re.compile(r"secret|passw|passphrase|key|token|auth|sign|cookie|mnemonic", re.I)
_JSON = msgspec.json.Decoder(float_hook=Decimal)
_SAID_PLAINLY = {
    aiohttp.ClientConnectorDNSError: "its name cannot be resolved",
    aiohttp.ClientConnectorCertificateError: "its certificate cannot be trusted",
    aiohttp.ClientSSLError: "no secure connection could be made",
    aiohttp.ClientConnectorError: "it cannot be connected to",
    aiohttp.ServerDisconnectedError: "it closed the connection",
    aiohttp.ClientPayloadError: "its answer broke off",
    TimeoutError: "it did not answer in time",
}
"""The most special first. The library's own words may hold an address with a key in it."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue answered: a 2xx. Numbers with a point are Decimal; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    data: Any


@runtime_checkable
class HttpClient(Protocol):
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        is_write: bool | None = None,
        timeout_s: float | None = None,
    ) -> Answer: ...


class _Trip:
    """One request on its way. `sent`: it had a connection, so that the venue may have got it."""

    def __init__(self, what: str, *, is_write: bool, secrets: list[str]) -> None:
        self.what = what
        self.is_write = is_write
        self.sent = False
        self._secrets = secrets

    def not_known(self, why: str) -> EngineError:
        """No answer that can be used: for a write that got out its outcome is unknown, all else can be asked again."""
        if self.is_write and self.sent:
            return OutcomeUnknown(f"{self.what}: {why}; it may have taken effect")
        return NotReady(f"{self.what}: {why}")

    def excerpt(self, body: bytes) -> str:
        """The beginning of a body without what we sent in secret, which some venues repeat."""
        text = " ".join(body.decode("utf-8", "replace").split())
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"


class HttpSession(Component):
    """Keep connections to a venue open, and map what goes wrong to what must be done."""

    def __init__(
        self,
        *,
        base_url: Annotated[
            str, Text(pattern=r"(https?://[^\s?#]+)?", shape="an address without a query", help="Paths are below it")
        ] = "",
        timeout_s: Annotated[Decimal, Seconds(gt=0, le=300, help="A request without an answer by then")] = Decimal(10),
        connect_timeout_s: Annotated[
            Decimal, Seconds(gt=0, le=60, help="A free connection of the pool, or a new one, by then")
        ] = Decimal(5),
        max_connections: Annotated[int, Count(ge=1, le=1000, help="Open at a time")] = 100,
        max_connections_per_host: Annotated[int, Count(ge=1, le=1000, help="Open at a time to one host")] = 20,
        dns_cache_s: Annotated[int, Seconds(ge=0, help="How long an address is remembered")] = 300,
        keepalive_s: Annotated[int, Seconds(ge=1, help="An idle connection is closed after")] = 30,
        max_response_bytes: Annotated[int, Count(ge=1024, help="A larger answer is not read")] = 32 * 1024 * 1024,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout_s = timeout_s
        self.connect_timeout_s = connect_timeout_s
        self.max_connections = max_connections
        self.max_connections_per_host = max_connections_per_host
        self.dns_cache_s = dns_cache_s
        self.keepalive_s = keepalive_s
        self.max_response_bytes = max_response_bytes
        self._session: aiohttp.ClientSession | None = None

    async def load(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self.max_connections,
                limit_per_host=self.max_connections_per_host,
                ttl_dns_cache=self.dns_cache_s,
                keepalive_timeout=self.keepalive_s,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),  # one session may serve several accounts
            trace_configs=[_tracing()],
            headers={"User-Agent": "mmplatform"},
        )

    async def unload(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        is_write: bool | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send one request and read its JSON answer, exactly.

        path       below base_url, or a whole address; params go behind it as `query_string` writes them
        json       sent as JSON, decimals as strings; `body` sends bytes as they are, such as those that were signed
        is_write   whether it changes something there; by default whatever is not a GET, HEAD or OPTIONS
        """
        if self._session is None:
            raise NotReady(f"{self.name or 'http.session'} is not loaded; nothing was sent")
        is_write = method.upper() not in READS if is_write is None else is_write
        url, shown = self._address(path)
        if params:
            url += ("&" if "?" in url else "?") + query_string(params)
        sent_headers = dict(headers or {})
        if json is not None:
            _no_floats(json, "json")
            body = msgspec.json.encode(json)
            sent_headers.setdefault("Content-Type", "application/json")
        trip = _Trip(
            f"{method.upper()} {shown}", is_write=is_write, secrets=_secrets([*(headers or {}).items()], params, json)
        )
        timeout = aiohttp.ClientTimeout(
            total=float(self.timeout_s) if timeout_s is None else timeout_s, connect=float(self.connect_timeout_s)
        )
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers=sent_headers,
                timeout=timeout,
                allow_redirects=False,  # a signed request is for nobody else
                trace_request_ctx=trip,
            ) as response:
                content = await self._read(response, trip)
                return _answer(response, content, trip)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # From nothing: the library's error, and whoever prints it, may show the whole address.
            raise trip.not_known(_plainly(error)) from None

    def _address(self, path: str) -> tuple[str, str]:
        """The whole address, and as much of it as may be shown."""
        if self.base_url and "://" not in path:
            return self.base_url + path, f"{urlsplit(self.base_url).hostname}{path.partition('?')[0]}"
        host = urlsplit(path).hostname
        if urlsplit(path).scheme not in ("http", "https") or not host:
            raise Refused(f"{self.name or 'http.session'} has no base_url, so a request needs a whole address")
        return path, host

    async def _read(self, response: aiohttp.ClientResponse, trip: _Trip) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(65_536):
            content += chunk
            if len(content) > self.max_response_bytes:
                response.close()
                raise trip.not_known(f"its answer is longer than {self.max_response_bytes} bytes")
        return bytes(content)


def query_string(params: Mapping[str, object]) -> str:
    """The query as it is sent, so that what is signed is what goes out. Decimals keep every digit; no floats."""
    _no_floats(params, "params")
    return urlencode({key: _plain(value) for key, value in params.items() if value is not None})


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else value


def _answer(response: aiohttp.ClientResponse, content: bytes, trip: _Trip) -> Answer:
    status = response.status
    headers = {name.lower(): value for name, value in response.headers.items()}
    if 200 <= status < 300:
        if status == 204:
            return Answer(status=status, headers=headers, data=None)
        try:
            return Answer(status=status, headers=headers, data=_JSON.decode(content))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise trip.not_known(f"answered {status} with what is no JSON: {trip.excerpt(content)}") from None
    said = f"{trip.what} answered {status}: {trip.excerpt(content)}"
    if status in (401, 403):
        raise AuthRejected(said)
    if status in (418, 429):
        raise NotReady(said, retry_after_s=_retry_after_s(headers))
    if status == 425:
        raise NotReady(said)  # it will not risk to process it twice: it has not
    if status == 408 or status >= 500:
        raise trip.not_known(f"answered {status}: {trip.excerpt(content)}")
    raise Refused(said)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, or a moment measured by the venue's own clock; None when it does not say."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, TypeError, ValueError):
        return None


def _tracing() -> aiohttp.TraceConfig:
    """Notes when a request gets a connection. The library would send a PUT or DELETE again on a fresh one, since HTTP
    calls them repeatable: an order is not."""

    async def connected(session: aiohttp.ClientSession, context: Any, params: Any) -> None:
        trip: _Trip = context.trace_request_ctx
        if trip.sent and trip.is_write:
            raise trip.not_known("it closed the connection")
        trip.sent = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(connected)
    tracing.on_connection_reuseconn.append(connected)
    return tracing


def _plainly(error: Exception) -> str:
    return next((words for kind, words in _SAID_PLAINLY.items() if isinstance(error, kind)), "the connection broke")


def _secrets(*sources: object) -> list[str]:
    """Values under names that say secret, longest first, so that none is left in part."""
    found: set[str] = set()

    def look(name: str, value: object) -> None:
        match value:
            case Mapping():
                for key, item in value.items():
                    look(str(key), item)
            case list() | tuple():
                for item in value:
                    look(name, item)
            case str() if len(value) >= 6 and _SECRET.search(name):
                found.add(value)

    for source in sources:
        look("", dict(source) if isinstance(source, list) else source)
    return sorted(found, key=len, reverse=True)


def _no_floats(value: object, where: str) -> None:
    match value:
        case float():
            raise ValueError(f"{where} must hold no float, since money would lose digits; was {value}")
        case Mapping():
            for key, item in value.items():
                _no_floats(item, f"{where}.{key}")
        case list() | tuple():
            for item in value:
                _no_floats(item, where)
