"""A service as one checked file. E3, E4."""

from __future__ import annotations

import textwrap
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.config import Config, Reference, dump_config, load_config, load_order
from engine.core.plugins import Registry
from engine.core.problems import ConfigError, Problem
from tests.engine.core.doubles import REGISTRY, Colour
from tests.examples import examples


def load(text: str) -> Config:
    return load_config(textwrap.dedent(text), filename="desk.yaml", registry=REGISTRY)


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return list(caught.value.problems)


FULL = """
service: "@all"
vars:
  spread: !decimal "12.50"
  price: "@fixed"
  many: ["@price", "@titled"]
components:
  all:
    id: everything
    args:
      price: "@price"
      half_spread_bps: "@spread"
      levels: 3
      max_age_s: 2
      note: "@@home"
      colour: green
      weights: {a: !decimal "0.5", b: 1}
      steps: [1, "@spread"]
      others: {x: "@many", y: ["@fixed"]}
      either: "@titled"
      extra: {deep: [{er: "@fixed"}, "@spread", 0.5]}
  fixed: {id: prices.fixed, args: {value: 5}}
  titled: {id: prices.titled, args: {value: !decimal "1.10", title: t}}
"""


def test_it_resolves_references_and_variables_at_any_depth() -> None:
    args = load(FULL).components["all"].args
    fixed, titled = Reference("fixed"), Reference("titled")
    assert args == {
        "price": fixed,
        "half_spread_bps": Decimal("12.50"),
        "levels": 3,
        "max_age_s": 2.0,
        "note": "@home",
        "colour": Colour.GREEN,
        "weights": {"a": Decimal("0.5"), "b": Decimal(1)},
        "steps": (Decimal(1), Decimal("12.50")),
        "others": {"x": [fixed, titled], "y": [fixed]},
        "either": titled,
        "extra": {"deep": [{"er": fixed}, Decimal("12.50"), 0.5]},
    }
    assert str(args["half_spread_bps"]) == "12.50"
    assert type(args["weights"]["b"]) is Decimal


def test_it_knows_what_each_component_needs() -> None:
    config = load(FULL)
    assert config.service == "all"
    assert config.components["all"].needs == ("fixed", "titled")
    assert list(config.components) == ["all", "fixed", "titled"]
    assert load_order({name: spec.needs for name, spec in config.components.items()}) == ["fixed", "titled", "all"]


def test_the_tree_can_be_written_out_and_loaded_again() -> None:
    config = load(FULL)
    again = load_config(dump_config(config.tree), filename="desk.yaml", registry=REGISTRY)
    assert {name: spec.args for name, spec in again.components.items()} == {
        name: spec.args for name, spec in config.components.items()
    }


MAIN = 'service: "@main"\ncomponents:\n  main: {id: main}\n'


