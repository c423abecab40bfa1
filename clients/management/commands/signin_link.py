from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clients.access import Action, may
from clients.choices import DeskRole
from clients.errors import Refusal
from clients.models import User
from clients.services import LINK_LIVES, one_time_link

RANK = [DeskRole.ADMIN, DeskRole.OPERATOR, DeskRole.RISK, DeskRole.APPROVER, DeskRole.TREASURER, DeskRole.VIEWER]


class Command(BaseCommand):
    help = f"Print the path of a sign-in link that works once, within {LINK_LIVES.seconds // 60} minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--user", metavar="NAME", help="Whom it signs in; left out, whoever may do most on the desk."
        )
        parser.add_argument("--portal", action="store_true", help="A client's person instead of one of the desk.")

    def handle(self, *args: Any, user: str | None, portal: bool, **options: Any) -> None:
        people = User.objects.filter(is_active=True).order_by("pk")
        if portal:
            people = people.filter(desk_role=DeskRole.NONE, memberships__isnull=False).distinct()
        else:
            people = people.exclude(desk_role=DeskRole.NONE) if user is None else people
        if user is not None:
            people = people.filter(username=user)
        chosen = min(people, key=_rank, default=None)
        if chosen is None:
            raise CommandError(self._nobody(user, portal))
        try:
            self.stdout.write(one_time_link(chosen))
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None

    def _nobody(self, user: str | None, portal: bool) -> str:
        kind = "person of a client" if portal else "person of the desk" if user is None else "user"
        named = f" called {user}" if user else ""
        return f"There is no active {kind}{named}; manage.py demo makes the demo desk's people."


def _rank(user: User) -> int:
    return RANK.index(DeskRole(user.desk_role)) if may(user, Action.VIEW) else len(RANK)
