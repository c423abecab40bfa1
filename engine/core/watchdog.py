"""A service that does not give the loop back is thrown out of its own code, so that it hurts nobody else.

One loop runs many services. A loop without end in one component, or a call that blocks, would silence them all until
their leases run out, and then the next host. So an alarm rings when the loop has not come round in time, and if it
finds a service's code running, it raises there: the service is faulted and unloaded, which cancels its orders.
"""

from __future__ import annotations

import asyncio
import atexit
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import NamedTuple

import structlog

from engine.core.errors import EngineError

LIMIT_S = 1.0
"""A host that renews its lease each second must be heard again within two and a half."""

log = structlog.get_logger(__name__)

running: ContextVar[Callable[[BaseException], None] | None] = ContextVar("running", default=None)
"""How to tell the service whose code is running that it failed. Set in the context of everything a container runs."""


@contextmanager
def watched_for(fail: Callable[[BaseException], None] | None) -> Iterator[None]:
    """What runs here is the code of the service that `fail` tells; None: the house's own."""
    token = running.set(fail)
    try:
        yield
    finally:
        running.reset(token)


def unwatched() -> AbstractContextManager[None]:
    """The house's own work on behalf of a service, which nobody shall be thrown out of."""
    return watched_for(None)


class HeldTheLoop(EngineError):
    """Code of a service ran, or blocked, for too long without giving the loop back."""


class Watchdog:
    """Rings when `beat` was not called for a while. Works in the main thread, where signals are heard.

    A loop may be late because much is going on, or because the machine gave this process no turn; neither is any one
    service's fault. So the bell rings four times in `limit_s`, and only who is found at the same step each time, having
    computed, or waited in a blocking call, is thrown out of it.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self.limit_s = limit_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._found: tuple[object, object] = (None, None)
        self._times = 0
        self._seen = _Used(0.0, 0)

    def start(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._loop = asyncio.get_running_loop()
            signal.signal(signal.SIGALRM, self._ring)
            atexit.register(self.stop)  # a loop that ends without stopping us must not end the process by an alarm
            self.beat()

    def beat(self) -> None:
        """The loop came round."""
        if self._loop is not None:
            self._times = 0
            # It goes on ringing: code that catches everything is thrown out again.
            signal.setitimer(signal.ITIMER_REAL, self.limit_s / _RINGS, self.limit_s / _RINGS)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop = None
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            atexit.unregister(self.stop)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        # Python calls this between two steps of whatever runs, in its context: so nobody else is hit.
        fail = running.get()
        if fail is None or self._loop is None:
            return
        # The loop did not come round since the last ring, so the same task means the same step of it.
        found = (fail, asyncio.current_task(self._loop))
        before, self._seen = self._seen, _Used.now()
        if self._times == 0 or found != self._found:
            self._found, self._times = found, 1
            return
        # Without a turn of the machine's, time passes and proves nothing.
        if self._seen.cpu_s - before.cpu_s < self.limit_s / _RINGS / 8 and self._seen.evicted > before.evicted:
            return
        self._times += 1
        if self._times < _RINGS:
            return
        self._times = 0
        where = f" in {frame.f_code.co_qualname} (line {frame.f_lineno})" if frame is not None else ""
        error = HeldTheLoop(f"it held up every service of this process for about {self.limit_s:g} s{where}")
        self._loop.call_soon_threadsafe(fail, error)  # also when the code in question catches everything
        raise error


_RINGS = 4


class _Used(NamedTuple):
    """What this thread has computed, and how often it was made to wait for a turn."""

    cpu_s: float
    evicted: int

    @classmethod
    def now(cls) -> _Used:
        return cls(time.thread_time(), resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw)