@pytest.mark.parametrize(
    ("text", "line", "path", "message", "suggestion"),
    [
        # the frame of the file
        ("", 1, "", "a service is a map of service, vars and components, was empty", ""),
        ("- a\n", 1, "", "a service is a map of service, vars and components, was a list of 1", ""),
        ("components:\n  main: {id: main}\n", 1, "", "does not say which component is its service", 'service: "@name"'),
        ('service: "@main"\n', 1, "", "the file has no components", "Add components"),
        ('service: "@main"\ncomponents:\n', 2, "", "the file has no components", ""),
        ('service: "@main"\ncomponents: [1]\n', 2, "components", "components must be a map", ""),
        (MAIN + "component: {}\n", 4, "component", '"component" is not known', 'Did you mean "components"?'),
        (MAIN + "vars: 5\n", 4, "vars", "vars must be a map of names to values, was 5", ""),
        (MAIN.replace("@main", "main"), 1, "service", "the service must be a reference", 'Write "@main"'),
        (MAIN.replace('"@main"', "5"), 1, "service", "must be a reference to a component, was 5", ""),
        (MAIN.replace("@main", "@mian"), 1, "service", 'no component is called "mian"', 'Did you mean "@main"?'),
        (
            MAIN.replace("@main", "@d") + "  d: {id: dumb}\n",
            1,
            "service",
            'the component "d" (dumb) cannot be the service: it lacks start(), pause(), halt(), reset()',
            'Did you mean "@main"?',
        ),
        # components
        (
            MAIN + "  x: {id: prices.fixd}\n",
            4,
            "components.x.id",
            'no component is called "prices.fixd"',
            "prices.fixed",
        ),
        (MAIN + "  x: {id: venues.krakn}\n", 4, "components.x.id", "venues.krakn", 'Did you mean "venues.kraken"?'),
        (MAIN + "  x: {}\n", 4, "components.x", 'the component "x" has no id', "Add id:"),
        (MAIN + "  x: dumb\n", 4, "components.x", "must be" if False else "a component is a map of id and args", ""),
        (MAIN + "  x: {id: dumb, arg: {}}\n", 4, "components.x.arg", '"arg" is not known here', 'Did you mean "args"?'),
        (MAIN + "  x: {id: dumb, args: 5}\n", 4, "components.x.args", "args must be a map", ""),
        (
            MAIN + "  x: {id: dumb, args: {a: 1}}\n",
            4,
            "components.x.args.a",
            'dumb has no argument "a"',
            "no arguments",
        ),
        (MAIN + "  a b: {id: dumb}\n", 4, "components.a b", '"a b" cannot be a name', "Use letters"),
        (MAIN + "  main: {id: dumb}\n", 4, "components.main", 'the key "main" stands here twice', "Keep one"),
        # arguments
        (
            MAIN + "  x:\n    id: prices.fixed\n    args:\n      valu: 1\n      value: 1\n",
            7,
            "components.x.args.valu",
            'prices.fixed has no argument "valu"',
            'Did you mean "value"?',
        ),
        (
            MAIN + "  x:\n    id: prices.fixed\n",
            4,
            "components.x.args.value",
            'prices.fixed needs the argument "value", an exact decimal number',
            'Add value: !decimal "…"',
        ),
        (
            MAIN + "  x:\n    id: prices.fixed\n    args:\n      value: 0.5\n",
            7,
            "components.x.args.value",
            "value must be an exact decimal number, was the float 0.5",
            'Write !decimal "0.5"',
        ),
        (
            MAIN + "  x:\n    id: prices.fixed\n    args:\n      value: 0\n",
            7,
            "components.x.args.value",
            "value must be more than 0 quote, was 0",
            "Choose a value above 0",
        ),
        (
            MAIN + '  x: {id: prices.fixed, args: {value: !decimal "0,5"}}\n',
            4,
            "components.x.args.value",
            '"0,5" is not an exact decimal number',
            "",
        ),
        (
            MAIN.replace("main}", "main, args: {needs: 5}}"),
            3,
            "components.main.args.needs",
            "must be a list",
            "in a list",
        ),
        (
            MAIN.replace("main}", 'main, args: {needs: ["@mian"]}}'),
            3,
            "components.main.args.needs[0]",
            'no component or variable is called "mian"',
            'Did you mean "@main"?',
        ),
        (
            MAIN.replace("main}", 'main, args: {needs: ["@d"]}}') + "  d: {id: dumb}\n",
            3,
            "components.main.args.needs[0]",
            "needs[0] must be a reference to Component, but @d (dumb) lacks the base class Component",
            "These fit: @main",
        ),
        (
            MAIN.replace("main}", 'main, args: {needs: "@n"}}') + "  n: {id: noting}\n",
            3,
            "components.main.args.needs",
            "but @n is a component",
            'Put it in a list: ["@n"]',
        ),
        (
            MAIN.replace("main}", "main, args: {needs: [n]}}") + "  n: {id: noting}\n",
            3,
            "components.main.args.needs[0]",
            'needs[0] must be a reference to Component, was the text "n"',
            'Write "@n"',
        ),
        # circles
        (
            MAIN.replace("main}", 'main, args: {needs: ["@a"]}}')
            + '  a: {id: noting, args: {needs: ["@b"]}}\n  b: {id: noting, args: {needs: ["@a"]}}\n',
            4,
            "components.a",
            "components need each other in a circle: a → b → a",
            "Take one of these references out",
        ),
        (
            MAIN.replace("main}", 'main, args: {needs: ["@main"]}}'),
            3,
            "components.main",
            "circle: main → main",
            "",
        ),
        (
            MAIN + '  x: {id: prices.fixed, args: {value: "@a"}}\nvars:\n  a: "@b"\n  b: "@a"\n',
            7,
            "components.x.args.value",
            "variables refer to each other in a circle: a → b → a",
            "",
        ),
        # variables
        (MAIN + "vars:\n  old: 5\n", 5, "vars.old", 'the variable "old" is never used', 'Write "@old"'),
        (
            MAIN + '  x: {id: prices.fixed, args: {value: "@v"}}\nvars:\n  v: 0.5\n',
            6,
            "components.x.args.value",
            "value must be an exact decimal number, was the float 0.5 (from the variable v)",
            'Write !decimal "0.5"',
        ),
        (
            MAIN + '  x: {id: prices.fixed, args: {value: "@x"}}\nvars:\n  x: 1\n',
            6,
            "vars.x",
            '"x" is a variable and a component',
            "Rename one",
        ),
    ],
)
def test_it_says_what_is_wrong_where_and_what_to_do(
    text: str, line: int, path: str, message: str, suggestion: str
) -> None:
    problems = problems_of(text)
    found = [p for p in problems if p.path == path and message in p.message]
    assert found, problems
    assert found[0].line == line
    assert suggestion in found[0].suggestion


@pytest.mark.parametrize(
    ("reference", "missing"),
    [("@dumb", "price()"), ("@main", "price()")],
)
def test_it_names_the_method_a_reference_lacks(reference: str, missing: str) -> None:
    text = FULL.replace('price: "@price"', f'price: "{reference}"') + "  dumb: {id: dumb}\n  main: {id: main}\n"
    (problem,) = problems_of(text)
    assert f"price must be a reference to Pricing, but {reference}" in problem.message
    assert f"lacks {missing}" in problem.message
    assert problem.suggestion == "These fit: @fixed, @titled"


