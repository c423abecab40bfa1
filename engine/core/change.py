"""What may change while a service runs: parameters whose component reads them each time, and nothing else.

A component says so by `live=True` in a parameter's metadata. Its constructor remembers the value under the parameter's
own name and derives nothing from it, so that setting the attribute between two ticks is the whole change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.core.catalog import value_in_words
from engine.core.config import ComponentSpec, Config
from engine.core.errors import EngineError
from engine.core.params import Parameter, lacks, parameters_of
from engine.core.plugins import Registry
from engine.core.service import Ticks


class NeedsRestart(EngineError):
    """Two configurations differ in more than may change while a service runs. The message says in what."""


@dataclass(frozen=True, kw_only=True)
class LiveChange:
    """One parameter of a running component. Values are as a constructor takes them."""

    component: str
    parameter: str
    old: Any
    new: Any
    unit: str = ""

    def in_words(self) -> str:
        """'spread.base_spread_bps 20 → 12 bps'."""
        old, new = value_in_words(self.old), value_in_words(self.new)
        return f"{self.component}.{self.parameter} {old} → {new} {self.unit}".rstrip()


def live_changes(old: Config, new: Config, registry: Registry) -> tuple[LiveChange, ...]:
    """What leads from one configuration to the other without a restart; empty when both mean the same.

    Raises NeedsRestart when anything else differs: components, what they are given, a parameter that is not live.
    """
    if old.service != new.service:
        raise NeedsRestart(f"the service is {new.service} instead of {old.service}")
    for name in (*old.components, *new.components):
        if name not in new.components:
            raise NeedsRestart(f"the component {name} is gone")
        if name not in old.components:
            raise NeedsRestart(f"the component {name} is new")
    changes = tuple(
        change for name, spec in new.components.items() for change in _changes_of(old.components[name], spec, registry)
    )
    service = new.components[new.service].id
    if changes and lacks(registry.get(service), Ticks):
        raise NeedsRestart(f"{service} does not say when it is between two ticks")
    return changes


def _changes_of(old: ComponentSpec, new: ComponentSpec, registry: Registry) -> Iterator[LiveChange]:
    if old.id != new.id:
        raise NeedsRestart(f"{new.name} is {new.id} instead of {old.id}")
    for parameter in parameters_of(registry.get(new.id)):
        was, now = _value(old.args, parameter), _value(new.args, parameter)
        if was == now:
            continue
        if not parameter.live:
            raise NeedsRestart(f"{new.name}.{parameter.name} cannot be changed while the service runs")
        yield LiveChange(component=new.name, parameter=parameter.name, old=was, new=now, unit=parameter.unit)


def _value(args: Mapping[str, Any], parameter: Parameter) -> Any:
    return args.get(parameter.name, parameter.default)
