"""Where the desk trades: venues, their markets, and the accounts it holds there."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from clients.models import Client, User
from exchanges.choices import CHECK_OVER, CheckState, KeyVerdict, MarketState, VenueKind


class Venue(models.Model):
    """A place to trade. `component` is the engine's building block that speaks to it."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=VenueKind.choices)
    component = models.CharField(max_length=80, help_text="Entry point, such as exchanges.simulated.")
    endpoint_override = models.CharField(
        max_length=200, blank=True, help_text="For sandboxes and proxies: the address that is called instead."
    )
    tier = models.CharField(max_length=16, blank=True, help_text="How well it is known to behave; see its page.")
    abilities = models.JSONField(default=list, blank=True, help_text="What our component for it can do.")
    claims = models.JSONField(default=dict, blank=True, help_text="What the library says of it, as last read.")
    catalogued_at = models.DateTimeField(null=True, blank=True)
    is_followed = models.BooleanField(default=False, help_text="Its markets are synchronised on a schedule.")
    sync_asked_at = models.DateTimeField(null=True, blank=True)
    sync_tried_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True, help_text="When its markets were last read.")
    sync_problem = models.TextField(blank=True, help_text="Why the last attempt failed, in words.")
    latency_ms = models.FloatField(
        null=True, blank=True, help_text="A public question and its answer, when last synced."
    )
    skew_ms = models.FloatField(null=True, blank=True, help_text="Its clock less ours, when last synchronised.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Market(models.Model):
    """What the venue says about one pair. `component_args` go to the component (a simulation's profile, its seed)."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="markets")
    symbol = models.CharField(max_length=60)
    base = models.CharField(max_length=20)
    quote = models.CharField(max_length=20)
    tick_size = models.DecimalField(max_digits=30, decimal_places=18)
    lot_size = models.DecimalField(max_digits=30, decimal_places=18)
    min_size_base = models.DecimalField(max_digits=30, decimal_places=18, null=True, blank=True)
    min_notional_quote = models.DecimalField(max_digits=30, decimal_places=18, null=True, blank=True)
    maker_fee_bps = models.DecimalField(max_digits=10, decimal_places=4, default=0)
    taker_fee_bps = models.DecimalField(max_digits=10, decimal_places=4, default=0)
    state = models.CharField(max_length=16, choices=MarketState.choices, default=MarketState.TRADING)
    component_args = models.JSONField(default=dict, blank=True, help_text="Decimals as strings.")
    facts_version = models.BigIntegerField(default=1, help_text="Rises with every change; running services follow it.")
    synced_at = models.DateTimeField(null=True, blank=True, help_text="When the venue last listed it; null: by hand.")

    class Meta:
        ordering = ["venue", "symbol"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "symbol"], name="one_market_per_symbol"),
            models.CheckConstraint(condition=Q(tick_size__gt=0, lot_size__gt=0), name="tick_and_lot_are_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} at {self.venue}"


class MarketChange(models.Model):
    """One fact of a market that the venue changed, as it was noticed. A trigger refuses UPDATE and DELETE."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="changes")
    at = models.DateTimeField()
    fact = models.CharField(max_length=40, help_text="The field of the market, or listed.")
    old = models.CharField(max_length=80, blank=True)
    new = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["market", "-at", "-id"], name="changes_by_market")]

    def __str__(self) -> str:
        return f"{self.market.symbol} {self.fact}: {self.old or '–'} → {self.new or '–'}"


class BookLook(models.Model):
    """The last look at a market's book, taken by a worker without keys, for whoever wants to try something on it.

    One row a market: the next look takes the place of the last one. Nobody's orders depend on it.
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="looks")
    symbol = models.CharField(max_length=60)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    tried_at = models.DateTimeField(null=True, blank=True, help_text="When a worker last answered, well or not.")
    seen_at = models.DateTimeField(null=True, blank=True, help_text="When the book below was there.")
    book = models.JSONField(null=True, blank=True, help_text="As engine.venues.still.SeenBook writes it.")
    problem = models.TextField(blank=True, help_text="Why the last attempt failed, in words.")

    class Meta:
        ordering = ["venue", "symbol"]
        constraints = [models.UniqueConstraint(fields=["venue", "symbol"], name="one_look_per_market")]

    def __str__(self) -> str:
        return f"the book of {self.symbol} at {self.venue}"

    @property
    def is_waiting(self) -> bool:
        return self.tried_at is None or self.asked_at > self.tried_at


class ExchangeAccount(models.Model):
    """A client's account at a venue. Paper accounts live in our record alone and hold no credentials.

    Client, venue and whether it is on paper are frozen by a trigger: what its numbers meant stays what it was.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="accounts")
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="accounts")
    name = models.CharField(max_length=120)
    is_paper = models.BooleanField(default=True)

    class Meta:
        ordering = ["client", "name"]
        constraints = [models.UniqueConstraint(fields=["client", "venue", "name"], name="one_account_per_name")]

    def __str__(self) -> str:
        return f"{self.name} ({self.venue})"


class WithoutBlobs(models.Manager["SealedCredentials"]):
    """What a page may know. The ciphertext is read by name, where it is opened or wrapped anew."""

    def get_queryset(self) -> models.QuerySet[SealedCredentials]:
        return super().get_queryset().defer("wrapped_key", "sealed")


class SealedCredentials(models.Model):
    """What opens a live account, sealed by `exchanges.vault`. A trigger sees to it that a paper account has none.

    Replaced as a whole, with a new `serial`; what was there before is gone. Clients have no right to this table.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    account = models.OneToOneField(ExchangeAccount, on_delete=models.PROTECT, related_name="credentials")
    serial = models.UUIDField(default=uuid.uuid4, unique=True)
    fingerprint = models.CharField(max_length=16, help_text="Tells two keys apart and nothing else about them.")
    label = models.CharField(max_length=80, blank=True, help_text="How the venue's own list calls this key.")
    key_id = models.CharField(max_length=16, help_text="The vault's key that wraps the data key.")
    version = models.PositiveSmallIntegerField()
    wrapped_key = models.BinaryField()
    sealed = models.JSONField(help_text="Ciphertext by field.")
    sealed_at = models.DateTimeField()
    sealed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    rewrapped_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=16, choices=KeyVerdict.choices, default=KeyVerdict.UNCHECKED)
    verdict_reason = models.TextField(blank=True)

    objects = WithoutBlobs()
    blobs = models.Manager()

    class Meta:
        ordering = ["account"]
        verbose_name_plural = "sealed credentials"
        base_manager_name = default_manager_name = "objects"

    def __str__(self) -> str:
        return f"credentials {self.fingerprint}"


class AccountCheck(models.Model):
    """What a venue said about an account when a worker last asked. `findings` are sentences with their weight."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(ExchangeAccount, on_delete=models.PROTECT, related_name="checks")
    serial = models.UUIDField(help_text="Of the credentials that were used.")
    fingerprint = models.CharField(max_length=16)
    asked_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=CheckState.choices, default=CheckState.ASKED)
    reason = models.TextField(blank=True)
    findings = models.JSONField(default=list, help_text="Each with name, weight (ok, warn, bad, unseen) and text.")
    balances = models.JSONField(default=list, help_text="Each with asset, free and locked; decimals as strings.")

    class Meta:
        ordering = ["-asked_at", "-id"]
        indexes = [models.Index(fields=["state"], name="checks_asked", condition=Q(state=CheckState.ASKED))]

    def __str__(self) -> str:
        return f"check of {self.account}"

    @property
    def is_over(self) -> bool:
        return self.state in CHECK_OVER
