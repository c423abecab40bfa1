"""Gate spot, API v4: REST. Its streams are in `gate_streams.py`.

Wire format: gate.com/docs/developers/apiv4. Errors are a `label` under an HTTP error; our id stands in `text` and
begins with `t-`, and an order is found by it while it rests and for an hour after. Open orders come grouped by market.
Stamps of queries are whole seconds.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, ClassVar, cast

from tests.venues.gate_streams import MS, GateStreams, sha512_hex, spelled
from tests.venues.records import ZERO, Market, Order, Reject, Side
from tests.venues.summaries import candles, last_day
from tests.venues.wire import Ask, Keys, Wire, call, places, plain, texts

HOUR_NS = 3600 * 10**9
DAY_S = 86_400
_TEXT = re.compile(r"t-[0-9A-Za-z_.-]{1,28}")
_SPANS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400}
_REFUSALS = {
    "unknown_market": ("INVALID_CURRENCY_PAIR", "Invalid currency pair"),
    "price": ("INVALID_PRECISION", "Invalid price precision"),
    "size": ("INVALID_PRECISION", "Invalid amount precision"),
    "notional": ("INVALID_PARAM_VALUE", "Your order size is too small. The minimum is 5 USDT"),
    "funds": ("BALANCE_NOT_ENOUGH", "Not enough balance"),
    "would_take": ("POC_FILL_IMMEDIATELY", "Order would match and take immediately so its cancelled"),
    "halted": ("INVALID_CURRENCY_PAIR", "The market is not tradable now"),
    "amend": ("INVALID_PARAM_VALUE", "Invalid amount"),
    "gone": ("ORDER_NOT_FOUND", "Order with ID not found"),
}


class Gate(GateStreams):
    id: ClassVar[str] = "gate"
    keys: ClassVar[Keys] = Keys(
        account="desk",
        api_key="4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b",
        secret="0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    )
    rules: ClassVar[dict[str, Any]] = {"client_ids": "any", "below_filled": "cancelled"}

    # Refusals

    def authenticate(self, ask: Ask) -> Keys:
        """HMAC-SHA512 over method, path, query as it reads, SHA512 of the body, and stamp, a line each."""
        keys = self.by_key.get(ask.headers.get("key", ""))
        if keys is None:
            raise self.error("INVALID_KEY", "Invalid key provided", status=401)
        stamp, body = ask.headers.get("timestamp", "0"), hashlib.sha512(ask.body.encode()).hexdigest()
        signed = "\n".join((ask.method, ask.path, ask.query, body, stamp))
        if ask.headers.get("sign") != sha512_hex(keys.secret, signed):
            raise self.error("INVALID_SIGNATURE", "Signature mismatch", status=401)
        if abs(int(stamp) - self.clock.now_ms() // 1000) > 60:
            raise self.error("REQUEST_EXPIRED", "gap between request Timestamp and server time exceeds 60", status=403)
        return keys

    @staticmethod
    def error(label: str, text: str, *, status: int = 400) -> Wire:
        return Wire({"label": label, "message": text}, status=status)

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        if reject.kind == "gone" and ask.call == "cancel" and reject.order is not None:
            label = "ORDER_CLOSED" if reject.order.status == "filled" else "ORDER_CANCELLED"
            return self.error(label, f"Order is {label[6:].lower()}")
        return self.error(*_REFUSALS[reject.kind], status=404 if reject.kind == "gone" else 400)

    def unheard_of(self) -> Wire:
        return self.error("NOT_THE_DAY_FOR_IT", "This is not the day for it.")

    def rate_limited(self, retry_after_s: int) -> Wire:
        return self.error("TOO_MANY_REQUESTS", "Request Rate limit Exceeded", status=429)

    def headers(self, ask: Ask) -> dict[str, str]:
        reset_s = str(self.clock.now_ms() // 1000 + 1)
        return {
            "X-Gate-RateLimit-Requests-Remain": "9",
            "X-Gate-RateLimit-Limit": "10",
            "X-Gate-RateLimit-Reset-Timestamp": reset_s,
        }

    # Public

    @call("time", "GET", "/api/v4/spot/time")
    def time(self, ask: Ask) -> object:
        return {"server_time": self.clock.now_ms()}

    @call("markets", "GET", "/api/v4/spot/currency_pairs")
    def markets(self, ask: Ask) -> object:
        return [self._market(market) for market in self.books.markets.values()]

    @call("markets", "GET", "/api/v4/margin/currency_pairs")
    def no_margin(self, ask: Ask) -> object:
        return []

    @call("currencies", "GET", "/api/v4/spot/currencies")
    def currencies(self, ask: Ask) -> object:
        names = sorted({name for market in self.books.markets.values() for name in (market.base, market.quote)})
        flags = {"delisted": False, "withdraw_disabled": False, "withdraw_delayed": False, "deposit_disabled": False}
        return [{"currency": name, "name": name, "trade_disabled": False, "chains": []} | flags for name in names]

    def _market(self, market: Market) -> dict[str, object]:
        return {
            "id": spelled(market),
            "base": market.base,
            "base_name": market.base,
            "quote": market.quote,
            "quote_name": market.quote,
            "fee": "0.2",
            "min_base_amount": plain(market.min_size),
            "min_quote_amount": plain(market.min_quote),
            "max_quote_amount": "5000000",
            "amount_precision": places(market.lot),
            "precision": places(market.tick),
            "trade_status": "untradable" if market.symbol in self.books.halted else "tradable",
            "sell_start": 0,
            "buy_start": 0,
            "type": "normal",
        }

    @call("book", "GET", "/api/v4/spot/order_book")
    def book(self, ask: Ask) -> object:
        symbol, depth = self._market_of(ask).symbol, min(ask.int("limit", 10), 1000)
        now_ms = self.clock.now_ms()
        numbered = {"id": self.books.sequences[symbol]} if ask.text("with_id").lower() == "true" else {}
        return numbered | {
            "current": now_ms,
            "update": now_ms,
            "asks": texts(self.books.levels(symbol, "sell", depth)),
            "bids": texts(self.books.levels(symbol, "buy", depth)),
        }

    @call("trades", "GET", "/api/v4/spot/trades")
    def trades(self, ask: Ask) -> object:
        market = self._market_of(ask)
        found = [self.print_of(each) for each in self.books.prints if each.market == market]
        return [each | {"id": str(each["id"])} for each in found[::-1][: ask.int("limit", 100)]]

    @call("ticker", "GET", "/api/v4/spot/tickers")
    def ticker(self, ask: Ask) -> object:
        market = self._market_of(ask)
        day = last_day(self.books, market.symbol)
        bids, asks = (
            self.books.levels(market.symbol, cast(Side, side), 1) or [(ZERO, ZERO)] for side in ("buy", "sell")
        )
        return [
            {
                "currency_pair": spelled(market),
                "last": plain(day.close),
                "lowest_ask": plain(asks[0][0]),
                "lowest_size": plain(asks[0][1]),
                "highest_bid": plain(bids[0][0]),
                "highest_size": plain(bids[0][1]),
                "change_percentage": "0",
                "base_volume": plain(day.volume),
                "quote_volume": plain(day.volume_quote),
                "high_24h": plain(day.high),
                "low_24h": plain(day.low),
            }
        ]

    @call("candles", "GET", "/api/v4/spot/candlesticks")
    def candles(self, ask: Ask) -> object:
        """Start, quote volume, close, high, low, open, base volume, whether it has ended."""
        span_s = _SPANS[ask.text("interval", "30m")]
        found = candles(self.books, self._market_of(ask).symbol, span_s)
        start_ms, end_ms = ask.int("from") * 1000, ask.int("to", 2**40) * 1000
        return [
            [
                str(bar.start_ms // 1000),
                *(plain(x) for x in (bar.volume_quote, bar.close, bar.high, bar.low, bar.open, bar.volume)),
                "true" if bar.start_ms + span_s * 1000 <= self.clock.now_ms() else "false",
            ]
            for bar in found
            if start_ms <= bar.start_ms <= end_ms
        ][-ask.int("limit", 100) :]

    # Private

    @call("account", "GET", "/api/v4/account/detail", private=True)
    def account(self, ask: Ask) -> object:
        return {"user_id": 1667201533, "ip_whitelist": [], "currency_pairs": [], "key": {"mode": 1}, "tier": 0}

    @call("balances", "GET", "/api/v4/spot/accounts", private=True)
    def balances(self, ask: Ask) -> object:
        return [
            {
                "currency": asset,
                "available": plain(self.books.free(ask.account, asset)),
                "locked": plain(self.books.held(ask.account, asset)),
                "update_id": 1,
            }
            for asset in self.books.assets(ask.account)
            if ask.text("currency") in ("", asset)
        ]

    @call("place", "POST", "/api/v4/spot/orders", private=True)
    def place(self, ask: Ask) -> object:
        raise Wire(self.order_of(self._place(ask.account, ask.args)), status=201)

    @call("place", "POST", "/api/v4/spot/batch_orders", private=True)
    def place_several(self, ask: Ask) -> object:
        if len(ask.args["items"]) > 10:
            raise self.error("TOO_MANY_ORDERS", "no more than 10 orders at a time")
        told: list[object] = []
        for item in ask.args["items"]:
            try:
                told.append(
                    self.order_of(self._place(ask.account, item)) | {"succeeded": True, "label": "", "message": ""}
                )
            except Reject as no:
                label, text = _REFUSALS[no.kind]
                told.append({"text": item.get("text", ""), "succeeded": False, "label": label, "message": text})
        return told

    def _place(self, account: str, item: dict[str, Any]) -> Order:
        text = item.get("text", "")
        if text and not _TEXT.fullmatch(text):
            raise self.error("INVALID_PARAM_VALUE", "invalid text")
        one = Ask(call="", method="", path="", query="", body="", headers={}, args=item)
        is_market = item["type"] == "market"
        tif = item.get("time_in_force", "gtc")
        if is_market and tif not in ("ioc", "fok"):
            raise self.error("INVALID_PARAM_VALUE", "Invalid time_in_force for a market order")
        in_quote = is_market and item["side"] == "buy"
        return self.books.place(
            account,
            self.market_by(item["currency_pair"], spelled).symbol,
            item["side"],
            price=None if is_market else one.decimal("price"),
            size=None if in_quote else one.decimal("amount"),
            size_quote=one.decimal("amount") if in_quote else None,
            tif=cast(Any, tif if tif in ("ioc", "fok") else "gtc"),
            post_only=tif == "poc",
            client_id=text or "apiv4",
        )

    @call("cancel_all_after", "POST", "/api/v4/spot/countdown_cancel_all", private=True)
    def cancel_all_after(self, ask: Ask) -> object:
        seconds = ask.int("timeout")
        if seconds and seconds < 5:
            raise self.error("INVALID_PARAM_VALUE", "timeout must be at least 5 s")
        symbol = self._market_of(ask).symbol if ask.text("currency_pair") else ""
        return {"triggerTime": str(self.books.cancel_all_after(ask.account, seconds, symbol) // MS)}

    @call("cancel", "POST", "/api/v4/spot/cancel_batch_orders", private=True)
    def cancel_several(self, ask: Ask) -> object:
        if len(ask.args["items"]) > 20:
            raise self.error("TOO_MANY_ORDERS", "no more than 20 orders at a time")
        told = []
        for item in ask.args["items"]:
            word: dict[str, object] = {"succeeded": True, "label": "", "message": ""}
            try:
                symbol = self.market_by(item["currency_pair"], spelled).symbol
                self.books.cancel(ask.account, symbol, **self._named(ask.account, item["id"]))
            except Reject as no:
                word = {"succeeded": False, "label": _REFUSALS[no.kind][0], "message": _REFUSALS[no.kind][1]}
            told.append({"currency_pair": item["currency_pair"], "id": item["id"], "account": "spot"} | word)
        return told

    @call("cancel_all", "DELETE", "/api/v4/spot/orders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        symbol = self._market_of(ask).symbol if ask.text("currency_pair") else ""
        ended = self.books.cancel_all(ask.account, symbol)
        return [self.order_of(order) | {"succeeded": True, "label": "", "message": ""} for order in ended]

    @call("amend", "PATCH", "/api/v4/spot/orders/{order}", private=True)
    def amend(self, ask: Ask) -> object:
        named = self._named(ask.account, ask.text("order"))
        size = ask.decimal("amount") or ZERO
        return self.order_of(self.books.amend(ask.account, self._market_of(ask).symbol, **named, size=size))

    @call("cancel", "DELETE", "/api/v4/spot/orders/{order}", private=True)
    def cancel(self, ask: Ask) -> object:
        named = self._named(ask.account, ask.text("order"))
        return self.order_of(self.books.cancel(ask.account, self._market_of(ask).symbol, **named))

    @call("order", "GET", "/api/v4/spot/orders/{order}", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self._named(ask.account, ask.text("order")))
        if found is None or spelled(found.market) != ask.text("currency_pair"):
            raise Reject("gone", "no such order")
        return self.order_of(found)

    def _named(self, account: str, name: str) -> dict[str, Any]:
        """By number, or by our text while it rests and for an hour after."""
        if not name.startswith("t-"):
            return {"order_id": int(name)}
        order = self.books.find(account, client_id=name)
        is_forgotten = order is not None and not order.rests and self.clock.now_ns() - order.updated_ns > HOUR_NS
        return {"client_id": "" if is_forgotten else name}

    @call("open_orders", "GET", "/api/v4/spot/open_orders", private=True)
    def list_open(self, ask: Ask) -> object:
        """Of every market, grouped."""
        limit = min(ask.int("limit", 100), 100)
        begin = (ask.int("page", 1) - 1) * limit
        groups = []
        for market in self.books.markets.values():
            found = self.open_orders(ask.account, market.symbol)[::-1]
            if found:
                page = [self.order_of(order) for order in found[begin : begin + limit]]
                groups.append({"currency_pair": spelled(market), "total": len(found), "orders": page})
        return groups

    @call("closed_orders", "GET", "/api/v4/spot/orders", private=True)
    def history(self, ask: Ask) -> object:
        start_s, end_s = self._window(ask)
        is_open = ask.text("status") == "open"
        found = [
            order
            for order in self.books.history(ask.account, self._market_of(ask).symbol)
            if order.rests is is_open and (is_open or start_s <= order.created_ns // 10**9 <= end_s)
        ]
        return [self.order_of(order) for order in self._page(ask, found, 100)]

    @call("fills", "GET", "/api/v4/spot/my_trades", private=True)
    def fills(self, ask: Ask) -> object:
        start_s, end_s = self._window(ask)
        found = [
            each
            for each in self.books.fills(ask.account)
            if ask.text("currency_pair") in ("", spelled(each.order.market))
            and ask.text("order_id") in ("", str(each.order.order_id))
            and start_s <= each.ts_ns // 10**9 <= end_s
        ]
        return [self.fill_of(each) for each in self._page(ask, found, 1000)]

    # Words

    def _market_of(self, ask: Ask) -> Market:
        return self.market_by(ask.text("currency_pair"), spelled)

    def _window(self, ask: Ask) -> tuple[int, int]:
        """Thirty days at most; the last week when neither end is given."""
        now_s = self.clock.now_ms() // 1000
        end_s = ask.int("to", now_s)
        start_s = ask.int("from", end_s - 7 * DAY_S)
        if end_s - start_s > 30 * DAY_S:
            raise self.error("INVALID_PARAM_VALUE", "time range too long. Maximum 30 days")
        return start_s, end_s

    @staticmethod
    def _page(ask: Ask, found: list[Any], most: int) -> list[Any]:
        """Newest first."""
        limit = min(ask.int("limit", 100), most)
        begin = (ask.int("page", 1) - 1) * limit
        return found[::-1][begin : begin + limit]
