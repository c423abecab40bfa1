"""Form → YAML → form → YAML: nothing is lost and nothing drifts, for every component and for configurations made up."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.catalog import Catalog
from engine.core.config import dump_config, parse
from engine.core.example import Examples
from engine.core.params import Items, Kind, Shape, Text
from engine.core.plugins import Registry
from strategies.builder.edits import fill, value_at
from strategies.builder.ground import Ground
from strategies.builder.layout import sheet_of
from strategies.builder.sheet import Sheet, path_of
from strategies.builder.typed import ABSENT, ANYTHING, read, show
from tests.kinds import one_of_each

REGISTRY = Registry.installed()
CATALOG = Catalog.of(REGISTRY)
EXAMPLES = Examples(CATALOG)
GROUND = Ground(catalog=CATALOG, registry=REGISTRY)


def laid_out(text: str) -> Sheet:
    return sheet_of(text, GROUND)


def from_the_form_alone(sheet: Sheet) -> str:
    """The text that cards and fields make by themselves, the original out of sight."""
    assert sheet.tree is not None
    bare: dict[str, Any] = {"service": f"@{sheet.service}"}
    if sheet.variables:
        bare["vars"] = {}
    bare["components"] = {card.name: {"id": card.component} for card in sheet.cards}
    # Arguments first: what a variable is used for decides how its value is read.
    posted = sorted(sheet.posted().items(), key=lambda item: path_of(item[0])[0])
    return dump_config(fill(bare, dict(posted), GROUND))


def exact(tree: Any) -> Any:
    """Values with their types, so that 1, 1.0, True and Decimal(1) differ."""
    match tree:
        case dict():
            return {key: exact(value) for key, value in tree.items()}
        case list():
            return [exact(value) for value in tree]
    return type(tree).__name__, str(tree)


def assert_round_trip(text: str) -> None:
    sheet = laid_out(text)
    assert sheet.is_valid, sheet.problems
    assert sheet.tree is not None
    assert exact(fill(deepcopy(sheet.tree), sheet.posted(), GROUND)) == exact(sheet.tree)

    first = from_the_form_alone(sheet)
    again = laid_out(first)
    assert again.posted() == sheet.posted()
    assert from_the_form_alone(again) == first
    assert again.is_valid
    assert again.tree == sheet.tree  # a whole number may have become a decimal of the same value


@pytest.mark.parametrize("id", one_of_each(CATALOG.entries))
def test_the_example_of_every_component_survives_the_form(id: str) -> None:
    assert_round_trip(EXAMPLES.text(id))


def written_out(value: Any) -> Any:
    """A default as it would stand in a file."""
    match value:
        case Enum():
            return value.value
        case Mapping():
            return {str(written_out(key)): written_out(item) for key, item in value.items()}
        case tuple() | list():
            return [written_out(item) for item in value]
    return f"@{value}" if isinstance(value, str) and value.startswith("@") else value


@pytest.mark.parametrize("id", one_of_each(CATALOG.entries))
def test_every_argument_of_every_component_survives_the_form(id: str) -> None:
    """The example with what it leaves to the constructor written out, so that no field is left untried."""
    tree = EXAMPLES.tree(id)
    for node in tree["components"].values():
        for parameter in CATALOG.entries[id].parameters if node["id"] == id else ():
            args = node.setdefault("args", {})
            if parameter.name not in args and parameter.default is not None:
                args[parameter.name] = written_out(parameter.default)
        if node.get("args") == {}:
            del node["args"]
    assert_round_trip(dump_config(tree))


# Configurations made up: an example, with other values within their bounds, some of them in variables


def numbers(shape: Shape, *, whole: bool) -> st.SearchStrategy[Any]:
    bounds = dict(shape.meta.bounds()) if shape.meta else {}
    low = max([bounds.get("at least", Decimal(-(10**6))), bounds.get("more than", Decimal(-(10**6)))])
    high = min([bounds.get("at most", Decimal(10**9)), bounds.get("less than", Decimal(10**9))])
    if whole:
        drawn: st.SearchStrategy[Any] = st.integers(int(low), int(high))
    else:
        drawn = st.decimals(low, high, allow_nan=False, allow_infinity=False, places=4) | st.integers(
            int(low) + 1, max(int(high), int(low) + 1)
        )
    return drawn.filter(lambda value: shape.meta is None or shape.meta.accepts(value))


TEXTS = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(
    ["", "null", "true", "@@home", '"quoted"', " room ", "0.5", "!decimal", "[1]", "a: b", "# no", "a\nb", "\ud800"]
)


def escaped(text: str) -> str:
    return f"@{text}" if text.startswith("@") and not text.startswith("@@") else text


def values(shape: Shape, held: Any) -> st.SearchStrategy[Any]:
    """Other values for an argument; what it holds where nothing better is known."""
    match shape.kind:
        case Kind.DECIMAL | Kind.INTEGER:
            return numbers(shape, whole=shape.kind is Kind.INTEGER)
        case Kind.FLAG:
            return st.booleans()
        case Kind.CHOICE:
            return st.sampled_from(list(shape.choices))
        case Kind.TEXT if not (isinstance(shape.meta, Text) and shape.meta.pattern):
            return TEXTS.map(escaped)
        case Kind.LIST if isinstance(held, list) and held and shape.item and not isinstance(shape.meta, Items):
            return st.lists(values(shape.item, held[0]), max_size=3)
        case Kind.MAP if isinstance(held, dict) and held and shape.item and not isinstance(shape.meta, Items):
            item = next(iter(held.values()))
            return st.dictionaries(st.text("abc /:.", min_size=1), values(shape.item, item), min_size=1, max_size=3)
    return st.just(held)


@st.composite
def configurations(draw: st.DrawFn) -> str:
    tree = EXAMPLES.tree(draw(st.sampled_from(list(CATALOG.entries))))
    variables = dict(tree.get("vars", {}))
    for name, node in tree["components"].items():
        args = node.get("args", {})
        for parameter in CATALOG.entries[node["id"]].parameters:
            if parameter.name not in args or args[parameter.name] == "@symbol" or draw(st.booleans()):
                continue
            if not parameter.required and draw(st.booleans()):
                if not parameter.is_reference and parameter.shape.meta and parameter.shape.meta.example is None:
                    del args[parameter.name]
                continue
            args[parameter.name] = draw(values(parameter.shape, args[parameter.name]))
            if draw(st.integers(0, 3)) == 0:
                variable = f"{name}_{parameter.name}"
                variables[variable] = args[parameter.name]
                args[parameter.name] = f"@{variable}"
        if not args:
            node.pop("args", None)
    if "@symbol" not in str(tree["components"]):
        variables.pop("symbol", None)
    return dump_config(
        {"service": tree["service"], **({"vars": variables} if variables else {}), "components": tree["components"]}
    )


@given(configurations())
@settings(max_examples=40)
def test_any_valid_configuration_survives_the_form(text: str) -> None:
    if parse(text, filename="it").problems:  # half a character cannot be written in YAML either
        return
    assert_round_trip(text)


# What is wrong survives as well: a form must never mend by losing

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | TEXTS
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["max_age_s", "market", "symbol", "nonsense"]), TREES))
@settings(max_examples=40)
def test_a_form_left_alone_changes_nothing_however_wrong_it_is(args: dict[str, Any]) -> None:
    tree = {"components": {"mid": {"id": "prices.mid", "args": args}, "odd": {"id": "no.such", "args": args}}}
    text = dump_config(tree)
    if parse(text, filename="it").problems:
        return
    sheet = laid_out(text)
    assert sheet.tree is not None
    assert exact(fill(deepcopy(sheet.tree), sheet.posted(), GROUND)) == exact(sheet.tree)


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        (Kind.DECIMAL, "0.0015", Decimal("0.0015")),
        (Kind.DECIMAL, " 40 ", Decimal("40")),
        (Kind.DECIMAL, '!decimal "0.5"', Decimal("0.5")),
        (Kind.DECIMAL, "1e-3", Decimal("0.001")),
        (Kind.DECIMAL, "forty", "forty"),
        (Kind.DECIMAL, "٤٠", "٤٠"),
        (Kind.DECIMAL, "1e99999999999999999999", "1e99999999999999999999"),
        (Kind.DECIMAL, "@profit", "@profit"),
        (Kind.INTEGER, "3", 3),
        (Kind.INTEGER, "3.5", Decimal("3.5")),
        (Kind.FLAG, "true", True),
        (Kind.FLAG, "yes", "yes"),
        (Kind.TEXT, "null", None),
        (Kind.TEXT, '"null"', "null"),
        (Kind.TEXT, '""', ""),
        (Kind.TEXT, "  ", ABSENT),
        (Kind.TEXT, "0.5", "0.5"),
        (Kind.ANY, "0.5", Decimal("0.5")),
        (Kind.ANY, "BTC/USDT", "BTC/USDT"),
        (Kind.LIST, "[1, 2]", [1, 2]),
        (Kind.LIST, "[1, 2", "[1, 2"),
    ],
)
def test_what_is_typed_is_read_as_its_parameter_wants(kind: Kind, typed: str, value: Any) -> None:
    assert exact(read(Shape(kind=kind), typed)) == exact(value)


@given(TREES)
def test_what_nobody_knows_is_shown_and_read_back_exactly(value: Any) -> None:
    shown = show(ANYTHING, value)
    assert exact(read(ANYTHING, shown)) == exact(value)
    assert isinstance(value, dict | list) or "\n" not in shown


def test_a_variable_is_read_as_what_it_is_used_for() -> None:
    text = 'vars: {age: !decimal "5"}\ncomponents: {mid: {id: prices.mid, args: {max_age_s: "@age"}}}\n'
    sheet = laid_out(text)
    assert sheet.tree is not None
    (age,) = sheet.variables
    assert age.shape.kind is Kind.DECIMAL
    tree = fill(sheet.tree, {age.key: "2.50"}, GROUND)
    assert exact(value_at(tree, ("vars", "age"))) == ("Decimal", "2.50")


def test_every_problem_leads_to_the_field_or_card_it_is_about() -> None:
    text = (
        'service: "@quoting"\ncomponents:\n  mid: {id: prices.mid, args: {max_age_s: 0.5, colour: red}}\n'
        '  avg: {id: prices.weighted_average, args: {sources: ["@nobody"]}}\n  lost: {id: no.such}\n'
    )
    sheet = laid_out(text)
    targets = {mark.problem.message.split(",")[0]: mark.target for mark in sheet.marks}
    assert targets['no component is called "quoting"'] == "service"
    assert targets["max_age_s must be an exact decimal number"] == "f-components-mid-args-max_age_s"
    assert targets['prices.mid has no argument "colour"'] == "f-components-mid-args-colour"
    assert targets['no component is called "no.such"'] == "f-components-lost"
    assert targets['no component or variable is called "nobody"'] == "f-components-avg-args-sources-0"
    ids = {each.id for each in sheet.fields.values()} | {card.id for card in sheet.cards} | {"service"}
    assert set(targets.values()) <= ids
