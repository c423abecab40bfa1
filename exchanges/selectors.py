"""What is known of venues and accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Case, Count, Q, QuerySet, When
from django.db.models.functions import Lower

from engine.venues.ccxt.quality import Quality, behaviours, qualities
from exchanges.catalogue import FAMILY
from exchanges.choices import MarketState
from exchanges.models import AccountCheck, ExchangeAccount, Venue

ALL_FIELDS = ("api_key", "secret", "passphrase", "uid")


def latest_checks(accounts: Iterable[ExchangeAccount]) -> dict[int, AccountCheck]:
    """The last check of each account, by its key."""
    checks = AccountCheck.objects.filter(account__in=[account.pk for account in accounts])
    newest = checks.order_by("account_id", "-asked_at", "-id").distinct("account_id")
    return {check.account_id: check for check in newest}


def needed_fields(venue: Venue) -> tuple[str, ...]:
    """What the venue wants to be given; all there is where nobody has told yet."""
    return tuple(venue.claims.get("credentials") or ALL_FIELDS)


def listed_venues() -> QuerySet[Venue]:
    """Every venue, with how many markets trade there and how many accounts the desk has; those in use first."""
    return Venue.objects.annotate(
        trading=Count("markets", filter=Q(markets__state=MarketState.TRADING), distinct=True),
        held=Count("accounts", distinct=True),
    ).order_by(Case(When(held=0, is_followed=False, then=1), default=0), Lower("name"))


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One behaviour a desk relies on: whether it is proven at a venue, or why not."""

    name: str
    means: str
    mark: str
    why: str


def quality_of(venue: Venue) -> Quality | None:
    return qualities().get(venue.component.removeprefix(FAMILY)) if venue.component.startswith(FAMILY) else None


def proofs(quality: Quality) -> list[Proof]:
    """Every behaviour, as the file of qualities has it for one venue."""
    found = []
    for name, behaviour in behaviours().items():
        if name in quality.proven:
            mark, why = "proven", behaviour.test
        elif name in quality.exempt:
            mark, why = "exempt", quality.exempt[name]
        else:
            mark, why = "unproven", ""
        found.append(Proof(name=name, means=behaviour.means, mark=mark, why=why))
    return found


FAMILIES = (
    ("Orders", ("create", "edit", "cancel")),
    (
        "Market data",
        (
            "fetchOrderBook",
            "fetchL2",
            "fetchTicker",
            "fetchTrades",
            "fetchOHLCV",
            "fetchBidsAsks",
            "fetchMarkets",
            "fetchStatus",
            "fetchTime",
            "fetchCurrencies",
            "fetchFunding",
            "fetchMark",
            "fetchIndex",
        ),
    ),
    (
        "Own orders and fills",
        (
            "fetchOrder",
            "fetchOpenOrder",
            "fetchClosedOrder",
            "fetchCanceled",
            "fetchMyTrades",
            "fetchLedger",
            "fetchBalance",
            "fetchTrading",
        ),
    ),
    ("Streams", ("watch", "unWatch")),
)
"""The library's methods by what a desk does with them; the first that fits wins."""


def matrix(venue: Venue) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the library claims, by family: names with yes, emulated or no. What concerns no market maker is left out."""
    families: dict[str, list[tuple[str, str]]] = {name: [] for name, _ in FAMILIES}
    for method, word in sorted((venue.claims.get("has") or {}).items()):
        for name, beginnings in FAMILIES:
            if method.startswith(beginnings):
                families[name].append((method, word))
                break
    return [(name, methods) for name, methods in families.items() if methods]
