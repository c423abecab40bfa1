"""The builder's pages: every edit, nothing lost, two people on one draft, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from clients.models import AuditEntry, User
from engine.core.config import parse_tree
from strategies.builder.sheet import key_of
from strategies.builder.starters import starters
from strategies.drafting import draft_save
from strategies.models import Strategy
from tests.world import World

SPREAD = key_of(("components", "spread", "args", "base_spread_bps"))
LEVELS = key_of(("components", "spread", "args", "num_levels"))
LIVE = {"X-Builder": "1"}


def as_user(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def strategy(world: World) -> Strategy:
    strategy = world.acorn.strategy
    strategy.draft_yaml = world.acorn.revision.yaml
    strategy.market = world.acorn.market
    strategy.save(update_fields=["draft_yaml", "market"])
    return strategy


@pytest.fixture
def dora(world: World) -> Browser:
    return as_user(world.dora)


def edit(browser: Browser, strategy: Strategy, op: str, version: int | None = None, **values: str) -> Any:
    stands = version or Strategy.objects.get(pk=strategy.pk).draft_version
    return browser.post(f"/strategies/{strategy.pk}/edit/", {"op": op, "version": str(stands), **values}, headers=LIVE)


def tree(strategy: Strategy) -> Any:
    strategy.refresh_from_db()
    return parse_tree(strategy.draft_yaml)


@pytest.mark.parametrize("path", ["/strategies/", "/strategies/new/", "/strategies/{pk}/", "/strategies/{pk}/review/"])
def test_the_pages_are_the_desks_alone(world: World, strategy: Strategy, path: str) -> None:
    path = path.format(pk=strategy.pk)
    assert Browser().get(path)["Location"].startswith("/signin/?next=")
    assert as_user(world.alice).get(path).status_code == 404
    assert as_user(world.dora).get(path).status_code == 200


def test_who_may_not_configure_sees_the_draft_and_changes_nothing(world: World, strategy: Strategy) -> None:
    vera = as_user(world.vera)
    page = vera.get(f"/strategies/{strategy.pk}/").content.decode()
    assert "data-readonly" in page
    assert 'data-op="remove"' not in page
    assert edit(vera, strategy, "remove", name="mid").status_code == 403
    assert vera.get("/strategies/new/").status_code == 403
    assert "mid" in tree(strategy)["components"]


def test_the_builder_shows_cards_fields_problems_text_and_wiring(dora: Browser, strategy: Strategy) -> None:
    page = dora.get(f"/strategies/{strategy.pk}/").content.decode()
    assert 'id="f-components-spread-args-base_spread_bps"' in page
    assert "resolved, checked and loaded on ACORN/USDT at Simulated Exchange" in page
    assert "base_spread_bps: !decimal &quot;40&quot;" in page
    assert "<svg" in page
    assert 'data-value="prices.mid"' in page


def test_a_field_is_saved_and_the_text_follows(dora: Browser, strategy: Strategy) -> None:
    answer = edit(dora, strategy, "set", **{f"f{SPREAD}": "35.5", f"w{SPREAD}": "40"})
    assert answer.status_code == 200
    assert "base_spread_bps: !decimal &quot;35.5&quot;" in answer.content.decode()
    strategy.refresh_from_db()
    assert (strategy.draft_version, strategy.draft_by.username) == (2, "dora")


def test_what_is_wrong_is_kept_and_said_where_it_stands(dora: Browser, strategy: Strategy) -> None:
    answer = edit(dora, strategy, "set", **{f"f{SPREAD}": "wide", f"w{SPREAD}": "40"}).content.decode()
    assert tree(strategy)["components"]["spread"]["args"]["base_spread_bps"] == "wide"
    assert "base_spread_bps must be an exact decimal number, was the text &quot;wide&quot;" in answer
    assert 'data-goto="f-components-spread-args-base_spread_bps"' in answer


def test_the_text_is_kept_even_if_it_cannot_be_read(dora: Browser, strategy: Strategy) -> None:
    answer = edit(dora, strategy, "text", text="service: [\r\n").content.decode()
    strategy.refresh_from_db()
    assert strategy.draft_yaml == "service: [\n"
    assert "The YAML cannot be read" in answer
    refused = edit(dora, strategy, "add", value="prices.mid")
    assert refused.status_code == 422
    assert "mend the text first" in refused.content.decode()
    strategy.refresh_from_db()
    assert strategy.draft_yaml == "service: [\n"


@pytest.mark.parametrize(
    ("op", "values", "expected"),
    [
        ("add", {"value": "prices.micro"}, lambda t: "micro" in t["components"]),
        ("remove", {"name": "loss"}, lambda t: "loss" not in t["components"]),
        ("duplicate", {"name": "loss"}, lambda t: "loss_2" in t["components"]),
        ("rename", {"name": "mid", "value": "fair"}, lambda t: t["components"]["quoting"]["args"]["price"] == "@fair"),
        ("variable", {"name": "age", "value": "5"}, lambda t: t["vars"]["age"] == 5),
        ("take", {"path": LEVELS}, lambda t: "num_levels" not in t["components"]["spread"]["args"]),
        (
            "item",
            {"path": key_of(("components", "kill", "args", "switches")), "value": "+killswitches.manual"},
            lambda t: t["components"]["kill"]["args"]["switches"] == ["@loss", "@manual"],
        ),
    ],
)
def test_every_other_edit(dora: Browser, strategy: Strategy, op: str, values: dict, expected: Any) -> None:
    answer = edit(dora, strategy, op, **values)
    assert answer.status_code == 200
    assert expected(tree(strategy))
    assert 'id="cards"' in answer.content.decode()


@pytest.mark.parametrize(
    ("op", "values", "sentence"),
    [
        ("rename", {"name": "mid", "value": "2"}, "cannot be a name"),
        ("add", {"value": "prices.mdi"}, "Did you mean"),
        ("dance", {}, "There is no such edit: dance."),
        ("take", {"path": "{"}, "not one of ours"),
        ("set", {"f[1]": "x"}, "is no field of a configuration"),
        ("text", {"text": "x" * 100_001}, "at most 100,000 characters"),
        ("market", {"value": "77"}, "not one of the mandate"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    dora: Browser, strategy: Strategy, op: str, values: dict, sentence: str
) -> None:
    before = strategy.draft_yaml
    answer = edit(dora, strategy, op, **values)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    strategy.refresh_from_db()
    assert strategy.draft_yaml == before


# Two people


def test_two_people_on_different_fields_both_keep_what_they_typed(world: World, strategy: Strategy) -> None:
    assert edit(as_user(world.dora), strategy, "set", 1, **{f"f{SPREAD}": "35", f"w{SPREAD}": "40"}).status_code == 200
    answer = edit(as_user(world.adam), strategy, "set", 1, **{f"f{LEVELS}": "5", f"w{LEVELS}": "3"})
    assert answer.status_code == 200
    assert 'id="cards"' in answer.content.decode()
    args = tree(strategy)["components"]["spread"]["args"]
    assert (str(args["base_spread_bps"]), args["num_levels"]) == ("35", 5)


def test_two_people_on_one_field_are_told_and_neither_is_written_over(world: World, strategy: Strategy) -> None:
    edit(as_user(world.dora), strategy, "set", 1, **{f"f{SPREAD}": "35", f"w{SPREAD}": "40"})
    adam = as_user(world.adam)
    answer = edit(adam, strategy, "set", 1, **{f"f{SPREAD}": "45", f"w{SPREAD}": "40"})
    assert answer.status_code == 409
    said = answer.content.decode()
    assert "dora saved this draft at " in said
    assert "Keep mine instead" in said
    assert str(tree(strategy)["components"]["spread"]["args"]["base_spread_bps"]) == "35"
    mine = {"keep": "mine", f"f{SPREAD}": "45", f"w{SPREAD}": "40"}
    assert edit(adam, strategy, "set", 1, **mine).status_code == 409  # what he has not seen he cannot mean
    edit(adam, strategy, "set", 2, **mine)
    assert AuditEntry.objects.filter(verb="draft.replaced", actor=world.adam).exists()
    assert str(tree(strategy)["components"]["spread"]["args"]["base_spread_bps"]) == "45"


def test_a_text_never_replaces_one_its_author_has_not_seen(world: World, strategy: Strategy) -> None:
    edit(as_user(world.dora), strategy, "text", 1, text="service: '@dora'\n")
    adam = as_user(world.adam)
    assert edit(adam, strategy, "text", 1, text="service: '@adam'\n").status_code == 409
    strategy.refresh_from_db()
    assert strategy.draft_yaml == "service: '@dora'\n"
    assert edit(adam, strategy, "text", 2, text="service: '@adam'\n", keep="mine").status_code == 200
    entry = AuditEntry.objects.get(verb="draft.replaced")
    assert (entry.actor, entry.old["text"], entry.new["text"]) == (
        world.adam,
        "service: '@dora'\n",
        "service: '@adam'\n",
    )


def test_structure_is_not_changed_under_somebodys_hands(world: World, strategy: Strategy) -> None:
    edit(as_user(world.dora), strategy, "rename", 1, name="mid", value="fair")
    assert edit(as_user(world.adam), strategy, "remove", 1, name="loss").status_code == 409
    assert edit(as_user(world.adam), strategy, "add", 1, value="prices.micro").status_code == 200
    assert {"fair", "loss", "micro"} <= set(tree(strategy)["components"])


def test_the_page_hears_that_somebody_else_has_saved(world: World, strategy: Strategy) -> None:
    adam = as_user(world.adam)
    assert adam.get(f"/strategies/{strategy.pk}/pulse/", {"version": "1"}).status_code == 204
    draft_save(strategy=strategy, yaml="a: 1", based_on=1, actor=world.dora)
    answer = adam.get(f"/strategies/{strategy.pk}/pulse/", {"version": "1"})
    assert "dora saved this draft" in answer.content.decode()


def test_without_a_script_the_text_is_saved_and_a_stale_one_refused(world: World, strategy: Strategy) -> None:
    dora = as_user(world.dora)
    path = f"/strategies/{strategy.pk}/edit/"
    assert dora.post(path, {"op": "text", "version": "1", "text": "a: 1"})["Location"] == f"/strategies/{strategy.pk}/"
    page = dora.post(path, {"op": "text", "version": "1", "text": "b: 1"}, follow=True).content.decode()
    assert "was not saved" in page
    strategy.refresh_from_db()
    assert strategy.draft_yaml == "a: 1"


# Beginning


@pytest.mark.parametrize("slug", starters())
def test_a_strategy_begins_from_every_start_and_is_valid(world: World, dora: Browser, slug: str) -> None:
    world.acorn.market.component_args = {"anchor_price": "2", "seed": 7}
    world.acorn.market.save(update_fields=["component_args"])
    answer = dora.post("/strategies/new/", {"mandate": world.acorn.mandate.pk, "start": slug, "name": ""})
    strategy = Strategy.objects.latest("pk")
    assert answer["Location"] == f"/strategies/{strategy.pk}/"
    assert strategy.name == starters()[slug].title
    assert "resolved, checked and loaded" in dora.get(answer["Location"]).content.decode()
    assert AuditEntry.objects.get(verb="strategy.created", object_id=str(strategy.pk)).new["from"] == strategy.name


def test_a_strategy_begins_as_a_copy_a_file_a_text_or_empty(world: World, dora: Browser, strategy: Strategy) -> None:
    mandate = {"mandate": world.acorn.mandate.pk}
    yaml = strategy.draft_yaml
    dora.post("/strategies/new/", {**mandate, "start": "copy", "copied": strategy.pk})
    assert (Strategy.objects.latest("pk").name, Strategy.objects.latest("pk").draft_yaml) == ("Two-sided copy", yaml)
    exported = dora.get(f"/strategies/{strategy.pk}/export/")
    assert exported["Content-Disposition"] == 'attachment; filename="acorn-usdt-two-sided.yaml"'
    file = SimpleUploadedFile("it.yaml", exported.content)
    dora.post("/strategies/new/", {**mandate, "start": "text", "name": "File", "file": file})
    assert Strategy.objects.latest("pk").draft_yaml == yaml
    dora.post("/strategies/new/", {**mandate, "start": "text", "name": "Pasted", "yaml": "a: 1\r\n"})
    assert Strategy.objects.latest("pk").draft_yaml == "a: 1\n"
    dora.post("/strategies/new/", {**mandate, "start": "empty", "name": "Bare"})
    page = dora.get(f"/strategies/{Strategy.objects.latest('pk').pk}/").content.decode()
    assert "Add a component, or write the YAML." in page


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"start": "ladder", "name": "Two-sided"}, "already has a strategy called Two-sided"),
        ({"start": "text", "name": "x"}, "Choose a file or paste the YAML."),
        ({"start": "text", "file": SimpleUploadedFile("it.png", b"\x89PNG")}, "it.png is no text"),
        ({"start": "copy", "name": "x"}, "Choose the strategy to copy."),
        ({"start": "nothing-known"}, "not one of the available choices"),
        ({"start": "ladder", "mandate": "0"}, "not one of the available choices"),
    ],
)
def test_what_cannot_begin_says_why(world: World, dora: Browser, values: dict, sentence: str) -> None:
    answer = dora.post("/strategies/new/", {"mandate": world.acorn.mandate.pk, **values})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_what_was_typed_cannot_leave_its_field(dora: Browser, strategy: Strategy) -> None:
    hostile = '"><script>alert(1)</script>'
    edit(dora, strategy, "set", **{f"f{SPREAD}": hostile, f"w{SPREAD}": "40"})
    edit(dora, strategy, "variable", name="v", value=hostile)
    page = dora.get(f"/strategies/{strategy.pk}/").content.decode()
    assert "<script>alert" not in page
    edit(dora, strategy, "text", text="components: {'</textarea><script>alert(1)</script>': {id: a}}")
    assert "<script>alert" not in dora.get(f"/strategies/{strategy.pk}/").content.decode()


# Revisions


def submitted(dora: Browser, strategy: Strategy, **changes: str) -> Any:
    edit(dora, strategy, "set", **{f"f{key}": text for key, text in changes.items()})
    version = str(Strategy.objects.get(pk=strategy.pk).draft_version)
    return dora.post(f"/strategies/{strategy.pk}/review/", {"version": version})


def test_from_draft_to_a_paused_deployment(world: World, dora: Browser, strategy: Strategy) -> None:
    edit(dora, strategy, "set", **{f"f{LEVELS}": "5"})
    shown = dora.get(f"/strategies/{strategy.pk}/review/").content.decode()
    assert "num_levels" in shown
    answer = submitted(dora, strategy, **{SPREAD: "35"})
    assert answer["Location"] == f"/strategies/{strategy.pk}/r2/"
    assert "a second person approves it" in dora.get(answer["Location"]).content.decode()
    assert dora.post(f"/strategies/{strategy.pk}/r2/approve/").status_code == 422
    rita = as_user(world.rita)
    assert 'change__new mono">35<' in rita.get(f"/strategies/{strategy.pk}/r2/").content.decode()
    rita.post(f"/strategies/{strategy.pk}/r2/approve/", {"reason": "within the mandate"})
    page = dora.get(f"/strategies/{strategy.pk}/r2/").content.decode()
    assert 'name="base" value="10000"' in page
    place = {"place": "0", "mode": "paper", "base": "10000", "quote": "5,000.5", "name": "Wider"}
    answer = dora.post(f"/strategies/{strategy.pk}/r2/deploy/", place)
    deployment = world.acorn.mandate.deployments.get(name="Wider")
    assert answer["Location"] == f"/deployments/{deployment.pk}/"
    assert (deployment.wanted, str(deployment.funding.get(asset="USDT").amount)) == ("paused", "5000.5")


def test_a_draft_with_a_problem_is_not_submitted(dora: Browser, strategy: Strategy) -> None:
    answer = submitted(dora, strategy, **{SPREAD: "wide"})
    assert answer.status_code == 422
    assert "The draft would not run on ACORN/USDT at Simulated Exchange" in answer.content.decode()
    assert strategy.revisions.count() == 1


def test_only_what_was_shown_is_submitted(world: World, dora: Browser, strategy: Strategy) -> None:
    edit(as_user(world.adam), strategy, "set", **{f"f{SPREAD}": "35"})
    answer = dora.post(f"/strategies/{strategy.pk}/review/", {"version": "1"})
    assert answer.status_code == 422
    assert "adam saved this draft" in answer.content.decode()
    assert strategy.revisions.count() == 1


def test_a_loosened_limit_is_marked_for_the_approver(world: World, dora: Browser, strategy: Strategy) -> None:
    guard = key_of(("components", "guard", "args", "max_loss_quote"))
    submitted(dora, strategy, **{guard: "900"})
    assert "limit loosened" in as_user(world.rita).get(f"/strategies/{strategy.pk}/r2/").content.decode()


def test_a_rejection_says_why(world: World, dora: Browser, strategy: Strategy) -> None:
    submitted(dora, strategy, **{SPREAD: "35"})
    rita = as_user(world.rita)
    assert "say why" in rita.post(f"/strategies/{strategy.pk}/r2/reject/").content.decode()
    rita.post(f"/strategies/{strategy.pk}/r2/reject/", {"reason": "too wide"})
    revision = strategy.revisions.get(number=2)
    assert (revision.state, revision.decision_reason) == ("rejected", "too wide")
    assert "too wide" in dora.get(f"/strategies/{strategy.pk}/r2/").content.decode()


def test_one_step_leads_back_to_the_previous_revision(world: World, dora: Browser, strategy: Strategy) -> None:
    submitted(dora, strategy, **{SPREAD: "35"})
    as_user(world.rita).post(f"/strategies/{strategy.pk}/r2/approve/")
    running = world.acorn.deployment
    page = dora.get(f"/strategies/{strategy.pk}/r2/").content.decode()
    assert "Switch to r2" in page
    assert "spread.base_spread_bps 40 → 35 bps" in page  # what happens is told before one clicks
    dora.post(f"/strategies/{strategy.pk}/r2/switch/{running.pk}/", {"reason": "tighter"})
    running.refresh_from_db()
    assert running.revision.number == 2
    assert "Return to r1" in dora.get(f"/strategies/{strategy.pk}/r1/").content.decode()
    assert "Return to r1" in dora.get(f"/deployments/{running.pk}/").content.decode()
    assert "Return to r1" not in as_user(world.rita).get(f"/deployments/{running.pk}/").content.decode()
    dora.post(f"/strategies/{strategy.pk}/r1/switch/{running.pk}/", {"reason": "worse"})
    running.refresh_from_db()
    assert running.revision.number == 1
    other = world.cedar.deployment
    assert dora.post(f"/strategies/{strategy.pk}/r1/switch/{other.pk}/", {"reason": "x"}).status_code == 404


def test_a_switch_that_takes_a_restart_says_so_beforehand(world: World, dora: Browser, strategy: Strategy) -> None:
    submitted(dora, strategy, **{key_of(("components", "mid", "args", "max_age_s")): "4"})
    as_user(world.rita).post(f"/strategies/{strategy.pk}/r2/approve/")
    page = dora.get(f"/strategies/{strategy.pk}/r2/").content.decode()
    assert "since mid.max_age_s cannot be changed while the service runs" in page


def test_a_canary_is_deployed_at_a_part_of_every_size_and_made_whole_on_the_revisions_page(
    world: World, dora: Browser, strategy: Strategy
) -> None:
    place = {"place": "0", "mode": "paper", "base": "1", "quote": "1", "name": "Canary", "percent": "10"}
    dora.post(f"/strategies/{strategy.pk}/r1/deploy/", place)
    canary = world.acorn.mandate.deployments.get(name="Canary")
    assert str(canary.share) == "0.1"
    assert "Resize Canary" in dora.get(f"/strategies/{strategy.pk}/r1/").content.decode()
    wrong = dora.post(f"/strategies/{strategy.pk}/r1/switch/{canary.pk}/", {"reason": "x", "percent": "250"})
    assert "is 0.01 to 100 %" in wrong.content.decode()
    dora.post(f"/strategies/{strategy.pk}/r1/switch/{canary.pk}/", {"reason": "it holds", "percent": "100"})
    canary.refresh_from_db()
    assert not canary.is_canary


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"percent": "lots"}, "The part of every size is a number of percent."),
        ({"base": "lots"}, "The opening balance in ACORN must be a number of zero or more, was &quot;lots&quot;."),
        ({"quote": "-5"}, "The opening balance in USDT must be a number of zero or more, was &quot;-5&quot;."),
        ({"quote": "NaN"}, "must be a number of zero or more"),
        ({"base": ""}, "was empty"),
        ({"place": "9"}, "not one of the available choices"),
        ({"mode": "replay"}, "not one of the available choices"),
        ({"mode": "live"}, "is on paper; live trading takes a live account"),
    ],
)
def test_what_cannot_be_deployed_says_why(
    dora: Browser, strategy: Strategy, values: dict[str, str], sentence: str
) -> None:
    place = {"place": "0", "mode": "paper", "base": "1", "quote": "1", "name": "", **values}
    answer = dora.post(f"/strategies/{strategy.pk}/r1/deploy/", place)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_strangers_and_viewers_decide_and_deploy_nothing(world: World, strategy: Strategy) -> None:
    for path in ("r1/deploy/", f"r1/switch/{world.acorn.deployment.pk}/", "r1/approve/"):
        assert as_user(world.alice).post(f"/strategies/{strategy.pk}/{path}").status_code == 404
    vera = as_user(world.vera)
    place = {"place": "0", "mode": "shadow"}
    answer = vera.post(f"/strategies/{strategy.pk}/r1/deploy/", place)
    assert "You may not start a deployment" in answer.content.decode()
    assert vera.get(f"/strategies/{strategy.pk}/r9/").status_code == 404
    assert world.acorn.mandate.deployments.count() == 1


def test_the_predicted_book_is_judged_by_what_the_mandate_owes(world: World, dora: Browser, strategy: Strategy) -> None:
    page = dora.get(f"/strategies/{strategy.pk}/prediction/").content.decode()
    assert "Spread ≤ 60 bps" in page
    assert "our bids" in page
    frozen = dora.get(f"/strategies/{strategy.pk}/r1/prediction/").content.decode()
    assert "Depth ±2 % ≥ 1,000 USDT a side" in frozen
    edit(dora, strategy, "set", **{f"f{SPREAD}": "wide"})
    assert "once they are mended" in dora.get(f"/strategies/{strategy.pk}/prediction/").content.decode()
    assert dora.get(f"/strategies/{strategy.pk}/r7/prediction/").status_code == 404
    assert as_user(world.alice).get(f"/strategies/{strategy.pk}/prediction/").status_code == 404


def test_a_text_that_is_frozen_already_is_not_offered_again(dora: Browser, strategy: Strategy) -> None:
    page = dora.get(f"/strategies/{strategy.pk}/review/").content.decode()
    assert ">r1</a> already, approved" in page
    assert "Submit for approval" not in page


def test_a_clone_begins_with_its_original_chosen(dora: Browser, strategy: Strategy) -> None:
    page = dora.get("/strategies/new/", {"mandate": "acorn-usdt", "from": f"strategy-{strategy.pk}"}).content.decode()
    assert 'value="copy" checked' in page
    assert f'value="{strategy.pk}" selected' in page
    assert dora.get("/strategies/new/", {"mandate": "nobody", "from": "strategy-x"}).status_code == 200
