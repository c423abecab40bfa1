"""Errors named by their remedy: what the caller must do next is in the class, what happened is in the message."""

from __future__ import annotations


class EngineError(Exception):
    """Base of every error the engine raises on purpose. The message is a whole sentence with the offending value."""


class NotReady(EngineError):
    """Something needed is not there yet; retry in the background with growing waits.

    retry_after_s: how long the venue asked us to stay away, when it said so.
    """

    def __init__(self, *message: object, retry_after_s: float | None = None) -> None:
        super().__init__(*message)
        self.retry_after_s = retry_after_s


class AuthRejected(EngineError):
    """The venue refused our credentials; stop and wait for a person."""


class Refused(EngineError):
    """The venue's definite no: nothing rests there because of this request."""


class OutcomeUnknown(EngineError):
    """We cannot know whether the request took effect; the order stays in flight until reconciliation."""


class PermitLost(EngineError):
    """The lease that allows this process to trade has run out; nothing may be sent any more."""


class RecordingDamaged(EngineError):
    """A recording cannot be read any further; what was read before it stays valid."""
