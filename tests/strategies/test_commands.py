"""Commands as hosts hear them, and what two people do at once. Real transactions on real connections."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from clients.errors import Refusal
from strategies.choices import Wanted
from strategies.models import Deployment, KillSwitch
from strategies.services import deployment_halt, deployment_start, firm_halt
from tests.world import World, make_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None) -> World:
    return make_world()


@pytest.fixture
def host(world: World) -> psycopg.Connection:
    """A connection that listens, as a host does."""
    with psycopg.connect(
        **connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}, autocommit=True
    ) as listener:
        listener.execute("LISTEN mm_command")
        yield listener


def heard(host: psycopg.Connection) -> list[str]:
    return [notice.payload for notice in host.notifies(timeout=0.2)]


def apart(*verbs: Callable[[], object]) -> list[object]:
    """Run each verb on a connection of its own, all at once; the answers or the refusals, in order."""
    answers: list[object] = [None] * len(verbs)
    together = threading.Barrier(len(verbs))

    def run(index: int) -> None:
        together.wait()
        try:
            answers[index] = verbs[index]()
        except Refusal as refusal:
            answers[index] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(verbs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_a_command_is_heard_once_it_can_be_read(world: World, host: psycopg.Connection) -> None:
    deployment = world.acorn.deployment
    with transaction.atomic():
        deployment_start(deployment=deployment, actor=world.dora, reason="open")
        assert heard(host) == []
    assert heard(host) == [str(deployment.pk)]


def test_a_firm_wide_kill_wakes_every_host(world: World, host: psycopg.Connection) -> None:
    firm_halt(actor=world.rita, reason="drill")
    assert set(heard(host)) == {str(world.acorn.deployment.pk), str(world.cedar.deployment.pk)}
    firm_halt(actor=world.rita, reason="again, in case a notification was lost")
    assert len(heard(host)) == 2


def test_two_kills_at_once_engage_one_switch(world: World) -> None:
    def kill() -> KillSwitch:
        deployment = Deployment.objects.get(pk=world.acorn.deployment.pk)
        return deployment_halt(deployment=deployment, actor=world.dora, reason="stop")

    first, second = apart(kill, kill)
    assert first == second
    assert Deployment.objects.get(pk=world.acorn.deployment.pk).command == 1


def test_no_start_slips_past_a_kill_being_engaged(world: World) -> None:
    ids = [world.acorn.deployment.pk, world.cedar.deployment.pk]

    def start(pk: int) -> Callable[[], object]:
        return lambda: deployment_start(deployment=Deployment.objects.get(pk=pk), actor=world.dora, reason="open")

    for _ in range(5):
        apart(start(ids[0]), lambda: firm_halt(actor=world.rita, reason="stop"), start(ids[1]))
        assert set(Deployment.objects.values_list("wanted", flat=True)) == {Wanted.HALTED}
        KillSwitch.objects.filter(reset_at=None).update(
            reset_at=timezone.now(), reset_by=world.rita, reset_reason="once more"
        )
        Deployment.objects.update(wanted=Wanted.PAUSED)


def test_orders_are_recorded_while_a_command_is_being_given(world: World, host: psycopg.Connection) -> None:
    """The lock of a command must not make the writer of fills wait."""
    deployment = world.acorn.deployment
    with transaction.atomic():
        deployment_start(deployment=deployment, actor=world.dora, reason="open")
        host.execute("SET lock_timeout = '500ms'")
        host.execute(
            "INSERT INTO monitoring_balance (client_id, deployment_id, asset, total, locked, at)"
            " VALUES (%s, %s, 'USDT', 1, 0, now())",
            [deployment.client_id, deployment.pk],
        )
