"""Verbs on venues and accounts. Each says who, is audited, and is safe to repeat."""

from __future__ import annotations

import re
import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from clients.access import Action, require
from clients.audit import audit
from clients.errors import Refusal
from clients.models import Client, User
from engine.venues.credentials import Credentials
from exchanges.choices import KeyVerdict, VenueKind
from exchanges.models import ExchangeAccount, SealedCredentials, Venue
from exchanges.vault import Binding, Sealed, Vault, VaultError, sealing_key, vault


@transaction.atomic
def account_open(*, client: Client, venue: Venue, name: str, is_paper: bool, actor: User) -> ExchangeAccount:
    """Record an account of a client at a venue. Its name is ours; credentials follow in a step of their own."""
    require(actor, Action.ADMINISTER)
    name = name.strip()
    if not name:
        raise Refusal("An account needs a name, by which strategies and people call it.")
    if not is_paper and not re.fullmatch(r"[\w.\-]+", name):
        raise Refusal(f"A live account is named in configurations: letters, digits, dots and dashes, not {name!r}.")
    if not is_paper and venue.kind != VenueKind.CENTRALISED:
        raise Refusal(f"{venue} is a {venue.get_kind_display().lower()}: an account there is on paper.")
    Client.objects.select_for_update(no_key=True).get(pk=client.pk)  # names are given out one at a time
    if ExchangeAccount.objects.filter(client=client, venue=venue, name=name).exists():
        raise Refusal(f"{client} already has an account called {name} at {venue}.")
    account = ExchangeAccount.objects.create(client=client, venue=venue, name=name, is_paper=is_paper)
    audit("account.opened", account, actor=actor, new={"venue": venue.slug, "name": name, "is_paper": is_paper})
    return account


@sensitive_variables("credentials")
@transaction.atomic
def credentials_seal(
    *, account: ExchangeAccount, credentials: Credentials, actor: User, label: str = "", reason: str = ""
) -> SealedCredentials:
    """Keep what opens an account, sealed; what it held before is gone. The audit keeps both fingerprints.

    Deployments that run go on with what they opened, and are built anew when the new key has been checked.
    """
    require(actor, Action.CREDENTIALS)
    account = _locked(account)
    if account.is_paper:
        raise Refusal(f"{account} is on paper: it lives in our record alone and holds no credentials.")
    before = SealedCredentials.objects.filter(account=account).first()
    serial = uuid.uuid4()
    try:
        sealed = sealing_key().seal(credentials, _binding(account, serial))
    except VaultError as error:
        raise Refusal(str(error)) from None
    kept, _ = SealedCredentials.objects.update_or_create(
        account=account,
        defaults={
            "client_id": account.client_id,
            "serial": serial,
            "fingerprint": credentials.fingerprint,
            "label": label.strip(),
            "key_id": sealed.key_id,
            "version": sealed.version,
            "wrapped_key": sealed.wrapped_key,
            "sealed": dict(sealed.fields),
            "sealed_at": timezone.now(),
            "sealed_by": actor,
            "rewrapped_at": None,
            "verdict": KeyVerdict.UNCHECKED,
            "verdict_reason": "",
        },
    )
    audit(
        "credentials.replaced" if before else "credentials.sealed",
        account,
        actor=actor,
        old={"fingerprint": before.fingerprint} if before else None,
        new={"fingerprint": kept.fingerprint, "label": kept.label, "vault_key": kept.key_id},
        reason=reason,
    )
    return kept


@transaction.atomic
def credentials_remove(*, account: ExchangeAccount, actor: User, reason: str) -> None:
    """Forget what opens an account. Refused while something live depends on it: it could not cancel its orders."""
    require(actor, Action.CREDENTIALS)
    if not reason.strip():
        raise Refusal("Please say why: the reason stays with the record.")
    account = _locked(account)
    kept = SealedCredentials.objects.filter(account=account).first()
    if kept is None:
        return
    try:
        with transaction.atomic():
            SealedCredentials.objects.filter(pk=kept.pk).delete()
    except IntegrityError as error:
        raise Refusal(_words(error)) from None
    audit(
        "credentials.removed",
        account,
        actor=actor,
        old={"fingerprint": kept.fingerprint, "label": kept.label},
        reason=reason.strip(),
    )


def credentials_open(account: ExchangeAccount) -> Credentials:
    """What opens an account, for a process that has the vault's private key. Raises VaultError; Refusal if none."""
    kept = SealedCredentials.blobs.filter(account=account).first()
    if kept is None:
        raise Refusal(f"{account} has no credentials yet.")
    return open_sealed(account, kept)


def open_sealed(account: ExchangeAccount, kept: SealedCredentials) -> Credentials:
    """The same, for a row read with its blobs."""
    return vault().open(sealed_of(kept), _binding(account, kept.serial))


def rewrap(pk: int, here: Vault) -> SealedCredentials | None:
    """Wrap one data key for the vault's key in use; None when it already is. Raises VaultError when it does not open.

    One row a transaction: whatever ends a rotation half-way, what is left is found by its key.
    """
    with transaction.atomic():
        rows = SealedCredentials.blobs.select_for_update(of=("self",)).select_related("account__venue")
        kept = rows.filter(pk=pk).first()
        if kept is None or kept.key_id == here.current.id:
            return None
        old = kept.key_id
        wrapped = here.rewrap(sealed_of(kept), _binding(kept.account, kept.serial))
        kept.key_id, kept.wrapped_key, kept.rewrapped_at = wrapped.key_id, wrapped.wrapped_key, timezone.now()
        kept.save(update_fields=["key_id", "wrapped_key", "rewrapped_at"])
        audit(
            "credentials.rewrapped",
            kept.account,
            actor=None,
            old={"vault_key": old},
            new={"vault_key": kept.key_id, "fingerprint": kept.fingerprint},
        )
        return kept


def sealed_of(kept: SealedCredentials) -> Sealed:
    return Sealed(
        key_id=kept.key_id, version=kept.version, wrapped_key=bytes(kept.wrapped_key), fields=dict(kept.sealed)
    )


def _binding(account: ExchangeAccount, serial: uuid.UUID) -> Binding:
    return Binding(client_id=account.client_id, account_id=account.pk, serial=serial)


def _locked(account: ExchangeAccount) -> ExchangeAccount:
    return (
        ExchangeAccount.objects.select_for_update(no_key=True, of=("self",)).select_related("venue").get(pk=account.pk)
    )


def _words(error: IntegrityError) -> str:
    """What a trigger said: it knows why better than we do."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "message_primary", None) or str(error)
