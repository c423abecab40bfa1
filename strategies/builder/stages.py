"""Where a draft is tried: on its simulated market, on books of real venues as they were last seen, or on a recording.

Each is a whole paper deployment whose market lies in this process; nothing of it reaches out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Any

from engine.core.config import Config, ConfigError, Document, Reference, check_config
from engine.core.errors import EngineError, RecordingDamaged
from engine.core.plugins import Registry
from engine.metrics.base import Sink
from engine.rehearsal.clock import ReplayClock
from engine.testing.clock import ManualClock
from engine.venues.recordings import open_recording
from engine.venues.recordings.messages import Snapshot, Top
from engine.venues.replay.instrument import steps_of
from engine.venues.still import SeenBook, still
from strategies.blueprint import PUBLIC, REPLAY, BlueprintError, RecordingFacts, blueprint
from strategies.builder.ground import FUNDED, Ground
from strategies.choices import Mode

SIMULATED, REAL, STILL = "exchanges.simulated", "exchanges.ccxt.", "exchanges.still."
WITHIN = (
    "exchanges.paper",
    SIMULATED,
    "prices.",
    "marketmaking",
    "risk.",
    "killswitches.",
    "listeners.",
    "metrics.",
    "reconcile",
    "dead_mans_switch",
    "limits.",
    "service.",
)
"""Ids, or beginnings of them, of what runs here as it is."""
FIRST_MESSAGES = 2_000
"""Of a recording, looked at for where its price stands."""

ANCHOR_TICKS = 20_000
"""Where an invented market stands."""

Place = tuple[str, str]
"""A venue's component and a symbol there."""


class CannotStage(EngineError):
    """Why a draft cannot be tried there, as a sentence."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A draft ready to be built. Its clock is moved by whoever runs it, or by the recording."""

    config: Config
    registry: Registry
    clock: ManualClock | ReplayClock


def simulated(yaml: str, ground: Ground, funding: Mapping[str, Decimal]) -> Stage:
    """On the simulated market the draft is for. Raises CannotStage."""
    if ground.market is None or ground.market.component != SIMULATED:
        where = ground.market.component if ground.market else "no market yet"
        raise CannotStage(f"There is no simulated market here: this draft is for {where}.")
    document = _paper(yaml, ground, funding)
    _keep_within(document, ground)
    return _checked(document, ground.registry, ManualClock())


def places(yaml: str, ground: Ground) -> tuple[Place, ...]:
    """The real markets a draft reads, each a venue's component and a symbol. Raises CannotStage."""
    return tuple({place: None for _, place in readings(yaml, ground)})


def readings(yaml: str, ground: Ground) -> list[tuple[str, Place]]:
    """The name of every component that reads a real market, and which one. Raises CannotStage."""
    if ground.market is None:
        raise CannotStage("The draft has no market yet; choose one.")
    config = _checked(_paper(yaml, ground, _little(ground)), ground.registry, ManualClock()).config
    real = {name: spec.id for name, spec in config.components.items() if spec.id.startswith(REAL)}
    found = []
    for spec in config.components.values():
        symbol = spec.args.get("symbol", ground.market.symbol)
        for name in _referred(spec.args):
            name = name if name in real else f"{name}{PUBLIC}"
            if name in real and isinstance(symbol, str):
                found.append((spec.name, (real[name], symbol)))
    return found


def made_up(yaml: str, ground: Ground) -> Stage:
    """On an invented market in the place of every real one, with the tick and lot of the draft's own: to see whether
    it loads and ticks at all. Raises CannotStage."""
    market = ground.market
    document = _paper(yaml, ground, _little(ground))
    symbols: dict[str, str] = {}
    for _, (component, symbol) in readings(yaml, ground):
        if symbols.setdefault(component, symbol) != symbol:
            raise CannotStage(f"The draft reads several markets of {component}, and an invented venue has one.")
    for name, node in document.tree["components"].items():
        if market is not None and str(node.get("id")).startswith(REAL):
            args = {
                "symbol": symbols.get(str(node["id"]), market.symbol),
                "anchor_price": market.tick_size * ANCHOR_TICKS,
                "tick_size": market.tick_size,
                "lot_size": market.lot_size,
            }
            document.tree["components"][name] = {"id": SIMULATED, "args": args}
    _keep_within(document, ground)
    return _checked(document, ground.registry, ManualClock())


