from __future__ import annotations

from django.contrib import admin

from clients.admin_site import ReadOnlyAdmin, RecordAdmin
from exchanges.models import AccountCheck, BookLook, ExchangeAccount, Market, MarketChange, SealedCredentials, Venue


@admin.register(Venue)
class VenueAdmin(RecordAdmin):
    list_display = ("name", "slug", "kind", "tier", "component", "is_followed", "synced_at")
    list_filter = ("kind", "tier", "is_followed")
    search_fields = ("name", "slug")
    readonly_fields = (
        "tier",
        "abilities",
        "claims",
        "catalogued_at",
        "sync_asked_at",
        "sync_tried_at",
        "synced_at",
        "sync_problem",
        "latency_ms",
        "skew_ms",
    )
    fixed = ("slug", "kind", "component")


@admin.register(Market)
class MarketAdmin(RecordAdmin):
    """Markets. Tick, lot and fees stand once made: the venue changes them, and the synchronisation notices."""

    list_display = ("symbol", "venue", "tick_size", "lot_size", "min_notional_quote", "maker_fee_bps", "state")
    list_filter = ("venue", "state")
    list_select_related = ("venue",)
    search_fields = ("symbol",)
    autocomplete_fields = ("venue",)
    readonly_fields = ("facts_version", "synced_at")
    fixed = (
        "venue",
        "symbol",
        "base",
        "quote",
        "tick_size",
        "lot_size",
        "min_size_base",
        "min_notional_quote",
        "maker_fee_bps",
        "taker_fee_bps",
        "component_args",
    )


@admin.register(ExchangeAccount)
class ExchangeAccountAdmin(RecordAdmin):
    list_display = ("name", "client", "venue", "is_paper")
    list_filter = ("client", "venue", "is_paper")
    list_select_related = ("client", "venue")
    autocomplete_fields = ("client", "venue")
    readonly_fields = ("is_paper",)
    fixed = ("client", "venue")


@admin.register(SealedCredentials)
class SealedCredentialsAdmin(ReadOnlyAdmin):
    """That an account has credentials, and which. What they are is never shown; they change on the account's page."""

    list_display = ("account", "client", "fingerprint", "label", "verdict", "key_id", "sealed_at", "sealed_by")
    list_filter = ("client", "verdict", "key_id")
    list_select_related = ("account__venue", "client", "sealed_by")
    exclude = ("wrapped_key", "sealed")


@admin.register(AccountCheck)
class AccountCheckAdmin(ReadOnlyAdmin):
    list_display = ("asked_at", "account", "client", "fingerprint", "state", "reason", "asked_by")
    list_filter = ("client", "state")
    list_select_related = ("account__venue", "client", "asked_by")


@admin.register(MarketChange)
class MarketChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "market", "fact", "old", "new")
    list_filter = ("fact", "market__venue")
    list_select_related = ("market__venue",)
    search_fields = ("market__symbol",)


@admin.register(BookLook)
class BookLookAdmin(ReadOnlyAdmin):
    list_display = ("venue", "symbol", "seen_at", "problem", "asked_at", "asked_by")
    list_filter = ("venue",)
    list_select_related = ("venue", "asked_by")
    search_fields = ("symbol",)
    exclude = ("book",)
