"""A configuration laid out as a form: a card for every component, a field for every argument, each with its place.

The fields come from the constructors, so a new component has a form the day it is written. Nothing of the text is lost
by looking at it: what no constructor knows gets a field too, and whatever cannot be shown in a field stays in the text.
Comments are the one thing a form does not carry; the block at the head of the file stays, others go when a field is
changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from engine.core.catalog import Entry, bounds_in_words, default_in_words, kind_in_words, parameter_help
from engine.core.params import Kind, Parameter, Shape
from engine.core.problems import Path, Problem
from strategies.builder.typed import ABSENT, Tree, show

ADD = "+"
"""Before an id, in a drop-down of references: a new component of that id, made on the spot."""


class Control(StrEnum):
    TEXT = "text"
    LONG = "long"
    SELECT = "select"
    LIST = "list"
    MAP = "map"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One line of a drop-down. `note` says why it is there although it does not fit."""

    value: str
    label: str
    group: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One argument, one item of a list or map, or one variable."""

    path: Path
    label: str
    shape: Shape
    value: Tree = ABSENT
    parameter: Parameter | None = None
    """None for items, variables, and arguments no constructor knows."""
    is_known: bool = True
    is_given: bool = False
    """The market's record gives it, whatever is written."""
    line: int = 0
    """Where its value stands in the text; 0 where nothing is written."""
    items: tuple[Field, ...] = ()
    options: tuple[Option, ...] = ()
    """Of a drop-down; of a list or map of references those of its next item."""
    problems: tuple[Problem, ...] = ()

    @property
    def text(self) -> str:
        return show(self.shape, self.value)

    @property
    def key(self) -> str:
        return key_of(self.path)

    @property
    def id(self) -> str:
        return id_of(self.path)

    @property
    def is_written(self) -> bool:
        return self.value is not ABSENT

    @property
    def control(self) -> Control:
        held_apart = self.is_written and not isinstance(self.value, str)
        if self.shape.kind is Kind.LIST and (isinstance(self.value, list) or not self.is_written):
            return Control.LIST
        if self.shape.kind is Kind.MAP and (isinstance(self.value, dict) or not self.is_written):
            return Control.MAP
        if isinstance(self.value, dict | list) or (self.shape.kind is Kind.ANY and held_apart and "\n" in self.text):
            return Control.LONG
        return Control.SELECT if self.shape.kind in (Kind.REFERENCE, Kind.CHOICE, Kind.FLAG) else Control.TEXT

    @property
    def is_required(self) -> bool:
        return self.parameter is not None and self.parameter.required and not self.is_given

    @property
    def is_live(self) -> bool:
        return self.parameter is not None and self.parameter.live

    @property
    def help(self) -> str:
        return parameter_help(self.parameter) if self.parameter else ""

    @property
    def unit(self) -> str:
        if self.parameter:
            return self.parameter.unit
        meta = self.shape.meta
        return meta.unit if meta and self.shape.kind not in (Kind.LIST, Kind.MAP) else ""

    @property
    def allowed(self) -> str:
        """'exact decimal number, more than 0'"""
        if self.parameter is None:
            return ""
        return ", ".join(filter(None, (kind_in_words(self.parameter), bounds_in_words(self.shape))))

    @property
    def default(self) -> str:
        """What applies while nothing is written."""
        if self.is_given:
            return "from the market"
        return default_in_words(self.parameter) if self.parameter else ""

    @property
    def takes_keys(self) -> bool:
        return self.control is Control.MAP

    def everything(self) -> Iterator[Field]:
        yield self
        for item in self.items:
            yield from item.everything()


@dataclass(frozen=True, kw_only=True)
class Card:
    """One component. `entry` is None where its id leads nowhere; then its arguments are fields of no known shape."""

    name: str
    component: str
    """Its id, such as prices.mid."""
    entry: Entry | None
    fields: tuple[Field, ...]
    line: int
    is_service: bool = False
    can_serve: bool = False
    problems: tuple[Problem, ...] = ()
    """Those that no field of it has."""

    @property
    def path(self) -> Path:
        return ("components", self.name)

    @property
    def id(self) -> str:
        return id_of(self.path)

    @property
    def main(self) -> list[Field]:
        """What is written, required or wrong: what one looks at first."""
        return [each for each in self.fields if each.is_written or each.is_required or _is_wrong(each)]

    @property
    def more(self) -> list[Field]:
        """The rest, at its defaults."""
        main = set(map(id, self.main))
        return [each for each in self.fields if id(each) not in main]

    @property
    def is_wrong(self) -> bool:
        return bool(self.problems) or any(map(_is_wrong, self.fields))


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A problem and the field it is about; `target` is empty where only the text can mend it."""

    problem: Problem
    target: str


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A text as a form. Without a `tree` it cannot be read, and the form waits until it can."""

    text: str
    tree: dict[str, Tree] | None
    variables: tuple[Field, ...] = ()
    cards: tuple[Card, ...] = ()
    service: str = ""
    problems: tuple[Problem, ...] = ()
    marks: tuple[Mark, ...] = field(default=())

    @property
    def is_readable(self) -> bool:
        return self.tree is not None

    @property
    def is_valid(self) -> bool:
        return not self.problems and bool(self.cards)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Every field by its key, items of lists and maps among them."""
        own = [each for card in self.cards for each in card.fields]
        return {each.key: each for one in (*self.variables, *own) for each in one.everything()}

    def posted(self) -> dict[str, str]:
        """What a browser sends for this form: the text of every field that has one."""
        return {
            key: each.text
            for key, each in self.fields.items()
            if each.is_written and (not isinstance(each.value, list | dict) or not each.items)
        }

    @property
    def has_comments(self) -> bool:
        """Whether the text holds comments that a change in the form would drop."""
        body = self.text[len(head_of(self.text)) :]
        return any(line.lstrip().startswith("#") or " #" in line for line in body.splitlines())


def key_of(path: Path) -> str:
    """The name of a field in a form: JSON, so that any name survives it."""
    return json.dumps(path)


def path_of(key: str) -> Path:
    """The path of a form's field. Raises ValueError for what is none."""
    path = json.loads(key)
    if not isinstance(path, list) or not path or not all(type(part) in (str, int) for part in path):
        raise ValueError(f"{key[:80]} is not the name of a field")
    return tuple(path)


def id_of(path: Path) -> str:
    """The id of a field on the page."""
    return "f-" + "-".join("".join(ch if ch.isalnum() or ch in "_-" else "." for ch in str(part)) for part in path)


def head_of(text: str) -> str:
    """The block of comments a file begins with."""
    lines = []
    for line in text.splitlines(keepends=True):
        if not line.startswith("#"):
            break
        lines.append(line)
    return "".join(lines)


def _is_wrong(each: Field) -> bool:
    return any(one.problems for one in each.everything())
