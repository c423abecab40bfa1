"""Where the desk trades: venues, their markets, and the accounts it holds there."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from clients.models import Client
from exchanges.choices import MarketState, VenueKind


class Venue(models.Model):
    """A place to trade. `component` is the engine's building block that speaks to it."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=VenueKind.choices)
    component = models.CharField(max_length=80, help_text="Entry point, such as exchanges.simulated.")

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

    class Meta:
        ordering = ["venue", "symbol"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "symbol"], name="one_market_per_symbol"),
            models.CheckConstraint(condition=Q(tick_size__gt=0, lot_size__gt=0), name="tick_and_lot_are_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} at {self.venue}"


class ExchangeAccount(models.Model):
    """A client's account at a venue. Paper accounts live in our record alone and hold no credentials."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="accounts")
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="accounts")
    name = models.CharField(max_length=120)
    is_paper = models.BooleanField(default=True)

    class Meta:
        ordering = ["client", "name"]
        constraints = [
            models.UniqueConstraint(fields=["client", "venue", "name"], name="one_account_per_name"),
            models.CheckConstraint(condition=Q(is_paper=True), name="only_paper_until_the_vault_exists"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.venue})"
