"""Valid means it will run: what only shows at the market is found in the draft, at its field."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.config import dump_config, parse_tree
from strategies.builder.layout import sheet_of
from strategies.builder.prediction import predict
from strategies.builder.sheet import Sheet
from strategies.builder.stages import made_up, simulated
from strategies.builder.starters import begun, starters
from tests.examples import examples
from tests.strategies.builder.test_edits import MARKET, ON_A_MARKET, TEXT
from tests.strategies.builder.test_stages import AT_KRAKEN, FUNDING, KRAKEN, OKX
from tests.strategies.builder.test_stages import GROUND as REAL
from tests.strategies.builder.test_starters import GROUND, OWED, SIMULATED

LEAST = replace(MARKET, min_size_base=Decimal(20), min_notional_quote=Decimal("50"))
ON_LEAST = replace(ON_A_MARKET, market=LEAST)


def found(sheet: Sheet) -> list[tuple[str, str]]:
    return [(mark.target, mark.problem.message) for mark in sheet.marks]


@pytest.mark.parametrize(
    ("old", "new", "target", "sentence"),
    [
        (
            'order_size_quote: !decimal "600"',
            'order_size_quote: !decimal "49"',
            "f-components-spread-args-order_size_quote",
            "order_size_quote is 49 USDT, and ACORN/USDT takes no order under 50 USDT: nothing would be posted",
        ),
        (
            'max_order_size_quote: !decimal "1000"',
            'max_order_size_quote: !decimal "20"',
            "f-components-guard-args-max_order_size_quote",
            "max_order_size_quote is 20 USDT, and ACORN/USDT takes no order under 50 USDT: "
            "the guard would refuse every order",
        ),
    ],
)
def test_an_order_the_market_would_not_take_is_found_at_its_field(
    old: str, new: str, target: str, sentence: str
) -> None:
    assert sheet_of(TEXT, ON_LEAST).is_valid
    assert TEXT.count(old) == 1
    assert found(sheet_of(TEXT.replace(old, new), ON_LEAST)) == [(target, sentence)]


@pytest.mark.parametrize(("size", "is_taken"), [("20", True), ("19.9", False), ("0.00001", False)])
def test_a_size_in_base_is_held_to_the_least_order_and_the_lot(size: str, is_taken: bool) -> None:
    market = replace(LEAST, args=SIMULATED.args)
    text = begun(starters()["ladder"], market, OWED)
    own = next(line for line in text.splitlines() if "size_base" in line)
    sheet = sheet_of(text.replace(own, f'      size_base: !decimal "{size}"'), replace(ON_A_MARKET, market=market))
    assert sheet.is_valid is is_taken
    if not is_taken:
        assert found(sheet)[0][0] == "f-components-ladder-args-size_base"
        assert sheet.problems[0].suggestion == "Write at least 20"


def test_what_stands_in_a_variable_is_found_there() -> None:
    text = TEXT.replace('order_size_quote: !decimal "600"', 'order_size_quote: "@size"').replace(
        "vars:", 'vars:\n  size: !decimal "1"'
    )
    assert [target for target, _ in found(sheet_of(text, ON_LEAST))] == ["f-vars-size"]


def test_a_symbol_its_venue_does_not_have_is_found_where_it_is_written() -> None:
    def untraded(component: str, symbol: str) -> str:
        return "OKX lists no ACORN/USDT, but ACORN/USDC" if component == OKX else ""

    text = begun(starters()["cross_venue"], AT_KRAKEN, OWED)
    assert sheet_of(text, REAL).is_valid
    sheet = sheet_of(text, replace(REAL, untraded=untraded))
    assert found(sheet) == [("f-vars-other_symbol", "OKX lists no ACORN/USDT, but ACORN/USDC")]
    everywhere = replace(REAL, untraded=lambda component, symbol: f"{symbol} is gone")
    assert [target for target, _ in found(sheet_of(text, everywhere))] == ["f-vars-symbol", "f-vars-other_symbol"]
    assert KRAKEN in text


def test_a_part_that_does_not_load_is_found_at_its_card() -> None:
    text = TEXT.replace('symbol: "@symbol", max_age_s', 'symbol: "OTHER/USDT", max_age_s')
    assert "OTHER/USDT" in text
    [(target, message)] = found(sheet_of(text, ON_A_MARKET))
    assert target == "f-components-mid"
    assert message.startswith("it would not load: the simulated market")
    assert "ACORN/USDT, not OTHER/USDT" in message


def test_a_part_that_reaches_out_is_not_loaded_to_look() -> None:
    text = TEXT + "  web: {id: http.session, args: {base_url: 'https://x.example'}}\n"
    assert sheet_of(text, ON_A_MARKET).is_valid


# Valid means it will run: whatever a draft that is called valid becomes, it quotes or says why not, and never faults

NUMBERS = st.decimals(Decimal("0.0001"), Decimal(10**9), allow_nan=False, allow_infinity=False, places=4)


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A start with some of its numbers made up anew; most are refused, the others must run."""
    tree = parse_tree(begun(starters()[draw(st.sampled_from(sorted(starters())))], SIMULATED, OWED))
    numbers = [
        (name, key)
        for name, node in tree["components"].items()
        for key, value in node.get("args", {}).items()
        if isinstance(value, Decimal | int) and not isinstance(value, bool) and not name.startswith("other")
    ]
    for name, key in draw(st.lists(st.sampled_from(numbers), max_size=4, unique=True)):
        args = tree["components"][name]["args"]
        args[key] = draw(NUMBERS) if isinstance(args[key], Decimal) else draw(st.integers(0, 60_000))
    return dump_config(tree)


@given(changed())
@examples(12)
def test_a_draft_that_is_called_valid_quotes_or_says_why_not(text: str) -> None:
    if not sheet_of(text, GROUND).is_valid:
        return
    for stage in (lambda: simulated(text, GROUND, FUNDING), lambda: made_up(text, GROUND)):
        prediction = predict(stage)
        assert prediction.fault == ""
        assert prediction.was_tried
        assert prediction.orders or prediction.reason
