"""Two hundred tiles: the filter answers at once and the page stays smooth."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect
from redis import Redis

from monitoring.live import tile_channel
from monitoring.publisher import tile_frame
from strategies.choices import Mode
from strategies.models import Deployment
from tests.browser.conftest import PHONE, Web, sign_in
from tests.monitoring.test_consumers import SAMPLE

pytestmark = pytest.mark.browser


@pytest.fixture
def crowded(web: Web) -> Web:
    """200 deployments: 198 more of Acorn's mandate beside the world's two."""
    acorn = web.world.acorn
    Deployment.objects.bulk_create(
        Deployment(
            client=acorn.client,
            mandate=acorn.mandate,
            revision=acorn.revision,
            account=acorn.account,
            market=acorn.market,
            name=f"Acorn {number}",
            mode=Mode.PAPER,
        )
        for number in range(198)
    )
    return web


def test_two_hundred_tiles_are_filtered_and_stay_smooth(page: Page, crowded: Web) -> None:
    sign_in(page, crowded.link(crowded.world.vera))
    tiles = page.locator("article.tile")
    expect(tiles).to_have_count(200)
    page.keyboard.press("/")
    page.keyboard.type("cedar")
    expect(page.locator("[data-role=count]")).to_have_text("1 of 200")
    expect(page.locator("article.tile:visible")).to_have_count(1)
    page.get_by_label("State", exact=True).select_option("active")
    expect(page.get_by_text("No deployment matches.")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.locator("[data-role=count]")).to_have_text("200 of 200")

    client = Redis.from_url(settings.REDIS_URL)
    for _ in range(3):
        for pk in Deployment.objects.values_list("pk", flat=True):
            client.publish(tile_channel(pk), tile_frame(pk, "active", "", SAMPLE, 0))
        page.wait_for_timeout(700)
    client.close()
    expect(tiles.first.locator("[data-cell=spread]")).to_have_text("40.5")
    took = json.loads(
        page.evaluate(
            """() => new Promise(resolve => {
                const gaps = []; let last = performance.now();
                const step = now => { gaps.push(now - last); last = now;
                    if (gaps.length < 60) requestAnimationFrame(step);
                    else resolve(JSON.stringify(gaps.sort((a, b) => a - b))); };
                requestAnimationFrame(step);
            })"""
        )
    )
    assert took[len(took) // 2] < 34, f"half of the frames took {took[len(took) // 2]:.0f} ms or more"


def test_two_hundred_tiles_fit_a_phone(page: Page, crowded: Web) -> None:
    page.set_viewport_size(PHONE)
    sign_in(page, crowded.link(crowded.world.vera))
    expect(page.locator("article.tile")).to_have_count(200)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_an_address_with_a_filter_can_be_shared(page: Page, crowded: Web) -> None:
    sign_in(page, crowded.link(crowded.world.vera))
    page.goto(f"{crowded.url}/?client=Cedar&state=paused")
    expect(page.locator("[data-role=count]")).to_have_text("1 of 200")
    expect(page.get_by_label("Client", exact=True)).to_have_value("Cedar")
