"""The catalog by keyboard, its copy button, and its pages on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from engine.core.config import load_config
from engine.core.plugins import Registry
from tests.browser.conftest import PHONE, Web, sign_in

pytestmark = pytest.mark.browser


def test_the_catalog_is_filtered_and_opened_by_keyboard(page: Page, web: Web) -> None:
    sign_in(page, web.link(web.world.vera))
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/catalog/")
    expect(page.locator("[data-role=count]")).to_have_text(re.compile(r"^(\d+) of \1$"))
    page.keyboard.press("/")
    page.keyboard.type("post evenly half_spread_bps")
    expect(page.locator("#catalog tbody tr:visible")).to_have_count(1)
    expect(page.locator("[data-role=count]")).to_have_text(re.compile(r"^1 of "))
    expect(page.get_by_role("heading", name="Sinks")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="marketmaking.ladder")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/catalog/marketmaking.ladder/")


def test_words_that_nothing_holds_are_said_and_escape_shows_everything_again(page: Page, web: Web) -> None:
    sign_in(page, web.link(web.world.vera))
    page.goto(f"{web.url}/catalog/")
    page.keyboard.press("/")
    page.keyboard.type("zzz")
    expect(page.get_by_text("Nothing in the catalog holds these words.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Nothing in the catalog holds these words.")).to_be_hidden()
    expect(page.get_by_role("link", name="prices.mid")).to_be_visible()


def test_the_example_is_copied_as_a_file_that_can_run(page: Page, web: Web) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, web.link(web.world.vera))
    page.goto(f"{web.url}/catalog/prices.mid/")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    config = load_config(copied, filename="copied.yaml", registry=Registry.installed())
    assert "prices.mid" in [spec.id for spec in config.components.values()]


@pytest.mark.parametrize("path", ["/catalog/", "/catalog/marketmaking/", "/catalog/exchanges.simulated/"])
def test_on_a_phone_nothing_stands_beside_the_screen(page: Page, web: Web, path: str) -> None:
    sign_in(page, web.link(web.world.vera))
    page.set_viewport_size(PHONE)
    page.goto(web.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
