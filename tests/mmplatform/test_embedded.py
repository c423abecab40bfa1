"""The embedded servers: from nothing to answering, and what can go wrong has a sentence each."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from mmplatform.embedded import EmbeddedError, Postgres, Valkey
from tests.servers import ThrowAwayPostgres, ThrowAwayValkey


@pytest.fixture
def home():
    """A directory the PostgreSQL user can reach; pytest's own temporary directories are private."""
    path = Path(tempfile.mkdtemp(dir=os.environ["MM_TEST_HOME"]))
    path.chmod(0o711)
    return path


def test_every_test_run_has_a_database_and_a_broker_of_its_own():
    assert settings.REDIS_URL.startswith("redis://127.0.0.1:")
    assert redis.from_url(settings.REDIS_URL).ping()
    with psycopg.connect(settings.DATABASE_URL) as connection:
        assert str(connection.info.server_version).startswith("18")


def test_data_survive_a_stop_and_a_kill(home):
    server = Postgres(home / "postgresql", password="s3cret", durable=False)
    assert server.prepare() is True
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("create table kept (x int)")
    assert server.stop() == 0
    process = server.start()
    os.killpg(process.pid, 9)
    process.wait()

    assert server.prepare() is False
    server.start()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)
    server.stop()


def test_a_password_is_asked_for(home):
    server = Postgres(home / "postgresql", password="s3cret", durable=False)
    server.prepare()
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace("s3cret", "guess"))
    server.stop()

    broker = Valkey(home / "valkey", password="s3cret", durable=False)
    broker.start()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=broker.port, retry=Retry(NoBackoff(), 0)).ping()
    assert redis.from_url(broker.url).ping()
    assert broker.stop() == 0


def test_a_half_made_data_directory_is_named_with_the_remedy(home):
    (home / "postgresql" / "base").mkdir(parents=True)
    with pytest.raises(EmbeddedError, match=r"half-initialised .* run ./mm up --fresh"):
        Postgres(home / "postgresql").prepare()


def test_data_of_another_version_are_named(home):
    server = Postgres(home / "postgresql", durable=False)
    server.prepare()
    (home / "postgresql" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedError, match="written by PostgreSQL 12 and this is 18"):
        server.prepare()


def test_a_cut_off_initialisation_is_cleared_away_by_the_next(home):
    (home / "postgresql.new-1").mkdir()
    ThrowAwayPostgres(home / "postgresql", durable=False).prepare()
    assert [path.name for path in home.iterdir()] == ["postgresql"]


def test_a_lock_file_of_a_process_that_is_no_postgresql_does_not_stop_us(home):
    server = ThrowAwayPostgres(home / "postgresql", durable=False)
    server.prepare()
    (home / "postgresql" / "postmaster.pid").write_text(f"{os.getpid()}\n{home}\n")
    server.start()
    server.stop()


def test_a_broker_answers_and_is_gone_after_stop(home):
    broker = ThrowAwayValkey(home / "valkey", durable=False)
    broker.start()
    assert redis.from_url(broker.url).ping()
    broker.stop()
    assert not broker.answers()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_data_in_a_private_directory_are_kept_where_the_database_can_reach_them(home):
    home.chmod(0o700)  # as /root is
    server = ThrowAwayPostgres(home / "postgresql", durable=False)
    server.prepare()
    assert (home / "postgresql").is_symlink()
    kept = (home / "postgresql").resolve()
    server.start()
    server.stop()
    assert server.prepare() is False
    server.remove()
    assert not kept.exists()
    assert not (home / "postgresql").is_symlink()


def test_servers_die_with_the_process_that_started_them(home):
    script = (
        "import os, pathlib, sys; from tests.servers import ThrowAwayValkey\n"
        f"broker = ThrowAwayValkey(pathlib.Path({str(home)!r}) / 'valkey', durable=False)\n"
        "broker.start(); print(broker.port, flush=True); os.kill(os.getpid(), 9)"
    )
    started = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    orphan = ThrowAwayValkey(home / "valkey")
    orphan.port = int(started.stdout)
    give_up_at = time.monotonic() + 5
    while orphan.answers() and time.monotonic() < give_up_at:
        time.sleep(0.01)
    assert not orphan.answers()
