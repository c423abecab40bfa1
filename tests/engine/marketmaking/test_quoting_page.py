"""The tables of docs/quoting.md, read and recomputed: a figure on the page is a figure of the code."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.core.plugins import Registry
from engine.marketmaking.avellaneda import half_spread, reservation_price
from tests.engine.marketmaking.ticks import Tick, prices

D = Decimal
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "quoting.md").read_text()


def rows(header: str) -> list[list[str]]:
    """The cells under a table's header."""
    table = PAGE.split(header + "\n", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


MODIFIERS = rows("| modifier | settings | when | wanted | becomes |")
AVELLANEDA = rows("| s | q | γ | σ | τ | κ | r | δ at 28 digits |")


@pytest.mark.parametrize("row", MODIFIERS, ids=lambda row: f"{row[0]} {row[2]}")
def test_a_modifier_does_what_its_row_says(row: list[str]) -> None:
    name, settings, when, wanted, becomes = row
    arguments: dict[str, Any] = {}
    for setting in settings.strip("`").split(", "):
        key, value = setting.split(": ")
        arguments[key] = int(value) if key == "min_ticks" else D(value)
    modifier = Registry.installed().get(f"marketmaking.modifiers.{name.strip('`')}")(**arguments)
    bid, ask = wanted.split(", ")
    draft = situation(when).adjusted(modifier, bids=bid, asks=ask)
    assert [[round(price, 25) for price in side] for side in prices(draft)] == [[D(p)] for p in becomes.split(", ")]


def situation(when: str) -> Tick:
    tick = Tick("100")
    if book := re.fullmatch(r"book (.+) / (.+)", when):
        return tick.book(*book.groups())
    if bought := re.fullmatch(r"holds (.+), (.+), bought at (.+)", when):
        base, quote, cost = bought.groups()
        return tick.holds(base, quote, position=base, cost=cost)
    if held := re.fullmatch(r"holds (.+), (.+)", when):
        return tick.holds(*held.groups())
    assert not when, f"nothing here reads {when!r}"
    return tick


@pytest.mark.parametrize("row", AVELLANEDA, ids=lambda row: row[0] + " " + row[1])
def test_avellaneda_and_stoikov_give_their_row(row: list[str]) -> None:
    mid, inventory, gamma, sigma, left_s, kappa, reservation, half = (D(cell.replace("−", "-")) for cell in row)
    variance = sigma * sigma
    assert reservation == reservation_price(mid=mid, inventory=inventory, gamma=gamma, variance=variance, left_s=left_s)
    assert half == +half_spread(gamma=gamma, variance=variance, left_s=left_s, kappa=kappa)


def test_every_strategy_and_modifier_is_on_the_page() -> None:
    ids = [id for id in Registry.installed().ids() if id.startswith("marketmaking.")]
    assert len(ids) >= 30
    assert [id for id in ids if not re.search(rf"\b{id.rsplit('.', 1)[1]}\b", PAGE)] == []
