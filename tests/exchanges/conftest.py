"""A vault for a test, and a live account in the world."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmplatform.celery  # noqa: F401  (checks are asked for over our broker)
from engine.venues.credentials import Credentials
from exchanges.choices import VenueKind
from exchanges.models import ExchangeAccount, SealedCredentials, Venue
from exchanges.services import account_open, credentials_seal
from exchanges.vault import KEY, KEY_FILE, PUBLIC_KEY, PUBLIC_KEY_FILE, PrivateKey, keep
from tests.world import World

SECRETS = ("k3y-of-acorn", "s3cret-of-acorn", "p4ss-of-acorn")


def given(number: int = 0) -> Credentials:
    more = str(number or "")
    return Credentials(api_key=SECRETS[0] + more, secret=SECRETS[1] + more, passphrase=SECRETS[2] + more)


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The vault of a desk, as `./mm up` furnishes it."""
    for name in (KEY, PUBLIC_KEY):
        monkeypatch.delenv(name, raising=False)
    path, public = tmp_path / "vault.key", tmp_path / "vault.pub"
    monkeypatch.setenv(KEY_FILE, str(path))
    monkeypatch.setenv(PUBLIC_KEY_FILE, str(public))
    keep(path, [PrivateKey.new()], public)
    return path


@pytest.fixture
def exchange(world: World) -> Venue:
    return Venue.objects.create(
        slug="binance", name="Binance", kind=VenueKind.CENTRALISED, component="exchanges.ccxt.binance"
    )


@pytest.fixture
def account(world: World, exchange: Venue) -> ExchangeAccount:
    """Acorn's live account at the exchange, without credentials yet."""
    return account_open(client=world.acorn.client, venue=exchange, name="main", is_paper=False, actor=world.adam)


@pytest.fixture
def sealed(world: World, account: ExchangeAccount, key_file: Path) -> SealedCredentials:
    return credentials_seal(account=account, credentials=given(), actor=world.adam, label="desk 1", reason="first key")
