"""What the catalog says of each venue is what the library claims and what our classes offer. E17."""

from __future__ import annotations

import pytest

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
from engine.venues.ccxt.quality import FILE, qualities
from engine.venues.ccxt.tuned.base import PARENTS, Tuning, tuning_of
from engine.venues.ccxt.venue import Venues
from tests.engine.venues.ccxt.abilities import as_yaml


def test_the_file_says_what_the_installed_library_claims() -> None:
    assert FILE.read_text() == as_yaml(), "run python -m tests.engine.venues.ccxt.abilities and read the difference"


def test_there_are_more_than_a_hundred_venues_each_with_a_sentence() -> None:
    known = qualities()
    assert len(known) > 100
    assert sum(quality.tier in ("tuned", "streamed", "polled") for quality in known.values()) > 80
    for venue_id in known:
        assert (Venues.component(venue_id).__doc__ or "").count(".") >= 1


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
    named = {name for name in vars(type(tuning_of(venue_id))) if not name.startswith("__")}
    assert named <= {name for name in vars(Tuning) if not name.startswith("__")}
