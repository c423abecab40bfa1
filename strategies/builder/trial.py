"""What only shows once a draft meets its market: symbols nobody trades, orders too small to be taken, parts that do not
load. Found here, at their field, so that nothing of it is left for a host to fault on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from engine.core.config import Document, parse
from engine.core.container import Container
from engine.core.errors import EngineError
from engine.core.problems import Path, Problem
from strategies.blueprint import PUBLIC, MarketFacts
from strategies.builder import stages
from strategies.builder.ground import Ground
from strategies.builder.reading import parts_of, variables_of
from strategies.builder.stages import CannotStage, Place
from strategies.builder.typed import Tree

LOAD_WITHIN_S = 3.0
"""Machine seconds for a load in which nothing reaches out; what takes longer says nothing."""
ONE_ORDER = {"size_base": "base", "order_size_base": "base", "order_amount": "base", "order_size_quote": "quote"}
"""Arguments of strategies that are the size of one order, and in what."""
GUARD = "risk.guard"


def troubles(text: str, ground: Ground) -> tuple[Problem, ...]:
    """Everything that would keep a text, which can be built, from quoting on its market."""
    if ground.market is None:
        return ()
    document = parse(text, filename="draft")
    _sizes(document, ground.market)
    _symbols(document, text, ground)
    if not document.problems:
        _load(document, text, ground)
    return tuple(document.problems)


def _sizes(document: Document, market: MarketFacts) -> None:
    """One order of a strategy, and the most a guard lets through, must not be less than the market takes."""
    for name, node in parts_of(document.tree).items():
        component, args = str(node.get("id")), node.get("args")
        if not isinstance(args, dict):
            continue
        wanted: dict[str, str] = {}
        if component.startswith("marketmaking."):
            wanted = ONE_ORDER
        elif component == GUARD:
            wanted = {"max_order_size_quote": "quote"}
        for argument, unit in wanted.items():
            if argument not in args:
                continue
            value, path = _held(document.tree, args[argument], ("components", name, "args", argument))
            least = _least(market, unit)
            if isinstance(value, Decimal | int) and not isinstance(value, bool) and least and value < least:
                asset = market.base if unit == "base" else market.quote
                what = "the guard would refuse every order" if component == GUARD else "nothing would be posted"
                taken = f"{market.symbol} takes no order under {least:f} {asset}"
                document.problem(
                    path, f"{argument} is {value} {asset}, and {taken}: {what}", f"Write at least {least:f}"
                )


def _least(market: MarketFacts, unit: str) -> Decimal | None:
    if unit == "quote":
        return market.min_notional_quote
    return max(market.lot_size, market.min_size_base or market.lot_size).normalize()


def _held(tree: dict[str, Tree], value: Tree, path: Path) -> tuple[Tree, Path]:
    """The value and where it is written: behind a variable, if one is named."""
    variables = variables_of(tree)
    for _ in range(len(variables) + 1):
        if not (isinstance(value, str) and value[:1] == "@" and value[1:] in variables):
            break
        path = ("vars", value[1:])
        value = variables[value[1:]]
    return value, path


def _symbols(document: Document, text: str, ground: Ground) -> None:
    """Every real market that is read must be one its venue has."""
    try:
        readings = stages.readings(text, ground)
    except CannotStage:
        return
    parts = parts_of(document.tree)
    readers: dict[Place, list[str]] = {}
    for name, place in readings:
        readers.setdefault(place, []).append(name.removesuffix(PUBLIC))
    for place, names in readers.items():
        if why := ground.untraded(*place):
            written = [(name, args["symbol"]) for name in names if "symbol" in (args := parts[name].get("args") or {})]
            path: Path = ("components", names[0])
            if written:
                _, path = _held(document.tree, written[0][1], ("components", written[0][0], "args", "symbol"))
            document.problem(path, why, "Choose a symbol that the venue lists")


def _load(document: Document, text: str, ground: Ground) -> None:
    """Load every part on an invented market, and let go again."""
    failed, why = _failure_of(_Load(text=text, facts=str(ground.market), ground=ground))
    if why:
        document.problem(("components", failed.removesuffix(PUBLIC)), f"it would not load: {why}")


@dataclass(frozen=True, kw_only=True)
class _Load:
    """What a load depends on: text and market, for what is installed does not change while a process runs."""

    text: str
    facts: str
    ground: Ground = field(compare=False)


@lru_cache(maxsize=256)
def _failure_of(load: _Load) -> tuple[str, str]:
    """The component that does not load and why; two empty strings when all do, or when nobody can tell here."""
    try:
        stage = stages.made_up(load.text, load.ground)
    except CannotStage:
        return "", ""  # with a part that reaches out
    return asyncio.run(_failure(Container(stage.config, stage.registry, clock=stage.clock)))


async def _failure(container: Container) -> tuple[str, str]:
    try:
        async with asyncio.timeout(LOAD_WITHIN_S):
            await container.load()
            await container.begin()
    except TimeoutError:
        return "", ""
    except EngineError as error:
        return container.reached, str(error)
    except (ArithmeticError, LookupError, AttributeError, OSError, TypeError, ValueError) as error:
        # From the code of others; the draft must still open, to be mended.
        return container.reached, f"{type(error).__name__} {error}"
    finally:
        await container.unload()
    return "", ""
