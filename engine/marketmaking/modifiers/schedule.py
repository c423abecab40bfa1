"""marketmaking.modifiers.schedule: hours and dated events without quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from engine.core.clock import NS
from engine.core.component import Component
from engine.core.params import Text
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
_MONDAY = 4 * _DAY_S
"""The epoch began on a Thursday; its first Monday came four days later."""
_HOURS = re.compile(r"(?:([a-z,]+) )?(\d\d):(\d\d)-(\d\d):(\d\d)")
_EVENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)/(\d{4}-\d\d-\d\dT\d\d:\d\d)(?: (.+))?")


class Window(msgspec.Struct, frozen=True):
    """From `start` until before `end`, seconds of a week (from Monday) or of the epoch, and what it is called."""

    start: int
    end: int
    called: str


class Schedule(Component):
    """Quote nothing in quiet hours, which come again every day or week, and during dated events. All times are UTC."""

    def __init__(
        self,
        *,
        quiet_hours: Annotated[Sequence[str], Text(help='"22:00-06:00", or with days "sat,sun 00:00-24:00"')] = (),
        events: Annotated[Sequence[str], Text(help='"2026-01-28T18:55/2026-01-28T19:30 rate decision"')] = (),
    ) -> None:
        self.quiet_hours = tuple(window for text in quiet_hours for window in weekly(text))
        self.events = tuple(dated(text) for text in events)

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        now_s = context.ts_ns // NS
        for event in self.events:
            if event.start <= now_s < event.end:
                draft.refuse(f"No quotes during {event.called}.")
                return
        of_week = (now_s - _MONDAY) % _WEEK_S
        for hours in self.quiet_hours:
            if hours.start <= of_week < hours.end:
                draft.refuse(f"Quiet hours: {hours.called} UTC.")
                return


def weekly(text: str) -> list[Window]:
    """Read quiet hours into windows of the week; hours that pass midnight belong to the day they begin on.

    Raises ValueError for what is not of the form "[days ]HH:MM-HH:MM".
    """
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f'quiet hours are written "22:00-06:00" or "sat,sun 00:00-24:00", was "{text}"')
    days = match[1].split(",") if match[1] else list(_DAYS)
    if unknown := [day for day in days if day not in _DAYS]:
        raise ValueError(f'a day is one of {", ".join(_DAYS)}, was "{unknown[0]}" in "{text}"')
    start, end = _of_day(match[2], match[3], text), _of_day(match[4], match[5], text)
    if start in (end, _DAY_S):
        raise ValueError(f'quiet hours must begin before they end, was "{text}"; a whole day is 00:00-24:00')
    windows = []
    for day in days:
        begin = _DAYS.index(day) * _DAY_S
        if start < end:
            windows.append(Window(begin + start, begin + end, text))
        else:
            after = (begin + _DAY_S) % _WEEK_S
            windows += [Window(begin + start, begin + _DAY_S, text), Window(after, after + end, text)]
    return [window for window in windows if window.start < window.end]


def _of_day(hours: str, minutes: str, text: str) -> int:
    seconds = int(hours) * 3600 + int(minutes) * 60
    if int(minutes) > 59 or seconds > _DAY_S:
        raise ValueError(f'{hours}:{minutes} is no time of day in "{text}"')
    return seconds


def dated(text: str) -> Window:
    """Read an event. Raises ValueError for what is not "START/END[ name]" in UTC, to the minute, in that order."""
    match = _EVENT.fullmatch(text)
    if match is None:
        raise ValueError(f'an event is written "2026-01-28T18:55/2026-01-28T19:30 rate decision", was "{text}"')
    start, end = (int(datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()) for stamp in match.group(1, 2))
    if start >= end:
        raise ValueError(f'an event must begin before it ends, was "{text}"')
    return Window(start, end, match[3] or text)
