"""Live sockets: who may listen, what they hear, and what is held back from a client."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.utils import timezone
from redis import Redis

from clients.models import Membership, User
from engine.core.states import State
from engine.market.types import OrderStatus, Side
from engine.metrics.events import LiveOrder, Notice, Sample, View
from monitoring.consumers import MARKET_SIDE, PNL, SIGNED_OUT, STRANGER, for_client
from monitoring.live import bridge, deployment_channel, last_view_key, tile_channel
from monitoring.publisher import event_frame, tile_frame
from monitoring.routing import router
from strategies.services import deployment_start
from tests.world import World, make_world

SAMPLE = Sample(
    ts_ns=1_790_000_000_000_000_000,
    state=State.ACTIVE,
    mid=Decimal("2.0000"),
    own_spread_bps=Decimal("40.5"),
    realised_quote=Decimal("7.7777"),
    unrealised_quote=Decimal("1.5"),
    fees_quote=Decimal("0.25"),
    book_age_ms=12.0,
    quoting_reason="the desk's own reason",
)
VIEW = View(
    ts_ns=SAMPLE.ts_ns,
    sample=SAMPLE,
    bids=((Decimal("1.9990"), Decimal(5)),),
    asks=((Decimal("2.0010"), Decimal(5)),),
    orders=(
        LiveOrder(
            client_order_id="mm-1-2-3",
            side=Side.BUY,
            level=0,
            price=Decimal("1.9960"),
            size_base=Decimal(10),
            filled_base=Decimal(0),
            status=OrderStatus.OPEN,
            age_ms=5,
        ),
    ),
    notes=("the desk's own note",),
)


@pytest.fixture
def world(transactional_db: None) -> World:
    return make_world()


@asynccontextmanager
async def socket(user: User | AnonymousUser, path: str) -> AsyncIterator[ApplicationCommunicator]:
    """An accepted WebSocket of this person."""
    scope = {"type": "websocket", "path": path, "headers": [], "subprotocols": [], "user": user}
    communicator = ApplicationCommunicator(router, scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(timeout=5))["type"] == "websocket.accept"
    try:
        yield communicator
    finally:
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(timeout=5)
        await bridge().close()


async def hear(communicator: ApplicationCommunicator, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first frame that is wanted; fails after five seconds."""
    async with asyncio.timeout(5):
        while True:
            message = await communicator.receive_output(timeout=5)
            assert message["type"] == "websocket.send", message
            frame = json.loads(message["text"])
            if wanted(frame):
                return frame


