"""What the library claims of each venue, as data: `python -m engine.venues.ccxt.claims ID…` prints it as JSON.

A process of its own, since a hundred venues' modules stay in the memory of whoever imports them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec

from engine.venues.ccxt import library
from engine.venues.ccxt.quality import qualities

KEYS = {"apiKey": "api_key", "secret": "secret", "password": "passphrase", "uid": "uid"}
"""The library's names of what opens an account, and ours. A wallet's address and key go by the first two."""
WALLET = {"walletAddress": "api_key", "privateKey": "secret"}


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """`has` holds what it can be asked for: yes, emulated, or no."""

    library: str
    has: dict[str, str]
    credentials: tuple[str, ...]
    rate_limit_ms: float
    countries: tuple[str, ...]
    doc: str
    is_certified: bool
    streams: bool


def claims_of(venue_id: str) -> Claims:
    """Raises KeyError for an id the library does not have."""
    venue = library.exact_class(venue_id)()
    needed = venue.requiredCredentials or {}
    asked = [ours for theirs, ours in (KEYS | WALLET).items() if needed.get(theirs)]
    docs = (venue.urls or {}).get("doc") or ""
    return Claims(
        library=f"ccxt {version('ccxt')}",
        has={name: _word(value) for name, value in sorted((venue.has or {}).items()) if name[0].islower()},
        credentials=tuple(dict.fromkeys(asked)),
        rate_limit_ms=float(venue.rateLimit or 0),
        countries=tuple(map(str, venue.countries or ())),
        doc=str(docs[0] if isinstance(docs, list | tuple) and docs else docs),
        is_certified=bool(getattr(venue, "certified", False)),
        streams=venue_id in library.streaming_ids(),
    )


def _word(value: Any) -> str:
    return "emulated" if value == "emulated" else "yes" if value is True else "no"


def main(ids: Iterable[str]) -> int:
    found = {venue_id: claims_of(venue_id) for venue_id in ids or qualities()}
    print(msgspec.json.encode(found).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
