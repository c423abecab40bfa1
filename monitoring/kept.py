"""What hosts keep in the broker for pages to read: explained ticks, and how each deployment works.

Nothing here is a record. A broker that is away, or a frame of an older release, is as if nothing had been kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec
from django.conf import settings
from redis import Redis

from engine.core.parts import Part
from engine.metrics.events import Vitals
from engine.metrics.explained import TickExplained
from monitoring.live import BROKER_ERRORS, asked_key, changes_key, standing_key, ticks_key

T = TypeVar("T", bound=msgspec.Struct)

ASKED_FOR_S = 15
"""How long ticks go on being explained after a page has last asked."""
SHOWN = 60


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A host's newest word on one deployment it holds."""

    sent_ms: int
    """By the host's clock, milliseconds of the epoch."""
    token: int
    revision: str
    """The revision whose components these are: what runs, whatever is wanted."""
    parts: tuple[Part, ...] = ()
    vitals: Vitals | None = None
    doing: str = ""
    """What the host is about with it, where the state does not say: building it anew after a fault, say."""


def standings(ids: Sequence[int]) -> dict[int, Standing]:
    """By deployment; those of which nothing is kept are left out."""
    if not ids:
        return {}
    try:
        frames = _broker().mget([standing_key(pk) for pk in ids])
    except BROKER_ERRORS:
        return {}
    found = {}
    for pk, frame in zip(ids, frames, strict=True):
        for standing in _read([frame] if frame else [], Standing):
            found[pk] = standing
    return found


def ask_why(deployment_id: int) -> None:
    """Have the ticks of a deployment explained for the next ASKED_FOR_S."""
    try:
        _broker().set(asked_key(deployment_id), "1", ex=ASKED_FOR_S)
    except BROKER_ERRORS:
        return


def ticks(deployment_id: int) -> list[TickExplained]:
    """The last explained ticks, newest first, with those at which something changed from longer ago."""
    try:
        pipe = _broker().pipeline(transaction=False)
        for key in (ticks_key(deployment_id), changes_key(deployment_id)):
            pipe.zrange(key, 0, -1)
        frames = [frame for kept in pipe.execute() for frame in kept]
    except BROKER_ERRORS:
        return []
    by_stamp = {told.ts_ns: told for told in _read(frames, TickExplained)}
    return [by_stamp[stamp] for stamp in sorted(by_stamp, reverse=True)[:SHOWN]]


def _read(frames: Iterable[bytes], kind: type[T]) -> Iterable[T]:
    for frame in frames:
        try:
            yield msgspec.json.decode(frame, type=kind)
        except msgspec.MsgspecError:
            continue


@lru_cache(maxsize=1)
def _broker() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
