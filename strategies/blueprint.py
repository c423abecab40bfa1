"""From a revision to what runs: one approved configuration, unchanged, in every mode.

A revision names the venue itself. What the mode and the market of a deployment add is laid over it here:

    paper     the venue becomes a public source, and an account on paper takes its name
    replay    the same, and the public source is a recording
    shadow    the executor becomes the one that sends nothing
    live      the venue opens the deployment's account; every other venue of the file stays without one
    share     less than one, as of a canary: every executor sends that part of what it would have sent
    always    facts of the market (tick, lot, fees) and the sinks of a host
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.core.config import ConfigError, Document, parse
from engine.core.decimals import ONE, WIDE
from engine.core.errors import EngineError
from engine.core.params import Kind, parameters_of
from engine.core.plugins import BrokenComponent, Registry, UnknownComponent
from strategies.choices import Mode

PAPER = "exchanges.paper"
REPLAY = "exchanges.replay"
PUBLIC = "_public"
"""Behind a venue's name: its public data, where an account on paper takes the name itself."""
GROUP = "service.group"
SENDING = ("marketmaking.executors.live", "marketmaking.executors.canary", "marketmaking.executors.paper")
DRY_RUN = "marketmaking.executors.dry_run"
SHARE = "share"
DEAD_MANS_SWITCH = "dead_mans_switch"
ACCOUNT = "account"
"""The argument of a venue that names whose orders; the runtime hands over what opens it."""
SINKS = {"record": "sinks.postgres", "screen": "sinks.live"}
"""The outlets every host opens, under the names they get in the configuration."""

Tree = dict[str, Any]


class BlueprintError(EngineError):
    """This revision cannot run on this market in this mode. The message is a sentence with the remedy."""


