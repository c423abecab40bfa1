"""What the beat asks of the default worker to keep the time series in order."""

from __future__ import annotations

import datetime

import structlog
from celery import shared_task
from django.conf import settings
from django.db import OperationalError, close_old_connections

from monitoring.measurements import drop_old_measurements, move_measurements
from monitoring.rollouts.looking import rollouts_look
from monitoring.samples import drop_old_samples, move_samples
from monitoring.sessions import reports_store

log = structlog.get_logger()


@shared_task(name="monitoring.move_samples", ignore_result=True)
def move_samples_task() -> int:
    """Once a minute, a few seconds past it. What a missed run leaves behind, the next one moves."""
    return move_samples() + move_measurements()


@shared_task(name="monitoring.drop_old_samples", ignore_result=True)
def drop_old_samples_task() -> list[str]:
    """Once a day. A partition somebody is reading stays until the next run."""
    keep = datetime.timedelta(days=settings.SAMPLE_DAYS)
    try:
        dropped = drop_old_samples(keep=keep) + drop_old_measurements(keep=keep)
    except OperationalError as error:
        log.warning("old samples stay until the next run", reason=str(error))
        return []
    if dropped:
        log.info("old samples dropped", partitions=dropped, kept_days=settings.SAMPLE_DAYS)
    return dropped


@shared_task(name="monitoring.look_at_rollouts", ignore_result=True)
def look_at_rollouts_task() -> int:
    """Every few seconds. What a missed run would have seen, the next one sees."""
    try:
        return rollouts_look()
    except OperationalError as error:
        close_old_connections()
        log.warning("roll-outs cannot be looked at now", reason=str(error).strip())
        return 0


@shared_task(name="monitoring.store_reports", ignore_result=True)
def store_reports_task() -> int:
    """Once a minute. What a missed run leaves behind, the next one stores."""
    stored = reports_store()
    if stored:
        log.info("session reports stored", reports=stored)
    return stored
