"""The account a deployment trades with, and how its service is handed what opens it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.errors import AuthRejected
from engine.venues.credentials import Credentials
from exchanges.vault import Binding, Sealed, VaultError, vault


@dataclass(frozen=True, kw_only=True)
class HeldAccount:
    """A deployment's account as its row describes it. Only a live deployment brings the seal along."""

    name: str
    binding: Binding | None = None
    sealed: Sealed | None = None

    def credentials(self, account: str) -> Credentials:
        """The keyring of this deployment's runtime: opened when a component asks, and kept nowhere here.

        Raises AuthRejected for any other account, and when the vault does not open.
        """
        if account != self.name:
            raise AuthRejected(f'This deployment trades with the account "{self.name}" and opens no "{account}".')
        if self.sealed is None or self.binding is None:
            raise AuthRejected(f'The account "{account}" holds no key here: only a live deployment opens one.')
        try:
            return vault().open(self.sealed, self.binding)
        except VaultError as error:
            raise AuthRejected(str(error)) from None
