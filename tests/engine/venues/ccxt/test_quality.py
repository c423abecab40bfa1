"""What the catalog says of each venue is what the library claims and what our classes offer. E17."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.plugins import Registry
from engine.venues.base import Exchange
from engine.venues.capabilities import (
    AnswersByClientId,
    CancelsAfter,
    CandleSource,
    ClosedOrderSource,
    FundingSource,
    StatusSource,
    TickerSource,
)
from engine.venues.ccxt.quality import FILE, Quality, behaviours, qualities
from engine.venues.ccxt.tuned.base import PARENTS, Tuning, tuning_of
from engine.venues.ccxt.venue import Venues
from tests.engine.venues.ccxt import test_contract
from tests.engine.venues.ccxt.abilities import as_yaml
from tests.engine.venues.ccxt.stubs import SERVERS
from tests.venues.wire import Venue


def test_the_file_says_what_the_installed_library_claims() -> None:
    assert FILE.read_text() == as_yaml(), "run python -m tests.engine.venues.ccxt.abilities and read the difference"


def test_there_are_more_than_a_hundred_venues_each_with_a_sentence() -> None:
    known = qualities()
    assert len(known) > 100
    assert sum(quality.tier != "degraded" for quality in known.values()) > 65
    for venue_id in known:
        assert (Venues.component(venue_id).__doc__ or "").count(".") >= 1


# What the tiers rest on

TUNED = {id: quality for id, quality in qualities().items() if quality.tier == "tuned"}


def shortcomings(quality: Quality, servers: dict[str, type[Venue]]) -> list[str]:
    """Why a venue may not be called tuned as the file has it."""
    found = []
    if find_spec(f"engine.venues.ccxt.tuned.{quality.id}") is None:
        found.append("there is no module of it in tuned/")
    if quality.id not in servers:
        return [*found, "there is no server with its wire format"]
    unsaid = behaviours().keys() - set(quality.proven) - quality.exempt.keys()
    found += [f"nothing is said of {name}" for name in sorted(unsaid)]
    found += [f"{name} is proven and exempt" for name in sorted(set(quality.proven) & quality.exempt.keys())]
    found += [f"{name} is exempt for no reason" for name, why in quality.exempt.items() if len(why.split()) < 4]
    for name in (*quality.proven, *quality.exempt):
        if name not in behaviours():
            found.append(f"there is no behaviour {name}")
    for name in quality.proven:
        needs = behaviours()[name].needs if name in behaviours() else ""
        has = servers[quality.id].has_streams if needs == "streams" else not needs or quality.can(needs)
        if not has:
            found.append(f"{name} is not shown, since its test needs {needs}")
    return found


@pytest.mark.parametrize("venue_id", TUNED)
def test_a_tuned_venue_has_each_behaviour_proven_or_is_exempt_for_a_reason(venue_id: str) -> None:
    assert shortcomings(TUNED[venue_id], SERVERS) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"proven": ()}, "nothing is said of exact orders"),
        ({"exempt": {}}, "nothing is said of dead man's switch"),
        ({"exempt": {"dead man's switch": "none"}}, "dead man's switch is exempt for no reason"),
        ({"exempt": {"exact orders": "it is such a nice venue"}}, "exact orders is proven and exempt"),
        ({"proven": ("exact colours",)}, "there is no behaviour exact colours"),
        ({"proven": ("dead man's switch",), "exempt": {}}, "dead man's switch is not shown"),
        ({"id": "paymium"}, "there is no server with its wire format"),
        ({"id": "paymium"}, "there is no module of it in tuned/"),
    ],
)
def test_what_is_not_shown_is_no_tuned_venue(changes: dict[str, Any], words: str) -> None:
    assert any(words in one for one in shortcomings(replace(qualities()["binance"], **changes), SERVERS))


@pytest.mark.parametrize("name", behaviours())
def test_a_behaviours_test_exists_and_runs_for_every_tuned_venue(name: str) -> None:
    assert is_there(behaviours()[name].test, for_every_venue=True)
    assert set(TUNED) <= set(test_contract.TUNED)


@pytest.mark.parametrize(
    ("venue_id", "quirk"), [(id, quirk) for id, quality in TUNED.items() for quirk in quality.quirks]
)
def test_a_quirks_test_exists(venue_id: str, quirk: str) -> None:
    assert is_there(TUNED[venue_id].quirks[quirk])


def is_there(named: str, *, for_every_venue: bool = False) -> bool:
    """Whether `file.py::test` beside this one is a test; and takes the venue it runs against, where it should."""
    file, _, name = named.partition("::")
    module = import_module(f"tests.engine.venues.ccxt.{file.removesuffix('.py')}")
    test = getattr(module, name, None)
    assert test is not None, f"there is no test {named}"
    takes = inspect.signature(test).parameters
    return name.startswith("test_") and (not for_every_venue or bool({"desk", "venue"} & takes.keys()))


def test_a_venue_without_ids_or_executions_is_degraded_and_says_what_follows() -> None:
    for quality in qualities().values():
        lacks = not (quality.can("fills") and quality.can("client_ids"))
        assert lacks == (quality.tier == "degraded"), quality.id
    assert "public data alone" in qualities()["paymium"].in_a_sentence()
    assert "one order of a market is on its way" in qualities()["bitbank"].in_a_sentence()


def test_the_installed_registry_knows_every_one() -> None:
    ids = {id.removeprefix("exchanges.ccxt.") for id in Registry.installed().ids() if id.startswith("exchanges.ccxt.")}
    assert ids == qualities().keys()


def test_an_unknown_id_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Venues.component("mtgox")


@pytest.mark.parametrize(
    ("venue_id", "protocol", "offers"),
    [
        ("binance", AnswersByClientId, True),
        ("kraken", AnswersByClientId, False),
        ("kraken", CancelsAfter, True),
        ("binance", CancelsAfter, False),
        ("binance", ClosedOrderSource, True),
        ("bitvavo", ClosedOrderSource, True),
        ("bit2c", ClosedOrderSource, False),
        ("okx", FundingSource, True),
        ("bitvavo", FundingSource, False),
    ],
)
def test_a_venue_offers_what_it_has_and_nothing_else(venue_id: str, protocol: type, offers: bool) -> None:
    assert isinstance(Venues.component(venue_id)(), protocol) is offers


@pytest.mark.parametrize("venue_id", sorted(qualities()))
def test_every_venue_is_an_exchange_with_a_ticker_candles_and_a_status(venue_id: str) -> None:
    component = Venues.component(venue_id)()
    for protocol in (Exchange, TickerSource, CandleSource, StatusSource):
        assert isinstance(component, protocol)


def test_a_venue_under_a_second_name_is_tuned_as_the_first() -> None:
    for venue_id, parent in PARENTS.items():
        assert type(tuning_of(venue_id)) is type(tuning_of(parent))


@pytest.mark.parametrize("venue_id", sorted(qualities()))
def test_a_tuning_names_only_what_the_seam_knows(venue_id: str) -> None:
    """A misspelt override would be silently without effect."""
    named = {name for name in vars(type(tuning_of(venue_id))) if not name.startswith("_")}
    assert named <= {name for name in vars(Tuning) if not name.startswith("__")}