def test_it_reports_everything_at_once_in_the_order_of_the_file() -> None:
    problems = problems_of("""
        service: main
        vars: {unused: 1}
        componets: {}
        components:
          main: {id: main, args: {need: []}}
          x: {id: prices.fixed, args: {value: 0.5}}
          y: {id: nowhere}
          z: {id: prices.titled, args: {value: 1}}
    """)
    assert [(p.line, p.path) for p in problems] == [
        (2, "service"),
        (3, "vars.unused"),
        (4, "componets"),
        (6, "components.main.args.need"),
        (7, "components.x.args.value"),
        (8, "components.y.id"),
        (9, "components.z.args.title"),
    ]


def test_one_mistake_is_not_reported_as_two() -> None:
    (problem,) = problems_of(MAIN + '  x: {id: prices.fixd, args: {value: "@v", more: ["@w"]}}\nvars: {v: 1, w: 2}\n')
    assert problem.path == "components.x.id"
    (problem,) = problems_of(MAIN + "  x: {id: prices.fixed, args: {value: !dec 5}}\n")
    assert "!dec is not known here" in problem.message


def test_an_error_reads_as_a_line_of_a_compiler() -> None:
    (problem,) = problems_of(MAIN + "  x: {id: prices.fixed, args: {value: 0.5}}\n")
    assert str(problem) == (
        "desk.yaml:4:39: components.x.args.value: value must be an exact decimal number, was the float 0.5. "
        'Write !decimal "0.5".'
    )


# Any valid file loads, and loads again after being written out

NAMES = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True)
POSITIVE = st.integers(1, 10**12) | st.decimals("1e-18", "1e18", allow_nan=False, places=18)


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    """A random file that is right: prices, components that need each other forwards, variables that are all used."""
    names = draw(st.lists(NAMES, min_size=3, max_size=12, unique=True))
    service, *names = names
    components: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    built: list[str] = []
    for name in names:
        value = draw(POSITIVE)
        if draw(st.booleans()):
            variables[f"{name}-v"], value = value, f"@{name}-v"
        kind = draw(st.sampled_from(["fixed", "titled", "noting"]))
        if kind == "noting":
            variables.pop(f"{name}-v", None)
            needs = draw(st.lists(st.sampled_from(built), unique=True)) if built else []
            components[name] = {"id": "noting", "args": {"needs": [f"@{other}" for other in needs]}}
            built.append(name)
        elif kind == "titled":
            title = draw(st.text().filter(lambda text: not text.startswith("@")))
            components[name] = {"id": "prices.titled", "args": {"value": value, "title": title}}
        else:
            components[name] = {"id": "prices.fixed", "args": {"value": value}}
    components[service] = {"id": "main", "args": {"needs": [f"@{name}" for name in built]}}
    shuffled = draw(st.permutations(list(components)))
    return {"service": f"@{service}", "vars": variables, "components": {name: components[name] for name in shuffled}}


@examples(40)
@given(services())
def test_a_valid_file_survives_being_written_and_read(tree: dict[str, Any]) -> None:
    first = load_config(dump_config(tree), filename="a", registry=REGISTRY)
    second = load_config(dump_config(first.tree), filename="b", registry=REGISTRY)
    assert first.tree == second.tree == tree
    assert dump_config(first.tree) == dump_config(second.tree)
    assert {n: (s.id, s.args, s.needs) for n, s in first.components.items()} == {
        n: (s.id, s.args, s.needs) for n, s in second.components.items()
    }


@examples(40)
@given(services())
def test_everything_needed_is_loaded_before(tree: dict[str, Any]) -> None:
    config = load_config(dump_config(tree), filename="a", registry=REGISTRY)
    order = load_order({name: spec.needs for name, spec in config.components.items()})
    assert sorted(order) == sorted(config.components)
    for name, spec in config.components.items():
        assert all(order.index(needed) < order.index(name) for needed in spec.needs)


def test_a_list_where_a_reference_belongs_is_refused_in_words() -> None:
    text = 'service: "@mid"\ncomponents: {mid: {id: prices.mid, args: {market: []}}}\n'
    with pytest.raises(ConfigError, match="market must be a reference to MarketSource, was a list of 0"):
        load_config(text, filename="it.yaml", registry=Registry.installed())


@pytest.mark.parametrize(
    "text",
    [
        "vars:\n" + "".join(f'  v{n}: "@v{n + 1}"\n' for n in range(2000)) + '  v2000: "beat"\n'
        'components: {one: {id: service.heartbeat, args: {text: "@v0"}}}\n',
        "components:\n"
        + "".join(f'  k{n}: {{id: killswitches.any, args: {{switches: ["@k{n + 1}"]}}}}\n' for n in range(2000))
        + "  k2000: {id: killswitches.manual}\n  one: {id: service.heartbeat}\n",
    ],
    ids=["variables", "components"],
)
def test_a_chain_too_long_to_follow_is_a_problem_of_the_file(text: str) -> None:
    with pytest.raises(ConfigError, match="refer to each other in too long a chain"):
        load_config('service: "@one"\n' + text, filename="chain.yaml", registry=Registry.installed())
