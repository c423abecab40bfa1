"""Ids to classes, through Python packaging entry points.

A package adds building blocks with lines of its own under the group `mmplatform.components`:

    "prices.mid" = "engine.prices.mid:MidPrice"

An id that ends in `.*` names a *family*: its target builds a class for any suffix, such as `exchanges.ccxt.*` for every
venue id of a library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

from engine.core.errors import EngineError
from engine.core.problems import did_you_mean

GROUP = "mmplatform.components"


@runtime_checkable
class Family(Protocol):
    """Many components behind one entry point. A class with these as class methods serves as well as an instance."""

    def suffixes(self) -> Iterable[str]:
        """Every suffix there is, for the catalog and for suggestions."""
        ...

    def component(self, suffix: str) -> type:
        """The component class for one suffix. Raises KeyError when there is none."""
        ...


class UnknownComponent(EngineError):
    """No installed package offers this id. `suggestion` says what may have been meant."""

    def __init__(self, id: str, suggestion: str) -> None:
        super().__init__(f'no component is called "{id}"')
        self.suggestion = suggestion


class BrokenComponent(EngineError):
    """The id is known, but its code cannot be used: a mistake of the component's author or of the installation."""


Target = type | Family | EntryPoint | BrokenComponent
"""What an id leads to. Entry points are imported when first asked for; a broken target says why nobody can use it."""


class Registry:
    """Every component id this installation knows. Code is imported when an id is first asked for."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = dict(targets)
        self._classes: dict[str, type] = {}

    @classmethod
    def installed(cls) -> Registry:
        """What the installed packages offer. An id that two of them claim is broken, whichever came first."""
        claims: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=GROUP):
            known = claims.setdefault(point.name, [])
            if all(point.value != other.value for other in known):
                known.append(point)
        return cls({id: points[0] if len(points) == 1 else _clash(id, points) for id, points in claims.items()})

    def with_components(self, more: Mapping[str, type | Family]) -> Registry:
        """A registry that knows these as well; they win over ids of the same name."""
        return Registry({**self._targets, **more})

    def get(self, id: str) -> type:
        """The class behind an id. Raises UnknownComponent or BrokenComponent."""
        if id not in self._classes:
            self._classes[id] = self._find(id)
        return self._classes[id]

    def __contains__(self, id: str) -> bool:
        return id in self._targets or any(id in self._family_ids(name) for name in self._families_of(id))

    def ids(self) -> list[str]:
        """Every id by name, families spelled out. Imports the families, nothing else.

        A family that cannot be imported stands there under its own name, `venues.*`; `get` says why.
        """
        ids = {name for name in self._targets if not name.endswith(".*")}
        for name in self._targets:
            if name.endswith(".*"):
                try:
                    ids.update(self._family_ids(name))
                except BrokenComponent:
                    ids.add(name)
        return sorted(ids)

    def point(self, id: str) -> EntryPoint | None:
        """The packaging entry point behind an id, which knows its package; None for a class handed over directly."""
        for name in (id, *self._families_of(id)):
            target = self._targets.get(name)
            if target is not None:
                return target if isinstance(target, EntryPoint) else None
        return None

    def _find(self, id: str) -> type:
        if id in self._targets and not id.endswith(".*"):
            target = _resolve(id, self._targets[id])
            if not isinstance(target, type):
                raise BrokenComponent(f'the component "{id}" is {target!r}, which is not a class')
            return target
        for name in self._families_of(id):
            family = self._family(name)
            try:
                return family.component(id.removeprefix(name[:-1]))
            except KeyError:
                continue
        raise UnknownComponent(id, did_you_mean(id, self.ids()))

    def _families_of(self, id: str) -> list[str]:
        """Families the id may belong to, the most specific first."""
        names = [name for name in self._targets if name.endswith(".*") and id.startswith(name[:-1])]
        return sorted(names, key=len, reverse=True)

    def _family(self, name: str) -> Family:
        target = _resolve(name, self._targets[name])
        if not isinstance(target, Family):
            raise BrokenComponent(f'the family "{name}" is {target!r}, which lacks suffixes() or component()')
        return target

    def _family_ids(self, name: str) -> list[str]:
        return [name[:-1] + suffix for suffix in self._family(name).suffixes()]


def _resolve(id: str, target: Target) -> object:
    if isinstance(target, BrokenComponent):
        raise target.with_traceback(None)  # one object, raised each time it is asked for
    if not isinstance(target, EntryPoint):
        return target
    try:
        return target.load()
    except Exception as error:  # the edge to other people's packages: a module may raise anything while it is imported
        kind = "" if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: "
        raise BrokenComponent(
            f'the component "{id}" of {_package(target)} cannot be imported from {target.value}: {kind}{error}'
        ) from error


def _clash(id: str, points: list[EntryPoint]) -> BrokenComponent:
    claims = " and by ".join(f"{point.value} ({_package(point)})" for point in points)
    return BrokenComponent(f'the component id "{id}" is claimed by {claims}; uninstall one of them')


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown package"
