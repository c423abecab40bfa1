"""A client in a browser: the own mandate, live, and no trace of anybody else's, not even through a WebSocket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect
from redis import Redis

from monitoring.live import deployment_channel, tile_channel
from monitoring.publisher import event_frame, tile_frame
from strategies.models import Deployment
from tests.browser.conftest import Web, sign_in
from tests.monitoring.test_consumers import SAMPLE, VIEW

pytestmark = pytest.mark.browser

LISTEN = """path => new Promise(resolve => {
  const heard = [];
  const socket = new WebSocket(`ws://${location.host}${path}`);
  socket.onmessage = event => heard.push(JSON.parse(event.data));
  socket.onclose = event => resolve({ code: event.code, heard });
  setTimeout(() => resolve({ code: null, heard }), 2500);
})"""


@contextmanager
def frames_for(*deployments: Deployment) -> Iterator[None]:
    """Views and tiles several times a second, as hosts send them."""
    client = Redis.from_url(settings.REDIS_URL)
    over = threading.Event()

    def send() -> None:
        while not over.wait(0.2):
            for each in deployments:
                client.publish(deployment_channel(each.pk), event_frame(each.pk, VIEW, 0))
                client.publish(tile_channel(each.pk), tile_frame(each.pk, "active", "", SAMPLE, 0))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        client.close()


def test_a_client_watches_the_own_mandate_live(page: Page, web: Web) -> None:
    with frames_for(web.world.acorn.deployment, web.world.cedar.deployment):
        sign_in(page, web.link(web.world.alice))
        expect(page.locator("article.tile")).to_have_count(1)
        expect(page.locator("[data-cell=spread]")).to_have_text("40.5")
        page.get_by_role("link", name="ACORN/USDT").click()
        expect(page.locator("[data-live=own_spread_bps]")).to_have_text("40.5")
        expect(page.locator(".ladder tr[data-own]")).to_have_count(1)
        expect(page.get_by_role("button", name="Kill")).to_have_count(0)
        assert "7.7777" not in page.content()
        page.keyboard.press("k")
        expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_stranger_gets_neither_page_nor_socket(page: Page, web: Web) -> None:
    acorn, cedar = web.world.acorn.deployment, web.world.cedar.deployment
    with frames_for(acorn, cedar):
        sign_in(page, web.link(web.world.charlie))
        for path in (f"/deployments/{acorn.pk}/", "/portal/acorn-usdt/", "/mandates/acorn-usdt/", "/"):
            answer = page.goto(web.url + path)
            assert answer
            assert answer.status == (200 if path == "/" else 404)
            assert "corn" not in page.content()
        refused = page.evaluate(LISTEN, f"/ws/deployments/{acorn.pk}/")
        assert (refused["code"], refused["heard"]) == (4404, [])
        allowed = page.evaluate(LISTEN, "/ws/desk/")
        heard = {tile["dep"] for frame in allowed["heard"] if frame["type"] == "tiles" for tile in frame["tiles"]}
        assert heard == {cedar.pk}


def test_a_visitors_socket_closes_and_a_foreign_page_cannot_open_one(page: Page, web: Web) -> None:
    page.goto(f"{web.url}/signin/")
    assert page.evaluate(LISTEN, "/ws/desk/")["code"] == 4401
    sign_in(page, web.link(web.world.alice))
    page.goto("about:blank")
    foreign = page.evaluate(LISTEN.replace("${location.host}", web.url.removeprefix("http://")), "/ws/desk/")
    assert foreign["code"] == 1006
    assert foreign["heard"] == []


def test_without_a_script_the_pages_still_stand_and_a_kill_goes_through(chromium, web: Web) -> None:
    plain = chromium.new_context(java_script_enabled=False)
    page = plain.new_page()
    page.goto(web.link(web.world.dora))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="ACORN/USDT").click()
    page.get_by_role("link", name="Kill k", exact=True).click()
    page.locator("#kill-reason").fill("no script, no problem")
    page.get_by_role("button", name="Kill", exact=True).click()
    assert "Kill is asked for" in page.content()
    assert Deployment.objects.get(pk=web.world.acorn.deployment.pk).wanted == "halted"
    plain.close()
