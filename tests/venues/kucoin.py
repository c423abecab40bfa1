"""KuCoin spot, high-frequency account: REST. Its streams are in `kucoin_streams.py`.

Wire format: kucoin.com/docs-new. Creating and cancelling answer with an id alone; a post-only order that would take is
acknowledged and then cancelled. Histories go by windows of a week and a `lastId`, newest first. Streams are found by
asking for a token and an address first.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

import msgspec

from tests.venues.kucoin_streams import MS, KucoinStreams, named, numbered, spelled
from tests.venues.records import ZERO, Execution, Market, Order, Reject, Side, product
from tests.venues.summaries import candles, last_day
from tests.venues.wire import Ask, Keys, Wire, call, plain, sha256_base64

DAY_MS = 86_400_000
_SPANS = {"1min": 60, "5min": 300, "15min": 900, "1hour": 3600, "4hour": 14_400, "1day": 86_400}
_REFUSALS = {
    "unknown_market": ("900001", "Symbol not exists"),
    "price": ("400100", "Price increment invalid."),
    "size": ("400100", "Quantity increment invalid."),
    "notional": ("400100", "The order funds should be more than the minimum."),
    "funds": ("200004", "Balance insufficient!"),
    "duplicate": ("400100", "The clientOid is duplicated."),
    "halted": ("400200", "Symbol is not tradable now."),
    "gone": ("400100", "order_not_exist_or_not_allow_to_cancel"),
}


class Kucoin(KucoinStreams):
    id: ClassVar[str] = "kucoin"
    keys: ClassVar[Keys] = Keys(
        account="desk",
        api_key="5c2db93503aa674c74a31734",
        secret="f03a5284-5c39-4aaa-9b20-dea10bdcf8e3",
        passphrase="QWIxMjM0NTY3OCkoKiZeJSQjQA",
    )
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}

    # Refusals

    def authenticate(self, ask: Ask) -> Keys:
        """Base64 of HMAC-SHA256 over stamp, method, path with query, and body; the passphrase is signed, too."""
        keys = self.by_key.get(ask.headers.get("kc-api-key", ""))
        stamp = ask.headers.get("kc-api-timestamp", "0")
        if keys is None:
            raise self.error("400003", "KC-API-KEY not exists", status=401)
        if abs(int(stamp) - self.clock.now_ms()) > 5000:
            raise self.error("400002", "Invalid KC-API-TIMESTAMP", status=400)
        if ask.headers.get("kc-api-passphrase") != sha256_base64(keys.secret, keys.passphrase):
            raise self.error("400004", "Invalid KC-API-PASSPHRASE", status=401)
        if ask.headers.get("kc-api-sign") != sha256_base64(keys.secret, stamp + ask.method + ask.target + ask.body):
            raise self.error("400005", "Invalid KC-API-SIGN", status=401)
        return keys

    @staticmethod
    def answer(data: object) -> object:
        return {"code": "200000", "data": data}

    @staticmethod
    def error(code: str, text: str, *, status: int = 200) -> Wire:
        return Wire({"code": code, "msg": text}, status=status)

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        if reject.kind == "gone" and ask.call == "order":
            return self.error("order_not_exist", "order_not_exist")
        return self.error(*_REFUSALS[reject.kind])

    def unheard_of(self) -> Wire:
        return self.error("499998", "This is not the day for it.")

    def rate_limited(self, retry_after_s: int) -> Wire:
        return self.error("429000", "Too many requests in a short period of time, please retry later", status=429)

    def says_when_to_come_back(self, retry_after_s: int) -> int:
        """When its count begins anew, in every answer."""
        return 20

    def headers(self, ask: Ask) -> dict[str, str]:
        return {"gw-ratelimit-limit": "4000", "gw-ratelimit-remaining": "3990", "gw-ratelimit-reset": "20000"}

    # Public

    @call("time", "GET", "/api/v1/timestamp")
    def time(self, ask: Ask) -> object:
        return self.answer(self.clock.now_ms())

    @call("status", "GET", "/api/v1/status")
    def status(self, ask: Ask) -> object:
        return self.answer({"status": "open", "msg": ""})

    @call("markets", "GET", "/api/v[12]/symbols")
    def markets(self, ask: Ask) -> object:
        return self.answer([self._market(market) for market in self.books.markets.values()])

    @call("markets", "GET", "/api/v1/contracts/active")
    def no_contracts(self, ask: Ask) -> object:
        return self.answer([])

    @call("fees", "GET", "/api/v1/market/allTickers")
    def all_tickers(self, ask: Ask) -> object:
        fees = {"makerCoefficient": "1", "takerCoefficient": "1"}
        lines = [
            {
                "symbol": spelled(market),
                "makerFeeRate": plain(market.maker_fee),
                "takerFeeRate": plain(market.taker_fee),
            }
            for market in self.books.markets.values()
        ]
        return self.answer({"time": self.clock.now_ms(), "ticker": [line | fees for line in lines]})

    @call("currencies", "GET", "/api/v3/currencies")
    def currencies(self, ask: Ask) -> object:
        names = sorted({name for market in self.books.markets.values() for name in (market.base, market.quote)})
        return self.answer([{"currency": name, "name": name, "precision": 18, "chains": []} for name in names])

    def _market(self, market: Market) -> dict[str, object]:
        return {
            "symbol": spelled(market),
            "name": spelled(market),
            "baseCurrency": market.base,
            "quoteCurrency": market.quote,
            "feeCurrency": market.quote,
            "market": market.quote,
            "baseMinSize": plain(market.min_size),
            "quoteMinSize": plain(market.min_quote),
            "baseMaxSize": "10000000000",
            "quoteMaxSize": "99999999",
            "baseIncrement": plain(market.lot),
            "quoteIncrement": plain(market.tick),
            "priceIncrement": plain(market.tick),
            "priceLimitRate": "0.1",
            "minFunds": plain(market.min_quote),
            "isMarginEnabled": False,
            "enableTrading": market.symbol not in self.books.halted,
        }

    @call("book", "GET", "/api/v[13]/market/orderbook/level2(_20|_100)?")
    def book(self, ask: Ask) -> object:
        market = self._market_of(ask)
        depth = {"0": 20, "2": 1000}.get(ask.path[-1], 1000) if not ask.path.endswith("_100") else 100
        return self.answer(
            {
                "time": self.clock.now_ms(),
                "sequence": str(self.books.sequences[market.symbol]),
                "bids": [[plain(p), plain(s)] for p, s in self.books.levels(market.symbol, "buy", depth)],
                "asks": [[plain(p), plain(s)] for p, s in self.books.levels(market.symbol, "sell", depth)],
            }
        )

    @call("trades", "GET", "/api/v1/market/histories")
    def trades(self, ask: Ask) -> object:
        market = self._market_of(ask)
        found = [each for each in self.books.prints if each.market == market][-100:]
        return self.answer(
            [
                {
                    "sequence": str(each.trade_id),
                    "price": plain(each.price),
                    "size": plain(each.size),
                    "side": each.taker,
                    "time": each.ts_ns,
                }
                for each in reversed(found)
            ]
        )

    @call("ticker", "GET", "/api/v1/market/stats")
    def ticker(self, ask: Ask) -> object:
        market = self._market_of(ask)
        day = last_day(self.books, market.symbol)
        bids, asks = (
            self.books.levels(market.symbol, cast(Side, side), 1) or [(ZERO, ZERO)] for side in ("buy", "sell")
        )
        return self.answer(
            {
                "time": self.clock.now_ms(),
                "symbol": spelled(market),
                "buy": plain(bids[0][0]),
                "sell": plain(asks[0][0]),
                "changeRate": "0",
                "changePrice": "0",
                "high": plain(day.high),
                "low": plain(day.low),
                "vol": plain(day.volume),
                "volValue": plain(day.volume_quote),
                "last": plain(day.close),
                "averagePrice": plain(day.close),
                "takerFeeRate": plain(market.taker_fee),
                "makerFeeRate": plain(market.maker_fee),
                "takerCoefficient": "1",
                "makerCoefficient": "1",
            }
        )

    @call("candles", "GET", "/api/v1/market/candles")
    def candles(self, ask: Ask) -> object:
        """Start, open, close, high, low, base and quote volume, newest first."""
        found = [
            [
                str(bar.start_ms // 1000),
                *(plain(x) for x in (bar.open, bar.close, bar.high, bar.low, bar.volume, bar.volume_quote)),
            ]
            for bar in candles(self.books, self._market_of(ask).symbol, _SPANS[ask.text("type")])
            if ask.int("startAt") <= bar.start_ms // 1000 <= ask.int("endAt", 2**40)
        ]
        return self.answer(found[::-1][:1500])

    # Private

    @call("account", "GET", "/api/ua/v1/account/mode", private=True)
    def account_mode(self, ask: Ask) -> object:
        return self.answer({"selfAccountMode": "CLASSIC"})

    @call("account", "GET", "/api/v1/hf/accounts/opened", private=True)
    def is_high_frequency(self, ask: Ask) -> object:
        return self.answer(True)

    @call("balances", "GET", "/api/v1/accounts", private=True)
    def balances(self, ask: Ask) -> object:
        return self.answer(
            [
                {
                    "id": f"5bd6e9286d99522a52e458d{number}",
                    "currency": asset,
                    "type": ask.text("type", "trade"),
                    "balance": plain(self.books.total(ask.account, asset)),
                    "available": plain(self.books.free(ask.account, asset)),
                    "holds": plain(self.books.held(ask.account, asset)),
                }
                for number, asset in enumerate(self.books.assets(ask.account))
            ]
        )

    @call("place", "POST", "/api/v1/hf/orders", private=True)
    def place(self, ask: Ask) -> object:
        order = self._place(ask)
        return self.answer({"orderId": named(order.order_id), "clientOid": order.client_id})

    @call("place", "POST", "/api/v1/hf/orders/multi", private=True)
    def place_several(self, ask: Ask) -> object:
        if len(ask.args["orderList"]) > 20:
            raise self.error("400100", "orderList size invalid")
        told: list[dict[str, object]] = []
        for item in ask.args["orderList"]:
            client_id = item.get("clientOid", "")
            try:
                order = self._place(msgspec.structs.replace(ask, args=item))
                told.append({"orderId": named(order.order_id), "clientOid": client_id, "success": True})
            except Reject as no:
                told.append({"clientOid": client_id, "success": False, "failMsg": _REFUSALS[no.kind][1]})
        return self.answer(told)

    def _place(self, ask: Ask) -> Order:
        kind, client_id = ask.text("type", "limit"), ask.text("clientOid")
        if not client_id or len(client_id) > 40:
            raise self.error("400100", "clientOid invalid")
        tif = ask.text("timeInForce", "GTC").lower()
        return self.books.place(
            ask.account,
            self._market_of(ask).symbol,
            cast(Side, ask.text("side")),
            price=None if kind == "market" else ask.decimal("price"),
            size=ask.decimal("size"),
            size_quote=ask.decimal("funds"),
            tif=cast(Any, tif if tif in ("ioc", "fok") else "gtc"),
            post_only=ask.text("postOnly").lower() == "true",
            client_id=client_id,
        )

    @call("cancel", "DELETE", "/api/v1/hf/orders/client-order/{client}", private=True)
    def cancel_by_client_id(self, ask: Ask) -> object:
        self.books.cancel(ask.account, self._market_of(ask).symbol, client_id=ask.text("client"))
        return self.answer({"clientOid": ask.text("client")})

    @call("cancel", "DELETE", "/api/v1/hf/orders/(?!client-order){order}", private=True)
    def cancel(self, ask: Ask) -> object:
        self.books.cancel(ask.account, self._market_of(ask).symbol, order_id=numbered(ask.text("order")))
        return self.answer({"orderId": ask.text("order")})

    @call("cancel_all", "DELETE", "/api/v1/hf/orders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        self.books.cancel_all(ask.account, self._market_of(ask).symbol)
        return self.answer("success")

    @call("open_orders", "GET", "/api/v1/hf/orders/active", private=True)
    def list_open(self, ask: Ask) -> object:
        found = self.open_orders(ask.account, self._market_of(ask).symbol)
        return self.answer([self._listed(order) for order in found[::-1]])

    @call("closed_orders", "GET", "/api/v1/hf/orders/done", private=True)
    def history(self, ask: Ask) -> object:
        start_ms, end_ms = self._window(ask)
        found = [
            order
            for order in self.books.history(ask.account, self._market_of(ask).symbol)
            if not order.rests and start_ms <= order.created_ns // MS <= end_ms
        ]
        page = self._page(ask, [(order.order_id, order) for order in found])
        return self.answer({"lastId": page[-1][0] if page else 0, "items": [self._listed(order) for _, order in page]})

    @call("order", "GET", "/api/v1/hf/orders/client-order/{client}", private=True)
    def order_by_client_id(self, ask: Ask) -> object:
        return self._found(self.books.find(ask.account, client_id=ask.text("client")))

    @call("order", "GET", "/api/v1/hf/orders/(?!active|done|client-order){order}", private=True)
    def order(self, ask: Ask) -> object:
        return self._found(self.books.find(ask.account, order_id=numbered(ask.text("order"))))

    def _found(self, order: Order | None) -> object:
        if order is None:
            raise Reject("gone", "no such order")
        return self.answer(self._listed(order))

    @call("fills", "GET", "/api/v1/hf/fills", private=True)
    def fills(self, ask: Ask) -> object:
        start_ms, end_ms = self._window(ask)
        found = [
            each
            for each in self.books.fills(ask.account, self._market_of(ask).symbol)
            if start_ms <= each.ts_ns // MS <= end_ms and ask.text("orderId") in ("", named(each.order.order_id))
        ]
        page = self._page(ask, [(each.trade_id, each) for each in found])
        return self.answer({"items": [self._fill(each) for _, each in page], "lastId": page[-1][0] if page else 0})

    # Words

    def _market_of(self, ask: Ask) -> Market:
        return self.market_by(ask.text("symbol"), spelled)

    def _window(self, ask: Ask) -> tuple[int, int]:
        """A week: from the start, up to the end, or the last one."""
        start_ms, end_ms, week_ms = ask.int("startAt"), ask.int("endAt"), 7 * DAY_MS
        if start_ms and end_ms and end_ms - start_ms > week_ms:
            raise self.error("400100", "The time range cannot exceed 7 days")
        if start_ms:
            return start_ms, end_ms or start_ms + week_ms
        end_ms = end_ms or self.clock.now_ms()
        return end_ms - week_ms, end_ms

    @staticmethod
    def _page(ask: Ask, found: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        """Newest first, from the last id of the page before."""
        older = [each for each in found if each[0] < ask.int("lastId", 2**62)]
        return older[::-1][: min(ask.int("limit", 20), 100)]

    def _listed(self, order: Order) -> dict[str, Any]:
        fills = [each for each in self.books.fills(order.account) if each.order.order_id == order.order_id]
        is_cancelled = order.status in ("canceled", "expired")
        return {
            "id": named(order.order_id),
            "clientOid": order.client_id,
            "symbol": spelled(order.market),
            "opType": "DEAL",
            "type": order.kind,
            "side": order.side,
            "price": plain(order.price),
            "size": plain(order.size),
            "funds": plain(product(order.price, order.size)),
            "dealFunds": plain(order.cost),
            "dealSize": plain(order.filled),
            "remainFunds": plain(product(order.price, order.left)) if order.rests else "0",
            "remainSize": plain(order.left) if order.rests else "0",
            "cancelledFunds": plain(product(order.price, order.left)) if is_cancelled else "0",
            "cancelledSize": plain(order.left) if is_cancelled else "0",
            "fee": plain(sum((each.fee for each in fills), ZERO)),
            "feeCurrency": fills[-1].fee_asset if fills else order.market.quote,
            "stp": None,
            "timeInForce": order.tif.upper(),
            "postOnly": order.post_only,
            "hidden": False,
            "iceberg": False,
            "visibleSize": "0",
            "cancelAfter": 0,
            "channel": "API",
            "remark": None,
            "tags": None,
            "cancelExist": is_cancelled,
            "tradeType": "TRADE",
            "inOrderBook": order.rests,
            "active": order.rests,
            "tax": "0",
            "createdAt": order.created_ns // MS,
            "lastUpdatedAt": order.updated_ns // MS,
        }

    @staticmethod
    def _fill(each: Execution) -> dict[str, Any]:
        market = each.order.market
        return {
            "id": each.trade_id,
            "symbol": spelled(market),
            "tradeId": each.trade_id,
            "orderId": named(each.order.order_id),
            "counterOrderId": "6717422bd51c29000775ea03",
            "side": each.order.side,
            "liquidity": "maker" if each.is_maker else "taker",
            "forceTaker": False,
            "price": plain(each.price),
            "size": plain(each.size),
            "funds": plain(product(each.price, each.size)),
            "fee": plain(each.fee),
            "feeRate": plain(market.maker_fee if each.is_maker else market.taker_fee),
            "feeCurrency": each.fee_asset,
            "stop": "",
            "tradeType": "TRADE",
            "taxRate": "0",
            "tax": "0",
            "type": each.order.kind,
            "createdAt": each.ts_ns // MS,
        }
