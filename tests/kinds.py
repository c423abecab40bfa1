"""Components to try one by one: of those that one line makes by the hundred, a single one."""

from __future__ import annotations

from collections.abc import Iterable

FAMILY, MEMBER = "exchanges.ccxt.", "exchanges.ccxt.binance"


def one_of_each(ids: Iterable[str]) -> list[str]:
    """The ids without the other members of a family, which differ in their names alone."""
    return [id for id in ids if not id.startswith(FAMILY) or id == MEMBER]
