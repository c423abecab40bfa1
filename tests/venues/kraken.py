"""Kraken spot: REST. Its streams are in `kraken_streams.py`.

Wire format: docs.kraken.com/api. Every answer is HTTP 200 with a list of errors. There are no stamps to check but a
nonce that must grow with every request of a key. Fees are taken in quote currency, lists come by order id, fifty at a
time and newest first, and the order of a batch that fails carries its own error beside those that were placed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, cast

from tests.venues.kraken_streams import (
    NS,
    REASONS,
    KrakenStreams,
    bare,
    bare_text,
    iso,
    named,
    numbered,
    spelled,
    traded,
)
from tests.venues.records import Execution, Market, Order, Reject, Side, product
from tests.venues.summaries import candles, last_day
from tests.venues.wire import Ask, Keys, Wire, call, places, plain

PAGE = 50
_REFUSALS = {
    "unknown_market": "EQuery:Unknown asset pair",
    "price": "EOrder:Tick size check failed",
    "size": "EOrder:Order minimum not met",
    "notional": "EOrder:Cost minimum not met",
    "funds": "EOrder:Insufficient funds",
    "duplicate": "EGeneral:Invalid arguments:cl_ord_id",
    "halted": "EService:Market in cancel_only mode",
    "gone": "EOrder:Unknown order",
    "amend": "EGeneral:Invalid arguments:order_qty",
}


class Kraken(KrakenStreams):
    id: ClassVar[str] = "kraken"
    keys: ClassVar[Keys] = Keys(
        account="desk",
        api_key="Zt8Qm2XcV5bN7kLpR4sWdF1gH3jK6lM9nB0vC2xZ4aS6dF8gH1jK3l5P",
        secret="kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==",
    )
    rules: ClassVar[dict[str, Any]] = {
        "refuses_takers_late": True,
        "client_ids": "one_resting",
        "fee_in": "quote",
        "below_filled": "cancelled",
    }
    checks_stamps = False
    refuses_the_overtaken = True

    # Refusals

    def authenticate(self, ask: Ask) -> Keys:
        """Base64 of HMAC-SHA512 over path and SHA256 of nonce and body, with the secret decoded from base64."""
        keys = self.by_key.get(ask.headers.get("api-key", ""))
        if keys is None:
            raise self.error("EAPI:Invalid key")
        nonce = ask.text("nonce")
        digest = hashlib.sha256((nonce + ask.body).encode()).digest()
        signed = hmac.new(base64.b64decode(keys.secret), ask.path.encode() + digest, hashlib.sha512).digest()
        if ask.headers.get("api-sign") != base64.b64encode(signed).decode():
            raise self.error("EAPI:Invalid signature")
        if int(nonce) <= self.nonces.get(keys.api_key, 0):
            raise self.error("EAPI:Invalid nonce")
        self.nonces[keys.api_key] = int(nonce)
        return keys

    @staticmethod
    def error(text: str) -> Wire:
        return Wire({"error": [text]})

    @staticmethod
    def answer(result: object) -> object:
        return {"error": [], "result": result}

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        return self.error(_REFUSALS[reject.kind])

    def unheard_of(self) -> Wire:
        return self.error("EGeneral:This is not the day for it")

    def rate_limited(self, retry_after_s: int) -> Wire:
        return self.error("EAPI:Rate limit exceeded")

    # Public

    @call("time", "GET", "/0/public/Time")
    def time(self, ask: Ask) -> object:
        return self.answer({"unixtime": self.clock.now_ns() // NS, "rfc1123": ""})

    @call("status", "GET", "/0/public/SystemStatus")
    def status(self, ask: Ask) -> object:
        return self.answer({"status": "online", "timestamp": ""})

    @call("currencies", "GET", "/0/public/Assets")
    def assets(self, ask: Ask) -> object:
        decimals = {name: 8 for market in self.books.markets.values() for name in (market.base, market.quote)}
        for market in self.books.markets.values():
            decimals[market.base] = max(decimals[market.base], places(market.lot))
            decimals[market.quote] = max(decimals[market.quote], places(market.tick))
        return self.answer(
            {
                name: {"aclass": "currency", "altname": name, "decimals": d, "display_decimals": 5, "status": "enabled"}
                for name, d in decimals.items()
            }
        )

    @call("markets", "GET", "/0/public/AssetPairs")
    def markets(self, ask: Ask) -> object:
        return self.answer({spelled(market): self._market(market) for market in self.books.markets.values()})

    def _market(self, market: Market) -> dict[str, object]:
        return {
            "altname": spelled(market),
            "wsname": market.symbol,
            "aclass_base": "currency",
            "base": market.base,
            "aclass_quote": "currency",
            "quote": market.quote,
            "lot": "unit",
            "cost_decimals": 8,
            "pair_decimals": places(market.tick),
            "lot_decimals": places(market.lot),
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, bare(market.taker_fee * 100)]],
            "fees_maker": [[0, bare(market.maker_fee * 100)]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": plain(market.min_size),
            "costmin": plain(market.min_quote),
            "tick_size": plain(market.tick),
            "status": "cancel_only" if market.symbol in self.books.halted else "online",
        }

    @call("book", "GET", "/0/public/Depth")
    def book(self, ask: Ask) -> object:
        market, depth, now_s = self._market_of(ask), ask.int("count", 100), self.clock.now_ns() // NS
        sides = {
            name: [[plain(p), plain(s), now_s] for p, s in self.books.levels(market.symbol, cast(Side, side), depth)]
            for name, side in (("asks", "sell"), ("bids", "buy"))
        }
        return self.answer({spelled(market): sides})

    @call("trades", "GET", "/0/public/Trades")
    def trades(self, ask: Ask) -> object:
        market = self._market_of(ask)
        found = [each for each in self.books.prints if each.market == market][-ask.int("count", 1000) :]
        lines = [
            [plain(each.price), plain(each.size), _seconds(each.ts_ns), each.taker[0], "l", "", each.trade_id]
            for each in found
        ]
        return self.answer({spelled(market): lines, "last": str(found[-1].ts_ns) if found else "0"})

    @call("ticker", "GET", "/0/public/Ticker")
    def ticker(self, ask: Ask) -> object:
        market = self._market_of(ask)
        day = last_day(self.books, market.symbol)
        bids, asks = (self.books.levels(market.symbol, cast(Side, side), 1) for side in ("buy", "sell"))
        line = {
            "a": [plain(asks[0][0]), "1", plain(asks[0][1])] if asks else ["0", "0", "0"],
            "b": [plain(bids[0][0]), "1", plain(bids[0][1])] if bids else ["0", "0", "0"],
            "c": [plain(day.close), "1"],
            "v": [plain(day.volume)] * 2,
            "p": [plain(day.close)] * 2,
            "t": [day.trades] * 2,
            "l": [plain(day.low)] * 2,
            "h": [plain(day.high)] * 2,
            "o": plain(day.open),
        }
        return self.answer({spelled(market): line})

    @call("candles", "GET", "/0/public/OHLC")
    def candles(self, ask: Ask) -> object:
        market = self._market_of(ask)
        found = [
            [
                bar.start_ms // 1000,
                *(plain(x) for x in (bar.open, bar.high, bar.low, bar.close, bar.close, bar.volume)),
                bar.trades,
            ]
            for bar in candles(self.books, market.symbol, ask.int("interval", 1) * 60)
            if bar.start_ms // 1000 > ask.int("since")
        ]
        return self.answer({spelled(market): found[-720:], "last": self.clock.now_ns() // NS})

    # Private

    @call("balances", "POST", "/0/private/BalanceEx", private=True)
    def balances(self, ask: Ask) -> object:
        return self.answer(
            {
                asset: {
                    "balance": plain(self.books.total(ask.account, asset)),
                    "hold_trade": plain(self.books.held(ask.account, asset)),
                }
                for asset in self.books.assets(ask.account)
            }
        )

    @call("token", "POST", "/0/private/GetWebSocketsToken", private=True)
    def token(self, ask: Ask) -> object:
        token = f"token{len(self.tokens)}of{ask.account}"
        self.tokens[token] = ask.account
        return self.answer({"token": token, "expires": 900})

    @call("place", "POST", "/0/private/AddOrder", private=True)
    def place(self, ask: Ask) -> object:
        order = self._place(ask, ask.args, ask.text("pair"))
        return self.answer({"txid": [named(order.order_id)], "descr": {"order": _described(order)}})

    @call("place", "POST", "/0/private/AddOrderBatch", private=True)
    def place_several(self, ask: Ask) -> object:
        items = ask.args["orders"]
        if not 2 <= len(items) <= 15:
            raise self.error("EGeneral:Invalid arguments:orders")
        told: list[object] = []
        for item in items:
            try:
                order = self._place(ask, item, ask.text("pair"))
                told.append({"txid": named(order.order_id), "descr": {"order": _described(order)}})
            except Reject as no:
                told.append({"error": _REFUSALS[no.kind]})
        return self.answer({"orders": told})

    def _place(self, ask: Ask, item: dict[str, Any], pair: str) -> Order:
        client_id, flags = item.get("cl_ord_id", ""), item.get("oflags", "").split(",")
        if client_id and not _is_client_id(client_id):
            raise self.error("EGeneral:Invalid arguments:cl_ord_id")
        one = Ask(call="", method="", path="", query="", body="", headers={}, args=item)
        is_market = item["ordertype"] == "market"
        return self.books.place(
            ask.account,
            self.market_by(pair, spelled).symbol,
            item["type"],
            price=None if is_market else one.decimal("price"),
            size=None if "viqc" in flags else one.decimal("volume"),
            size_quote=one.decimal("volume") if "viqc" in flags else None,
            tif=cast(Any, item.get("timeinforce", "GTC").lower()),
            post_only="post" in flags,
            client_id=client_id,
        )

    @call("amend", "POST", "/0/private/AmendOrder", private=True)
    def amend(self, ask: Ask) -> object:
        """In its place. Told to be smaller than what has filled, the rest of the order is cancelled."""
        txid, client_id = ask.text("txid"), ask.text("cl_ord_id")
        order_id, size = numbered(txid) if txid else None, ask.decimal("order_qty") or Decimal(0)
        order = self.books.amend(ask.account, "", order_id=order_id, client_id=client_id, size=size)
        return self.answer({"amend_id": f"T{named(order.order_id)[1:]}"})

    @call("cancel", "POST", "/0/private/CancelOrder", private=True)
    def cancel(self, ask: Ask) -> object:
        self._cancel(ask.account, txid=ask.text("txid"), client_id=ask.text("cl_ord_id"))
        return self.answer({"count": 1})

    @call("cancel", "POST", "/0/private/CancelOrderBatch", private=True)
    def cancel_several(self, ask: Ask) -> object:
        orders = [*ask.args.get("orders", []), *ask.args.get("cl_ord_ids", [])]
        if len(orders) > 50:
            raise self.error("EGeneral:Invalid arguments:orders")
        count = 0
        for txid in ask.args.get("orders", []):
            count += self._ended(lambda txid=txid: self._cancel(ask.account, txid=txid))
        for client_id in ask.args.get("cl_ord_ids", []):
            count += self._ended(lambda client_id=client_id: self._cancel(ask.account, client_id=client_id))
        return self.answer({"count": count})

    @staticmethod
    def _ended(cancel: Callable[[], Order]) -> int:
        try:
            cancel()
        except Reject:
            return 0
        return 1

    def _cancel(self, account: str, *, txid: str = "", client_id: str = "") -> Order:
        return self.books.cancel(account, "", order_id=numbered(txid) if txid else None, client_id=client_id)

    @call("cancel_all", "POST", "/0/private/CancelAll", private=True)
    def cancel_all(self, ask: Ask) -> object:
        """In every market: there is no way to name one."""
        return self.answer({"count": len(self.books.cancel_all(ask.account))})

    @call("cancel_all_after", "POST", "/0/private/CancelAllOrdersAfter", private=True)
    def cancel_all_after(self, ask: Ask) -> object:
        due_ns = self.books.cancel_all_after(ask.account, ask.int("timeout"))
        return self.answer({"currentTime": iso(self.clock.now_ns()), "triggerTime": iso(due_ns) if due_ns else "0"})

    @call("order", "POST", "/0/private/QueryOrders", private=True)
    def order(self, ask: Ask) -> object:
        names = [name for name in ask.text("txid").split(",") if name]
        found = [self.books.find(ask.account, order_id=numbered(name)) for name in names]
        return self.answer({named(order.order_id): self._listed(order, ask) for order in found if order is not None})

    @call("open_orders", "POST", "/0/private/OpenOrders", private=True)
    def list_open(self, ask: Ask) -> object:
        found = [order for order in self.open_orders(ask.account) if ask.text("cl_ord_id") in ("", order.client_id)]
        return self.answer({"open": {named(order.order_id): self._listed(order, ask) for order in found}})

    @call("closed_orders", "POST", "/0/private/ClosedOrders", private=True)
    def history(self, ask: Ask) -> object:
        found = [
            order
            for order in self.books.history(ask.account)
            if not order.rests
            and ask.text("cl_ord_id") in ("", order.client_id)
            and self._is_within(ask, order.updated_ns)
        ]
        page = found[::-1][ask.int("ofs") :][:PAGE]
        closed = {named(order.order_id): self._listed(order, ask) for order in page}
        return self.answer({"closed": closed, "count": len(found)})

    @call("fills", "POST", "/0/private/TradesHistory", private=True)
    def fills(self, ask: Ask) -> object:
        found = [each for each in self.books.fills(ask.account) if self._is_within(ask, each.ts_ns)]
        page = found[::-1][ask.int("ofs") :][:PAGE]
        return self.answer({"trades": {traded(each): self._fill(each) for each in page}, "count": len(found)})

    @staticmethod
    def _is_within(ask: Ask, ts_ns: int) -> bool:
        """After the start, up to the end: seconds, possibly with a fraction."""
        start, end = ask.decimal("start"), ask.decimal("end")
        return (start is None or ts_ns > start * NS) and (end is None or ts_ns <= end * NS)

    # Words

    def _market_of(self, ask: Ask) -> Market:
        return self.market_by(ask.text("pair"), spelled)

    def _listed(self, order: Order, ask: Ask) -> dict[str, Any]:
        fills = [each for each in self.books.fills(order.account) if each.order.order_id == order.order_id]
        status = {"filled": "closed", "canceled": "canceled", "expired": "expired"}.get(order.status, "open")
        flags = ["fciq", "post"] if order.post_only else ["fciq"]
        told: dict[str, Any] = {
            "refid": None,
            "userref": None,
            **({"cl_ord_id": order.client_id} if order.client_id else {}),
            "status": status,
            "opentm": _seconds(order.created_ns),
            "starttm": 0,
            "expiretm": 0,
            "descr": {
                "pair": spelled(order.market),
                "type": order.side,
                "ordertype": order.kind,
                "price": plain(order.price),
                "price2": "0",
                "leverage": "none",
                "order": _described(order),
                "close": "",
            },
            "vol": plain(order.size),
            "vol_exec": plain(order.filled),
            "cost": plain(order.cost),
            "fee": plain(sum((each.fee for each in fills), order.cost * 0)),
            "price": plain(order.average),
            "stopprice": "0.00000",
            "limitprice": "0.00000",
            "misc": "",
            "oflags": ",".join(flags),
        }
        if not order.rests:
            told |= {"reason": REASONS.get(order.why), "closetm": _seconds(order.updated_ns)}
        if ask.text("trades").lower() == "true" and fills:
            told["trades"] = [traded(each) for each in fills]
        return told

    @staticmethod
    def _fill(each: Execution) -> dict[str, Any]:
        return {
            "ordertxid": named(each.order.order_id),
            "postxid": "TKH2SE-M7IF5-CFI7LT",
            "pair": spelled(each.order.market),
            "time": _seconds(each.ts_ns),
            "type": each.order.side,
            "ordertype": each.order.kind,
            "price": plain(each.price),
            "cost": plain(product(each.price, each.size)),
            "fee": plain(each.fee),
            "vol": plain(each.size),
            "margin": "0.00000",
            "leverage": "0",
            "misc": "",
            "trade_id": each.trade_id,
            "maker": each.is_maker,
        }


def _is_client_id(text: str) -> bool:
    """A UUID with or without its hyphens, or up to 18 characters of text."""
    is_hex = all(letter in "0123456789abcdefABCDEF-" for letter in text)
    return len(text) <= 18 or (is_hex and len(text.replace("-", "")) == 32)


def _described(order: Order) -> str:
    how = f"limit {plain(order.price)}" if order.kind == "limit" else "market"
    return f"{order.side} {plain(order.size)} {spelled(order.market)} @ {how}"


def _seconds(ts_ns: int) -> object:
    return bare_text(f"{ts_ns // NS}.{ts_ns % NS // 1000:06d}")
