"""Children of one terminal: started, read into one log, restarted when they die, stopped in order.

One thread and one selector: the kernel ends a child when the *thread* that started it ends, so one starts them all.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from mmplatform.embedded import die_with_parent

STAMPED = re.compile(r"^\d{4}-\d\d-\d\d[T ][\d:.,]+Z? \[(\w+) *\] +")
"""How the platform's own processes begin a line: a time, which the merged log has already, and a level."""

Spawn = Callable[[], "subprocess.Popen[bytes]"]

FIRST_RESTART_AFTER_S = 0.5
LONGEST_RESTART_AFTER_S = 15.0
SETTLED_AFTER_S = 30.0
LINES_KEPT = 30
LONGEST_LINE = 8_000
COLOURS = {
    "desk": 1,
    "postgres": 34,
    "valkey": 36,
    "web": 32,
    "beat": 35,
    "worker": 33,
    "supervisor": 95,
    "engine": 94,
    "killer": 91,
}


class Stopped(Exception):
    """A person, or the system, asked us to stop. Raised by `pump`, so never while a process is half-started."""


class Log:
    """One readable stream: time, who, what. Colours only on a terminal, and not where NO_COLOR is set."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR")
        self._width = max(len(name) for name in COLOURS)

    def say(self, name: str, text: str) -> None:
        who = f"{name:<{self._width}}"
        if self._coloured:
            who = f"\x1b[{COLOURS.get(name, 0)}m{who}\x1b[0m"
        self._write(f"{time.strftime('%H:%M:%S')} {who} | {text}")

    def banner(self, lines: Iterable[str]) -> None:
        """Say something a person should not have to search for."""
        self._write("\n" + "\n".join(f"    {line}" for line in lines) + "\n")

    def _write(self, text: str) -> None:
        try:
            print(text, file=self._stream, flush=True)
        except (BrokenPipeError, ValueError):
            # The terminal is gone; the desk is stopped by the SIGHUP that came with it, not by a failing print.
            self._stream = open(os.devnull, "w")  # noqa: SIM115


@dataclass(eq=False)
class Child:
    """A process that should be there. `quiet` hides lines of routine; the last thirty are kept for when it dies."""

    name: str
    spawn: Spawn
    stop_signal: signal.Signals = signal.SIGTERM
    patience_s: float = 8.0
    quiet: re.Pattern[str] | None = None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    restart_after_s: float = FIRST_RESTART_AFTER_S
    restarts: int = 0
    recent: deque[tuple[bool, str]] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    partial: bytes = b""

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


def command_of(arguments: list[str], *, environment: Mapping[str, str], directory: Path) -> Spawn:
    """Return what starts `arguments` as a child that dies with us and reports through one pipe."""

    def spawn() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            arguments,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the launcher, which stops things in order
            preexec_fn=die_with_parent(signal.SIGTERM),
        )

    return spawn


class Household:
    """The children and their one log. Nothing happens except inside `pump`, `start` and `stop`."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.children: dict[str, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._stopping: set[str] = set()
        self._request = ""
        self._is_closing = False

    def heed_signals(self) -> None:
        """Have Ctrl-C, SIGTERM and a closed terminal end the next `pump` with Stopped."""
        reasons = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "asked to stop", signal.SIGHUP: "the terminal was closed"}
        for number, reason in reasons.items():
            signal.signal(number, lambda *_, reason=reason: setattr(self, "_request", reason))

    def start(self, child: Child) -> None:
        self.children[child.name] = child
        self._begin(child)

    def pump(self, timeout_s: float) -> None:
        """Pass on what the children wrote, waiting at most `timeout_s` for it, and restart those that died.

        Raises Stopped when we were asked to stop; while stopping already, only says that it is at it.
        """
        if self._request:
            reason, self._request = self._request, ""
            if not self._is_closing:
                raise Stopped(reason)
            waiting = ", ".join(name for name in self._stopping if self.children[name].is_alive)
            self.log.say("desk", f"still stopping; waiting for {waiting}")
        for key, _ in self._selector.select(timeout_s):
            self._read(key.data)
        now = time.monotonic()
        for child in list(self.children.values()):
            if child.name in self._stopping or child.is_alive:
                continue
            if child.restart_at is None:
                self._mourn(child, now)
            elif now >= child.restart_at:
                child.restarts += 1
                self._begin(child)

    def run(self, child: Child) -> int:
        """Run a command to its end, everybody else's lines passing on meanwhile. Return its exit code."""
        self._stopping.add(child.name)  # its end is no accident
        self.start(child)
        try:
            while child.is_alive:
                self.pump(0.05)
        except BaseException:
            if child.process:
                child.process.terminate()
            raise
        self._drain(child)
        assert child.process
        return child.process.wait()

    def stop(self, names: Iterable[str]) -> None:
        """Ask these to end, in parallel, and wait; one that outstays its patience is killed, and the log says so."""
        self._is_closing = True
        waiting = [self.children[name] for name in names if name in self.children]
        asked_at = time.monotonic()
        for child in waiting:
            self._stopping.add(child.name)
            if child.process and child.is_alive:
                child.process.send_signal(child.stop_signal)
        while any(child.is_alive for child in waiting):
            self.pump(0.05)
            for child in waiting:
                if child.process and child.is_alive and time.monotonic() - asked_at > child.patience_s:
                    self.log.say(child.name, f"did not stop within {child.patience_s:g} s and was killed")
                    child.process.kill()
                    child.process.wait()
        for child in waiting:
            self._drain(child)

    def last_words(self, child: Child) -> str:
        """Return the last lines of a child, hidden ones included."""
        self._drain(child)
        return "\n".join(line for _, line in child.recent)

    def unclean(self) -> dict[str, int]:
        """Exit codes, by name, of those that ended otherwise than with 0 or by the signal they were sent."""
        ended = {child: child.process.returncode for child in self.children.values() if child.process}
        return {child.name: code for child, code in ended.items() if code not in (None, 0, -child.stop_signal)}

    def _begin(self, child: Child) -> None:
        try:
            self._watch(child, child.spawn())
        except OSError as error:
            self.log.say(child.name, f"could not be started: {error}")
            self._mourn(child, time.monotonic())

    def _watch(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        child.process, child.partial = process, b""
        child.started_at, child.restart_at = time.monotonic(), None
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, child)

    def _mourn(self, child: Child, now: float) -> None:
        """Say why it died, and when it is tried again: soon at first, then at growing intervals."""
        if now - child.started_at > SETTLED_AFTER_S:
            child.restart_after_s = FIRST_RESTART_AFTER_S
        code = child.process.returncode if child.process else None
        how = (
            f"was ended by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with code {code}"
        )
        self._drain(child)
        for was_shown, line in child.recent:
            if not was_shown:
                self.log.say(child.name, line)
        child.recent.clear()
        self.log.say("desk", f"{child.name} {how}; starting it again in {child.restart_after_s:g} s")
        child.restart_at = now + child.restart_after_s
        child.restart_after_s = min(child.restart_after_s * 2, LONGEST_RESTART_AFTER_S)

    def _read(self, child: Child) -> bool:
        """Pass on what is there; False when nothing is (yet, or ever again)."""
        stream = child.process and child.process.stdout
        if not stream or stream.closed:
            return False
        chunk: bytes | None = stream.read(65_536)
        if chunk == b"":
            self._selector.unregister(stream)
            stream.close()
        if not chunk:
            return False
        *lines, child.partial = (child.partial + chunk).split(b"\n")
        if len(child.partial) > LONGEST_LINE:
            lines, child.partial = [*lines, child.partial], b""
        for line in lines:
            self._pass_on(child, line)
        return True

    def _drain(self, child: Child) -> None:
        """Read the last words of a child that ended; not to the end of the pipe, which a grandchild may hold open."""
        while self._read(child):
            pass
        if child.partial:
            self._pass_on(child, child.partial)
            child.partial = b""
        if child.process and child.process.stdout and not child.process.stdout.closed:
            self._selector.unregister(child.process.stdout)
            child.process.stdout.close()

    def _pass_on(self, child: Child, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if not text:
            return
        shown = child.quiet is None or not child.quiet.search(text)
        child.recent.append((shown, text))
        if shown:
            self.log.say(child.name, _tidy(text))


def _tidy(text: str) -> str:
    """The line without what the merged log says anyway; a level stays where it matters."""
    stamp = STAMPED.match(text)
    if not stamp:
        return text
    rest = re.sub(r" {2,}", "  ", text[stamp.end() :])
    return rest if stamp[1] in ("info", "debug") else f"{stamp[1].upper()} {rest}"
