"""The desk's directory: one holder at a time, secrets for their owner alone, an address others can join by."""

from __future__ import annotations

import os
import stat

import pytest

from mmplatform.desk import Address, Desk, DeskError, join_running_desk


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_a_desk_has_one_holder(desk, tmp_path):
    desk.open()
    assert Desk(tmp_path).is_running
    with pytest.raises(DeskError, match=rf"already running \(process {os.getpid()}\)"):
        Desk(tmp_path).open()
    desk.close()
    assert not Desk(tmp_path).is_running


def test_a_lock_left_by_a_killed_desk_is_free_and_noticed(desk, tmp_path):
    (tmp_path / "desk.lock").write_text("4194304\n")
    assert desk.was_killed
    assert not desk.is_running
    desk.open()
    assert (tmp_path / "desk.lock").read_text() == f"{os.getpid()}\n"


def test_a_directory_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DeskError, match=r"cannot be used .* name another in MM_VAR"):
        Desk(tmp_path / "file" / "var").open()


def test_secrets_are_made_once_and_kept_for_their_owner_alone(desk, tmp_path):
    first = desk.secrets()
    assert Desk(tmp_path).secrets() == first
    assert len(set(first.values())) == len(first)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_unreadable_secrets_are_a_sentence_with_the_remedy(desk, tmp_path):
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(DeskError, match=r"restore the file, or run ./mm up --fresh"):
        desk.secrets()


def test_a_command_beside_a_running_desk_joins_it(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("MM_VAR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL")
    address = Address(
        pid=os.getpid(), url="http://localhost:8000", ports={}, environment={"DATABASE_URL": "postgresql:x"}
    )
    desk.write_address(address)
    join_running_desk()
    assert "DATABASE_URL" not in os.environ, "that desk has stopped"
    desk.open()
    join_running_desk()
    assert os.environ["DATABASE_URL"] == "postgresql:x"


def test_a_server_named_in_the_environment_is_kept(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("MM_VAR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql:mine")
    desk.write_address(Address(pid=1, url="", ports={}, environment={"DATABASE_URL": "postgresql:x"}))
    desk.open()
    join_running_desk()
    assert os.environ["DATABASE_URL"] == "postgresql:mine"


def test_an_address_that_is_shown_keeps_its_secrets() -> None:
    assert "hunter2" not in repr(Address(pid=1, url="", ports={}, environment={"MM_SECRET_KEY": "hunter2"}))
