"""A component's constructor read as its schema.

    def __init__(self, *, price: PriceProvider, half_spread_bps: Annotated[Decimal, Bps(gt=0, help="…")]) -> None

The container, the validation, web forms, catalog pages and the JSON schema all read `parameters_of`. A parameter typed
with a Protocol or another class is a reference to a component. Decimals are money: a float is never accepted for one.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from engine.core.errors import EngineError

Bound = Decimal | int | str | None
"""Bounds may be written 0, "0.5" or Decimal("0.5"); they are exact either way."""

Example = Decimal | int | str | bool | tuple[str | int, ...] | Mapping[str, str | int] | None
"""As it would stand in a file; for a decimal also "0.5". A tuple stands for a list. Of lists and maps Items has it."""


@dataclass(frozen=True, kw_only=True)
class Meta:
    """What a number means. gt, ge, lt, le bound it; `live` may be changed while the service runs."""

    help: str = ""
    gt: Bound = None
    ge: Bound = None
    lt: Bound = None
    le: Bound = None
    live: bool = False
    unit: str = ""
    example: Example = field(default=None, hash=False)
    """What an example file writes where meaning, bounds and unit give nothing plausible. For a collaborator: an id.

    What may stay empty is shown by it too: of two limits that may be empty, but not both, say one."""

    def bounds(self) -> list[tuple[str, Decimal]]:
        """The bounds in words, exact: [("more than", 0), ("at most", 50)]."""
        least = (
            None if self.gt is not None and self.ge is not None and Decimal(self.ge) <= Decimal(self.gt) else self.ge
        )
        most = None if self.lt is not None and self.le is not None and Decimal(self.le) >= Decimal(self.lt) else self.le
        named = {"more than": self.gt, "at least": least, "less than": self.lt, "at most": most}
        return [(words, Decimal(bound)) for words, bound in named.items() if bound is not None]

    def accepts(self, value: Decimal | int | float) -> bool:
        return (
            (self.gt is None or value > Decimal(self.gt))
            and (self.ge is None or value >= Decimal(self.ge))
            and (self.lt is None or value < Decimal(self.lt))
            and (self.le is None or value <= Decimal(self.le))
        )

    def in_words(self) -> str:
        """'more than 0 and at most 50 bps', or an empty string."""
        words = " and ".join(f"{name} {bound}" for name, bound in self.bounds())
        return f"{words} {self.unit}".rstrip() if words else ""


@dataclass(frozen=True, kw_only=True)
class Bps(Meta):
    """A share of a price in basis points: 1 bp = 0.01 %."""

    unit: str = "bps"


@dataclass(frozen=True, kw_only=True)
class Percent(Meta):
    unit: str = "%"


@dataclass(frozen=True, kw_only=True)
class Share(Meta):
    """A part of a whole, 0 to 1 unless said otherwise."""

    ge: Bound = 0
    le: Bound = 1


@dataclass(frozen=True, kw_only=True)
class Factor(Meta):
    """A plain multiplier without unit."""


@dataclass(frozen=True, kw_only=True)
class Size(Meta):
    """An amount of the base asset."""

    unit: str = "base"


@dataclass(frozen=True, kw_only=True)
class Money(Meta):
    """An amount of the quote asset."""

    unit: str = "quote"


QuoteAmount = Money


@dataclass(frozen=True, kw_only=True)
class Price(Meta):
    """Quote asset per one base asset."""

    unit: str = "quote per base"


@dataclass(frozen=True, kw_only=True)
class Count(Meta):
    """How many."""


@dataclass(frozen=True, kw_only=True)
class Seconds(Meta):
    unit: str = "s"


@dataclass(frozen=True, kw_only=True)
class Millis(Meta):
    unit: str = "ms"


@dataclass(frozen=True, kw_only=True)
class PerSecond(Meta):
    unit: str = "per second"


@dataclass(frozen=True, kw_only=True)
class Text(Meta):
    """Words. `pattern` must match the whole text; `shape` says in words what the pattern means."""

    pattern: str = ""
    shape: str = ""


@dataclass(frozen=True, kw_only=True)
class Symbol(Text):
    """A market in unified notation: BTC/USDT, or BTC/USDT:USDT for a contract."""

    pattern: str = r"[^\s/:]+/[^\s/:]+(:[^\s/:]+)?"
    shape: str = "a market such as BTC/USDT"


@dataclass(frozen=True, kw_only=True)
class Asset(Text):
    pattern: str = r"[^\s/:]+"
    shape: str = "an asset such as USDT"


@dataclass(frozen=True, kw_only=True)
class PathText(Text):
    """A file on the machine the engine runs on, relative to its working directory."""


@dataclass(frozen=True, kw_only=True)
class Flag(Meta):
    """Yes or no."""


@dataclass(frozen=True, kw_only=True)
class Option(Meta):
    """One of a fixed set: help for a Literal or an Enum."""


@dataclass(frozen=True, kw_only=True)
class Items(Meta):
    """How many items a list or map holds; the bounds count items."""

    unit: str = "items"


@dataclass(frozen=True, kw_only=True)
class Collaborator(Meta):
    """Help for a reference to another component."""


class Kind(StrEnum):
    DECIMAL = "decimal"
    INTEGER = "integer"
    FLOAT = "float"
    TEXT = "text"
    FLAG = "flag"
    CHOICE = "choice"
    REFERENCE = "reference"
    LIST = "list"
    MAP = "map"
    ANY = "any"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a value must look like. `item` is the shape of a list's items or a map's values."""

    kind: Kind
    optional: bool = False
    meta: Meta | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)
    """For CHOICE: what is written, and the value it stands for."""
    protocols: tuple[type, ...] = ()
    """For REFERENCE: the component must satisfy one of these."""
    item: Shape | None = None
    as_tuple: bool = False

    def in_words(self) -> str:
        """'an exact decimal number', 'a list (a reference to PriceProvider each)'."""
        match self.kind:
            case Kind.REFERENCE:
                return "a reference to " + " or ".join(protocol.__name__ for protocol in self.protocols)
            case Kind.CHOICE:
                return "one of " + ", ".join(self.choices)
            case Kind.LIST | Kind.MAP if self.item:
                container = "a list" if self.kind is Kind.LIST else "a map of names"
                return f"{container} ({self.item.in_words()} each)"
        return _WORDS[self.kind]


