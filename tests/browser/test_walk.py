"""From an empty desk to a mandate that is quoted on paper, in the browser alone, by people who have read nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import LAPTOP, Desk, sign_in
from tests.mmplatform.desks import desk_directory, read_until, running

pytestmark = pytest.mark.browser

SPREAD = "#f-components-spread-args-base_spread_bps"


@pytest.fixture
def empty_desk() -> Iterator[Desk]:
    """`./mm up --no-demo` in a new directory: no client, no mandate, and one person, made at its terminal."""
    var = desk_directory()
    with running(var, "--no-demo") as process:
        said = read_until(process, "The desk is open")
        address = re.search(r"http://localhost:\d+", said)
        assert address, said
        desk = Desk(url=address[0], var=var, process=process)
        desk.manage("createsuperuser", "--noinput", "--username", "ada", "--email", "ada@desk.example")
        yield desk


def test_from_an_empty_desk_to_a_mandate_that_is_quoted(page: Page, empty_desk: Desk, chromium: Browser) -> None:
    sign_in(page, empty_desk.link("ada"))
    expect(page.get_by_text("No deployment yet.")).to_be_visible()

    page.get_by_role("link", name="Open a mandate").click()
    page.get_by_label("Client").fill("Borealis")
    page.get_by_label("Base asset").fill("BOREAL")
    page.get_by_label("Price it begins at").fill("0.35")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("BOREAL/USDT on Simulated Exchange is open.")).to_be_visible()

    page.get_by_text("Inventory spread with three modifiers").click()
    page.get_by_role("button", name="Create the draft").click()
    expect(page.get_by_role("heading", name="Valid")).to_be_visible()
    expect(page.locator("#prediction")).to_contain_text("Spread ≤ 50 bps")
    page.locator(SPREAD).fill("wide")
    expect(page.get_by_role("heading", name="1 problem")).to_be_visible()
    expect(page.locator(SPREAD)).to_have_attribute("aria-invalid", "true")
    page.locator(SPREAD).fill("28")
    expect(page.get_by_role("heading", name="Valid")).to_be_visible()
    expect(page.locator("#yaml")).to_have_value(re.compile(r'base_spread_bps: !decimal "28"'))
    page.get_by_role("link", name="Review and submit").click()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("You wrote it: a second person approves it.")).to_be_visible()
    revision = page.url

    page.get_by_role("link", name="Who may do what").click()
    page.get_by_label("Name to sign in with").fill("rita")
    page.locator("#invite-reason").fill("a second pair of eyes")
    page.get_by_role("button", name="Invite").click()
    link = page.get_by_label("Sign-in link of rita").input_value()

    theirs = chromium.new_context(viewport=LAPTOP)
    other = sign_in(theirs.new_page(), link)
    other.goto(revision)
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_role("heading", level=1)).to_contain_text("approved")
    theirs.close()

    page.goto(revision)
    expect(page.get_by_label("Opening BOREAL, on paper")).not_to_have_value("")
    page.get_by_role("button", name="Deploy", exact=True).click()
    page.wait_for_url("**/deployments/*/")
    expect(page.locator("[data-record=observed]")).to_have_text("Paused")
    page.keyboard.press("s")
    page.keyboard.type("the mandate begins")
    page.keyboard.press("Enter")
    expect(page.locator("[data-record=observed]")).to_have_text("Active")
    expect(page.locator(".ladder tr[data-own]").first).to_be_visible()
