"""For every component of a catalog the smallest service file that uses it, built from the constructors alone.

Each required parameter gets a plausible value inside its bounds, each reference the simplest compatible component,
and so on downwards; upwards the shortest way from the component to a service. What cannot be guessed is said by the
parameter itself: `example=` in its metadata.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from math import inf
from typing import Any

from engine.core.catalog import Catalog, Entry, Use
from engine.core.errors import EngineError
from engine.core.params import (
    Asset,
    Bps,
    Count,
    Factor,
    Items,
    Kind,
    Meta,
    Millis,
    Money,
    Parameter,
    PathText,
    Percent,
    PerSecond,
    Price,
    Seconds,
    Shape,
    Share,
    Size,
    Symbol,
    Text,
)
from engine.core.service import Service
from engine.core.yamltext import Tree, dump_config

PLAIN = {
    "exchanges.paper": 1,
    "exchanges.simulated": 1,
    "killswitches.inventory": 1,
    "killswitches.loss": 2,
    "marketmaking": 1,
    "marketmaking.executors.live": 1,
    "marketmaking.inventory_spread": 2,
    "marketmaking.ladder": 1,
    "prices.last": 2,
    "prices.mid": 1,
    "risk.guard": 1,
    "service.heartbeat": 1,
}
"""Examples are built of these where they fit, the lowest first; everything else counts 10. So whoever pastes an example
and runs it trades on a simulated market, on paper."""

SYMBOL = "BTC/USDT"

TYPICAL: tuple[tuple[type[Meta], Decimal], ...] = (
    (Bps, Decimal(10)),
    (Percent, Decimal(1)),
    (Share, Decimal("0.5")),
    (Factor, Decimal(1)),
    (Size, Decimal("0.002")),
    (Money, Decimal(1000)),
    (Price, Decimal(50000)),
    (Count, Decimal(3)),
    (Seconds, Decimal(5)),
    (Millis, Decimal(1000)),
    (PerSecond, Decimal(5)),
    (Meta, Decimal(1)),
)
"""Per meaning a value that one would write for such a market: an order of 0.002 at 50000 is worth 100."""


_Used = dict[tuple[type, ...], set[str]]
"""Whom a component was given already, by what was asked for: two venues it asks for are two."""


class NoExample(EngineError):
    """No file can be made up for a component. The message says what its author has to add."""


class Examples:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._cost = _costs(catalog)

    def text(self, id: str) -> str:
        """The file as YAML. Raises NoExample."""
        head = f"# The smallest service with {id}.\n# To check and run it: ./mm engine FILE.yaml [--check]\n"
        return head + dump_config(self.tree(id))

    def tree(self, id: str) -> Tree:
        """The file as plain values: the component with its defaults written out, so that they can be changed in place,
        and no more than it needs around it."""
        if self._cost[id] == inf:
            raise NoExample(f"{id} needs {', '.join(self._unmet(id))}, and no component of this catalog will do")
        file = _File(self._catalog, self._cost)
        way = self._way_to_a_service(id)
        name = file.add(self._catalog.entries[id], spell_out=True)
        for use in way or ():
            name = file.add(self._catalog.entries[use.id], given=(use.parameter, name))
        if way is None:  # nobody asks for it, as for a sink: it stands beside a service
            services = self._catalog.compatible([Service])
            if not services:
                raise NoExample(f"{id} is no service, and there is none in this catalog to show it with")
            name = file.add(min(services, key=lambda entry: (self._cost[entry.id], entry.id)))
        return {
            "service": f"@{name}",
            **({"vars": {"symbol": SYMBOL}} if file.names_the_symbol else {}),
            "components": file.components,
        }

    def _way_to_a_service(self, id: str) -> list[Use] | None:
        """The fewest users from this component up to a service, the cheapest of those; None when none leads there."""
        ways: deque[list[Use]] = deque([[]])
        seen = {id}
        found: list[list[Use]] = []
        while ways:
            way = ways.popleft()
            if found and len(way) > len(found[0]):
                break
            last = way[-1].id if way else id
            if Service in self._catalog.entries[last].seams:
                found.append(way)
                continue
            for use in self._catalog.uses(last):
                if use.id not in seen and self._cost[use.id] < inf:
                    seen.add(use.id)
                    ways.append([*way, use])
        return min(
            found, key=lambda way: (sum(self._cost[use.id] for use in way), [use.id for use in way]), default=None
        )

    def _unmet(self, id: str) -> Iterable[str]:
        for parameter in self._catalog.entries[id].parameters:
            if _must_refer(parameter) and not _finite(self._catalog.compatible(parameter.protocols), self._cost):
                yield f"{parameter.name} ({parameter.shape.in_words()})"


class _File:
    """A service file in the making. A component stands after everything it needs."""

    def __init__(self, catalog: Catalog, cost: Mapping[str, float]) -> None:
        self.components: dict[str, Tree] = {}
        self.names_the_symbol = False
        self._catalog = catalog
        self._cost = cost
        self._on_the_way: set[str] = set()
        """Names of the component shown and of what leads from it to the service: they serve wherever they fit."""

    def add(self, entry: Entry, *, given: tuple[str, str] | None = None, spell_out: bool = False) -> str:
        """Put a component and all it needs into the file; returns its name. `given` is a parameter and whom it gets."""
        args: dict[str, Tree] = {}
        used: _Used = {}
        if given:
            used[next(each for each in entry.parameters if each.name == given[0]).protocols] = {given[1]}
        for parameter in entry.parameters:
            first = given[1] if given and given[0] == parameter.name else ""
            shown = spell_out and parameter.shape.meta is not None and parameter.shape.meta.example is not None
            if first or parameter.required or shown:
                args[parameter.name] = self._value(parameter.name, parameter.shape, entry.id, used, first)
            elif spell_out and _is_writable(parameter):
                args[parameter.name] = self._symbol() if _is_symbol(parameter.shape) else _written(parameter.default)
        name = self._free_name(entry.id)
        self.components[name] = {"id": entry.id, **({"args": args} if args else {})}
        if spell_out or given:
            self._on_the_way.add(name)
        return name

    def _value(self, name: str, shape: Shape, id: str, used: _Used, first: str = "") -> Tree:
        """What to write for one parameter; `first` is the component that has to be in it."""
        meta = shape.meta
        if shape.kind is Kind.REFERENCE:
            return f"@{first or self._reference(name, shape, id, used)}"
        if meta is not None and meta.example is not None:
            return _exact(shape, meta.example)
        if shape.kind in (Kind.LIST, Kind.MAP) and shape.item is not None:
            items = [self._value(name, shape.item, id, used, first)]
            items += [
                self._value(name, shape.item, id, used) for _ in range(_count(shape, several=1 if first else 2) - 1)
            ]
            return items if shape.kind is Kind.LIST else {f"part_{n}": item for n, item in enumerate(items, 1)}
        if _is_symbol(shape):
            return self._symbol()
        return _plausible(name, shape, id)

    def _reference(self, name: str, shape: Shape, id: str, used: _Used) -> str:
        """A component of the file, or a new one: the simplest that fits, one not yet used by this component first."""
        fitting = _finite(self._catalog.compatible(shape.protocols), self._cost)
        wish = shape.meta.example if shape.meta else None
        if wish is not None:
            fitting = [entry for entry in fitting if entry.id == wish]
            if not fitting:
                raise NoExample(f'{id}: the example of "{name}" is {wish}, which is not {shape.in_words()}')
        here = used.setdefault(shape.protocols, set())
        taken = {self.components[other]["id"] for other in here}
        chosen = min(fitting, key=lambda entry: (entry.id in taken, self._cost[entry.id], entry.id))
        ids = {entry.id for entry in fitting}
        for other, component in self.components.items():
            at_hand = component["id"] == chosen.id or (other in self._on_the_way and component["id"] in ids)
            if at_hand and other not in here:
                break
        else:
            other = self.add(chosen)
        here.add(other)
        return other

    def _symbol(self) -> str:
        self.names_the_symbol = True
        return "@symbol"

    def _free_name(self, id: str) -> str:
        """The last word of the id: prices.mid is called mid, a second one mid_2."""
        last = re.sub(r"\W", "_", id.rsplit(".", 1)[-1])
        wanted = last if re.match("[A-Za-z_]", last) and last != "symbol" else f"the_{last}"
        name, number = wanted, 1
        while name in self.components:
            number += 1
            name = f"{wanted}_{number}"
        return name


def _costs(catalog: Catalog) -> dict[str, float]:
    """How much file a component brings with it: itself and all it needs. Without end: inf."""
    own = {id: float(PLAIN.get(id, 10)) for id in catalog.entries}
    cost = dict.fromkeys(catalog.entries, inf)
    needs = {
        entry.id: [
            (catalog.compatible(parameter.protocols), _count(parameter.shape) if parameter.shape.item else 1)
            for parameter in entry.parameters
            if _must_refer(parameter)
        ]
        for entry in catalog.entries.values()
    }
    while True:
        now = {
            id: own[id]
            + sum(min((cost[one.id] for one in fitting), default=inf) * count for fitting, count in needs[id])
            for id in cost
        }
        if now == cost:
            return cost
        cost = now


def _must_refer(parameter: Parameter) -> bool:
    return parameter.required and parameter.is_reference


def _finite(entries: Iterable[Entry], cost: Mapping[str, float]) -> list[Entry]:
    return [entry for entry in entries if cost[entry.id] < inf]


def _count(shape: Shape, several: int = 2) -> int:
    """How many items a list or map shows: as few as it may hold, but of components two, since lists are there to choose
    between several or to combine them."""
    bounds = dict(shape.meta.bounds()) if isinstance(shape.meta, Items) else {}
    wanted = Decimal(several if shape.item is not None and shape.item.kind is Kind.REFERENCE else 1)
    return int(max(bounds.get("at least", 0), min(wanted, bounds.get("at most", wanted))))


def _is_symbol(shape: Shape) -> bool:
    return shape.kind is Kind.TEXT and isinstance(shape.meta, Symbol) and shape.meta.example is None


def _is_writable(parameter: Parameter) -> bool:
    """Whether the default says something in a file: references and empty things do not."""
    empty = parameter.default is None or parameter.default == "" or parameter.default in ((), [], {})
    return not empty and not parameter.is_reference and parameter.kind is not Kind.ANY


def _written(value: Any) -> Tree:
    """A default as one would write it; a whole amount needs no !decimal."""
    match value:
        case Enum():
            return _written(value.value)
        case Decimal() if value == int(value):
            return int(value)
        case str() if value.startswith("@"):
            return f"@{value}"
        case Mapping():
            return {str(key): _written(item) for key, item in value.items()}
        case list() | tuple():
            return [_written(item) for item in value]
    return value


def _plausible(name: str, shape: Shape, id: str) -> Tree:
    match shape.kind:
        case Kind.CHOICE:
            return _written(next(iter(shape.choices.values())))
        case Kind.FLAG:
            return False
        case Kind.DECIMAL | Kind.INTEGER | Kind.FLOAT:
            return _exact(shape, _number(name, shape, id))
        case Kind.TEXT:
            return _words(name, shape, id)
        case Kind.ANY:
            return None
    raise NoExample(f'{id}: nothing can be made up for "{name}"; give its metadata example=')


def _number(name: str, shape: Shape, id: str) -> Decimal:
    """The typical value of its meaning, or the nearest thing that its bounds allow."""
    meta = shape.meta or Meta()
    typical = next(value for meaning, value in TYPICAL if isinstance(meta, meaning))
    low = max((bound for words, bound in meta.bounds() if words in ("more than", "at least")), default=None)
    high = min((bound for words, bound in meta.bounds() if words in ("less than", "at most")), default=None)
    candidates = [typical]
    if high is not None and typical >= high:
        candidates += [high, (high + (low or 0)) / 2, high - 1]
    elif low is not None:
        candidates += [low, low * 2, low + 1, (low + high) / 2 if high is not None else low]
    for value in candidates:
        if meta.accepts(value) and (shape.kind is not Kind.INTEGER or value == int(value)):
            return value
    raise NoExample(f'{id}: no value for "{name}" comes to mind that is {meta.in_words()}; give its metadata example=')


def _words(name: str, shape: Shape, id: str) -> str:
    if isinstance(shape.meta, Asset):
        return SYMBOL.split("/")[1]
    if isinstance(shape.meta, PathText):
        return f"{name}.txt"
    if isinstance(shape.meta, Text) and shape.meta.pattern and not re.fullmatch(shape.meta.pattern, name):
        raise NoExample(f'{id}: "{name}" must be {shape.meta.shape or shape.meta.pattern}; give its metadata example=')
    return name


def _exact(shape: Shape, value: Any) -> Tree:
    """An example as the kind of number it is for."""
    match shape.kind:
        case Kind.LIST if shape.item is not None:
            return [_exact(shape.item, item) for item in value]
        case Kind.MAP if shape.item is not None:
            return {str(key): _exact(shape.item, item) for key, item in value.items()}
        case Kind.DECIMAL:
            return _written(Decimal(value))
        case Kind.INTEGER:
            return int(value)
        case Kind.FLOAT:
            return float(value)
    return _written(value)