_WORDS = {
    Kind.DECIMAL: "an exact decimal number",
    Kind.INTEGER: "a whole number",
    Kind.FLOAT: "a number",
    Kind.TEXT: "text",
    Kind.FLAG: "true or false",
    Kind.ANY: "any value",
    Kind.LIST: "a list",
    Kind.MAP: "a map",
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One keyword of a component's constructor."""

    REQUIRED: ClassVar[object] = inspect.Parameter.empty

    name: str
    shape: Shape
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def kind(self) -> Kind:
        return self.shape.kind

    @property
    def meta(self) -> Meta | None:
        return self.shape.meta or (self.shape.item.meta if self.shape.item else None)

    @property
    def help(self) -> str:
        return next((meta.help for meta in self._metas() if meta.help), "")

    @property
    def unit(self) -> str:
        """Of the number, or of each number in a list; that a list counts items is no unit of it."""
        return next((meta.unit for meta in self._metas() if meta.unit and not isinstance(meta, Items)), "")

    @property
    def live(self) -> bool:
        return any(meta.live for meta in self._metas())

    def _metas(self) -> Iterator[Meta]:
        """What is said about the value, then about its items: a list of numbers may say both."""
        shape: Shape | None = self.shape
        while shape is not None:
            if shape.meta is not None:
                yield shape.meta
            shape = shape.item

    @property
    def optional(self) -> bool:
        return self.shape.optional

    @property
    def choices(self) -> Mapping[str, Any]:
        return self.shape.choices

    @property
    def is_list(self) -> bool:
        return self.shape.kind is Kind.LIST

    @property
    def is_reference(self) -> bool:
        """True for a reference, and for a list or map of references."""
        return bool(self.protocols)

    @property
    def protocols(self) -> tuple[type, ...]:
        shape: Shape | None = self.shape
        while shape is not None:
            if shape.kind is Kind.REFERENCE:
                return shape.protocols
            shape = shape.item
        return ()


class SchemaError(EngineError):
    """A component's constructor cannot be read as a schema: a mistake of the component's author."""


@cache
def parameters_of(cls: type) -> tuple[Parameter, ...]:
    """The constructor's parameters in order. Raises SchemaError when the constructor cannot serve as a schema."""
    if cls.__init__ is object.__init__:  # type: ignore[misc]
        return ()
    where = f"{cls.__module__}.{cls.__qualname__}"
    try:
        hints = get_type_hints(cls.__init__, include_extras=True)  # type: ignore[misc]
    except NameError as error:
        raise SchemaError(
            f'{where}: the type "{error.name}" is not known when the constructor is read; '
            "import it at the top of the module, not under TYPE_CHECKING"
        ) from error
    parameters = []
    for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]:  # type: ignore[misc]
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise SchemaError(f'{where}: the parameter "{parameter}" must be keyword-only; put it after a bare *')
        if parameter.name not in hints:
            raise SchemaError(f'{where}: the parameter "{parameter.name}" has no type')
        try:
            shape = shape_of(hints[parameter.name])
        except SchemaError as error:
            raise SchemaError(f'{where}: the parameter "{parameter.name}" {error}') from None
        if parameter.default is None and not (shape.optional or shape.kind is Kind.ANY):
            raise SchemaError(f'{where}: the parameter "{parameter.name}" defaults to None; type it "… | None"')
        parameters.append(Parameter(name=parameter.name, shape=shape, default=parameter.default))
    return tuple(parameters)


