"""Processes are killed, frozen and cut off while they quote; the record must read as if one careful hand had kept it.

The tests share one desk and run in order: each begins by waiting until everything quotes.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.resilience.stack import Stack

pytestmark = pytest.mark.resilience

RESUMING = ("first", "second", "third")


@pytest.fixture(scope="module")
def desk() -> Iterator[Stack]:
    home = Path(os.environ["MM_TEST_HOME"]) / "resilience"  # where PostgreSQL's user can reach it
    home.mkdir(mode=0o711)
    stack = Stack(home)
    try:
        stack.open()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def stack(desk: Stack) -> Iterator[Stack]:
    """The desk with everything quoting; afterwards its record is checked from the first order on."""
    for name in desk.deployments:
        wanted, observed, *_ = desk.state(name)
        if wanted != "active" and observed == "paused":
            desk.command("start", name)
    desk.until_quoting(*desk.deployments, within_s=60)
    yield desk
    desk.check_record()


def test_a_killed_host_is_replaced_and_its_orders_are_cancelled_first(stack: Stack) -> None:
    mates = stack.mates_of("first")
    before = {name: stack.token(name) for name in mates}
    os.kill(stack.host_of("first"), signal.SIGKILL)
    took_s = stack.until(
        lambda: all(stack.token(name) > before[name] for name in mates), within_s=15, what="a take-over"
    )
    resuming = [name for name in mates if name in RESUMING]
    stack.until_quoting(*resuming, within_s=10)
    for name in resuming:
        assert stack.state(name)[2].startswith("resumed after host loss: the host of slot engine-")
    assert took_s < 10


def test_a_careful_mandate_stays_paused_after_a_loss_and_the_audit_says_why(stack: Stack) -> None:
    before = stack.token("careful")
    os.kill(stack.host_of("careful"), signal.SIGKILL)
    stack.until(lambda: stack.token("careful") > before, within_s=15, what="a take-over")
    stack.until(lambda: stack.state("careful")[0] == "paused", within_s=10, what="a pause")
    stack.until(
        lambda: stack.state("careful")[1:3][0] == "paused" and "host loss" in stack.state("careful")[2],
        within_s=5,
        what="the reason",
    )
    actor, reason = stack.rows(
        "select actor_name, reason from clients_auditentry where verb = 'deployment.paused' order by id desc limit 1"
    )[0]
    assert actor == "engine"
    assert reason.startswith("paused after host loss: the host of slot engine-")
    resting = stack.one(
        "select count(*) from monitoring_order where deployment_id = %s "
        "and status not in ('filled', 'cancelled', 'rejected')",
        stack.deployments["careful"],
    )
    assert resting == 0
    assert stack.tile("careful")["state"] == "paused"


def test_a_whole_worker_killed_comes_back_with_every_deployment(stack: Stack) -> None:
    before = {name: stack.token(name) for name in stack.deployments}
    stack.kill_worker()
    stack.start("engine")
    stack.until(
        lambda: all(stack.token(name) > before[name] for name in before), within_s=30, what="a take-over of everything"
    )
    stack.until_quoting(*RESUMING, within_s=15)


def test_a_killed_parent_leaves_clean_children(stack: Stack) -> None:
    worker = stack.processes["engine"]
    children = psutil.Process(worker.pid).children()
    worker.kill()
    worker.wait()
    stack.until(
        lambda: not stack.column("select id from strategies_deployment where slot_id is not null"),
        within_s=8,
        what="an orderly release",
    )
    assert {stack.state(name)[1:3] for name in stack.deployments} == {("paused", "host stopped")}
    stack.until(lambda: not any(child.is_running() for child in children), within_s=8, what="the end of every child")
    stack.start("engine")
    # Also the careful mandate: nothing was lost, so this is a planned change.
    stack.until_quoting(*stack.deployments, within_s=30)
    assert stack.state("careful")[2] == "resumed after a planned change of host"


def test_a_frozen_host_wakes_up_powerless(stack: Stack) -> None:
    mates = stack.mates_of("first")
    before = {name: stack.token(name) for name in mates}
    frozen = stack.host_of("first")
    os.kill(frozen, signal.SIGSTOP)
    try:
        stack.until(lambda: all(stack.token(name) > before[name] for name in mates), within_s=25, what="a take-over")
        stack.until_quoting(*(name for name in mates if name in RESUMING), within_s=10)
    finally:
        os.kill(frozen, signal.SIGCONT)
    woken_at = stack.one("select clock_timestamp()")
    time.sleep(6)  # what it would do wrong it would do now
    for name in mates:
        pk = stack.deployments[name]
        assert not stack.column(
            "select id from monitoring_order where deployment_id = %s and token = %s and updated_at > %s",
            pk,
            before[name],
            woken_at,
        )
        assert not stack.column(
            "select id from monitoring_deploymentevent where deployment_id = %s and token = %s and at > %s",
            pk,
            before[name],
            woken_at,
        )
        assert stack.token(name) > before[name]


def test_without_its_database_a_host_silences_itself_and_loses_nothing(stack: Stack) -> None:
    before = {name: stack.token(name) for name in stack.deployments}
    stack.postgres.process.kill()
    stack.postgres.process.wait()
    down_at = time.monotonic()
    stack.until(
        lambda: all(stack.tile(name)["state"] == "paused" for name in stack.deployments),
        within_s=5,
        what="the silence on screen",
    )
    for name in stack.deployments:
        tile = stack.tile(name)
        assert tile["reason"].startswith("lease could not be renewed for ")
    time.sleep(max(0.0, down_at + 20 - time.monotonic()))
    stack.serve(stack.postgres)
    stack.until(
        lambda: all(stack.token(name) > before[name] for name in before), within_s=20, what="a new lease of everything"
    )
    stack.until_quoting(*RESUMING, within_s=15)
    for name in stack.deployments:
        assert stack.fills_lost(name) == set()
        silence = stack.rows(
            "select text, token from monitoring_deploymentevent where deployment_id = %s and kind = 'state' "
            "and detail->>'new' = 'paused' and text like 'lease could not be renewed%%'",
            stack.deployments[name],
        )
        assert silence[-1][1] == before[name], "written under the old token, after the database came back"
    for name in RESUMING:
        assert stack.state(name)[2].startswith("resumed after host loss: lease could not be renewed for ")
    assert stack.state("careful")[:2] == ("paused", "paused")


def test_without_its_broker_a_host_goes_on_quoting_and_the_screen_recovers(stack: Stack) -> None:
    before = stack.until_settled()
    stack.valkey.process.kill()
    stack.valkey.process.wait()
    down_at = stack.one("select clock_timestamp()")
    time.sleep(20)
    for name in stack.deployments:
        assert stack.token(name) == before[name]
        assert stack.one(
            "select count(*) from monitoring_order where deployment_id = %s and created_at > %s + interval '10 s'",
            stack.deployments[name],
            down_at,
        )
    stack.serve(stack.valkey)
    back_ms = time.time_ns() // 1_000_000
    stack.until(
        lambda: all(stack.tile(name).get("sent_ms", 0) > back_ms for name in stack.deployments),
        within_s=15,
        what="fresh tiles",
    )
    # Beat, supervisor and worker are connected again as well: a lost host is replaced.
    os.kill(stack.host_of("first"), signal.SIGKILL)
    stack.until(lambda: stack.token("first") > before["first"], within_s=40, what="a take-over")
    stack.until_quoting("first", within_s=15)


def test_a_halted_deployment_never_resumes_by_itself(stack: Stack) -> None:
    stack.command("halt", "second")
    stack.until(lambda: stack.state("second")[1] == "halted", within_s=5, what="the halt")
    before = stack.token("second")
    os.kill(stack.host_of("second"), signal.SIGKILL)
    stack.until(lambda: stack.token("second") > before, within_s=15, what="a take-over")
    time.sleep(3)
    wanted, observed, reason, token = stack.state("second")
    assert (wanted, observed) == ("halted", "halted")
    assert "halt by test" in reason
    assert not stack.column(
        "select id from monitoring_order where deployment_id = %s and token = %s", stack.deployments["second"], token
    )
    stack.command("reset", "second")
    stack.until(lambda: stack.state("second")[1] == "paused", within_s=5, what="the reset")


def test_ctrl_c_stops_everything_in_order(stack: Stack) -> None:
    worker = stack.processes["engine"]
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    assert time.monotonic() - began < 8
    assert not stack.column("select id from strategies_deployment where slot_id is not null")
    assert not stack.column("select id from monitoring_order where status not in ('filled', 'cancelled', 'rejected')")
    for name in stack.deployments:
        assert stack.fills_lost(name) == set() or stack.one(
            "select count(*) from strategies_hostslot where started_at is not null"
        )
