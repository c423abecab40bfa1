"""MEXC spot, v3: REST alone; its streams are protobuf and are not served here.

Wire format: mexcdevelop.github.io/apidocs. Close to Binance's, with traps of its own: parameters are signed in the
query of every method, creating answers with an id and little else, statuses differ, and there is no ban on a client id
used before. Histories go back a week, executions a month.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, cast

import msgspec

from tests.venues.records import ZERO, Execution, Market, Order, Reject, Side, product
from tests.venues.summaries import candles, last_day
from tests.venues.wire import DECODER, Ask, Keys, Venue, Wire, call, places, plain, sha256_hex, texts

MS = 1_000_000
DAY_MS = 86_400_000
_CLIENT_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")
_SPANS = {"1m": 60, "5m": 300, "15m": 900, "60m": 3600, "4h": 14_400, "1d": 86_400}
_KINDS = {"LIMIT": "gtc", "LIMIT_MAKER": "gtc", "MARKET": "ioc", "IMMEDIATE_OR_CANCEL": "ioc", "FILL_OR_KILL": "fok"}
_REFUSALS = {
    "unknown_market": (10007, "bad symbol"),
    "price": (30014, "invalid price"),
    "size": (30016, "Trading disabled or invalid quantity"),
    "notional": (30002, "The minimum transaction volume cannot be less than：5USDT"),
    "funds": (30004, "Insufficient position"),
    "halted": (30016, "Trading disabled"),
    "gone": (-2011, "Unknown order sent."),
}


def spelled(market: Market) -> str:
    return market.base + market.quote


def status_of(order: Order) -> str:
    if order.status in ("canceled", "expired"):
        return "PARTIALLY_CANCELED" if order.filled else "CANCELED"
    return order.status.upper()


class Mexc(Venue):
    id: ClassVar[str] = "mexc"
    keys: ClassVar[Keys] = Keys(account="desk", api_key="mx0aBYs33eIilxBWC5", secret="45d0b3c26f2644f19bfb98b07741b2f5")
    has_streams = False
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True, "client_ids": "any"}

    # Refusals

    def authenticate(self, ask: Ask) -> Keys:
        """HMAC-SHA256 over the query as it was sent, and the body if there is one."""
        keys = self.by_key.get(ask.headers.get("x-mexc-apikey", ""))
        if keys is None:
            raise self.error(10072, "Api key info invalid")
        signed, mark, signature = ask.query.rpartition("&signature=")
        if not mark or signature != sha256_hex(keys.secret, signed + ask.body):
            raise self.error(700002, "Signature for this request is not valid.")
        now_ms, stamp_ms = self.clock.now_ms(), ask.int("timestamp")
        if stamp_ms >= now_ms + 1000 or now_ms - stamp_ms > ask.int("recvWindow", 5000):
            raise self.error(700003, "Timestamp for this request is outside of the recvWindow.")
        return keys

    @staticmethod
    def error(code: int, text: str, *, status: int = 400) -> Wire:
        return Wire({"code": code, "msg": text}, status=status)

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        if reject.kind == "gone" and ask.call == "order":
            return self.error(-2013, "Order does not exist.")
        return self.error(*_REFUSALS[reject.kind])

    def unheard_of(self) -> Wire:
        return self.error(799_998, "This is not the day for it.")

    def rate_limited(self, retry_after_s: int) -> Wire:
        return self.error(429, "Too Many Requests", status=429)

    # Public

    @call("time", "GET", "/api/v3/time")
    def time(self, ask: Ask) -> object:
        return {"serverTime": self.clock.now_ms()}

    @call("status", "GET", "/api/v3/ping")
    def ping(self, ask: Ask) -> object:
        return {}

    @call("markets", "GET", "/api/v3/exchangeInfo")
    def markets(self, ask: Ask) -> object:
        listed = [self._market(market) for market in self.books.markets.values()]
        return {
            "timezone": "CST",
            "serverTime": self.clock.now_ms(),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": listed,
        }

    @call("markets", "GET", "/api/v1/contract/detail")
    def no_contracts(self, ask: Ask) -> object:
        return {"success": True, "code": 0, "data": []}

    def _market(self, market: Market) -> dict[str, object]:
        return {
            "symbol": spelled(market),
            "status": "2" if market.symbol in self.books.halted else "1",
            "baseAsset": market.base,
            "baseAssetPrecision": places(market.lot),
            "quoteAsset": market.quote,
            "quotePrecision": places(market.tick),
            "quoteAssetPrecision": places(market.tick),
            "baseCommissionPrecision": places(market.lot),
            "quoteCommissionPrecision": places(market.tick),
            "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER", "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"],
            "isSpotTradingAllowed": market.symbol not in self.books.halted,
            "isMarginTradingAllowed": False,
            "quoteAmountPrecision": plain(market.min_quote),
            "baseSizePrecision": plain(market.min_size),
            "permissions": ["SPOT"],
            "filters": [],
            "maxQuoteAmount": "4000000",
            "makerCommission": plain(market.maker_fee),
            "takerCommission": plain(market.taker_fee),
            "quoteAmountPrecisionMarket": plain(market.min_quote),
            "maxQuoteAmountMarket": "4000000",
            "fullName": market.base,
            "tradeSideType": 1,
        }

    @call("book", "GET", "/api/v3/depth")
    def book(self, ask: Ask) -> object:
        symbol, depth = self._symbol(ask), min(ask.int("limit", 100), 5000)
        return {
            "lastUpdateId": self.books.sequences[symbol],
            "bids": texts(self.books.levels(symbol, "buy", depth)),
            "asks": texts(self.books.levels(symbol, "sell", depth)),
            "timestamp": self.clock.now_ms(),
        }

    @call("trades", "GET", "/api/v3/(trades|aggTrades)")
    def trades(self, ask: Ask) -> object:
        symbol = self._symbol(ask)
        found = [each for each in self.books.prints if each.market.symbol == symbol][-ask.int("limit", 500) :]
        if ask.path.endswith("aggTrades"):
            return [
                {
                    "a": None,
                    "f": None,
                    "l": None,
                    "p": plain(each.price),
                    "q": plain(each.size),
                    "T": each.ts_ns // MS,
                    "m": each.taker == "sell",
                    "M": True,
                }
                for each in found
            ]
        return [
            {
                "id": None,
                "price": plain(each.price),
                "qty": plain(each.size),
                "quoteQty": plain(product(each.price, each.size)),
                "time": each.ts_ns // MS,
                "isBuyerMaker": each.taker == "sell",
                "isBestMatch": True,
                "tradeType": "BID" if each.taker == "buy" else "ASK",
            }
            for each in reversed(found)
        ]

    @call("ticker", "GET", "/api/v3/ticker/24hr")
    def ticker(self, ask: Ask) -> object:
        symbol = self._symbol(ask)
        day, now_ms = last_day(self.books, symbol), self.clock.now_ms()
        bids, asks = (self.books.levels(symbol, cast(Side, side), 1) or [(ZERO, ZERO)] for side in ("buy", "sell"))
        return {
            "symbol": ask.text("symbol"),
            "priceChange": plain(day.close - day.open),
            "priceChangePercent": "0",
            "prevClosePrice": plain(day.open),
            "lastPrice": plain(day.close),
            "bidPrice": plain(bids[0][0]),
            "bidQty": plain(bids[0][1]),
            "askPrice": plain(asks[0][0]),
            "askQty": plain(asks[0][1]),
            "openPrice": plain(day.open),
            "highPrice": plain(day.high),
            "lowPrice": plain(day.low),
            "volume": plain(day.volume),
            "quoteVolume": plain(day.volume_quote),
            "openTime": now_ms - DAY_MS,
            "closeTime": now_ms,
            "count": None,
        }

    @call("candles", "GET", "/api/v3/klines")
    def candles(self, ask: Ask) -> object:
        span_s = _SPANS[ask.text("interval")]
        return [
            [
                bar.start_ms,
                *(plain(x) for x in (bar.open, bar.high, bar.low, bar.close, bar.volume)),
                bar.start_ms + span_s * 1000,
                plain(bar.volume_quote),
            ]
            for bar in candles(self.books, self._symbol(ask), span_s)
            if ask.int("startTime") <= bar.start_ms <= ask.int("endTime", 2**62)
        ][: ask.int("limit", 500)]

    # Private

    @call("balances", "GET", "/api/v3/account", private=True)
    def balances(self, ask: Ask) -> object:
        held = [
            {
                "asset": asset,
                "free": plain(self.books.free(ask.account, asset)),
                "locked": plain(self.books.held(ask.account, asset)),
            }
            for asset in self.books.assets(ask.account)
        ]
        flags = {"canTrade": True, "canWithdraw": True, "canDeposit": True}
        return flags | {"updateTime": None, "accountType": "SPOT", "balances": held, "permissions": ["SPOT"]}

    @call("place", "POST", "/api/v3/order", private=True)
    def place(self, ask: Ask) -> object:
        order = self._place(ask)
        return self._created(order) | {
            "price": plain(order.price),
            "origQty": plain(order.size),
            "type": ask.text("type"),
            "side": order.side.upper(),
            "transactTime": order.created_ns // MS,
        }

    @call("place", "POST", "/api/v3/batchOrders", private=True)
    def place_several(self, ask: Ask) -> object:
        items = DECODER.decode(ask.text("batchOrders"))
        if len(items) > 20:
            raise self.error(-1100, "batchOrders size invalid")
        told: list[dict[str, object]] = []
        for item in items:
            client_id = item.get("newClientOrderId", "")
            try:
                order = self._place(msgspec.structs.replace(ask, args=item))
                told.append(self._created(order) | {"newClientOrderId": client_id})
            except Reject as no:
                code, text = _REFUSALS[no.kind]
                told.append({"newClientOrderId": client_id, "msg": text, "code": code})
        return told

    @staticmethod
    def _created(order: Order) -> dict[str, object]:
        return {"symbol": spelled(order.market), "orderId": _named(order.order_id), "orderListId": -1}

    def _place(self, ask: Ask) -> Order:
        kind, client_id = ask.text("type"), ask.text("newClientOrderId")
        if client_id and not _CLIENT_ID.fullmatch(client_id):
            raise self.error(-1100, "Illegal characters found in parameter 'newClientOrderId'.")
        if kind not in _KINDS:
            raise self.error(-1116, "Invalid orderType.")
        return self.books.place(
            ask.account,
            self._symbol(ask),
            cast(Side, ask.text("side").lower()),
            price=None if kind == "MARKET" else ask.decimal("price"),
            size=ask.decimal("quantity"),
            size_quote=ask.decimal("quoteOrderQty"),
            tif=cast(Any, _KINDS[kind]),
            post_only=kind == "LIMIT_MAKER",
            client_id=client_id,
        )

    @call("cancel", "DELETE", "/api/v3/order", private=True)
    def cancel(self, ask: Ask) -> object:
        return self._listed(self.books.cancel(ask.account, self._symbol(ask), **self._which(ask)))

    @call("cancel_all", "DELETE", "/api/v3/openOrders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        return [self._listed(order) for order in self.books.cancel_all(ask.account, self._symbol(ask))]

    @call("order", "GET", "/api/v3/order", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self._which(ask))
        if found is None or spelled(found.market) != ask.text("symbol"):
            raise Reject("gone", "no such order")
        return self._listed(found)

    @call("open_orders", "GET", "/api/v3/openOrders", private=True)
    def list_open(self, ask: Ask) -> object:
        return [self._listed(order) for order in self.open_orders(ask.account, self._symbol(ask))]

    @call("closed_orders", "GET", "/api/v3/allOrders", private=True)
    def all_orders(self, ask: Ask) -> object:
        start_ms, end_ms = self._window(ask, 7)
        found = [
            order
            for order in self.books.history(ask.account, self._symbol(ask))
            if start_ms <= order.created_ns // MS <= end_ms
        ]
        return [self._listed(order) for order in found[::-1][: min(ask.int("limit", 500), 1000)]]

    @call("fills", "GET", "/api/v3/myTrades", private=True)
    def fills(self, ask: Ask) -> object:
        start_ms, end_ms = self._window(ask, 30)
        found = [
            each
            for each in self.books.fills(ask.account, self._symbol(ask))
            if start_ms <= each.ts_ns // MS <= end_ms and ask.text("orderId") in ("", _named(each.order.order_id))
        ]
        return [self._fill(each) for each in found[::-1][: min(ask.int("limit", 100), 100)]]

    @call("stream", "POST", "/api/v3/userDataStream", private=True)
    def stream(self, ask: Ask) -> object:
        """A key for a stream, on which nothing is ever said here."""
        return {"listenKey": "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"}

    # Words

    def _symbol(self, ask: Ask) -> str:
        return self.market_by(ask.text("symbol"), spelled).symbol

    @staticmethod
    def _which(ask: Ask) -> dict[str, Any]:
        if ask.text("orderId"):
            number = ask.text("orderId").removeprefix("C02__")
            return {"order_id": int(number) if number.isdigit() else 0}
        return {"client_id": ask.text("origClientOrderId")}

    def _window(self, ask: Ask, days: int) -> tuple[int, int]:
        """So far back and no further."""
        oldest_ms = self.clock.now_ms() - days * DAY_MS
        return max(ask.int("startTime"), oldest_ms), ask.int("endTime", 2**62)

    @staticmethod
    def _listed(order: Order) -> dict[str, Any]:
        kinds = {"ioc": "IMMEDIATE_OR_CANCEL", "fok": "FILL_OR_KILL"}
        kind = "LIMIT_MAKER" if order.post_only else kinds.get(order.tif, "LIMIT")
        return {
            "symbol": spelled(order.market),
            "orderId": _named(order.order_id),
            "orderListId": -1,
            "clientOrderId": order.client_id or None,
            "price": plain(order.price),
            "origQty": plain(order.size),
            "executedQty": plain(order.filled),
            "cummulativeQuoteQty": plain(order.cost),
            "status": status_of(order),
            "timeInForce": None,
            "type": "MARKET" if order.kind == "market" else kind,
            "side": order.side.upper(),
            "stopPrice": None,
            "icebergQty": None,
            "time": order.created_ns // MS,
            "updateTime": order.updated_ns // MS,
            "isWorking": True,
            "origQuoteOrderQty": plain(product(order.price, order.size)),
        }

    @staticmethod
    def _fill(each: Execution) -> dict[str, Any]:
        return {
            "symbol": spelled(each.order.market),
            "id": str(each.trade_id),
            "orderId": _named(each.order.order_id),
            "orderListId": -1,
            "price": plain(each.price),
            "qty": plain(each.size),
            "quoteQty": plain(product(each.price, each.size)),
            "commission": plain(each.fee),
            "commissionAsset": each.fee_asset,
            "time": each.ts_ns // MS,
            "isBuyer": each.order.side == "buy",
            "isMaker": each.is_maker,
            "isBestMatch": True,
            "isSelfTrade": False,
            "clientOrderId": each.order.client_id or None,
        }


def _named(order_id: int) -> str:
    return f"C02__{order_id}"