_SCALARS: dict[Any, Kind] = {
    Decimal: Kind.DECIMAL,
    bool: Kind.FLAG,
    int: Kind.INTEGER,
    float: Kind.FLOAT,
    str: Kind.TEXT,
    Any: Kind.ANY,
    object: Kind.ANY,
}


def shape_of(hint: Any) -> Shape:
    """The shape a type asks for. Raises SchemaError for a type that has no place in a configuration."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _with_meta(shape_of(args[0]), [meta for meta in args[1:] if isinstance(meta, Meta)])
    if origin in (Union, types.UnionType):
        return _shape_of_union(args)
    if origin is Literal:
        return Shape(kind=Kind.CHOICE, choices={str(value): value for value in args})
    if origin in (list, Sequence):
        return Shape(kind=Kind.LIST, item=shape_of(args[0]), as_tuple=origin is Sequence)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return Shape(kind=Kind.LIST, item=shape_of(args[0]), as_tuple=True)
    if origin in (dict, Mapping) and args[0] is str:
        return Shape(kind=Kind.MAP, item=shape_of(args[1]))
    if hint in _SCALARS:
        return Shape(kind=_SCALARS[hint])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Shape(kind=Kind.CHOICE, choices={str(member.value): member for member in hint})
    if isinstance(hint, type) and hint.__module__ != "builtins":
        return Shape(kind=Kind.REFERENCE, protocols=(hint,))
    raise SchemaError(f"has the type {hint}, which cannot be written in a configuration")


def _shape_of_union(args: tuple[Any, ...]) -> Shape:
    shapes = [shape_of(arg) for arg in args if arg is not types.NoneType]
    optional = len(shapes) < len(args)
    if len(shapes) == 1:
        return replace(shapes[0], optional=optional)
    if all(shape.kind is Kind.REFERENCE for shape in shapes):
        protocols = tuple(protocol for shape in shapes for protocol in shape.protocols)
        return Shape(kind=Kind.REFERENCE, protocols=protocols, optional=optional)
    raise SchemaError("mixes several types; choose one (… | None is fine)")


def _with_meta(shape: Shape, metas: list[Meta]) -> Shape:
    """Items bounds stay on the list or map; any other meaning of a list goes to its items."""
    for meta in metas:
        if shape.item is not None and not isinstance(meta, Items | Collaborator):
            shape = replace(shape, item=_with_meta(shape.item, [meta]))
        else:
            shape = replace(shape, meta=meta)
    return shape


_ABSENT = object()


def lacks(candidate: object, wanted: type) -> list[str]:
    """What a class or an instance is missing to be a `wanted`: names of methods and attributes, [] when it fits.

    A class is not blamed for data attributes, since its constructor may set them; check the instance for those.
    Properties are not evaluated: before load they may have nothing to say.
    """
    cls = candidate if isinstance(candidate, type) else type(candidate)
    if not getattr(wanted, "_is_protocol", False):
        return [] if issubclass(cls, wanted) else [f"the base class {wanted.__name__}"]
    missing = []
    for name, is_method in _members(wanted):
        found = inspect.getattr_static(candidate, name, _ABSENT)
        if is_method and not callable(getattr(cls, name, None) if found is _ABSENT else getattr(candidate, name)):
            missing.append(f"{name}()")
        elif not is_method and found is _ABSENT and candidate is not cls:
            missing.append(name)
    return missing


def _members(protocol: type) -> list[tuple[str, bool]]:
    members: dict[str, bool] = {}
    for base in reversed(protocol.__mro__):
        if not getattr(base, "_is_protocol", False) or base.__module__ == "typing":
            continue
        for name in inspect.get_annotations(base):
            members[name] = False
        for name, value in base.__dict__.items():
            if name == "__call__" or not name.startswith("_"):
                members[name] = inspect.isfunction(value)
    return list(members.items())
