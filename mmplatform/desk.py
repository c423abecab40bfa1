"""What a desk keeps in its directory besides data: the lock of the one that runs, its secrets, its address.

`var/desk.json` tells other commands where a running desk is and with which environment to join it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class DeskError(RuntimeError):
    """The desk cannot run like this. The message is a sentence with the remedy."""


def var_directory() -> Path:
    return Path(os.environ.get("MM_VAR") or ROOT / "var").resolve()


@dataclass
class Address:
    """Where a desk is reached. `environment` holds secrets, so the file is its owner's alone."""

    pid: int
    url: str
    ports: dict[str, int]
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    ready: bool = False


class Desk:
    """A directory with a desk in it, running or not."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self._lock: int | None = None
        self._address = var / "desk.json"
        self._secrets = var / "secrets.json"

    def open(self) -> None:
        """Take the desk for this process. Raises DeskError when another has it, or when the directory cannot be used.

        The kernel holds the lock, so one left by a killed desk is free at once; the file's number is for people.
        """
        try:
            self.var.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.var / "desk.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DeskError(
                f"The directory {self.var} cannot be used ({error.strerror}); name another in MM_VAR."
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.read(lock, 20).decode().strip() or "unknown"
            os.close(lock)
            address = self.read_address()
            where = f" at {address.url}" if address else ""
            raise DeskError(
                f"This desk is already running{where} (process {pid}); stop it with Ctrl-C there or `kill {pid}`, "
                "or start a second one with MM_VAR set to another directory."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def close(self) -> None:
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    @property
    def was_killed(self) -> bool:
        """Whether the last desk here ended without closing. To be asked before `open`."""
        lock = self.var / "desk.lock"
        return lock.exists() and bool(lock.read_text().strip())

    @property
    def is_running(self) -> bool:
        """Whether some process holds the desk now."""
        try:
            with (self.var / "desk.lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def secrets(self) -> dict[str, str]:
        """The desk's own secrets, made at its first start and kept for its owner alone."""
        try:
            kept: dict[str, str] = json.loads(self._secrets.read_text())
        except FileNotFoundError:
            kept = {name: secrets.token_urlsafe(48) for name in ("secret_key", "postgres", "valkey")}
            _write(self._secrets, kept)
        except (OSError, ValueError) as error:
            raise DeskError(
                f"The secrets of this desk cannot be read from {self._secrets} ({error}); "
                "restore the file, or run ./mm up --fresh to start with an empty desk."
            ) from None
        return kept

    def forget(self) -> None:
        """Drop secrets, keys and address; the data they belonged to are gone."""
        for path in (self._secrets, self._address, self.var / "vault.key", self.var / "vault.pub"):
            path.unlink(missing_ok=True)

    def read_address(self) -> Address | None:
        """Where the desk is, or was when it last ran."""
        try:
            return Address(**json.loads(self._address.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write_address(self, address: Address) -> None:
        _write(self._address, vars(address))


def _write(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` in one step, readable by its owner alone from its first byte on."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    with os.fdopen(handle, "w") as target:
        json.dump(content, target, indent=1)
    Path(name).replace(path)


def join_running_desk() -> None:
    """Take the environment of the desk that runs here, unless servers are named already."""
    if os.environ.get("DATABASE_URL"):
        return
    desk = Desk(var_directory())
    address = desk.read_address() if desk.is_running else None
    if address:
        os.environ.update(address.environment)
