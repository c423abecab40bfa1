"""The audit of everything that can lose money: who, when, from what to what, and why (A7)."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models

from clients.models import AuditEntry, Client, User

MACHINE = "engine"
"""The name in the audit of what no person did."""


def audit(
    verb: str, obj: models.Model, *, actor: User | None, old: Any = None, new: Any = None, reason: str = ""
) -> None:
    """Record one act in the transaction of the act itself, so that neither exists without the other.

    verb: "deployment.paused", entity then past tense. old, new: values or dicts of values; decimals are kept as
    strings, records as their key. actor: None for the machine itself.
    """
    AuditEntry.objects.create(
        actor=actor,
        actor_name=actor.get_username() if actor else MACHINE,
        verb=verb,
        object_type=obj._meta.label_lower,
        object_id=str(obj.pk),
        object_name=str(obj)[:300],
        client_id=obj.pk if isinstance(obj, Client) else getattr(obj, "client_id", None),
        old=_plain(old),
        new=_plain(new),
        reason=reason,
    )


def _plain(value: Any) -> Any:
    """The value as JSON can hold it without loss."""
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case Decimal():
            return format(value, "f")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case UUID():
            return str(value)
        case models.Model():
            return value.pk
        case bool() | int() | None:
            return value
        case str():
            return str(value)
    raise TypeError(f"the audit cannot hold a {type(value).__name__}: {value!r}")
