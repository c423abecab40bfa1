"""One file, run alone from the command line, and let go on a signal. E3, E5."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.runner import FAILED, OK, UNUSABLE, main

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "example-service.yaml"
PACKAGE = '''
import asyncio, os, signal
from engine.core.component import Component
from engine.core.ticking import TickService
from engine.core.errors import NotReady

class Loud(TickService):
    """Prints its life; takes a while to cancel its orders."""
    def __init__(self, *, fail_on: str = "", cancel_takes_s: float = 0.0) -> None:
        super().__init__(interval_s=0.05)
        self.fail_on, self.cancel_takes_s = fail_on, cancel_takes_s
    async def load(self) -> None:
        print("load", flush=True)
        if self.fail_on == "load": raise NotReady("the venue is closed for maintenance")
        if self.fail_on == "hang": await asyncio.Event().wait()
        await super().load()
    async def prepare(self) -> None:
        if self.fail_on == "start": raise RuntimeError("start went wrong")
    async def tick(self) -> None:
        print("tick", flush=True)
        if self.fail_on == "tick": raise RuntimeError("tick went wrong")
    async def stand_down(self, reason: str) -> None:
        print("cancelling", flush=True)
        await asyncio.sleep(self.cancel_takes_s)
        print("cancelled", flush=True)
    async def unload(self) -> None:
        await super().unload()
        if self.fail_on == "unload": raise RuntimeError("unload went wrong")
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A directory with an installed package that offers `test.loud`."""
    (tmp_path / "loud_desk.py").write_text(PACKAGE)
    info = tmp_path / "loud_desk-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud-desk\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mmplatform.components]\ntest.loud = loud_desk:Loud\n")
    return tmp_path


def service(package: Path, args: str = "") -> Path:
    file = package / "loud.yaml"
    file.write_text(f'service: "@loud"\ncomponents:\n  loud: {{id: test.loud, args: {{{args}}}}}\n')
    return file


class Process:
    def __init__(self, package: Path, file: Path, *options: str) -> None:
        path = os.pathsep.join([str(ROOT), str(package)])
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "engine.core.runner", str(file), *options],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.popen.stdout is not None
        self.lines: Iterator[str] = iter(self.popen.stdout)
        self.said: list[str] = []

    def wait_for(self, word: str) -> None:
        for said in self.lines:
            self.said.append(said.strip())
            if said.strip() == word:
                return
        raise AssertionError(f"it ended without saying {word}")

    def end(self) -> tuple[int, str]:
        out, err = self.popen.communicate(timeout=30)
        self.said += out.split()
        return self.popen.returncode, err


def test_the_example_of_the_docs_can_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(EXAMPLE), "--check"]) == OK
    assert 'can run: 13 components, service "quoting" (marketmaking).' in capsys.readouterr().out


def test_the_example_of_the_docs_quotes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process = Process(tmp_path, EXAMPLE, "--for", "2", "--json-logs")
    code, err = process.end()
    assert code == OK, err
    logged = [json.loads(line) for line in err.splitlines()]
    states = [line["new"] for line in logged if line["event"] == "state"]
    assert states == ["starting", "active", "pausing", "paused"]
    (cancelled,) = [line for line in logged if line["event"] == "quotes cancelled"]
    assert cancelled["orders"] > 0
    assert cancelled["proven_clean"]
    assert cancelled["symbol"] == "AURORA/USDT"


