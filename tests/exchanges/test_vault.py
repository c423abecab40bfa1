"""The vault by itself: what it seals opens where it belongs and nowhere else."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.venues.credentials import Credentials
from exchanges.vault import (
    KEY,
    KEY_FILE,
    PUBLIC_KEY,
    PUBLIC_KEY_FILE,
    Binding,
    PrivateKey,
    PublicKey,
    SealBroken,
    Vault,
    VaultClosed,
    VaultError,
    keep,
    sealing_key,
    vault,
)

HERE = Binding(client_id=1, account_id=2, serial=UUID(int=3))
GIVEN = {"api_key": "k3y-of-acorn", "secret": "s3cret-of-acorn", "passphrase": "p4ss", "uid": "u1d"}
OLD, NEW = PrivateKey.new(), PrivateKey.new()


def texts(credentials: Credentials) -> dict[str, str]:
    return {field: getattr(credentials, field) for field in GIVEN}


def test_what_the_public_half_seals_the_private_half_opens() -> None:
    sealed = PublicKey.read(str(OLD.public)).seal(Credentials(**GIVEN), HERE)
    assert texts(Vault([OLD]).open(sealed, HERE)) == GIVEN


@given(text=some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    given = {"api_key": text, "secret": text[::-1], "passphrase": text, "uid": ""}
    sealed = OLD.public.seal(Credentials(**given), HERE)
    assert texts(Vault([OLD]).open(sealed, HERE)) == given


@pytest.mark.parametrize("change", [{"client_id": 9}, {"account_id": 9}, {"serial": UUID(int=9)}])
def test_a_blob_moved_to_another_client_account_or_sealing_does_not_open(change: dict[str, object]) -> None:
    sealed = OLD.public.seal(Credentials(**GIVEN), HERE)
    with pytest.raises(SealBroken, match="do not open"):
        Vault([OLD]).open(sealed, replace(HERE, **change))


def test_a_field_moved_to_another_does_not_open() -> None:
    sealed = OLD.public.seal(Credentials(**GIVEN), HERE)
    swapped = {**sealed.fields, "passphrase": sealed.fields["secret"]}
    with pytest.raises(SealBroken):
        Vault([OLD]).open(replace(sealed, fields=swapped), HERE)


@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-8] + "AAAAAAA=", lambda text: text[:12], lambda text: "", lambda text: "§"]
)
def test_a_changed_field_does_not_open(spoil) -> None:
    sealed = OLD.public.seal(Credentials(**GIVEN), HERE)
    with pytest.raises(SealBroken):
        Vault([OLD]).open(replace(sealed, fields={**sealed.fields, "secret": spoil(sealed.fields["secret"])}), HERE)


@pytest.mark.parametrize("missing", ["api_key", "secret"])
def test_a_field_that_was_taken_away_is_missed(missing: str) -> None:
    sealed = OLD.public.seal(Credentials(**GIVEN), HERE)
    left = {field: text for field, text in sealed.fields.items() if field != missing}
    with pytest.raises(SealBroken):
        Vault([OLD]).open(replace(sealed, fields=left), HERE)


@pytest.mark.parametrize("wrapped", [b"", b"short", bytes(80)])
def test_a_changed_data_key_does_not_open(wrapped: bytes) -> None:
    sealed = OLD.public.seal(Credentials(**GIVEN), HERE)
    with pytest.raises(SealBroken):
        Vault([OLD]).open(replace(sealed, wrapped_key=wrapped), HERE)


def test_the_same_credentials_are_sealed_differently_each_time() -> None:
    one, two = (OLD.public.seal(Credentials(**GIVEN), HERE) for _ in range(2))
    assert one.wrapped_key != two.wrapped_key
    assert not set(one.fields.values()) & set(two.fields.values())


def test_another_key_says_which_one_is_needed() -> None:
    sealed = OLD.public.seal(Credentials(**GIVEN), HERE)
    with pytest.raises(VaultClosed, match=f"{OLD.id}, which is not here .here is {NEW.id}"):
        Vault([NEW]).open(sealed, HERE)


def test_a_rotation_wraps_the_data_key_and_leaves_the_fields() -> None:
    sealed = OLD.public.seal(Credentials(**GIVEN), HERE)
    turned = Vault([NEW, OLD]).rewrap(sealed, HERE)
    assert (turned.key_id, turned.fields) == (NEW.id, sealed.fields)
    assert texts(Vault([NEW]).open(turned, HERE)) == GIVEN
    with pytest.raises(VaultClosed):
        Vault([OLD]).open(turned, HERE)


def test_a_rotation_does_not_make_a_moved_blob_good() -> None:
    sealed = OLD.public.seal(Credentials(**GIVEN), HERE)
    with pytest.raises(SealBroken):
        Vault([NEW, OLD]).rewrap(sealed, replace(HERE, account_id=9))


def test_what_a_later_version_sealed_is_not_guessed_at() -> None:
    sealed = replace(OLD.public.seal(Credentials(**GIVEN), HERE), version=2)
    with pytest.raises(VaultError, match="version 2; this one knows 1"):
        Vault([OLD]).open(sealed, HERE)


def test_nothing_that_is_printed_holds_a_secret() -> None:
    sealed = OLD.public.seal(Credentials(**GIVEN), HERE)
    printed = f"{OLD!r} {OLD.public!r} {Vault([OLD])!r} {sealed!r} {Credentials(**GIVEN)!r}"
    assert not [secret for secret in (*GIVEN.values(), OLD.reveal()) if secret in printed]
    with pytest.raises(TypeError):
        pickle.dumps(OLD)


def test_keys_are_read_from_the_environment_and_the_first_one_is_in_use() -> None:
    here = vault({KEY: f"{NEW.reveal()}, {OLD.reveal()}"})
    assert (here.current.id, list(here.keys)) == (NEW.id, [NEW.id, OLD.id])


def test_a_key_file_is_its_owners_alone_and_is_read_anew_each_time(tmp_path: Path) -> None:
    path, public = tmp_path / "vault.key", tmp_path / "vault.pub"
    keep(path, [OLD], public)
    assert path.stat().st_mode & 0o777 == 0o600
    given = {KEY_FILE: str(path), PUBLIC_KEY_FILE: str(public)}
    assert (vault(given).current.id, sealing_key(given).id) == (OLD.id, OLD.id)
    keep(path, [NEW, OLD], public)
    assert (vault(given).current.id, sealing_key(given).id) == (NEW.id, NEW.id)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["vault.key", "vault.pub"]
    path.chmod(0o640)
    with pytest.raises(VaultError, match=r"others may read or write it \(mode 640\).*chmod 600"):
        vault(given)


def test_a_process_with_the_public_half_alone_seals_and_cannot_open() -> None:
    given = {PUBLIC_KEY: str(OLD.public)}
    assert sealing_key(given).id == OLD.id
    with pytest.raises(VaultClosed, match=f"no key here: set {KEY_FILE}"):
        vault(given)


def test_without_any_key_both_say_what_to_set() -> None:
    with pytest.raises(VaultClosed, match=KEY_FILE):
        vault({})
    with pytest.raises(VaultClosed, match=f"set {PUBLIC_KEY_FILE}.*manage.py vault key"):
        sealing_key({})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hunter2", "begins with mmvault-secret-"),
        (str(OLD.public), "not a private key"),
        (OLD.reveal()[:-3], "cut off or was changed"),
        ("mmvault-secret-!!!!", "cut off or was changed"),
    ],
    ids=["something else", "the public half", "cut off", "not base64"],
)
def test_what_is_no_key_is_refused_without_being_repeated(text: str, words: str) -> None:
    with pytest.raises(VaultError, match=words) as refusal:
        vault({KEY: text})
    assert text not in str(refusal.value)


def test_a_private_key_given_as_the_public_one_is_refused() -> None:
    with pytest.raises(VaultError, match="not a public key"):
        sealing_key({PUBLIC_KEY: OLD.reveal()})


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "vault.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VaultError, match=r"vault\.key"):
        vault({KEY_FILE: str(path)})
