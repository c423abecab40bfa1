"""Our client order ids in each venue's alphabet and length, and back.

Ours read `mm-{deployment:x}-{token:x}-{sequence:x}`. Every form but `Numbered` and `NoIds` can be read back by whoever
holds the deployment next, with nothing to remember; those two are told in the venue's own spelling only as long as this
process remembers which order they were given to.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol
from uuid import UUID

from engine.execution.ids import OrderId, parse

REMEMBERED = 20_000


class IdForm(Protocol):
    """How a venue wants a client order id.

    is_readable   whoever reads a spelling finds our id in it, with nothing to remember
    """

    is_readable: bool

    def encode(self, client_order_id: str) -> str:
        """As it is sent; empty where the venue knows none. Raises ValueError for what does not fit."""
        ...

    def decode(self, sent: str) -> str | None:
        """Ours again; None for what is not in our form."""
        ...


class Separated:
    """Letters and digits with a separator, behind a prefix that the venue demands.

    `separator` is a letter that is no hexadecimal digit where the venue takes letters and digits alone.
    """

    is_readable = True

    def __init__(self, *, max_length: int = 36, separator: str = "-", prefix: str = "") -> None:
        self.max_length = max_length
        self.separator = separator
        self.prefix = prefix

    def encode(self, client_order_id: str) -> str:
        sent = self.prefix + client_order_id.replace("-", self.separator)
        if len(sent) > self.max_length:
            raise ValueError(f"{sent} is longer than the {self.max_length} characters this venue takes.")
        return sent

    def decode(self, sent: str) -> str | None:
        if not sent.startswith(self.prefix):
            return None
        found = sent[len(self.prefix) :].replace(self.separator, "-")
        return found if parse(found) is not None else None


class AsUuid:
    """A UUID of version 8, whose bits are free: 24 for the deployment, 34 token, 52 sequence, 12 to know it by."""

    is_readable = True
    _MARK = 0xA77

    def encode(self, client_order_id: str) -> str:
        order_id = parse(client_order_id)
        if order_id is None:
            raise ValueError(f"{client_order_id} is not one of our ids.")
        if order_id.deployment_id >> 24 or order_id.token >> 34 or order_id.sequence >> 52:
            raise ValueError(f"{client_order_id} does not fit into a UUID.")
        bits = ((order_id.deployment_id << 34 | order_id.token) << 52 | order_id.sequence) << 12 | self._MARK
        high, middle, low = bits >> 74, bits >> 62 & 0xFFF, bits & (1 << 62) - 1
        return str(UUID(int=high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low))

    def decode(self, sent: str) -> str | None:
        try:
            number = UUID(sent).int
        except ValueError:
            return None
        if number >> 76 & 0xF != 8 or number >> 62 & 3 != 2 or number & 0xFFF != self._MARK:
            return None
        bits = (number >> 80) << 74 | (number >> 64 & 0xFFF) << 62 | number & (1 << 62) - 1
        sequence, rest = bits >> 12 & (1 << 52) - 1, bits >> 64
        return str(OrderId(rest >> 34, rest & (1 << 34) - 1, sequence))


class Numbered:
    """A number and nothing else: the lowest bits of our sequence. It says nothing to whoever has not sent it."""

    is_readable = False

    def __init__(self, *, bits: int) -> None:
        self._mask = (1 << bits) - 1

    def encode(self, client_order_id: str) -> str:
        order_id = parse(client_order_id)
        if order_id is None:
            raise ValueError(f"{client_order_id} is not one of our ids.")
        # Lanes stand in high bits: folded in, two senders of one token still differ.
        return str((order_id.sequence ^ order_id.sequence >> 44 << 36 ^ order_id.token << 40) & self._mask or 1)

    def decode(self, sent: str) -> str | None:
        return None


class NoIds:
    """A venue without client order ids: orders are known by the venue's own, from its answer on."""

    is_readable = False

    def encode(self, client_order_id: str) -> str:
        return ""

    def decode(self, sent: str) -> str | None:
        return None


PLAIN = Separated()

_USUAL_NAMES = ("clientOrderId", "clOrdId", "orderLinkId", "clientOid", "client_oid", "cl_ord_id", "client_order_id")


class Known:
    """Which order is which on one account: venue ids and spellings of ours, as far as this process has seen them."""

    def __init__(self, form: IdForm) -> None:
        self.form = form
        self._ours: OrderedDict[str, str] = OrderedDict()
        """By the venue's id, and by a spelling that cannot be read back."""
        self._theirs: OrderedDict[str, str] = OrderedDict()

    def sent(self, client_order_id: str) -> str:
        """The id as the venue wants it, remembered. Raises ValueError."""
        spelled = self.form.encode(client_order_id)
        if spelled:
            self._put(self._ours, f"={spelled}", client_order_id)
        return spelled

    def link(self, client_order_id: str, venue_order_id: str) -> None:
        if client_order_id and venue_order_id:
            self._put(self._ours, venue_order_id, client_order_id)
            self._put(self._theirs, client_order_id, venue_order_id)

    def venue_id(self, client_order_id: str) -> str:
        """The venue's id of an order; empty when it has not told us that of ours. Others' orders are called by it."""
        return self._theirs.get(client_order_id) or ("" if parse(client_order_id) else client_order_id)

    def again(self, client_order_id: str) -> str:
        """The spelling under which the venue has an order; empty for others' orders, which are called by its id."""
        return self.sent(client_order_id) if parse(client_order_id) else ""

    def ours(self, venue_order_id: str, spelled: str) -> str:
        """Our id of an order, if it is one of ours; else empty."""
        if spelled:
            found = self._ours.get(f"={spelled}") or self.form.decode(spelled)
            if found:
                self.link(found, venue_order_id)
                return found
        return self._ours.get(venue_order_id, "") if venue_order_id else ""

    @staticmethod
    def _put(known: OrderedDict[str, str], key: str, value: str) -> None:
        known[key] = value
        known.move_to_end(key)
        if len(known) > REMEMBERED:
            known.popitem(last=False)


def spelled_in(order: dict[str, object], *more: str) -> str:
    """The client order id in one of ccxt's dicts, also where it left it in what the venue said."""
    found = order.get("clientOrderId")
    info = order.get("info")
    if not found and isinstance(info, dict):
        found = next((info[name] for name in (*more, *_USUAL_NAMES) if info.get(name)), None)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
