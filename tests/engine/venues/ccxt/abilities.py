"""What the installed library claims each venue has, as `quality.yaml` should hold it. Run it to write that file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import ccxt.async_support
import ccxt.pro

from engine.venues.ccxt.quality import FILE

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
WITHOUT_CLIENT_IDS = frozenset({"deribit", "nado", "mudrex", "hibachi"})
"""Whose sources name a client order id without taking one."""


def claimed(venue_id: str) -> dict[str, Any]:
    package = ccxt.pro if venue_id in ccxt.pro.exchanges else ccxt.async_support
    venue = getattr(package, venue_id)()
    can = [ability for ability, claim in CLAIMS.items() if venue.has.get(claim) is True]
    if any(venue.has.get(claim) is True for claim in ENDED):
        can.append("closed_orders")
    sources = [
        Path(ccxt.async_support.__file__).with_name(f"{cls.__name__}.py")
        for cls in type(venue).__mro__
        if cls.__module__.startswith("ccxt.async_support.") and ".base." not in cls.__module__
    ]
    takes_ids = any(re.search(r"clientOrderId'", source.read_text()) for source in sources)
    if takes_ids and venue_id not in WITHOUT_CLIENT_IDS:
        can.append("client_ids")
    return {"name": venue.name, "kind": "dex" if venue.dex else "cex", "can": sorted(can)}


def as_yaml() -> str:
    lines = [
        "# What each venue has by ccxt's claims; written by `python -m tests.engine.venues.ccxt.abilities` and",
        "# compared with the installed library by a test. How each is read: quality.py.",
    ]
    for venue_id in ccxt.async_support.exchanges:
        found = claimed(venue_id)
        lines.append(
            f'{venue_id}: {{name: "{found["name"]}", kind: {found["kind"]}, can: [{", ".join(found["can"])}]}}'
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_yaml(), encoding="utf-8")
