"""Who is given which half of the vault's key."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchanges.vault import KEY, KEY_FILE, PUBLIC_KEY, PUBLIC_KEY_FILE, PrivateKey, VaultError, sealing_key, vault
from mmplatform.desk import Desk
from mmplatform.serve import commands
from mmplatform.vaultkey import OPENING, environment_of, furnish
from tests.mmplatform.test_compose import SERVICES


def test_a_desk_makes_its_key_once_and_keeps_it_for_its_owner(tmp_path: Path) -> None:
    added, made = furnish(tmp_path, {})
    assert made == tmp_path / "vault.key"
    assert made.stat().st_mode & 0o077 == 0
    first = vault(added).current.id
    again, made = furnish(tmp_path, {})
    assert (made, again) == (None, added)
    assert vault(again).current.id == first


def test_a_lost_public_half_is_written_again(tmp_path: Path) -> None:
    added, _ = furnish(tmp_path, {})
    (tmp_path / "vault.pub").unlink()
    furnish(tmp_path, {})
    assert sealing_key({PUBLIC_KEY_FILE: added[PUBLIC_KEY_FILE]}).id == vault(added).current.id


def test_a_desk_with_a_database_elsewhere_makes_no_key(tmp_path: Path) -> None:
    assert furnish(tmp_path, {"DATABASE_URL": "postgresql://elsewhere/mm"}) == ({}, None)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_cannot_be_used_is_found_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="begins with mmvault-secret-"):
        furnish(tmp_path, {KEY: "hunter2"})


@pytest.mark.parametrize("process", sorted(commands(engine_seats=1)))
def test_only_what_speaks_to_venues_can_open_and_everybody_can_seal(tmp_path: Path, process: str) -> None:
    key = PrivateKey.new()
    for given in (furnish(tmp_path, {})[0], {KEY: key.reveal()}, {KEY: key.reveal(), PUBLIC_KEY: str(key.public)}):
        found = environment_of(process, {"PATH": "/bin", **given})
        assert found["PATH"] == "/bin"
        assert sealing_key(found).id == vault(given).current.id
        assert bool(found.get(KEY) or found.get(KEY_FILE)) is (process in OPENING)


def test_the_containers_are_given_the_key_in_the_same_way() -> None:
    holders = {name for name, service in SERVICES.items() if "MM_VAULT_KEY" in service.get("environment", {})}
    assert holders == {"worker-engine", "worker-kill", "worker-default"}
    assert "MM_VAULT_PUBLIC_KEY" in SERVICES["web"]["environment"]
    assert "DATABASE_URL" in SERVICES["worker-engine"]["environment"]


def test_an_emptied_desk_forgets_its_key(tmp_path: Path) -> None:
    furnish(tmp_path, {})
    Desk(tmp_path).forget()
    assert list(tmp_path.iterdir()) == []
