"""Requests against a real server on this machine: exact numbers, remedies for what goes wrong, no secrets told. E14"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from engine.core.errors import AuthRejected, EngineError, NotReady, OutcomeUnknown, Refused
from engine.testing import RecordingRuntime
from engine.venues.http import HttpClient, HttpSession, query_string

SECRET = "very-secret-value"


class Server:
    """Answers `GET` and every other method on any path by `answer`, and counts connections and requests."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.connections: set[Any] = set()
        self.bodies: list[bytes] = []
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self.nothing
        self.arrived = asyncio.Event()
        self._release = asyncio.Event()

    async def nothing(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({})

    async def open(self) -> Server:
        self._runner = web.ServerRunner(web.Server(self._handle))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.arrived.set()
        self.requests.append(request)  # type: ignore[arg-type]
        self.connections.add(id(request.transport))
        self.bodies.append(await request.read())
        return await self.answer(request)  # type: ignore[arg-type]

    def say(self, text: str | bytes, *, status: int = 200, **headers: str) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            body = text.encode() if isinstance(text, str) else text
            return web.Response(body=body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

        self.answer = answer

    def hang(self) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            await self._release.wait()
            return web.json_response({})

        self.answer = answer

    def hang_up(self) -> None:
        """Take the request, and close the connection without a word."""

        async def answer(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        self.answer = answer

    async def close(self) -> None:
        self._release.set()
        await self._runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = await Server().open()
    yield server
    await server.close()


@pytest.fixture
async def http(server: Server) -> AsyncIterator[HttpSession]:
    session = await loaded(f"http://127.0.0.1:{server.port}/base-{SECRET}")
    yield session
    await session.unload()


async def loaded(base_url: str, **args: Any) -> HttpSession:
    session = HttpSession(base_url=base_url, timeout_s=Decimal(5), **args)
    RecordingRuntime().equip(session, "venue_http")
    await session.load()
    return session


async def test_numbers_arrive_with_every_digit(server: Server, http: HttpSession) -> None:
    server.say('{"price": 0.1, "wei": 115792089237316195423570985008687907853269984665640564039457584007913129639935,'
               ' "tiny": 1e-18, "long": 123456789012345678901234567890.123456789, "text": "0.10"}')  # fmt: skip
    data = (await http.request("GET", "/ticker")).data
    assert isinstance(data["price"], Decimal)
    assert str(data["price"]) == "0.1"
    assert data["wei"] == 2**256 - 1
    assert data["tiny"] == Decimal("1e-18")
    assert str(data["long"]) == "123456789012345678901234567890.123456789"
    assert data["text"] == "0.10"


async def test_decimals_leave_with_every_digit(server: Server, http: HttpSession) -> None:
    await http.request("POST", "/order", params={"price": Decimal("1E-8")}, json={"size": Decimal("0.10")})
    assert server.requests[0].query_string == "price=0.00000001"
    assert server.bodies == [b'{"size":"0.10"}']


async def test_what_is_signed_is_what_is_sent(server: Server, http: HttpSession) -> None:
    params = {"symbol": "BTC/USDT", "note": "a b+c", "post_only": True, "left_out": None}
    await http.request("GET", "/order", params=params)
    assert server.requests[0].raw_path.partition("?")[2] == query_string(params)
    await http.request("POST", "/order", body=b'{"as":  "signed"}')
    assert server.bodies[-1] == b'{"as":  "signed"}'


@pytest.mark.parametrize("where", [{"params": {"size": 0.1}}, {"json": {"orders": [{"size": 0.1}]}}])
async def test_a_float_does_not_leave_the_house(server: Server, http: HttpSession, where: Any) -> None:
    with pytest.raises(ValueError, match="must hold no float"):
        await http.request("POST", "/order", **where)
    assert server.requests == []


async def test_connections_are_used_again_and_bounded(server: Server) -> None:
    http = await loaded(f"http://127.0.0.1:{server.port}", max_connections_per_host=2)
    await asyncio.gather(*(http.request("GET", "/") for _ in range(20)))
    for _ in range(5):
        await http.request("GET", "/")
    assert len(server.requests) == 25
    assert len(server.connections) <= 2
    await http.unload()


async def test_it_is_a_client_for_whoever_asks_for_one(http: HttpSession) -> None:
    assert isinstance(http, HttpClient)


async def test_an_answer_without_content_is_none(server: Server, http: HttpSession) -> None:
    server.say("", status=204)
    assert (await http.request("DELETE", "/order")).data is None


async def test_headers_can_be_read_in_lower_case(server: Server, http: HttpSession) -> None:
    server.say("{}", X_MBX_USED_WEIGHT="17")
    assert (await http.request("GET", "/")).headers["x-mbx-used-weight"] == "17"


# What goes wrong

ANSWERS = [
    # status, body, what a read becomes, what a write becomes
    (400, '{"msg": "tick"}', Refused, Refused),
    (404, "gone", Refused, Refused),
    (302, "", Refused, Refused),
    (401, "no", AuthRejected, AuthRejected),
    (403, "no", AuthRejected, AuthRejected),
    (429, "slow", NotReady, NotReady),
    (418, "slow", NotReady, NotReady),
    (425, "early", NotReady, NotReady),
    (408, "late", NotReady, OutcomeUnknown),
    (500, "oops", NotReady, OutcomeUnknown),
    (503, "oops", NotReady, OutcomeUnknown),
    (200, "<html>maintenance</html>", NotReady, OutcomeUnknown),
    (200, '{"orderId": 12', NotReady, OutcomeUnknown),
    (200, "", NotReady, OutcomeUnknown),
    (200, "NaN", NotReady, OutcomeUnknown),
    (200, b"\xff\xfe", NotReady, OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "body", "read", "write"), ANSWERS)
async def test_each_answer_has_its_remedy(
    server: Server, http: HttpSession, status: int, body: str, read: type[EngineError], write: type[EngineError]
) -> None:
    server.say(body, status=status)
    for method, expected in (("GET", read), ("POST", write), ("PUT", write), ("DELETE", write)):
        with pytest.raises(EngineError) as refusal:
            await http.request(method, "/order")
        assert type(refusal.value) is expected
        assert f"{method} 127.0.0.1/order" in str(refusal.value)
        assert str(status) in str(refusal.value)


@pytest.mark.parametrize(("method", "is_write", "expected"), [("POST", False, NotReady), ("GET", True, OutcomeUnknown)])
async def test_a_caller_may_know_better_what_changes_something(
    server: Server, http: HttpSession, method: str, is_write: bool, expected: type[EngineError]
) -> None:
    server.say("oops", status=500)
    with pytest.raises(expected):
        await http.request(method, "/", is_write=is_write)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "30"}, 30),
        ({"Retry_After": "0.5"}, 0.5),
        (
            {"Retry_After": "Wed, 21 Oct 2015 07:29:00 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"},
            60,
        ),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({}, None),
    ],
)
async def test_how_long_a_venue_wants_to_be_left_alone_is_passed_on(
    server: Server, http: HttpSession, headers: dict[str, str], seconds: float | None
) -> None:
    server.say("slow down", status=429, **headers)
    with pytest.raises(NotReady) as refusal:
        await http.request("POST", "/order")
    assert refusal.value.retry_after_s == seconds


