from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clients.errors import Refusal
from monitoring.services import recordings_scan


class Command(BaseCommand):
    help = "Register the market-data recordings of a folder, so that replays can be started from the web."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", nargs="?", type=Path, help="left out: the folder named by MM_MARKET_DATA")

    def handle(self, *args: Any, folder: Path | None, **options: Any) -> None:
        if folder is None and not os.environ.get("MM_MARKET_DATA"):
            raise CommandError("Name a folder of recordings, or set MM_MARKET_DATA.")
        try:
            found = recordings_scan(folder or Path(os.environ["MM_MARKET_DATA"]))
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        for recording in found:
            problem = f", {recording.problem}" if recording.problem else ""
            self.stdout.write(f"{recording.symbol:12} {recording.messages:>9} messages  {recording.name}{problem}")
        self.stdout.write(f"{len(found)} recorded markets are registered.")
