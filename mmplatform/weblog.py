"""The log of the web process: the same lines as every other process, and no sign-in link among them."""

from __future__ import annotations

import logging
import re

from django.conf import settings

from engine.core.log import HIDDEN, configure

_LINK = re.compile(r"(?<=/signin/)[0-9a-fA-F-]{36}/[^/\s]+")


def configure_web_log() -> None:
    """Without this Django keeps its errors to itself outside of DEBUG: a page that fails would leave no trace."""
    configure(json=settings.LOG_JSON)
    for handler in logging.getLogger().handlers:
        handler.addFilter(hide_links)
    logging.getLogger("django.request").setLevel(logging.ERROR)  # a page that does not exist is no event


def hide_links(record: logging.LogRecord) -> bool:
    """A refused form is logged with its address, and the address of a sign-in link is its secret."""
    record.__dict__.pop("request", None)  # Django's extra: the address once more
    if isinstance(record.args, tuple):
        record.args = tuple(_LINK.sub(HIDDEN, each) if isinstance(each, str) else each for each in record.args)
    if isinstance(record.msg, str):
        record.msg = _LINK.sub(HIDDEN, record.msg)
    return True
