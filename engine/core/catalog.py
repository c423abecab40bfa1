"""The building blocks this installation has, read from the components themselves.

Pages, the terminal and examples all read `Catalog`. It imports every component once; one that cannot be used is listed
with its reason and takes nothing else down.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any

from engine.core.params import Items, Parameter, SchemaError, Shape, Text, lacks, parameters_of
from engine.core.plugins import BrokenComponent, Registry
from engine.core.service import Service
from engine.metrics.base import Sink

OURS = "mmplatform"
"""Our own distribution. What comes from another one says so."""

IMPLICIT: tuple[type, ...] = (Service, Sink)
"""What no parameter asks for: `service:` names the one, the container finds the others by themselves."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A shelf of the catalog: ids that begin with one of the prefixes."""

    name: str
    about: str = ""
    prefixes: tuple[str, ...]


FAMILIES = (
    Family(
        name="Exchanges",
        about="Where orders go and where public market data comes from.",
        prefixes=("exchanges",),
    ),
    Family(
        name="Prices",
        about="What the reference price is, how old it is and where it is from.",
        prefixes=("prices",),
    ),
    Family(name="Market making", about="What to quote: the service and its strategies.", prefixes=("marketmaking",)),
    Family(
        name="Modifiers",
        about="What changes about the quotes a strategy wants.",
        prefixes=("marketmaking.modifiers",),
    ),
    Family(name="Executors", about="How quotes become orders, or do not.", prefixes=("marketmaking.executors",)),
    Family(name="Execution", about="Orders worked over time, and inventory taken back.", prefixes=("execution",)),
    Family(name="Arbitrage", about="Two markets at once.", prefixes=("arbitrage",)),
    Family(
        name="Risk",
        about="What may never be sent, and what is held against the venue's word.",
        prefixes=("risk", "reconcile", "dead_mans_switch"),
    ),
    Family(name="Kill switches", about="When to stop until a person resets it.", prefixes=("killswitches",)),
    Family(name="Listeners", about="What is heard from a venue.", prefixes=("listeners",)),
    Family(name="Metrics", about="What is measured.", prefixes=("metrics",)),
    Family(name="Sinks", about="Where events go.", prefixes=("sinks",)),
    Family(
        name="Shared parts",
        about="What others stand on.",
        prefixes=("service", "http", "limits", "chain", "wallet", "clock", "recorder"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One component."""

    id: str
    cls: type
    parameters: tuple[Parameter, ...]
    package: str
    """The installed distribution and its version: "mmplatform 0.1.0". Empty for a class handed over directly."""
    seams: tuple[type, ...] = ()
    """The protocols it satisfies, among those that somebody asks for."""

    @property
    def is_plugin(self) -> bool:
        return bool(self.package) and self.package.split()[0] != OURS

    @property
    def target(self) -> str:
        return f"{self.cls.__module__}:{self.cls.__qualname__}"

    @property
    def help(self) -> str:
        return inspect.cleandoc(self.cls.__doc__ or "")

    @property
    def summary(self) -> str:
        return first_sentence(self.help)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """An id that is installed and cannot be used, and why."""

    id: str
    package: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Use:
    """One component may be given to a parameter of another."""

    id: str
    parameter: str


@dataclass(frozen=True, kw_only=True)
class Shelf:
    family: Family
    entries: tuple[Entry, ...]
    broken: tuple[Broken, ...]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    entries: Mapping[str, Entry]
    broken: Mapping[str, Broken] = field(default_factory=dict)

    @classmethod
    def of(cls, registry: Registry) -> Catalog:
        """Every component of the registry. Imports them all."""
        usable: dict[str, tuple[type, tuple[Parameter, ...]]] = {}
        broken: dict[str, Broken] = {}
        for id in registry.ids():
            try:
                component = registry.get(id)
                usable[id] = component, parameters_of(component)
            except (BrokenComponent, SchemaError) as error:
                broken[id] = Broken(id=id, package=_package(registry, id), reason=str(error))
        wanted = {
            *IMPLICIT,
            *(one for _, parameters in usable.values() for each in parameters for one in each.protocols),
        }
        seams = sorted(wanted, key=lambda seam: seam.__name__)
        return cls(
            entries={
                id: Entry(
                    id=id,
                    cls=component,
                    parameters=parameters,
                    package=_package(registry, id),
                    seams=tuple(seam for seam in seams if not lacks(component, seam)),
                )
                for id, (component, parameters) in usable.items()
            },
            broken=broken,
        )

    @cached_property
    def shelves(self) -> tuple[Shelf, ...]:
        """The families that have something on them: ours in the order an order passes them, then others by name."""
        shelves: dict[str, tuple[Family, list[Entry], list[Broken]]] = {}
        for id in (*self.entries, *self.broken):
            family = family_of(id)
            _, entries, broken = shelves.setdefault(family.name, (family, [], []))
            if id in self.entries:
                entries.append(self.entries[id])
            else:
                broken.append(self.broken[id])
        known = [family.name for family in FAMILIES]
        order = sorted(shelves, key=lambda name: (known.index(name) if name in known else len(known), name))
        return tuple(
            Shelf(family=family, entries=tuple(entries), broken=tuple(broken))
            for family, entries, broken in (shelves[name] for name in order)
        )

    def compatible(self, protocols: Sequence[type]) -> list[Entry]:
        """The components a parameter of these protocols takes."""
        return [entry for entry in self.entries.values() if any(seam in entry.seams for seam in protocols)]

    def uses(self, id: str) -> list[Use]:
        """Every parameter of every component that takes this one."""
        seams = self.entries[id].seams
        return [
            Use(id=user.id, parameter=parameter.name)
            for user in self.entries.values()
            for parameter in user.parameters
            if any(protocol in seams for protocol in parameter.protocols)
        ]


def family_of(id: str) -> Family:
    """The family with the longest fitting prefix; ids of none of ours make one by their first word."""
    fitting = [
        (prefix, family)
        for family in FAMILIES
        for prefix in family.prefixes
        if id == prefix or id.startswith(f"{prefix}.")
    ]
    if fitting:
        return max(fitting, key=lambda fit: len(fit[0]))[1]
    first = id.split(".", 1)[0]
    return Family(name=first.replace("_", " ").capitalize(), prefixes=(first,))


def first_sentence(text: str) -> str:
    """Of the first paragraph, on one line."""
    paragraph = " ".join(text.split("\n\n", 1)[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", paragraph, maxsplit=1)[0]


def parameter_help(parameter: Parameter) -> str:
    """Its help; a reference without any is explained by what it refers to."""
    own = parameter.help
    return own or " ".join(first_sentence(inspect.cleandoc(one.__doc__ or "")) for one in parameter.protocols).strip()


def bounds_in_words(shape: Shape) -> str:
    """'more than 0, at most 50', 'at least 1 item; each more than 0', 'a market such as BTC/USDT', or empty."""
    words = []
    if shape.meta is not None:
        words = [f"{name} {bound}" for name, bound in shape.meta.bounds()]
        if words and isinstance(shape.meta, Items):
            words[-1] += " item" if shape.meta.bounds()[-1][1] == 1 else " items"
        if isinstance(shape.meta, Text) and shape.meta.pattern:
            words.append(shape.meta.shape or f"matches {shape.meta.pattern}")
    inner = bounds_in_words(shape.item) if shape.item else ""
    return "; ".join(filter(None, (", ".join(words), f"each {inner}" if inner else "")))


def default_in_words(parameter: Parameter) -> str:
    """'10', 'BTC/USDT', 'none'; empty for what has no default."""
    return "" if parameter.required else value_in_words(parameter.default)


def value_in_words(value: Any) -> str:
    match value:
        case None | "" | () | []:
            return "none"
        case bool():
            return "true" if value else "false"
        case Enum():
            return str(value.value)
        case Decimal():
            return f"{value:f}"
        case str() | int() | float():
            return str(value)
        case Mapping():
            return ", ".join(f"{key}: {value_in_words(item)}" for key, item in value.items()) or "none"
        case Sequence():
            return ", ".join(map(value_in_words, value))
    return type(value).__name__


def kind_in_words(parameter: Parameter) -> str:
    """'exact decimal number', 'one of major, mid, thin', 'list (reference to PriceProvider each)'."""
    return re.sub(r"\b(?:a|an) ", "", parameter.shape.in_words())


def _package(registry: Registry, id: str) -> str:
    point = registry.point(id)
    return f"{point.dist.name} {point.dist.version}" if point and point.dist else ""
