"""Why this quote, by keyboard and on a phone, on a tick that is kept in the broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from msgspec.structs import replace
from playwright.sync_api import Page, expect
from redis import Redis

from tests.browser.conftest import PHONE, Web, sign_in
from tests.monitoring.test_tick_pages import NS, STAMP, TICK, keep

pytestmark = pytest.mark.browser


@pytest.fixture
def broker() -> Iterator[Redis]:
    broker = Redis.from_url(settings.REDIS_URL)
    yield broker
    broker.delete(*broker.keys("live:why:*"), "none")


def test_ticks_are_gone_through_by_keyboard_and_the_kill_stays_one_key_away(
    page: Page, web: Web, broker: Redis
) -> None:
    verdicts = ("first", "second", "third")
    ticks = [replace(TICK, ts_ns=STAMP + at * NS, verdict=verdict) for at, verdict in enumerate(verdicts)]
    pk = keep(broker, web.world, *ticks)
    sign_in(page, web.link(web.world.rita))
    page.goto(f"{web.url}/deployments/{pk}/")
    opened, follow = page.locator("#tick"), page.get_by_role("button", name="Follow the newest")
    expect(opened).to_contain_text("third")
    expect(follow).to_have_attribute("aria-pressed", "true")

    page.keyboard.press("j")
    expect(opened).to_contain_text("second")
    expect(follow).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("j")
    expect(opened).to_contain_text("first")
    expect(page.locator("[data-widget=ticks] [aria-current]")).to_contain_text("first")
    page.keyboard.press("J")
    expect(opened).to_contain_text("second")
    page.keyboard.press("f")
    expect(opened).to_contain_text("third")

    page.keyboard.press("k")
    expect(page.locator("#kill")).to_be_visible()
    page.keyboard.press("Escape")

    page.set_viewport_size(PHONE)
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", ["/deployments/", "/mandates/"])
def test_on_a_phone_the_state_is_seen_without_a_swipe(page: Page, web: Web, path: str) -> None:
    sign_in(page, web.link(web.world.vera))
    page.set_viewport_size(PHONE)
    page.goto(f"{web.url}{path}")
    box = page.locator("tbody .state").first.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["width"]
    assert page.evaluate("document.querySelector('.table-wrap').scrollWidth") <= PHONE["width"]
