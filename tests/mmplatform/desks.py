"""Whole desks for tests: `./mm up` as a person starts it, in a directory of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmplatform.desk import ROOT

PATIENCE_S = 90


def desk_directory() -> Path:
    """A directory for a desk, outside pytest's private ones, which PostgreSQL's user cannot enter."""
    path = Path(tempfile.mkdtemp(dir=os.environ["MM_TEST_HOME"]))
    path.chmod(0o711)
    return path / "var"


def environment_for(var: Path) -> dict[str, str]:
    """The environment of a person without servers of their own, whose desk is in `var`."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return {**kept, "MM_VAR": str(var), "PYTHONUNBUFFERED": "1", "MM_ENGINE_SLOTS": "1"}


@contextmanager
def running(var: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`./mm up` with these arguments; stopped at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mmplatform.up", *arguments],
        cwd=ROOT,
        env=environment_for(var),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE_S)
        process.stdout.close()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Return what was said up to the line with `text`; fails when the process ends before saying it."""
    said = ""
    assert process.stdout
    for line in process.stdout:
        said += line
        if text in line:
            return said
    pytest.fail(f"{text!r} was never said:\n{said}")
