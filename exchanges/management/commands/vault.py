from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count

from exchanges.models import SealedCredentials
from exchanges.services import rewrap
from exchanges.vault import KEY, KEY_FILE, PUBLIC_KEY_FILE, PrivateKey, Vault, VaultError, keep, sealing_key, vault

EPILOG = """
status    which keys are here, and how many credentials are sealed under each
key       print a new private key and its public half, for a vault whose key you keep yourself
rotate    make a new key, put it first in the key file, and wrap every data key for it. Run it again to finish what
          was interrupted. With a key in the environment: put the new one before the old one, restart, and run this
forget    take keys out of the key file that nothing is sealed under any more
"""


class Command(BaseCommand):
    help = "Look after the vault that seals exchange credentials." + EPILOG

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        import argparse

        return super().create_parser(*args, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["status", "key", "rotate", "forget"])

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")()
        except VaultError as error:
            raise CommandError(str(error)) from None

    def _status(self) -> None:
        here = vault()
        sealed = _by_key()
        for id in [*here.keys, *(id for id in sealed if id not in here.keys)]:
            words = "in use" if id == here.current.id else "still opens what is under it" if id in here.keys else "LOST"
            self.stdout.write(f"{id}  {sealed.get(id, 0):>4} sealed  {words}")
        if (seals := sealing_key().id) != here.current.id:
            raise CommandError(
                f"New credentials are sealed under {seals}, but the key in use is {here.current.id}: give the web "
                f"process the public half of the key in use ({here.current.public})."
            )
        if lost := [id for id in sealed if id not in here.keys]:
            raise CommandError(
                f"What is sealed under {', '.join(lost)} cannot be opened here: bring the key back, or enter those "
                "credentials again."
            )

    def _key(self) -> None:
        key = PrivateKey.new()
        self.stdout.write(f"{key.reveal()}\n{key.public}")

    def _rotate(self) -> None:
        here = vault()
        if any(id != here.current.id for id in _by_key()):
            self.stdout.write(f"Finishing an earlier rotation to {here.current.id}.")
        elif path := _key_file():
            keep(path, [PrivateKey.new(), *here.keys.values()], _public_file())
            here = vault()
            self.stdout.write(f"{here.current.id} is in use now; {path} keeps the older keys until `vault forget`.")
        else:
            raise CommandError(
                f"The key is in {KEY}, which a command cannot change. Put a new one (`vault key` makes it) before "
                "it, separated by a comma, give the web process its public half, restart, and run this again."
            )
        self._rewrap(here)

    def _rewrap(self, here: Vault) -> None:
        problems, count = 0, 0
        for pk in SealedCredentials.objects.exclude(key_id=here.current.id).values_list("pk", flat=True):
            try:
                if kept := rewrap(pk, here):
                    count += 1
                    self.stdout.write(f"{kept.account}: wrapped for {kept.key_id}")
            except VaultError as error:
                problems += 1
                self.stderr.write(str(error))
        if problems:
            raise CommandError(f"{count} wrapped anew; {problems} could not be opened, for the reasons above.")
        self.stdout.write(f"{count} wrapped anew; every credential is under {here.current.id}.")

    def _forget(self) -> None:
        here, sealed = vault(), _by_key()
        path = _key_file()
        if path is None:
            raise CommandError(f"The key is in {KEY}: take the old ones out of it yourself.")
        kept = [key for key in here.keys.values() if key.id == here.current.id or key.id in sealed]
        keep(path, kept, _public_file())
        for key in here.keys.values():
            words = "kept" if key in kept else "forgotten: nothing is sealed under it"
            self.stdout.write(f"{key.id}  {words}")


def _by_key() -> dict[str, int]:
    rows = SealedCredentials.objects.order_by().values_list("key_id").annotate(count=Count("pk"))
    return dict(rows)


def _key_file() -> Path | None:
    """Where the key may be changed; None when it was given in the environment."""
    return None if os.environ.get(KEY) else Path(os.environ[KEY_FILE])


def _public_file() -> Path | None:
    path = os.environ.get(PUBLIC_KEY_FILE)
    return Path(path) if path else None
