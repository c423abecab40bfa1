"""Money stays exact through ccxt, for every venue it knows. E15, A: no float anywhere."""

from __future__ import annotations

import ast
import decimal
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.ccxt import exact
from engine.venues.ccxt.exact import Exact
from engine.venues.ccxt.library import exact_class, streaming_ids, venue_ids
from tests.engine.venues.ccxt.samples import Sample, samples

PLACES = st.integers(-18, 12)
DIGITS = st.integers(1, 10**20)


@cache
def binance() -> Any:
    return exact_class("binance")()


# For every venue


def listed(package: Any) -> list[str]:
    """The library's own list, read from its source: the package in place of it imports no venue."""
    tree = ast.parse(Path(package.__path__[0], "__init__.py").read_text())
    [ids] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["exchanges"]
    ]
    return list(ast.literal_eval(ids))


def test_the_ids_found_without_importing_are_those_the_library_lists() -> None:
    assert list(venue_ids()) == listed(ccxt.async_support)
    assert streaming_ids() == set(listed(ccxt.pro))


@pytest.mark.parametrize("name", [name for name in vars(Exact) if not name.startswith("_")])
def test_what_is_overridden_exists_in_the_library(name: str) -> None:
    assert hasattr(ccxt.async_support.Exchange, name), f"ccxt has no {name} any more: find out what reads values now"


def test_no_venue_has_a_reader_of_its_own_behind_ours() -> None:
    """Ours stands in front, so a venue's own would be silently lost. deepcoin's set_markets is called by ours."""
    ours = {name for name in vars(Exact) if not name.startswith("_")}
    own = {
        (venue, name)
        for venue in venue_ids()
        for cls in getattr(ccxt.pro if venue in streaming_ids() else ccxt.async_support, venue).__mro__
        if cls.__module__.startswith(("ccxt.async_support.", "ccxt.pro.")) and ".base." not in cls.__module__
        for name in ours & vars(cls).keys()
    }
    assert own == {("deepcoin", "set_markets")}


