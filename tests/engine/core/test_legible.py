"""Words that cannot be written down are written as far as they can be read."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from engine.core.legible import legible, to_json
from engine.core.states import State, Trigger
from engine.metrics.events import StateChanged


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("plain", "plain"),
        ("Ünïcødé 東京 😀 \t\n", "Ünïcødé 東京 😀 \t\n"),
        ("half \ud83d", "half \ufffd"),
        ("\ude00 the other", "\ufffd the other"),
        ("\0", "\ufffd"),
    ],
)
def test_only_what_cannot_be_written_is_replaced(text: str, written: str) -> None:
    assert legible(text) == written


@pytest.mark.parametrize("unfit", ["\ud83d", "\0"])
def test_an_event_becomes_json_whatever_its_words(unfit: str) -> None:
    changed = StateChanged(ts_ns=1, old=State.ACTIVE, new=State.HALTING, trigger=Trigger.HALT, reason=f"cut {unfit}")
    told = json.loads(to_json({"data": changed, "figures": {f"key {unfit}": [Decimal("0.10")]}}))
    assert told["data"]["reason"] == "cut \ufffd"
    assert told["data"]["new"] == "halting"
    assert told["figures"] == {"key \ufffd": ["0.10"]}
