"""Client order ids, `mm-{deployment:x}-{token:x}-{sequence:x}`: whose an order is when nobody remembers (Q14)."""

from __future__ import annotations

import re

import msgspec

_PATTERN = re.compile(r"mm-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)")


class OrderId(msgspec.Struct, frozen=True):
    """What our own id tells: the deployment, the fencing token of the holder that sent it, and its number."""

    deployment_id: int
    token: int
    sequence: int

    def __str__(self) -> str:
        return f"mm-{self.deployment_id:x}-{self.token:x}-{self.sequence:x}"


def parse(client_order_id: str) -> OrderId | None:
    """Read an id; None when it is not one of the platform's."""
    match = _PATTERN.fullmatch(client_order_id)
    return OrderId(*(int(part, 16) for part in match.groups())) if match else None


LANE = 1 << 44
"""Numbers of one lane, five centuries of milliseconds: two that send under one token never share an id."""


class OrderIds:
    """Ids of one holder, or of one sender of it: several services in a file each have a lane of their own.

    Numbers begin at the clock's milliseconds: a service that is loaded again under the same token, after a fault say,
    must not repeat an id the venue has already seen.
    """

    __slots__ = ("_first", "_prefix", "_sequence", "deployment_id", "token")

    def __init__(self, *, deployment_id: int, token: int, now_ns: int, lane: int = 0) -> None:
        self.deployment_id = deployment_id
        self.token = token
        self._first = self._sequence = now_ns // 1_000_000 + lane * LANE
        self._prefix = f"mm-{deployment_id:x}-{token:x}-"

    def next(self) -> str:
        self._sequence += 1
        return f"{self._prefix}{self._sequence:x}"

    def owns(self, client_order_id: str) -> bool:
        """Whether an order is our deployment's, whichever holder sent it."""
        order_id = parse(client_order_id)
        return order_id is not None and order_id.deployment_id == self.deployment_id

    def is_this_holders(self, client_order_id: str) -> bool:
        """Whether we sent an order ourselves, in this life."""
        order_id = parse(client_order_id)
        return (
            order_id is not None
            and (order_id.deployment_id, order_id.token) == (self.deployment_id, self.token)
            and order_id.sequence > self._first
        )

    def is_newer(self, client_order_id: str) -> bool:
        """Whether a later holder of this deployment sent an order: then we have been replaced and must not touch it."""
        order_id = parse(client_order_id)
        return order_id is not None and order_id.deployment_id == self.deployment_id and order_id.token > self.token
