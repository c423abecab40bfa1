"""From a template to a mandate that is quoted. The last on the desk, since what it starts goes on there."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import LAPTOP, Desk, sign_in

pytestmark = pytest.mark.browser

SPREAD = "#f-components-spread-args-base_spread_bps"


def test_from_a_template_to_a_quoting_mandate(page: Page, desk: Desk, chromium: Browser) -> None:
    """A new operator, an approver, and then the operator again; nobody has read anything."""
    sign_in(page, desk.link("demo-operator"))
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/strategies/")
    page.get_by_role("link", name="New strategy").click()
    page.get_by_label("Mandate", exact=True).select_option(label="Demo Borealis · BOREAL/USDT on Simulated Exchange")
    page.locator("#id_name").fill("Walked through")
    page.get_by_text("Inventory spread with three modifiers").click()
    page.get_by_role("button", name="Create the draft").click()
    expect(page.get_by_role("heading", name="Valid")).to_be_visible()

    page.locator(SPREAD).fill("wide")
    expect(page.get_by_role("heading", name="1 problem")).to_be_visible()
    expect(page.locator(SPREAD)).to_have_attribute("aria-invalid", "true")
    page.locator(SPREAD).fill("32")
    expect(page.get_by_role("heading", name="Valid")).to_be_visible()
    expect(page.locator("#yaml")).to_have_value(re.compile(r'base_spread_bps: !decimal "32"'))
    page.get_by_role("link", name="Review and submit").click()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("You wrote it: a second person approves it.")).to_be_visible()
    address = page.url

    theirs = chromium.new_context(viewport=LAPTOP)
    other = sign_in(theirs.new_page(), desk.link("demo-approver"))
    other.goto(address)
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_role("heading", level=1)).to_contain_text("approved")
    theirs.close()

    page.reload()
    expect(page.get_by_label("Opening BOREAL, on paper")).not_to_have_value("")
    page.locator("#id_name").fill("Walked through")
    page.get_by_role("button", name="Deploy", exact=True).click()
    page.wait_for_url("**/deployments/*/")
    expect(page.locator("[data-record=observed]")).to_have_text("Paused")
    page.keyboard.press("s")
    page.keyboard.type("the mandate begins")
    page.keyboard.press("Enter")
    expect(page.locator("[data-record=observed]")).to_have_text("Active")
    expect(page.locator(".ladder tr[data-own]").first).to_be_visible()
