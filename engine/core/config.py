"""A whole service as one YAML file: `service`, `vars`, `components`, checked against the components' constructors.

Any argument may be `"@name"` of a component or a variable, in nested lists and maps too; text that really starts with
an at sign is written with two. Everything wrong with a file is reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from engine.core.fit import Unfit, check_bounds, fit_scalar, shown
from engine.core.params import Items, Kind, Parameter, SchemaError, Shape, lacks, parameters_of
from engine.core.plugins import BrokenComponent, Registry, UnknownComponent
from engine.core.problems import ConfigError, Path, Problem, did_you_mean
from engine.core.service import Service
from engine.core.yamltext import Document, Tree, dump_config, parse, parse_tree

__all__ = [
    "ComponentSpec",
    "Config",
    "ConfigError",
    "Document",
    "Problem",
    "Reference",
    "check_config",
    "dump_config",
    "load_config",
    "load_order",
    "parse",
    "parse_tree",
]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Reference:
    """Stands in an argument for the component of that name until the container puts the object there."""

    name: str


@dataclass(frozen=True, kw_only=True)
class ComponentSpec:
    """One component of the file. `args` are checked and exact; `needs` are the components it is given."""

    name: str
    id: str
    args: Mapping[str, Any]
    needs: tuple[str, ...]
    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class Config:
    """A file that can run. Components stand in the order of the file; `tree` is the file as plain values."""

    filename: str
    service: str
    components: Mapping[str, ComponentSpec]
    tree: Tree


def load_config(text: str, *, filename: str, registry: Registry) -> Config:
    """Read and check a service. Raises ConfigError with every problem found."""
    return check_config(parse(text, filename=filename), registry=registry)


def check_config(document: Document, *, registry: Registry) -> Config:
    """Check a service that has been read already. Raises ConfigError with every problem found."""
    if document.problems and document.tree is None:
        raise ConfigError(document.problems)
    try:
        config = _Reading(document, registry).config()
    except RecursionError:
        document.problem((), "components or variables refer to each other in too long a chain", "Shorten it")
    if document.problems:
        raise ConfigError(document.problems)
    return config


def load_order(needs: Mapping[str, tuple[str, ...]], *, first: Callable[[str], bool] = lambda name: False) -> list[str]:
    """Names so that each follows everything it needs; otherwise in the given order, those that are `first` before.

    `needs` must be free of circles.
    """
    order: list[str] = []
    placed: set[str] = set()

    def place(name: str) -> None:
        if name not in placed:
            placed.add(name)
            for needed in needs[name]:
                place(needed)
            order.append(name)

    for name in sorted(needs, key=lambda name: not first(name)):
        place(name)
    return order


@dataclass(frozen=True)
class _At:
    """An argument being checked: where it is used, where its value stands, and the variables that led there."""

    arg: Path
    value: Path
    via: tuple[str, ...] = ()

    def inner(self, key: str | int) -> _At:
        return replace(self, arg=(*self.arg, key), value=(*self.value, key))

    @property
    def field(self) -> str:
        """The argument's name, with the index inside lists and maps."""
        name, *rest = self.arg[3:]
        return str(name) + "".join(f"[{part}]" for part in rest)


class _Bad:
    """Stands for a value about which a problem has been noted."""


_BAD = _Bad()


@dataclass
class _Entry:
    """A component of the file on its way to a ComponentSpec. `cls` is None when the id leads nowhere."""

    id: str = ""
    args: dict[str, Tree] = field(default_factory=dict)
    cls: type | None = None
    parameters: tuple[Parameter, ...] | None = None
    fitted: dict[str, Any] = field(default_factory=dict)
    needs: dict[str, None] = field(default_factory=dict)


