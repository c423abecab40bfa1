"""WOO X, v3: numbers without quotes, client ids that are numbers, cancels that are sent before they are true."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import MS, Stub
from tests.venues.records import Execution, Order, Reject
from tests.venues.wire import Ask, Wire, call, plain

_STATUS = {"new": "NEW", "partially_filled": "PARTIAL_FILLED", "filled": "FILLED", "canceled": "CANCELLED"}


def failed(code: int, text: str) -> dict[str, object]:
    return {"success": False, "code": code, "message": text}


class Woo(Stub):
    id = "woo"
    tells_quotes = False
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (401, failed(-1001, "The api key or secret is in wrong format.")),
        "funds": (400, failed(302119, "Insufficient funds.")),
        "gone": (400, failed(-1006, "The data is not found in server.")),
        "slow": (429, failed(-1003, "Rate limit exceed.")),
        "unheard": (200, failed(-9999, "This is not the day for it.")),
        "other": (400, failed(-1005, "Some parameters are in wrong format for api.")),
    }

    def told(self, data: object) -> object:
        return {"success": True, "timestamp": self.clock.now_ms(), "data": data}

    @call("time", "GET", "/v3/public/systemInfo")
    def time(self, ask: Ask) -> object:
        return self.told({"status": 0, "msg": "System is functioning properly."})

    @call("markets", "GET", "/v3/public/instruments")
    def markets(self, ask: Ask) -> object:
        market = self.market
        steps = {"baseTick": market.lot, "quoteTick": market.tick, "baseMin": market.min_size, "quoteMin": market.tick}
        row = {"symbol": "SPOT_AUR_USDT", "status": "TRADING", "minNotional": market.min_quote}
        return self.told({"rows": [row | {name: plain(step) for name, step in steps.items()}]})

    @call("book", "GET", "/v3/public/orderbook")
    def book(self, ask: Ask) -> object:
        depth = ask.int("maxLevel", 50)
        sides = (("bids", "buy"), ("asks", "sell"))
        return self.told(
            {
                name: [
                    {"price": plain(price), "quantity": plain(size)}
                    for price, size in self.books.levels(self.market.symbol, side, depth)
                ]
                for name, side in sides
            }
        )

    @call("balances", "GET", "/v3/asset/balances", private=True)
    def balances(self, ask: Ask) -> object:
        holding = [
            {
                "token": asset,
                "holding": self.books.total(ask.account, asset),
                "frozen": self.books.held(ask.account, asset),
                "availableBalance": self.books.free(ask.account, asset),
            }
            for asset in self.books.assets(ask.account)
        ]
        return self.told({"holding": holding})

    @call("place", "POST", "/v3/trade/order", private=True)
    def place(self, ask: Ask) -> object:
        if not ask.text("clientOrderId").isdigit() or int(ask.text("clientOrderId")) >= 2**63:
            raise self.no("other")
        order = self.books.place(
            ask.account,
            self.market.symbol,
            "sell" if ask.text("side") == "SELL" else "buy",
            price=ask.decimal("price"),
            size=ask.decimal("quantity"),
            post_only=ask.text("type") == "POST_ONLY",
            client_id=ask.text("clientOrderId"),
        )
        numbers = {"orderId": order.order_id, "clientOrderId": int(order.client_id)}
        return self.told(numbers | {"type": ask.text("type"), "price": order.price, "quantity": order.size})

    @call("cancel_all", "DELETE", "/v3/trade/allOrders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        assert ask.text("symbol") == "SPOT_AUR_USDT"
        self.books.cancel_all(ask.account, self.market.symbol)
        return self.told({"status": "CANCEL_ALL_SENT"})

    @call("timer", "POST", "/v3/trade/cancelAllAfter", private=True)
    def timer(self, ask: Ask) -> object:
        after_ms = ask.int("triggerAfter")
        if after_ms and not 5000 <= after_ms <= 900_000:
            raise self.no("other")
        due_ns = self.books.cancel_all_after(ask.account, after_ms / 1000)
        return self.told({"expectedTriggerTime": due_ns // MS})

    @call("cancel", "DELETE", "/v3/trade/order", private=True)
    def cancel(self, ask: Ask) -> object:
        self.books.cancel(ask.account, "", **self.named(ask))
        return self.told({"status": "CANCEL_SENT"})

    @call("order", "GET", "/v3/trade/order", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self.named(ask))
        if found is None:
            raise Reject("gone", "no such order")
        return self.told(self.of(found))

    @call("open_orders", "GET", "/v3/trade/orders", private=True)
    def list_orders(self, ask: Ask) -> object:
        """Those that rest, those that have ended, or all; 25 unless more are wanted."""
        status, size = ask.text("status"), ask.int("size", 25)
        if size > 500:
            raise Wire(failed(-1005, "size"), status=400)
        found = self.open_orders(ask.account) if status == "INCOMPLETE" else self.books.history(ask.account)
        start, end = ask.int("startTime"), ask.int("endTime")
        page = self.listed(found, start_ms=start, end_ms=end, limit=size, newest_first=True)
        return self.told({"rows": [self.of(one) for one in page], "meta": {"total": len(found)}})

    @call("fills", "GET", "/v3/trade/transactionHistory", private=True)
    def fills(self, ask: Ask) -> object:
        page = self.listed(
            self.books.fills(ask.account),
            start_ms=ask.int("startTime"),
            end_ms=ask.int("endTime"),
            limit=min(ask.int("size", 25), 500),
            newest_first=True,
        )
        return self.told({"rows": [self.of_fill(one) for one in page]})

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        number = ask.text("orderId")
        return {"order_id": int(number)} if number else {"client_id": ask.text("clientOrderId")}

    @staticmethod
    def of(order: Order) -> dict[str, object]:
        return {
            "orderId": order.order_id,
            "clientOrderId": int(order.client_id) if order.client_id.isdigit() else 0,
            "symbol": "SPOT_AUR_USDT",
            "status": _STATUS[order.status],
            "side": order.side.upper(),
            "type": "POST_ONLY" if order.post_only else "LIMIT",
            "price": order.price,
            "quantity": order.size,
            "executed": order.filled,
            "averageExecutedPrice": order.average,
            "totalFee": 0,
            "feeAsset": "USDT",
            "createdTime": f"{order.created_ns // MS / 1000:.3f}",
            "updatedTime": f"{order.updated_ns // MS / 1000:.3f}",
        }

    @staticmethod
    def of_fill(one: Execution) -> dict[str, object]:
        return {
            "id": one.trade_id,
            "symbol": "SPOT_AUR_USDT",
            "orderId": one.order.order_id,
            "executedPrice": one.price,
            "executedQuantity": one.size,
            "isMaker": int(one.is_maker),
            "side": one.order.side.upper(),
            "fee": one.fee,
            "feeAsset": one.fee_asset,
            "executedTimestamp": f"{one.ts_ns // MS / 1000:.3f}",
        }
