"""One YAML file, run alone: `python -m engine.core.runner FILE.yaml`. With --catalog: what a file may be made of.

Exit codes: 0 ran and let go cleanly, 1 failed while running, 2 the configuration cannot be used.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog
import uvloop

from engine.core.catalog import Catalog
from engine.core.catalog_text import entry_in_text, list_in_text
from engine.core.component import Identity
from engine.core.config import Config, load_config
from engine.core.container import Container
from engine.core.errors import EngineError
from engine.core.log import configure
from engine.core.plugins import Registry, UnknownComponent
from engine.core.problems import ConfigError
from engine.venues.credentials import EnvironmentKeyring

OK, FAILED, UNUSABLE = 0, 1, 2

log = structlog.get_logger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Check or run a service, or show the catalog; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if (options.file is None) is (options.catalog is None):
        parser.error("name the file of a service, or ask for the --catalog")
    configure(json=True if options.json_logs else None)
    registry = Registry.installed()
    if options.catalog is not None:
        return _show_catalog(registry, options.catalog)
    try:
        config = load_config(_text_of(options.file), filename=str(options.file), registry=registry)
        if options.check:
            Container(config, registry)
            print(_summary(config))
            return OK
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(config, registry, for_s=options.for_s))
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        count = len(error.problems)
        print(f"{options.file} cannot be used: {count} problem{'s' if count > 1 else ''}.", file=sys.stderr)
        return UNUSABLE


def _show_catalog(registry: Registry, id: str) -> int:
    """Print one component, or the list of all when the id is empty."""
    catalog = Catalog.of(registry)
    try:
        print(entry_in_text(catalog, id) if id else list_in_text(catalog), flush=True)
    except UnknownComponent as error:
        print(f"{error}. {error.suggestion}".rstrip(), file=sys.stderr)
        return UNUSABLE
    except BrokenPipeError:  # `| head` has read enough; without this Python complains once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK


async def run(config: Config, registry: Registry, *, for_s: float | None = None) -> int:
    """Load, start and watch a service until a signal, the end of its time, or a fault; then unload."""
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end(reason: str) -> None:
        if not ended.done():
            ended.set_result(reason)

    symbol = config.components[config.service].args.get("symbol", "")
    identity = Identity(symbol=str(symbol))
    container = Container(config, registry, identity=identity, credentials=EnvironmentKeyring(), on_fault=end)
    _listen_for_signals(end)
    failure: BaseException | None = None
    up = asyncio.create_task(_bring_up(container), name="bring up")
    either: list[asyncio.Future[Any]] = [up, ended]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        up.cancel()
        await asyncio.wait({up})
    if not up.cancelled() and (failure := up.exception()) is None:
        await asyncio.wait({ended}, timeout=for_s)
    end("its time is up")
    if failure is None:
        log.info("stopping", reason=ended.result())
    elif isinstance(failure, EngineError):
        log.error("the service could not start", reason=str(failure))
    else:
        log.error("the service could not start", exc_info=failure)
    await container.unload()
    if failure or container.fault or container.unload_errors:
        return FAILED
    log.info("stopped cleanly")
    return OK


async def _bring_up(container: Container) -> None:
    await container.load()
    await container.begin()
    # Nothing starts by itself; here a person just typed the command.
    await container.within(container.service.start("started from the command line"))


def _listen_for_signals(end: Callable[[str], None]) -> None:
    """First signal: stop. Any further one only says that stopping is under way, so that it can finish."""
    loop = asyncio.get_running_loop()
    seen: list[signal.Signals] = []

    def hear(number: signal.Signals) -> None:
        if seen:
            log.warning("already stopping; orders are being cancelled", signal=number.name)
        seen.append(number)
        end(f"received {number.name}")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hear, number)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        sentence = f"{file} cannot be read: {(error.strerror or str(error)).lower()}."
    except UnicodeDecodeError:
        sentence = f"{file} is not a text file; a service is written in YAML."
    print(sentence, file=sys.stderr)
    raise SystemExit(UNUSABLE)


def _summary(config: Config) -> str:
    service = config.components[config.service]
    count = len(config.components)
    things = f"{count} component{'s' if count > 1 else ''}"
    return f'{config.filename} can run: {things}, service "{service.name}" ({service.id}).'


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"must be more than 0 seconds, was {text}")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./mm engine",
        description="Run one service from its YAML file, without any database or web server.",
        epilog="Exit codes: 0 ran and stopped cleanly, 1 failed while running, 2 the configuration cannot be used.",
    )
    parser.add_argument("file", type=Path, nargs="?", help="the service, for example docs/example-service.yaml")
    parser.add_argument(
        "--catalog",
        nargs="?",
        const="",
        metavar="ID",
        help="instead of a file: list every building block, or show one with an example",
    )
    parser.add_argument("--check", action="store_true", help="say what is wrong with the file and do not run it")
    parser.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS", help="stop by itself after this long")
    parser.add_argument("--json-logs", action="store_true", help="log JSON lines even to a terminal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
