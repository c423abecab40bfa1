"""The Celery side of the host: tasks only translate."""

from __future__ import annotations

import os
import signal
import socket

import structlog
import uvloop
from celery import shared_task
from django.conf import settings
from django.db import OperationalError, close_old_connections

from mmplatform.health import note_supervision
from mmplatform.host import supervisor
from mmplatform.host.run import Host

log = structlog.get_logger(__name__)


@shared_task(name="mmplatform.host.run_host")
def run_host(slot: str) -> None:
    """Sit in a slot and run deployments until asked to stop or until the lease is lost."""
    owner = f"{socket.gethostname()}:{os.getpid()}"
    worker = os.getppid()
    try:
        uvloop.run(Host(slot=slot, owner=owner).run())
    finally:
        # The loop's handler is gone; while this child is idle the stop signal must not kill it.
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    if os.getppid() != worker:
        # The worker was killed. Its pipes stay open in the other children, so waiting for its next call never ends.
        log.info("leaving with the worker, which has gone", slot=slot)
        os._exit(os.EX_OK)


@shared_task(name="mmplatform.host.supervise")
def supervise() -> None:
    """Call a host for every slot that has none."""
    try:
        supervisor.ensure_slots(supervisor.wanted_slots(settings.ENGINE_SLOTS, settings.REHEARSAL_SLOTS))
        vacant = supervisor.vacant_slots()
    except OperationalError as error:
        close_old_connections()
        log.warning("the supervisor cannot reach the database", error=str(error).strip())
        return
    note_supervision()
    for name in vacant:
        log.info("calling a host", slot=name)
        run_host.apply_async((name,), expires=10)
