"""`./mm bench`: run the measurements and print them against what is promised."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import bench
from bench import Figure


def names() -> list[str]:
    return sorted(found.name for found in pkgutil.iter_modules(bench.__path__) if not found.name.startswith("_"))


def summary(name: str) -> str:
    return (importlib.import_module(f"bench.{name}").__doc__ or "").strip().splitlines()[0]


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmplatform.settings")
    parser = argparse.ArgumentParser(prog="./mm bench", description="Measure what we claim about speed.")
    parser.add_argument("name", nargs="*", metavar="NAME", help="which to run; all without one")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures to this file")
    options = parser.parse_args()
    if options.list:
        for name in names():
            print(f"{name:16} {summary(name)}")
        return 0
    if unknown := sorted(set(options.name) - set(names())):
        print(f"mm: there is no bench `{unknown[0]}`; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    results = {}
    for name in options.name or names():
        print(f"── {name}: {summary(name)}", flush=True)
        began = time.monotonic()
        figures: list[Figure] = importlib.import_module(f"bench.{name}").run()
        results[name] = figures
        for figure in figures:
            print(f"   {figure.name:<44} {figure.value:>12.3f} {figure.unit:<10} {_verdict(figure)}")
        print(f"   ({time.monotonic() - began:.1f} s)", flush=True)
    if options.json:
        options.json.write_text(json.dumps(_record(results), indent=1) + "\n")
    missed = [f"{name}: {figure.name}" for name, figures in results.items() for figure in figures if not figure.holds]
    if missed:
        print("not as promised: " + "; ".join(missed))
    return 1 if missed else 0


def _verdict(figure: Figure) -> str:
    if figure.at_most is None and figure.at_least is None:
        return ""
    promise = f"at most {figure.at_most:g}" if figure.at_most is not None else f"at least {figure.at_least:g}"
    return f"{'holds' if figure.holds else 'MISSED'}, promised {promise}"


def _record(results: dict[str, list[Figure]]) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "figures": {name: [asdict(figure) for figure in figures] for name, figures in results.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
