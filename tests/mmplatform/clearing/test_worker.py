"""The kill path's own worker process, with no engine worker anywhere: called over the broker, killed half way."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from mmplatform.desk import ROOT
from mmplatform.serve import commands
from strategies.choices import ClearingState
from strategies.clearing import call_a_worker
from strategies.models import Clearing, Deployment
from tests.mmplatform.clearing.test_sweep import evidence, kill, last, left_by, rest
from tests.mmplatform.host.conftest import Desk
from tests.mmplatform.host.test_host import Watch
from tests.mmplatform.host.test_live_at_a_venue import OURS, resting
from tests.venues.binance import Binance
from tests.venues.faults import Never

PATIENCE_S = 120.0
"""A process that starts beside all other tests imports for a while; nothing here waits for a time."""
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def killer(live: Deployment, tmp_path: Path) -> Iterator[Start]:
    """Starts the worker as `./mm up` does; whatever was started is gone afterwards."""
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql://{USER}@{HOST}:{PORT}/{NAME}".format_map(connection.settings_dict),
        "REDIS_URL": settings.REDIS_URL,
        "DJANGO_SETTINGS_MODULE": "mmplatform.settings",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "killer.log").open("ab") as log:
            process = subprocess.Popen(
                commands(engine_seats=1)["killer"],
                cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    sys.stdout.write((tmp_path / "killer.log").read_text())


def expire_and_call() -> None:
    """What five seconds and the beat would do."""
    Clearing.objects.update(held_until=timezone.now() - datetime.timedelta(seconds=1))
    call_a_worker()


async def test_without_any_engine_a_kill_is_proven_and_what_a_killed_worker_began_is_ended_by_the_next(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance, killer: Start
) -> None:
    rest(venue, left_by(live, 1), "99")
    rest(venue, left_by(live, 2), "98")
    rest(venue, "somebody-else", "97")
    killer()
    venue.faults.always("cancel", Never(acts=False))
    kill(desk, live)
    await watch.until(lambda: any("lists 2 of ours" in each for each in evidence(desk)), PATIENCE_S)
    os.kill(int(last(desk).worker.partition(":")[2]), signal.SIGKILL)
    venue.faults.clear()
    assert resting(venue) == 3
    assert last(desk).state == ClearingState.RUNNING

    desk.run(expire_and_call)
    await watch.until(lambda: last(desk).is_over, PATIENCE_S)
    assert last(desk).state == ClearingState.CLEAN
    assert [order.client_id for order in venue.books.resting(OURS)] == ["somebody-else"]
    assert last(desk).orders_found == 2
    assert any("was lost." in each for each in evidence(desk))
    assert watch.one("select count(*) from strategies_hostslot where owner <> ''") == 0  # no engine had a hand in it
