"""The catalog's pages: who sees them, and that they say what the components say."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client as Browser

from clients.choices import DeskRole
from clients.models import User
from engine.core.catalog import Catalog
from engine.core.plugins import BrokenComponent, Registry
from strategies.templatetags.prose import prose, words
from strategies.views import catalog as pages
from tests.kinds import one_of_each
from tests.world import World, person

IDS = Registry.installed().ids()


def as_user(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def page(db: None) -> Browser:
    return as_user(person("vera", DeskRole.VIEWER))


def example_on(page: str) -> str:
    code = re.search(r'<code id="example">(.*?)</code>', page, re.DOTALL)
    assert code
    return unescape(re.sub(r"<[^>]+>", "", code[1]))


@pytest.mark.parametrize("path", ["/catalog/", "/catalog/prices.mid/"])
def test_a_visitor_signs_in_first_and_for_a_client_there_is_no_catalog(world: World, path: str) -> None:
    assert Browser().get(path)["Location"].startswith("/signin/?next=")
    assert as_user(world.alice).get(path).status_code == 404
    assert as_user(world.vera).get(path).status_code == 200


def test_the_list_holds_every_component_with_its_sentence(page: Browser) -> None:
    text = page.get("/catalog/").content.decode()
    assert set(re.findall(r'href="/catalog/([^"/]+)/"', text)) == set(IDS)
    assert "Record a notice at every beat." in text
    assert f"{len(IDS)} of {len(IDS)}" in text


def test_without_a_script_the_filter_hides_what_does_not_hold_every_word(page: Browser) -> None:
    text = page.get("/catalog/", {"q": "half_spread_bps QuotingStrategy"}).content.decode()
    shown = re.findall(r'<tr data-text="[^"]*">.*?href="/catalog/([^"/]+)/"', text)
    assert "marketmaking.ladder" in shown
    assert "prices.mid" not in shown
    assert f"{len(shown)} of {len(IDS)}" in text


def test_what_was_typed_cannot_leave_its_field(page: Browser) -> None:
    assert "<script>alert" not in page.get("/catalog/", {"q": '"><script>alert(1)</script>'}).content.decode()


@pytest.mark.parametrize("id", one_of_each(IDS))
def test_every_component_has_a_page(page: Browser, id: str) -> None:
    answer = page.get(f"/catalog/{id}/")
    assert answer.status_code == 200
    assert f"id: {id}\n" in example_on(answer.content.decode())


def test_a_page_shows_arguments_with_unit_bounds_default_and_what_fits(page: Browser) -> None:
    text = page.get("/catalog/marketmaking/").content.decode()
    (row,) = re.findall(r'<tr id="interval_ms">.*?</tr>', text, re.DOTALL)
    cells = [re.sub(r"<[^>]+>", " ", cell).split() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
    assert [" ".join(cell) for cell in cells] == [
        "interval_ms",
        "1000",
        "ms",
        "whole number at least 10, at most 60000",
        "Time from tick to tick",
    ]
    (price,) = re.findall(r'<tr id="price">.*?</tr>', text, re.DOTALL)
    assert 'href="/catalog/prices.mid/"' in price
    assert "required" in price


def test_a_page_says_where_a_component_comes_from_and_who_can_use_it(page: Browser) -> None:
    text = page.get("/catalog/prices.mid/").content.decode()
    assert "engine.prices.mid:Mid" in text
    assert re.search(r"mmplatform \d", text)
    assert 'class="badge">plugin' not in text
    assert 'href="/catalog/marketmaking/#price"' in text


@pytest.mark.parametrize("id", ["prices.nowhere", "prices.mid.more", "%00"])
def test_what_is_not_in_the_catalog_is_not_found(page: Browser, id: str) -> None:
    assert page.get(f"/catalog/{id}/").status_code == 404


def test_a_broken_component_is_listed_and_has_a_page_with_its_reason(
    page: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = BrokenComponent('the component "prices.acme" of acme-desk cannot be imported from acme:X: <no licence>')
    registry = Registry({"service.heartbeat": Registry.installed().get("service.heartbeat"), "prices.acme": broken})
    found = Catalog.of(registry)
    monkeypatch.setattr(pages, "installed", lambda: found)
    listed = page.get("/catalog/").content.decode()
    assert "1 component cannot be used" in listed
    assert "&lt;no licence&gt;" in listed
    assert "Record a notice at every beat." in listed
    shown = page.get("/catalog/prices.acme/").content.decode()
    assert "It cannot be used: the component &quot;prices.acme&quot; of acme-desk" in shown


def test_a_docstring_keeps_its_columns_and_cannot_bring_its_own_markup() -> None:
    assert prose("One `name`\nand more.\n\na  first\nbb second") == (
        "<p>One <code>name</code> and more.</p>\n<pre>a  first\nbb second</pre>"
    )
    assert words("`<b>` <i>") == "<code>&lt;b&gt;</code> &lt;i&gt;"
