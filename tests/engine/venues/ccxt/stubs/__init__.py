"""Venues whose REST wire format alone is spoken here: one module each with one class that is named like the module.

They serve what the engine asks of them, in the words of the venue, over the same books as the loopback venues, and so
pass the same contract. Two things are less: no signature is verified, only that the key is named; and nothing is
pushed, so the behaviours of streams are exempt there.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tests.engine.venues.ccxt.stubs.base import Stub
from tests.venues.every import VENUES
from tests.venues.wire import Venue


def _stubs() -> dict[str, type[Stub]]:
    found = {}
    for module in iter_modules(__path__):
        if module.name != "base":
            kind = getattr(import_module(f"{__name__}.{module.name}"), module.name.capitalize())
            found[kind.id] = kind
    return found


STUBS = _stubs()
SERVERS: dict[str, type[Venue]] = {**STUBS, **VENUES}
"""Every venue there is a server of, a whole one before a stub."""