def seen(yaml: str, ground: Ground, funding: Mapping[str, Decimal], books: Mapping[Place, SeenBook]) -> Stage:
    """On books of real venues as they were seen, for every market `places` names. Raises CannotStage."""
    document = _paper(yaml, ground, funding)
    more: dict[str, type] = {}
    for name, node in document.tree["components"].items():
        id = str(node.get("id"))
        if id.startswith(REAL):
            shown = [book for (component, _), book in books.items() if component == id]
            document.tree["components"][name] = {"id": f"{STILL}{name}"}
            more[f"{STILL}{name}"] = still(shown)
    _keep_within(document, ground, STILL)
    return _checked(document, ground.registry.with_components(more), ManualClock())


def recorded(yaml: str, ground: Ground, funding: Mapping[str, Decimal], recording: RecordingFacts) -> Stage:
    """On a recording of the pair, whichever venue it is of, from `skip_s` on. Raises CannotStage."""
    if ground.market is None:
        raise CannotStage("The draft has no market yet; choose one.")
    try:
        tick_size, lot_size = steps_of(open_recording(recording.path, ground.market.symbol))
    except (RecordingDamaged, OSError) as error:
        raise CannotStage(f"The recording cannot be played: {error}.") from None
    facts = {"tick_size": tick_size, "lot_size": lot_size, "min_size_base": None, "min_notional_quote": None}
    there = replace(ground, market=replace(ground.market, **facts))  # type: ignore[arg-type]
    document = _paper(yaml, there, funding, recording)
    tapes = [name for name, node in document.tree["components"].items() if node.get("id") == REPLAY]
    if len(tapes) > 1:
        raise CannotStage(f"The draft reads {len(tapes)} markets of this pair, and a recording holds one of them.")
    _keep_within(document, ground, REPLAY)
    return _checked(document, ground.registry, ReplayClock())


def price_of(path: str, symbol: str) -> Decimal | None:
    """Where a recording's price stands at its beginning; None when it does not tell or cannot be read."""
    try:
        recording = open_recording(path, symbol)
        for message in islice(recording.messages(), FIRST_MESSAGES):
            if isinstance(message, Snapshot) and message.bids and message.asks:
                return (max(price for price, _ in message.bids) + min(price for price, _ in message.asks)) / 2
            if isinstance(message, Top) and message.symbol == recording.symbol:
                return (message.bid + message.ask) / 2
    except (RecordingDamaged, OSError):
        return None
    return None


def _little(ground: Ground) -> dict[str, Decimal]:
    """A balance to build with, where what is held does not matter."""
    return {ground.market.base: FUNDED, ground.market.quote: FUNDED} if ground.market is not None else {}


def _paper(
    yaml: str, ground: Ground, funding: Mapping[str, Decimal], recording: RecordingFacts | None = None
) -> Document:
    """The deployment the draft would become, its outlets replaced by memory."""
    if ground.market is None:
        raise CannotStage("The draft has no market yet; choose one.")
    mode = Mode.PAPER if recording is None else Mode.REPLAY
    try:
        document = blueprint(
            yaml=yaml,
            mode=mode,
            market=ground.market,
            registry=ground.registry,
            funding=funding,
            recording=recording,
            filename="draft",
        )
    except (ConfigError, BlueprintError) as error:
        raise CannotStage(f"The draft would not run: {error}") from None
    for name, node in document.tree["components"].items():
        entry = ground.catalog.entries.get(str(node.get("id")))
        if entry is not None and Sink in entry.seams and not entry.id.startswith("exchanges."):
            document.tree["components"][name] = {"id": "sinks.memory"}
    return document


def _keep_within(document: Document, ground: Ground, *more: str) -> None:
    for name, node in document.tree["components"].items():
        id = str(node.get("id"))
        if id.startswith((*WITHIN, *more)) or id == "sinks.memory" or id not in ground.catalog.entries:
            continue
        raise CannotStage(f"{name} is {id}, which would reach out: it is not run here.")


def _checked(document: Document, registry: Registry, clock: ManualClock | ReplayClock) -> Stage:
    try:
        return Stage(config=check_config(document, registry=registry), registry=registry, clock=clock)
    except ConfigError as error:
        raise CannotStage(f"The draft would not run there: {error}") from None


def _referred(value: Any) -> Iterator[str]:
    """Names of the components an argument hands over."""
    if isinstance(value, Reference):
        yield value.name
    elif isinstance(value, list | tuple | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _referred(item)
