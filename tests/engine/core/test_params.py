"""Constructors read as schemas. E2, STYLE: Components."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import pytest

from engine.core.fit import Unfit, check_bounds, fit_scalar
from engine.core.jsonschema import DECIMAL_PATTERN, json_schema
from engine.core.params import (
    Bps,
    Count,
    Items,
    Kind,
    Meta,
    Parameter,
    SchemaError,
    Share,
    lacks,
    parameters_of,
    shape_of,
)
from tests.engine.core.doubles import Colour, Dumb, Everything, Fixed, Named, Pricing, Titled


def parameter(name: str) -> Parameter:
    return next(p for p in parameters_of(Everything) if p.name == name)


@pytest.mark.parametrize(
    ("name", "kind", "required", "optional", "is_reference", "is_list"),
    [
        ("price", Kind.REFERENCE, True, False, True, False),
        ("half_spread_bps", Kind.DECIMAL, True, False, False, False),
        ("levels", Kind.INTEGER, False, False, False, False),
        ("max_age_s", Kind.FLOAT, False, False, False, False),
        ("symbol", Kind.TEXT, False, False, False, False),
        ("note", Kind.TEXT, False, True, False, False),
        ("post_only", Kind.FLAG, False, False, False, False),
        ("colour", Kind.CHOICE, False, False, False, False),
        ("profile", Kind.CHOICE, False, False, False, False),
        ("weights", Kind.MAP, False, False, False, False),
        ("steps", Kind.LIST, False, False, False, True),
        ("others", Kind.MAP, False, True, True, False),
        ("either", Kind.REFERENCE, False, True, True, False),
        ("extra", Kind.ANY, False, False, False, False),
    ],
)
def test_it_reads_every_kind_of_parameter(
    name: str, kind: Kind, required: bool, optional: bool, is_reference: bool, is_list: bool
) -> None:
    found = parameter(name)
    assert (found.kind, found.required, found.optional, found.is_reference, found.is_list) == (
        kind,
        required,
        optional,
        is_reference,
        is_list,
    )


def test_it_keeps_help_unit_bounds_and_liveness() -> None:
    spread = parameter("half_spread_bps")
    assert spread.help == "Reference price to innermost quote"
    assert spread.unit == "bps"
    assert spread.live
    assert spread.meta is not None
    assert spread.meta.in_words() == "more than 0 and at most 1000 bps"


def test_it_knows_the_options_of_an_enum_and_of_a_literal() -> None:
    assert parameter("colour").choices == {"red": Colour.RED, "green": Colour.GREEN}
    assert list(parameter("profile").choices) == ["major", "thin"]


def test_it_finds_protocols_inside_lists_and_maps() -> None:
    assert parameter("others").protocols == (Pricing,)
    assert parameter("either").protocols == (Pricing, Named)


def test_the_meaning_of_a_list_of_numbers_belongs_to_its_items() -> None:
    weights = parameter("weights").shape
    assert weights.item is not None
    assert weights.item.meta is not None
    assert weights.item.meta.in_words() == "at least 0"
    steps = parameter("steps").shape
    assert isinstance(steps.meta, Items)


def test_help_and_unit_of_a_list_may_stand_with_its_items() -> None:
    class Banded:
        def __init__(
            self, *, bands_bps: Annotated[list[Decimal], Items(ge=1), Bps(gt=0, help="Distances")]
        ) -> None: ...

    (bands,) = parameters_of(Banded)
    assert (bands.help, bands.unit, bands.live) == ("Distances", "bps", False)


def test_a_class_without_constructor_has_no_parameters() -> None:
    assert parameters_of(Dumb) == ()


class Positional:
    def __init__(self, size: int) -> None: ...


class Untyped:
    def __init__(self, *, size) -> None: ...  # type: ignore[no-untyped-def]


class Greedy:
    def __init__(self, **options: int) -> None: ...


class Mixed:
    def __init__(self, *, size: int | str) -> None: ...


class Unwritable:
    def __init__(self, *, size: bytes) -> None: ...


class HiddenType:
    def __init__(self, *, size: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821


class NoneByDefault:
    def __init__(self, *, size: int = None) -> None: ...  # type: ignore[assignment] # noqa: RUF013


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (Positional, "must be keyword-only"),
        (Untyped, '"size" has no type'),
        (Greedy, "must be keyword-only"),
        (Mixed, "mixes several types"),
        (Unwritable, "cannot be written in a configuration"),
        (HiddenType, '"Nowhere" is not known'),
        (NoneByDefault, "defaults to None"),
    ],
)
def test_it_refuses_a_constructor_that_cannot_be_a_schema(cls: type, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        parameters_of(cls)


@pytest.mark.parametrize(
    ("hint", "value", "fitted"),
    [
        (Decimal, Decimal("0.10"), Decimal("0.10")),
        (Decimal, 7, Decimal(7)),
        (int, 7, 7),
        (float, 7, 7.0),
        (float, 0.5, 0.5),
        (bool, False, False),
        (str, "x", "x"),
        (Colour, "green", Colour.GREEN),
        (object, {"a": [1]}, {"a": [1]}),
    ],
)
def test_it_takes_what_fits(hint: Any, value: Any, fitted: Any) -> None:
    found = fit_scalar(shape_of(hint), value, field="x")
    assert found == fitted
    assert type(found) is type(fitted)
    assert str(found) == str(fitted)


@pytest.mark.parametrize(
    ("hint", "value", "message", "suggestion"),
    [
        (Decimal, 0.0015, "x must be an exact decimal number, was the float 0.0015", 'Write !decimal "0.0015"'),
        (Decimal, "0.0015", 'x must be an exact decimal number, was the text "0.0015"', 'Write !decimal "0.0015"'),
        (Decimal, True, "x must be an exact decimal number, was true", 'Write !decimal "0.0015"'),
        (Decimal, "lots", 'x must be an exact decimal number, was the text "lots"', 'Write !decimal "0.0015"'),
        (int, 3.0, "x must be a whole number, was the float 3.0", "Write 3"),
        (int, "3", 'x must be a whole number, was the text "3"', "Write 3 without quotes"),
        (int, True, "x must be a whole number, was true", ""),
        (float, Decimal("0.5"), "x must be a number, was the decimal 0.5", "Write 0.5 without !decimal"),
        (bool, "yes", 'x must be true or false, was the text "yes"', "Write true"),
        (bool, 0, "x must be true or false, was 0", ""),
        (str, 5, "x must be text, was 5", 'Put it in quotes: "5"'),
        (Colour, "gren", 'x must be one of red, green, was the text "gren"', 'Did you mean "green"?'),
        (list[int], 5, "x must be a list (a whole number each), was 5", ""),
        (Annotated[Decimal, Bps(gt=0)], 0, "x must be more than 0 bps, was 0", "Choose a value above 0"),
        (Annotated[int, Count(le=5)], 6, "x must be at most 5, was 6", "The largest allowed value is 5"),
        (Annotated[Decimal, Share()], 2, "x must be at least 0 and at most 1, was 2", "The largest allowed value is 1"),
    ],
)
def test_it_refuses_with_field_value_and_remedy(hint: Any, value: Any, message: str, suggestion: str) -> None:
    with pytest.raises(Unfit) as caught:
        fit_scalar(shape_of(hint), value, field="x")
    assert str(caught.value) == message
    assert caught.value.suggestion == suggestion


def test_of_two_bounds_on_one_end_the_stricter_is_said() -> None:
    assert Share(gt=0).in_words() == "more than 0 and at most 1"
    assert Share(gt="0.5", lt=1).in_words() == "more than 0.5 and less than 1"
    assert Share(ge="0.5").in_words() == "at least 0.5 and at most 1"


@pytest.mark.parametrize(
    ("meta", "inside", "outside"),
    [
        (Meta(gt="0.1"), "0.1000000000000000000000000001", "0.1"),
        (Meta(ge="0.1"), "0.1", "0.0999999999999999999999999999"),
        (Meta(lt=1), "0.9999999999999999999999999999", "1"),
        (Meta(le=1), "1", "1.000000000000000000000000001"),
    ],
)
def test_bounds_are_exact(meta: Meta, inside: str, outside: str) -> None:
    check_bounds(meta, Decimal(inside), field="x")
    with pytest.raises(Unfit):
        check_bounds(meta, Decimal(outside), field="x")


@pytest.mark.parametrize(
    ("candidate", "wanted", "missing"),
    [
        (Fixed, Pricing, []),
        (Dumb, Pricing, ["price()"]),
        (Fixed, Named, []),  # a class may set title in its constructor
        (Fixed(value=Decimal(1)), Named, ["title"]),
        (Titled(value=Decimal(1), title="t"), Named, []),
        (Dumb, Fixed, ["the base class Fixed"]),
        (Titled, Fixed, []),
    ],
)
def test_it_names_what_a_class_lacks(candidate: object, wanted: type, missing: list[str]) -> None:
    assert lacks(candidate, wanted) == missing


def test_every_word_of_meaning_is_frozen() -> None:
    meta = Bps(gt=0)
    with pytest.raises(AttributeError):
        meta.gt = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("price", {"type": "string", "pattern": "^@.+", "x-reference": ["Pricing"]}),
        (
            "half_spread_bps",
            {
                "type": "string",
                "format": "decimal",
                "pattern": DECIMAL_PATTERN,
                "x-exclusive-minimum": "0",
                "x-maximum": "1000",
                "description": "Reference price to innermost quote",
                "x-unit": "bps",
                "x-live": True,
            },
        ),
        ("levels", {"type": "integer", "minimum": 1, "maximum": 50, "default": 1}),
        ("max_age_s", {"type": "number", "exclusiveMinimum": 0, "x-unit": "s", "default": 5.0}),
        ("note", {"type": ["string", "null"], "default": None}),
        ("colour", {"enum": ["red", "green"], "default": "red"}),
        (
            "steps",
            {
                "type": "array",
                "items": {"type": "string", "format": "decimal", "pattern": DECIMAL_PATTERN},
                "minItems": 1,
                "maxItems": 3,
                "default": ["1"],
            },
        ),
        (
            "others",
            {
                "type": ["object", "null"],
                "additionalProperties": {
                    "type": "array",
                    "items": {"type": "string", "pattern": "^@.+", "x-reference": ["Pricing"]},
                },
                "default": None,
            },
        ),
    ],
)
def test_the_json_schema_says_the_same(name: str, schema: dict[str, Any]) -> None:
    assert json_schema(Everything)["properties"][name] == schema


def test_the_json_schema_requires_what_has_no_default() -> None:
    schema = json_schema(Everything)
    assert schema["required"] == ["price", "half_spread_bps"]
    assert schema["additionalProperties"] is False
    assert schema["title"] == "Everything"
    assert schema["description"] == "One parameter of every kind."
