"""What the desk refuses it says where the person looks, and kill switches are shown as they stand, without a reload."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk

pytestmark = pytest.mark.browser

PAUSED = {"wanted": "Paused", "observed": "Paused"}


def expect_states(page: Page, **states: str) -> None:
    for name, state in states.items():
        expect(page.locator(f"[data-record={name}]")).to_have_text(state)


def act(page: Page, key: str, reason: str) -> None:
    page.keyboard.press(key)
    page.keyboard.type(reason)
    page.keyboard.press("Enter")


@pytest.fixture
def deployment(desk_page: Page, desk: Desk) -> Iterator[Page]:
    """A paused deployment's page; started again afterwards, since the desk is shared."""
    desk_page.goto(desk.url + "/deployments/3/")
    expect_states(desk_page, wanted="Active", observed="Active")
    act(desk_page, "p", "test of refusals")
    expect_states(desk_page, **PAUSED)
    yield desk_page
    desk_page.goto(desk.url + "/deployments/3/")
    expect_states(desk_page, **PAUSED)
    act(desk_page, "s", "end of test")
    expect_states(desk_page, wanted="Active", observed="Active")


def test_a_refused_start_says_why_inside_its_dialog(deployment: Page, desk: Desk) -> None:
    page = deployment
    page.keyboard.press("s")
    page.keyboard.type("too late")
    other = page.context.new_page()
    other.goto(desk.url + "/deployments/3/")
    expect_states(other, **PAUSED)
    act(other, "k", "seen first by a colleague")
    expect_states(other, wanted="Halted", observed="Halted")

    page.keyboard.press("Enter")
    expect(page.locator("#start .problem")).to_contain_text("kill switch")
    expect(page.locator("#start")).to_be_visible()
    page.keyboard.press("Escape")

    other.get_by_role("link", name="Reset", exact=True).click()
    other.keyboard.type("end of test")
    other.keyboard.press("Enter")
    expect_states(other, **PAUSED)


def test_a_key_opens_only_what_the_page_offers_now(deployment: Page) -> None:
    deployment.keyboard.press("p")
    expect(deployment.locator("#pause")).to_be_hidden()
    deployment.keyboard.press("s")
    expect(deployment.locator("#start")).to_be_visible()
    deployment.keyboard.press("Escape")


def test_kill_switches_come_and_go_on_open_pages(deployment: Page, desk: Desk) -> None:
    watcher = deployment.context.new_page()
    watcher.goto(desk.url + "/")
    engaged = watcher.locator("[data-fleet=switches]")
    expect(engaged).to_have_text("0")

    act(deployment, "k", "drill of the notice")
    notice = deployment.locator("#switches")
    expect(notice).to_contain_text("drill of the notice")
    expect(engaged).to_have_text("1")

    deployment.get_by_role("link", name="Reset", exact=True).click()
    deployment.keyboard.type("end of drill")
    deployment.keyboard.press("Enter")
    expect_states(deployment, **PAUSED)
    expect(notice).not_to_contain_text("kill switch")
    expect(engaged).to_have_text("0")


def test_a_firm_wide_kill_offers_its_reset_at_once(desk: Desk, deployment: Page) -> None:
    page = deployment.context.new_page()
    page.goto(desk.url + "/")
    kill, reset = page.locator("[data-role=firm-kill]"), page.locator("[data-role=firm-halted]")
    expect(kill).to_be_visible()
    page.keyboard.press("k")
    page.keyboard.type("KILL")
    page.keyboard.press("Enter")
    expect(reset).to_be_visible()
    expect(kill).to_be_hidden()
    expect(page.locator("[data-fleet=switches]")).to_have_text("1")
    expect(page.locator("[data-fleet=halted]")).to_have_text("5")

    reset.click()
    page.get_by_label("Reason of the reset").fill("end of test")
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("No kill switch is engaged.")).to_be_visible()
    for pk in (1, 2, 4, 5):
        page.goto(f"{desk.url}/deployments/{pk}/")
        expect_states(page, **PAUSED)
        act(page, "s", "end of test")
        expect_states(page, wanted="Active", observed="Active")
