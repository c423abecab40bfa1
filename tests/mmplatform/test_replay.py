"""`./mm replay` as a person meets it: a recording, a real desk, a report and an exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mmplatform.desk import ROOT
from tests.engine.rehearsal.test_rehearse import minute_of_trading
from tests.mmplatform.desks import PATIENCE_S, desk_directory, environment_for, read_until, running


def replay(var, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "mmplatform.replay", *map(str, arguments)],
        cwd=ROOT,
        env=environment_for(var),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def desk():
    """The directory of a running desk."""
    var = desk_directory()
    with running(var, "--no-start") as process:
        read_until(process, "Ctrl-C stops everything")
        yield var


@pytest.mark.resilience
def test_a_recording_is_played_on_the_running_desk_and_reported(desk, tmp_path):
    out = tmp_path / "report.json"
    played = replay(desk, minute_of_trading(tmp_path).save(tmp_path / "a.gz"), "--speed", "max", "--json", out)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "/replays/1/" in played.stdout
    assert "Volume" in played.stdout
    assert "Nothing wrong was found in the data." in played.stdout
    kept = json.loads(out.read_text())
    assert kept["recording"]["symbol"] == "AUR/USDT"
    assert kept["report"]["orders"] > 0
    assert isinstance(kept["report"]["volume_quote"], str)


@pytest.mark.resilience
def test_a_truncated_recording_is_reported_as_far_as_it_goes_and_ends_with_1(desk, tmp_path):
    played = replay(desk, minute_of_trading(tmp_path).save(tmp_path / "cut.gz", cut=200), "--speed", "max")
    assert played.returncode == 1, played.stdout + played.stderr
    assert "Volume" in played.stdout
    assert "mm: The recording is damaged" in played.stderr
    assert "truncated" in played.stderr


@pytest.mark.resilience
def test_a_strategy_file_with_mistakes_is_refused_with_their_places(desk, tmp_path):
    recording = minute_of_trading(tmp_path).save(tmp_path / "b.gz")
    strategy = tmp_path / "mine.yaml"
    strategy.write_text('service: "@quoting"\ncomponents:\n  venue: {id: exchanges.simulatd}\n')
    refused = replay(desk, recording, "--speed", "max", "--strategy", strategy)
    assert refused.returncode == 2
    assert "mine.yaml:3:15" in refused.stderr
    assert "exchanges.simulated" in refused.stderr


@pytest.mark.resilience
def test_a_file_that_is_no_recording_is_refused(desk, tmp_path):
    (tmp_path / "notes.txt").write_text("hello\n")
    refused = replay(desk, tmp_path / "notes.txt", "--speed", "max")
    assert refused.returncode == 2
    assert "is not a recording that can be played" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.gz"], "There is no recording at missing.gz"),
        ([__file__, "--speed", "fast"], "The speed is a multiple of real time above 0, or max; it was fast"),
        ([__file__, "--speed", "0"], "it was 0"),
        ([__file__, "--strategy", "missing.yaml"], "There is no strategy file at missing.yaml"),
        ([__file__, "--json", "/nowhere/out.json"], "there is no such directory"),
    ],
)
def test_what_was_mistyped_is_said_before_any_desk_is_opened(tmp_path, arguments, sentence):
    refused = replay(tmp_path / "var", *arguments)
    assert refused.returncode == 2
    assert sentence in refused.stderr
    assert not (tmp_path / "var").exists()
