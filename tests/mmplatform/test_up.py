"""`./mm up` as a person meets it: real processes in a temporary directory, and a sentence for each thing in the way."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from mmplatform.desk import ROOT, Desk
from tests.mmplatform.desks import PATIENCE_S, read_until


def descendants(process):
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.resilience
def test_a_desk_opens_keeps_others_out_and_stops_cleanly(up, var):
    desk = up("--no-demo")
    said = read_until(desk, "Ctrl-C stops everything")
    address = re.search(r"http://localhost:(\d+)", said)
    assert address, said
    with socket.create_connection(("127.0.0.1", int(address[1])), timeout=5):
        pass
    known = json.loads((var / "desk.json").read_text())
    assert known["pid"] == desk.pid
    assert known["ready"]
    assert (var / "desk.json").stat().st_mode & 0o077 == 0
    assert (var / "secrets.json").stat().st_mode & 0o077 == 0
    assert (var / "vault.key").stat().st_mode & 0o077 == 0
    assert "made the key of the vault" in said
    given = {
        name: "MM_VAULT_KEY_FILE" in next(each for each in descendants(desk) if word in each.cmdline()).environ()
        for name, word in (("web", "uvicorn"), ("engine", "engine@%h"), ("worker", "worker@%h"), ("beat", "beat"))
    }
    assert given == {"web": False, "engine": True, "worker": True, "beat": False}

    second = up("--no-demo")
    refusal, _ = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 1
    assert f"already running at {address[0]} (process {desk.pid})" in refusal

    children = descendants(desk)
    assert children
    desk.send_signal(signal.SIGINT)
    said, _ = desk.communicate(timeout=PATIENCE_S)
    assert desk.returncode == 0, said
    assert "stopped in" in said
    assert not [child for child in children if child.is_running()]
    assert not Desk(var).is_running


@pytest.mark.resilience
def test_what_dies_is_started_again_and_the_data_are_still_there(up, var):
    desk = up("--no-demo")
    read_until(desk, "Ctrl-C stops everything")
    database = next(child for child in descendants(desk) if "postgresql" in " ".join(child.cmdline()))
    os.killpg(database.pid, signal.SIGKILL)
    read_until(desk, "postgres was ended by SIGKILL; starting it again")
    address = Desk(var).read_address()
    give_up_at = time.monotonic() + 10
    answered = False
    while not answered and time.monotonic() < give_up_at:
        with socket.socket() as probe:
            answered = probe.connect_ex(("127.0.0.1", address.ports["postgres"])) == 0
    assert answered


@pytest.mark.resilience
def test_a_killed_desk_leaves_no_process_and_the_next_carries_on(up, var):
    killed = up("--no-demo")
    first = read_until(killed, "Ctrl-C stops everything")
    children = descendants(killed)
    killed.kill()
    killed.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]

    second = up("--no-demo")
    said = read_until(second, "Ctrl-C stops everything")
    assert "the last run did not stop cleanly" in said
    assert "made a data directory" in first
    assert "made a data directory" not in said


def test_a_busy_port_is_named_with_another_to_try(up):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        refused = up("--no-demo", "--port", str(port))
        said, _ = refused.communicate(timeout=PATIENCE_S)
    assert refused.returncode == 1
    assert f"Port {port} is in use by another program; choose another" in said


def test_a_half_initialised_data_directory_is_named_with_the_remedy(up, var):
    (var / "postgresql" / "base").mkdir(parents=True)
    refused = up("--no-demo")
    said, _ = refused.communicate(timeout=PATIENCE_S)
    assert refused.returncode == 1
    assert "is half-initialised" in said
    assert "./mm up --fresh" in said


def test_fresh_refuses_to_empty_a_server_of_yours(var):
    process = subprocess.run(
        [sys.executable, "-m", "mmplatform.up", "--fresh"],
        cwd=ROOT,
        env={**os.environ, "MM_VAR": str(var)},  # names the servers of this test run
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "--fresh deletes embedded data only" in process.stderr
