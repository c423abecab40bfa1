"""YAML text to plain values and back. E3, E4."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.problems import ConfigError
from engine.core.yamltext import MAX_CHARACTERS, dump_config, parse, parse_tree

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False)
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5), max_leaves=25
)


def spelled(tree: Any) -> Any:
    """A tree with types and digits spelled out, so that 1, 1.0, True and Decimal("1.0") all differ."""
    if isinstance(tree, dict):
        return [(key, spelled(value)) for key, value in tree.items()]
    if isinstance(tree, list):
        return [spelled(value) for value in tree]
    return (type(tree).__name__, str(tree))


@given(TREES)
def test_what_is_written_reads_back_the_same(tree: Any) -> None:
    assert spelled(parse_tree(dump_config(tree))) == spelled(tree)


def test_it_writes_what_a_person_would() -> None:
    tree = {
        "service": "@quoting",
        "vars": {"threshold": Decimal("0.0015"), "on": "off"},
        "components": {"quoting": {"id": "marketmaking", "args": {"switches": ["@a", "@b"], "rows": [{"x": 1}, []]}}},
    }
    assert dump_config(tree) == (
        'service: "@quoting"\n'
        "vars:\n"
        '  threshold: !decimal "0.0015"\n'
        '  "on": "off"\n'
        "components:\n"
        "  quoting:\n"
        "    id: marketmaking\n"
        "    args:\n"
        '      switches: ["@a", "@b"]\n'
        "      rows:\n"
        "        - x: 1\n"
        "        - []\n"
    )


@pytest.mark.parametrize("value", [{1: "x"}, {"a": object()}, [Decimal("NaN")], float("inf"), {"a": (1, 2)}])
def test_it_refuses_to_write_what_could_not_be_read(value: Any) -> None:
    with pytest.raises(TypeError):
        dump_config(value)


@pytest.mark.parametrize("text", ["0.0015", "0.10", "-3", "1E+5", "123456789012345678901234567890.123456789", "+.5"])
def test_a_decimal_keeps_every_digit(text: str) -> None:
    value = parse_tree(f'a: !decimal "{text}"')["a"]
    assert isinstance(value, Decimal)
    assert str(value) == str(Decimal(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 2024-08-08", {"a": "2024-08-08"}),  # dates are text here
        ("a: yes", {"a": "yes"}),
        ("a: true", {"a": True}),
        ("a: 0x1f", {"a": 31}),
        ("a: 1_000", {"a": 1000}),
        ("a: 1e5", {"a": 100000.0}),
        ("a: ~", {"a": None}),
        ("a: !decimal 0.1", {"a": Decimal("0.1")}),
        ('"@x": "@@y"', {"@x": "@@y"}),
        ("", None),
    ],
)
def test_it_reads_plain_values(text: str, value: Any) -> None:
    assert spelled(parse_tree(text)) == spelled(value)


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "suggestion"),
    [
        ("a: 1\nb: [1, 2\n", 3, 1, "not valid YAML while parsing a flow sequence", ""),
        ("a: 1\nb: @mid\n", 2, 4, "found character '@'", 'Put references in quotes: "@name"'),
        ("a: 1\nb: c: 2\n", 2, 5, "mapping values are not allowed", "Quote text that holds a colon"),
        ("a:\n\tb: 1\n", 2, 1, "'\\t'", "Indent with spaces, not tabs"),
        ("a: 1\nb: \x00\n", 2, 4, "the character #x0000 is not allowed", ""),
        ("a: 1\n---\nb: 1\n", 2, 1, "found another document", ""),
        ("a: 1\nb:\n  a: 2\n  a: 3\n", 4, 3, 'the key "a" stands here twice, first on line 3', "Keep one"),
        ("a: &x [1]\nb: *x\n", 1, 4, "aliases are not used here", "Put the value under vars"),
        ("a: &x [*x]\n", 1, 4, "aliases are not used here", "Put the value under vars"),
        ("<<: {a: 1}\n", 1, 1, "the YAML merge key << is not used here", ""),
        ("? [1]\n: 2\n", 1, 3, "a key must be text", ""),
        ('a: !decimal "1.2.3"\n', 1, 4, '"1.2.3" is not an exact decimal number', 'Write !decimal "0.0015"'),
        ('a: !decimal "NaN"\n', 1, 4, '"NaN" is not an exact decimal number', ""),
        ('a: !decimal "Infinity"\n', 1, 4, '"Infinity" is not an exact decimal number', ""),
        ('a: !decimal "1,5"\n', 1, 4, '"1,5" is not an exact decimal number', ""),
        ('a: !decimal "1_000"\n', 1, 4, '"1_000" is not an exact decimal number', ""),
        ('a: !decimal "٣"\n', 1, 4, "is not an exact decimal number", ""),
        ("a: !decimal [1]\n", 1, 4, "!decimal stands before one number", ""),
        ("a: .inf\n", 1, 4, '".inf" is not a usable number', ""),
        ("a: .NaN\n", 1, 4, '".NaN" is not a usable number', ""),
        ("a: 1e999\n", 1, 4, '"1e999" is not a usable number', ""),
        ("a: !decima 1\n", 1, 4, "the YAML tag !decima is not known here", 'Did you mean "!decimal"?'),
        ("a: !!python/object/apply:os.system [x]\n", 1, 4, "is not known here", "The only tag is !decimal"),
        ("a: !!binary aGk=\n", 1, 4, "the YAML tag !!binary is not known here", ""),
        ("a: !!set {b}\n", 1, 4, "the YAML tag !!set is not known here", ""),
        ("[" * 3000, 1, 1, "nested too deeply", "Flatten"),
        ("#" * (MAX_CHARACTERS + 1), 1, 1, "characters, more than", "Split"),
    ],
)
def test_it_says_where_a_text_is_wrong(text: str, line: int, column: int, message: str, suggestion: str) -> None:
    problem = parse(text, filename="desk.yaml").problems[0]
    assert (problem.file, problem.line) == ("desk.yaml", line)
    assert message in problem.message
    assert suggestion in problem.suggestion
    assert problem.column >= column


def test_a_nest_of_aliases_is_refused_without_growing() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="aliases are not used here"):
        parse_tree("\n".join(lines))
