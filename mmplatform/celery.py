"""Celery as this platform uses it: the database's lease decides who runs, the broker only carries the call.

Four queues, each with workers of its own: `engine` holds one long-lived `run_host` per pool child, `supervise` must
never wait behind anything, `kill` empties accounts without an engine, `default` takes the short work. Messages are
acknowledged before the task runs: a broker that redelivers an hour-long task would make a second host, and a lost one
is called again by the supervisor.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.schedules import crontab
from celery.signals import celeryd_after_setup, setup_logging, worker_process_init, worker_shutting_down
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmplatform.settings")

from django.conf import settings

from engine.core.log import configure

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
SUPERVISE_S = 2.0
"""How often slots without a living host are looked for."""
ROLLOUTS_S = 5.0
"""How often staged roll-outs are measured and led on or back."""

CLEAR_S = 3.0
"""How often accounts are looked for that a kill has left unproven; a kill itself calls at once."""

# It warns of pickled messages run as root; messages here are JSON, and a container's user is often root.
warnings.filterwarnings("ignore", category=SecurityWarning)
# It announces, at every loss of the broker, a default of a later Celery; hosts outlive the broker here on purpose.
warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)

app = Celery("mmplatform", broker=settings.REDIS_URL)
app.set_default()  # in every thread: the web process calls tasks from whichever a request runs in
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 2, "health_check_interval": 10},
    # Each with its own key: queues that share one would each get a copy of every call.
    task_queues=[Queue(name, Exchange("mm"), routing_key=name) for name in ("default", "engine", "supervise", "kill")],
    task_default_queue="default",
    task_default_exchange="mm",
    task_default_routing_key="default",
    task_routes={
        "mmplatform.host.run_host": {"queue": "engine"},
        "mmplatform.host.supervise": {"queue": "supervise"},
        "mmplatform.clearing.clear_accounts": {"queue": "kill"},
        # A few questions to the database; behind other work a drill would fail for want of somebody to look.
        "strategies.hold_drills": {"queue": "supervise"},
        # A way back that is due must not wait behind a report either; a look is a few short queries.
        "monitoring.look_at_rollouts": {"queue": "supervise"},
    },
    task_acks_late=False,
    task_reject_on_worker_lost=False,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    # A full engine worker that reserves a re-dispatched host keeps it from the worker that is free.
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_send_task_events=False,
    timezone="UTC",
    beat_schedule_filename=str(settings.VAR_DIR / "beat"),
    beat_max_loop_interval=1,
    beat_schedule={
        "supervise": {
            "task": "mmplatform.host.supervise",
            "schedule": SUPERVISE_S,
            "options": {"expires": 5},  # a backlog of old looks would only look again
        },
        "clear accounts": {
            "task": "mmplatform.clearing.clear_accounts",
            "schedule": CLEAR_S,
            "options": {"expires": 5},
        },
        "look at roll-outs": {
            "task": "monitoring.look_at_rollouts",
            "schedule": ROLLOUTS_S,
            "options": {"expires": 5},
        },
        "hold drills": {
            "task": "strategies.hold_drills",
            "schedule": SUPERVISE_S,
            "options": {"expires": 2},
        },
        "move samples": {
            "task": "monitoring.move_samples",
            "schedule": 60.0,
            "options": {"expires": 50},
        },
        "store reports": {
            "task": "monitoring.store_reports",
            "schedule": 60.0,
            "options": {"expires": 50},
        },
        "check accounts": {
            "task": "exchanges.check_accounts",
            "schedule": 30.0,
            "options": {"expires": 25},
        },
        "look at books": {
            "task": "exchanges.look_at_books",
            "schedule": 30.0,
            "options": {"expires": 25},
        },
        "synchronise markets": {
            "task": "exchanges.synchronise_markets",
            "schedule": 20.0,
            "options": {"expires": 15},
        },
        "read claims": {
            "task": "exchanges.read_claims",
            "schedule": 45.0,
            "options": {"expires": 40},
        },
        "drop old samples": {
            "task": "monitoring.drop_old_samples",
            "schedule": crontab(hour=3, minute=17),
            "options": {"expires": 3600},
        },
    },
)
app.autodiscover_tasks()
app.autodiscover_tasks(["mmplatform.host", "mmplatform.clearing"])


@setup_logging.connect
def _log_one_line_an_event(**_: Any) -> None:
    configure(json=settings.LOG_JSON)
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)  # a line for each call every two seconds
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)
    logging.getLogger("celery.beat").setLevel(logging.WARNING)


@worker_process_init.connect
def _outlive_nothing(**_: Any) -> None:
    """Be told when the parent dies.

    Celery asks for SIGKILL at that moment, which would leave orders resting until a take-over; SIGTERM lets the host
    cancel them first.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM.value)


_worker: Any = None


@celeryd_after_setup.connect
def _remember_the_worker(instance: Any, **_: Any) -> None:
    global _worker
    _worker = instance
    # Children inherit it: while no host runs in one, the stop signal must not kill it, not in its first moment either.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


@worker_shutting_down.connect
def _stop_hosts(**_: Any) -> None:
    """A warm shutdown waits for tasks without telling them; hosts would never end. SIGUSR2 asks them to."""
    pool = getattr(getattr(_worker, "pool", None), "_pool", None)
    for child in getattr(pool, "_pool", ()):
        try:
            os.kill(child.pid, signal.SIGUSR2)
        except ProcessLookupError:
            continue
