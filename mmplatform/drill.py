"""`./mm drill`: every kill switch, tripped on purpose in a simulated market, and a written record of it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from importlib.metadata import version
from pathlib import Path

from engine.core.clock import utc
from engine.core.log import configure
from engine.core.plugins import Registry
from engine.rehearsal.drill.record import DrillRecord, as_json, as_text, line, verdict, without_scenario
from engine.rehearsal.drill.run import Trial, drill, switches
from engine.rehearsal.drill.scenarios import SCENARIOS
from mmplatform.desk import var_directory

FAILED = 1
BAD_INPUT = 2


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./mm drill",
        description="Trip every kill switch on purpose: a whole service in a simulated market, its orders cancelled "
        "and proven gone. Needs no desk and touches none.",
        epilog="Exit codes: 0 each tripped, was proven clean, and none tripped when nothing was done; 1 one did not; "
        "2 a switch is not known, or the record cannot be written.",
    )
    parser.add_argument("switch", nargs="*", help="such as loss; left out, every one that is installed")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another market (default 1)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the record to this file")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    configure(level="CRITICAL")  # halts are what is wanted here; the record tells of them
    registry = Registry.installed()
    installed = switches(registry)
    asked = [_id(name) for name in options.switch] or installed
    if unknown := [id for id in asked if id not in installed]:
        return _stop(f"There is no kill switch {unknown[0]}; there are {', '.join(map(_short, installed))}.")
    if options.json and not options.json.absolute().parent.is_dir():
        return _stop(f"The record cannot be written to {options.json}: there is no such directory.")
    if options.seed < 0:
        return _stop(f"The seed is a whole number of 0 or more; it was {options.seed}.")
    record = asyncio.run(_hold(asked, seed=options.seed, registry=registry))
    written = _write(record)
    if options.json:
        options.json.write_bytes(as_json(record))
    print(f"\n{verdict(record)}\nWritten to {written} and {written.with_suffix('.json').name} beside it.")
    return 0 if record.passed else FAILED


async def _hold(asked: list[str], *, seed: int, registry: Registry) -> DrillRecord:
    at_ns = time.time_ns()
    trials: list[Trial] = []
    control: Trial | None = None
    async for trial in drill(asked, seed=seed, registry=registry):
        print(line(trial), flush=True)
        if trial.switch == "control":
            control = trial
        else:
            trials.append(trial)
    strange = tuple(id for id in asked if id not in SCENARIOS)
    for id in strange:
        print(without_scenario(id), flush=True)
    return DrillRecord(
        at_ns=at_ns,
        platform=f"mmplatform {version('mmplatform')}",
        seed=seed,
        trials=tuple(trials),
        control=control,
        without_scenario=strange,
    )


def _write(record: DrillRecord) -> Path:
    """The record under var/drills, by its time; returns the readable one."""
    directory = var_directory() / "drills"
    directory.mkdir(parents=True, exist_ok=True)
    text = directory / f"{utc(record.at_ns):%Y%m%d-%H%M%S-%f}.txt"
    text.write_text(as_text(record), encoding="utf-8")
    text.with_suffix(".json").write_bytes(as_json(record))
    return text


def _id(name: str) -> str:
    return name if "." in name else f"killswitches.{name}"


def _short(id: str) -> str:
    return id.removeprefix("killswitches.")


def _stop(sentence: str) -> int:
    print(f"mm: {sentence}", file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
