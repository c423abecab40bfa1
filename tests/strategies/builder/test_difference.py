"""What an approver is shown: every change in effect, and every limit that was loosened."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.params import Kind
from strategies.builder.difference import Change, differences
from strategies.builder.limits import LIMITS, NO_LIMITS, Loosens, is_guarding, is_loosened
from tests.strategies.builder.test_edits import TEXT
from tests.strategies.builder.test_round_trip import CATALOG


def changed(*replacements: tuple[str, str]) -> list[Change]:
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return differences(TEXT, text, CATALOG)


def test_an_argument_is_shown_with_old_and_new_value_and_unit() -> None:
    (change,) = changed(('base_spread_bps: !decimal "40"', 'base_spread_bps: !decimal "35.5"'))
    assert (change.component, change.argument, change.old, change.new, change.unit) == (
        "spread",
        "base_spread_bps",
        "40",
        "35.5",
        "bps",
    )
    assert not change.loosened


@pytest.mark.parametrize(
    "same",
    [
        ('base_spread_bps: !decimal "40"', "base_spread_bps: 40"),
        ("num_levels: 3", "num_levels: 3, inventory_skew_factor: !decimal '0.5'"),
        ('max_age_s: !decimal "5"', "max_age_s: 5.0"),
        ('symbol: "@symbol", max_age_s', 'symbol: "ACORN/USDT", max_age_s'),
    ],
)
def test_what_means_the_same_is_no_difference(same: tuple[str, str]) -> None:
    assert changed(same) == []


def test_a_changed_variable_shows_where_it_is_in_effect() -> None:
    places = {(change.component, change.argument) for change in changed(("ACORN/USDT", "OAK/USDT"))}
    assert places == {("venue", "symbol"), ("mid", "symbol"), ("executor", "symbol"), ("quoting", "symbol")}


def test_loosened_limits_come_first_and_are_marked() -> None:
    changes = changed(
        ("num_levels: 3", "num_levels: 5"),
        ('max_order_size_quote: !decimal "1000"', 'max_order_size_quote: !decimal "2000"'),
        ('max_position_quote: !decimal "10000"', 'max_position_quote: !decimal "9000"'),
    )
    assert [(change.argument, change.loosened) for change in changes] == [
        ("max_order_size_quote", True),
        ("num_levels", False),
        ("max_position_quote", False),
    ]


def test_a_kill_switch_that_is_no_longer_asked_or_gone_is_a_loosened_limit() -> None:
    (change,) = changed(('switches: ["@loss"]', "switches: []"))
    assert change.loosened
    changes = differences(TEXT + "  drop: {id: killswitches.drawdown, args: {max_drawdown_quote: 5}}\n", TEXT, CATALOG)
    assert [(change.component, change.is_removed, change.loosened) for change in changes] == [("drop", True, True)]
    added = differences(TEXT, TEXT + "  manual: {id: killswitches.manual}\n", CATALOG)
    assert [(change.is_added, change.loosened) for change in added] == [(True, False)]
    (other, *_) = changed(("id: killswitches.loss", "id: killswitches.manual"))
    assert (other.argument, other.loosened) == ("id", True)


@pytest.mark.parametrize(
    ("old", "new", "loosened"),
    [
        (Decimal(5), Decimal(6), True),
        (Decimal(5), 5, False),
        (6, 5, False),
        (5, None, True),
        (None, 5, False),
        ("@a", 5, False),
    ],
)
def test_a_limit_loosens_upwards_or_by_being_taken_away(old: object, new: object, loosened: bool) -> None:
    assert is_loosened("risk.guard", "max_loss_quote", old, new) is loosened


def test_a_floor_loosens_downwards() -> None:
    assert is_loosened("killswitches.balance_floor", "min_total", Decimal(5), Decimal(4))


def test_every_limit_in_the_table_exists() -> None:
    for component, arguments in (*LIMITS.items(), *NO_LIMITS.items()):
        known = {parameter.name for parameter in CATALOG.entries[component].parameters}
        assert set(arguments) <= known, component
    assert all(isinstance(way, Loosens) for arguments in LIMITS.values() for way in arguments.values())


def test_every_number_of_what_guards_is_in_one_of_the_tables() -> None:
    for entry in filter(lambda each: is_guarding(each.id), CATALOG.entries.values()):
        if entry.is_plugin:
            continue
        numbers = {p.name for p in entry.parameters if p.kind in (Kind.DECIMAL, Kind.INTEGER)}
        said = set(LIMITS.get(entry.id, {})) | NO_LIMITS.get(entry.id, frozenset())
        assert numbers <= said, f"{entry.id}: is {numbers - said} a limit? Say it in strategies/builder/limits.py"


def test_a_text_that_cannot_be_read_has_everything_gone() -> None:
    assert {change.component for change in differences(TEXT, "[", CATALOG) if change.is_removed} >= {"guard", "loss"}
