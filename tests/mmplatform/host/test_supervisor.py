"""The supervisor: every wanted slot is offered, none too often."""

from __future__ import annotations

import pytest
from django.utils import timezone

from mmplatform.celery import app
from mmplatform.host.supervisor import ensure_slots, vacant_slots, wanted_slots
from strategies.models import HostSlot

pytestmark = pytest.mark.django_db


def test_slots_are_made_to_the_number_wanted() -> None:
    ensure_slots(wanted_slots(engine=2, rehearsal=1))
    ensure_slots(wanted_slots(engine=2, rehearsal=1))
    assert list(HostSlot.objects.values_list("name", "kind", "desired")) == [
        ("engine-1", "engine", True),
        ("engine-2", "engine", True),
        ("rehearsal-1", "rehearsal", True),
    ]


def test_slots_beyond_the_number_are_no_longer_wanted_and_may_be_again() -> None:
    ensure_slots(wanted_slots(engine=2, rehearsal=1))
    ensure_slots(wanted_slots(engine=1, rehearsal=1))
    assert not HostSlot.objects.get(name="engine-2").desired
    ensure_slots(wanted_slots(engine=2, rehearsal=1))
    assert HostSlot.objects.get(name="engine-2").desired


def test_a_vacant_slot_is_offered_once_and_a_held_one_never() -> None:
    ensure_slots(wanted_slots(engine=2, rehearsal=1))
    HostSlot.objects.filter(name="engine-2").update(expires_at=timezone.now() + timezone.timedelta(seconds=60))
    assert vacant_slots() == ["engine-1", "rehearsal-1"]
    assert vacant_slots() == []  # just offered: the host needs a moment to sit down
    HostSlot.objects.update(expires_at=timezone.now(), dispatched_at=timezone.now() - timezone.timedelta(seconds=6))
    assert vacant_slots() == ["engine-1", "engine-2", "rehearsal-1"]


def test_every_queue_has_a_key_of_its_own() -> None:
    keys = {queue.name: queue.routing_key for queue in app.conf.task_queues}
    assert keys == {"default": "default", "engine": "engine", "supervise": "supervise", "kill": "kill"}


def test_a_host_is_called_with_nothing_that_could_repeat_or_end_it() -> None:
    assert not app.conf.task_acks_late
    assert app.conf.task_ignore_result
    assert app.conf.worker_disable_prefetch
    assert (app.conf.task_time_limit, app.conf.task_soft_time_limit) == (None, None)
    assert app.amqp.router.route({}, "mmplatform.host.run_host")["queue"].name == "engine"
    assert app.amqp.router.route({}, "mmplatform.host.supervise")["queue"].name == "supervise"
