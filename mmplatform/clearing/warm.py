"""What the kill path's worker has at hand before anybody calls it: a kill must not wait for imports."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module

from engine.core.plugins import BrokenComponent, UnknownComponent
from strategies.loading import registry

LIBRARY = "engine.venues.ccxt.library"


def at_hand(components: Iterable[str]) -> None:
    """Import what speaks to these venues, each a module of thousands of lines; those at hand cost nothing.

    A desk without live accounts never imports the library of venues here.
    """
    for component in components:
        with suppress(UnknownComponent, BrokenComponent):  # which is said when it is asked for
            registry().get(component)
        family, _, venue_id = component.rpartition(".")
        if family == "exchanges.ccxt":
            library = import_module(LIBRARY)
            library.wire()
            if venue_id in library.venue_ids():
                library.exact_class(venue_id)
