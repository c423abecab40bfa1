"""Credentials in the record: who may change them, what is kept of them, and that nothing ever shows them."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client as Browser

from clients.errors import Refusal
from clients.models import AuditEntry
from clients.tenancy import tenant
from exchanges.models import ExchangeAccount, SealedCredentials, Venue
from exchanges.services import account_open, credentials_open, credentials_remove, credentials_seal
from exchanges.vault import KEY, KEY_FILE, PUBLIC_KEY_FILE, PrivateKey, SealBroken, VaultClosed, keep, vault
from tests.exchanges.conftest import SECRETS, given
from tests.world import World


def everything_stored() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [text for (text,) in cursor.fetchall()]
    return "\n".join(found)


def test_what_was_sealed_opens_for_a_process_with_the_key(account: ExchangeAccount, sealed: SealedCredentials) -> None:
    opened = credentials_open(account)
    assert (opened.api_key, opened.secret, opened.passphrase) == SECRETS


def test_nothing_in_the_database_holds_a_secret(sealed: SealedCredentials) -> None:
    stored = everything_stored()
    assert "first key" in stored
    assert not [secret for secret in SECRETS if secret in stored or secret.encode().hex() in stored]


def test_the_audit_keeps_who_and_why_and_the_fingerprints_alone(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    again = credentials_seal(account=account, credentials=given(2), actor=world.adam, reason="yearly change")
    first, second = AuditEntry.objects.filter(verb__startswith="credentials").order_by("id")
    assert (first.verb, first.old, first.actor, first.client) == (
        "credentials.sealed",
        None,
        world.adam,
        world.acorn.client,
    )
    assert first.new == {"fingerprint": given().fingerprint, "label": "desk 1", "vault_key": sealed.key_id}
    assert (second.verb, second.reason) == ("credentials.replaced", "yearly change")
    assert second.old == {"fingerprint": given().fingerprint}
    assert second.new["fingerprint"] == again.fingerprint == given(2).fingerprint


def test_a_replacement_leaves_nothing_of_what_was_before(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    blob = SealedCredentials.blobs.get().sealed
    credentials_seal(account=account, credentials=given(2), actor=world.adam)
    assert SealedCredentials.objects.count() == 1
    assert credentials_open(account).secret == SECRETS[1] + "2"
    SealedCredentials.objects.update(sealed=blob)  # brought back by somebody who can write to the table
    with pytest.raises(SealBroken):
        credentials_open(account)


def test_a_blob_copied_to_another_clients_account_does_not_open(
    world: World, exchange: Venue, sealed: SealedCredentials
) -> None:
    other = account_open(client=world.cedar.client, venue=exchange, name="main", is_paper=False, actor=world.adam)
    row = SealedCredentials.blobs.get()
    row.pk, row.account, row.client, row.serial = None, other, other.client, "00000000-0000-4000-8000-000000000001"
    row.save(force_insert=True)
    with pytest.raises(SealBroken, match=f"account {other.pk} do not open"):
        credentials_open(other)


@pytest.mark.parametrize("name", ["vera", "dora", "rita", "alice"])
def test_only_an_administrator_changes_credentials(
    world: World, account: ExchangeAccount, sealed: SealedCredentials, name: str
) -> None:
    with pytest.raises(PermissionDenied, match="You may not change an account's credentials"):
        credentials_seal(account=account, credentials=given(2), actor=getattr(world, name))
    with pytest.raises(PermissionDenied):
        credentials_remove(account=account, actor=getattr(world, name), reason="no")
    with pytest.raises(PermissionDenied):
        account_open(client=account.client, venue=account.venue, name="x", is_paper=False, actor=getattr(world, name))
    assert credentials_open(account).api_key == SECRETS[0]


def test_removing_asks_why_and_may_be_repeated(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    with pytest.raises(Refusal, match="say why"):
        credentials_remove(account=account, actor=world.adam, reason=" ")
    for _ in range(2):
        credentials_remove(account=account, actor=world.adam, reason="the mandate ended")
    assert AuditEntry.objects.get(verb="credentials.removed").old["fingerprint"] == sealed.fingerprint
    with pytest.raises(Refusal, match="has no credentials yet"):
        credentials_open(account)


def test_a_paper_account_holds_no_credentials(world: World, key_file: Path) -> None:
    with pytest.raises(Refusal, match="is on paper"):
        credentials_seal(account=world.acorn.account, credentials=given(), actor=world.adam)


def test_the_database_too_keeps_credentials_from_paper_accounts(world: World, sealed: SealedCredentials) -> None:
    with pytest.raises(IntegrityError, match="is on paper and holds no credentials"), transaction.atomic():
        SealedCredentials.objects.update(account=world.acorn.account)


def test_what_kind_an_account_is_stays(account: ExchangeAccount) -> None:
    with pytest.raises(IntegrityError, match="open another account"), transaction.atomic():
        ExchangeAccount.objects.filter(pk=account.pk).update(is_paper=True)


def test_an_account_is_opened_once_and_live_only_at_an_exchange(world: World, account: ExchangeAccount) -> None:
    again = {"client": account.client, "venue": account.venue, "actor": world.adam}
    with pytest.raises(Refusal, match="already has an account called main"):
        account_open(**again, name=" main ", is_paper=False)
    with pytest.raises(Refusal, match="needs a name"):
        account_open(**again, name=" ", is_paper=False)
    with pytest.raises(Refusal, match="named in configurations: letters, digits, dots and dashes, not 'my account'"):
        account_open(**again, name="my account", is_paper=False)
    assert account_open(**again, name="my account", is_paper=True).is_paper
    with pytest.raises(Refusal, match="simulated market: an account there is on paper"):
        account_open(client=account.client, venue=world.venue, name="x", is_paper=False, actor=world.adam)


def test_without_a_vault_nothing_is_stored_and_the_remedy_is_named(
    world: World, account: ExchangeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (KEY, KEY_FILE, PUBLIC_KEY_FILE):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Refusal, match=f"set {PUBLIC_KEY_FILE}"):
        credentials_seal(account=account, credentials=given(), actor=world.adam)
    assert not SealedCredentials.objects.exists()


def test_the_web_process_cannot_open_what_it_sealed(
    world: World, account: ExchangeAccount, sealed: SealedCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_FILE)
    credentials_seal(account=account, credentials=given(2), actor=world.adam)
    with pytest.raises(VaultClosed):
        credentials_open(account)


def test_a_client_has_no_right_to_the_table_at_all(world: World, sealed: SealedCredentials) -> None:
    with tenant(world.acorn.client.pk), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        list(SealedCredentials.objects.values_list("fingerprint"))


def test_the_admin_shows_the_fingerprint_and_no_blob(world: World, sealed: SealedCredentials) -> None:
    browser = Browser()
    browser.force_login(world.adam)
    row = SealedCredentials.blobs.get()
    pages = [
        browser.get("/admin/exchanges/sealedcredentials/").content.decode(),
        browser.get(f"/admin/exchanges/sealedcredentials/{sealed.pk}/change/").content.decode(),
    ]
    for page in pages:
        assert sealed.fingerprint in page
        assert not [text for text in (*row.sealed.values(), *SECRETS) if text in page]
    for query in ("sealed__icontains=a", "wrapped_key__isnull=1", "credentials__sealed__icontains=a"):
        assert browser.get(f"/admin/exchanges/sealedcredentials/?{query}").status_code == 400
        assert browser.get(f"/admin/exchanges/exchangeaccount/?{query}").status_code in (302, 400)


def test_the_blobs_are_read_by_name_only(account: ExchangeAccount, sealed: SealedCredentials) -> None:
    assert {"sealed", "wrapped_key"} <= SealedCredentials.objects.get().get_deferred_fields()
    account.refresh_from_db()
    assert "sealed" in account.credentials.get_deferred_fields()


# The command


def ask(verb: str) -> str:
    out = StringIO()
    call_command("vault", verb, stdout=out)
    return out.getvalue()


def test_a_rotation_wraps_everything_anew_and_is_audited(
    account: ExchangeAccount, sealed: SealedCredentials, key_file: Path
) -> None:
    old = sealed.key_id
    assert f"{old}     1 sealed  in use" in ask("status")
    said = ask("rotate")
    kept = SealedCredentials.objects.get()
    assert kept.key_id != old
    assert kept.key_id in said
    assert credentials_open(account).secret == SECRETS[1]
    entry = AuditEntry.objects.get(verb="credentials.rewrapped")
    assert (entry.actor, entry.old, entry.new["vault_key"]) == (None, {"vault_key": old}, kept.key_id)
    assert "still opens" in ask("status")
    assert f"{old}  forgotten" in ask("forget")
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert list(vault().keys) == [kept.key_id]
    assert credentials_open(account).secret == SECRETS[1]


def test_an_interrupted_rotation_is_finished_and_starts_no_other(
    account: ExchangeAccount, sealed: SealedCredentials, key_file: Path
) -> None:
    new = PrivateKey.new()
    keep(key_file, [new, *vault().keys.values()])  # and there the power went
    assert f"Finishing an earlier rotation to {new.id}" in ask("rotate")
    assert SealedCredentials.objects.get().key_id == new.id
    assert vault().current.id == new.id


def test_a_key_that_is_still_needed_is_not_forgotten(
    account: ExchangeAccount, sealed: SealedCredentials, key_file: Path
) -> None:
    keep(key_file, [PrivateKey.new(), *vault().keys.values()])
    assert f"{sealed.key_id}  kept" in ask("forget")
    assert credentials_open(account).secret == SECRETS[1]


def test_one_broken_seal_does_not_keep_the_others_from_being_wrapped(
    world: World, exchange: Venue, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    SealedCredentials.blobs.filter(pk=sealed.pk).update(wrapped_key=b"\x00" * 80)
    other = account_open(client=world.cedar.client, venue=exchange, name="main", is_paper=False, actor=world.adam)
    credentials_seal(account=other, credentials=given(3), actor=world.adam)
    with pytest.raises(CommandError, match="1 wrapped anew; 1 could not be opened"):
        ask("rotate")
    assert credentials_open(other).secret == SECRETS[1] + "3"


def test_with_the_key_in_the_environment_the_command_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, sealed: SealedCredentials
) -> None:
    old = vault().keys[sealed.key_id]
    monkeypatch.setenv(KEY, old.reveal())
    with pytest.raises(CommandError, match="before it, separated by a comma"):
        ask("rotate")
    new, public = ask("key").split()
    monkeypatch.setenv(KEY, f"{new},{old.reveal()}")
    monkeypatch.setenv("MM_VAULT_PUBLIC_KEY", public)
    assert "1 wrapped anew" in ask("rotate")
    with pytest.raises(CommandError, match="take the old ones out of it yourself"):
        ask("forget")


def test_a_lost_key_and_a_web_process_with_another_one_are_found_out(
    monkeypatch: pytest.MonkeyPatch, sealed: SealedCredentials, key_file: Path
) -> None:
    keep(key_file, [PrivateKey.new()])
    with pytest.raises(CommandError, match="New credentials are sealed under"):
        ask("status")
    monkeypatch.delenv(PUBLIC_KEY_FILE)
    with pytest.raises(CommandError, match=f"sealed under {sealed.key_id} cannot be opened here"):
        ask("status")
