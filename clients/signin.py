"""How often a password may be tried. One-time links are not slowed: their secret cannot be guessed.

Counted by person and address together, so that a stranger cannot lock a colleague out of an emergency; by address, so
that one machine does not try a few passwords on everybody; and by person, so that many machines do not add up.
"""

from __future__ import annotations

import datetime

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone

from clients.models import SignInAttempt

WINDOW = datetime.timedelta(minutes=15)
KEPT = datetime.timedelta(days=1)
OF_BOTH, OF_ADDRESS, OF_NAME = 5, 30, 100
"""Failures within WINDOW after which passwords are not even looked at."""


def address_of(request: HttpRequest) -> str:
    """Whom to count. Behind our own proxy that is the last address in X-Forwarded-For: those before it are hearsay."""
    if settings.BEHIND_TLS and (forwarded := request.headers.get("X-Forwarded-For")):
        return forwarded.rsplit(",", 1)[-1].strip()[:45]
    return request.META.get("REMOTE_ADDR", "")[:45]


def attempt_begin(*, name: str, address: str) -> bool:
    """Count an attempt before the password is looked at, so that many at once do not slip through; False if too many.

    Refused attempts count no further: whoever stops trying may try again when the first ones have aged.
    """
    name, now = name.lower()[:150], timezone.now()
    SignInAttempt.objects.filter(at__lt=now - KEPT).delete()
    attempt = SignInAttempt.objects.create(name=name, address=address)
    recent = SignInAttempt.objects.filter(at__gt=now - WINDOW).filter(Q(name=name) | Q(address=address))
    tried = recent.aggregate(
        both=Count("pk", filter=Q(name=name, address=address)),
        address=Count("pk", filter=Q(address=address)),
        name=Count("pk", filter=Q(name=name)),
    )
    if tried["both"] > OF_BOTH or tried["address"] > OF_ADDRESS or tried["name"] > OF_NAME:
        attempt.delete()
        return False
    return True


def attempts_forget(*, name: str, address: str) -> None:
    """The password was right: this person at this address begins anew."""
    SignInAttempt.objects.filter(name=name.lower()[:150], address=address).delete()
