"""What changed from one configuration to another, argument by argument, as it would be in effect.

Variables are looked through and defaults filled in: what reads differently and means the same is no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from engine.core.catalog import Catalog, value_in_words
from engine.core.config import parse
from engine.core.params import Parameter
from strategies.builder.limits import is_guarding, is_loosened
from strategies.builder.reading import parts_of, variables_of
from strategies.builder.typed import Tree


@dataclass(frozen=True, kw_only=True)
class Change:
    """One line of a difference. Without an argument the whole component came or went."""

    component: str
    id: str
    argument: str = ""
    old: str = ""
    new: str = ""
    unit: str = ""
    loosened: bool = False
    live: bool = False

    @property
    def is_added(self) -> bool:
        return not self.argument and not self.old

    @property
    def is_removed(self) -> bool:
        return not self.argument and not self.new


@dataclass(frozen=True, kw_only=True)
class _Part:
    id: str
    args: Mapping[str, Tree]
    parameters: Mapping[str, Parameter]


def differences(old: str, new: str, catalog: Catalog) -> list[Change]:
    """From the old text to the new one, loosened limits first, then in the order of the new text."""
    before, after = _in_effect(old, catalog), _in_effect(new, catalog)
    changes = []
    if (was := _service(old)) != (now := _service(new)):
        changes.append(Change(component="service", id="", argument="service", old=was, new=now))
    for name, part in after.items():
        if name not in before:
            changes.append(Change(component=name, id=part.id, new=part.id))
        elif before[name].id != part.id:
            gone = is_guarding(before[name].id)
            changes.append(
                Change(component=name, id=part.id, argument="id", old=before[name].id, new=part.id, loosened=gone)
            )
        if name in before:
            changes += _arguments(name, before[name], part)
    changes += [
        Change(component=name, id=part.id, old=part.id, loosened=is_guarding(part.id))
        for name, part in before.items()
        if name not in after
    ]
    return sorted(changes, key=lambda change: not change.loosened)


def _arguments(name: str, before: _Part, after: _Part) -> list[Change]:
    changes = []
    for argument in dict.fromkeys((*after.args, *before.args)):
        was, now = before.args.get(argument), after.args.get(argument)
        if was == now and isinstance(was, bool) == isinstance(now, bool):
            continue
        parameter = after.parameters.get(argument) or before.parameters.get(argument)
        loosened = is_loosened(after.id, argument, was, now) or _stands_down(after.id, was, now)
        changes.append(
            Change(
                component=name,
                id=after.id,
                argument=argument,
                old=value_in_words(was),
                new=value_in_words(now),
                unit=parameter.unit if parameter else "",
                loosened=loosened,
                live=parameter.live if parameter else False,
            )
        )
    return changes


def _stands_down(component: str, was: Tree, now: Tree) -> bool:
    """A switch taken out of those that are asked, or a dead man's switch no longer wound up."""
    if isinstance(was, list):
        return is_guarding(component) and not set(map(str, was)) <= set(map(str, now if isinstance(now, list) else ()))
    return False


def _in_effect(text: str, catalog: Catalog) -> dict[str, _Part]:
    tree = parse(text, filename="it").tree
    if not isinstance(tree, dict):
        return {}
    variables = variables_of(tree)
    parts = {}
    for name, node in parts_of(tree).items():
        component = str(node.get("id", ""))
        entry = catalog.entries.get(component)
        parameters = {each.name: each for each in entry.parameters} if entry else {}
        args = {key: _plain(each.default) for key, each in parameters.items() if not each.required}
        written = node.get("args")
        for key, value in written.items() if isinstance(written, dict) else ():
            args[key] = _looked_through(value, variables)
        parts[name] = _Part(id=component, args=args, parameters=parameters)
    return parts


def _service(text: str) -> str:
    tree = parse(text, filename="it").tree
    return str(tree.get("service", "")) if isinstance(tree, dict) else ""


def _looked_through(value: Tree, variables: Mapping[str, Tree], depth: int = 0) -> Tree:
    if isinstance(value, str) and value[:1] == "@" and value[1:] in variables and depth <= len(variables):
        return _looked_through(variables[value[1:]], variables, depth + 1)
    if isinstance(value, dict):
        return {key: _looked_through(item, variables, depth) for key, item in value.items()}
    return [_looked_through(item, variables, depth) for item in value] if isinstance(value, list) else value


def _plain(default: Any) -> Tree:
    """A default as a text would have written it."""
    match default:
        case Enum():
            return default.value
        case str() | Decimal() | int() | float() | None:
            return default
        case Mapping():
            return {str(key): _plain(value) for key, value in default.items()}
        case list() | tuple():
            return [_plain(value) for value in default]
    return default
