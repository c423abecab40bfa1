"""Coinbase Advanced Trade: refusals under HTTP 200, stamps as texts, fees in quote currency."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any, ClassVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.engine.venues.ccxt.stubs.base import Stub
from tests.venues.records import Execution, Market, Order
from tests.venues.wire import Ask, Keys, call, plain

_STATES = {"new": "OPEN", "partially_filled": "OPEN", "filled": "FILLED", "canceled": "CANCELLED"}


def spelled(market: Market) -> str:
    return f"{market.base}-{market.quote}"


def written(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ns // 1000 % 10**6:06d}Z"


def no(reason: str) -> tuple[int, object]:
    said = {"error": "UNKNOWN_FAILURE_REASON", "message": "", "preview_failure_reason": reason}
    return 200, {"success": False, "failure_reason": "UNKNOWN_FAILURE_REASON", "error_response": said}


_KEY = ec.generate_private_key(ec.SECP256R1())


class Coinbase(Stub):
    """A request carries a token, whose head names the key."""

    id = "coinbase"
    keys = Keys(
        account="desk",
        api_key="organizations/5b1c7f0a/apiKeys/9d4e",
        secret=_KEY.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ).decode(),
    )
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (401, {"error": "unauthorized", "message": "Unauthorized"}),
        "funds": no("PREVIEW_INSUFFICIENT_FUND"),
        "would_take": no("PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"),
        "unknown": (404, {"error": "not_found", "message": "order not found"}),
        "slow": (429, {"error": "rate_limit_exceeded", "message": "slow down"}),
        "unheard": (500, {"error": "not_the_day_for_it", "message": "This is not the day for it."}),
        "other": no("PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    }

    def __init__(self, *markets: Market) -> None:
        super().__init__(*markets)
        self.books.fee_in = "quote"

    def authenticate(self, ask: Ask) -> Keys:
        head = ask.headers.get("authorization", "").removeprefix("Bearer ").partition(".")[0]
        if json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)) or "{}").get("kid") != self.keys.api_key:
            raise self.no("stranger")
        return self.keys

    # Public

    @call("time", "GET", "/v2/time")
    def time(self, ask: Ask) -> object:
        return {"data": {"epoch": self.clock.now_ms() // 1000}}

    @call("currencies", "GET", "/v2/currencies(/crypto)?")
    def currencies(self, ask: Ask) -> object:
        return {"data": []}

    @call("currencies", "GET", "/v2/exchange-rates")
    def rates(self, ask: Ask) -> object:
        return {"data": {"rates": {}}}

    @call("markets", "GET", "/api/v3/brokerage/market/products")
    def markets(self, ask: Ask) -> object:
        listed = [
            {
                "product_id": spelled(market),
                "base_increment": plain(market.lot),
                "quote_increment": plain(market.tick),
                "price_increment": plain(market.tick),
                "quote_min_size": plain(market.min_quote),
                "base_min_size": plain(market.min_size),
                "base_currency_id": market.base,
                "quote_currency_id": market.quote,
                "product_type": "SPOT",
                "trading_disabled": False,
                "alias_to": [],
            }
            for market in self.books.markets.values()
        ]
        return {"products": [] if ask.text("product_type") == "FUTURE" else listed}

    @call("book", "GET", "/api/v3/brokerage/market/product_book")
    def book(self, ask: Ask) -> object:
        symbol, depth = self.market_by(ask.text("product_id"), spelled).symbol, ask.int("limit", 1000)
        sides = {
            name: [
                {"price": plain(price), "size": plain(size)} for price, size in self.books.levels(symbol, side, depth)
            ]
            for name, side in (("bids", "buy"), ("asks", "sell"))
        }
        return {"pricebook": sides | {"product_id": ask.text("product_id"), "time": written(self.clock.now_ns())}}

    @call("ticker", "GET", "/api/v3/brokerage/market/products/{product}/ticker")
    def ticker(self, ask: Ask) -> object:
        symbol = self.market_by(ask.text("product"), spelled).symbol
        bid, offer = self.books.levels(symbol, "buy")[0][0], self.books.levels(symbol, "sell")[0][0]
        return {"trades": [], "best_bid": plain(bid), "best_ask": plain(offer)}

    # Private

    @call("balances", "GET", "/api/v3/brokerage/accounts", private=True)
    def balances(self, ask: Ask) -> object:
        held = [
            {
                "currency": asset,
                "type": "ACCOUNT_TYPE_CRYPTO",
                "available_balance": {"value": plain(self.books.free("desk", asset)), "currency": asset},
                "hold": {"value": plain(self.books.held("desk", asset)), "currency": asset},
            }
            for asset in self.books.assets("desk")
        ]
        return {"accounts": held, "has_next": False, "cursor": ""}

    @call("balances", "GET", "/v2/accounts", private=True)
    def old_balances(self, ask: Ask) -> object:
        """What the account holds, without what is held back for orders."""
        held = [
            {"type": "wallet", "balance": {"amount": plain(self.books.total("desk", asset)), "currency": asset}}
            for asset in self.books.assets("desk")
        ]
        return {"data": held}

    @call("place", "POST", "/api/v3/brokerage/orders", private=True)
    def place(self, ask: Ask) -> object:
        wanted = ask.args["order_configuration"]["limit_limit_gtc"]
        item = Ask(call="", method="", path="", query="", body="", headers={}, args=wanted)
        order = self.books.place(
            "desk",
            self.market_by(ask.text("product_id"), spelled).symbol,
            "buy" if ask.text("side") == "BUY" else "sell",
            price=item.decimal("limit_price"),
            size=item.decimal("base_size"),
            post_only=bool(wanted.get("post_only")),
            client_id=ask.text("client_order_id"),
        )
        said = {
            "order_id": str(order.order_id),
            "product_id": ask.text("product_id"),
            "side": ask.text("side"),
            "client_order_id": order.client_id,
        }
        return {"success": True, "success_response": said, "order_configuration": ask.args["order_configuration"]}

    @call("cancel", "POST", "/api/v3/brokerage/orders/batch_cancel", private=True)
    def cancel(self, ask: Ask) -> object:
        results = []
        for order_id in ask.args["order_ids"]:
            order = self.books.find("desk", order_id=int(order_id))
            is_there = order is not None and order.rests
            if is_there:
                self.books.cancel("desk", "", order_id=int(order_id))
            why = "UNKNOWN_CANCEL_FAILURE_REASON" if is_there else "UNKNOWN_CANCEL_ORDER"
            results.append({"success": is_there, "failure_reason": why, "order_id": order_id})
        return {"results": results}

    @call("open_orders", "GET", "/api/v3/brokerage/orders/historical/batch", private=True)
    def several(self, ask: Ask) -> object:
        """Of one state or of all, the newest first."""
        if ask.text("order_status") == "OPEN":
            found = self.open_orders("desk")
        else:
            found = self.listed(self.books.history("desk"), **self.stretch(ask, "start_date", "end_date"))
        return {"orders": [self.order_of(order) for order in found], "has_next": False, "cursor": ""}

    @call("fills", "GET", "/api/v3/brokerage/orders/historical/fills", private=True)
    def fills(self, ask: Ask) -> object:
        stretch = self.stretch(ask, "start_sequence_timestamp", "end_sequence_timestamp")
        found = self.listed(self.books.fills("desk"), **stretch)
        return {"fills": [self.fill_of(one) for one in found], "cursor": ""}

    @call("order", "GET", r"/api/v3/brokerage/orders/historical/(?P<order>\d+)", private=True)
    def order(self, ask: Ask) -> object:
        order = self.books.find("desk", order_id=ask.int("order"))
        if order is None:
            raise self.no("unknown")
        return {"order": self.order_of(order)}

    # Words

    @staticmethod
    def stretch(ask: Ask, start: str, end: str) -> dict[str, Any]:
        def ms(name: str) -> int:
            text = ask.text(name)
            return round(datetime.fromisoformat(text).timestamp() * 1000) if text else 0

        return {"start_ms": ms(start), "end_ms": ms(end), "limit": ask.int("limit", 100), "newest_first": True}

    @staticmethod
    def order_of(order: Order) -> dict[str, Any]:
        wanted = {"base_size": plain(order.size), "limit_price": plain(order.price), "post_only": order.post_only}
        return {
            "order_id": str(order.order_id),
            "product_id": spelled(order.market),
            "order_configuration": {"limit_limit_gtc": wanted},
            "side": order.side.upper(),
            "client_order_id": order.client_id,
            "status": _STATES[order.status],
            "time_in_force": "GOOD_UNTIL_CANCELLED",
            "created_time": written(order.created_ns),
            "filled_size": plain(order.filled),
            "average_filled_price": plain(order.average),
            "order_type": "LIMIT",
        }

    @staticmethod
    def fill_of(each: Execution) -> dict[str, Any]:
        return {
            "entry_id": f"entry-{each.trade_id}",
            "trade_id": str(each.trade_id),
            "order_id": str(each.order.order_id),
            "trade_time": written(each.ts_ns),
            "trade_type": "FILL",
            "price": plain(each.price),
            "size": plain(each.size),
            "commission": plain(each.fee),
            "product_id": spelled(each.order.market),
            "sequence_timestamp": written(each.ts_ns),
            "liquidity_indicator": "MAKER" if each.is_maker else "TAKER",
            "size_in_quote": False,
            "side": each.order.side.upper(),
        }
