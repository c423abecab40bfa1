"""Imported by the kill path's worker before it forks: a kill must not wait for the library of venues to be imported."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from engine.core.plugins import BrokenComponent, UnknownComponent
from engine.venues.ccxt import library
from strategies.loading import registry

library.wire()


def at_hand(components: Iterable[str]) -> None:
    """Import what speaks to these venues, each a module of thousands of lines; those at hand cost nothing."""
    for component in components:
        with suppress(UnknownComponent, BrokenComponent):  # which is said when it is asked for
            registry().get(component)
        family, _, venue_id = component.rpartition(".")
        if family == "exchanges.ccxt" and venue_id in library.venue_ids():
            library.exact_class(venue_id)
