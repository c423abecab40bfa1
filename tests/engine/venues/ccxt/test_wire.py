"""How ccxt reaches a venue: once, in turn, and without believing what is no answer. E14, Q12."""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import ccxt
import pytest
from aiohttp import web

from engine.core.errors import NotReady, PermitLost
from engine.core.scheduler import Scheduler
from engine.execution.rates import Line, Priority, SlidingWindow, urgently
from engine.testing import ManualClock, settle
from engine.venues.ccxt import library
from engine.venues.ccxt.calls import Call, calling
from engine.venues.ccxt.limits import UNITS, VenueWire, budget_of, retry_after_s
from engine.venues.ccxt.tuned.base import Budget, Tuning
from engine.venues.ccxt.tuned.binance import Tuned as TunedBinance

Handler = Callable[[web.BaseRequest], Any]
SECRET_QUERY = "signature=deadbeef0123&apiKey=key-17"


class Server:
    """Answers as told and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Handler = lambda request: web.json_response({"fine": True})
        self.url = ""

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        answered = self.answer(request)
        response: web.StreamResponse = await answered if asyncio.iscoroutine(answered) else answered
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    runner = web.ServerRunner(web.Server(made.serve), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def line(clock: ManualClock, *, limit: int = 10_000, reserve: int = 0) -> Line:
    window = SlidingWindow(clock, limit=limit, window_s=60, reserve=reserve)
    return Line(window, name="venue", clock=clock, scheduler=Scheduler(clock), max_waiting=10, max_wait_s=5)


@pytest.fixture
async def venue(server: Server) -> AsyncIterator[Any]:
    from engine.venues.ccxt.library import exact_class

    exact_class("binance")
    from engine.venues.ccxt.wire import tracing

    async with aiohttp.ClientSession(trace_configs=[tracing()]) as session:
        wire = VenueWire(session=session, clock=ManualClock(), timeout_s=0.5, line=line(ManualClock()), tuning=Tuning())
        made = library.make("binance", wire=wire, tls=ssl.create_default_context(), options={})
        yield made
        await made.close()


async def ask(venue: Any, server: Server, method: str = "GET", *, is_write: bool = False) -> Any:
    with calling(Call("asking", is_write=is_write)):
        return await venue.fetch(f"{server.url}/api?{SECRET_QUERY}", method, {}, None)


def cut(request: web.BaseRequest) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: web.Response(text="<html>Attention Required!</html>", content_type="text/html"),
        lambda request: web.Response(text='{"orderId":1,', content_type="application/json"),
        lambda request: web.Response(status=302, headers={"Location": "/elsewhere"}),
        lambda request: web.json_response({"fine": True}, status=406),
        lambda request: web.json_response({"fine": True}, status=507),
        lambda request: web.Response(text="<html>gone</html>", status=502),
    ],
    ids=["html", "cut", "redirect", "406", "507", "502"],
)
async def test_what_is_no_answer_is_none(venue: Any, server: Server, answer: Handler) -> None:
    server.answer = answer
    with pytest.raises(ccxt.OperationFailed) as failed:
        await ask(venue, server)
    assert len(server.asked) == 1, "a signed request follows nobody"
    assert "deadbeef0123" not in str(failed.value)
    assert "key-17" not in str(failed.value)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_write_is_never_sent_twice(venue: Any, server: Server, method: str) -> None:
    await ask(venue, server)  # leaves a connection open, which the venue will close under the next request
    server.answer = cut
    with pytest.raises(ccxt.NetworkError) as failed:
        await ask(venue, server, method, is_write=True)
    assert len(server.asked) == 2
    assert "deadbeef0123" not in str(failed.value)


async def test_no_answer_in_time_is_said_without_the_address(venue: Any, server: Server) -> None:
    over = asyncio.Event()

    async def too_late(request: web.BaseRequest) -> web.Response:
        await over.wait()
        return web.Response()

    server.answer = too_late
    with pytest.raises(ccxt.NetworkError, match=r"GET 127\.0\.0\.1/api was not answered within 0\.5 s") as failed:
        await ask(venue, server)
    over.set()
    assert failed.value.__cause__ is None


async def test_a_host_that_is_not_there_got_nothing(venue: Any) -> None:
    call = Call("asking", is_write=True)
    with calling(call), pytest.raises(ccxt.NetworkError):
        await venue.fetch("http://127.0.0.1:1/api", "POST", {}, "x=1")
    assert not call.sent


async def test_a_permission_that_has_run_out_sends_nothing(venue: Any, server: Server) -> None:
    with calling(Call("sending", is_write=True, permitted=lambda: False)), pytest.raises(PermitLost):
        await venue.fetch(f"{server.url}/api", "POST", {}, None)
    assert not server.asked


async def test_the_librarys_debug_lines_are_off(venue: Any, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await ask(venue, server)
    said = [record.getMessage() for record in caplog.records if not record.name.startswith("aiohttp")]
    assert not [line for line in said if "deadbeef0123" in line]


@pytest.mark.parametrize("venue_id", ["kraken", "whitebit", "binance", "gemini"])
def test_a_nonce_is_never_the_same_twice_and_never_lower(venue_id: str) -> None:
    made = library.exact_class(venue_id)()
    nonces = [made.nonce() for _ in range(500)]
    assert all(later > earlier for earlier, later in itertools.pairwise(nonces))


def test_every_address_is_rewritten_below_another() -> None:
    from engine.venues.ccxt.wire import rewritten

    urls = {"rest": "https://api.x.com/v1", "ws": {"public": "wss://{hostname}/ws"}, "other": ["http://a/b", "text"]}
    assert rewritten(urls, "http://127.0.0.1:99/x-1") == {
        "rest": "http://127.0.0.1:99/x-1/https/api.x.com/v1",
        "ws": {"public": "ws://127.0.0.1:99/x-1/wss/{hostname}/ws"},
        "other": ["http://127.0.0.1:99/x-1/http/a/b", "text"],
    }


# The budget


@pytest.mark.parametrize(
    ("rate_ms", "budget"),
    [(50, Budget(20, 1.0)), (1000, Budget(10, 10.0)), (10, Budget(100, 1.0)), (7.5, Budget(1000 / 7.5, 1.0))],
)
def test_ccxts_spacing_becomes_a_window_of_the_same_rate(rate_ms: float, budget: Budget) -> None:
    assert budget_of(Tuning(), rate_ms) == budget


def wire_of(budget: Line, tuning: Tuning | None = None, orders: Line | None = None) -> VenueWire:
    session: Any = None
    clock = ManualClock()
    return VenueWire(session=session, clock=clock, timeout_s=1, line=budget, tuning=tuning or Tuning(), orders=orders)


async def test_a_request_dearer_than_the_window_takes_all_there_is() -> None:
    clock = ManualClock()
    wire = wire_of(line(clock, limit=10 * UNITS, reserve=2 * UNITS))
    await wire.turn(50)
    with calling(Call("cancelling", priority=Priority.CANCEL)):
        await wire.turn(1)
    waiting = asyncio.ensure_future(wire.turn(1))
    await settle()
    assert not waiting.done()
    waiting.cancel()


async def test_what_is_urgent_takes_what_is_kept_for_cancels_and_is_counted_as_a_question() -> None:
    clock = ManualClock()
    orders = line(clock, limit=UNITS)
    wire = wire_of(line(clock, limit=10 * UNITS, reserve=2 * UNITS), orders=orders)
    await wire.turn(8)
    with urgently():
        await wire.turn(1)
    waiting = asyncio.ensure_future(wire.turn(1))
    await settle()
    assert not waiting.done()
    assert await orders.budget.used() == 0
    waiting.cancel()


async def test_orders_are_counted_for_the_account_as_well_and_questions_are_not() -> None:
    clock = ManualClock()
    orders = line(clock, limit=UNITS)
    wire = wire_of(line(clock), orders=orders)
    await wire.turn(1)
    assert await orders.budget.used() == 0
    with calling(Call("sending", priority=Priority.CREATE)):
        await wire.turn(1)
    assert await orders.budget.used() == UNITS


async def test_the_venues_own_count_is_ours() -> None:
    budget = line(ManualClock(), limit=1200 * UNITS)
    await wire_of(budget, TunedBinance()).heard(200, {"X-MBX-USED-WEIGHT-1M": "3000"})
    assert await budget.budget.used() == 600 * UNITS


async def test_too_many_requests_silence_even_cancels_for_as_long_as_the_venue_says() -> None:
    clock = ManualClock()
    budget = line(clock)
    await wire_of(budget).heard(429, {"Retry-After": "7"})
    assert await budget.budget.take(1, with_reserve=True) == 7
    await clock.advance(7)
    assert await budget.budget.take(1, with_reserve=True) == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 10.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_a_venue_wants_to_be_left_alone(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


async def test_who_waits_too_long_is_told_that_nothing_was_sent() -> None:
    clock = ManualClock()
    budget = line(clock, limit=UNITS)
    wire = wire_of(budget)
    await wire.turn(1)
    waiting = asyncio.ensure_future(wire.turn(1))
    await settle()
    await clock.advance(6)
    await budget._serve()
    with pytest.raises(NotReady, match="nothing was sent"):
        await waiting