def test_it_lists_every_problem_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        'service: "@beat"\ncomponents:\n  beat: {id: service.heartbeat, args: {intervall_ms: 1}}\n  x: {}\n'
    )
    assert main([str(file), "--check"]) == UNUSABLE
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{file}:3:")
    assert 'Did you mean "interval_ms"?' in lines[0]
    assert lines[1].startswith(f"{file}:4:")
    assert lines[2] == f"{file} cannot be used: 2 problems."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read: no such file or directory."), (b"\xff\xfe\x00", "is not a text file")],
)
def test_a_file_that_cannot_be_read_is_a_sentence(
    content: bytes | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "service.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SystemExit) as caught:
        main([str(file)])
    assert caught.value.code == UNUSABLE
    assert f"{file} {sentence}" in capsys.readouterr().err


def test_the_catalog_lists_every_component_in_its_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--catalog"]) == OK
    said = capsys.readouterr().out
    assert said.startswith("Exchanges  Where orders go")
    assert "  service.heartbeat " in said
    assert "Record a notice at every beat." in said


def test_the_catalog_shows_one_component_with_an_example_that_can_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--catalog", "service.heartbeat"]) == OK
    said = capsys.readouterr().out
    assert said.startswith("service.heartbeat  (engine.core.heartbeat:Heartbeat, mmplatform ")
    assert "  interval_ms: whole number, at least 10, in ms, default 1000\n      Time between two beats\n" in said
    assert "Serves as: Service" in said
    file = tmp_path / "beat.yaml"
    file.write_text(said.partition("Example\n\n")[2])
    assert main([str(file), "--check"]) == OK


def test_the_catalog_shows_a_broken_component_with_its_reason(package: Path) -> None:
    (package / "loud_desk.py").write_text("1 / 0")
    path = os.pathsep.join([str(ROOT), str(package)])
    command = [sys.executable, "-m", "engine.core.runner", "--catalog"]
    environment = {**os.environ, "PYTHONPATH": path}
    listed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert 'BROKEN: the component "test.loud" of loud-desk cannot be imported from loud_desk:Loud' in listed
    assert "service.heartbeat" in listed
    shown = subprocess.run([*command, "test.loud"], env=environment, capture_output=True, text=True, check=True).stdout
    assert shown.startswith("test.loud  from loud-desk 1.0\n\nIt cannot be used: ")
    assert "ZeroDivisionError: division by zero" in shown


def test_an_id_that_is_not_in_the_catalog_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--catalog", "price.mid"]) == UNUSABLE
    assert capsys.readouterr().err == 'no component is called "price.mid". Did you mean "prices.mid"?\n'


@pytest.mark.parametrize("argv", [[], ["service.yaml", "--catalog", "prices.mid"]])
def test_it_wants_either_a_file_or_the_catalog(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(argv)
    assert "name the file of a service, or ask for the --catalog" in capsys.readouterr().err


def test_it_runs_for_as_long_as_asked(package: Path) -> None:
    process = Process(package, service(package), "--for", "0.3")
    code, err = process.end()
    assert code == OK, err
    assert process.said[0] == "load"
    assert 2 <= process.said.count("tick") <= 7
    assert process.said[-2:] == ["cancelling", "cancelled"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_and_unloads_promptly(package: Path, number: signal.Signals) -> None:
    process = Process(package, service(package))
    process.wait_for("tick")
    process.popen.send_signal(number)
    code, err = process.end()
    assert code == OK, err
    assert process.said[-2:] == ["cancelling", "cancelled"]
    assert f"received {number.name}" in err
    assert "Traceback" not in err


def test_more_signals_do_not_corrupt_the_unload(package: Path) -> None:
    process = Process(package, service(package, "cancel_takes_s: 0.5"))
    process.wait_for("tick")
    process.popen.send_signal(signal.SIGTERM)
    process.wait_for("cancelling")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        process.popen.send_signal(number)
    code, err = process.end()
    assert code == OK, err
    assert process.said.count("cancelled") == 1
    assert "already stopping" in err
    assert "Traceback" not in err


def test_a_signal_while_loading_ends_it(package: Path) -> None:
    process = Process(package, service(package, "fail_on: hang"))
    process.wait_for("load")
    process.popen.send_signal(signal.SIGINT)
    code, err = process.end()
    assert code == OK, err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("fail_on", "words"),
    [
        ("load", "the venue is closed for maintenance"),
        ("start", "start went wrong"),
        ("tick", "tick went wrong"),
        ("unload", "unload went wrong"),
    ],
)
def test_a_failure_while_running_is_an_exit_code_of_its_own(package: Path, fail_on: str, words: str) -> None:
    process = Process(package, service(package, f"fail_on: {fail_on}"), "--for", "0.3")
    code, err = process.end()
    assert code == FAILED
    assert words in err
    assert "cancelled" in process.said


def test_options_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(EXAMPLE), "--for", "0"])
    assert caught.value.code == UNUSABLE
    assert "must be more than 0 seconds, was 0" in capsys.readouterr().err
