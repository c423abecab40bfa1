"""`./mm test`: every test, in the processes each kind needs, and one closing line that counts them.

Most run in parallel; those that kill real processes run alone, since their timing matters; those in a browser get a
process of their own, since Playwright's event loop and pytest-asyncio's cannot share one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTHING_COLLECTED = 5


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./mm test",
        description=__doc__,
        epilog="Anything else is handed to pytest: ./mm test tests/engine -k rounding",
    )
    parser.add_argument("--only", choices=["plain", "resilience", "browser"], help="run one of the three kinds")
    options, for_pytest = parser.parse_known_args()

    workers = str(max(3, min((os.cpu_count() or 2) + 1, 8)))  # one more than cores: many wait for a server of their own
    suites = {
        "plain": ["-n", workers, "--dist", "worksteal", "-m", "not browser and not resilience"],
        "resilience": ["-m", "resilience and not browser"],
        "browser": ["-m", "browser"],
    }
    total = Count()
    broken = []
    for name, selection in suites.items():
        if options.only in (None, name):
            print(f"── {name} tests", flush=True)
            code, count = _run(selection + for_pytest, in_browser=name == "browser")
            total += count
            if code not in (0, NOTHING_COLLECTED):
                broken.append(name)
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    if not total.passed and not total.failed:
        print("No test ran; check the names given.", file=sys.stderr)
        return NOTHING_COLLECTED
    if broken and not total.failed:
        print(f"pytest itself failed in: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken or total.failed else 0


def _run(arguments: list[str], *, in_browser: bool) -> tuple[int, Count]:
    environment = dict(os.environ)
    if in_browser:
        environment["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with tempfile.TemporaryDirectory(prefix="mm-suite-") as directory:
        record = Path(directory) / "results.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-rs", f"--junitxml={record}", *arguments]
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        return code, _count(record)


def _count(record: Path) -> Count:
    if not record.exists():
        return Count()
    total = Count()
    for suite in ElementTree.parse(record).getroot().iter("testsuite"):
        ran, failures, errors, skipped = (int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped"))
        failed = failures + errors
        total += Count(ran - failed - skipped, failed, skipped)
    return total


if __name__ == "__main__":
    sys.exit(main())
