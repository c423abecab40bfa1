"""What venues answer, as the installed ccxt quotes it in its own comments: hundreds of payloads nobody here made up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

PARSERS = frozenset(
    f"parse_{what}"
    for what in (
        *("order", "spot_order", "contract_order", "swap_order", "ws_order", "trade", "ws_trade"),
        *("ticker", "ohlcv", "balance", "order_book"),
    )
)


class Sample(NamedTuple):
    venue: str
    parser: str
    json: str


def samples() -> Iterator[Sample]:
    spec = find_spec("ccxt")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    for file in sorted((Path(spec.submodule_search_locations[0]) / "async_support").glob("*.py")):
        for method in file.read_text().split("\n    def ")[1:]:
            name = method[: method.index("(")]
            if name in PARSERS:
                for comment in _comments(method):
                    yield from (Sample(file.stem, name, found) for found in _values(comment))


def _comments(source: str) -> Iterator[str]:
    """Comments over several lines, without their #."""
    block: list[str] = []
    for line in [*source.split("\n"), ""]:
        stripped = line.strip()
        if stripped.startswith("#"):
            block.append(stripped[1:])
        elif block:
            yield "\n".join(block)
            block = []


def _values(comment: str) -> Iterator[str]:
    """Every object or list in a comment that can be read as JSON."""
    start = 0
    while (begin := re.compile(r"[{\[]").search(comment, start)) is not None:
        end = _end(comment, begin.start())
        if end is None:
            start = begin.end()
            continue
        start = end
        found = _tidy(comment[begin.start() : end])
        try:
            if json.loads(found) not in ({}, []):
                yield found
        except ValueError:
            continue


def _end(comment: str, at: int) -> int | None:
    depth, quote = 0, ""
    while at < len(comment):
        character = comment[at]
        if quote:
            if character == "\\":
                at += 1
            elif character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if not depth:
                return at + 1
        elif comment.startswith("//", at):
            at = comment.find("\n", at)
            if at < 0:
                return None
        at += 1
    return None


def _tidy(found: str) -> str:
    """JSON as people write it in comments, made JSON."""
    for pattern, replacement in (
        (r"(?<!:)//[^\n]*", ""),
        (r"\s#[^\n]*", ""),
        (r"'([^'\n\"]*)'", r'"\1"'),
        (r"([{,]\s*)([A-Za-z_][\w\-]*)\s*:", r'\1"\2":'),
        (r",(\s*[}\]])", r"\1"),
        (r"\.\.\.", ""),
        (r",(\s*[}\]])", r"\1"),
        (r"\bTrue\b", "true"),
        (r"\bFalse\b", "false"),
        (r"\b(None|undefined)\b", "null"),
    ):
        found = re.sub(pattern, replacement, found)
    return found
