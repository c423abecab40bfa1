"""What opens an account at a venue, and where a component gets it: `runtime.credentials(account)`.

The file of a service names an account, never a key. A service that runs alone is given its credentials by the
environment or by a file that only its owner may read; a host unseals them. Keyless when the account is empty.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from engine.core.errors import AuthRejected

FILE = "MM_CREDENTIALS_FILE"
PREFIX = "MM_ACCOUNT_"
FIELDS = ("api_key", "secret", "passphrase", "uid")


class Credentials:
    """One account's secrets. Whatever prints it shows the fingerprint alone, and nothing can copy or store it.

    A venue that knows a wallet instead of a key takes its address as `api_key` and its private key as `secret`.
    """

    __slots__ = ("api_key", "passphrase", "secret", "uid")

    def __init__(self, *, api_key: str, secret: str, passphrase: str = "", uid: str = "") -> None:
        if not api_key or not secret:
            raise AuthRejected("Credentials need an api_key and a secret; one of them is empty.")
        self.api_key = api_key
        self.secret = secret
        self.passphrase = passphrase
        self.uid = uid

    @property
    def fingerprint(self) -> str:
        """Tells two keys apart and nothing else about them."""
        return hashlib.sha256(self.api_key.encode()).hexdigest()[:8]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never stand in a message, longest first, so that none is left in part."""
        return tuple(sorted({text for text in (self.api_key, self.secret, self.passphrase) if text}, key=len)[::-1])

    def __repr__(self) -> str:
        return f"<credentials {self.fingerprint}>"

    __str__ = __repr__

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("Credentials are not copied, pickled or stored.")


Keyring = Callable[[str], Credentials]
"""The credentials of an account by its name. Raises AuthRejected when there are none: a person must give them."""


def no_credentials(account: str) -> Credentials:
    """The keyring of a runtime that was given none, such as a rehearsal's."""
    raise AuthRejected(f'No credentials can be had here, so the account "{account}" cannot be opened.')


class EnvironmentKeyring:
    """For a service that runs alone: `MM_ACCOUNT_<NAME>_API_KEY`, `_SECRET`, `_PASSPHRASE`, `_UID`, or a TOML file
    named by `MM_CREDENTIALS_FILE` with a table for each account.

    An account's name is written in capitals in the environment, with an underscore for whatever is no letter or digit.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def __call__(self, account: str) -> Credentials:
        found = self._from_environment(account) or self._from_file(account)
        if not found:
            raise AuthRejected(
                f'There are no credentials for the account "{account}": set {_variable(account, "api_key")} and '
                f"{_variable(account, 'secret')}, or name a file by {FILE} that has a table [{account}]."
            )
        if missing := [name for name in ("api_key", "secret") if not found.get(name)]:
            raise AuthRejected(f'The credentials of the account "{account}" lack {" and ".join(missing)}.')
        return Credentials(**found)

    def _from_environment(self, account: str) -> dict[str, str]:
        found = {field: self._environment.get(_variable(account, field), "") for field in FIELDS}
        return {field: text for field, text in found.items() if text}

    def _from_file(self, account: str) -> dict[str, str]:
        path = self._environment.get(FILE, "")
        table = _tables(Path(path)).get(account) if path else None
        if table is None:
            return {}
        if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
            raise AuthRejected(f'In {path} the account "{account}" must be a table of texts.')
        if unknown := sorted(table.keys() - set(FIELDS)):
            raise AuthRejected(
                f'In {path} the account "{account}" has {", ".join(unknown)}; known are {", ".join(FIELDS)}.'
            )
        return table


def _variable(account: str, field: str) -> str:
    return f"{PREFIX}{re.sub(r'[^A-Z0-9]', '_', account.upper())}_{field.upper()}"


def _tables(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise AuthRejected(
                    f"{path} holds credentials and others may read or write it (mode {stat.S_IMODE(mode):o}); "
                    "make it its owner's alone: chmod 600."
                )
            return tomllib.load(file)
    except OSError as error:
        raise AuthRejected(f"{path}, named by {FILE}, cannot be read: {(error.strerror or '').lower()}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # The library's words may quote the file.
        raise AuthRejected(f"{path}, named by {FILE}, is not TOML.") from None
