"""The library as it comes, pointed at a loopback venue: the proof that a venue speaks what the library expects."""

from __future__ import annotations

import decimal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.venues.loopback import rewritten
from tests.venues.wire import Venue

SPOT_ONLY: dict[str, dict[str, Any]] = {
    "bybit": {"fetchMarkets": {"types": ["spot"]}},
    "gate": {"fetchMarkets": {"types": ["spot"]}},
    "kucoin": {"fetchMarkets": {"types": ["spot"]}, "hf": True, "uta": False},
    "bitget": {"fetchMarkets": {"types": ["spot"]}},
    "mexc": {"fetchMarkets": {"types": {"spot": True, "swap": {"linear": False, "inverse": False}}}},
    "okx": {"fetchMarkets": {"types": ["spot"]}},
    "binance": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
}
"""What the library would otherwise ask for beside spot markets."""


@asynccontextmanager
async def client_of(venue: Venue) -> AsyncIterator[Any]:
    """Markets are loaded before the keys are given: with keys the library asks for more than markets.

    Numbers come as text, which the library leaves exact in orders and trades.
    """
    import ccxt.pro

    with decimal.localcontext():  # which the library changes
        client = getattr(ccxt.pro, venue.id)(
            {"number": str, "enableRateLimit": False, "timeout": 3000, "options": SPOT_ONLY.get(venue.id, {})}
        )
        client.urls["api"] = rewritten(client.urls["api"], venue.address)
        client.timeout_on_exit = 0
        try:
            await client.load_markets()
            client.apiKey, client.secret = venue.keys.api_key, venue.keys.secret
            client.password = venue.keys.passphrase or None
            yield client
        finally:
            await client.close()
