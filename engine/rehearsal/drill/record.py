"""The written record of a drill: everything for a machine, one line a switch for a person."""

from __future__ import annotations

import msgspec

from engine.core.clock import utc
from engine.rehearsal.drill.run import Trial


class DrillRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One drill. `trials` depend on seed, platform and configuration alone, so a drill can be held again."""

    at_ns: int
    platform: str
    seed: int
    trials: tuple[Trial, ...]
    control: Trial | None
    without_scenario: tuple[str, ...] = ()
    """Kill switches that are installed and that no drill knows how to provoke: those of plugins."""

    @property
    def passed(self) -> bool:
        control = self.control is not None and self.control.passed
        return bool(self.trials) and control and all(trial.passed for trial in self.trials)


def as_json(record: DrillRecord) -> bytes:
    """The record with every event, money as text."""
    told = msgspec.to_builtins(record) | {"passed": record.passed}
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def as_text(record: DrillRecord) -> str:
    trials = [*record.trials, *([record.control] if record.control else [])]
    head = (
        f"Drill of {len(record.trials)} kill switches in a simulated market\n"
        f"held {utc(record.at_ns):%Y-%m-%d %H:%M:%S} UTC, {record.platform}, seed {record.seed}\n"
    )
    missing = [without_scenario(id) for id in record.without_scenario]
    hashes = [f"{trial.switch} {trial.configuration_sha256}" for trial in trials]
    return "\n".join(
        [head, *map(line, trials), *missing, "", verdict(record), "", "Configurations, SHA-256:", *hashes, ""]
    )


def line(trial: Trial) -> str:
    """One trial in one calm line."""
    start = f"{_mark(trial.passed)} {trial.switch.removeprefix('killswitches.')}: {trial.provoked}"
    if trial.problem:
        return f"{start}. {trial.problem}" + (f" It said: {trial.reason}" if trial.reason else "")
    if trial.tripped_after_s is None:
        return f"{start}; nothing tripped, still {trial.state}"
    return (
        f"{start}; tripped after {trial.tripped_after_s:.1f} s, {trial.orders_cancelled} orders cancelled, "
        f"proven clean in {trial.proven_clean_ms:.0f} ms, {trial.state}. {trial.reason}"
    )


def without_scenario(id: str) -> str:
    return f"{_mark(None)} {id}: no scenario; the drill does not know how to provoke it"


def verdict(record: DrillRecord) -> str:
    failed = [trial.switch for trial in record.trials if not trial.passed]
    if failed:
        return f"FAILED: {', '.join(failed)}. Do not trade on a switch that has not shown that it works."
    if record.control is None or not record.control.passed:
        return "FAILED: the control run, in which nothing was done. A switch that trips by itself will be ignored."
    return f"Passed: {len(record.trials)} of {len(record.trials)} tripped and were proven clean; in peace none did."


def _mark(passed: bool | None) -> str:
    return {True: "ok    ", False: "FAILED", None: "-     "}[passed]
