"""Exact decimals from the venue's bytes to ccxt's dicts: a mixin in front of any of its classes.

ccxt's own switch, `exchange.number = Decimal`, loses fees and zeroes fills, since its `safe_string` knows no Decimal;
and books are floats whatever it says. So every reader of a value is replaced here: numbers are Decimal from the decoder
on, `safe_float` and its like return Decimal, integers keep all their digits, and whatever ccxt rounds it rounds in a
context of its own instead of changing everybody's.

Imports ccxt: for `library.py` alone, which imports this late.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import ccxt
import msgspec
from ccxt.async_support.base.ws.client import Client
from ccxt.async_support.base.ws.functions import is_json_encoded_object
from ccxt.base import decimal_to_precision as theirs
from ccxt.base.exchange import Exchange

from engine.core.decimals import WIDE

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_NO_NUMBER = (ValueError, TypeError, ArithmeticError)
_NOTHING = (KeyError, IndexError, *_NO_NUMBER)
"""What ccxt takes for a missing value: a key that is not there, something without keys, a text that is no number."""


def decode(body: str | bytes) -> Any:
    """JSON with every number that has a point as Decimal, and integers of any length. Raises ValueError."""
    try:
        return _decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def exact(value: Any) -> Decimal:
    """A number, or a text that spells one. Raises ValueError or TypeError for whatever is no finite number."""
    kind = type(value)
    if kind is Decimal:
        found: Decimal = value
    elif kind is float:
        found = Decimal(repr(value))
    elif kind is str or kind is int:
        try:
            found = Decimal(value)
        except decimal.InvalidOperation:
            raise ValueError(f"{value!r} is no number") from None
    else:
        raise TypeError(f"{value!r} is no number")
    if not found.is_finite():
        raise ValueError(f"{value} is not finite")
    return found


def text(value: Any) -> str | None:
    """A value as ccxt's parsers want it: digits, never an exponent. None for what is empty or no plain value."""
    kind = type(value)
    if kind is str:
        return value or None
    if kind is Decimal:
        return format(value, "f")
    if kind is int:
        return str(value)
    return format(exact(value), "f") if kind is float else None


def whole(value: Any) -> int:
    """The integer part, with every digit. Raises ValueError, TypeError or ArithmeticError for whatever has none."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, bool) else int(exact(value))


def product(value: Any, factor: Any) -> int:
    return int(WIDE.multiply(exact(value), exact(factor)))


def fits_a_float(value: str | Decimal) -> bool:
    """Whether a float spells the same digits, so that a venue that must be sent one gets what was meant."""
    number = Decimal(value)
    return Decimal(repr(float(number))) == number


class _Unspellable(ccxt.InvalidOrder):  # type: ignore[misc]
    """A number that only a float could carry, and that no float spells."""


def _in_digits(params: dict[str, Any]) -> dict[str, Any]:
    """A query's values, floats in digits: of one below a ten-thousandth Python would write an exponent."""
    return {key: text(value) if type(value) is float else value for key, value in params.items()}


def _reader(convert: Callable[[Any], Any]) -> tuple[Any, Any, Any]:
    """ccxt's three ways to read one kind of value: by a key, by one of two, by the first of several that holds any."""

    def by_key(values: Any, key: Any, default_value: Any = None) -> Any:
        try:
            found = convert(values[key])
        except _NOTHING:
            return default_value
        return default_value if found is None else found

    def by_any(values: Any, key_list: Iterable[Any], default_value: Any = None) -> Any:
        for key in key_list:
            if (found := by_key(values, key)) is not None:
                return found
        return default_value

    def by_either(values: Any, key1: Any, key2: Any, default_value: Any = None) -> Any:
        return by_any(values, (key1, key2), default_value)

    return staticmethod(by_key), staticmethod(by_either), staticmethod(by_any)


def _lower(value: Any) -> str | None:
    return None if (found := text(value)) is None else found.lower()


def _upper(value: Any) -> str | None:
    return None if (found := text(value)) is None else found.upper()


def decimal_to_precision(
    n: Any,
    rounding_mode: int = theirs.ROUND,
    precision: Any = None,
    counting_mode: int = theirs.DECIMAL_PLACES,
    padding_mode: int = theirs.NO_PADDING,
) -> str:
    """ccxt's rounding with as many digits as it takes, and without touching the thread's decimal context."""
    if precision is not None:
        precision = exact(precision)
        if counting_mode != theirs.TICK_SIZE:
            precision = int(precision)
    with decimal.localcontext(WIDE):
        rounded: str = theirs.decimal_to_precision(n, rounding_mode, precision, counting_mode, padding_mode)
    return rounded


