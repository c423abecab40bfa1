"""What each venue offers, as `quality.yaml` has it: read without importing ccxt, and compared with it by a test.

tuned      its traps are known and handled in `tuned/`, over servers with its wire format
streamed   own orders and executions are pushed, and our order ids are kept: slower to doubt, as safe
polled     found out by asking: quotes live longer than they should, and doubts take seconds
public     executions cannot be listed, so nothing can be accounted for: public data alone
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from ruamel.yaml import YAML

from engine.venues.ccxt.tuned.base import is_tuned

FILE = Path(__file__).with_name("quality.yaml")
Tier = Literal["tuned", "streamed", "polled", "public"]

_SAYS = {
    "tuned": "tuned to its traps",
    "streamed": "orders and executions are streamed",
    "polled": "orders and executions are asked for",
    "public": "public data alone, since it lists no executions",
}


class Quality(msgspec.Struct, frozen=True):
    """One venue. `abilities`: fills, book_stream, order_stream, fill_stream, client_ids, closed_orders, cancel_after,
    funding, status, time."""

    id: str
    name: str
    kind: Literal["cex", "dex"]
    abilities: tuple[str, ...]

    def can(self, ability: str) -> bool:
        return ability in self.abilities

    @property
    def tier(self) -> Tier:
        if not self.can("fills"):
            return "public"
        if is_tuned(self.id):
            return "tuned"
        return "streamed" if self.can("order_stream") and self.can("client_ids") else "polled"

    def in_a_sentence(self) -> str:
        kind = " (decentralised)" if self.kind == "dex" else ""
        return f"{self.name}{kind} with exact decimals through ccxt: {_SAYS[self.tier]}."


@cache
def qualities() -> dict[str, Quality]:
    """By id."""
    read = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    return {
        venue_id: Quality(venue_id, said["name"], said["kind"], tuple(said["can"])) for venue_id, said in read.items()
    }
