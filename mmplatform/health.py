"""/healthz: this process answers. /readyz: the desk can do its work, or why not, each reason with its remedy."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

from strategies.models import HostSlot

log = logging.getLogger(__name__)

SUPERVISION_KEY = "mm:supervised_at"
SUPERVISION_STALE_AFTER_S = 15
"""Beat asks for supervision every two seconds; a few may be missed while a worker restarts."""


@dataclass(frozen=True)
class Finding:
    name: str
    ok: bool
    reason: str


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    findings = examine()
    ready = all(finding.ok for finding in findings)
    body = {"status": "ready" if ready else "not ready", "checks": [asdict(finding) for finding in findings]}
    return JsonResponse(body, status=200 if ready else 503)


def examine() -> list[Finding]:
    """Look at everything the desk needs. What depends on a server that is away is not asked for."""
    findings = [_database(), _broker()]
    database, broker = findings
    if database.ok:
        findings.append(_migrations())
    if all(finding.ok for finding in findings if finding is not broker):
        findings += _slots()
    if broker.ok:
        findings.append(_supervision())
    return findings


def note_supervision() -> None:
    """Say that beat, the broker and the supervisor's worker did their round just now. Called by the supervisor."""
    with _broker_client() as broker:
        broker.set(SUPERVISION_KEY, repr(time.time()), ex=3600)


def _broker_client() -> redis.Redis:
    # Asked once: whoever looks will look again, and a page that hangs says less than one that reports.
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=once)


def _database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        log.exception("the database does not answer")  # with the place, which strangers need not read
        return Finding("database", False, "does not answer")
    return Finding("database", True, "answers")


def _broker() -> Finding:
    try:
        with _broker_client() as broker:
            broker.ping()
    except redis.RedisError:
        log.exception("the broker does not answer")
        return Finding("broker", False, "does not answer")
    return Finding("broker", True, "answers")


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first = missing[0][0]
        return Finding("migrations", False, f"{len(missing)} are not applied, first {first}: run manage.py migrate")
    return Finding("migrations", True, "all applied")


def _slots() -> list[Finding]:
    """One finding a seat: an engine without a host quotes nothing, whatever is wanted of it."""
    now = timezone.now()
    findings = []
    for slot in HostSlot.objects.filter(desired=True):
        name = f"slot {slot.name}"
        if slot.expires_at is None:
            findings.append(Finding(name, False, "no host has taken it yet: is a worker for queue engine running?"))
        elif slot.expires_at < now:
            gone_s = (now - slot.expires_at).total_seconds()
            findings.append(Finding(name, False, f"no host for {gone_s:.0f} s: is a worker for queue engine running?"))
        else:
            findings.append(Finding(name, True, "held"))
    return findings or [Finding("slots", False, "none exist yet: the supervisor has not run")]


def _supervision() -> Finding:
    with _broker_client() as broker:
        noted = broker.get(SUPERVISION_KEY)
    if noted is None:
        return Finding("supervision", False, "never ran: are beat and the worker for queue supervise running?")
    age_s = time.time() - float(noted)
    if age_s > SUPERVISION_STALE_AFTER_S:
        reason = f"last ran {age_s:.0f} s ago: are beat and the worker for queue supervise running?"
        return Finding("supervision", False, reason)
    return Finding("supervision", True, f"ran {age_s:.0f} s ago")
