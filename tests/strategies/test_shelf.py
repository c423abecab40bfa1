"""What a strategy is called, kept as and ended as: names, templates, putting away."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client as Browser

from clients.errors import Refusal
from clients.models import AuditEntry
from engine.core.config import parse_tree
from strategies.builder.layout import sheet_of
from strategies.drafting import draft_submit, strategy_create
from strategies.loading import market_facts
from strategies.models import Deployment, Strategy, StrategyTemplate
from strategies.services import deployment_start
from strategies.shelf import (
    begun_from,
    strategy_rename,
    strategy_retire,
    strategy_revive,
    template_remove,
    template_save,
)
from tests.strategies.builder.test_edits import ON_A_MARKET, TEXT
from tests.world import World


@pytest.fixture
def strategy(world: World) -> Strategy:
    strategy = world.acorn.strategy
    strategy.draft_yaml, strategy.market = "# Ours\n" + TEXT, world.acorn.market
    strategy.save(update_fields=["draft_yaml", "market"])
    return strategy


def entry(verb: str) -> AuditEntry:
    return AuditEntry.objects.get(verb=verb)


def test_a_strategy_is_called_something_else_and_the_audit_knows_both(world: World, strategy: Strategy) -> None:
    renamed = strategy_rename(strategy=strategy, name=" Night ladder ", actor=world.dora)
    assert renamed.name == "Night ladder"
    assert (entry("strategy.renamed").old, entry("strategy.renamed").new) == ("Two-sided", "Night ladder")
    assert str(world.acorn.revision.__class__.objects.get(pk=world.acorn.revision.pk)) == "Night ladder r1"


@pytest.mark.parametrize(("name", "sentence"), [("", "needs a name"), ("x" * 121, "at most 120"), ("Taken", "already")])
def test_a_name_that_cannot_be_says_why(world: World, strategy: Strategy, name: str, sentence: str) -> None:
    strategy_create(mandate=strategy.mandate, name="Taken", yaml="", market=None, actor=world.dora, origin="a test")
    with pytest.raises(Refusal, match=sentence):
        strategy_rename(strategy=strategy, name=name, actor=world.dora)


def test_what_runs_is_never_put_away(world: World, strategy: Strategy) -> None:
    deployment_start(deployment=world.acorn.deployment, actor=world.dora, reason="morning")
    with pytest.raises(Refusal, match="pause it, and end it"):
        strategy_retire(strategy=strategy, actor=world.dora, reason="done")
    strategy.refresh_from_db()
    assert strategy.retired_at is None
    assert Deployment.objects.get(pk=world.acorn.deployment.pk).ended_at is None


def test_what_rests_ends_with_it_and_nothing_of_it_starts_anew_until_it_is_taken_back(
    world: World, strategy: Strategy
) -> None:
    with pytest.raises(Refusal, match="say why"):
        strategy_retire(strategy=strategy, actor=world.dora, reason=" ")
    strategy_retire(strategy=strategy, actor=world.dora, reason="the mandate is over")
    assert Deployment.objects.get(pk=world.acorn.deployment.pk).ended_at is not None
    assert entry("deployment.ended").reason == "Two-sided was put away: the mandate is over"
    assert entry("strategy.retired").reason == "the mandate is over"
    with pytest.raises(Refusal, match="was put away"):
        draft_submit(strategy=strategy, based_on=1, actor=world.dora)
    strategy_revive(strategy=strategy, actor=world.dora, reason="it goes on")
    assert draft_submit(strategy=strategy, based_on=1, actor=world.dora).number == 2
    assert entry("strategy.revived").old is not None


def test_a_template_begins_on_any_market_of_any_client(world: World, strategy: Strategy) -> None:
    template = template_save(strategy=strategy, name="Two-sided", about="for thin markets", actor=world.dora)
    assert begun_from(template, market_facts(world.acorn.market)) == strategy.draft_yaml
    there = replace(market_facts(world.cedar.market), args={"anchor_price": "2", "profile": "mid", "seed": 9})
    text = begun_from(template, there)
    assert text.startswith("# Ours\n")
    assert parse_tree(text)["vars"] == {"symbol": "CEDAR/USDT"}
    assert parse_tree(text)["components"]["venue"]["args"] == {"symbol": "@symbol"}
    sheet = sheet_of(text, replace(ON_A_MARKET, market=there))
    assert sheet.is_valid, sheet.problems
    kraken = replace(there, component="exchanges.ccxt.kraken", args={})
    assert sheet_of(begun_from(template, kraken), replace(ON_A_MARKET, market=kraken)).is_valid


def test_a_template_of_that_name_is_replaced_and_a_removed_one_stays_in_the_audit(
    world: World, strategy: Strategy
) -> None:
    template_save(strategy=strategy, name="Ours", about="", actor=world.dora)
    template = template_save(strategy=strategy, name="Ours", about="better", actor=world.adam)
    assert StrategyTemplate.objects.get().about == "better"
    assert entry("template.replaced").old["text"] == strategy.draft_yaml
    template_remove(template=template, actor=world.adam, reason="nobody uses it")
    assert StrategyTemplate.objects.count() == 0
    assert entry("template.removed").old["text"] == strategy.draft_yaml


def test_what_cannot_be_read_is_no_template(world: World, strategy: Strategy) -> None:
    Strategy.objects.update(draft_yaml="service: [")
    with pytest.raises(Refusal, match="cannot be read as YAML"):
        template_save(strategy=strategy, name="x", about="", actor=world.dora)


def test_it_takes_the_role_that_configures(world: World, strategy: Strategy) -> None:
    template = template_save(strategy=strategy, name="Ours", about="", actor=world.dora)
    for act in (
        lambda: strategy_rename(strategy=strategy, name="x", actor=world.vera),
        lambda: strategy_retire(strategy=strategy, actor=world.rita, reason="x"),
        lambda: strategy_revive(strategy=strategy, actor=world.vera, reason="x"),
        lambda: template_save(strategy=strategy, name="x", about="", actor=world.rita),
        lambda: template_remove(template=template, actor=world.vera, reason="x"),
    ):
        with pytest.raises(PermissionDenied):
            act()


def browser_of(user: object) -> Browser:
    browser = Browser()
    browser.force_login(user)  # type: ignore[arg-type]
    return browser


def test_the_pages_do_all_of_it(world: World, strategy: Strategy) -> None:
    dora, keep = browser_of(world.dora), f"/strategies/{strategy.pk}/keep/"
    assert dora.post(keep, {"act": "rename", "name": ""}).status_code == 422
    dora.post(keep, {"act": "rename", "name": "Renamed"})
    dora.post(keep, {"act": "template", "name": "Ours", "about": "for nights"})
    template = StrategyTemplate.objects.get()
    assert "for nights" in dora.get("/strategies/new/").content.decode()
    begun = dora.post(
        "/strategies/new/", {"mandate": world.acorn.mandate.pk, "start": f"template-{template.pk}", "name": "From it"}
    )
    assert Strategy.objects.get(name="From it").draft_yaml == strategy.draft_yaml
    assert begun["Location"].startswith("/strategies/")
    assert "for nights" in dora.get("/strategies/templates/").content.decode()
    dora.post(keep, {"act": "retire", "reason": "over"})
    assert "is put away" in dora.get("/strategies/").content.decode()
    assert "Renamed" not in dora.get("/strategies/").content.decode()
    assert "put away" in dora.get("/strategies/?retired").content.decode()
    assert "nothing of it starts anew" in dora.get(f"/strategies/{strategy.pk}/").content.decode()
    dora.post(keep, {"act": "revive", "reason": "again"})
    assert "Renamed" in dora.get("/strategies/").content.decode()
    assert dora.post(f"/strategies/templates/{template.pk}/remove/", {"reason": ""}).status_code == 422
    dora.post(f"/strategies/templates/{template.pk}/remove/", {"reason": "unused"})
    assert StrategyTemplate.objects.count() == 0
    assert dora.post(keep, {"act": "burn"}).status_code == 404


def test_strangers_see_none_of_it(world: World, strategy: Strategy) -> None:
    for path in (f"/strategies/{strategy.pk}/keep/", "/strategies/templates/"):
        assert browser_of(world.alice).get(path).status_code == 404
    assert browser_of(world.vera).get(f"/strategies/{strategy.pk}/keep/").status_code == 403
    assert browser_of(world.vera).get("/strategies/templates/").status_code == 200