def kind(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda frame: frame["type"] == name


async def publish(channel: str, frame: bytes) -> None:
    """Send a frame as a host does, once somebody listens."""
    client = Redis.from_url(settings.REDIS_URL)
    async with asyncio.timeout(5):
        while not client.publish(channel, frame):  # noqa: ASYNC110 (another connection subscribes)
            await asyncio.sleep(0.02)
    client.close()


@pytest.mark.parametrize("path", ["/ws/desk/", "/ws/deployments/{acorn}/"])
async def test_a_visitor_is_told_that_the_session_ended(world: World, path: str) -> None:
    async with socket(AnonymousUser(), path.format(acorn=world.acorn.deployment.pk)) as visitor:
        assert (await visitor.receive_output())["code"] == SIGNED_OUT


async def test_a_neighbours_deployment_and_one_that_never_was_close_alike(world: World) -> None:
    for pk in (world.acorn.deployment.pk, 987654):
        async with socket(world.charlie, f"/ws/deployments/{pk}/") as stranger:
            assert (await stranger.receive_output())["code"] == STRANGER


async def test_an_address_that_leads_nowhere_closes_like_a_strangers(world: World) -> None:
    async with socket(world.dora, "/ws/nothing/") as lost:
        assert (await lost.receive_output())["code"] == STRANGER


async def test_the_desk_hears_everything_of_a_deployment_with_decimals_as_sent(world: World) -> None:
    pk = world.acorn.deployment.pk
    async with socket(world.vera, f"/ws/deployments/{pk}/") as desk:
        await publish(deployment_channel(pk), event_frame(pk, VIEW, 0))
        view = await hear(desk, kind("view"))
        assert view["data"]["sample"]["mid"] == "2.0000"
        assert view["data"]["notes"] == ["the desk's own note"]
        await publish(deployment_channel(pk), event_frame(pk, Notice(ts_ns=1, level="info", text="hello"), 0))
        assert (await hear(desk, kind("notice")))["data"]["text"] == "hello"


async def test_the_last_view_is_there_at_once_and_says_how_old_it_is(world: World) -> None:
    pk = world.acorn.deployment.pk
    client = Redis.from_url(settings.REDIS_URL)
    client.set(last_view_key(pk), event_frame(pk, VIEW, 1_700_000_000_000))
    async with socket(world.vera, f"/ws/deployments/{pk}/") as desk:
        assert (await hear(desk, kind("view")))["kept_ms"] > 1_000_000
    client.delete(last_view_key(pk))
    client.close()


async def test_a_client_hears_the_market_side_without_reasons_ids_or_unshared_pnl(world: World) -> None:
    pk = world.acorn.deployment.pk
    async with socket(world.alice, f"/ws/deployments/{pk}/") as portal:
        await publish(deployment_channel(pk), event_frame(pk, Notice(ts_ns=1, level="info", text="inner matter"), 0))
        await publish(deployment_channel(pk), event_frame(pk, VIEW, 0))
        view = await hear(portal, lambda frame: frame["type"] in ("view", "notice"))
        assert view["type"] == "view"
        assert view["data"]["sample"]["own_spread_bps"] == "40.5"
        text = json.dumps(view)
        for secret in ("7.7777", "own reason", "own note", "mm-1-2-3"):
            assert secret not in text


async def test_a_client_hears_pnl_where_the_mandate_shares_it(world: World) -> None:
    def share() -> None:
        world.acorn.mandate.shares_pnl = True
        world.acorn.mandate.save()

    await database_sync_to_async(share)()
    pk = world.acorn.deployment.pk
    async with socket(world.alice, f"/ws/deployments/{pk}/") as portal:
        await publish(deployment_channel(pk), event_frame(pk, VIEW, 0))
        assert (await hear(portal, kind("view")))["data"]["sample"]["realised_quote"] == "7.7777"


async def test_tiles_come_for_the_own_deployments_only(world: World) -> None:
    acorn, cedar = world.acorn.deployment.pk, world.cedar.deployment.pk
    async with socket(world.alice, "/ws/desk/") as portal, socket(world.vera, "/ws/desk/") as desk:
        await publish(tile_channel(cedar), tile_frame(cedar, "active", "cedar's reason", SAMPLE, 0))
        await publish(tile_channel(acorn), tile_frame(acorn, "active", "a reason", SAMPLE, 0))
        heard: dict[int, dict[str, Any]] = {}
        while len(heard) < 2:
            frame = await hear(desk, kind("tiles"))
            heard |= {tile["dep"]: tile for tile in frame["tiles"]}
        assert heard[cedar]["reason"] == "cedar's reason"
        assert heard[acorn]["pnl_quote"] == "9.0277"
        (tile,) = (await hear(portal, kind("tiles")))["tiles"]
        assert tile["dep"] == acorn
        assert (tile["pnl_quote"], tile["reason"], tile["quoting_reason"]) == (None, "", "")


async def test_what_a_person_wants_reaches_every_page(world: World) -> None:
    deployment = world.acorn.deployment
    async with socket(world.vera, f"/ws/deployments/{deployment.pk}/") as desk:
        before = await hear(desk, kind("record"))
        assert (before["data"]["wanted"], before["data"]["held"]) == ("paused", False)
        await database_sync_to_async(deployment_start)(deployment=deployment, actor=world.dora, reason="let us begin")
        after = await hear(desk, lambda frame: frame["type"] == "record" and frame["data"]["wanted"] == "active")
        assert after["data"]["wanted_by"] == "dora"
        assert after["data"]["wanted_reason"] == "let us begin"


async def test_a_client_hears_the_state_but_not_who_asked_for_it(world: World) -> None:
    async with socket(world.alice, f"/ws/deployments/{world.acorn.deployment.pk}/") as portal:
        assert set((await hear(portal, kind("record")))["data"]) == {"wanted", "observed"}


async def test_the_server_beats_so_that_silence_can_be_told_from_quiet(world: World) -> None:
    async with socket(world.vera, "/ws/desk/") as desk:
        assert (await hear(desk, kind("server")))["stale_s"] == 0


async def test_whoever_loses_the_right_stops_hearing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.consumers.BEAT_S", 0.05)
    monkeypatch.setattr("monitoring.consumers.RECHECK_S", 0.1)
    async with socket(world.bob, f"/ws/deployments/{world.acorn.deployment.pk}/") as portal:
        await hear(portal, kind("server"))
        await database_sync_to_async(Membership.objects.filter(user=world.bob).delete)()
        async with asyncio.timeout(5):
            while (message := await portal.receive_output(timeout=5))["type"] == "websocket.send":
                pass
        assert message["code"] == STRANGER


@pytest.mark.parametrize("leave", ["sign out", "new password", "run out"])
async def test_a_session_that_ended_stops_hearing(world: World, monkeypatch: pytest.MonkeyPatch, leave: str) -> None:
    monkeypatch.setattr("monitoring.consumers.BEAT_S", 0.05)
    monkeypatch.setattr("monitoring.consumers.RECHECK_S", 0.1)
    browser = Browser()
    await database_sync_to_async(browser.force_login)(world.vera)

    def end() -> None:
        if leave == "sign out":
            browser.logout()
        elif leave == "new password":
            world.vera.set_password("correct horse battery")
            world.vera.save(update_fields=["password"])
        else:
            Session.objects.update(expire_date=timezone.now() - datetime.timedelta(seconds=1))

    headers = [(b"cookie", f"sessionid={browser.cookies['sessionid'].value}".encode())]
    scope = {"type": "websocket", "path": "/ws/desk/", "headers": headers, "subprotocols": []}
    communicator = ApplicationCommunicator(AuthMiddlewareStack(router), scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(timeout=5))["type"] == "websocket.accept"
    await hear(communicator, kind("server"))
    await database_sync_to_async(end)()
    async with asyncio.timeout(5):
        while (message := await communicator.receive_output(timeout=5))["type"] == "websocket.send":
            pass
    assert message["code"] == SIGNED_OUT
    await communicator.send_input({"type": "websocket.disconnect", "code": SIGNED_OUT})
    await communicator.wait(timeout=5)
    await bridge().close()


async def test_tiles_of_a_client_that_let_somebody_go_fall_silent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.consumers.BEAT_S", 0.05)
    monkeypatch.setattr("monitoring.consumers.RECHECK_S", 0.1)
    deployment = world.acorn.deployment
    async with socket(world.bob, "/ws/desk/") as portal:
        await hear(portal, kind("record"))
        await database_sync_to_async(Membership.objects.filter(user=world.bob).delete)()
        for _ in range(6):
            await hear(portal, kind("server"))
        await database_sync_to_async(deployment_start)(deployment=deployment, actor=world.dora, reason="let us begin")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await hear(portal, kind("record"))


def test_every_figure_of_a_sample_was_decided_upon() -> None:
    """A new figure is the desk's alone until it is named among those a client may see."""
    desks_own = {"reference_price", "orders_sent", "cancels_sent", "tick_late_ms", "tick_us", "quoting_reason"}
    assert set(Sample.__struct_fields__) - MARKET_SIDE - PNL == desks_own
    figures = {**dict.fromkeys(Sample.__struct_fields__, 1), "edge_of_ours": 1}
    seen = {name for name, value in for_client(figures, with_pnl=False).items() if value}
    assert seen == MARKET_SIDE & figures.keys()
