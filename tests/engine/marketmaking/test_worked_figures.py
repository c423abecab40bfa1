"""The worked figures of docs/quoting.md, from one YAML file to the orders at the venue, digit by digit (Q1)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.service import Restore
from engine.market.types import Side
from tests.engine.desk import Desk

ROWS = {
    "long inventory moves both sides down": {
        "settings": {"spread": "10", "levels": "3", "spacing": "5", "tick": "0.01"},
        "book": ("49999.99", "50000.01"),
        "position_base": "0.05",
        "bids": ["49971.87", "49946.87", "49921.87"],
        "asks": ["50021.88", "50046.88", "50071.88"],
    },
    "short inventory beyond the limit is clamped": {
        "settings": {"spread": "10", "levels": "2", "spacing": "5", "tick": "0.01"},
        "book": ("49999.99", "50000.01"),
        "position_base": "-0.24",
        "bids": ["49987.50", "49962.50"],
        "asks": ["50037.50", "50062.50"],
    },
    "a small price on a small tick": {
        "settings": {"spread": "40", "levels": "2", "spacing": "10", "tick": "0.000001", "lot": "1"},
        "book": ("0.031234", "0.031235"),
        "position_base": "0",
        "bids": ["0.031172", "0.031140"],
        "asks": ["0.031297", "0.031329"],
    },
}


@pytest.mark.parametrize("name", ROWS)
async def test_orders_at_the_venue_are_the_worked_figures(name: str) -> None:
    row = ROWS[name]
    position = Decimal(row["position_base"])
    desk = Desk(restore=Restore(position_base=position, average_cost=Decimal(50000)), **row["settings"])
    await desk.open(*row["book"])

    await desk.service.start("test")
    await desk.run(1)

    assert desk.prices(Side.BUY) == row["bids"]
    assert desk.prices(Side.SELL) == row["asks"]
    await desk.close()
    assert desk.prices(Side.BUY) == desk.prices(Side.SELL) == []
