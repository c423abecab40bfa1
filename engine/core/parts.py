"""How each component of a service stands: waiting for its turn, loaded, running, failed, let go of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

import msgspec

from engine.core.config import ComponentSpec


class PartState(StrEnum):
    BUILT = "built"
    """Its turn to load has not come."""
    LOADING = "loading"
    LOADED = "loaded"
    """It has all it needs; nothing moves before everything is."""
    RUNNING = "running"
    FAILED = "failed"
    LET_GO = "let go"
    """Unloaded: nothing of it runs any more."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    id: str
    state: PartState
    problem: str = ""
    """What it failed with, or what went wrong when it was let go of."""


def parts(
    specs: Mapping[str, ComponentSpec],
    *,
    order: Sequence[str],
    phase: str,
    started: Collection[str],
    failed: tuple[str, str] | None,
    unload_errors: Sequence[str],
) -> tuple[Part, ...]:
    """Every component in load order.

    phase      the container's
    started    those whose load has begun, in order
    failed     the one that failed first, and with what
    """
    last = list(started)[-1] if started else ""
    told = []
    for name in order:
        if failed is not None and name == failed[0]:
            state = PartState.FAILED
        elif phase == "unloaded":
            state = PartState.LET_GO if name in started else PartState.BUILT
        elif name not in started:
            state = PartState.BUILT
        elif phase == "loading":
            state = PartState.LOADING if name == last else PartState.LOADED
        else:
            state = PartState.RUNNING if phase == "running" else PartState.LOADED
        problem = next((error for error in unload_errors if error.startswith(f"{name} ")), "")
        if state is PartState.FAILED and failed is not None:
            problem = failed[1]
        told.append(Part(name=name, id=specs[name].id, state=state, problem=problem))
    return tuple(told)