@dataclass(frozen=True, kw_only=True)
class MarketFacts:
    """What the market's record says; `args` are the venue component's own (decimals as strings)."""

    component: str
    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_size_base: Decimal | None = None
    min_notional_quote: Decimal | None = None
    maker_fee_bps: Decimal = Decimal(0)
    taker_fee_bps: Decimal = Decimal(0)
    args: Mapping[str, Any] = field(default_factory=dict)
    endpoint_override: str = ""
    """Where the venue is reached instead, for sandboxes and proxies."""
    changed_at: datetime | None = None
    """When a fact of it was last seen to change: whoever read the venue's markets before then reads them again."""

    def facts(self) -> dict[str, Any]:
        """The facts a public source may ask for, by the names of its parameters."""
        facts = {
            "tick_size": self.tick_size,
            "lot_size": self.lot_size,
            "min_size_base": self.min_size_base,
            "min_notional_quote": self.min_notional_quote,
            "maker_fee_bps": self.maker_fee_bps,
            "taker_fee_bps": self.taker_fee_bps,
        }
        return {name: value for name, value in facts.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class RecordingFacts:
    """The recording a replay runs on; `speed` is a multiple of real time, or "max"."""

    path: str
    speed: str = "max"
    skip_s: Decimal = Decimal(0)
    """How much of its beginning is passed over."""


def blueprint(
    *,
    yaml: str,
    mode: Mode | str,
    market: MarketFacts,
    registry: Registry,
    funding: Mapping[str, Decimal] | None = None,
    recording: RecordingFacts | None = None,
    account: str = "",
    share: Decimal = ONE,
    filename: str = "revision",
) -> Document:
    """The configuration to run, for `engine.core.config.check_config`; its places are those in the revision's text.

    funding: opening balances by asset, for the modes that trade on paper
    account: the name of the one that trades, for live
    share: the part of every size that is really sent
    Raises ConfigError when the text is not a configuration, BlueprintError when it does not fit market or mode.
    """
    mode = Mode(mode)
    document = parse(yaml, filename=filename)
    if document.problems:
        raise ConfigError(document.problems)
    tree = document.tree
    components = _components(tree)
    _refuse_group(tree, components)
    traded = _traded(tree, components, market, any_venue=mode is Mode.REPLAY)
    laid: Tree = {}
    for name, spec in components.items():
        if name in traded and mode is Mode.SHADOW:
            laid[name] = _public(spec, market, registry)
        elif name in traded and mode is Mode.LIVE:
            laid[name] = _live(name, spec, market, registry, account)
        elif name in traded:
            source = f"{name}{PUBLIC}"
            if source in components:
                raise BlueprintError(
                    f"The component {source} stands in the way: {name} trades on paper, and its public data take "
                    "that name; call it something else."
                )
            laid[source] = (
                _replayed(spec, market, recording) if mode is Mode.REPLAY else _public(spec, market, registry)
            )
            laid[name] = _paper(spec, source, market, funding or {})
        elif spec.get("id") == DEAD_MANS_SWITCH and mode is Mode.SHADOW:
            continue  # nothing is sent, so there is nothing to clear
        elif spec.get("id") in SENDING and mode is Mode.SHADOW:
            args = spec.get("args") or {}
            shown = {"exchange": args.get("exchange", args.get("market")), "symbol": args.get("symbol")}
            laid[name] = {"id": DRY_RUN, "args": {key: value for key, value in shown.items() if value is not None}}
        else:
            laid[name] = _keyless(spec)
    if share != ONE:
        _reduce(laid, tree, share)
    used = {spec.get("id") for spec in laid.values() if isinstance(spec, dict)}
    for name, sink in SINKS.items():
        if sink not in used:
            laid[_free(name, laid, tree.get("vars") or {})] = {"id": sink}
    document.tree = {**tree, "components": laid}
    return document


def _reduce(laid: Tree, tree: Tree, share: Decimal) -> None:
    """Have every executor send a part of what it would have sent; in shadow nothing is sent at all."""
    executors = [name for name, spec in laid.items() if spec.get("id") in SENDING]
    if not executors and not any(spec.get("id") == DRY_RUN for spec in laid.values()):
        raise BlueprintError(
            f"A canary sends a part of every size, and the revision has no executor that can: {', '.join(SENDING)}."
        )
    variables = tree.get("vars") or {}
    for name in executors:
        args = _args(laid[name])
        written = _value(args.get(SHARE, ONE), variables)
        if isinstance(written, Decimal | int):  # else reading the result says what it is, with its place
            laid[name] = {**laid[name], "args": {**args, SHARE: WIDE.multiply(written, share)}}
    _drop_unused(tree, laid)


def _drop_unused(tree: Tree, laid: Tree) -> None:
    """A variable that was only named where something else stands now would be pointed out as a mistake."""
    variables = tree.get("vars") or {}
    before, after = _named([tree.get("components"), variables]), _named([laid, variables])
    if gone := before - after:
        tree["vars"] = {name: value for name, value in variables.items() if name not in gone}


def _named(value: Any) -> set[str]:
    """Every name that is referred to somewhere in a tree."""
    if isinstance(value, str):
        return {value[1:]} if value.startswith("@") else set()
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {name for item in items for name in _named(item)}


def _components(tree: Any) -> Tree:
    components = tree.get("components") if isinstance(tree, dict) else None
    if not isinstance(components, dict) or not all(isinstance(spec, dict) for spec in components.values()):
        raise BlueprintError("The configuration has no map of components; a service is service, vars and components.")
    for name, spec in components.items():
        if spec.get("id") in (PAPER, REPLAY):
            raise BlueprintError(
                f"The component {name} is {spec['id']}, which a deployment's mode brings; name the venue itself."
            )
    return components


def _refuse_group(tree: Tree, components: Tree) -> None:
    """A deployment's position, samples and leftovers are those of one market; a group's would be mixed up."""
    service = components.get(str(tree.get("service", "")).removeprefix("@"), {})
    if service.get("id") == GROUP:
        raise BlueprintError(
            "A deployment is one service on one market, and the service of this revision is a group of several: "
            "give each a deployment of its own. A group runs from a file, with ./mm engine."
        )


def _traded(tree: Tree, components: Tree, market: MarketFacts, *, any_venue: bool) -> list[str]:
    """Names of the venue components that stand for the deployment's market. Others are public data and stay."""
    variables = tree.get("vars") or {}
    venues = {name: spec for name, spec in components.items() if str(spec.get("id", "")).startswith("exchanges.")}
    ours = [
        name
        for name, spec in venues.items()
        if (any_venue or spec["id"] == market.component)
        and _value((spec.get("args") or {}).get("symbol"), variables) in (None, market.symbol)
    ]
    if not ours:
        there = ", ".join(f"{name} ({spec['id']})" for name, spec in venues.items()) or "no venue at all"
        raise BlueprintError(
            f"No component of the revision trades {market.symbol} by {market.component}; it has {there}."
        )
    return ours


def _value(value: Any, variables: Mapping[str, Any]) -> Any:
    """The value itself, or what the variable it names holds."""
    for _ in range(len(variables) + 1):
        if not (isinstance(value, str) and value.startswith("@") and value[1:] in variables):
            return value
        value = variables[value[1:]]
    return value


def _public(spec: Tree, market: MarketFacts, registry: Registry) -> Tree:
    """The venue's public data, with what the market's record knows of it. The record wins: a fact has one home."""
    args = _args(_keyless(spec))
    try:
        kinds = {parameter.name: parameter.kind for parameter in parameters_of(registry.get(spec["id"]))}
    except (UnknownComponent, BrokenComponent):
        return spec  # reading the result says so, with its place
    args.update({name: value for name, value in market.facts().items() if name in kinds})
    args.update({name: _typed(name, value, kinds.get(name)) for name, value in market.args.items()})
    if "symbol" in kinds:
        args.setdefault("symbol", market.symbol)
    if market.endpoint_override and "endpoint_override" in kinds:
        args["endpoint_override"] = market.endpoint_override
    if market.changed_at is not None and "markets_as_of" in kinds:
        args["markets_as_of"] = f"{market.changed_at:%Y-%m-%dT%H:%M:%SZ}"
    return {"id": spec["id"], "args": args}


def _live(name: str, spec: Tree, market: MarketFacts, registry: Registry, account: str) -> Tree:
    """The venue with the deployment's account. The record wins: which account trades is decided with the deployment."""
    laid = _public(spec, market, registry)
    try:
        takes_account = ACCOUNT in {parameter.name for parameter in parameters_of(registry.get(spec["id"]))}
    except (UnknownComponent, BrokenComponent):
        return laid  # reading the result says so, with its place
    if not takes_account:
        raise BlueprintError(f"{name} is {spec['id']}, which opens no account, so nothing trades live there.")
    if not account:
        raise BlueprintError("Trading live needs an account; choose one that holds a key.")
    laid["args"][ACCOUNT] = account
    return laid


def _keyless(spec: Tree) -> Tree:
    """A venue as public data alone, whatever account the file names."""
    args = _args(spec)
    if not str(spec.get("id", "")).startswith("exchanges.") or ACCOUNT not in args:
        return spec
    return {**spec, "args": {key: value for key, value in args.items() if key != ACCOUNT}}


def _args(spec: Tree) -> Tree:
    return dict(spec.get("args") or {})


def _typed(name: str, value: Any, kind: Kind | None) -> Any:
    if kind is not Kind.DECIMAL or value is None:
        return value
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise BlueprintError(f"The market's argument {name} must be a decimal number, was {value!r}.") from None


def _replayed(spec: Tree, market: MarketFacts, recording: RecordingFacts | None) -> Tree:
    if recording is None:
        raise BlueprintError("A replay needs a recording; choose one.")
    args: Tree = {"path": recording.path, "symbol": (spec.get("args") or {}).get("symbol", market.symbol)}
    if recording.skip_s:
        args["skip_s"] = recording.skip_s
    if recording.speed != "max":
        try:
            args["speed"] = Decimal(recording.speed)
        except InvalidOperation:
            raise BlueprintError(
                f'The speed of a replay is a multiple of real time or "max", was {recording.speed!r}.'
            ) from None
    return {"id": REPLAY, "args": {**args, **market.facts()}}


def _paper(spec: Tree, source: str, market: MarketFacts, funding: Mapping[str, Decimal]) -> Tree:
    missing = [asset for asset in (market.base, market.quote) if asset not in funding]
    if missing:
        raise BlueprintError(f"Trading {market.symbol} on paper needs an opening balance of {' and '.join(missing)}.")
    return {
        "id": PAPER,
        "args": {
            "market": f"@{source}",
            "symbol": (spec.get("args") or {}).get("symbol", market.symbol),
            "base_balance": funding[market.base],
            "quote_balance": funding[market.quote],
        },
    }


def _free(name: str, components: Tree, variables: Tree) -> str:
    while name in components or name in variables:
        name = f"host_{name}"
    return name
