"""Verbs on people, mandates and what a mandate promises."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
import secrets
from decimal import Decimal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from clients.access import Action, require
from clients.audit import audit
from clients.choices import DeskRole, Kpi
from clients.errors import Refusal
from clients.models import Mandate, Obligation, OneTimeLink, User
from engine.metrics.events import BANDS_BPS

LINK_LIVES = datetime.timedelta(minutes=15)


@transaction.atomic
def one_time_link(user: User, *, actor: User | None = None) -> str:
    """A path that signs this person in once, within a quarter of an hour. Only the hash of its secret is kept.

    actor: who asked for it; None for the machine's own command line.
    """
    if not user.is_active:
        raise Refusal(f"{user} may not sign in: the account is closed.")
    secret = secrets.token_urlsafe(32)
    link = OneTimeLink.objects.create(user=user, secret_hash=_hash(secret), expires_at=timezone.now() + LINK_LIVES)
    audit("signin_link.issued", user, actor=actor, new={"link": link.pk, "expires_at": link.expires_at})
    return reverse("clients:signin_link", kwargs={"pk": link.pk, "secret": secret})


@transaction.atomic
def person_invite(*, username: str, desk_role: DeskRole | str, actor: User, reason: str) -> str:
    """A new member of the desk, and the path that signs them in once. Nobody is given a password here."""
    require(actor, Action.ADMINISTER)
    username = username.strip()
    if not re.fullmatch(r"[\w.@+-]{1,150}", username):
        raise Refusal(f"A name to sign in with is letters, digits and @ . + - _, not {username!r}.")
    if desk_role not in DeskRole.values or desk_role == DeskRole.NONE:
        raise Refusal("Somebody on the desk has a role; choose one.")
    if not reason.strip():
        raise Refusal("Please say why: the reason stays with the record.")
    if User.objects.filter(username__iexact=username).exists():
        raise Refusal(f"There is a person called {username} already.")
    person = User(username=username, desk_role=desk_role)
    person.set_unusable_password()
    person.save()
    audit("user.created", person, actor=actor, new={"desk_role": str(desk_role)}, reason=reason.strip())
    return one_time_link(person, actor=actor)


@transaction.atomic
def link_consume(*, link_id: UUID, secret: str) -> User | None:
    """The person a link signs in, or None when it is unknown, spent, expired, or its account closed.

    The row is held while it is looked at, so a link pressed twice at once works once.
    """
    link = OneTimeLink.objects.select_for_update(of=("self",)).select_related("user").filter(pk=link_id).first()
    if link is None or not hmac.compare_digest(link.secret_hash, _hash(secret)):
        return None
    now = timezone.now()
    if link.used_at is not None or link.expires_at <= now or not link.user.is_active:
        return None
    link.used_at = now
    link.save(update_fields=["used_at"])
    audit("signin_link.used", link.user, actor=link.user, new={"link": link.pk})
    return link.user


def _hash(secret: str) -> str:
    """Plain SHA-256 is enough: the secret is 256 random bits, so there is nothing to guess slowly."""
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def obligation_add(
    *,
    mandate: Mandate,
    kpi: Kpi | str,
    target_share: Decimal,
    starts_at: datetime.datetime,
    actor: User,
    max_spread_bps: Decimal | None = None,
    band_bps: Decimal | None = None,
    min_depth_quote: Decimal | None = None,
    reason: str = "",
) -> Obligation:
    """Promise something from `starts_at` on. The next version of its line (mandate, KPI, band); nothing is edited.

    A version starts after the one before it and not in the past: seconds already judged keep their terms. A start
    within the last minute is taken as now.
    """
    require(actor, Action.ADMINISTER)
    Mandate.objects.select_for_update(no_key=True).get(pk=mandate.pk)
    if band_bps is not None and band_bps not in BANDS_BPS:
        measured = ", ".join(f"{band:f}" for band in BANDS_BPS)
        raise Refusal(f"Depth is measured within ±{measured} bps of mid, not within ±{band_bps:f}.")
    if starts_at < timezone.now() - datetime.timedelta(minutes=1):
        raise Refusal(f"A version starts now or later, was {starts_at:%Y-%m-%d %H:%M} UTC: the past is already judged.")
    starts_at = max(starts_at, timezone.now())
    line = mandate.obligations.filter(kpi=kpi, band_bps=band_bps)
    before = line.order_by("-version").first()
    if before is not None and before.starts_at >= starts_at:
        raise Refusal(f"Version {before.version} starts at {before.starts_at:%Y-%m-%d %H:%M} UTC; start after it.")
    obligation = Obligation(
        client_id=mandate.client_id,
        mandate=mandate,
        kpi=kpi,
        version=(line.aggregate(last=Max("version"))["last"] or 0) + 1,
        starts_at=starts_at,
        target_share=target_share,
        max_spread_bps=max_spread_bps,
        band_bps=band_bps,
        min_depth_quote=min_depth_quote,
    )
    try:
        obligation.full_clean()
    except ValidationError as problem:
        raise Refusal(f"This cannot be promised: {' '.join(problem.messages)}") from None
    obligation.save()
    audit(
        "obligation.added",
        obligation,
        actor=actor,
        old=_terms(before) if before else None,
        new=_terms(obligation),
        reason=reason,
    )
    return obligation


def _terms(obligation: Obligation) -> dict[str, object]:
    return {
        name: getattr(obligation, name)
        for name in ("kpi", "version", "starts_at", "max_spread_bps", "band_bps", "min_depth_quote", "target_share")
    }
