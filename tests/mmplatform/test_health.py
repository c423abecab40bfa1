"""/healthz and /readyz: what is up, and the reason for what is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from mmplatform.embedded import free_port
from mmplatform.health import SUPERVISION_KEY, note_supervision
from strategies.choices import SlotKind
from strategies.models import HostSlot

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_supervision_yet():
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        broker.delete(SUPERVISION_KEY)


def reasons(response):
    return {check["name"]: check["reason"] for check in response.json()["checks"] if not check["ok"]}


def a_slot(*, expires_in_s):
    expires_at = None if expires_in_s is None else timezone.now() + timedelta(seconds=expires_in_s)
    HostSlot.objects.create(name="engine-1", kind=SlotKind.ENGINE, expires_at=expires_at)


def test_a_live_process_says_so(client):
    assert client.get("/healthz").json() == {"status": "alive"}


def test_a_desk_with_every_seat_taken_is_ready(client):
    a_slot(expires_in_s=4)
    note_supervision()
    response = client.get("/readyz")
    assert response.status_code == 200, response.json()
    assert response.json()["status"] == "ready"


def test_a_seat_without_a_host_is_named(client):
    a_slot(expires_in_s=-30)
    note_supervision()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert reasons(response) == {"slot engine-1": "no host for 30 s: is a worker for queue engine running?"}


def test_a_seat_nobody_ever_took_is_named(client):
    a_slot(expires_in_s=None)
    note_supervision()
    assert "no host has taken it yet" in reasons(client.get("/readyz"))["slot engine-1"]


def test_a_silent_beat_is_named(client):
    a_slot(expires_in_s=4)
    assert "never ran" in reasons(client.get("/readyz"))["supervision"]
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        broker.set(SUPERVISION_KEY, "1000.0")
    assert "are beat and the worker for queue supervise running?" in reasons(client.get("/readyz"))["supervision"]


def test_a_broker_that_is_away_is_named_and_the_rest_is_still_told(client, settings):
    a_slot(expires_in_s=4)
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert reasons(response) == {"broker": "does not answer"}
    assert "slot engine-1" in [check["name"] for check in response.json()["checks"]]
