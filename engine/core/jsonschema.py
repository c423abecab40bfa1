"""A component's parameters as JSON Schema, for tools that know nothing of Python."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

from engine.core.params import Items, Kind, Meta, Parameter, Shape, Text, parameters_of

DECIMAL_PATTERN = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_TYPES = {
    Kind.DECIMAL: "string",
    Kind.INTEGER: "integer",
    Kind.FLOAT: "number",
    Kind.TEXT: "string",
    Kind.FLAG: "boolean",
    Kind.REFERENCE: "string",
    Kind.LIST: "array",
    Kind.MAP: "object",
}
_BOUNDS = {
    "more than": "exclusiveMinimum",
    "at least": "minimum",
    "less than": "exclusiveMaximum",
    "at most": "maximum",
}
_DECIMAL_BOUNDS = {
    "more than": "x-exclusive-minimum",
    "at least": "x-minimum",
    "less than": "x-exclusive-maximum",
    "at most": "x-maximum",
}


def json_schema(cls: type) -> dict[str, Any]:
    """JSON Schema 2020-12 of the component's args.

    Decimals are text in JSON, so that no reader makes a float of them; their bounds stand in x-minimum and the like.
    A reference is text that begins with an at sign; x-reference names what it must satisfy.
    """
    parameters = parameters_of(cls)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": cls.__name__,
        "description": inspect.cleandoc(cls.__doc__ or ""),
        "type": "object",
        "properties": {parameter.name: _property(parameter) for parameter in parameters},
        "required": [parameter.name for parameter in parameters if parameter.required],
        "additionalProperties": False,
    }


def _property(parameter: Parameter) -> dict[str, Any]:
    schema = _schema(parameter.shape)
    if parameter.help:
        schema["description"] = parameter.help
    if parameter.unit:
        schema["x-unit"] = parameter.unit
    if parameter.live:
        schema["x-live"] = True
    if not parameter.required:
        schema["default"] = _written(parameter.default)
    return schema


def _schema(shape: Shape) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if shape.kind in _TYPES:
        schema["type"] = [_TYPES[shape.kind], "null"] if shape.optional else _TYPES[shape.kind]
    match shape.kind:
        case Kind.DECIMAL:
            schema |= {"format": "decimal", "pattern": DECIMAL_PATTERN, **_bounds(shape.meta, _DECIMAL_BOUNDS)}
        case Kind.INTEGER | Kind.FLOAT:
            schema |= _bounds(shape.meta, _BOUNDS)
        case Kind.TEXT if isinstance(shape.meta, Text) and shape.meta.pattern:
            schema["pattern"] = f"^(?:{shape.meta.pattern})$"
        case Kind.CHOICE:
            schema["enum"] = [_written(value) for value in shape.choices.values()] + [None] * shape.optional
        case Kind.REFERENCE:
            schema |= {"pattern": "^@.+", "x-reference": [protocol.__name__ for protocol in shape.protocols]}
        case Kind.LIST | Kind.MAP if shape.item is not None:
            schema["items" if shape.kind is Kind.LIST else "additionalProperties"] = _schema(shape.item)
            if isinstance(shape.meta, Items):
                noun = "Items" if shape.kind is Kind.LIST else "Properties"
                bounds = {"at least": f"min{noun}", "at most": f"max{noun}"}
                schema |= {bounds[words]: int(bound) for words, bound in shape.meta.bounds() if words in bounds}
    return schema


def _bounds(meta: Meta | None, names: Mapping[str, str]) -> dict[str, Any]:
    if meta is None:
        return {}
    exact = names is _DECIMAL_BOUNDS
    return {names[words]: str(bound) if exact else _plain(bound) for words, bound in meta.bounds()}


def _plain(bound: Decimal) -> int | float:
    return int(bound) if bound == int(bound) else float(bound)


def _written(value: Any) -> Any:
    """A default as JSON would carry it; a default that is an object of its own is only named."""
    match value:
        case Decimal():
            return str(value)
        case Enum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {key: _written(item) for key, item in value.items()}
        case Sequence():
            return [_written(item) for item in value]
    return repr(value)
