"""Configurations to start from, sized by what the mandate owes. Each is a file in `strategies/starters/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from strategies.blueprint import MarketFacts

FOLDER = Path(__file__).parent.parent / "starters"
LEVELS = 4
CCXT = "exchanges.ccxt."


@dataclass(frozen=True, kw_only=True)
class Starter:
    slug: str
    title: str
    about: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Owed:
    """What a start is sized by. The depth is a side's, within the band; a mandate that says less gets these."""

    max_spread_bps: Decimal = Decimal(40)
    band_bps: Decimal = Decimal(200)
    depth_quote: Decimal = Decimal(2000)


@cache
def starters() -> dict[str, Starter]:
    """By slug, in the order they are offered. Title and sentence are the file's first two lines."""
    found = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        title, about, _ = file.read_text().split("\n", 2)
        slug = file.stem.partition("_")[2]
        found[slug] = Starter(
            slug=slug, title=title.removeprefix("# "), about=about.removeprefix("# "), text=file.read_text()
        )
    return found


def begun(starter: Starter, market: MarketFacts, owed: Owed) -> str:
    """The starter as a text for this market: quotes inside the spread that is owed, sizes that reach the depth."""
    spread = neat(owed.max_spread_bps * Decimal("0.6"))
    order = neat(owed.depth_quote * Decimal("1.25") / LEVELS)
    position = neat(owed.depth_quote * 4)
    price = _price(market.args)
    room = max(owed.band_bps - spread / 2, Decimal(1))
    return Template(starter.text).substitute(
        component=market.component,
        symbol=market.symbol,
        **_other(market),
        max_spread_bps=_plain(owed.max_spread_bps),
        spread_bps=_plain(spread),
        half_spread_bps=_plain(spread / 2),
        shift_bps=_plain(neat(spread / 4)),
        levels=LEVELS,
        level_spacing_bps=_plain(neat(min(room / (2 * LEVELS), Decimal(50)))),
        order_quote=_plain(order),
        size_base=_plain(neat(order / price) if price else Decimal(1)),
        order_limit_quote=_plain(order * 3),
        open_quote=_plain(neat(order * LEVELS * 4)),
        position_quote=_plain(position),
        halt_position_quote=_plain(neat(position * Decimal("1.2"))),
        loss_quote=_plain(neat(owed.depth_quote / 4)),
        band_bps=_plain(owed.band_bps),
        inside_bps=_plain(min(Decimal(5), owed.band_bps / 2)),
        depth_quote=_plain(neat(owed.depth_quote * Decimal("1.1"))),
    )


def neat(value: Decimal) -> Decimal:
    """Rounded up to two significant digits, the way a person would write it: 3437.5 becomes 3500."""
    if value <= 0:
        return value
    return value.quantize(Decimal(1).scaleb(value.adjusted() - 1), rounding=ROUND_UP)


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _price(args: Mapping[str, Any]) -> Decimal | None:
    """About where the market stands, if its record says so."""
    return Decimal(str(args["anchor_price"])) if args.get("anchor_price") else None


def _other(market: MarketFacts) -> dict[str, str]:
    """A second market: on a simulated desk a simulated one, else the same pair at another large venue."""
    if not market.component.startswith(CCXT):
        facts = {"tick_size": market.tick_size, "lot_size": market.lot_size, "anchor_price": _price(market.args)}
        lines = ["    args:", '      symbol: "@other_symbol"']
        lines += [f'      {name}: !decimal "{_plain(value)}"' for name, value in facts.items() if value is not None]
        symbol = f"{market.base}/USDC" if market.quote != "USDC" else f"{market.base}/USDT"
        return {"other_component": market.component, "other_symbol": symbol, "other_args": "\n".join(lines) + "\n"}
    other = next(venue for venue in ("okx", "binance") if market.component != CCXT + venue)
    return {"other_component": CCXT + other, "other_symbol": market.symbol, "other_args": ""}
