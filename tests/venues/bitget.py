"""Bitget spot, v2: REST. Its streams are in `bitget_streams.py`.

Wire format: bitget.com/api-doc. Refusals come under HTTP 400; creating and cancelling answer with ids alone; the list
of open orders names the limit price `priceAvg`; fees are negative; lists come newest first, a hundred at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from tests.venues.bitget_streams import MS, BitgetStreams, fee_of, spelled, status_of
from tests.venues.records import ZERO, Execution, Market, Order, Reject, Side, product
from tests.venues.summaries import candles, last_day
from tests.venues.wire import Ask, Keys, Wire, call, encode, places, plain, sha256_base64, texts

DAY_MS = 86_400_000
_SPANS = {"1min": 60, "5min": 300, "15min": 900, "1h": 3600, "4h": 14_400, "1day": 86_400}
_REFUSALS = {
    "unknown_market": ("40034", "Parameter symbol does not exist"),
    "price": ("40808", "Parameter verification exception price checkScale error"),
    "size": ("40808", "Parameter verification exception size checkScale error"),
    "notional": ("45110", "less than the minimum amount 5 USDT"),
    "funds": ("43012", "Insufficient balance"),
    "duplicate": ("40786", "Duplicate clientOid"),
    "halted": ("43115", "The current trading pair is opening soon, please be patient"),
    "gone": ("43001", "The order does not exist"),
}


class Bitget(BitgetStreams):
    id: ClassVar[str] = "bitget"
    keys: ClassVar[Keys] = Keys(
        account="desk",
        api_key="bg_7d1a3f5c9b2e4680a1c3e5f709b2d4f6",
        secret="3c5a7e9f1b2d4c6e8a0f2b4d6c8e0a1f3b5d7c9e1a2b4d6f8c0e2a4b6d8f0c1e",
        passphrase="Battery5taple",
    )
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}

    # Refusals

    def authenticate(self, ask: Ask) -> Keys:
        """Base64 of HMAC-SHA256 over stamp, method, path with query, and body."""
        keys = self.by_key.get(ask.headers.get("access-key", ""))
        stamp = ask.headers.get("access-timestamp", "0")
        if keys is None:
            raise self.error("40006", "Invalid ACCESS_KEY")
        if ask.headers.get("access-passphrase") != keys.passphrase:
            raise self.error("40012", "apikey/password is incorrect")
        if ask.headers.get("access-sign") != sha256_base64(keys.secret, stamp + ask.method + ask.target + ask.body):
            raise self.error("40009", "sign signature error")
        if abs(int(stamp) - self.clock.now_ms()) > 30_000:
            raise self.error("40008", "Request timestamp expired")
        return keys

    def answer(self, data: object) -> dict[str, object]:
        return {"code": "00000", "msg": "success", "requestTime": self.clock.now_ms(), "data": data}

    def error(self, code: str, text: str, *, status: int = 400) -> Wire:
        return Wire({"code": code, "msg": text, "requestTime": self.clock.now_ms(), "data": None}, status=status)

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        return self.error(*_REFUSALS[reject.kind])

    def unheard_of(self) -> Wire:
        return self.error("49998", "This is not the day for it.")

    def rate_limited(self, retry_after_s: int) -> Wire:
        return self.error("429", "Too Many Requests", status=429)

    # Public

    @call("time", "GET", "/api/v2/public/time")
    def time(self, ask: Ask) -> object:
        return self.answer({"serverTime": str(self.clock.now_ms())})

    @call("markets", "GET", "/api/v2/spot/public/symbols")
    def markets(self, ask: Ask) -> object:
        return self.answer([self._market(market) for market in self.books.markets.values()])

    @call("markets", "GET", "/api/v2/(margin/currencies|mix/market/contracts)")
    def no_others(self, ask: Ask) -> object:
        return self.answer([])

    @call("currencies", "GET", "/api/v2/spot/public/coins")
    def currencies(self, ask: Ask) -> object:
        names = sorted({name for market in self.books.markets.values() for name in (market.base, market.quote)})
        return self.answer([{"coinId": "1", "coin": name, "transfer": "true", "chains": []} for name in names])

    def _market(self, market: Market) -> dict[str, object]:
        return {
            "symbol": spelled(market),
            "baseCoin": market.base,
            "quoteCoin": market.quote,
            "minTradeAmount": plain(market.min_size),
            "maxTradeAmount": "900000000",
            "takerFeeRate": plain(market.taker_fee),
            "makerFeeRate": plain(market.maker_fee),
            "pricePrecision": str(places(market.tick)),
            "quantityPrecision": str(places(market.lot)),
            "quotePrecision": str(places(market.tick) + places(market.lot)),
            "status": "halt" if market.symbol in self.books.halted else "online",
            "minTradeUSDT": plain(market.min_quote),
            "buyLimitPriceRatio": "0.05",
            "sellLimitPriceRatio": "0.05",
            "areaSymbol": "no",
            "orderQuantity": "500",
            "openTime": "1532454360000",
        }

    @call("book", "GET", "/api/v2/spot/market/orderbook")
    def book(self, ask: Ask) -> object:
        symbol, depth = self._market_of(ask).symbol, min(ask.int("limit", 150), 150)
        sides = {name: texts(self.books.levels(symbol, cast(Side, side), depth)) for name, side in _SIDES}
        return self.answer(sides | {"ts": str(self.clock.now_ms())})

    @call("trades", "GET", "/api/v2/spot/market/fills(-history)?")
    def trades(self, ask: Ask) -> object:
        market = self._market_of(ask)
        found = [self.print_of(each) for each in self.books.prints if each.market == market]
        page = found[::-1][: ask.int("limit", 500)]
        return self.answer([each | {"symbol": spelled(market), "side": each["side"].capitalize()} for each in page])

    @call("ticker", "GET", "/api/v2/spot/market/tickers")
    def ticker(self, ask: Ask) -> object:
        market = self._market_of(ask)
        day = last_day(self.books, market.symbol)
        bids, asks = (
            self.books.levels(market.symbol, cast(Side, side), 1) or [(ZERO, ZERO)] for side in ("buy", "sell")
        )
        line = {
            "symbol": spelled(market),
            "open": plain(day.open),
            "high24h": plain(day.high),
            "low24h": plain(day.low),
            "lastPr": plain(day.close),
            "quoteVolume": plain(day.volume_quote),
            "baseVolume": plain(day.volume),
            "usdtVolume": plain(day.volume_quote),
            "bidPr": plain(bids[0][0]),
            "bidSz": plain(bids[0][1]),
            "askPr": plain(asks[0][0]),
            "askSz": plain(asks[0][1]),
            "openUtc": plain(day.open),
            "change24h": "0",
            "ts": str(self.clock.now_ms()),
        }
        return self.answer([line])

    @call("candles", "GET", "/api/v2/spot/market/(history-)?candles")
    def candles(self, ask: Ask) -> object:
        found = [
            [
                str(bar.start_ms),
                *(plain(x) for x in (bar.open, bar.high, bar.low, bar.close, bar.volume)),
                plain(bar.volume_quote),
                plain(bar.volume_quote),
            ]
            for bar in candles(self.books, self._market_of(ask).symbol, _SPANS[ask.text("granularity")])
            if ask.int("startTime") <= bar.start_ms <= ask.int("endTime", 2**62)
        ]
        return self.answer(found[-ask.int("limit", 100) :])

    # Private

    @call("account", "GET", "/api/v3/account/settings", private=True)
    def unified(self, ask: Ask) -> object:
        raise self.error("40084", "You are in Classic Account mode, and the Unified Account API is not supported")

    @call("balances", "GET", "/api/v2/spot/account/assets", private=True)
    def balances(self, ask: Ask) -> object:
        return self.answer([self.coin_of(ask.account, asset) for asset in self.books.assets(ask.account)])

    @call("place", "POST", "/api/v2/spot/trade/place-order", private=True)
    def place(self, ask: Ask) -> object:
        return self.answer(_ids(self._place(ask, ask.args)))

    @call("place", "POST", "/api/v2/spot/trade/batch-orders", private=True)
    def place_several(self, ask: Ask) -> object:
        return self._each(ask, self._place)

    @call("cancel", "POST", "/api/v2/spot/trade/cancel-order", private=True)
    def cancel(self, ask: Ask) -> object:
        return self.answer(_ids(self._cancel(ask, ask.args)))

    @call("cancel", "POST", "/api/v2/spot/trade/batch-cancel-order", private=True)
    def cancel_several(self, ask: Ask) -> object:
        return self._each(ask, self._cancel)

    def _each(self, ask: Ask, act: Callable[[Ask, dict[str, Any]], Order]) -> object:
        """What went well and what did not, in two lists."""
        if len(ask.args["orderList"]) > 50:
            raise self.error("40017", "Parameter verification failed orderList")
        told: dict[str, list[dict[str, str]]] = {"successList": [], "failureList": []}
        for item in ask.args["orderList"]:
            try:
                told["successList"].append(_ids(act(ask, {"symbol": ask.text("symbol")} | item)))
            except Reject as no:
                code, text = _REFUSALS[no.kind]
                ids = {"orderId": item.get("orderId", ""), "clientOid": item.get("clientOid", "")}
                told["failureList"].append(ids | {"errorMsg": text, "errorCode": code})
        return self.answer(told)

    def _place(self, ask: Ask, item: dict[str, Any]) -> Order:
        kind, force = item["orderType"], item.get("force", "gtc").lower()
        if kind == "limit" and force not in ("gtc", "post_only", "fok", "ioc"):
            raise self.error("40017", "Parameter verification failed force")
        one = Ask(call="", method="", path="", query="", body="", headers={}, args=item)
        in_quote = kind == "market" and item["side"] == "buy"
        return self.books.place(
            ask.account,
            self.market_by(item["symbol"], spelled).symbol,
            item["side"],
            price=None if kind == "market" else one.decimal("price"),
            size=None if in_quote else one.decimal("size"),
            size_quote=one.decimal("size") if in_quote else None,
            tif=cast(Any, force if force in ("ioc", "fok") else "gtc"),
            post_only=force == "post_only",
            client_id=item.get("clientOid", ""),
        )

    def _cancel(self, ask: Ask, item: dict[str, Any]) -> Order:
        return self.books.cancel(ask.account, self.market_by(item["symbol"], spelled).symbol, **_named(item))

    @call("cancel_all", "POST", "/api/v2/spot/trade/cancel-symbol-order", private=True)
    def cancel_all(self, ask: Ask) -> object:
        self.books.cancel_all(ask.account, self._market_of(ask).symbol)
        return self.answer({"symbol": ask.text("symbol")})

    @call("order", "GET", "/api/v2/spot/trade/orderInfo", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **_named(ask.args))
        return self.answer([] if found is None else [self._ended(found)])

    @call("open_orders", "GET", "/api/v2/spot/trade/unfilled-orders", private=True)
    def list_open(self, ask: Ask) -> object:
        symbol = self._market_of(ask).symbol if ask.text("symbol") else ""
        found = [order for order in self.open_orders(ask.account, symbol) if self._is_within(ask, order.created_ns)]
        return self.answer([self._open(order) for order in self._page(ask, found, lambda order: order.order_id)])

    @call("closed_orders", "GET", "/api/v2/spot/trade/history-orders", private=True)
    def history(self, ask: Ask) -> object:
        found = [
            order
            for order in self.books.history(ask.account)
            if not order.rests
            and ask.text("symbol") in ("", spelled(order.market))
            and self._is_within(ask, order.created_ns)
        ]
        return self.answer([self._ended(order) for order in self._page(ask, found, lambda order: order.order_id)])

    @call("fills", "GET", "/api/v2/spot/trade/fills", private=True)
    def fills(self, ask: Ask) -> object:
        found = [
            each
            for each in self.books.fills(ask.account, self._market_of(ask).symbol)
            if ask.text("orderId") in ("", str(each.order.order_id)) and self._is_within(ask, each.ts_ns)
        ]
        return self.answer([self._fill(each) for each in self._page(ask, found, lambda each: each.trade_id)])

    # Words

    def _market_of(self, ask: Ask) -> Market:
        return self.market_by(ask.text("symbol"), spelled)

    def _is_within(self, ask: Ask, ts_ns: int) -> bool:
        """Ninety days back and no more in one question."""
        start_ms, end_ms = ask.int("startTime"), ask.int("endTime", 2**62)
        if start_ms and end_ms < 2**62 and end_ms - start_ms > 90 * DAY_MS:
            raise self.error("40704", "Can only query data for a maximum of 90 days")
        oldest_ms = max(start_ms, self.clock.now_ms() - 90 * DAY_MS)
        return oldest_ms <= ts_ns // MS <= end_ms

    @staticmethod
    def _page(ask: Ask, found: list[Any], id_of: Callable[[Any], int]) -> list[Any]:
        older = [each for each in found if id_of(each) < ask.int("idLessThan", 2**62)]
        return older[::-1][: min(ask.int("limit", 100), 100)]

    def _common(self, order: Order) -> dict[str, Any]:
        return {
            "userId": "7264631750",
            "symbol": spelled(order.market),
            "orderId": str(order.order_id),
            "clientOid": order.client_id,
            "size": plain(order.size),
            "orderType": order.kind,
            "side": order.side,
            "status": status_of(order),
            "baseVolume": plain(order.filled),
            "quoteVolume": plain(order.cost),
            "enterPointSource": "API",
            "orderSource": "normal",
            "tpslType": "normal",
            "cTime": str(order.created_ns // MS),
            "uTime": str(order.updated_ns // MS),
        }

    def _open(self, order: Order) -> dict[str, Any]:
        prices = {"priceAvg": plain(order.price), "basePrice": plain(order.average)}
        return self._common(order) | prices | {"triggerPrice": None}

    def _ended(self, order: Order) -> dict[str, Any]:
        fills = [each for each in self.books.fills(order.account) if each.order.order_id == order.order_id]
        detail = ""
        if fills:
            coin, total = fills[-1].fee_asset, plain(-sum((each.fee for each in fills), ZERO))
            inner = {"deduction": False, "feeCoinCode": coin, "totalDeductionFee": 0, "totalFee": total}
            detail = encode({coin: inner})
        told = self._common(order) | {
            "price": plain(order.price),
            "priceAvg": plain(order.average),
            "baseCoin": order.market.base,
            "quoteCoin": order.market.quote,
            "cancelReason": {"user": "normal_cancel", "post_only": "post_only_cancel"}.get(order.why, ""),
        }
        return told | ({"feeDetail": detail} if detail else {})

    @staticmethod
    def _fill(each: Execution) -> dict[str, Any]:
        return {
            "userId": "7264631750",
            "symbol": spelled(each.order.market),
            "orderId": str(each.order.order_id),
            "tradeId": str(each.trade_id),
            "orderType": each.order.kind,
            "side": each.order.side,
            "priceAvg": plain(each.price),
            "size": plain(each.size),
            "amount": plain(product(each.price, each.size)),
            "feeDetail": fee_of(each),
            "tradeScope": "maker" if each.is_maker else "taker",
            "cTime": str(each.ts_ns // MS),
            "uTime": str(each.ts_ns // MS),
        }


_SIDES = (("asks", "sell"), ("bids", "buy"))


def _ids(order: Order) -> dict[str, str]:
    return {"orderId": str(order.order_id), "clientOid": order.client_id}


def _named(args: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": int(args["orderId"])} if args.get("orderId") else {"client_id": args.get("clientOid", "")}