class ExactClient(Client):  # type: ignore[misc]
    """A socket that decodes exactly. What its handler raises ends the connection and reaches whoever waits: ccxt would
    lose it in a callback, and its watcher would wait for news from a loop that has died."""

    def handle_text_or_binary_message(self, data: Any) -> None:
        if self.decompressBinary and isinstance(data, bytes):
            data = data.decode()
        try:
            self.on_message_callback(self, decode(data) if is_json_encoded_object(data) else data)
        except Exception as error:  # the edge to 76 venues' handlers: they raise whatever a strange message makes them
            self.on_error(error)

    def handle_message(self, message: Any) -> None:
        try:
            super().handle_message(message)
        except Exception as error:  # the same for what does not inflate or is no text
            self.on_error(error)


class Exact:
    """Put in front of a ccxt class: `type(name, (Exact, ccxt.pro.binance), {})`."""

    number = staticmethod(exact)
    on_json_response = staticmethod(decode)

    safe_string, safe_string_2, safe_string_n = _reader(text)
    safe_string_lower, safe_string_lower_2, safe_string_lower_n = _reader(_lower)
    safe_string_upper, safe_string_upper_2, safe_string_upper_n = _reader(_upper)
    safe_float, safe_float_2, safe_float_n = _reader(exact)
    safe_integer, safe_integer_2, safe_integer_n = _reader(whole)
    safe_timestamp, safe_timestamp_2, safe_timestamp_n = _reader(lambda value: product(value, 1000))

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        super().__init__(config or {})  # type: ignore[call-arg]
        self.decimal_to_precision = decimal_to_precision  # ccxt sets its own on each instance, in both spellings
        self.decimalToPrecision = decimal_to_precision

    @staticmethod
    def safe_integer_product(values: Any, key: Any, factor: Any, default_value: Any = None) -> Any:
        return Exact.safe_integer_product_n(values, (key,), factor, default_value)

    @staticmethod
    def safe_integer_product_2(values: Any, key1: Any, key2: Any, factor: Any, default_value: Any = None) -> Any:
        return Exact.safe_integer_product_n(values, (key1, key2), factor, default_value)

    @staticmethod
    def safe_integer_product_n(values: Any, key_list: Iterable[Any], factor: Any, default_value: Any = None) -> Any:
        for key in key_list:
            try:
                return product(values[key], factor)
            except _NOTHING:
                continue
        return default_value

    def omit_zero(self, string_number: Any) -> Any:
        try:
            return None if string_number in (None, "") or exact(string_number) == 0 else string_number
        except _NO_NUMBER:
            return string_number

    def parse_to_int(self, number: Any) -> int:
        return whole(number)

    def parse_to_numeric(self, number: Any) -> int | float:
        """For the venues whose requests carry numbers without quotes: only what a float spells exactly."""
        spelled = exact(number)
        if spelled == spelled.to_integral_value():
            return int(spelled)
        if not fits_a_float(spelled):
            raise _Unspellable(f"{spelled} cannot be sent to this venue exactly: it wants a float")
        return float(spelled)

    @staticmethod
    def urlencode(params: dict[str, Any], doseq: bool = False, sort: bool = False) -> str:
        encoded: str = Exchange.urlencode(_in_digits(params), doseq, sort)
        return encoded

    @staticmethod
    def rawencode(params: dict[str, Any], sort: bool = False) -> str:
        encoded: str = Exchange.rawencode(_in_digits(params), sort)
        return encoded

    def set_markets(self, markets: Any, currencies: Any = None) -> Any:
        result = super().set_markets(markets, currencies)  # type: ignore[misc]
        # `markets_by_id` holds the dicts as they were given, not the completed ones of `markets`.
        for market in (*self.markets.values(), *(one for some in self.markets_by_id.values() for one in some)):  # type: ignore[attr-defined]
            _without_floats(market)
        return result

    def client(self, url: str) -> Any:
        client = super().client(url)  # type: ignore[misc]
        if client.__class__ is Client:
            client.__class__ = ExactClient
        return client


def _without_floats(values: dict[str, Any]) -> None:
    """Fees, limits and precision that a venue's description writes as float literals."""
    for key, value in values.items():
        if type(value) is float:
            values[key] = exact(value)
        elif type(value) is dict and key != "info":
            _without_floats(value)
