"""Throw-away PostgreSQL and Valkey for every test run; loaded by `-p tests.servers` in pyproject.toml.

Started before pytest-django reads the settings. One PostgreSQL for the run (each xdist worker has a database of its own
in it), one Valkey and one MM_VAR for each worker. Servers named in the environment are never used: a test run touches
only what it started. Everything sits on free ports and in one temporary directory, so several runs get along.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from mmplatform.embedded import EmbeddedError, Postgres, Server, Valkey

PREFIX = "mm-test-"


class ThrowAwayPostgres(Postgres):
    stop_signal = death_signal = signal.SIGQUIT  # at once: the data are deleted anyway


class ThrowAwayValkey(Valkey):
    stop_signal = death_signal = signal.SIGKILL


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    options = early_config.known_args_namespace
    if options.help or options.version:
        return
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    try:
        if worker is None:
            _sweep()
            home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
            home.chmod(0o711)  # PostgreSQL may run as another user
            os.environ["MM_TEST_HOME"] = str(home)
            if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
                # Or each of the many processes of a run compiles Django and all the rest for itself.
                os.environ["PYTHONPYCACHEPREFIX"] = str(home / "bytecode")
            atexit.register(shutil.rmtree, home, ignore_errors=True)
            postgres = ThrowAwayPostgres(home / "postgresql", durable=False)
            atexit.register(postgres.remove)  # a private TMPDIR has it kept elsewhere
            postgres.prepare()
            _start(postgres, home / "postgresql.log")
            os.environ["DATABASE_URL"] = postgres.url
        home = Path(os.environ["MM_TEST_HOME"])
        valkey = ThrowAwayValkey(home / f"valkey-{worker or 'main'}", durable=False)
        _start(valkey, home / f"valkey-{worker or 'main'}.log")
    except EmbeddedError as error:
        raise pytest.UsageError(str(error)) from None
    var = home / f"var-{worker or 'main'}"
    (var / "static").mkdir(parents=True)  # as after collectstatic; WhiteNoise warns when it is missing
    os.environ["REDIS_URL"] = valkey.url
    os.environ["MM_VAR"] = str(var)
    os.environ["MM_SECRET_KEY"] = "for tests only"


def _start(server: Server, log: Path) -> None:
    atexit.register(server.stop)
    with log.open("wb") as output:
        try:
            server.start(output=output.fileno())
        except EmbeddedError as error:
            raise EmbeddedError(f"{error}\n{log.read_text()[-2000:]}") from None


def _sweep() -> None:
    """Delete what test runs that were killed left behind; their servers died with them."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = home.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            with contextlib.suppress(OSError):
                shutil.rmtree(home)
