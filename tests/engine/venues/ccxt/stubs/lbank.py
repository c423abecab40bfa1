"""LBank spot, v2: forms out, a result and a code in, pages by number, executions by calendar days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import MS, Stub
from tests.venues.records import Execution, Order
from tests.venues.wire import Ask, Keys, call, places, plain, texts

_STATUS = {"new": 0, "partially_filled": 1, "filled": 2, "canceled": -1}


def failed(code: int) -> dict[str, object]:
    return {"result": "false", "error_code": code, "ts": 1}


def day_of(one: Execution) -> date:
    """In Singapore, where LBank's days begin."""
    return (datetime.fromtimestamp(one.ts_ns / 10**9, UTC) + timedelta(hours=8)).date()


class Lbank(Stub):
    id = "lbank"
    tells_quotes = False
    keys: ClassVar[Keys] = Keys(account="desk", api_key="desk-key-5b1c7f0a", secret="5b1c7f0a9d0e4c3b8a7f6e5d4c3b2a19")
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (200, failed(10007)),
        "funds": (200, failed(10016)),
        "gone": (200, failed(10025)),
        "slow": (429, failed(10004)),
        "unheard": (200, failed(99_999)),
        "other": (200, failed(10013)),
    }

    def told(self, data: object) -> object:
        return {"result": "true", "data": data, "error_code": 0, "ts": self.clock.now_ms()}

    @call("time", "GET", "/v2/timestamp.do")
    def time(self, ask: Ask) -> object:
        return self.told(self.clock.now_ms())

    @call("markets", "GET", "/cfd/openApi/v1/pub/instrument")
    def contracts(self, ask: Ask) -> object:
        return self.told([])

    @call("markets", "GET", "/v2/accuracy.do")
    def markets(self, ask: Ask) -> object:
        market = self.market
        accuracy = {"quantityAccuracy": str(places(market.lot)), "priceAccuracy": str(places(market.tick))}
        return self.told([{"symbol": "aur_usdt", "minTranQua": plain(market.min_size)} | accuracy])

    @call("book", "GET", "/v2/depth.do")
    def book(self, ask: Ask) -> object:
        if ask.int("size") > 200:
            raise self.no("other")
        return self.told(
            {
                name: texts(self.books.levels(self.market.symbol, side, ask.int("size")))
                for name, side in (("bids", "buy"), ("asks", "sell"))
            }
        )

    @call("balances", "POST", "/v2/supplement/user_info_account.do", private=True)
    def balances(self, ask: Ask) -> object:
        held = [
            {
                "asset": asset.lower(),
                "free": plain(self.books.free(ask.account, asset)),
                "locked": plain(self.books.held(ask.account, asset)),
            }
            for asset in self.books.assets(ask.account)
        ]
        return self.told({"balances": held, "canTrade": True})

    @call("place", "POST", "/v2/supplement/create_order.do", private=True)
    def place(self, ask: Ask) -> object:
        side, _, kind = ask.text("type").partition("_")
        if not ask.text("custom_id").isalnum():
            raise self.no("other")
        order = self.books.place(
            ask.account,
            self.market.symbol,
            "sell" if side == "sell" else "buy",
            price=ask.decimal("price"),
            size=ask.decimal("amount"),
            post_only=kind == "maker",
            client_id=ask.text("custom_id"),
        )
        return self.told({"symbol": "aur_usdt", "order_id": str(order.order_id), "custom_id": order.client_id})

    @call("cancel", "POST", "/v2/supplement/cancel_order.do", private=True)
    def cancel(self, ask: Ask) -> object:
        return self.told(self.of(self.books.cancel(ask.account, "", **self.named(ask)), "tradeType"))

    @call("cancel_all", "POST", "/v2/supplement/cancel_order_by_symbol.do", private=True)
    def cancel_all(self, ask: Ask) -> object:
        assert ask.text("symbol") == "aur_usdt"
        ended = self.books.cancel_all(ask.account, self.market.symbol)
        return self.told([self.of(one, "tradeType") for one in ended])

    @call("order", "POST", "/v2/supplement/orders_info.do", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self.named(ask))
        return self.told(None if found is None else self.of(found))

    @call("open_orders", "POST", "/v2/supplement/orders_info_no_deal.do", private=True)
    def list_open(self, ask: Ask) -> object:
        return self.page(ask, self.open_orders(ask.account))

    @call("closed_orders", "POST", "/v2/supplement/orders_info_history.do", private=True)
    def history(self, ask: Ask) -> object:
        return self.page(ask, self.books.history(ask.account))

    def page(self, ask: Ask, found: list[Order]) -> object:
        number, length = ask.int("current_page"), ask.int("page_length")
        if not 0 < length <= 200:
            raise self.no("other")
        page = found[::-1][(number - 1) * length : number * length]
        told = {"current_page": number, "page_length": length, "total": len(found)}
        return self.told(told | {"orders": [self.of(one) for one in page]})

    @call("fills", "POST", "/v2/transaction_history.do", private=True)
    def fills(self, ask: Ask) -> object:
        """Of two days at most, a hundred at most, from one on."""
        start, end = date.fromisoformat(ask.text("start_date")), date.fromisoformat(ask.text("end_date"))
        if end - start > timedelta(days=1):
            raise self.no("other")
        found = [one for one in self.books.fills(ask.account) if start <= day_of(one) <= end]
        after = [one for one in found if one.trade_id > ask.int("from")]
        assert ask.text("direct") == "next"
        return self.told([self.of_fill(one) for one in after[: min(ask.int("size", 100), 100)]])

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        number = ask.text("orderId")
        return {"order_id": int(number)} if number else {"client_id": ask.text("origClientOrderId")}

    @staticmethod
    def of(order: Order, kind: str = "type") -> dict[str, object]:
        return {
            "symbol": "aur_usdt",
            "orderId": str(order.order_id),
            "clientOrderId": order.client_id,
            kind: f"{order.side}_maker" if order.post_only else order.side,
            "price": plain(order.price),
            "origQty": plain(order.size),
            "executedQty": plain(order.filled),
            "cummulativeQuoteQty": plain(order.cost),
            "status": _STATUS[order.status],
            "time": order.created_ns // MS,
            "updateTime": order.updated_ns // MS,
        }

    @staticmethod
    def of_fill(one: Execution) -> dict[str, object]:
        return {
            "txUuid": str(one.trade_id),
            "orderUuid": str(one.order.order_id),
            "tradeType": f"{one.order.side}_maker" if one.is_maker else one.order.side,
            "dealTime": one.ts_ns // MS,
            "dealPrice": plain(one.price),
            "dealQuantity": plain(one.size),
            "dealVolumePrice": plain(one.price * one.size),
            "tradeFee": plain(one.fee),
            "tradeFeeRate": "0.001",
        }
