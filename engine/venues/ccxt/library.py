"""The one place that brings ccxt into this process: its ids without importing it, its classes made exact on demand.

Importing it takes half a second and 100 MB, so nothing here does until a venue is really loaded.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Library = Any
"""An instance of a ccxt class. The library has no types; whatever comes out of one goes through `boundary.py`."""


@cache
def venue_ids() -> tuple[str, ...]:
    """Every id the installed library has a class for, from its files alone."""
    return tuple(sorted(_modules("async_support")))


@cache
def streaming_ids() -> frozenset[str]:
    """Those of them that it knows WebSockets of."""
    return frozenset(_modules("pro"))


def _modules(folder: str) -> set[str]:
    spec = find_spec("ccxt")
    if spec is None or not spec.submodule_search_locations:
        return set()
    files = (Path(spec.submodule_search_locations[0]) / folder).glob("*.py")
    return {file.stem for file in files if file.stem != "__init__"}


@cache
def exact_class(venue_id: str, *mixins: type) -> type[Any]:
    """A venue's class, the streaming one where there is one, behind the mixins. Raises KeyError for an unknown id."""
    if venue_id not in venue_ids():
        raise KeyError(venue_id)
    exact = import_module("engine.venues.ccxt.exact")
    package = "ccxt.pro" if venue_id in streaming_ids() else "ccxt.async_support"
    stock = getattr(import_module(package), venue_id)
    return type(venue_id, (*mixins, exact.Exact, stock), {})
