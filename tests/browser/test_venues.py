"""The list of venues in a real browser: found, gone through and opened by the keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from clients.services import one_time_link
from exchanges.catalogue import venues_sync
from tests.browser.conftest import PHONE, Web, sign_in, web

__all__ = ["web"]

pytestmark = pytest.mark.browser


def test_a_venue_is_found_and_opened_without_the_mouse(page: Page, web: Web) -> None:
    venues_sync()
    sign_in(page, web.url + one_time_link(web.world.vera))
    page.keyboard.press("g")
    page.keyboard.press("v")
    page.wait_for_url(re.compile("/venues/$"))  # with its script: who types before it listens types into nothing
    expect(page.get_by_role("heading", name="Venues")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("tuned binan")
    expect(page.locator("#venues tbody tr:visible")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/venues/binance/$"))
    expect(page.get_by_text("How it behaves")).to_be_visible()


@pytest.mark.parametrize("path", ["/venues/", "/venues/binance/"])
def test_nothing_scrolls_sideways_on_a_phone(page: Page, web: Web, path: str) -> None:
    venues_sync()
    sign_in(page, web.url + one_time_link(web.world.vera))
    page.set_viewport_size(PHONE)
    page.goto(web.url + path)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
