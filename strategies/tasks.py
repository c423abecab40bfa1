"""What the beat asks of a worker: tasks only translate."""

from __future__ import annotations

from celery import shared_task

from strategies import drills


@shared_task(name=drills.TASK, ignore_result=True)
def hold_drills() -> None:
    """Begin the kill drills that are due, and take those under way one step further."""
    drills.drills_hold()
