"""Where each loopback venue that tells it is asked what a key may do, and what it says, in its own envelope.

Kraken and Bybit as their documentation shows it (docs.kraken.com "Get API Key Info", bybit-exchange.github.io "Get API
Key Information"), Gate by the record `AccountMainKey` of its SDKs; the others by what ccxt's sources read of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.venues.binance import Binance
from tests.venues.bitget import Bitget
from tests.venues.bybit import Bybit
from tests.venues.gate import Gate
from tests.venues.kraken import Kraken
from tests.venues.kucoin import Kucoin
from tests.venues.okx import Okx
from tests.venues.wire import Ask, Venue, call

ADDRESS = "10.0.0.1"


def binance(withdraws: bool) -> object:
    return {"ipRestrict": True, "enableWithdrawals": withdraws, "enableSpotAndMarginTrading": True}


def bybit(withdraws: bool) -> object:
    rights = {"ContractTrade": [], "Spot": ["SpotTrade"], "Wallet": ["AccountTransfer", *["Withdraw"] * withdraws]}
    key = {"id": "13770661", "note": "desk", "readOnly": 0, "secret": "", "permissions": rights, "ips": [ADDRESS]}
    return {"retCode": 0, "retMsg": "", "result": key, "retExtInfo": {}, "time": 1_700_000_000_000}


def okx(withdraws: bool) -> object:
    rights = "read_only,withdraw,trade" if withdraws else "read_only,trade"
    return {"code": "0", "msg": "", "data": [{"uid": "4480", "label": "desk", "perm": rights, "ip": ADDRESS}]}


def kucoin(withdraws: bool) -> object:
    rights = "General,Spot,Withdrawal" if withdraws else "General,Spot"
    key = {"remark": "desk", "apiVersion": 3, "permission": rights, "ipWhitelist": ADDRESS, "isMaster": True}
    return {"code": "200000", "data": key}


def gate(withdraws: bool) -> object:
    rights = [{"name": "spot", "read_only": False}, {"name": "wallet", "read_only": not withdraws}]
    return [{"state": 1, "mode": 1, "name": "desk", "user_id": 10000, "ip_whitelist": [ADDRESS], "perms": rights}]


def bitget(withdraws: bool) -> object:
    key = {"userId": "1", "ips": ADDRESS, "authorities": ["stor", "stow", *["wwow"] * withdraws]}
    return {"code": "00000", "msg": "success", "requestTime": 1_700_000_000_000, "data": key}


def kraken(withdraws: bool) -> object:
    rights = ["query-funds", "query-open-trades", "modify-trades", *["withdraw-funds"] * withdraws]
    key = {"apiKeyName": "desk", "nonceWindow": 0, "permissions": rights, "ipAllowlist": [ADDRESS], "validUntil": "0"}
    return {"error": [], "result": key}


TELLS: dict[str, tuple[type[Venue], str, str, Callable[[bool], object]]] = {
    "binance": (Binance, "GET", "/sapi/v1/account/apiRestrictions", binance),
    "bitget": (Bitget, "GET", "/api/v2/spot/account/info", bitget),
    "bybit": (Bybit, "GET", "/v5/user/query-api", bybit),
    "gate": (Gate, "GET", "/api/v4/account/main_keys", gate),
    "kraken": (Kraken, "POST", "/0/private/GetApiKeyInfo", kraken),
    "kucoin": (Kucoin, "GET", "/api/v1/user/api-key", kucoin),
    "okx": (Okx, "GET", "/api/v5/account/config", okx),
}


def telling(venue_id: str) -> type[Venue]:
    """The venue with the question about a key; `withdraws` is what it says of one."""
    kind, method, path, said = TELLS[venue_id]

    @call("key", method, path, private=True)
    def key(self: Any, ask: Ask) -> object:
        return said(self.withdraws)

    return type(f"{kind.__name__}ThatTells", (kind,), {"withdraws": False, "key": key})
