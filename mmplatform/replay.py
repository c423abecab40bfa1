"""`./mm replay`: a mandate on recorded market data, through the very desk that quotes: host, records, pages.

Joins the desk that runs; without one it opens one for the time, in which nothing but replays may run.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmplatform.desk import ROOT, Address, Desk, var_directory
from mmplatform.embedded import die_with_parent

OPEN_PATIENCE_S = 120.0
BAD_INPUT = 2
NO_DESK = 3


class NoDesk(RuntimeError):
    """There is no desk to run the replay, and none could be opened."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./mm replay",
        description="Run a mandate on recorded market data and report the session.",
        epilog="Exit codes: 0 played to its end; 1 played, but the recording is damaged (the report names how); "
        "2 file, speed or strategy cannot be used; 3 the desk could not play it.",
    )
    parser.add_argument("file", type=Path, help="the recording")
    parser.add_argument("--speed", default="1", help="a multiple of real time, or max (default 1)")
    parser.add_argument("--symbol", default="", help="such as BTC/USDT, when the recording holds several")
    parser.add_argument(
        "--strategy", type=Path, metavar="FILE.yaml", help="quote by this file instead of the mandate's"
    )
    parser.add_argument("--mandate", metavar="SLUG", help="play it to this mandate; left out, one is found or made")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the report to this file")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if problem := _problem(options):
        print(f"mm: {problem}", file=sys.stderr)
        return BAD_INPUT
    try:
        with _desk() as desk:
            return _play(options, desk)
    except NoDesk as error:
        print(f"mm: {error}", file=sys.stderr)
        return NO_DESK
    except KeyboardInterrupt:
        return 130


def _problem(options: argparse.Namespace) -> str:
    """What is wrong with what was typed, as far as it can be seen without reading the recording."""
    if not options.file.exists():
        return f"There is no recording at {options.file}."
    if options.strategy and not options.strategy.is_file():
        return f"There is no strategy file at {options.strategy}."
    if options.json and not options.json.absolute().parent.is_dir():
        return f"The report cannot be written to {options.json}: there is no such directory."
    if options.speed != "max" and not (re.fullmatch(r"\d+(\.\d+)?", options.speed) and float(options.speed) > 0):
        return f"The speed is a multiple of real time above 0, or max; it was {options.speed}."
    return ""


def _play(options: argparse.Namespace, desk: OpenDesk) -> int:
    os.environ |= desk.environment
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmplatform.settings")

    import django
    from django.core.management import call_command

    django.setup()
    try:
        call_command(
            "replay",
            options.file.resolve(),
            speed=options.speed,
            symbol=options.symbol,
            mandate=options.mandate,
            strategy=options.strategy,
            json=options.json,
            url=desk.url,
            sign_in=desk.is_ours,
        )
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@dataclass(frozen=True)
class OpenDesk:
    """A desk to play on: its address and the environment to join it with."""

    url: str
    environment: dict[str, str]
    is_ours: bool = False


@contextmanager
def _desk() -> Iterator[OpenDesk]:
    """The desk that runs, or one opened for the time it is needed."""
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        # Somebody else's servers have their own workers; ours would compete with them for the seats.
        yield OpenDesk(url=os.environ.get("MM_URL", ""), environment={})
        return
    desk = Desk(var_directory())
    if desk.is_running:
        address = _wait_until_open(desk)
        yield OpenDesk(url=address.url, environment=address.environment)
        return
    log = desk.var / "replay.log"
    desk.var.mkdir(parents=True, exist_ok=True)
    print("No desk is running here, so one is opened for this replay alone …", flush=True)
    with log.open("wb") as output:
        opened = subprocess.Popen(
            [sys.executable, "-m", "mmplatform.up", "--no-start"],
            cwd=ROOT,
            # No seat for engines: what was ACTIVE when this desk last closed stays where it is.
            env={**os.environ, "MM_ENGINE_SLOTS": "0"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    try:
        address = _wait_until_open(desk, opened, log)
        yield OpenDesk(url=address.url, environment=address.environment, is_ours=True)
    finally:
        opened.terminate()
        opened.wait()


def _wait_until_open(desk: Desk, opened: subprocess.Popen[bytes] | None = None, log: Path | None = None) -> Address:
    """Wait for the pages of a desk, ours (`opened`) or another's."""
    give_up_at = time.monotonic() + OPEN_PATIENCE_S
    while time.monotonic() < give_up_at:
        address = desk.read_address()
        if address and address.ready and (address.pid == opened.pid if opened else desk.is_running):
            return address
        if opened and opened.poll() is not None:
            break
        time.sleep(0.1)
    words = log.read_text(errors="replace")[-2000:] if log else ""
    raise NoDesk(f"The desk in {desk.var} did not open.\n{words}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
