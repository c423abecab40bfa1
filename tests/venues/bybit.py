"""Bybit v5, category spot: REST. Its streams are in `bybit_streams.py`.

Wire format: bybit-exchange.github.io/docs/v5. Every answer is HTTP 200 with a `retCode`; creating and cancelling answer
with ids alone; an order that fails in a batch is told in `retExtInfo`. Histories are asked for in windows of a week and
by cursor, newest first; an order cancelled without an execution is forgotten after a day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from tests.venues.bybit_streams import MS, BybitStreams, named, spelled, status_of
from tests.venues.records import ZERO, Market, Order, Reject, Side
from tests.venues.summaries import candles, last_day
from tests.venues.wire import Ask, Keys, Wire, call, plain, sha256_hex, texts

DAY_MS = 86_400_000
_SPANS = {"1": 60, "5": 300, "15": 900, "60": 3600, "240": 14_400, "D": 86_400}
_TIFS = {"GTC": "gtc", "PostOnly": "gtc", "IOC": "ioc", "FOK": "fok"}
_REFUSALS = {
    "unknown_market": (170121, "Invalid symbol."),
    "price": (170134, "Order price has too many decimals."),
    "size": (170137, "Order quantity has too many decimals."),
    "notional": (170140, "Order value exceeded lower limit."),
    "funds": (170131, "Insufficient balance."),
    "duplicate": (170141, "Duplicate clientOrderId."),
    "halted": (170151, "The trading pair is not open yet."),
    "gone": (170213, "Order does not exist."),
    "amend": (10001, "params error: qty invalid"),
}


class Bybit(BybitStreams):
    id: ClassVar[str] = "bybit"
    keys: ClassVar[Keys] = Keys(account="desk", api_key="XXXXXXXXXXBYBIT001", secret="Vd2xRk8sT0qLwN5bYc7uPzE1hJf4aGm3")
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}

    # Refusals

    def authenticate(self, ask: Ask) -> Keys:
        """HMAC-SHA256 over stamp, key, window and the raw query or body."""
        keys = self.by_key.get(ask.headers.get("x-bapi-api-key", ""))
        if keys is None:
            raise self.error(10003, "API key is invalid.")
        stamp, window = ask.headers["x-bapi-timestamp"], ask.headers.get("x-bapi-recv-window", "5000")
        signed = stamp + keys.api_key + window + (ask.query if ask.method == "GET" else ask.body)
        if ask.headers.get("x-bapi-sign") != sha256_hex(keys.secret, signed):
            raise self.error(10004, "Error sign, please check your signature generation algorithm.")
        now_ms = self.clock.now_ms()
        if not now_ms - int(window) <= int(stamp) < now_ms + 1000:
            raise self.error(
                10002,
                "invalid request, please check your server timestamp or recv_window param. "
                f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window}]",
            )
        return keys

    def answer(self, result: object, *, code: int = 0, text: str = "OK", more: object = None) -> dict[str, object]:
        return {
            "retCode": code,
            "retMsg": text,
            "result": result,
            "retExtInfo": more or {},
            "time": self.clock.now_ms(),
        }

    def error(self, code: int, text: str, *, status: int = 200) -> Wire:
        return Wire(self.answer({}, code=code, text=text), status=status)

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        return self.error(*_REFUSALS[reject.kind])

    def unheard_of(self) -> Wire:
        return self.error(199_998, "This is not the day for it.")

    def rate_limited(self, retry_after_s: int) -> Wire:
        return self.error(10006, "Too many visits. Exceeded the API Rate Limit.")

    def headers(self, ask: Ask) -> dict[str, str]:
        reset_ms = str(self.clock.now_ms() + 1000)
        return {"X-Bapi-Limit": "20", "X-Bapi-Limit-Status": "19", "X-Bapi-Limit-Reset-Timestamp": reset_ms}

    # Public

    @call("time", "GET", "/v5/market/time")
    def time(self, ask: Ask) -> object:
        now_ns = self.clock.now_ns()
        return self.answer({"timeSecond": str(now_ns // 10**9), "timeNano": str(now_ns)})

    @call("markets", "GET", "/v5/market/instruments-info")
    def markets(self, ask: Ask) -> object:
        is_spot = ask.text("category") == "spot"
        listed = [self._market(market) for market in self.books.markets.values()] if is_spot else []
        return self.answer({"category": ask.text("category"), "list": listed, "nextPageCursor": ""})

    def _market(self, market: Market) -> dict[str, object]:
        return {
            "symbol": spelled(market),
            "baseCoin": market.base,
            "quoteCoin": market.quote,
            "innovation": "0",
            "status": "PreLaunch" if market.symbol in self.books.halted else "Trading",
            "marginTrading": "none",
            "stTag": "0",
            "lotSizeFilter": {
                "basePrecision": plain(market.lot),
                "quotePrecision": plain(market.tick * market.lot),
                "minOrderQty": plain(market.min_size),
                "maxOrderQty": "9999999",
                "minOrderAmt": plain(market.min_quote),
                "maxOrderAmt": "4000000",
            },
            "priceFilter": {"tickSize": plain(market.tick)},
            "riskParameters": {"priceLimitRatioX": "0.5", "priceLimitRatioY": "0.5"},
        }

    @call("book", "GET", "/v5/market/orderbook")
    def book(self, ask: Ask) -> object:
        symbol, depth = self._market_of(ask).symbol, ask.int("limit", 1)
        return self.answer(
            {
                "s": ask.text("symbol"),
                "a": texts(self.books.levels(symbol, "sell", depth)),
                "b": texts(self.books.levels(symbol, "buy", depth)),
                "ts": self.clock.now_ms(),
                "u": self.books.sequences[symbol],
                "seq": self.books.sequences[symbol],
                "cts": self.clock.now_ms(),
            }
        )

    @call("trades", "GET", "/v5/market/recent-trade")
    def trades(self, ask: Ask) -> object:
        market = self._market_of(ask)
        found = [each for each in self.books.prints if each.market == market]
        return self.answer(
            {
                "category": "spot",
                "list": [
                    {
                        "execId": str(each.trade_id),
                        "symbol": spelled(market),
                        "price": plain(each.price),
                        "size": plain(each.size),
                        "side": each.taker.capitalize(),
                        "time": str(each.ts_ns // MS),
                        "isBlockTrade": False,
                    }
                    for each in reversed(found[-ask.int("limit", 60) :])
                ],
            }
        )

    @call("ticker", "GET", "/v5/market/tickers")
    def ticker(self, ask: Ask) -> object:
        market = self._market_of(ask)
        day = last_day(self.books, market.symbol)
        bids, asks = (
            self.books.levels(market.symbol, cast(Side, side), 1) or [(ZERO, ZERO)] for side in ("buy", "sell")
        )
        line = {
            "symbol": spelled(market),
            "bid1Price": plain(bids[0][0]),
            "bid1Size": plain(bids[0][1]),
            "ask1Price": plain(asks[0][0]),
            "ask1Size": plain(asks[0][1]),
            "lastPrice": plain(day.close),
            "prevPrice24h": plain(day.open),
            "price24hPcnt": "0",
            "highPrice24h": plain(day.high),
            "lowPrice24h": plain(day.low),
            "turnover24h": plain(day.volume_quote),
            "volume24h": plain(day.volume),
        }
        return self.answer({"category": "spot", "list": [line]})

    @call("candles", "GET", "/v5/market/kline")
    def candles(self, ask: Ask) -> object:
        found = [
            [
                str(bar.start_ms),
                *(plain(number) for number in (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.volume_quote)),
            ]
            for bar in candles(self.books, self._market_of(ask).symbol, _SPANS[ask.text("interval")])
            if ask.int("start") <= bar.start_ms <= ask.int("end", 2**62)
        ]
        listed = found[::-1][: ask.int("limit", 200)]
        return self.answer({"category": "spot", "symbol": ask.text("symbol"), "list": listed})

    # Private

    @call("account", "GET", "/v5/user/query-api", private=True)
    def key(self, ask: Ask) -> object:
        return self.answer({"id": "13770661", "apiKey": self.keys.api_key, "readOnly": 0, "unified": 0, "uta": 1})

    @call("account", "GET", "/v5/account/info", private=True)
    def account(self, ask: Ask) -> object:
        return self.answer({"unifiedMarginStatus": 6, "marginMode": "REGULAR_MARGIN", "dcpStatus": "OFF"})

    @call("balances", "GET", "/v5/account/wallet-balance", private=True)
    def balances(self, ask: Ask) -> object:
        return self.answer({"list": [self.wallet_of(ask.account, self.books.assets(ask.account))]})

    @call("place", "POST", "/v5/order/create", private=True)
    def place(self, ask: Ask) -> object:
        order = self._place(ask, ask.args)
        return self.answer({"orderId": named(order.order_id), "orderLinkId": order.client_id})

    @call("place", "POST", "/v5/order/create-batch", private=True)
    def place_several(self, ask: Ask) -> object:
        return self._each(ask, self._place)

    @call("amend", "POST", "/v5/order/amend", private=True)
    def amend(self, ask: Ask) -> object:
        """Answered when it is taken; the stream tells what came of it."""
        symbol, found = self._market_of(ask).symbol, self._find(ask.account, ask.args)
        if found is None:
            raise Reject("gone", "no such order")
        order = self.books.amend(ask.account, symbol, order_id=found.order_id, size=ask.decimal("qty") or ZERO)
        return self.answer({"orderId": named(order.order_id), "orderLinkId": order.client_id})

    @call("cancel", "POST", "/v5/order/cancel", private=True)
    def cancel(self, ask: Ask) -> object:
        order = self._cancel(ask, ask.args)
        return self.answer({"orderId": named(order.order_id), "orderLinkId": order.client_id})

    @call("cancel", "POST", "/v5/order/cancel-batch", private=True)
    def cancel_several(self, ask: Ask) -> object:
        return self._each(ask, self._cancel)

    @call("cancel_all", "POST", "/v5/order/cancel-all", private=True)
    def cancel_all(self, ask: Ask) -> object:
        symbol = self._market_of(ask).symbol if ask.text("symbol") else ""
        ended = self.books.cancel_all(ask.account, symbol)
        told = [{"orderId": named(order.order_id), "orderLinkId": order.client_id} for order in ended]
        return self.answer({"list": told, "success": "1"})

    @call("cancel_all_after", "POST", "/v5/order/disconnected-cancel-all", private=True)
    def cancel_all_after(self, ask: Ask) -> object:
        """Not a timer: so long after the last private stream has gone, everything is cancelled."""
        if not 3 <= ask.int("timeWindow") <= 300:
            raise self.error(10001, "timeWindow is invalid")
        self.disconnected_s[ask.account] = ask.int("timeWindow")
        return self.answer({}, text="success")

    def _each(self, ask: Ask, act: Callable[[Ask, dict[str, Any]], Order]) -> object:
        if len(ask.args["request"]) > 10:
            raise self.error(10001, "Request list exceeds the limit of 10")
        told, codes = [], []
        for item in ask.args["request"]:
            order_id, client_id = item.get("orderId", ""), item.get("orderLinkId", "")
            try:
                order = act(ask, item)
                order_id, client_id = named(order.order_id), order.client_id
                codes.append({"code": 0, "msg": "OK"})
            except Reject as no:
                code, text = _REFUSALS[no.kind]
                codes.append({"code": code, "msg": text})
            at = str(self.clock.now_ms())
            ids = {"orderId": order_id, "orderLinkId": client_id}
            told.append({"category": "spot", "symbol": item["symbol"], "createAt": at} | ids)
        return self.answer({"list": told}, more={"list": codes})

    def _place(self, ask: Ask, item: dict[str, Any]) -> Order:
        client_id, in_quote = item.get("orderLinkId", ""), item.get("marketUnit") == "quoteCoin"
        if len(client_id) > 36:
            raise self.error(170130, "Data sent for parameter 'orderLinkId' is not valid.")
        one = Ask(call="", method="", path="", query="", body="", headers={}, args=item)
        is_market = item["orderType"] == "Market"
        if is_market and item["side"] == "Buy" and "marketUnit" not in item:
            in_quote = True
        tif = item.get("timeInForce", "IOC" if is_market else "GTC")
        return self.books.place(
            ask.account,
            self.market_by(item["symbol"], spelled).symbol,
            item["side"].lower(),
            price=None if is_market else one.decimal("price"),
            size=None if in_quote else one.decimal("qty"),
            size_quote=one.decimal("qty") if in_quote else None,
            tif=cast(Any, _TIFS[tif]),
            post_only=tif == "PostOnly",
            client_id=client_id,
        )

    def _cancel(self, ask: Ask, item: dict[str, Any]) -> Order:
        symbol = self.market_by(item["symbol"], spelled).symbol
        found = self._find(ask.account, item)
        if found is None:
            raise Reject("gone", "no such order")
        return self.books.cancel(ask.account, symbol, order_id=found.order_id)

    def _find(self, account: str, args: dict[str, Any]) -> Order | None:
        orders = [order for order in self.books.history(account) if self._is_named(order, args)]
        return orders[-1] if orders else None

    @staticmethod
    def _is_named(order: Order, args: dict[str, Any]) -> bool:
        if args.get("orderId"):
            return bool(named(order.order_id) == args["orderId"])
        return not args.get("orderLinkId") or order.client_id == args["orderLinkId"]

    @call("open_orders", "GET", "/v5/order/realtime", private=True)
    def realtime(self, ask: Ask) -> object:
        """What rests; asked by an id or with openOnly=1, one of the latest 500 of any state."""
        symbol = self._market_of(ask).symbol if ask.text("symbol") else ""
        if ask.text("orderId") or ask.text("orderLinkId") or ask.text("openOnly") == "1":
            found = self.books.history(ask.account, symbol)[-500:]
            found = [order for order in found if order.rests or ask.text("openOnly") != "1" or ask.text("orderId")]
        else:
            found = self.open_orders(ask.account, symbol)
        wanted = [order for order in found if self._is_named(order, ask.args)]
        return self._page(ask, [self.order_of(order) for order in wanted], 20, 50)

    @call("closed_orders", "GET", "/v5/order/history", private=True)
    def history(self, ask: Ask) -> object:
        start_ms, end_ms = self._window(ask)
        now_ms = self.clock.now_ms()
        found = [
            self.order_of(order)
            for order in self.books.history(ask.account)
            if not order.rests
            and ask.text("symbol") in ("", spelled(order.market))
            and ask.text("orderStatus") in ("", status_of(order))
            and self._is_named(order, ask.args)
            and start_ms <= order.created_ns // MS <= end_ms
            and (order.filled or now_ms - order.updated_ns // MS < DAY_MS)
        ]
        return self._page(ask, found, 20, 50)

    @call("fills", "GET", "/v5/execution/list", private=True)
    def fills(self, ask: Ask) -> object:
        start_ms, end_ms = self._window(ask)
        found = [
            self.fill_of(each)
            for each in self.books.fills(ask.account)
            if ask.text("symbol") in ("", spelled(each.order.market))
            and self._is_named(each.order, ask.args)
            and start_ms <= each.ts_ns // MS <= end_ms
        ]
        return self._page(ask, found, 50, 100)

    # Words

    def _market_of(self, ask: Ask) -> Market:
        return self.market_by(ask.text("symbol"), spelled)

    def _window(self, ask: Ask) -> tuple[int, int]:
        """A week: from the start, up to the end, or the last one."""
        start_ms, end_ms, week_ms = ask.int("startTime"), ask.int("endTime"), 7 * DAY_MS
        if start_ms and end_ms and end_ms - start_ms > week_ms:
            raise self.error(10001, "The time range between startTime and endTime can not exceed 7 days")
        if start_ms:
            return start_ms, end_ms or start_ms + week_ms
        end_ms = end_ms or self.clock.now_ms()
        return end_ms - week_ms, end_ms

    def _page(self, ask: Ask, found: list[Any], default: int, most: int) -> object:
        """Newest first; the cursor is where the next page begins."""
        begin, limit = ask.int("cursor"), min(ask.int("limit", default), most)
        newest = found[::-1]
        more = str(begin + limit) if len(newest) > begin + limit else ""
        return self.answer({"nextPageCursor": more, "category": "spot", "list": newest[begin : begin + limit]})
