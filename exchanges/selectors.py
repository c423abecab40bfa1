"""What is known of venues and accounts."""

from __future__ import annotations

from collections.abc import Iterable

from exchanges.models import AccountCheck, ExchangeAccount, Venue

ALL_FIELDS = ("api_key", "secret", "passphrase", "uid")


def latest_checks(accounts: Iterable[ExchangeAccount]) -> dict[int, AccountCheck]:
    """The last check of each account, by its key."""
    checks = AccountCheck.objects.filter(account__in=[account.pk for account in accounts])
    newest = checks.order_by("account_id", "-asked_at", "-id").distinct("account_id")
    return {check.account_id: check for check in newest}


def needed_fields(venue: Venue) -> tuple[str, ...]:
    """What the venue wants to be given; all there is where nobody has told yet."""
    return ALL_FIELDS
