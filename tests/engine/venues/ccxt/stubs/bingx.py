"""BingX spot, v1: everything in the query, numbers without quotes, executions of one day at a time."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import MS, Stub
from tests.venues.records import Execution, Order
from tests.venues.wire import Ask, call, plain, texts

DAY_MS = 86_400_000
_STATUS = {"new": "NEW", "partially_filled": "PARTIALLY_FILLED", "filled": "FILLED", "canceled": "CANCELED"}


def failed(code: int, text: str) -> dict[str, object]:
    return {"code": code, "msg": text, "debugMsg": ""}


def well(data: object) -> dict[str, object]:
    return {"code": 0, "msg": "", "debugMsg": "", "data": data}


class Bingx(Stub):
    id = "bingx"
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (200, failed(100413, "Incorrect apiKey, please check your valid api key")),
        "funds": (200, failed(100202, "Insufficient balance")),
        "gone": (200, failed(80016, "order does not exist")),
        "slow": (429, failed(100410, "rate limitation")),
        "unheard": (200, failed(199_999, "This is not the day for it")),
        "other": (200, failed(100400, "Invalid parameters")),
    }

    @call("time", "GET", "/openApi/swap/v2/server/time")
    def time(self, ask: Ask) -> object:
        return well({"serverTime": self.clock.now_ms()})

    @call("markets", "GET", "/openApi/c?swap/v[12]/(quote|market)/contracts")
    def contracts(self, ask: Ask) -> object:
        return well([])

    @call("markets", "GET", "/openApi/spot/v1/common/symbols")
    def markets(self, ask: Ask) -> object:
        market = self.market
        listed = {
            "symbol": "AUR-USDT",
            "tickSize": market.tick,
            "stepSize": market.lot,
            "minNotional": market.min_quote,
            "status": 1,
            "apiStateBuy": True,
            "apiStateSell": True,
        }
        return well({"symbols": [listed]})

    @call("ticker", "GET", "/openApi/spot/v1/ticker/24hr")
    def ticker(self, ask: Ask) -> object:
        bid, ask_ = self.best()
        return well([{"symbol": "AUR-USDT", "bidPrice": bid, "askPrice": ask_, "lastPrice": bid}])

    @call("book", "GET", "/openApi/spot/v1/market/depth")
    def book(self, ask: Ask) -> object:
        sides = {
            name: texts(self.books.levels(self.market.symbol, side, ask.int("limit", 20)))
            for name, side in (("bids", "buy"), ("asks", "sell"))
        }
        return well(sides | {"ts": self.clock.now_ms(), "lastUpdateId": 1})

    @call("balances", "GET", "/openApi/spot/v1/account/balance", private=True)
    def balances(self, ask: Ask) -> object:
        books, account = self.books, ask.account
        return well(
            {
                "balances": [
                    {
                        "asset": asset,
                        "free": plain(books.free(account, asset)),
                        "locked": plain(books.held(account, asset)),
                    }
                    for asset in books.assets(account)
                ]
            }
        )

    @call("place", "POST", "/openApi/spot/v1/trade/order", private=True)
    def place(self, ask: Ask) -> object:
        if not re.fullmatch(r"\w{1,40}", ask.text("newClientOrderId")) or "e" in ask.text("quantity"):
            raise self.no("other")
        order = self.books.place(
            ask.account,
            self.market.symbol,
            "sell" if ask.text("side") == "SELL" else "buy",
            price=Decimal(ask.text("price")),
            size=Decimal(ask.text("quantity")),
            post_only=ask.text("timeInForce") == "PostOnly",
            client_id=ask.text("newClientOrderId").lower(),
        )
        return well(self.told(order) | {"transactTime": order.created_ns // MS})

    @call("cancel", "POST", "/openApi/spot/v1/trade/cancel", private=True)
    def cancel(self, ask: Ask) -> object:
        return well(self.told(self.books.cancel(ask.account, "", **self.named(ask))))

    @call("cancel_all", "POST", "/openApi/spot/v1/trade/cancelOpenOrders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        assert ask.text("symbol") == "AUR-USDT"
        return well({"orders": [self.told(one) for one in self.books.cancel_all(ask.account, self.market.symbol)]})

    @call("timer", "POST", "/openApi/spot/v1/trade/cancelAllAfter", private=True)
    def timer(self, ask: Ask) -> object:
        seconds = ask.int("timeOut") if ask.text("type") == "ACTIVATE" else 0
        if seconds and not 10 <= seconds <= 120:
            raise self.no("other")
        due_ns = self.books.cancel_all_after(ask.account, seconds)
        return well({"triggerTime": due_ns // MS, "status": "ACTIVATED" if seconds else "CLOSED", "note": ""})

    @call("order", "GET", "/openApi/spot/v1/trade/query", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self.named(ask))
        if found is None:
            raise self.no("gone")
        return well(self.told(found))

    @call("open_orders", "GET", "/openApi/spot/v1/trade/openOrders", private=True)
    def list_open(self, ask: Ask) -> object:
        return well({"orders": [self.told(one) for one in self.open_orders(ask.account)]})

    @call("closed_orders", "GET", "/openApi/spot/v1/trade/historyOrders", private=True)
    def history(self, ask: Ask) -> object:
        ended = [one for one in self.books.history(ask.account) if not one.rests]
        return well({"orders": [self.told(one) for one in self.page(ask, ended, min(ask.int("pageSize", 100), 100))]})

    @call("fills", "GET", "/openApi/spot/v1/trade/myTrades", private=True)
    def fills(self, ask: Ask) -> object:
        if ask.int("endTime") - ask.int("startTime") > DAY_MS:
            raise self.no("other")
        found = self.page(ask, self.books.fills(ask.account), min(ask.int("limit", 500), 1000))
        return well({"fills": [self.told_fill(one) for one in found]})

    def page(self, ask: Ask, found: list[Any], limit: int) -> list[Any]:
        start, end = ask.int("startTime"), ask.int("endTime")
        return self.listed(found, start_ms=start, end_ms=end, limit=limit, newest_first=True)

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        number = ask.text("orderId")
        return {"order_id": int(number)} if number else {"client_id": ask.text("clientOrderID")}

    @staticmethod
    def told(order: Order) -> dict[str, object]:
        return {
            "symbol": "AUR-USDT",
            "orderId": order.order_id,
            "clientOrderID": order.client_id,
            "price": plain(order.price),
            "stopPrice": "0",
            "origQty": plain(order.size),
            "executedQty": plain(order.filled),
            "cummulativeQuoteQty": plain(order.cost),
            "status": _STATUS[order.status],
            "type": "LIMIT",
            "side": order.side.upper(),
            "time": order.created_ns // MS,
            "updateTime": order.updated_ns // MS,
        }

    @staticmethod
    def told_fill(one: Execution) -> dict[str, object]:
        return {
            "symbol": "AUR-USDT",
            "id": one.trade_id,
            "orderId": one.order.order_id,
            "price": plain(one.price),
            "qty": plain(one.size),
            "quoteQty": plain(one.price * one.size),
            "commission": -one.fee,
            "commissionAsset": one.fee_asset,
            "time": one.ts_ns // MS,
            "isBuyer": one.order.side == "buy",
            "isMaker": one.is_maker,
        }
