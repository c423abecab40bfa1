"""Words from outside, made fit to be written down.

A venue's message, cut in the middle of a character, or a plugin's reason may hold what no database, no socket and no
file takes: NUL, or half a pair of surrogates. One such word must not cost a host its pen.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_UNFIT = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def legible(text: str) -> str:
    """The text itself, with a replacement character for whatever cannot be written."""
    return _UNFIT.sub(_REPLACEMENT, text) if _UNFIT.search(text) else text


def legible_in(value: Any) -> Any:
    """The same for every text within maps and lists."""
    match value:
        case str():
            return legible(value)
        case dict():
            return {legible_in(key): legible_in(item) for key, item in value.items()}
        case list() | tuple():
            return [legible_in(item) for item in value]
    return value


def to_json(value: Any) -> bytes:
    """JSON of an event or of plain values, decimals as strings. Never fails for want of a legible text."""
    try:
        text = msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(legible_in(msgspec.to_builtins(value)))
    return msgspec.json.encode(legible_in(msgspec.json.decode(text))) if b"\\u0000" in text else text
