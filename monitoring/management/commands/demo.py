from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from monitoring.demo import desk


class Command(BaseCommand):
    help = "Make the demo desk: invented clients on simulated markets. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--start", action="store_true", help="Also start its paper deployments, as the demo operator's act."
        )

    def handle(self, *args: Any, start: bool, **options: Any) -> None:
        deployments = desk.build()
        self.stdout.write(
            f"The demo desk has {len(desk.CLIENTS)} clients and {len(deployments)} mandates on simulated markets."
        )
        if start:
            for line in desk.start(deployments):
                self.stdout.write(line)