async def test_nobody_there_is_not_ready_also_for_a_write_since_nothing_was_sent(server: Server) -> None:
    http = await loaded(f"http://127.0.0.1:{server.port}")
    await server.close()
    with pytest.raises(NotReady, match="it cannot be connected to"):
        await http.request("POST", "/order")
    await http.unload()


async def test_a_write_that_is_not_answered_in_time_is_unknown_and_a_read_is_not_ready(
    server: Server, http: HttpSession
) -> None:
    server.hang()
    with pytest.raises(OutcomeUnknown, match="did not answer in time; it may have taken effect"):
        await http.request("POST", "/order", timeout_s=0.2)
    with pytest.raises(NotReady, match="did not answer in time"):
        await http.request("GET", "/order", timeout_s=0.2)


async def test_a_write_that_found_no_free_connection_was_not_sent(server: Server) -> None:
    http = await loaded(f"http://127.0.0.1:{server.port}", max_connections=1, connect_timeout_s=Decimal("0.2"))
    server.hang()
    first = asyncio.create_task(http.request("GET", "/slow"))
    await server.arrived.wait()
    with pytest.raises(NotReady, match="did not answer in time"):
        await http.request("POST", "/order")
    assert len(server.requests) == 1
    first.cancel()
    await asyncio.wait({first})
    await http.unload()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_write_whose_connection_breaks_is_unknown_and_never_sent_twice(
    server: Server, http: HttpSession, method: str
) -> None:
    await http.request("GET", "/")  # so that a pooled connection is there to go stale
    server.hang_up()
    with pytest.raises(OutcomeUnknown, match="it may have taken effect"):
        await http.request(method, "/order")
    assert [request.method for request in server.requests] == ["GET", method]


