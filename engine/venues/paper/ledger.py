"""Balances of a paper account: what it holds, and what resting orders have spoken for."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine.core.decimals import ZERO
from engine.core.errors import Refused
from engine.market.types import Balance


class Ledger:
    """Totals and locks by asset. A lock never exceeds the total, and nothing ever goes below zero by an order of
    ours."""

    def __init__(self, totals: Mapping[str, Decimal]) -> None:
        for asset, total in totals.items():
            if total < 0:
                raise Refused(f"a balance of {asset} must not be negative, was {total}")
        self._totals = dict(totals)
        self._locked: dict[str, Decimal] = {}

    def total(self, asset: str) -> Decimal:
        return self._totals.get(asset, ZERO)

    def free(self, asset: str) -> Decimal:
        return self.total(asset) - self._locked.get(asset, ZERO)

    def lock(self, asset: str, amount: Decimal) -> None:
        """Reserve for a resting order. Raises Refused when too little is free."""
        if amount > self.free(asset):
            raise Refused(f"the order needs {amount} {asset} and only {self.free(asset)} is free")
        self._locked[asset] = self._locked.get(asset, ZERO) + amount

    def unlock(self, asset: str, amount: Decimal) -> None:
        self._locked[asset] = self._locked[asset] - amount

    def move(self, asset: str, change: Decimal) -> None:
        """Book one leg of a fill."""
        self._totals[asset] = self.total(asset) + change

    def balances(self) -> dict[str, Balance]:
        return {
            asset: Balance(asset=asset, free=self.free(asset), locked=self._locked.get(asset, ZERO))
            for asset in sorted(self._totals)
        }
