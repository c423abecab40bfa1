"""The Celery side of the kill path: tasks only translate."""

from __future__ import annotations

import os
import socket

import structlog
from asgiref.sync import async_to_sync
from celery import shared_task
from django.db import OperationalError, close_old_connections

from exchanges.models import ExchangeAccount
from mmplatform.clearing.sweep import sweep
from mmplatform.clearing.warm import at_hand
from strategies.clearing import TASK, clearings_ask_again

log = structlog.get_logger(__name__)


@shared_task(name=TASK)
def clear_accounts() -> None:
    """Ask for what an engaged kill switch leaves unproven, and clear every account that waits.

    The beat calls it also while nothing waits, and so it has at hand by then what speaks to the venues.
    """
    try:
        close_old_connections()
        clearings_ask_again()
        async_to_sync(sweep)(f"{socket.gethostname()}:{os.getpid()}")
        at_hand(ExchangeAccount.objects.filter(is_paper=False).values_list("venue__component", flat=True).distinct())
    except OperationalError as error:
        close_old_connections()
        log.warning("the kill path cannot reach the database", error=str(error).strip())
