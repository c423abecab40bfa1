"""Bring the database up to this version and fill what a first start needs. One process: each start of Django costs."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import django
import redis
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="where to write what was found out, as JSON")
    parser.add_argument("--demo", action="store_true", help="create the demo desk")
    parser.add_argument("--start", action="store_true", help="and start its deployments")
    options = parser.parse_args()
    django.setup()
    try:
        connection.ensure_connection()
    except OperationalError as error:
        print(f"The database at {_place(settings.DATABASE_URL)} cannot be used: {error}")
        return 1
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3).ping()
    except redis.RedisError as error:
        print(f"The broker at {_place(settings.REDIS_URL)} cannot be used: {error}")
        return 1
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    call_command("sync_venues", quick=True, stdout=io.StringIO())
    if options.demo:
        call_command("demo", start=options.start)
    if os.environ.get("MM_MARKET_DATA"):
        try:
            call_command("recordings")
        except CommandError as error:
            print(error)
    seats = settings.ENGINE_SLOTS + settings.REHEARSAL_SLOTS
    _write(options.result, {"sign_in": _sign_in_link(), "engine_seats": seats})
    return 0


def _sign_in_link() -> str | None:
    link = io.StringIO()
    try:
        call_command("signin_link", stdout=link)
    except CommandError:
        print("Nobody can sign in yet; make the first person with .venv/bin/python manage.py createsuperuser")
        return None
    return link.getvalue().strip()


def _place(url: str) -> str:
    """The part of a server's URL that may be shown."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}"


def _write(path: Path, found: dict[str, object]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        json.dump(found, target)


if __name__ == "__main__":
    sys.exit(main())
