"""Binance spot: REST v3. Its streams are in `binance_streams.py`.

Wire format: developers.binance.com, Spot API. Prices and sizes are quoted, ids and stamps (ms) are not.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, cast

from tests.venues.binance_streams import MS, STATUS, BinanceStreams, kind_of, spelled
from tests.venues.records import ZERO, Execution, Market, Order, Reject, Side, product
from tests.venues.summaries import candles, last_day
from tests.venues.wire import Ask, Keys, Wire, call, places, plain, sha256_hex

DAY_MS = 86_400_000
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_REFUSALS = {
    "unknown_market": (-1121, "Invalid symbol."),
    "price": (-1013, "Filter failure: PRICE_FILTER"),
    "size": (-1013, "Filter failure: LOT_SIZE"),
    "notional": (-1013, "Filter failure: NOTIONAL"),
    "funds": (-2010, "Account has insufficient balance for requested action."),
    "would_take": (-2010, "Order would immediately match and take."),
    "duplicate": (-2010, "Duplicate order sent."),
    "halted": (-1013, "Market is closed."),
    "gone": (-2011, "Unknown order sent."),
    "amend": (-2038, "Order amend (quantity increase) is not supported."),
}
MOST_AMENDS = 10
_SPANS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400}


class Binance(BinanceStreams):
    id: ClassVar[str] = "binance"
    keys: ClassVar[Keys] = Keys(
        account="desk",
        api_key="vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
        secret="NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
    )
    """The example pair of the venue's own documentation."""

    rules: ClassVar[dict[str, Any]] = {"client_ids": "one_resting"}

    def __init__(self, *markets: Market) -> None:
        super().__init__(*markets)
        self._amends: dict[int, int] = {}

    # Refusals

    def authenticate(self, ask: Ask) -> Keys:
        """HMAC-SHA256 over query and body as they were sent, the signature last; stamp within the window."""
        keys = self.by_key.get(ask.headers.get("x-mbx-apikey", ""))
        if keys is None:
            raise self.error(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        raw = ask.query + ask.body
        signed, mark, signature = raw.rpartition("&signature=")
        if not mark or signature != sha256_hex(keys.secret, signed):
            raise self.error(-1022, "Signature for this request is not valid.")
        self.check_stamp(ask.int("timestamp"), ask.int("recvWindow", 5000))
        return keys

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        if reject.kind == "gone" and ask.call == "order":
            return self.error(-2013, "Order does not exist.")
        if reject.kind == "gone" and ask.call == "amend":
            return self.error(-2038, "Unknown order sent.")
        return self.error(*_REFUSALS[reject.kind])

    def unheard_of(self) -> Wire:
        return self.error(-7777, "This is not the day for it.")

    def rate_limited(self, retry_after_s: int) -> Wire:
        text = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
        return Wire({"code": -1003, "msg": text}, status=429, headers={"Retry-After": str(retry_after_s)})

    def says_when_to_come_back(self, retry_after_s: int) -> int:
        return retry_after_s

    def headers(self, ask: Ask) -> dict[str, str]:
        return {"X-MBX-USED-WEIGHT-1M": str(len(self.log))}

    # Public

    @call("time", "GET", "/api/v3/time")
    def time(self, ask: Ask) -> object:
        return {"serverTime": self.clock.now_ms()}

    @call("markets", "GET", "/api/v3/exchangeInfo")
    def markets(self, ask: Ask) -> object:
        limits = [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        ]
        return {
            "timezone": "UTC",
            "serverTime": self.clock.now_ms(),
            "rateLimits": limits,
            "exchangeFilters": [],
            "symbols": [self._market(market) for market in self.books.markets.values()],
        }

    @call("markets", "GET", "/[fd]api/v1/exchangeInfo")
    def no_contracts(self, ask: Ask) -> object:
        return {"timezone": "UTC", "rateLimits": [], "exchangeFilters": [], "symbols": []}

    def _market(self, market: Market) -> dict[str, object]:
        return {
            "symbol": spelled(market),
            "status": "BREAK" if market.symbol in self.books.halted else "TRADING",
            "baseAsset": market.base,
            "baseAssetPrecision": places(market.lot),
            "quoteAsset": market.quote,
            "quotePrecision": places(market.tick),
            "quoteAssetPrecision": places(market.tick),
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
            "icebergAllowed": True,
            "ocoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": True,
            "cancelReplaceAllowed": True,
            "amendAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": plain(market.tick),
                    "maxPrice": "1000000.00000000",
                    "tickSize": plain(market.tick),
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": plain(market.min_size),
                    "maxQty": "9000000.00000000",
                    "stepSize": plain(market.lot),
                },
                {
                    "filterType": "NOTIONAL",
                    "minNotional": plain(market.min_quote),
                    "applyMinToMarket": True,
                    "maxNotional": "9000000.00000000",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_TAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER"],
        }

    @call("book", "GET", "/api/v3/depth")
    def book(self, ask: Ask) -> object:
        symbol = self._symbol(ask)
        limit = ask.int("limit", 100)
        return {
            "lastUpdateId": self.books.sequences[symbol],
            "bids": [[plain(price), plain(size)] for price, size in self.books.levels(symbol, "buy", limit)],
            "asks": [[plain(price), plain(size)] for price, size in self.books.levels(symbol, "sell", limit)],
        }

    @call("trades", "GET", "/api/v3/trades")
    def trades(self, ask: Ask) -> object:
        symbol = self._symbol(ask)
        found = [each for each in self.books.prints if each.market.symbol == symbol]
        return [
            {
                "id": each.trade_id,
                "price": plain(each.price),
                "qty": plain(each.size),
                "quoteQty": plain(product(each.price, each.size)),
                "time": each.ts_ns // MS,
                "isBuyerMaker": each.taker == "sell",
                "isBestMatch": True,
            }
            for each in found[-ask.int("limit", 500) :]
        ]

    @call("trades", "GET", "/api/v3/aggTrades")
    def aggregate_trades(self, ask: Ask) -> object:
        symbol = self._symbol(ask)
        found = [each for each in self.books.prints if each.market.symbol == symbol]
        return [
            {
                "a": each.trade_id,
                "p": plain(each.price),
                "q": plain(each.size),
                "f": each.trade_id,
                "l": each.trade_id,
                "T": each.ts_ns // MS,
                "m": each.taker == "sell",
                "M": True,
            }
            for each in found[-ask.int("limit", 500) :]
        ]

    @call("ticker", "GET", "/api/v3/ticker/24hr")
    def ticker(self, ask: Ask) -> object:
        symbol = self._symbol(ask)
        day, now_ms = last_day(self.books, symbol), self.clock.now_ms()
        bid, ask_ = (self.books.levels(symbol, cast(Side, side), 1) or [(ZERO, ZERO)] for side in ("buy", "sell"))
        return {
            "symbol": ask.text("symbol"),
            "priceChange": plain(day.close - day.open),
            "priceChangePercent": "0.000",
            "weightedAvgPrice": plain(day.close),
            "prevClosePrice": plain(day.open),
            "lastPrice": plain(day.close),
            "lastQty": "0.00000000",
            "bidPrice": plain(bid[0][0]),
            "bidQty": plain(bid[0][1]),
            "askPrice": plain(ask_[0][0]),
            "askQty": plain(ask_[0][1]),
            "openPrice": plain(day.open),
            "highPrice": plain(day.high),
            "lowPrice": plain(day.low),
            "volume": plain(day.volume),
            "quoteVolume": plain(day.volume_quote),
            "openTime": now_ms - DAY_MS,
            "closeTime": now_ms,
            "firstId": 0,
            "lastId": 0,
            "count": day.trades,
        }

    @call("candles", "GET", "/api/v3/klines")
    def candles(self, ask: Ask) -> object:
        span_s = _SPANS[ask.text("interval")]
        found = [bar for bar in candles(self.books, self._symbol(ask), span_s) if bar.start_ms >= ask.int("startTime")]
        return [
            [
                bar.start_ms,
                plain(bar.open),
                plain(bar.high),
                plain(bar.low),
                plain(bar.close),
                plain(bar.volume),
                bar.start_ms + span_s * 1000 - 1,
                plain(bar.volume_quote),
                bar.trades,
                "0",
                "0",
                "0",
            ]
            for bar in found[: ask.int("limit", 500)]
        ]

    # Private

    @call("balances", "GET", "/api/v3/account", private=True)
    def balances(self, ask: Ask) -> object:
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": True,
            "updateTime": self.clock.now_ms(),
            "accountType": "SPOT",
            "balances": [
                {
                    "asset": asset,
                    "free": plain(self.books.free(ask.account, asset)),
                    "locked": plain(self.books.held(ask.account, asset)),
                }
                for asset in self.books.assets(ask.account)
            ],
            "permissions": ["SPOT"],
            "uid": 354937868,
        }

    @call("fees", "GET", "/sapi/v1/asset/tradeFee", private=True)
    def fees(self, ask: Ask) -> object:
        return [
            {
                "symbol": spelled(market),
                "makerCommission": plain(market.maker_fee),
                "takerCommission": plain(market.taker_fee),
            }
            for market in self.books.markets.values()
            if ask.text("symbol") in ("", spelled(market))
        ]

    @call("place", "POST", "/api/v3/order", private=True)
    def place(self, ask: Ask) -> object:
        order = self._place(ask)
        fills = [each for each in self.books.fills(ask.account) if each.order.order_id == order.order_id]
        answer = self._brief(order) | {"transactTime": order.updated_ns // MS, "workingTime": order.created_ns // MS}
        if ask.text("newOrderRespType") == "ACK":
            return {key: answer[key] for key in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")}
        if ask.text("newOrderRespType") != "RESULT":
            answer["fills"] = [
                {
                    "price": plain(each.price),
                    "qty": plain(each.size),
                    "commission": plain(each.fee),
                    "commissionAsset": each.fee_asset,
                    "tradeId": each.trade_id,
                }
                for each in fills
            ]
        return answer

    def _place(self, ask: Ask) -> Order:
        symbol, kind, client_id = self._symbol(ask), ask.text("type"), ask.text("newClientOrderId")
        if client_id and not _CLIENT_ID.fullmatch(client_id):
            raise self.error(
                -1100,
                "Illegal characters found in parameter 'newClientOrderId'; "
                "legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.",
            )
        if kind not in ("LIMIT", "LIMIT_MAKER", "MARKET"):
            raise self.error(-1116, "Invalid orderType.")
        if kind == "LIMIT" and ask.text("timeInForce") not in ("GTC", "IOC", "FOK"):
            raise self.error(-1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.")
        return self.books.place(
            ask.account,
            symbol,
            cast(Side, ask.text("side").lower()),
            price=None if kind == "MARKET" else ask.decimal("price"),
            size=ask.decimal("quantity"),
            size_quote=ask.decimal("quoteOrderQty"),
            tif=cast(Any, ask.text("timeInForce", "GTC").lower()),
            post_only=kind == "LIMIT_MAKER",
            client_id=client_id or f"web_{self.clock.now_ns():x}",
        )

    @call("amend", "PUT", "/api/v3/order/amend/keepPriority", private=True)
    def amend(self, ask: Ask) -> object:
        """A reduction alone. An order whose id is not repeated gets a new one; after ten times it is enough."""
        named, old_id = self._named(ask), ""
        found = self.books.find(ask.account, **named)
        if found is not None:
            old_id = found.client_id
            if self._amends.get(found.order_id, 0) >= MOST_AMENDS:
                raise self.error(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS")
        order = self.books.amend(ask.account, self._symbol(ask), **named, size=ask.decimal("newQty") or ZERO)
        self._amends[order.order_id] = self._amends.get(order.order_id, 0) + 1
        order.client_id = ask.text("newClientOrderId") or f"web_{self.clock.now_ns():x}"
        told = self._brief(order) | {"origClientOrderId": old_id, "workingTime": order.created_ns // MS}
        told["qty"], told["cumulativeQuoteQty"] = told.pop("origQty"), told.pop("cummulativeQuoteQty")
        return {"transactTime": order.updated_ns // MS, "executionId": order.order_id, "amendedOrder": told}

    @call("cancel", "DELETE", "/api/v3/order", private=True)
    def cancel(self, ask: Ask) -> object:
        return self._cancelled(self.books.cancel(ask.account, self._symbol(ask), **self._named(ask)), ask)

    def _cancelled(self, order: Order, ask: Ask) -> dict[str, object]:
        """A cancel has a client id of its own; ours is the `orig` one."""
        own = ask.text("newClientOrderId") or f"c{order.order_id:x}{order.updated_ns % 100_000:x}"
        return self._brief(order) | {
            "origClientOrderId": order.client_id,
            "clientOrderId": own,
            "transactTime": order.updated_ns // MS,
        }

    @call("cancel_all", "DELETE", "/api/v3/openOrders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        ended = self.books.cancel_all(ask.account, self._symbol(ask))
        if not ended:
            raise self.error(-2011, "Unknown order sent.")
        return [self._cancelled(order, ask) for order in ended]

    @call("order", "GET", "/api/v3/order", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self._named(ask))
        if found is None or spelled(found.market) != ask.text("symbol"):
            raise Reject("gone", "no such order")
        return self._whole(found)

    @call("open_orders", "GET", "/api/v3/openOrders", private=True)
    def list_open(self, ask: Ask) -> object:
        symbol = self._symbol(ask) if ask.text("symbol") else ""
        return [self._whole(order) for order in self.open_orders(ask.account, symbol)]

    @call("closed_orders", "GET", "/api/v3/allOrders", private=True)
    def all_orders(self, ask: Ask) -> object:
        start_ms, end_ms = self._window(ask)
        found = [
            order
            for order in self.books.history(ask.account, self._symbol(ask))
            if start_ms <= order.created_ns // MS <= end_ms and order.order_id >= ask.int("orderId")
        ]
        return [self._whole(order) for order in self._page(ask, found)]

    @call("fills", "GET", "/api/v3/myTrades", private=True)
    def fills(self, ask: Ask) -> object:
        start_ms, end_ms = self._window(ask)
        found = [
            each
            for each in self.books.fills(ask.account, self._symbol(ask))
            if start_ms <= each.ts_ns // MS <= end_ms
            and each.trade_id >= ask.int("fromId")
            and ask.int("orderId") in (0, each.order.order_id)
        ]
        return [self._fill(each) for each in self._page(ask, found)]

    # Words

    def _symbol(self, ask: Ask) -> str:
        return self.market_by(ask.text("symbol"), spelled).symbol

    @staticmethod
    def _named(ask: Ask) -> dict[str, Any]:
        if ask.text("orderId"):
            return {"order_id": ask.int("orderId")}
        return {"client_id": ask.text("origClientOrderId")}

    def _window(self, ask: Ask) -> tuple[int, int]:
        """No more than a day between start and end; without either, everything."""
        start_ms, end_ms = ask.int("startTime"), ask.int("endTime")
        if start_ms and end_ms and end_ms - start_ms > DAY_MS:
            raise self.error(-1127, "More than 24 hours between startTime and endTime.")
        if start_ms:
            return start_ms, end_ms or start_ms + DAY_MS
        return (end_ms - DAY_MS, end_ms) if end_ms else (0, 2**62)

    @staticmethod
    def _page(ask: Ask, found: list[Any]) -> list[Any]:
        """The first of a window or from an id on; otherwise the latest."""
        limit = min(ask.int("limit", 500), 1000)
        is_forward = (
            ask.text("startTime") or ask.text("fromId") or (ask.call == "closed_orders" and ask.text("orderId"))
        )
        return found[:limit] if is_forward else found[-limit:]

    def _brief(self, order: Order) -> dict[str, Any]:
        return {
            "symbol": spelled(order.market),
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": order.client_id,
            "price": plain(order.price),
            "origQty": plain(order.size),
            "executedQty": plain(order.filled),
            "origQuoteOrderQty": "0.00000000",
            "cummulativeQuoteQty": plain(order.cost),
            "status": STATUS[order.status],
            "timeInForce": order.tif.upper(),
            "type": kind_of(order),
            "side": order.side.upper(),
            "selfTradePreventionMode": "EXPIRE_TAKER",
        }

    def _whole(self, order: Order) -> dict[str, Any]:
        return self._brief(order) | {
            "stopPrice": "0.00000000",
            "icebergQty": "0.00000000",
            "time": order.created_ns // MS,
            "updateTime": order.updated_ns // MS,
            "isWorking": True,
            "workingTime": order.created_ns // MS,
        }

    @staticmethod
    def _fill(each: Execution) -> dict[str, Any]:
        return {
            "symbol": spelled(each.order.market),
            "id": each.trade_id,
            "orderId": each.order.order_id,
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
        }
