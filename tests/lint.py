"""`./mm lint`: style, import directions, types. Every check runs, so one call shows everything there is to mend."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "imports": ["lint-imports", "--no-logo"],
    "types": ["mypy"],
}
MENDS = [["ruff", "check", "--fix", "."], ["ruff", "format", "."]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="./mm lint", description=__doc__)
    parser.add_argument("--fix", action="store_true", help="first mend what ruff can mend by itself")
    if parser.parse_args().fix:
        for command in MENDS:
            _run(command)
    failed = []
    for name, command in CHECKS.items():
        started = time.monotonic()
        code = _run(command)
        print(f"── {name}: {'fine' if code == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s)", flush=True)
        if code:
            failed.append(name)
    print(
        f"lint: {len(CHECKS) - len(failed)} passed, {len(failed)} failed" + (f": {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


def _run(command: list[str]) -> int:
    return subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
