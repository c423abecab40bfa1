"""`./mm drill` as a person meets it: a line a switch, a written record, an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmplatform.desk import ROOT


def drill(var: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mmplatform.drill", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"MM_VAR": str(var)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_drill_shows_a_line_a_switch_and_leaves_a_record(tmp_path: Path) -> None:
    out = tmp_path / "drill.json"
    held = drill(tmp_path / "var", "market_halt", "killswitches.loss", "--seed", 3, "--json", out)
    assert held.returncode == 0, held.stdout + held.stderr
    first, second, third, *_ = held.stdout.splitlines()
    assert first.startswith("ok     market_halt: the venue halts the market; tripped after ")
    assert second.startswith("ok     loss: ")
    assert third == "ok     control: nothing, for 110 s; nothing tripped, still active"
    assert held.stderr == ""

    text, kept = sorted((tmp_path / "var" / "drills").iterdir(), reverse=True)
    assert text.read_text().startswith("Drill of 2 kill switches in a simulated market\n")
    assert kept.read_bytes() == out.read_bytes()
    record = json.loads(out.read_text())
    assert (record["passed"], record["seed"], record["platform"]) == (True, 3, "mmplatform 0.1.0")
    halt, loss = record["trials"]
    assert halt["state"] == "halted"
    assert len(halt["configuration_sha256"]) == 64
    assert [event["type"] for event in halt["events"]][-4:] == ["risk", "state", "halt", "state"]
    assert loss["limit"] == "-20"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["moon"], "There is no kill switch killswitches.moon; there are any, "),
        (["--json", "/no/such/place/x.json"], "there is no such directory."),
        (["--seed", "-1"], "The seed is a whole number of 0 or more; it was -1."),
    ],
)
def test_what_cannot_be_drilled_is_said_in_a_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    held = drill(tmp_path, *arguments)
    assert held.returncode == 2
    assert sentence in held.stderr
    assert not (tmp_path / "drills").exists()
