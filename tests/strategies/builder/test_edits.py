"""Every edit a form offers: what it changes, what it leaves alone, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.config import dump_config, parse_tree
from engine.core.params import Kind
from strategies.blueprint import MarketFacts
from strategies.builder import edits
from strategies.builder.difference import differences
from strategies.builder.edits import EditRefused
from strategies.builder.ground import Ground
from strategies.builder.layout import sheet_of
from strategies.builder.sheet import Control, key_of
from strategies.builder.wiring import wiring_of
from tests.strategies.builder.test_round_trip import CATALOG, GROUND, REGISTRY, TREES
from tests.world import YAML

MARKET = MarketFacts(
    component="exchanges.simulated",
    symbol="ACORN/USDT",
    base="ACORN",
    quote="USDT",
    tick_size=Decimal("0.0001"),
    lot_size=Decimal("0.1"),
)
ON_A_MARKET = Ground(catalog=CATALOG, registry=REGISTRY, market=MARKET)
IDS = ["exchanges.simulated", "prices.mid", "marketmaking", "killswitches.any", "no.such"]
TEXT = YAML.format(symbol="ACORN/USDT")
TREE = parse_tree(YAML.format(symbol="ACORN/USDT"))
AGE = ("components", "mid", "args", "max_age_s")


def test_a_field_emptied_is_left_out_and_its_default_applies() -> None:
    tree = edits.put(TREE, AGE, "", GROUND)
    assert "max_age_s" not in tree["components"]["mid"]["args"]
    assert TREE["components"]["mid"]["args"]["max_age_s"] == Decimal(5)


def test_a_new_argument_stands_where_the_constructor_has_it() -> None:
    tree = edits.put(TREE, ("components", "spread", "args", "inventory_skew_factor"), "0.5", GROUND)
    names = [each.name for each in CATALOG.entries["marketmaking.inventory_spread"].parameters]
    written = list(tree["components"]["spread"]["args"])
    assert written == sorted(written, key=names.index)


def test_a_new_component_is_wired_as_far_as_that_is_beyond_doubt() -> None:
    tree, name = edits.add_component(TREE, "prices.mid", GROUND)
    assert name == "mid_2"
    assert tree["components"][name]["args"] == {"market": "@venue", "symbol": "@symbol"}
    tree, name = edits.add_component({}, "marketmaking", GROUND)
    assert tree == {"service": "@marketmaking", "components": {"marketmaking": {"id": "marketmaking"}}}


def test_a_reference_may_bring_its_component_with_it() -> None:
    tree = edits.put(TREE, ("components", "quoting", "args", "price"), "+prices.micro", GROUND)
    assert tree["components"]["micro"]["args"]["market"] == "@venue"
    assert tree["components"]["quoting"]["args"]["price"] == "@micro"


def test_a_renamed_part_keeps_everybody_who_refers_to_it() -> None:
    tree = edits.rename(TREE, "venue", "market")
    assert next(iter(tree["components"])) == "market"
    assert tree["components"]["mid"]["args"]["market"] == "@market"
    assert edits.rename(tree, "market", "venue") == TREE
    tree = edits.rename(TREE, "symbol", "pair")
    assert tree["vars"] == {"pair": "ACORN/USDT"}
    assert tree["components"]["quoting"]["args"]["symbol"] == "@pair"
    assert edits.rename(TREE, "quoting", "maker")["service"] == "@maker"


def test_a_duplicate_stands_behind_its_original_and_shares_nothing_with_it() -> None:
    tree, name = edits.duplicate_component(TREE, "mid")
    assert list(tree["components"])[1:3] == ["mid", "mid_2"]
    changed = edits.put(tree, ("components", name, "args", "max_age_s"), "9", GROUND)
    assert changed["components"]["mid"]["args"]["max_age_s"] == Decimal(5)


def test_lists_grow_and_shrink_item_by_item() -> None:
    path = ("components", "kill", "args", "switches")
    tree = edits.add_item(TREE, path, "+killswitches.manual", GROUND)
    assert tree["components"]["kill"]["args"]["switches"] == ["@loss", "@manual"]
    assert edits.take_out(tree, (*path, 1))["components"]["kill"]["args"]["switches"] == ["@loss"]


def test_maps_grow_by_name() -> None:
    tree, name = edits.add_component(TREE, "sinks.fanout", GROUND)
    path = ("components", name, "args", "kinds")
    tree = edits.add_item(tree, path, "", GROUND, key="record")
    tree = edits.add_item(tree, (*path, "record"), "event", GROUND)
    assert tree["components"][name]["args"]["kinds"] == {"record": ["event"]}
    with pytest.raises(EditRefused, match='has the entry "record" already'):
        edits.add_item(tree, path, "", GROUND, key="record")


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: edits.add_component(TREE, "prices.mdi", GROUND), 'Did you mean "prices.mid"?'),
        (lambda: edits.rename(TREE, "mid", "2nd"), '"2nd" cannot be a name'),
        (lambda: edits.rename(TREE, "mid", "symbol"), '"symbol" is taken already'),
        (lambda: edits.rename(TREE, "gone", "there"), 'Nothing here is called "gone" any more'),
        (lambda: edits.remove_component(TREE, "gone"), 'No component here is called "gone" any more'),
        (lambda: edits.put(TREE, ("components", "gone", "args", "x"), "1", GROUND), '"gone" any more'),
        (lambda: edits.put(TREE, ("service",), "1", GROUND), "is no field of a configuration"),
        (lambda: edits.put(TREE, ("components", "kill", "args", "switches", 7), "1", GROUND), "not there any more"),
        (lambda: edits.take_out(TREE, (*AGE[:-1], "colour")), "colour is not there any more"),
        (lambda: edits.add_item(TREE, ("components", "kill", "args", "switches"), " ", GROUND), "needs a value"),
        (lambda: edits.add_variable(TREE, "mid", "1"), '"mid" is taken already'),
        (lambda: edits.fill(TREE, {"reason": "x"}, GROUND), "not one of ours"),
        (lambda: edits.fill(TREE, {"[]": "x"}, GROUND), "not one of ours"),
        (lambda: edits.add_variable({"vars": [1]}, "a", "1"), "vars is not a map of names"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(act: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(EditRefused, match=sentence):
        act()


def test_the_comment_a_file_begins_with_stays() -> None:
    text = '# Acorn, thin market\n# since May\nservice: "@a" # main\n'
    assert edits.written({"service": "@b"}, instead_of=text) == '# Acorn, thin market\n# since May\nservice: "@b"\n'
    assert sheet_of(text, GROUND).has_comments


def test_fields_say_what_the_constructor_says() -> None:
    sheet = sheet_of(TEXT, ON_A_MARKET)
    assert sheet.is_valid
    field = sheet.fields[key_of(("components", "spread", "args", "base_spread_bps"))]
    assert (field.text, field.unit, field.control, field.shape.kind) == ("40", "bps", Control.TEXT, Kind.DECIMAL)
    assert "more than 0" in field.allowed
    assert field.help
    assert sheet.text.splitlines()[field.line - 1].strip().startswith("args: {base_spread_bps")


def test_a_reference_offers_what_fits_and_nothing_else() -> None:
    price = sheet_of(TEXT, ON_A_MARKET).fields[key_of(("components", "quoting", "args", "price"))]
    here = [option.value for option in price.options if option.group == "Here"]
    assert here == ["@mid"]
    assert "+prices.micro" in [option.value for option in price.options]
    wrong = sheet_of(TEXT.replace('price: "@mid"', 'price: "@loss"'), ON_A_MARKET).fields[price.key]
    assert (wrong.options[0].value, wrong.options[0].note) == ("@loss", "does not fit")
    assert wrong.problems


def test_on_a_market_the_venue_stands_for_the_account_that_trades_there() -> None:
    key = key_of(("components", "executor", "args", "exchange"))
    options = sheet_of(TEXT, ON_A_MARKET).fields[key].options
    assert [option.value for option in options if option.group == "Here"] == ["@venue"]
    assert "+exchanges.paper" not in [option.value for option in options]
    tree = parse_tree(TEXT)
    del tree["components"]["executor"]["args"]
    tree, _ = edits.add_component(tree, "marketmaking.executors.live", ON_A_MARKET)
    assert tree["components"]["live"]["args"] == {"exchange": "@venue", "symbol": "@symbol"}


@pytest.mark.parametrize(
    ("old", "new", "sentence", "target"),
    [
        ("ACORN/USDT", "OAK/USDT", "No component of the revision trades ACORN/USDT", ""),
        ("profile: mid", "profile: vast", "profile must be one of", "f-components-venue-args-profile"),
        ("killswitches.any", "exchanges.paper", "which a deployment's mode brings", ""),
    ],
)
def test_valid_means_that_it_would_be_built_on_its_market(old: str, new: str, sentence: str, target: str) -> None:
    (mark, *_) = sheet_of(TEXT.replace(old, new), ON_A_MARKET).marks
    assert sentence in mark.problem.message
    assert mark.target == target


def test_a_text_that_cannot_be_read_waits_for_mending_and_is_kept() -> None:
    sheet = sheet_of("service: [", GROUND)
    assert (sheet.is_readable, sheet.is_valid, sheet.text) == (False, False, "service: [")
    assert (sheet.marks[0].problem.line, sheet.marks[0].problem.column) == (1, 11)
    assert not sheet_of("- a\n", GROUND).is_readable
    empty = sheet_of("", GROUND)
    assert empty.is_readable
    assert not empty.is_valid


NODES = st.none() | TREES | st.fixed_dictionaries({"id": st.sampled_from(IDS) | TREES}, optional={"args": TREES})
TEXTS = st.fixed_dictionaries(
    {},
    optional={
        "service": TREES,
        "vars": TREES,
        "components": TREES | st.dictionaries(st.sampled_from(["venue", "mid", "a b", ""]), NODES, max_size=3),
    },
)


@given(TEXTS)
@settings(max_examples=150)
def test_whatever_a_text_holds_its_page_opens_so_that_it_can_be_mended(tree: dict[str, Any]) -> None:
    sheet = sheet_of(dump_config(tree), ON_A_MARKET)
    wiring_of(sheet)
    assert all(isinstance(each.text, str) and each.control for each in sheet.fields.values())
    assert sheet.problems or not sheet.cards
    differences(sheet.text, TEXT, CATALOG)
    differences(TEXT, sheet.text, CATALOG)