async def test_a_read_whose_connection_breaks_can_be_asked_again(server: Server, http: HttpSession) -> None:
    server.hang_up()
    with pytest.raises(NotReady):
        await http.request("GET", "/order")


async def test_an_answer_that_breaks_off_is_no_answer(server: Server, http: HttpSession) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"orderId": 12}')
        assert request.transport is not None
        request.transport.close()
        return response

    server.answer = answer
    with pytest.raises(OutcomeUnknown, match="its answer broke off"):
        await http.request("POST", "/order")


async def test_an_answer_without_end_is_not_read_to_its_end(server: Server) -> None:
    http = await loaded(f"http://127.0.0.1:{server.port}", max_response_bytes=1024)
    server.say('"' + "x" * 100_000 + '"')
    with pytest.raises(NotReady, match="longer than 1024 bytes"):
        await http.request("GET", "/")
    await http.unload()


async def test_a_redirect_is_not_followed_with_our_signature(server: Server, http: HttpSession) -> None:
    server.say("", status=307, Location=f"http://127.0.0.1:{server.port}/elsewhere")
    with pytest.raises(Refused, match="307"):
        await http.request("POST", "/order", headers={"X-Signature": SECRET})
    assert len(server.requests) == 1


# Secrets


@pytest.mark.parametrize("status", [400, 401, 429, 500, 200])
async def test_no_secret_is_told_even_when_the_venue_repeats_it(server: Server, http: HttpSession, status: int) -> None:
    server.say(f"bad request: {SECRET} and other-token-value and body-secret-1", status=status)
    with pytest.raises(EngineError) as refusal:
        await http.request(
            "POST",
            "/order?early=1",
            params={"signature": "other-token-value"},
            json={"auth": {"apiKey": "body-secret-1"}},
            headers={"X-API-KEY": SECRET},
        )
    told = f"{refusal.value} {refusal.value.__cause__} {refusal.value.args}"
    assert not any(secret in told for secret in (SECRET, "other-token-value", "body-secret-1", "early"))
    assert "***" in told


async def test_no_address_with_a_key_in_it_is_told_when_nobody_is_there(server: Server) -> None:
    http = await loaded(f"http://127.0.0.1:{server.port}/v2/{SECRET}")
    await server.close()
    for path in ("/order", f"http://127.0.0.1:{server.port}/v2/{SECRET}"):
        with pytest.raises(NotReady) as refusal:
            await http.request("POST", path, params={"key": SECRET})
        assert SECRET not in f"{refusal.value} {refusal.value.__cause__}"
    await http.unload()


# Life


async def test_it_sends_nothing_before_load_and_after_unload(server: Server, http: HttpSession) -> None:
    await http.unload()
    await http.unload()
    for session in (http, HttpSession()):
        with pytest.raises(NotReady, match="is not loaded; nothing was sent"):
            await session.request("GET", "/")
    assert server.requests == []


@pytest.mark.parametrize("path", ["/order", "ftp://example.com/", "file:///etc/passwd", "http:///nowhere"])
async def test_without_a_base_only_a_whole_address_will_do(path: str) -> None:
    http = await loaded("")
    with pytest.raises(Refused, match="needs a whole address"):
        await http.request("GET", path)
    await http.unload()
