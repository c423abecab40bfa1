"""What each venue offers and what that rests on, as `quality.yaml` has it: read without importing ccxt.

tuned      it has a module in `tuned/`, and each behaviour is proven there by a test or exempt for a reason
checked    ccxt quotes orders and executions of it, they are read exactly, and it keeps our ids and lists executions
declared   it has ids and executions by ccxt's claims alone: nobody has seen one of its answers here
degraded   it lacks one of those. Without executions nothing could be accounted for: public data alone. Without ids an
           order whose answer is lost cannot be told from a stranger's: one market, one order on its way at a time
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from ruamel.yaml import YAML

FILE = Path(__file__).with_name("quality.yaml")
Tier = Literal["tuned", "checked", "declared", "degraded"]


class Behaviour(msgspec.Struct, frozen=True):
    """Something a desk relies on at every venue: what it means, and the test that shows it wherever it is claimed."""

    means: str
    test: str
    needs: str = ""
    """An ability, or that the server of its tests pushes: without it the test has nothing to show."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """One venue. `abilities`: fills, book_stream, order_stream, fill_stream, client_ids, closed_orders, cancel_after,
    funding, status, time; amends, batch_create and batch_cancel of spot orders, where our tuning knows how.

    proven   behaviours whose tests run against a server with its wire format
    exempt   behaviours that are not shown, by the reason
    quirks   what it does and no other venue, by the test that shows that we are ready for it
    """

    id: str
    tier: Tier
    name: str
    kind: Literal["cex", "dex"]
    abilities: tuple[str, ...] = msgspec.field(name="can")
    proven: tuple[str, ...] = ()
    exempt: dict[str, str] = {}
    quirks: dict[str, str] = {}

    def can(self, ability: str) -> bool:
        return ability in self.abilities

    def in_a_sentence(self) -> str:
        kind = " (decentralised)" if self.kind == "dex" else ""
        return f"{self.name}{kind} with exact decimals through ccxt: {self.worth()}."

    def worth(self) -> str:
        """What the tier means for whoever trades there."""
        match self.tier:
            case "tuned":
                return "tuned to its traps, each proven or named as an exemption"
            case "checked":
                return "not tuned, its orders and executions read exactly in every sample there is"
            case "declared":
                return "not tuned, and known by the library's claims alone"
            case _ if not self.can("fills"):
                return "public data alone, since it lists no executions"
            case _:
                return "it keeps no ids of ours, so one order of a market is on its way at a time"


@cache
def _read() -> Mapping[str, Any]:
    found: Mapping[str, Any] = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    return found


@cache
def qualities() -> dict[str, Quality]:
    """By id."""
    return {id: msgspec.convert({"id": id, **said}, Quality) for id, said in _read()["venues"].items()}


@cache
def behaviours() -> dict[str, Behaviour]:
    """By name."""
    return msgspec.convert(_read()["behaviours"], dict[str, Behaviour])
