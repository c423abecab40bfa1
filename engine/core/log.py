"""Structured logs: one line an event, decimals exact, who and where on every line, secrets never."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from decimal import Decimal
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import Processor

from engine.core.component import Identity
from engine.core.legible import legible_in

_SECRET_KEY = re.compile(r"secret|passw|passphrase|api_?key|private_?key|mnemonic|authorization|signature|cookie", re.I)
_SECRET_IN_URL = re.compile(r"(?<=://)([^/@\s:]*):([^/@\s]+)(?=@)")
HIDDEN = "***"


def configure(*, json: bool | None = None, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Set up this process: JSON lines, or colours when a person looks (json=None decides by the terminal).

    Records of the standard library's logging take the same way out.
    """
    stream = stream or sys.stderr
    json = not stream.isatty() if json is None else json
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks are plain: a pretty one prints local variables, and with them secrets.
    plain = structlog.dev.plain_traceback
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_to_json)
        if json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                hide_secrets,
                exact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def bind_identity(identity: Identity, *, trace_id: str = "") -> None:
    """Put who trades where on every further line of this task and the tasks it starts."""
    known = {
        "deployment": identity.deployment_id or None,
        "client": identity.client,
        "venue": identity.venue,
        "symbol": identity.symbol,
        "trace_id": trace_id,
    }
    structlog.contextvars.bind_contextvars(**{key: value for key, value in known.items() if value})


def exact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Decimals as their exact digits, at any depth."""
    for key, value in event.items():
        event[key] = _exact(value)
    return event


def _exact(value: Any) -> Any:
    match value:
        case Decimal():
            return str(value)
        case msgspec.Struct():
            return msgspec.to_builtins(value)
        case dict():
            return {str(key): _exact(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_exact(item) for item in value]
    return value


def hide_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out values whose name says secret, and passwords inside URLs."""
    for key, value in event.items():
        event[key] = _hidden(key, value)
    return event


def _hidden(key: str, value: Any) -> Any:
    if _SECRET_KEY.search(key):
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_IN_URL.sub(rf"\1:{HIDDEN}", value)
    if isinstance(value, dict):
        return {inner: _hidden(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", item) for item in value]
    return value


def _to_json(event: Any, **_: Any) -> str:
    first = {key: event[key] for key in ("timestamp", "level", "event") if key in event}
    try:
        return msgspec.json.encode({**first, **event}, enc_hook=str).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(legible_in({**first, **event}), enc_hook=str).decode()
