"""The running desk in a real browser: quotes move, controls act, a lost connection is said and heals."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Desk

pytestmark = pytest.mark.browser

MOVED = "([name, before]) => document.querySelector(`[data-live=${name}]`).textContent !== before"


def open_deployment(page: Page, name: str) -> None:
    page.get_by_role("link", name="Deployments", exact=True).click()
    page.get_by_role("link", name=name).click()
    expect(page.locator("[data-live=mid]")).not_to_have_text("–")


def test_the_first_page_says_what_it_is_and_its_tiles_come_alive(desk_page: Page) -> None:
    expect(desk_page.get_by_text("This is the demo desk")).to_be_visible()
    tiles = desk_page.locator("article.tile")
    expect(tiles).to_have_count(5)
    expect(desk_page.locator("[data-fleet=active]")).to_have_text("5")
    for index in range(5):
        expect(tiles.nth(index).locator("[data-cell=spread]")).to_have_text(re.compile(r"^\d+\.\d+$"))
        expect(tiles.nth(index).locator("[data-cell=age]")).to_have_text(re.compile(r"^\d\.\d s$"))
    expect(desk_page.locator("[data-role=link]")).to_have_text("live")


def test_a_deployment_shows_our_orders_in_the_book_and_prices_move(desk_page: Page) -> None:
    open_deployment(desk_page, "BTC/USDT paper")
    before = desk_page.locator("[data-live=mid]").text_content()
    desk_page.wait_for_function(MOVED, arg=["mid", before])
    expect(desk_page.locator(".ladder tr[data-own]").first).to_be_visible()
    prices = [float(text.replace(",", "")) for text in desk_page.locator(".ladder__price").all_inner_texts() if text]
    assert prices == sorted(prices, reverse=True)
    expect(desk_page.locator("[data-widget=charts] .js-plotly-plot")).to_be_visible()
    expect(desk_page.locator("[data-widget=ticks]")).to_contain_text("Quoting")
    expect(desk_page.locator("#tick")).to_contain_text("From wish to order")


def test_pause_start_kill_and_reset_each_with_its_reason(desk_page: Page) -> None:
    page = desk_page
    open_deployment(page, "CASC/USDT paper")
    observed = page.locator("[data-record=observed]")
    expect(observed).to_have_text("Active")

    page.keyboard.press("p")
    page.keyboard.press("Enter")
    expect(page.locator("#pause")).to_be_visible()  # a reason is required
    page.keyboard.type("looking into it")
    page.keyboard.press("Enter")
    expect(observed).to_have_text("Paused")
    expect(page.locator(".ladder tr[data-own]")).to_have_count(0)

    page.keyboard.press("s")
    page.keyboard.type("it was nothing")
    page.keyboard.press("Enter")
    expect(observed).to_have_text("Active")
    expect(page.locator(".ladder tr[data-own]").first).to_be_visible()

    page.keyboard.press("k")
    expect(page.locator("#kill")).to_be_visible()
    page.keyboard.press("Enter")
    result = page.locator("[data-role=halt]")
    expect(result).to_contain_text("proven clean")
    figure = page.locator("[data-role=halt-ms]").inner_text()
    match = re.fullmatch(r"Click → nothing resting: ([\d,]+) ms", figure)
    assert match, figure
    assert int(match[1].replace(",", "")) < 2000  # a loaded test machine; the claim of 250 ms is measured in bench/
    expect(observed).to_have_text("Halted")
    expect(page.locator("#events-title")).to_be_visible()

    expect(page.get_by_role("link", name="Start")).to_be_hidden()
    page.get_by_role("link", name="Reset", exact=True).click()
    page.keyboard.type("end of drill")
    page.keyboard.press("Enter")
    expect(observed).to_have_text("Paused")
    page.keyboard.press("s")
    page.keyboard.type("back to work")
    page.keyboard.press("Enter")
    expect(observed).to_have_text("Active")


def test_the_keyboard_leads_everywhere(desk_page: Page, desk: Desk) -> None:
    page = desk_page
    for keys, path in (("gm", "/mandates/"), ("gp", "/deployments/"), ("gr", "/replays/"), ("gd", "/")):
        page.keyboard.press(keys[0])
        page.keyboard.press(keys[1])
        page.wait_for_url(desk.url + path)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("aurora")
    expect(page.locator("article.tile:visible")).to_have_count(1)
    assert page.url == f"{desk.url}/?q=aurora"
    page.keyboard.press("Escape")
    expect(page.locator("article.tile:visible")).to_have_count(5)
    page.keyboard.press("k")
    expect(page.locator("#firm-kill")).to_be_visible()
    kill = page.locator("#firm-kill").get_by_role("button", name="Kill everything")
    expect(kill).to_be_disabled()
    page.keyboard.type("KIL")
    expect(kill).to_be_disabled()
    page.keyboard.type("L")
    expect(kill).to_be_enabled()
    page.keyboard.press("Escape")


def test_the_theme_is_remembered(desk_page: Page) -> None:
    theme = desk_page.locator("html")
    expect(theme).to_have_attribute("data-theme", "dark")
    desk_page.keyboard.press("t")
    expect(theme).to_have_attribute("data-theme", "light")
    desk_page.reload()
    expect(theme).to_have_attribute("data-theme", "light")


def test_a_frozen_server_is_said_across_the_page_and_heals(desk_page: Page, desk: Desk) -> None:
    expect(desk_page.locator("[data-role=link]")).to_have_text("live")
    web = desk.child("uvicorn")
    web.send_signal(signal.SIGSTOP)
    try:
        banner = desk_page.locator("[data-role=banner]")
        expect(banner).to_be_visible()
        expect(banner).to_contain_text(re.compile(r"Connection lost – figures are [\d.]+ s old"))
        expect(desk_page.locator("body")).to_have_class(re.compile("is-stale"))
    finally:
        web.send_signal(signal.SIGCONT)
    expect(desk_page.locator("[data-role=banner]")).to_be_hidden()
    expect(desk_page.locator("[data-role=link]")).to_have_text("live")


def test_a_killed_server_comes_back_and_the_page_with_it(desk_page: Page, desk: Desk) -> None:
    expect(desk_page.locator("[data-role=link]")).to_have_text("live")
    desk.child("uvicorn").kill()
    expect(desk_page.locator("[data-role=banner]")).to_be_visible()
    expect(desk_page.locator("[data-role=banner]")).to_be_hidden(timeout=30_000)
    expect(desk_page.locator("[data-fleet=age]")).to_have_text(re.compile(r"^\d\.\d s$"))


def test_a_silent_broker_is_said_across_the_page_and_heals(desk_page: Page, desk: Desk) -> None:
    expect(desk_page.locator("[data-role=link]")).to_have_text("live")
    broker = desk.child("valkey-server")
    broker.send_signal(signal.SIGSTOP)
    try:
        expect(desk_page.locator("[data-role=banner]")).to_contain_text("The live feed is down", timeout=30_000)
    finally:
        broker.send_signal(signal.SIGCONT)
    expect(desk_page.locator("[data-role=banner]")).to_be_hidden(timeout=30_000)
    expect(desk_page.locator("[data-fleet=age]")).to_have_text(re.compile(r"^\d\.\d s$"))


def test_a_mandate_shows_its_gauges(desk_page: Page) -> None:
    desk_page.get_by_role("link", name="Mandates").click()
    desk_page.get_by_role("link", name="AURORA/USDT on Simulated Exchange").click()
    expect(desk_page.locator("article.kpi").first).to_contain_text("target")
    expect(desk_page.locator("[data-live=own_spread_bps]")).to_have_text(re.compile(r"\d"))
    expect(desk_page.get_by_text("in force").first).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/mandates/", "/deployments/", "/deployments/1/", "/replays/", "/switches/"])
def test_nothing_scrolls_sideways_on_a_phone(desk_page: Page, desk: Desk, path: str) -> None:
    desk_page.set_viewport_size(PHONE)
    desk_page.goto(desk.url + path)
    desk_page.wait_for_timeout(800)
    widths = desk_page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]
