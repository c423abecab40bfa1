"""What a strategy may begin with: each valid on its market, sized by what is owed, and seen quoting."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from engine.core.config import check_config
from engine.core.container import Container
from engine.core.states import State
from engine.market.types import Side
from engine.testing import ManualClock
from strategies.blueprint import blueprint
from strategies.builder.layout import sheet_of
from strategies.builder.starters import Owed, begun, neat, starters
from strategies.choices import Mode
from tests.strategies.builder.test_edits import MARKET, ON_A_MARKET
from tests.strategies.builder.test_round_trip import REGISTRY

SIMULATED = replace(MARKET, args={"profile": "mid", "seed": 7, "anchor_price": "2"})
GROUND = replace(ON_A_MARKET, market=SIMULATED)
OWED = Owed(max_spread_bps=Decimal(60), band_bps=Decimal(200), depth_quote=Decimal(1000))


@pytest.mark.parametrize("slug", starters())
@pytest.mark.parametrize("owed", [Owed(), OWED, Owed(max_spread_bps=Decimal(2), band_bps=Decimal(5))], ids=str)
def test_each_is_valid_whatever_is_owed(slug: str, owed: Owed) -> None:
    sheet = sheet_of(begun(starters()[slug], SIMULATED, owed), GROUND)
    assert sheet.is_valid, sheet.problems
    assert sheet.text.startswith(f"# {starters()[slug].title}\n# ")


@pytest.mark.parametrize("slug", starters())
@pytest.mark.parametrize("venue", ["kraken", "okx"])
def test_each_is_valid_at_a_venue_too(slug: str, venue: str) -> None:
    ground = replace(ON_A_MARKET, market=replace(MARKET, component=f"exchanges.ccxt.{venue}"))
    assert ground.market is not None
    sheet = sheet_of(begun(starters()[slug], ground.market, OWED), ground)
    assert sheet.is_valid, sheet.problems


@pytest.mark.parametrize("slug", starters())
async def test_each_quotes_both_sides_within_the_spread_that_is_owed(slug: str) -> None:
    document = blueprint(
        yaml=begun(starters()[slug], SIMULATED, OWED),
        mode=Mode.PAPER,
        market=SIMULATED,
        registry=REGISTRY,
        funding={"ACORN": Decimal(5000), "USDT": Decimal(10000)},
    )
    for sink in ("record", "screen"):
        document.tree["components"][sink] = {"id": "sinks.memory"}
    clock = ManualClock()
    container = Container(check_config(document, registry=REGISTRY), REGISTRY, clock=clock)
    await container.load()
    await container.begin()
    await container.service.start("a test asked for it")
    await clock.advance(8)
    service: Any = container.service
    assert service.machine.state is State.ACTIVE
    quotes = service.quotes.quotes
    assert {quote.side for quote in quotes} == {Side.BUY, Side.SELL}, service.quotes.reason
    bid = max(quote.price for quote in quotes if quote.side is Side.BUY)
    ask = min(quote.price for quote in quotes if quote.side is Side.SELL)
    assert (ask - bid) / ((ask + bid) / 2) * 10_000 <= OWED.max_spread_bps
    await container.unload()


@pytest.mark.parametrize(("value", "written"), [("3437.5", "3500"), ("0.0312", "0.032"), ("36", "36"), ("0", "0")])
def test_figures_are_rounded_up_to_what_a_person_would_write(value: str, written: str) -> None:
    assert neat(Decimal(value)) == Decimal(written)
