"""One plain value against the shape a parameter asks for. Config files and web forms share these rules and words."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from engine.core.errors import EngineError
from engine.core.params import Kind, Meta, Shape, Text
from engine.core.problems import did_you_mean


class Unfit(EngineError):
    """The value cannot be used. The message names field, value and what is allowed; `suggestion` is the remedy."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.suggestion = suggestion


def fit_scalar(shape: Shape, value: Any, *, field: str) -> Any:
    """The value as the constructor wants it: a whole number becomes an exact Decimal, an option its enum member.

    Lists, maps and references are walked by the caller, who also decides about None. Raises Unfit.
    """
    match shape.kind:
        case Kind.DECIMAL:
            fitted: Any = _decimal(value, field)
        case Kind.INTEGER:
            fitted = _integer(value, field)
        case Kind.FLOAT:
            fitted = _float(value, field)
        case Kind.FLAG:
            return _flag(value, field)
        case Kind.TEXT:
            return _text(shape.meta, value, field)
        case Kind.CHOICE:
            return _choice(shape, value, field)
        case Kind.ANY:
            return value
        case _:
            raise Unfit(f"{field} must be {shape.in_words()}, was {shown(value)}")
    check_bounds(shape.meta, fitted, field=field)
    return fitted


def check_bounds(meta: Meta | None, value: Decimal | int | float, *, field: str) -> None:
    """Raises Unfit unless the value lies within the bounds of its meaning."""
    if meta is None or meta.accepts(value):
        return
    suggestion = ""
    for words, bound in meta.bounds():
        if words == "more than" and value <= bound:
            suggestion = f"Choose a value above {bound}"
        elif words == "at least" and value < bound:
            suggestion = f"The smallest allowed value is {bound}"
        elif words == "less than" and value >= bound:
            suggestion = f"Choose a value below {bound}"
        elif words == "at most" and value > bound:
            suggestion = f"The largest allowed value is {bound}"
    raise Unfit(f"{field} must be {meta.in_words()}, was {value}", suggestion)


def shown(value: Any) -> str:
    """A value as an error names it: the text "5", the float 0.5, a list of 3."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case str():
            return f'the text "{value if len(value) <= 60 else value[:57] + "..."}"'
        case Decimal():
            return f"the decimal {value}"
        case float():
            return f"the float {value}"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"a map of {len(value)}"
    return str(value)


def _decimal(value: Any, field: str) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    suggestion = 'Write !decimal "0.0015"'
    if isinstance(value, float) or (isinstance(value, str) and re.fullmatch(r"[+-]?\d*\.?\d+", value.strip())):
        suggestion = f'Write !decimal "{str(value).strip()}"'
    raise Unfit(f"{field} must be an exact decimal number, was {shown(value)}", suggestion)


def _integer(value: Any, field: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    suggestion = ""
    if isinstance(value, Decimal | float) and value == int(value):
        suggestion = f"Write {int(value)}"
    elif isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        suggestion = f"Write {int(value)} without quotes"
    raise Unfit(f"{field} must be a whole number, was {shown(value)}", suggestion)


def _float(value: Any, field: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    suggestion = f"Write {value} without !decimal" if isinstance(value, Decimal) else ""
    raise Unfit(f"{field} must be a number, was {shown(value)}", suggestion)


def _flag(value: Any, field: str) -> bool:
    if isinstance(value, bool):
        return value
    words = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
    meant = words.get(str(value).lower())
    raise Unfit(f"{field} must be true or false, was {shown(value)}", f"Write {meant}" if meant else "")


def _text(meta: Meta | None, value: Any, field: str) -> str:
    if not isinstance(value, str):
        suggestion = f'Put it in quotes: "{value}"' if isinstance(value, int | float | Decimal) else ""
        raise Unfit(f"{field} must be text, was {shown(value)}", suggestion)
    if isinstance(meta, Text) and meta.pattern and not re.fullmatch(meta.pattern, value):
        raise Unfit(f"{field} must be {meta.shape or f'text that matches {meta.pattern}'}, was {shown(value)}")
    return value


def _choice(shape: Shape, value: Any, field: str) -> Any:
    for written, chosen in shape.choices.items():
        if value == written or (value == chosen and type(value) is type(chosen)):
            return chosen
    raise Unfit(f"{field} must be {shape.in_words()}, was {shown(value)}", did_you_mean(str(value), shape.choices))
