"""What the beat, or a page, asks of the default worker: venues are asked from here, never from the web process."""

from __future__ import annotations

from celery import shared_task

from exchanges.checks import TASK, checks_run
from exchanges.inspection import ask


@shared_task(name=TASK, ignore_result=True)
def check_accounts() -> int:
    """Make every check that was asked for. Called when one is; the beat looks for what nobody was called for."""
    return checks_run(ask)
