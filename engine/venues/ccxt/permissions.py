"""What a key may do, at the venues that tell: each answers in its own words, read here into ours.

Whatever an answer does not plainly say stays None, "not visible". What might move money out counts as withdrawing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from engine.venues.account_report import UNSEEN, KeyPermissions

if TYPE_CHECKING:
    from engine.venues.ccxt.account import Account
    from engine.venues.ccxt.library import Library

Read = Callable[[Any], KeyPermissions]


class Reader(msgspec.Struct, frozen=True):
    """The library's method that asks, and how its answer is read."""

    method: str
    read: Read
    arguments: Callable[[Library], Awaitable[dict[str, Any]]] | None = None


def binance(said: Any) -> KeyPermissions:
    return KeyPermissions(
        trade=_flag(said, "enableSpotAndMarginTrading"),
        withdraw=_flag(said, "enableWithdrawals"),
        bound_to_addresses=_flag(said, "ipRestrict"),
    )


def bybit(said: Any) -> KeyPermissions:
    key = _inside(said, "result")
    rights = _inside(key, "permissions")
    if not rights:
        return UNSEEN
    reads_only = str(key.get("readOnly")) == "1"
    addresses = _texts(key.get("ips"))
    return KeyPermissions(
        trade=not reads_only and "SpotTrade" in _texts(rights.get("Spot")),
        withdraw=not reads_only and "Withdraw" in _texts(rights.get("Wallet")),
        bound_to_addresses=bool(addresses) and "*" not in addresses if "ips" in key else None,
    )


def okx(said: Any) -> KeyPermissions:
    key = _first(_inside_list(said, "data"))
    rights = _words(key.get("perm"))
    if not rights:
        return UNSEEN
    return KeyPermissions(
        trade="trade" in rights,
        withdraw="withdraw" in rights,
        bound_to_addresses=bool(key["ip"]) if "ip" in key else None,
    )


def kucoin(said: Any) -> KeyPermissions:
    key = _inside(said, "data")
    rights = {right.lower() for right in _words(key.get("permission"))}
    if not rights:
        return UNSEEN
    # "Transfer" was the right to withdraw before there was one of that name.
    withdraws = any("withdraw" in right or right == "transfer" for right in rights)
    return KeyPermissions(
        trade=not rights.isdisjoint({"spot", "trade"}),
        withdraw=withdraws,
        bound_to_addresses=bool(key["ipWhitelist"]) if "ipWhitelist" in key else None,
    )


def gate(said: Any) -> KeyPermissions:
    """Several keys may be listed, and none says that it is the one that asks: together they can do what any can."""
    keys = [key for key in (said if isinstance(said, Sequence) else [said]) if isinstance(key, Mapping)]
    rights = [right for key in keys for right in key.get("perms") or () if isinstance(right, Mapping)]
    if not rights:
        return UNSEEN
    writes = {str(right.get("name", "")).lower() for right in rights if not right.get("read_only")}
    return KeyPermissions(
        trade="spot" in writes,
        withdraw=any(name.startswith(("wallet", "withdraw")) for name in writes),
        bound_to_addresses=all(key.get("ip_whitelist") for key in keys),
    )


def bitget(said: Any) -> KeyPermissions:
    key = _inside(said, "data")
    rights = set(_texts(key.get("authorities")))
    if not rights:
        return UNSEEN
    return KeyPermissions(
        trade=not rights.isdisjoint({"stow", "trade"}),
        withdraw=not rights.isdisjoint({"wwow", "withdraw"}),
        bound_to_addresses=bool(key["ips"]) if "ips" in key else None,
    )


def kraken(said: Any) -> KeyPermissions:
    key = _inside(said, "result")
    rights = set(_texts(key.get("permissions")))
    if not rights:
        return UNSEEN
    return KeyPermissions(
        trade="modify-trades" in rights,
        withdraw="withdraw-funds" in rights,
        bound_to_addresses=bool(key["ipAllowlist"]) if "ipAllowlist" in key else None,
    )


def htx(said: Any) -> KeyPermissions:
    key = _first(_inside_list(said, "data"))
    rights = _words(key.get("permission"))
    if not rights:
        return UNSEEN
    return KeyPermissions(
        trade="trade" in rights,
        withdraw="withdraw" in rights,
        bound_to_addresses=bool(key["ipAddresses"]) if "ipAddresses" in key else None,
    )


def coinbase(said: Any) -> KeyPermissions:
    """Its right to transfer moves money out as well."""
    return KeyPermissions(trade=_flag(said, "can_trade"), withdraw=_flag(said, "can_transfer"))


def bitfinex(said: Any) -> KeyPermissions:
    """Rows of scope, may read, may write."""
    rows = {row[0]: row[2] for row in said if isinstance(row, Sequence) and len(row) >= 3} if _is_list(said) else {}
    if "orders" not in rows or "withdraw" not in rows:
        return UNSEEN
    return KeyPermissions(trade=str(rows["orders"]) == "1", withdraw=str(rows["withdraw"]) == "1")


async def _own_key(library: Library) -> dict[str, Any]:
    said = await library.spot_private_get_v2_user_uid()
    return {"uid": said["data"], "accessKey": library.apiKey}


_BYBIT = Reader("private_get_v5_user_query_api", bybit)
_OKX = Reader("private_get_account_config", okx)
_GATE = Reader("private_account_get_main_keys", gate)

READERS: Mapping[str, Reader] = {
    "binance": Reader("sapi_get_account_apirestrictions", binance),
    "bitfinex": Reader("private_post_auth_r_permissions", bitfinex),
    "bitget": Reader("private_spot_get_v2_spot_account_info", bitget),
    "bybit": _BYBIT,
    "bybiteu": _BYBIT,
    "bybitid": _BYBIT,
    "coinbase": Reader("v3_private_get_brokerage_key_permissions", coinbase),
    "gate": _GATE,
    "gateeu": _GATE,
    "htx": Reader("spot_private_get_v2_user_api_key", htx, _own_key),
    "kraken": Reader("private_post_getapikeyinfo", kraken),
    "kucoin": Reader("private_get_user_api_key", kucoin),
    "myokx": _OKX,
    "okx": _OKX,
    "okxus": _OKX,
}
"""The venues that tell a key what it may do."""


async def key_permissions(account: Account) -> KeyPermissions:
    """Ask about the account's own key. Raises the errors of `engine.core.errors`."""
    reader = READERS.get(account.venue.place.venue_id)
    if reader is None:
        return UNSEEN

    async def question(library: Library) -> Any:
        arguments = await reader.arguments(library) if reader.arguments else {}
        return await getattr(library, reader.method)(arguments)

    return reader.read(await account.ask("what the key may do", question))


def _flag(said: Any, name: str) -> bool | None:
    value = said.get(name) if isinstance(said, Mapping) else None
    return value if isinstance(value, bool) else None


def _inside(said: Any, name: str) -> Mapping[str, Any]:
    found = said.get(name) if isinstance(said, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _inside_list(said: Any, name: str) -> Sequence[Any]:
    found = said.get(name) if isinstance(said, Mapping) else None
    return found if isinstance(found, list | tuple) else ()


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _first(rows: Sequence[Any]) -> Mapping[str, Any]:
    return rows[0] if rows and isinstance(rows[0], Mapping) else {}


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if _is_list(value) else []


def _words(value: Any) -> set[str]:
    return {word.strip() for word in value.split(",") if word.strip()} if isinstance(value, str) else set()
