"""The builder as people use it: by keyboard, and two at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from strategies.builder.starters import Owed, begun, starters
from strategies.drafting import strategy_create
from strategies.loading import market_facts
from strategies.models import Strategy
from tests.browser.conftest import LAPTOP, PHONE, Web, sign_in

pytestmark = pytest.mark.browser

SPREAD = "#f-components-spread-args-base_spread_bps"
LEVELS = "#f-components-spread-args-num_levels"


@pytest.fixture
def draft(web: Web) -> Strategy:
    holding, dora = web.world.acorn, web.world.dora
    holding.market.component_args = {"anchor_price": "2", "seed": 7}
    holding.market.save(update_fields=["component_args"])
    yaml = begun(starters()["inventory_spread"], market_facts(holding.market), Owed())
    return strategy_create(
        mandate=holding.mandate, name="Draft", yaml=yaml, market=holding.market, actor=dora, origin="a test"
    )


def opened(page: Page, web: Web, draft: Strategy) -> Page:
    sign_in(page, web.link(web.world.dora))
    page.goto(f"{web.url}/strategies/{draft.pk}/")
    expect(page.get_by_role("heading", name="Valid")).to_be_visible()
    return page


def expect_saved(page: Page, version: int) -> None:
    expect(page.locator("#draft-state")).to_have_attribute("data-version", str(version))
    expect(page.locator("[data-role=saved]")).to_have_text(re.compile("^Saved "))


def test_a_strategy_grows_by_keyboard_alone(page: Page, web: Web, draft: Strategy) -> None:
    opened(page, web, draft)
    page.keyboard.press("/")
    page.keyboard.type("killswitches.drawdown")
    page.keyboard.press("Enter")
    field = page.locator("#f-components-drawdown-args-max_drawdown_quote")
    expect(field).to_be_focused()
    page.keyboard.type("300")
    expect_saved(page, 3)
    expect(page.locator("#yaml")).to_have_value(re.compile(r'max_drawdown_quote: !decimal "300"'))
    expect(field).to_be_focused()


def test_either_side_follows_the_other(page: Page, web: Web, draft: Strategy) -> None:
    opened(page, web, draft)
    text = page.locator("#yaml").input_value()
    page.locator("#yaml").fill(text.replace("num_levels: 4", "num_levels: 7"))
    expect(page.locator(LEVELS)).to_have_value("7")
    page.locator(LEVELS).fill("6")
    expect(page.locator("#yaml")).to_have_value(re.compile("num_levels: 6"))
    page.locator("#yaml").fill("service: [")
    expect(page.get_by_text("The YAML cannot be read")).to_be_visible()
    expect_saved(page, 4)
    page.reload()
    expect(page.locator("#yaml")).to_have_value("service: [")


def test_the_predicted_book_follows_what_is_typed(page: Page, web: Web, draft: Strategy) -> None:
    opened(page, web, draft)
    expect(page.locator("#prediction")).to_contain_text("Spread ≤ 60 bps")
    expect(page.locator("#prediction .badge--bad")).to_have_count(0)
    page.get_by_label("base_spread_bps").fill("90")
    page.locator("#f-components-cap-args-max_spread_bps").fill("90")
    expect(page.locator("#prediction")).to_contain_text("bps too wide")
    page.locator("#prediction").get_by_role("link", name="spread.base_spread_bps").click()
    expect(page.locator(SPREAD)).to_be_focused()


def test_a_problem_leads_to_its_field_and_its_line(page: Page, web: Web, draft: Strategy) -> None:
    opened(page, web, draft)
    page.locator(LEVELS).fill("0")
    page.get_by_role("link", name="components.spread.args.num_levels").click()
    expect(page.locator(LEVELS)).to_be_focused()
    page.get_by_title("Go to line").first.click()
    expect(page.locator("#yaml")).to_be_focused()
    chosen = page.evaluate("(y => y.value.slice(y.selectionStart, y.selectionEnd))(document.querySelector('#yaml'))")
    assert chosen.strip() == "num_levels: 0"


def test_what_is_typed_while_the_server_does_not_answer_is_not_lost(page: Page, web: Web, draft: Strategy) -> None:
    opened(page, web, draft)
    page.route("**/edit/", lambda route: route.abort(), times=1)
    page.locator(SPREAD).fill("30")
    expect(page.locator("[data-role=saved]")).to_contain_text("trying again")
    page.locator(LEVELS).fill("5")
    expect(page.locator("#yaml")).to_have_value(re.compile("num_levels: 5"))
    expect(page.locator("#yaml")).to_have_value(re.compile(r'base_spread_bps: !decimal "30"'))


def test_two_people_on_one_draft_are_told_and_lose_nothing(
    page: Page, web: Web, draft: Strategy, chromium: Browser
) -> None:
    opened(page, web, draft)
    theirs = chromium.new_context(viewport=LAPTOP)
    theirs.set_default_timeout(15_000)
    other = sign_in(theirs.new_page(), web.link(web.world.adam))
    other.goto(f"{web.url}/strategies/{draft.pk}/")

    page.locator(SPREAD).fill("30")
    expect_saved(page, 2)
    other.locator(LEVELS).fill("6")
    expect(other.locator(SPREAD)).to_have_value("30")
    expect(other.locator(LEVELS)).to_have_value("6")

    expect(page.locator("#notice")).to_contain_text("adam saved this draft at")
    page.locator(LEVELS).fill("9")
    expect(page.locator("#notice")).to_contain_text("Not saved: adam saved this draft")
    expect(page.locator(LEVELS)).to_have_value("9")
    page.get_by_role("button", name="Show theirs").click()
    expect(page.locator(LEVELS)).to_have_value("6")
    page.locator(LEVELS).fill("8")
    expect_saved(page, 4)
    theirs.close()


@pytest.mark.parametrize("path", ["", "review/"])
def test_nothing_hangs_over_the_edge_of_a_phone(page: Page, web: Web, draft: Strategy, path: str) -> None:
    page.set_viewport_size(PHONE)
    sign_in(page, web.link(web.world.dora))
    page.goto(f"{web.url}/strategies/{draft.pk}/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_what_was_taken_out_can_be_put_back(page: Page, web: Web, draft: Strategy) -> None:
    opened(page, web, draft)
    text = page.locator("#yaml").input_value()
    page.get_by_role("button", name="Remove shade").click()
    expect(page.locator("#notice")).to_contain_text("shade is taken out.")
    expect(page.get_by_role("heading", name="1 problem")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Valid")).to_be_visible()
    expect(page.locator("#yaml")).to_have_value(text)
