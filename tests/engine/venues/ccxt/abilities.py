"""What the installed library claims each venue has, and what its sources quote of it, as `quality.yaml` should hold it.

Run it to bring that file up to date. What people wrote there stays: the head with the behaviours, and whatever stands
below the line `can:` of a venue.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import ccxt.async_support
import ccxt.pro

from engine.venues.ccxt.quality import FILE
from engine.venues.ccxt.tuned.base import tuning_of
from tests.engine.venues.ccxt.samples import samples

CLAIMS = {
    "fills": "fetchMyTrades",
    "book_stream": "watchOrderBook",
    "order_stream": "watchOrders",
    "fill_stream": "watchMyTrades",
    "cancel_after": "cancelAllOrdersAfter",
    "funding": "fetchFundingRate",
    "status": "fetchStatus",
    "time": "fetchTime",
}
ENDED = ("fetchClosedOrders", "fetchCanceledAndClosedOrders", "fetchOrders")
PASSED_ON = frozenset({"blofin", "bullish", "xt"})
"""Which call a client order id what the library calls it, so that it need not name it to send it."""
WITHOUT_CLIENT_IDS = frozenset({"deribit", "nado", "mudrex", "hibachi"})
"""Whose sources name a client order id without one that could be chosen."""
CREATING = re.compile(
    r"\n    (?:async )?def \w*(?:create_\w*order|order_request)\w*\((.*?)(?=\n    (?:async )?def |\Z)", re.S
)
NO_CODE = re.compile(r"(?s:\"{3}.*?\"{3})|^ *#.*$", re.M)
BY_HAND = re.compile(r"^  (\w+):\n(?:    (?:tier|name|kind|can): .*\n)+((?: {4,}.*\n|\n(?= {4}))+)", re.M)


def claimed(venue_id: str) -> dict[str, Any]:
    venue = _venue(venue_id)
    can = {ability for ability, claim in CLAIMS.items() if venue.has.get(claim) is True}
    if any(venue.has.get(claim) is True for claim in ENDED):
        can.add("closed_orders")
    if _takes_client_ids(venue_id):
        can.add("client_ids")
    tuning = tuning_of(venue_id)
    can = can - tuning.lacks | tuning.has
    # What the library claims of these says nothing about what becomes of each order.
    shown = {"amends": tuning.amends, "batch_create": tuning.batch, "batch_cancel": tuning.cancel_batch}
    can |= {ability for ability, offered in shown.items() if offered}
    return {"name": venue.name, "kind": "dex" if venue.dex else "cex", "can": sorted(can)}


def tier(venue_id: str, can: list[str], by_hand: str) -> str:
    """What a venue is worth, by what stands in the file of it, what it can and what is quoted of it."""
    if "    proven:" in by_hand:
        return "tuned"
    if not {"fills", "client_ids"} <= set(can):
        return "degraded"
    parsers = set().union(*(_quoted().get(name, ()) for name in _ancestry(venue_id)))
    return "checked" if {"order", "trade"} <= parsers else "declared"


def as_yaml() -> str:
    """The file as it should be."""
    written = FILE.read_text(encoding="utf-8")
    head, separator, body = written.partition("\nvenues:\n")
    by_hand = {found[1]: found[2] for found in BY_HAND.finditer(body)}
    parts = [head, separator]
    for venue_id in ccxt.async_support.exchanges:
        claims, more = claimed(venue_id), by_hand.get(venue_id, "")
        fields = {
            "tier": tier(venue_id, claims["can"], more),
            "name": json.dumps(claims["name"], ensure_ascii=False),
            "kind": claims["kind"],
            "can": f"[{', '.join(claims['can'])}]",
        }
        if more:
            parts.append(f"  {venue_id}:\n" + "".join(f"    {key}: {value}\n" for key, value in fields.items()) + more)
        else:
            parts.append(f"  {venue_id}: {{{', '.join(f'{key}: {value}' for key, value in fields.items())}}}\n")
    return "".join(parts)


def _takes_client_ids(venue_id: str) -> bool:
    """Whether what creates an order reads an id of ours: in the code, since in an answer any venue may name one."""
    if venue_id in WITHOUT_CLIENT_IDS:
        return False
    sources = [Path(ccxt.async_support.__file__).with_name(f"{name}.py").read_text() for name in _ancestry(venue_id)]
    creating = (NO_CODE.sub("", found[1]) for source in sources for found in CREATING.finditer(source))
    return venue_id in PASSED_ON or any("'clientOrderId'" in code for code in creating)


def _venue(venue_id: str) -> Any:
    package = ccxt.pro if venue_id in ccxt.pro.exchanges else ccxt.async_support
    return getattr(package, venue_id)()


def _ancestry(venue_id: str) -> list[str]:
    """The ids of the classes a venue is made of: itself, and those it is another name of."""
    return [
        cls.__name__
        for cls in getattr(ccxt.async_support, venue_id).__mro__
        if cls.__module__.startswith("ccxt.async_support.") and ".base." not in cls.__module__
    ]


@cache
def _quoted() -> dict[str, set[str]]:
    """What the library can read of each venue's answers as its own sources quote them: orders, trades and so on."""
    found: dict[str, set[str]] = {}
    for sample in samples():
        if sample.venue not in ccxt.async_support.exchanges:
            continue
        try:
            read = getattr(_plain(sample.venue), sample.parser)(json.loads(sample.json))
        except Exception:
            continue
        if read:
            found.setdefault(sample.venue, set()).add(sample.parser.split("_")[-1])
    return found


@cache
def _plain(venue_id: str) -> Any:
    return getattr(ccxt.async_support, venue_id)()


if __name__ == "__main__":
    FILE.write_text(as_yaml(), encoding="utf-8")
