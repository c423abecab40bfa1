"""Whether people who see, point or read otherwise can use the pages: axe-core finds nothing serious on any of them."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import LAPTOP, PHONE, Desk, sign_in

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/mandates/",
    "/deployments/",
    "/deployments/1/",
    "/strategies/",
    "/strategies/1/",
    "/strategies/1/r1/",
    "/catalog/",
    "/switches/",
    "/venues/",
    "/venues/binance/",
    "/accounts/",
    "/accounts/1/",
    "/roles/",
    "/replays/",
    "/deployments/1/report/",
)
IN_COLOUR = ["color-contrast", "link-in-text-block"]
"""What another theme can break."""
IN_WIDTH = ["button-name", "link-name", "label", "select-name", "scrollable-region-focusable", "aria-hidden-focus"]
"""What hides or scrolls on a phone alone."""
LOOKS: tuple[tuple[dict[str, int], str, list[str]], ...] = (
    (LAPTOP, "dark", []),
    (PHONE, "light", IN_COLOUR + IN_WIDTH),
)
"""Both widths and both themes, each once: a colour follows from the theme, what scrolls from the width, nothing from
both. On a laptop in the dark everything is asked."""
DRAWN_BY_OTHERS = [[".js-plotly-plot"]]
RUN = "([context, options]) => axe.run(context, options)"
GONE = [":root"]
"""How axe names what was replaced while it looked: these pages are alive."""
SERIOUS = {"serious", "critical"}


def found(page: Page, path: str) -> list[str]:
    """What is serious on a page: with everything axe knows once, then what another width and theme can break."""
    problems = []
    for size, theme, rules in LOOKS:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        options: dict[str, Any] = {"resultTypes": ["violations"]}
        if rules:
            options["runOnly"] = {"type": "rule", "values": rules}
        for violation in page.evaluate(RUN, [{"exclude": DRAWN_BY_OTHERS}, options])["violations"]:
            nodes = [node["target"] for node in violation["nodes"] if node["target"] != GONE]
            if nodes and violation["impact"] in SERIOUS:
                where = "; ".join(str(each) for each in nodes[:3])
                problems.append(f"{path} {theme} {size['width']}: {violation['help']}: {where}")
    return problems


def test_axe_finds_nothing_serious_on_any_page(page: Page, desk: Desk) -> None:
    page.add_init_script(Axe().axe_script)
    page.emulate_media(reduced_motion="reduce")
    sign_in(page, desk.link())
    problems = []
    for path in PAGES:
        answer = page.goto(desk.url + path)
        assert answer is not None
        assert answer.ok, path
        expect(page.locator(".prediction > p:only-child, .htmx-request")).to_have_count(0)
        problems += found(page, path)
    assert problems == []


def test_nor_on_what_a_client_sees(page: Page, desk: Desk) -> None:
    page.add_init_script(Axe().axe_script)
    sign_in(page, desk.link("demo-borealis"))
    assert page.url.endswith("/portal/")
    assert found(page, "/portal/") == []
