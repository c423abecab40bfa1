"""What stands in the catalog, and that every component of ours says what it is."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from importlib.metadata import entry_points

import pytest

from engine.core.catalog import (
    Catalog,
    Use,
    bounds_in_words,
    default_in_words,
    family_of,
    first_sentence,
    kind_in_words,
    parameter_help,
)
from engine.core.params import Kind, Meta, Parameter, parameters_of
from engine.core.plugins import GROUP, BrokenComponent, Registry
from engine.core.service import Service
from tests.engine.core.doubles import Dumb, Everything, Fixed, Main, Named, Pricing, Titled, Venues
from tests.kinds import one_of_each

INSTALLED = Catalog.of(Registry.installed())
NUMBERS = (Kind.DECIMAL, Kind.INTEGER, Kind.FLOAT)


def parameters(entry_id: str) -> tuple[Parameter, ...]:
    return INSTALLED.entries[entry_id].parameters


# What is installed


def test_everything_installed_can_be_used() -> None:
    assert INSTALLED.broken == {}
    assert {"marketmaking", "prices.mid", "risk.guard"} <= set(INSTALLED.entries)


def test_no_id_is_claimed_twice() -> None:
    claims = Counter(point.name for point in entry_points(group=GROUP))
    assert [id for id, count in claims.items() if count > 1] == []


@pytest.mark.parametrize("id", one_of_each(INSTALLED.entries))
def test_every_component_says_what_it_is_in_a_sentence(id: str) -> None:
    summary = INSTALLED.entries[id].summary
    assert summary.endswith("."), f"{id} needs a docstring that begins with a sentence"
    assert len(summary) <= 160, f"the first sentence of {id} is too long for a list"


@pytest.mark.parametrize("id", one_of_each(INSTALLED.entries))
def test_every_parameter_says_what_it_is_for(id: str) -> None:
    silent = [each.name for each in parameters(id) if not parameter_help(each)]
    assert silent == [], f"{id}: give these help=, or the protocol they refer to a docstring"


@pytest.mark.parametrize("id", one_of_each(INSTALLED.entries))
def test_every_number_says_in_which_unit_it_is(id: str) -> None:
    """Bps, Seconds, Size and the like say it; Share, Factor and Count say that there is none."""
    vague = []
    for each in parameters(id):
        shape = each.shape
        while shape.item is not None:
            shape = shape.item
        if shape.kind in NUMBERS and (shape.meta is None or (type(shape.meta) is Meta and not shape.meta.unit)):
            vague.append(each.name)
    assert vague == []


@pytest.mark.parametrize("id", one_of_each(INSTALLED.entries))
def test_every_unit_agrees_with_the_name(id: str) -> None:
    endings = {"per_s": "per second", "bps": "bps", "s": "s", "ms": "ms", "base": "base", "quote": "quote"}
    for each in parameters(id):
        ending = next((ending for ending in endings if each.name.endswith(f"_{ending}")), None)
        if ending is not None and each.kind in NUMBERS:
            assert each.unit == endings[ending], f"{id}: {each.name} is in {each.unit or 'no unit'}"


# How a catalog is made


REGISTRY = Registry(
    {"main": Main, "prices.fixed": Fixed, "prices.titled": Titled, "dumb": Dumb, "everything": Everything}
)


def test_it_knows_which_seams_a_component_satisfies() -> None:
    entries = Catalog.of(REGISTRY).entries
    assert entries["prices.fixed"].seams == (Named, Pricing)  # a class is not blamed for attributes it may yet set
    assert Service in entries["main"].seams
    assert entries["dumb"].seams == ()


def test_it_knows_what_fits_a_parameter_and_who_can_use_a_component() -> None:
    catalog = Catalog.of(REGISTRY)
    assert [entry.id for entry in catalog.compatible([Pricing])] == ["prices.fixed", "prices.titled"]
    assert catalog.uses("prices.fixed") == [
        Use(id="everything", parameter="price"),
        Use(id="everything", parameter="others"),
        Use(id="everything", parameter="either"),
    ]
    assert catalog.uses("dumb") == []


class Unreadable:
    """Its constructor is no schema."""

    def __init__(self, size: int) -> None: ...


def test_one_that_cannot_be_used_is_listed_with_its_reason_and_takes_nothing_down() -> None:
    clash = BrokenComponent('the component id "prices.twice" is claimed by two')
    registry = Registry({"prices.fixed": Fixed, "prices.bad": Unreadable, "prices.twice": clash})
    catalog = Catalog.of(registry)
    assert list(catalog.entries) == ["prices.fixed"]
    assert "must be keyword-only" in catalog.broken["prices.bad"].reason
    assert catalog.broken["prices.twice"].reason == str(clash)
    (shelf,) = catalog.shelves
    assert [broken.id for broken in shelf.broken] == ["prices.bad", "prices.twice"]


def test_every_member_of_a_family_has_an_entry() -> None:
    catalog = Catalog.of(Registry({"exchanges.acme.*": Venues()}))
    assert list(catalog.entries) == ["exchanges.acme.binance", "exchanges.acme.kraken"]


@pytest.mark.parametrize(
    ("id", "family"),
    [
        ("marketmaking", "Market making"),
        ("marketmaking.ladder", "Market making"),
        ("marketmaking.modifiers.min_spread", "Modifiers"),
        ("marketmaking_extra.x", "Marketmaking extra"),
        ("reconcile", "Risk"),
        ("http.session", "Shared parts"),
        ("acme.thing", "Acme"),
    ],
)
def test_an_id_belongs_to_the_family_that_fits_best(id: str, family: str) -> None:
    assert family_of(id).name == family


def test_shelves_stand_in_our_order_and_strangers_after_them() -> None:
    registry = Registry({"zeta.x": Dumb, "acme.x": Dumb, "sinks.x": Dumb, "exchanges.x": Dumb})
    assert [shelf.family.name for shelf in Catalog.of(registry).shelves] == ["Exchanges", "Sinks", "Acme", "Zeta"]


# In words


@pytest.mark.parametrize(
    ("name", "kind", "bounds", "default"),
    [
        ("price", "reference to Pricing", "", ""),
        ("half_spread_bps", "exact decimal number", "more than 0, at most 1000", ""),
        ("levels", "whole number", "at least 1, at most 50", "1"),
        ("symbol", "text", "a market such as BTC/USDT", "BTC/USDT"),
        ("note", "text", "", "none"),
        ("post_only", "true or false", "", "true"),
        ("colour", "one of red, green", "", "red"),
        ("weights", "map of names (exact decimal number each)", "each at least 0", "none"),
        ("steps", "list (exact decimal number each)", "at least 1, at most 3 items", "1"),
        ("others", "map of names (list (reference to Pricing each) each)", "", "none"),
    ],
)
def test_a_parameter_reads_as_a_person_would_say_it(name: str, kind: str, bounds: str, default: str) -> None:
    parameter = next(each for each in parameters_of(Everything) if each.name == name)
    assert kind_in_words(parameter) == kind
    assert bounds_in_words(parameter.shape) == bounds
    assert default_in_words(parameter) == default


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One.", "One."),
        ("Trip when 2.5 bps\n  are passed. Then more.", "Trip when 2.5 bps are passed."),
        ("No full stop\n\nAnother paragraph.", "No full stop"),
        ("", ""),
    ],
)
def test_the_first_sentence_is_taken_whole(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


def test_a_decimal_default_keeps_its_digits() -> None:
    class Small:
        def __init__(self, *, tick: Decimal = Decimal("0.00000001")) -> None: ...

    assert default_in_words(parameters_of(Small)[0]) == "0.00000001"
