"""What one question to a venue carries down through ccxt: how urgent it is, who may forbid it, and how far it got.

ccxt's methods have no room for this, so it travels in a context variable, which every await of the question sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from engine.core.errors import PermitLost
from engine.execution.rates import Priority


@dataclass(slots=True)
class Call:
    """One question. `sent`: something of it had a connection, so that the venue may have got it."""

    what: str
    priority: Priority = Priority.DATA
    is_write: bool = False
    permitted: Callable[[], bool] | None = None
    """Asked when nothing is left but to send; None: needs nobody's permission."""
    sent: bool = False
    orders: int = 1
    """How many orders it creates or cancels, where the venue counts them and not requests."""
    is_question: bool = False
    """It asks for something, so that an answer without anything in it is none."""
    carriers: tuple[Any, ...] = ()
    """The library's sockets that a subscription was made on."""

    def check(self) -> None:
        """Raises PermitLost. The wait for a turn may have outlasted the lease."""
        if self.permitted is not None and not self.permitted():
            raise PermitLost(f"The permission to trade ran out before {self.what} was sent.")


_NOBODYS = Call("a request")
_current: ContextVar[Call | None] = ContextVar("call", default=None)


def current_call() -> Call:
    """The question being asked; a read of public data when nobody says."""
    return _current.get() or _NOBODYS


def carried_by(socket: Any) -> None:
    """Note what carries the subscription that is being made."""
    call = _current.get()
    if call is not None and socket not in call.carriers:
        call.carriers = (*call.carriers, socket)


@contextmanager
def calling(call: Call) -> Iterator[Call]:
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)
