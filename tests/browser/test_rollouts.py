"""A roll-out is asked for in the browser, followed while the worker looks, seen to go back, and fits a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from strategies.models import RollOut
from tests.browser.conftest import PHONE, Web, beside_the_loop, sign_in
from tests.monitoring.rollouts.desk import D, Desk, quoting_desk

pytestmark = pytest.mark.browser


def first_stage(desk: Desk) -> None:
    """As the worker and a host do it, with a quarter of a minute that is as good as before."""
    desk.rollout = RollOut.objects.get()
    desk.now = desk.rollout.started_at
    desk.samples(300)
    desk.after(6)
    desk.obeyed()
    desk.after(1)
    desk.quoting(15)


def test_a_roll_out_is_started_followed_and_seen_to_go_back(web: Web, page: Page) -> None:
    desk = beside_the_loop(lambda: quoting_desk(web.world))
    sign_in(page, web.link(web.world.dora))
    page.goto(f"{web.url}/strategies/{web.world.acorn.strategy.pk}/r2/rollout/")
    expect(page.get_by_text("spread.num_levels 3 → 2")).to_be_visible()

    page.get_by_label("Percent of stage 2").fill("100")
    for field in ("Percent", "Deployments", "Minutes"):
        page.get_by_label(f"{field} of stage 3").fill("")
    page.get_by_label("How far back the baseline is measured.").fill("300")
    page.locator("#id_reason").fill("fewer levels")
    page.keyboard.press("Enter")
    state = page.locator("#state")
    expect(state).to_contain_text("Waits for the baseline")

    beside_the_loop(lambda: first_stage(desk))
    expect(state).to_contain_text("Stage 1 of 2")  # the page asks by itself
    expect(state.get_by_role("row", name="own spread")).to_contain_text("early")
    expect(state).to_contain_text("runs r2 at 10 %")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator("#promote-reason").fill("in a hurry")
    page.get_by_role("button", name="Promote the stage").click()
    expect(page.get_by_role("alert")).to_contain_text("too early to tell")

    beside_the_loop(lambda: desk.quoting(15, own_bid=None, own_ask=None, unrealised_quote=D(-500)))
    expect(state).to_contain_text("The loss since the stage began is 500.00 quote, limit 100.00 quote.")
    expect(state).to_contain_text("wanted r1 at 100 %")
    expect(page.get_by_role("button", name="Abort and return")).to_have_count(0)