def floats(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, float):
        yield f"{path} = {value!r}"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from floats(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from floats(item, f"{path}[]")


def differences(stock: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where two results differ by more than what a float loses."""
    if path.endswith(".info"):
        return
    if isinstance(stock, dict) and isinstance(ours, dict):
        for key in stock.keys() | ours.keys():
            yield from differences(stock.get(key), ours.get(key), f"{path}.{key}")
    elif isinstance(stock, list) and isinstance(ours, list) and len(stock) == len(ours):
        for one, other in zip(stock, ours, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif isinstance(stock, float) and isinstance(ours, int | Decimal):
        if not math.isclose(stock, ours, rel_tol=1e-12, abs_tol=1e-15):
            yield f"{path}: {stock!r} became {ours!r}"
    elif stock != ours and not (stock is None and ours == []):
        yield f"{path}: {stock!r} became {ours!r}"


def parsed(venue: Any, sample: Sample, decode: Any) -> Any:
    """The result, or None when this payload is not the whole argument the parser wants."""
    try:
        return getattr(venue, sample.parser)(decode(sample.json))
    except Exception:  # quoted payloads may be incomplete, and each parser has its own way to say so
        return None


KNOWN_BETTER = {"bittrade": "trade ids beyond 64 bits, which a float rounds", "extended": "ids written as 2.05e18"}


def test_every_payload_the_library_quotes_is_read_without_floats_and_with_the_same_values() -> None:
    instances: dict[str, tuple[Any, Any]] = {}
    problems, read, venues = [], 0, set()
    for sample in samples():
        if sample.venue not in instances:
            if sample.venue not in venue_ids():
                continue
            stock = getattr(ccxt.async_support, sample.venue)
            instances[sample.venue] = stock(), type(sample.venue, (Exact, stock), {})()
        stock, ours = instances[sample.venue]
        expected = parsed(stock, sample, json.loads)
        if expected is None:
            continue
        result = parsed(ours, sample, exact.decode)
        read += 1
        venues.add(sample.venue)
        found = [*floats(result), *differences(expected, result)]
        if found and sample.venue not in KNOWN_BETTER:
            problems.append(f"{sample.venue}.{sample.parser}: {'; '.join(found[:3])}")
    assert not problems, "\n".join(problems)
    assert read > 700, read
    assert len(venues) > 85, len(venues)


# Values


@given(DIGITS, PLACES, st.booleans())
def test_a_number_keeps_every_digit_on_its_way_in(digits: int, places: int, quoted: bool) -> None:
    number = Decimal(digits).scaleb(-places, exact.WIDE)
    written = format(number, "f")
    found = exact.decode(f'{{"price": {json.dumps(written) if quoted else written}}}')
    assert Exact.safe_float(found, "price") == number
    assert Decimal(Exact.safe_string(found, "price")) == number


@given(st.integers(0, 10**24))
def test_an_integer_keeps_every_digit(number: int) -> None:
    found = exact.decode(f'{{"bare": {number}, "quoted": "{number}"}}')
    assert Exact.safe_integer(found, "bare") == Exact.safe_integer(found, "quoted") == number
    assert Exact.safe_string(found, "bare") == str(number)


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity", "", "abc", None, {}, [], True])
def test_what_is_no_finite_number_is_missing(bad: object) -> None:
    assert Exact.safe_float({"price": bad}, "price") is None


@pytest.mark.parametrize("body", ["{", '{"a": NaN}', "{'a': 1}", "[1,]"])
def test_damaged_json_is_a_value_error(body: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the decoder's words are its own
        exact.decode(body)


@pytest.mark.parametrize(
    ("value", "integer"),
    [("100.0", 100), (Decimal("1e3"), 1000), ("1700000000123456789", 1700000000123456789), (5, 5), ("1.9", 1)],
)
def test_integers_are_read_as_the_library_reads_them_but_whole(value: object, integer: int) -> None:
    assert Exact.safe_integer({"n": value}, "n") == integer


def test_a_stamp_in_seconds_keeps_its_milliseconds() -> None:
    assert Exact.safe_timestamp({"t": Decimal("1700000000.123")}, "t") == 1700000000123


def test_the_first_of_several_keys_that_holds_a_value_counts() -> None:
    values = {"a": "", "b": None, "c": Decimal("1.50")}
    assert Exact.safe_string_n(values, ["a", "b", "c"]) == "1.50"
    assert Exact.safe_string_2(values, "a", "c") == "1.50"
    assert Exact.safe_float_n(values, ["a", "b"], Decimal(7)) == 7
    assert Exact.safe_string({"a": "Ab"}, "a") == "Ab"
    assert Exact.safe_string_lower({"a": "Ab"}, "a") == "ab"
    assert Exact.safe_string_upper(["x", "Ab"], 1) == "AB"


# What goes out


@given(DIGITS, PLACES)
def test_a_venue_that_wants_floats_is_sent_the_digits_meant_or_nothing(digits: int, places: int) -> None:
    number = Decimal(digits).scaleb(-places, exact.WIDE)
    if number == number.to_integral_value() or exact.fits_a_float(number):
        assert Decimal(json.dumps(binance().parse_to_numeric(format(number, "f")))) == number
    else:
        with pytest.raises(ccxt.InvalidOrder, match="exactly"):
            binance().parse_to_numeric(format(number, "f"))


@given(st.integers(1, 10**22), st.sampled_from(["0.01", "0.00000001", "0.000000000000000001", "0.5", "5", "0.025"]))
def test_a_price_on_the_tick_passes_the_librarys_rounding_unchanged(steps: int, tick: str) -> None:
    price = steps * Decimal(tick)
    written = format(price, "f")
    rounded = binance().decimal_to_precision(written, 1, Decimal(tick), 4, 5)
    assert Decimal(rounded) == price


def test_rounding_leaves_everybodys_decimal_context_alone() -> None:
    before = decimal.getcontext().copy()
    binance().decimal_to_precision("1.005", 1, Decimal("0.01"), 4, 5)
    binance().decimalToPrecision("1.005", 0, 2, 2, 5)
    after = decimal.getcontext()
    assert (after.rounding, after.prec, after.traps) == (before.rounding, before.prec, before.traps)


def test_markets_hold_no_floats_in_either_index() -> None:
    venue = binance()
    limits = {"amount": {"min": 0.001, "max": 9000.0}, "price": {}, "cost": {"min": 5.0}}
    market = venue.safe_market_structure(
        {
            "id": "BTCUSDT",
            "symbol": "BTC/USDT",
            "base": "BTC",
            "quote": "USDT",
            "spot": True,
            "taker": 0.001,
            "precision": {"price": 0.01, "amount": 0.00001},
            "limits": limits,
        }
    )
    venue.set_markets([market])
    assert not [*floats(venue.markets), *floats(venue.markets_by_id)]
    assert venue.markets["BTC/USDT"]["precision"]["amount"] == Decimal("0.00001")
    assert venue.markets_by_id["BTCUSDT"][0]["limits"]["cost"]["min"] == 5


# The socket


class Socket(exact.ExactClient):
    def __init__(self, hear: Any) -> None:
        nothing = lambda *_: None  # noqa: E731
        super().__init__("ws://nowhere", hear, nothing, nothing, nothing)


async def test_a_frame_is_decoded_exactly() -> None:
    heard: list[Any] = []
    Socket(lambda client, message: heard.append(message)).handle_text_or_binary_message(
        b'{"price":60000.123456789012345678}'
    )
    assert heard == [{"price": Decimal("60000.123456789012345678")}]


async def test_a_handler_that_fails_tells_whoever_waits() -> None:
    def hear(client: Any, message: Any) -> None:
        raise KeyError("a field nobody expected")

    socket = Socket(hear)
    waiting = socket.future("orderbook")
    socket.handle_text_or_binary_message('{"a":1}')
    with pytest.raises(KeyError, match="a field nobody expected"):
        await waiting


IN_A_FRESH_PROCESS = """
import sys
from engine.core.plugins import Registry
venue = Registry.installed().get("exchanges.ccxt.kraken")
assert "Kraken" in venue.__doc__, venue.__doc__
assert not [name for name in sys.modules if name.split(".")[0] == "ccxt"]
from engine.venues.ccxt.library import exact_class
kraken = exact_class("kraken")()
assert kraken.id == "kraken"
loaded = {name for name in sys.modules if name.startswith(("ccxt.pro.", "ccxt.async_support."))}
assert {name.split(".")[2] for name in loaded} == {"base", "kraken"}, loaded
assert exact_class("bequant")().id == "bequant"
import ccxt
assert issubclass(ccxt.kraken, ccxt.Exchange) and issubclass(ccxt.InvalidOrder, ccxt.ExchangeError)
"""


def test_naming_a_venue_imports_nothing_of_the_library_and_loading_it_no_other_venue() -> None:
    subprocess.run([sys.executable, "-c", IN_A_FRESH_PROCESS], check=True, timeout=120)
