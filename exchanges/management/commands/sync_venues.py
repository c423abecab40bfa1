from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from exchanges.catalogue import claims_of, claims_read, venues_sync
from exchanges.models import Venue


class Command(BaseCommand):
    help = "Make a record of every centralised venue there is a component for, and read what the library claims of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quick", action="store_true", help="leave the library's claims to a worker")
        parser.add_argument("--again", action="store_true", help="read the claims of every venue anew")

    def handle(self, *args: Any, quick: bool, again: bool, **options: Any) -> None:
        new = venues_sync()
        if again:
            Venue.objects.update(catalogued_at=None)
        read = 0
        while not quick and (count := claims_read(claims_of)):
            read += count
        self.stdout.write(f"{new} venues are new; of {read} the library's claims were read.")
