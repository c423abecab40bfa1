"""What a venue says about one account when it is asked: what its key may do, and what is there."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol, runtime_checkable

import msgspec

from engine.market.types import Balance


class KeyPermissions(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do. None where the venue does not tell."""

    trade: bool | None = None
    withdraw: bool | None = None
    bound_to_addresses: bool | None = None
    """Whether it works from certain addresses only."""


UNSEEN = KeyPermissions()


class AccountReport(msgspec.Struct, frozen=True, kw_only=True):
    """None where the venue does not tell. `budget_left` is a share of 0 to 1 of the requests it allows us just now."""

    permissions: KeyPermissions = UNSEEN
    clock_skew_ms: Decimal | None = None
    """The venue's clock less ours, halfway through the question."""
    round_trip_ms: Decimal | None = None
    budget_left: Decimal | None = None
    balances: Mapping[str, Balance] = msgspec.field(default_factory=dict)


@runtime_checkable
class ReportsAccount(Protocol):
    """A loaded venue that can say all of this at once."""

    async def account_report(self) -> AccountReport:
        """Raises AuthRejected when the venue refuses the key, NotReady when it cannot be reached."""
        ...
