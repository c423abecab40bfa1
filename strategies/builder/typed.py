"""One value as it stands in a form's field, and back, without loss.

    field      value                          field      value
    (empty)    left out: the default applies  null       nothing, said explicitly
    0.0015     Decimal("0.0015")              @mid       the component or variable of that name
    true       True                           "null"     the text null: quotes, as in JSON, keep text text

What cannot be read as its parameter wants stays the text that was typed: checking the configuration says what is wrong.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Final

from engine.core.config import ConfigError, dump_config, parse_tree
from engine.core.params import Kind, Shape

Tree = Any


class _Absent(Enum):
    ABSENT = auto()


ABSENT: Final = _Absent.ABSENT
"""An argument that is not written: its default applies."""

ANYTHING = Shape(kind=Kind.ANY)
"""What nothing is known about: an unknown argument, a variable that is used nowhere."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,4000}", re.ASCII)
_NESTED = (Kind.LIST, Kind.MAP, Kind.ANY)


def show(shape: Shape, value: Tree) -> str:
    """The value as its field shows it. `read` gives it back: exactly, if it is of the kind its parameter asks for."""
    match value:
        case _Absent.ABSENT:
            return ""
        case dict() | list():
            return dump_config(value).strip()
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return value if _stands_for_itself(shape, value) else json.dumps(value, ensure_ascii=_is_broken(value))
        case Decimal() if shape.kind is Kind.ANY and _WHOLE.fullmatch(str(value)):
            return dump_config(value).strip()
        case float() if shape.kind is Kind.ANY:
            return f"!!float {value!r}"
    return str(value)


def read(shape: Shape, text: str) -> Tree:
    """What was typed, as the configuration writes it: ABSENT for nothing, an exact number where one is wanted."""
    text = text.strip()
    if not text:
        return ABSENT
    if text == "null":
        return None
    if text.startswith("@"):
        return text
    if text.startswith('"') and (quoted := _quoted(text)) is not None:
        return quoted
    if text.startswith("!decimal") and isinstance(number := _yaml(text), Decimal):
        return number
    if shape.kind in _NESTED and text[0] in "[{":
        return _yaml(text, otherwise=text)
    match shape.kind:
        case Kind.FLAG if text in ("true", "false"):
            return text == "true"
        case Kind.DECIMAL if _NUMBER.fullmatch(text):
            return _exact(text)
        case Kind.INTEGER if _NUMBER.fullmatch(text):
            return int(text) if _WHOLE.fullmatch(text) else _exact(text)
        case Kind.FLOAT if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        case Kind.ANY if _NUMBER.fullmatch(text):
            return int(text) if _WHOLE.fullmatch(text) else _exact(text)
        case Kind.ANY:
            return _yaml(text, otherwise=text)
    return text


def _stands_for_itself(shape: Shape, text: str) -> bool:
    """Whether a field with this text is read as this text, and a browser sends it as it is."""
    if any(character < " " for character in text) or _is_broken(text):
        return False
    again = read(shape, text)
    return type(again) is str and again == text


def _is_broken(text: str) -> bool:
    """Half a surrogate pair: no encoding carries it."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _quoted(text: str) -> str | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _exact(text: str) -> Tree:
    """The number, or the text itself where it is beyond what a Decimal can hold."""
    try:
        return Decimal(text)
    except ArithmeticError:
        return text


def _yaml(text: str, otherwise: Tree = None) -> Tree:
    try:
        return parse_tree(text)
    except ConfigError:
        return otherwise
