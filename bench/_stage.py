"""A whole desk of its own for a bench: real processes, in a directory that is thrown away afterwards."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from mmplatform.desk import Address, Desk
from mmplatform.embedded import free_port

if TYPE_CHECKING:
    from strategies.models import Deployment

PATIENCE_S = 90.0


@contextlib.contextmanager
def open_desk() -> Iterator[Address]:
    """Start `./mm up --no-demo` on a free port, join it as a Django process, and stop it at the end."""
    directory = Path(tempfile.mkdtemp(prefix="mm-bench-"))
    directory.chmod(0o755)
    environment = {**os.environ, "MM_VAR": str(directory)}
    environment.pop("DATABASE_URL", None)
    environment.pop("REDIS_URL", None)
    with (directory / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "mmplatform.up", "--no-demo", "--port", str(free_port())],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        address = _when_ready(up, directory)
        os.environ.update(address.environment)
        join_as_django()
        yield address
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
        shutil.rmtree(directory, ignore_errors=True)


def _when_ready(up: subprocess.Popen[bytes], directory: Path) -> Address:
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at and up.poll() is None:
        address = Desk(directory).read_address()
        if address and address.ready:
            return address
        time.sleep(0.1)
    raise RuntimeError(f"the desk did not open: {(directory / 'up.log').read_text()[-2000:]}")


def join_as_django() -> None:
    """Settings read the environment, so they are read anew: another bench may have joined another desk before."""
    import django
    from django.apps import apps
    from django.conf import settings
    from django.db import connections

    if not apps.ready:
        django.setup()
        return
    fresh = importlib.reload(importlib.import_module("mmplatform.settings"))
    settings.SECRET_KEY, settings.REDIS_URL = fresh.SECRET_KEY, fresh.REDIS_URL
    connections.close_all()
    connections["default"].settings_dict.update(fresh.DATABASES["default"])


def paper_deployments(count: int, *, interval_ms: int, first_seed: int) -> list[Deployment]:
    """Mandates like the demo desk's, each on a simulated market of its own, started by the demo operator."""
    from monitoring.demo import desk
    from monitoring.demo.mandates import MANDATES

    mandates = [
        replace(
            pattern,
            symbol=f"BENCH{seed}/USDT",
            market={**pattern.market, "seed": seed},
            quoting={**pattern.quoting, "interval_ms": interval_ms},
        )
        for seed in range(first_seed, first_seed + count)
        for pattern in [MANDATES[seed % len(MANDATES)]]
    ]
    deployments = desk.build(tuple(mandates))
    desk.start(deployments)
    return deployments


def session_cookie() -> str:
    """A signed-in session of the demo operator, as a Cookie header."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from clients.models import User
    from monitoring.demo.desk import OPERATOR

    user = User.objects.get(username=OPERATOR)
    session: Any = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def wait_until_active(deployments: list[Deployment]) -> None:
    """Return once every deployment is observed ACTIVE."""
    from strategies.models import Deployment

    ids = [deployment.pk for deployment in deployments]
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        waiting = Deployment.objects.filter(pk__in=ids).exclude(observed="active")
        if not waiting.exists():
            return
        time.sleep(0.5)
    late = ", ".join(f"{each} is {each.observed} ({each.observed_reason})" for each in waiting[:3])
    raise RuntimeError(f"not every deployment became active: {late}")


def engine_processes(address: Address) -> list[psutil.Process]:
    """The engine worker's children: the hosts themselves."""
    found = []
    for process in psutil.Process(address.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "engine@" in " ".join(process.cmdline()) or "engine@" in " ".join(process.parent().cmdline()):
                found.append(process)
    return found
