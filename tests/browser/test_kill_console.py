"""The kill console by keyboard alone: a scope is killed, each of its deployments proven clean, and it is reset."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE

pytestmark = pytest.mark.browser


def test_a_client_is_killed_proven_clean_and_reset_without_a_mouse(desk_page: Page) -> None:
    page = desk_page
    page.keyboard.press("g")
    page.keyboard.press("k")
    expect(page.get_by_role("heading", name="Kill console")).to_be_visible()
    client = page.locator("#scopes tr", has_text=re.compile(r"Demo Borealis\s*Client"))
    expect(client.locator("[data-cell=quoting]")).to_have_text("2")

    colleague = page.context.new_page()
    colleague.goto(page.url)
    colleague.get_by_placeholder("Filter").fill("borealis")

    page.get_by_role("link", name="Kill client Demo Borealis").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 deployments, 2 of them quoting")).to_be_visible()
    page.keyboard.press("Enter")  # the reason has the focus and a default

    expect(page.get_by_text("Client: kill engaged for 2 deployments")).to_be_visible()
    expect(client.locator("[data-cell=proof]")).to_have_text(re.compile(r"^2 of 2 proven clean, slowest \d+ ms$"))
    expect(client.locator("[data-cell=quoting]")).to_have_text("0")
    firm = page.locator("#scopes tr").nth(1)
    expect(firm.locator("[data-cell=stopped]")).to_have_text("2")  # the others quote on

    expect(colleague.get_by_role("heading", name="Engaged now")).to_be_visible()  # without a reload
    expect(colleague.get_by_placeholder("Filter")).to_have_value("borealis")
    expect(colleague.locator("#scopes tr", has_text="Demo Aurora").first).to_be_hidden()

    page.get_by_placeholder("Why is it safe again?").focus()
    page.keyboard.type("end of drill")
    page.keyboard.press("Enter")
    expect(page.get_by_text("What it had stopped is paused")).to_be_visible()
    expect(client.locator("[data-cell=stopped]")).to_have_text("0")
    expect(page.locator("section", has_text="History")).to_contain_text("end of drill")
    expect(colleague.get_by_role("heading", name="Engaged now")).to_be_hidden()
    colleague.close()

    deployments = page.url.replace("/switches/", "/deployments/")
    for number in range(2):  # leave the desk as it was found
        page.goto(deployments)
        page.locator("tr", has_text="Demo Borealis").nth(number).get_by_role("link").first.click()
        expect(page.locator("[data-role=link]")).to_have_text("live")
        page.keyboard.press("s")
        expect(page.locator("#start")).to_be_visible()
        page.keyboard.type("after the drill")
        page.keyboard.press("Enter")
        expect(page.locator("[data-record=observed]")).to_have_text("Active")


def test_on_a_phone_every_kill_is_within_reach(desk_page: Page) -> None:
    desk_page.set_viewport_size(PHONE)
    desk_page.goto(desk_page.url.rstrip("/") + "/switches/")
    expect(desk_page.get_by_role("link", name="Kill venue Simulated Exchange")).to_be_visible()
    reach = desk_page.evaluate("document.documentElement.scrollWidth")
    assert reach <= PHONE["width"]
    box = desk_page.get_by_role("link", name="Kill client Demo Aurora").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["width"]
