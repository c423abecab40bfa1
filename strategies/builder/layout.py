"""A text laid out as a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.core.config import Document, parse
from engine.core.params import Kind, Parameter, Shape
from engine.core.problems import Path, Problem, spell
from engine.core.service import Service
from strategies.blueprint import PUBLIC
from strategies.builder.ground import Ground
from strategies.builder.reading import parts_of, variable_shapes, variables_of
from strategies.builder.sheet import ADD, Card, Field, Mark, Option, Sheet
from strategies.builder.trial import troubles
from strategies.builder.typed import ABSENT, ANYTHING, Tree, show


def sheet_of(text: str, ground: Ground, *, filename: str = "draft") -> Sheet:
    """Lay a text out as a form, with everything that is wrong about it."""
    document = parse(text, filename=filename)
    if document.problems or not isinstance(document.tree, dict | None):
        if not document.problems:
            document.problem((), "a service is a map of service, vars and components", 'Begin with service: "@name"')
        problems = tuple(document.problems)
        return Sheet(text=text, tree=None, problems=problems, marks=tuple(Mark(problem=p, target="") for p in problems))
    return _Layout(text, document.tree or {}, document, ground).sheet()


class _Layout:
    def __init__(self, text: str, tree: dict[str, Tree], document: Document, ground: Ground) -> None:
        self._text = text
        self._tree = tree
        self._document = document
        self._ground = ground
        self._problems = (ground.problems(document, text) or troubles(text, ground)) if tree else ()
        self._components = parts_of(tree)
        self._variables = variables_of(tree)

    def sheet(self) -> Sheet:
        shapes = variable_shapes(self._tree, self._ground.catalog)
        variables = tuple(
            self._field(("vars", name), name, shapes.get(name, ANYTHING), value)
            for name, value in self._variables.items()
        )
        cards = tuple(self._card(name, node) for name, node in self._components.items())
        service = self._tree.get("service")
        sheet = Sheet(
            text=self._text,
            tree=self._tree,
            variables=variables,
            cards=cards,
            service=service.removeprefix("@") if isinstance(service, str) else "",
            problems=self._problems,
        )
        return replace(sheet, marks=tuple(Mark(problem=each, target=target_of(sheet, each)) for each in self._problems))

    def _card(self, name: str, node: Mapping[str, Tree]) -> Card:
        path: Path = ("components", name)
        component = node.get("id") if isinstance(node.get("id"), str) else ""
        entry = self._ground.catalog.entries.get(component)
        args = node.get("args") if isinstance(node.get("args"), dict) else {}
        known = {parameter.name: parameter for parameter in entry.parameters} if entry else {}
        given = self._ground.laid_over(component)
        fields = [
            replace(
                self._field((*path, "args", key), key, each.shape, args.get(key, ABSENT), parameter=each, owner=name),
                is_given=key in given,
            )
            for key, each in known.items()
        ]
        fields += [
            self._field((*path, "args", key), key, ANYTHING, value, is_known=False)
            for key, value in args.items()
            if key not in known
        ]
        return Card(
            name=name,
            component=component,
            entry=entry,
            fields=tuple(fields),
            line=self._document.key_place(path)[0],
            is_service=self._tree.get("service") == f"@{name}",
            can_serve=entry is not None and Service in entry.seams,
            problems=self._problems_at(path, "id", "args"),
        )

    def _field(
        self,
        path: Path,
        label: str,
        shape: Shape,
        value: Tree,
        *,
        parameter: Parameter | None = None,
        is_known: bool = True,
        owner: str = "",
    ) -> Field:
        items: tuple[Field, ...] = ()
        inner = shape.item or ANYTHING
        if shape.kind is Kind.LIST and isinstance(value, list):
            items = tuple(self._field((*path, n), str(n + 1), inner, v, owner=owner) for n, v in enumerate(value))
        elif shape.kind is Kind.MAP and isinstance(value, dict):
            items = tuple(self._field((*path, key), key, inner, v, owner=owner) for key, v in value.items())
        return Field(
            path=path,
            label=label,
            shape=shape,
            value=value,
            parameter=parameter,
            is_known=is_known,
            line=self._document.key_place(path)[0] if value is not ABSENT else 0,
            items=items,
            options=self._options(shape, value, owner),
            problems=self._problems_at(path),
        )

    def _problems_at(self, path: Path, *beside: str) -> tuple[Problem, ...]:
        here = {spell(path), *(spell((*path, key)) for key in beside)}
        return tuple(problem for problem in self._problems if problem.path in here)

    # What a drop-down offers

    def _options(self, shape: Shape, value: Tree, owner: str) -> tuple[Option, ...]:
        inner = shape.item if shape.kind in (Kind.LIST, Kind.MAP) and shape.item else shape
        match inner.kind:
            case Kind.FLAG:
                offered = [Option(value="true", label="true"), Option(value="false", label="false")]
            case Kind.CHOICE:
                offered = [Option(value=each, label=each) for each in inner.choices]
            case Kind.REFERENCE:
                offered = self._references(inner.protocols, owner)
            case _:
                return ()
        if inner.kind is not Kind.REFERENCE:
            offered += [
                Option(value=f"@{name}", label=f"@{name}", group="Variables")
                for name, held in self._variables.items()
                if not isinstance(held, dict | list)
            ]
        text = show(shape, value)
        if inner is shape and text and text not in {option.value for option in offered}:
            offered.insert(0, Option(value=text, label=text, note="does not fit"))
        return tuple(offered)

    def _references(self, protocols: tuple[type, ...], owner: str) -> list[Option]:
        """Compatible components of the file, variables that hold one, and what could be added to it."""
        fitting = [name for name in self._components if name != owner and self._fits(name, protocols)]
        offered = [
            Option(value=f"@{name}", label=f"{name}  ({self._components[name]['id']})", group="Here")
            for name in fitting
        ]
        offered += [
            Option(value=f"@{name}", label=f"{name} = {held}", group="Variables")
            for name, held in self._variables.items()
            if isinstance(held, str) and held[:1] == "@" and held[1:] in fitting
        ]
        return offered + [
            Option(value=f"{ADD}{entry.id}", label=entry.id, group="Add a new one")
            for entry in self._ground.compatible(protocols)
            if not self._ground.is_another_venue(entry.id)
        ]

    def _fits(self, name: str, protocols: tuple[type, ...]) -> bool:
        return self._ground.fits(str(self._components[name].get("id")), protocols)


def target_of(sheet: Sheet, problem: Problem) -> str:
    """The id on the page of the field or card a problem is about, or of the nearest thing around it."""
    spelled = {spell(each.path): each.id for each in sheet.fields.values()}
    spelled |= {spell((*card.path, *rest)): card.id for card in sheet.cards for rest in ((), ("id",), ("args",))}
    if problem.path == "service" or "does not say which component is its service" in problem.message:
        return "service"
    path = problem.path.replace(PUBLIC, "", 1)
    while path:
        if path in spelled:
            return spelled[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return ""
