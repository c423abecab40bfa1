"""What a fee paid in a third asset is worth: the rate of that moment, with where it is from and how old it was."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from engine.market.types import Fill, Instrument, NoPrice
from engine.marketmaking.base import PriceProvider

OF_THE_FILL = "price of the fill"
"""Source of the rate of a fee in base: it leaves the position at the price it was traded at."""


class FeeRate(msgspec.Struct, frozen=True, kw_only=True):
    """Quote currency per unit of an asset."""

    value: Decimal
    source: str
    ts_ns: int
    """When the source says that it held."""


class Rates:
    """Rates to the quote currency. A provider that has no price that can be trusted now is no rate."""

    def __init__(self, instrument: Instrument, providers: Mapping[str, PriceProvider] | None = None) -> None:
        self._base = instrument.base
        self._quote = instrument.quote
        self._providers = dict(providers or {})

    def now(self, asset: str) -> FeeRate | NoPrice:
        """The rate of a third asset at this moment, or why there is none."""
        provider = self._providers.get(asset)
        if provider is None:
            return NoPrice(f"No rate of {asset} to {self._quote}: no price provider is configured for it.")
        found = provider.price()
        if isinstance(found, NoPrice):
            return NoPrice(f"No rate of {asset} to {self._quote}: {found.reason}")
        if found.value <= 0:
            return NoPrice(f"No rate of {asset} to {self._quote}: {found.source} says {found.value}.")
        return FeeRate(value=found.value, source=found.source, ts_ns=found.ts_ns)

    def of_fee(self, fill: Fill) -> FeeRate | NoPrice | None:
        """How the fee of a fill is converted; None where there is nothing to convert."""
        if not fill.fee or fill.fee_asset == self._quote:
            return None
        if fill.fee_asset == self._base:
            return FeeRate(value=fill.price, source=OF_THE_FILL, ts_ns=fill.ts_ns)
        return self.now(fill.fee_asset)
