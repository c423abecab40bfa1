"""Who is given to whom, as a drawing: the service on the left, what it stands on towards the right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strategies.builder.sheet import Sheet
from strategies.builder.typed import Tree

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 116, 24, 34, 8, 4
"""Of a box and of the room between boxes, in units of the drawing."""


@dataclass(frozen=True, kw_only=True)
class Box:
    name: str
    component: str
    target: str
    x: int
    y: int
    is_service: bool
    is_wrong: bool
    is_loose: bool
    """Nobody refers to it, and it is not the service: a sink, or something forgotten."""

    @property
    def label(self) -> str:
        return self.name if len(self.name) <= 17 else f"{self.name[:16]}…"


@dataclass(frozen=True, kw_only=True)
class Wire:
    path: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Wiring:
    width: int
    height: int
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


def wiring_of(sheet: Sheet) -> Wiring:
    """Boxes in columns by their distance from the service, each column in the order that keeps wires short."""
    variables = {each.path[1]: each.value for each in sheet.variables}
    uses = {
        card.name: list(
            dict.fromkeys(
                (each.label, name)
                for each in card.fields
                for name in _referred(each.value, variables)
                if name != card.name
            )
        )
        for card in sheet.cards
    }
    names = set(uses)
    needs = {name: [other for _, other in used if other in names] for name, used in uses.items()}
    column = _columns(needs, sheet.service)
    places: dict[str, tuple[int, int]] = {}
    rows: dict[int, list[str]] = {}
    for name in uses:
        rows.setdefault(column[name], []).append(name)
    for number in sorted(rows):
        users = {name: [u for u in needs if name in needs[u] and u in places] for name in rows[number]}
        order = sorted(
            rows[number],
            key=lambda name: (
                sum(places[user][1] for user in users[name]) / len(users[name]) if users[name] else float("inf")
            ),
        )
        for row, name in enumerate(order):
            places[name] = (MARGIN + number * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y))
    used = {other for others in needs.values() for other in others}
    boxes = tuple(
        Box(
            name=card.name,
            component=card.component,
            target=card.id,
            x=places[card.name][0],
            y=places[card.name][1],
            is_service=card.is_service,
            is_wrong=card.is_wrong,
            is_loose=card.name not in used and not card.is_service,
        )
        for card in sheet.cards
    )
    wires = tuple(
        Wire(path=_curve(places[name], places[other]), label=f"{name}.{label} = {other}")
        for name, used_by in uses.items()
        for label, other in used_by
        if other in names
    )
    return Wiring(
        width=max((box.x for box in boxes), default=0) + WIDTH + MARGIN,
        height=max((box.y for box in boxes), default=0) + HEIGHT + MARGIN,
        boxes=boxes,
        wires=wires,
    )


def _referred(value: Tree, variables: Mapping[object, Tree], seen: frozenset[str] = frozenset()) -> list[str]:
    """Names of what a value refers to, variables looked through."""
    if isinstance(value, str):
        name = value[1:] if value[:1] == "@" and value[:2] != "@@" else ""
        if name in variables and name not in seen:
            return _referred(variables[name], variables, seen | {name})
        return [name] if name else []
    if isinstance(value, list | dict):
        items = value.values() if isinstance(value, dict) else value
        return [name for item in items for name in _referred(item, variables, seen)]
    return []


def _columns(needs: Mapping[str, list[str]], service: str) -> dict[str, int]:
    """The longest way from the service to each; what it does not reach stands beside it."""
    column: dict[str, int] = dict.fromkeys(needs, 0)

    def place(name: str, depth: int, trail: tuple[str, ...]) -> None:
        if name in trail or len(trail) > len(needs):
            return
        column[name] = max(column[name], depth)
        for other in needs[name]:
            if column[other] <= depth:
                place(other, depth + 1, (*trail, name))

    used = {other for others in needs.values() for other in others}
    for name in needs:
        if name == service or name not in used:
            place(name, 0, ())
    return column


def _curve(user: tuple[int, int], part: tuple[int, int]) -> str:
    """From the right edge of the user to the left edge of what it uses."""
    x1, y1 = user[0] + WIDTH, user[1] + HEIGHT // 2
    x2, y2 = part[0], part[1] + HEIGHT // 2
    bend = max(GAP_X, abs(x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