class _Reading:
    """One file being checked. Problems are noted in the document; a later step works with what is left."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self._document = document
        self._registry = registry
        self._note = document.problem
        self._variables: dict[str, Tree] = {}
        self._used: set[str] = set()
        self._entries: dict[str, _Entry] = {}

    def config(self) -> Config:
        tree = self._document.tree
        if not isinstance(tree, dict):
            self._note((), f"a service is a map of service, vars and components, was {shown(tree)}")
            tree = {}
        else:
            self._top_level(tree)
        for name, entry in self._entries.items():
            self._arguments(name, entry)
        self._circles()
        service = self._service(tree.get("service")) if "service" in tree else ""
        for name in self._variables:
            if name not in self._used:
                path: Path = ("vars", name)
                self._note(
                    path,
                    f'the variable "{name}" is never used',
                    f'Write "@{name}" where it belongs, or remove it',
                    place=self._document.key_place(path),
                )
        return Config(
            filename=self._document.filename,
            service=service,
            components=MappingProxyType({name: self._spec(name, entry) for name, entry in self._entries.items()}),
            tree=tree,
        )

    def _spec(self, name: str, entry: _Entry) -> ComponentSpec:
        line, column = self._document.key_place(("components", name))
        args = MappingProxyType(entry.fitted)
        return ComponentSpec(name=name, id=entry.id, args=args, needs=tuple(entry.needs), line=line, column=column)

    # The frame of the file

    def _top_level(self, tree: dict[str, Tree]) -> None:
        keys = ("service", "vars", "components")
        for key in tree:
            if key not in keys:
                place = self._document.key_place((key,))
                self._note((key,), f'the top-level key "{key}" is not known', did_you_mean(key, keys), place=place)
        if "service" not in tree:
            self._note((), "the file does not say which component is its service", 'Add service: "@name"')
        variables = tree.get("vars")
        if isinstance(variables, dict):
            self._variables = variables
        elif variables is not None:
            self._note(("vars",), f"vars must be a map of names to values, was {shown(variables)}")
        components = tree.get("components")
        if isinstance(components, dict) and components:
            for name, node in components.items():
                self._component(name, node)
        elif not components:
            place = self._document.key_place(("components",)) if "components" in tree else (1, 1)
            self._note((), "the file has no components", "Add components with an id each", place=place)
        else:
            self._note(("components",), f"components must be a map of names, was {shown(components)}")
        for name in self._variables:
            place = self._document.key_place(("vars", name))
            if name in self._entries:
                self._note(("vars", name), f'"{name}" is a variable and a component', "Rename one", place=place)
            elif not _NAME.fullmatch(name):
                self._note(("vars", name), f'"{name}" cannot be a name', "Use letters, digits, _ and -", place=place)

    def _component(self, name: str, node: Tree) -> None:
        path: Path = ("components", name)
        place = self._document.key_place(path)
        entry = self._entries[name] = _Entry()
        if not _NAME.fullmatch(name):
            self._note(path, f'"{name}" cannot be a name', "Use letters, digits, _ and -", place=place)
        if not isinstance(node, dict):
            self._note(path, f"a component is a map of id and args, was {shown(node)}", "Add an id", place=place)
            return
        for key in node:
            if key not in ("id", "args"):
                suggestion = did_you_mean(key, ("id", "args"))
                where = self._document.key_place((*path, key))
                self._note((*path, key), f'"{key}" is not known here; arguments go under args', suggestion, place=where)
        args = node.get("args")
        if isinstance(args, dict):
            entry.args = args
        elif args is not None:
            self._note((*path, "args"), f"args must be a map of names to values, was {shown(args)}")
        if not isinstance(node.get("id"), str):
            suggestion = "Add id: followed by a name from the catalog"
            self._note(path, f'the component "{name}" has no id', suggestion, place=place)
            return
        entry.id = node["id"]
        try:
            entry.cls = self._registry.get(entry.id)
            entry.parameters = parameters_of(entry.cls)
        except UnknownComponent as error:
            self._note((*path, "id"), str(error), error.suggestion)
        except (BrokenComponent, SchemaError) as error:
            self._note((*path, "id"), str(error))

    def _service(self, value: Tree) -> str:
        path: Path = ("service",)
        name = value[1:] if isinstance(value, str) and value.startswith("@") else None
        if name is None:
            if isinstance(value, str) and value in self._entries:
                self._note(path, "the service must be a reference", f'Write "@{value}"')
            else:
                self._note(path, f"the service must be a reference to a component, was {shown(value)}", 'Write "@name"')
            return ""
        if name not in self._entries:
            self._note(path, f'no component is called "{name}"', did_you_mean(name, self._entries, prefix="@"))
            return ""
        cls = self._entries[name].cls
        if cls is not None and (missing := lacks(cls, Service)):
            able = [other for other, entry in self._entries.items() if entry.cls and not lacks(entry.cls, Service)]
            suggestion = f'Did you mean "@{able[0]}"?' if able else "Name a component that can start, pause and halt"
            what = f'the component "{name}" ({self._entries[name].id}) cannot be the service'
            self._note(path, f"{what}: it lacks {', '.join(missing)}", suggestion)
        return name

    def _circles(self) -> None:
        done: set[str] = set()

        def follow(name: str, trail: tuple[str, ...]) -> None:
            if name in trail:
                circle = (*trail[trail.index(name) :], name)
                self._note(
                    ("components", name),
                    "components need each other in a circle: " + " → ".join(circle),
                    "Take one of these references out",
                    place=self._document.key_place(("components", name)),
                )
            elif name not in done:
                for needed in self._entries[name].needs:
                    follow(needed, (*trail, name))
                done.add(name)

        for name in self._entries:
            follow(name, ())

    # Arguments

    def _arguments(self, name: str, entry: _Entry) -> None:
        path: Path = ("components", name, "args")
        if entry.parameters is None:
            self._mark_used(entry.args)
            return
        known = {parameter.name: parameter for parameter in entry.parameters}
        for key, value in entry.args.items():
            here: Path = (*path, key)
            if key not in known:
                suggestion = did_you_mean(key, known) or ("" if known else "It takes no arguments")
                place = self._document.key_place(here)
                self._note(here, f'{entry.id} has no argument "{key}"', suggestion, place=place)
                self._mark_used(value)
                continue
            fitted = self._fit(known[key].shape, value, _At(here, here), entry)
            if fitted is not _BAD:
                entry.fitted[key] = fitted
        for parameter in entry.parameters:
            if parameter.required and parameter.name not in entry.args:
                place = self._document.key_place(path if entry.args else path[:2])
                what = f'{entry.id} needs the argument "{parameter.name}", {parameter.shape.in_words()}'
                self._note((*path, parameter.name), what, self._how_to_write(parameter), place=place)

    def _how_to_write(self, parameter: Parameter) -> str:
        example = "…"
        if parameter.kind is Kind.DECIMAL:
            example = '!decimal "…"'
        elif parameter.protocols:
            able = self._able(parameter.protocols)
            example = f'"@{able[0]}"' if able else '"@name"'
            example = f"[{example}]" if parameter.is_list else example
        return f"Add {parameter.name}: {example}" + (f" ({parameter.help})" if parameter.help else "")

    def _able(self, protocols: tuple[type, ...]) -> list[str]:
        """Components of the file that satisfy one of the protocols."""
        return [
            name
            for name, entry in self._entries.items()
            if entry.cls is not None and any(not lacks(entry.cls, protocol) for protocol in protocols)
        ]

    def _mark_used(self, value: Tree) -> None:
        """Count the variables of an argument nobody can check, so that one mistake is not reported as two."""
        if isinstance(value, str) and value[:1] == "@" and value[1:] in self._variables:
            if value[1:] not in self._used:
                self._used.add(value[1:])
                self._mark_used(self._variables[value[1:]])
        elif isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                self._mark_used(item)

    def _fit(self, shape: Shape, value: Tree, at: _At, entry: _Entry) -> Any:
        """The argument as the constructor wants it, or _BAD after noting why not."""
        if at.value in self._document.unreadable:
            return _BAD
        if isinstance(value, str) and value.startswith("@") and not value.startswith("@@"):
            return self._fit_reference(shape, value[1:], at, entry)
        if isinstance(value, str) and value.startswith("@@"):
            value = value[1:]
        if value is None and (shape.optional or shape.kind is Kind.ANY):
            return None
        if shape.kind is Kind.REFERENCE:
            able = self._able(shape.protocols)
            suggestion = f'Write "@{value}"' if isinstance(value, str) and value in self._entries else ""
            suggestion = suggestion or (f'Write "@{able[0]}"' if able else "")
            return self._refuse(at, f"{at.field} must be {shape.in_words()}, was {shown(value)}", suggestion)
        if isinstance(value, list) and shape.kind in (Kind.LIST, Kind.ANY):
            return self._fit_list(shape, value, at, entry)
        if isinstance(value, dict) and shape.kind in (Kind.MAP, Kind.ANY):
            return self._fit_map(shape, value, at, entry)
        try:
            return fit_scalar(shape, value, field=at.field)
        except Unfit as error:
            suggestion = error.suggestion
            if shape.kind is Kind.LIST and not isinstance(value, dict):
                suggestion = "Put it in a list: [ … ]"
            return self._refuse(at, str(error), suggestion)

    def _fit_list(self, shape: Shape, value: list[Tree], at: _At, entry: _Entry) -> Any:
        item = shape.item or shape
        fitted = [self._fit(item, inner, at.inner(index), entry) for index, inner in enumerate(value)]
        if not self._count_fits(shape, len(value), at) or any(inner is _BAD for inner in fitted):
            return _BAD
        return tuple(fitted) if shape.as_tuple else fitted

    def _fit_map(self, shape: Shape, value: dict[str, Tree], at: _At, entry: _Entry) -> Any:
        item = shape.item or shape
        fitted = {key: self._fit(item, inner, at.inner(key), entry) for key, inner in value.items()}
        if not self._count_fits(shape, len(value), at) or any(inner is _BAD for inner in fitted.values()):
            return _BAD
        return fitted

    def _count_fits(self, shape: Shape, count: int, at: _At) -> bool:
        try:
            check_bounds(shape.meta if isinstance(shape.meta, Items) else None, count, field=at.field)
        except Unfit as error:
            self._refuse(at, str(error), error.suggestion)
            return False
        return True

    def _fit_reference(self, shape: Shape, name: str, at: _At, entry: _Entry) -> Any:
        if name in self._variables:
            self._used.add(name)
            if name in at.via:
                circle = " → ".join((*at.via[at.via.index(name) :], name))
                return self._refuse(at, f"variables refer to each other in a circle: {circle}", "Give one a value")
            return self._fit(shape, self._variables[name], _At(at.arg, ("vars", name), (*at.via, name)), entry)
        if name not in self._entries:
            names = [*self._entries, *self._variables]
            what = f'no component or variable is called "{name}"'
            return self._refuse(at, what, did_you_mean(name, names, prefix="@"))
        other = self._entries[name]
        if shape.kind is Kind.REFERENCE and other.cls is not None:
            missing = [lacks(other.cls, protocol) for protocol in shape.protocols]
            if all(missing):
                what = f"{at.field} must be {shape.in_words()}, but @{name} ({other.id}) lacks {', '.join(missing[0])}"
                able = self._able(shape.protocols)
                return self._refuse(at, what, "These fit: " + ", ".join(f"@{one}" for one in able) if able else "")
        elif shape.kind not in (Kind.REFERENCE, Kind.ANY):
            what = f"{at.field} must be {shape.in_words()}, but @{name} is a component"
            suggestion = f'Put it in a list: ["@{name}"]' if shape.kind is Kind.LIST else ""
            return self._refuse(at, what, suggestion)
        entry.needs[name] = None
        return Reference(name)

    def _refuse(self, at: _At, message: str, suggestion: str = "") -> _Bad:
        if at.via:
            message += f" (from the variable {at.via[-1]})"
        self._note(at.arg, message, suggestion, place=self._document.place(at.value))
        return _BAD
