"""The one place that brings ccxt into this process: its ids without importing it, its classes made exact on demand.

Nothing here imports it until a venue is really loaded, and then no more of it than that venue.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from engine.core.errors import AuthRejected
from engine.venues.ccxt.narrow import narrow
from engine.venues.credentials import Credentials

if TYPE_CHECKING:
    from engine.venues.ccxt.wire import Wire

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


def wire() -> ModuleType:
    """Our side of the library's transport. Imports the library."""
    narrow()
    return import_module("engine.venues.ccxt.wire")


@cache
def exact_class(venue_id: str) -> type[Any]:
    """A venue's class, the streaming one where there is one, behind our mixins. Raises KeyError for an unknown id."""
    if venue_id not in venue_ids():
        raise KeyError(venue_id)
    narrow()
    # Its debug lines hold requests with their signatures.
    logging.getLogger("ccxt").setLevel(logging.WARNING)
    mixins = (
        wire().Wired,
        import_module("engine.venues.ccxt.taps").Tapped,
        import_module("engine.venues.ccxt.exact").Exact,
    )
    package = "ccxt.pro" if venue_id in streaming_ids() else "ccxt.async_support"
    stock = getattr(import_module(package), venue_id)
    return type(venue_id, (*mixins, stock), {})


def make(
    venue_id: str,
    *,
    wire: Wire,
    tls: ssl.SSLContext,
    options: Mapping[str, Any],
    endpoint_override: str = "",
    credentials: Credentials | None = None,
    codes: Mapping[str, str] | None = None,
) -> Library:
    """An instance over our wire, keyless or with an account's credentials. codes: the venue's, with the name of the
    library's error for each, beside those it knows.

    It asks for no currencies: with a key that is a private request on many venues, which a key for trading alone may
    not make. `maxRetriesOnFailure` is never set: it sends an order again that was not answered.
    """
    config = {
        "session": wire.session,
        "enableRateLimit": True,
        "options": dict(options),
    }
    library = exact_class(venue_id)(config)
    library.wire = wire
    library.ssl_context = tls
    library.timeout_on_exit = 0
    library.has["fetchCurrencies"] = False
    if codes:
        errors = import_module("ccxt.base.errors")
        known = library.exceptions.get("exact", library.exceptions)
        known.update((code, getattr(errors, name)) for code, name in codes.items())
    if endpoint_override:
        rewritten = import_module("engine.venues.ccxt.wire").rewritten
        library.urls["api"] = rewritten(library.urls["api"], endpoint_override)
    if credentials is not None:
        _unlock(library, credentials)
    library.open()  # on the running loop, which it would else only look for with its own `fetch`
    return library


def _unlock(library: Library, credentials: Credentials) -> None:
    needed = {name for name, is_needed in library.requiredCredentials.items() if is_needed}
    given = {
        "apiKey": credentials.api_key,
        "secret": credentials.secret,
        "password": credentials.passphrase,
        "uid": credentials.uid,
        "walletAddress": credentials.api_key,
        "privateKey": credentials.secret,
        "login": credentials.uid,
        "token": credentials.passphrase,
        "accountId": credentials.uid,
    }
    words = {"password": "passphrase", "walletAddress": "api_key", "privateKey": "secret", "login": "uid"}
    missing = sorted(words.get(name, name) for name in needed if not given.get(name))
    if missing:
        raise AuthRejected(f"{library.id} wants credentials with {' and '.join(missing)} as well.")
    for name in needed | {"apiKey", "secret"}:
        setattr(library, name, given[name])
