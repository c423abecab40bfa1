"""The platform's own processes by name, and `python -m mmplatform.serve NAME` to be one of them.

One list for every setting: ./mm up starts these, and so does docker-compose.yml.
"""

from __future__ import annotations

import argparse
import os
import sys

WEB = ["mmplatform.asgi:application", "--loop", "uvloop", "--log-level", "warning", "--timeout-graceful-shutdown", "3"]
WORKER = ["worker", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]


def commands(*, engine_seats: int, host: str = "127.0.0.1", port: int = 8000) -> dict[str, list[str]]:
    """Return the command line of each process. An engine worker has a child for each seat, hosting many deployments."""
    python = sys.executable
    celery = [python, "-m", "celery", "--quiet", "-A", "mmplatform.celery"]
    return {
        "web": [python, "-m", "uvicorn", *WEB, "--host", host, "--port", str(port)],
        "engine": [*celery, *WORKER, "-n", "engine@%h", "-Q", "engine", "-c", str(engine_seats)],
        "supervisor": [*celery, *WORKER, "-n", "supervisor@%h", "-Q", "supervise", "-c", "1"],
        "killer": [*celery, *WORKER, "-n", "killer@%h", "-Q", "kill", "-c", "1"],
        "worker": [*celery, *WORKER, "-n", "worker@%h", "-Q", "default", "-c", "1"],
        "beat": [*celery, "beat", "--loglevel", "INFO"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mmplatform.serve", description="Be one process of the platform.")
    parser.add_argument("name", choices=sorted(commands(engine_seats=1)))
    parser.add_argument("--host", default="127.0.0.1", help="address the web process listens on")
    parser.add_argument("--port", type=int, default=8000, help="of the web process")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmplatform.settings")

    from django.conf import settings

    seats = settings.ENGINE_SLOTS + settings.REHEARSAL_SLOTS
    command = commands(engine_seats=seats, host=options.host, port=options.port)[options.name]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
