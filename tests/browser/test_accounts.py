"""An account's page in a real browser: a key goes in, nothing comes out, and the check shows itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from clients.services import one_time_link
from engine.venues.account_report import KeyPermissions
from exchanges.checks import checks_run
from exchanges.choices import VenueKind
from exchanges.models import ExchangeAccount, Venue
from exchanges.services import account_open
from exchanges.vault import KEY_FILE, PUBLIC_KEY_FILE
from tests.browser.conftest import Web, sign_in
from tests.exchanges.test_checks import answering, report

pytestmark = pytest.mark.browser


@pytest.fixture
def account(vault_files: tuple[Path, Path], web: Web, monkeypatch: pytest.MonkeyPatch) -> ExchangeAccount:
    monkeypatch.setenv(KEY_FILE, str(vault_files[0]))
    monkeypatch.setenv(PUBLIC_KEY_FILE, str(vault_files[1]))
    venue = Venue.objects.create(
        slug="binance", name="Binance", kind=VenueKind.CENTRALISED, component="exchanges.ccxt.binance"
    )
    return account_open(client=web.world.acorn.client, venue=venue, name="main", is_paper=False, actor=web.world.adam)


def test_a_key_is_typed_sealed_checked_and_never_seen_again(page: Page, account: ExchangeAccount, web: Web) -> None:
    sign_in(page, web.url + one_time_link(web.world.adam))
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.get_by_role("link", name="main").click()
    page.get_by_label("API key").fill("k3y-of-acorn")
    page.get_by_label("Secret").fill("s3cret-of-acorn")
    page.locator("#reason").fill("first key")
    page.get_by_role("button", name="Seal the key").click()
    expect(page.get_by_text("is sealed. It is being checked")).to_be_visible()
    assert "s3cret" not in page.content()
    checks_run(answering(report(KeyPermissions(trade=True, withdraw=True))))
    expect(page.locator("#check").get_by_text("This key can withdraw").first).to_be_visible()
    page.go_back()
    assert "s3cret" not in page.content()


def test_replacing_waits_for_the_typed_name(page: Page, account: ExchangeAccount, web: Web) -> None:
    sign_in(page, web.url + one_time_link(web.world.adam))
    page.goto(f"{web.url}/accounts/{account.pk}/")
    for name in ("api_key", "secret", "reason"):
        page.locator(f"#{name}").fill("typed")
    page.get_by_role("button", name="Seal the key").click()
    page.locator("summary", has_text="Replace the key").click()
    button = page.get_by_role("button", name="Replace the key")
    expect(button).to_be_disabled()
    page.get_by_label("Type main to replace").fill("main")
    expect(button).to_be_enabled()
