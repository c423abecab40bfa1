"""What may change while a service runs, read from two configurations; and that every component keeps its word."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from engine.core.catalog import Catalog
from engine.core.change import NeedsRestart, live_changes
from engine.core.config import Config, Reference, load_config
from engine.core.container import Container
from engine.core.example import Examples
from engine.core.params import Kind, Parameter, parameters_of
from engine.core.plugins import Registry
from tests.kinds import one_of_each

REGISTRY = Registry.installed()
INSTALLED = Catalog.of(REGISTRY)
EXAMPLES = Examples(INSTALLED)
LADDER = EXAMPLES.text("marketmaking.inventory_spread")


def config(*swaps: tuple[str, str]) -> Config:
    text = LADDER
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    return load_config(text, filename="desk.yaml", registry=REGISTRY)


def test_only_live_parameters_that_differ_in_effect_are_changed() -> None:
    wider, more = ("base_spread_bps: 10", 'base_spread_bps: !decimal "12.50"'), ("num_levels: 1", "num_levels: 3")
    changes = live_changes(config(), config(wider, more), REGISTRY)
    assert [each.in_words() for each in changes] == [
        "inventory_spread.base_spread_bps 10 → 12.50 bps",
        "inventory_spread.num_levels 1 → 3",
    ]


@pytest.mark.parametrize(
    "swaps",
    [
        [("base_spread_bps: 10", 'base_spread_bps: !decimal "10.0"')],
        [("      level_spacing_bps: 5\n", "")],  # the default
        [('symbol: "BTC/USDT"', 'market: "BTC/USDT"'), ("@symbol", "@market")],
    ],
)
def test_what_reads_differently_and_means_the_same_is_no_change(swaps: list[tuple[str, str]]) -> None:
    assert live_changes(config(), config(*swaps), REGISTRY) == ()


@pytest.mark.parametrize(
    ("swaps", "words"),
    [
        ([("anchor_price: 50000", "anchor_price: 50001")], "simulated.anchor_price cannot be changed while"),
        ([("id: prices.mid", "id: prices.last")], "mid is prices.last instead of prices.mid"),
        ([("  mid:\n", "  touch:\n"), ("@mid", "@touch")], "the component mid is gone"),
        ([("  paper:\n", "  beat: {id: service.heartbeat}\n  paper:\n")], "the component beat is new"),
        ([('executor: "@live"', 'executor: "@live"\n      interval_ms: 500')], "marketmaking.interval_ms cannot"),
        ([("level_spacing_bps: 5\n", "level_spacing_bps: 6\n"), ("0.1", "0.2")], "paper.base_balance cannot"),
    ],
)
def test_everything_else_takes_a_restart_and_says_why(swaps: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(NeedsRestart, match=words):
        live_changes(config(), config(*swaps), REGISTRY)


# Every component keeps its word


def other_values(parameter: Parameter, value: Any) -> Iterator[Any]:
    if parameter.kind is Kind.FLAG:
        yield not value
    elif parameter.kind in (Kind.DECIMAL, Kind.INTEGER):
        kind = Decimal if parameter.kind is Kind.DECIMAL else int
        start = kind(1) if value is None else value
        candidates = [start * 2, start + 1, start - 1, *([start / 2] if kind is Decimal else [])]
        for candidate in candidates:
            if candidate != value and (parameter.meta is None or parameter.meta.accepts(candidate)):
                yield candidate


def remembered(value: Any, depth: int = 3) -> Any:
    """What an object holds, as far as it can be compared."""
    if type(value).__eq__ is not object.__eq__:
        return value
    if depth and hasattr(value, "__dict__"):
        return {key: remembered(item, depth - 1) for key, item in vars(value).items()}
    return type(value)


def live_parameters(id: str) -> list[Parameter]:
    return [parameter for parameter in parameters_of(REGISTRY.get(id)) if parameter.live]


@pytest.mark.parametrize("id", [id for id in one_of_each(INSTALLED.entries) if live_parameters(id)])
def test_a_live_parameter_is_kept_under_its_name_and_nothing_is_derived_from_it(id: str) -> None:
    cls = REGISTRY.get(id)
    file = load_config(EXAMPLES.text(id), filename=f"{id}.yaml", registry=REGISTRY)
    built = Container(file, REGISTRY).components
    spec = next(spec for spec in file.components.values() if spec.id == id)

    def filled(value: Any) -> Any:
        if isinstance(value, Reference):
            return built[value.name]
        return [filled(item) for item in value] if isinstance(value, list | tuple) else value

    args = {key: filled(value) for key, value in spec.args.items()}
    for parameter in live_parameters(id):
        before = cls(**args)
        for value in other_values(parameter, args.get(parameter.name, parameter.default)):
            try:
                after = cls(**{**args, parameter.name: value})
            except ValueError:
                continue
            break
        else:
            pytest.fail(f"no other value of {parameter.name} was accepted")
        assert getattr(after, parameter.name) == value
        differing = {key for key, held in vars(after).items() if remembered(held) != remembered(vars(before)[key])}
        assert differing == {parameter.name}
