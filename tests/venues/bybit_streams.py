"""Bybit v5 streams: `/v5/public/spot` and `/v5/private`, topics by name.

A book topic sends a snapshot and then deltas whose update id `u` counts on by one. Orders and executions are topics of
their own. With disconnect protection switched on, the loss of the last private stream starts a countdown.
"""

from __future__ import annotations

from typing import Any

from tests.venues.records import ZERO, BookChange, Event, Execution, Market, Order, Print, product
from tests.venues.wire import DECODER, Session, Venue, plain, sha256_hex, texts

MS = 1_000_000
_STATUS = {"new": "New", "partially_filled": "PartiallyFilled", "filled": "Filled"}
_WHY = {"post_only": "EC_PostOnlyWillTakeLiquidity", "ioc": "EC_NoImmediateQtyToFill", "self_trade": "EC_BySelfMatch"}


def spelled(market: Market) -> str:
    return market.base + market.quote


def named(order_id: int) -> str:
    """A spot order id is a number, written as text."""
    return str(order_id)


def status_of(order: Order) -> str:
    if order.why == "post_only":
        return "Rejected"
    ended = "PartiallyFilledCanceled" if order.filled else "Cancelled"
    return _STATUS.get(order.status, ended)


class BybitStreams(Venue):
    """What Bybit's streams say and are told."""

    def __init__(self, *markets: Market) -> None:
        super().__init__(*markets)
        self.disconnected_s: dict[str, int] = {}
        """Disconnect protection, by account."""

    def listens(self, account: str) -> bool:
        return any("order" in session.topics for session in self.of_account(account))

    def hear(self, session: Session, text: str) -> None:
        message = DECODER.decode(text)
        echo = {"req_id": message.get("req_id", ""), "conn_id": "cfv9"}
        if message["op"] == "ping":
            if session.path.endswith("/private"):
                session.push({"op": "pong", "args": [str(self.clock.now_ms())]} | echo)
            else:
                session.push({"success": True, "ret_msg": "pong", "op": "ping"} | echo)
        elif message["op"] == "auth":
            why_not = self._why_not(*message["args"])
            if not why_not:
                session.account = self.by_key[message["args"][0]].account
                self.books.cancel_all_after(session.account, 0)
            session.push({"success": not why_not, "ret_msg": why_not, "op": "auth"} | echo)
        elif message["op"] in ("subscribe", "unsubscribe"):
            session.push({"success": True, "ret_msg": message["op"], "op": message["op"]} | echo)
            for topic in message["args"]:
                if message["op"] == "unsubscribe":
                    session.topics.pop(topic, None)
                    continue
                session.topics[topic] = True
                if topic.startswith("orderbook."):
                    self._push_snapshot(session, topic)
        self.stirred()

    def _why_not(self, api_key: str, expires: str, signature: str) -> str:
        keys = self.by_key.get(api_key)
        if keys is None or signature != sha256_hex(keys.secret, f"GET/realtime{expires}"):
            return "Params Error"
        return "" if int(expires) > self.clock.now_ms() else "Params Error: expires is in the past"

    def closed(self, session: Session) -> None:
        seconds = self.disconnected_s.get(session.account)
        if seconds and not self.of_account(session.account):
            self.books.cancel_all_after(session.account, seconds)

    # Market data

    def _push_snapshot(self, session: Session, topic: str) -> None:
        _, depth, name = topic.split(".")
        symbol = self.market_by(name, spelled).symbol
        sequence = self.books.sequences[symbol]
        data = {
            "s": name,
            "b": texts(self.books.levels(symbol, "buy", int(depth))),
            "a": texts(self.books.levels(symbol, "sell", int(depth))),
            "u": sequence,
            "seq": sequence,
        }
        now_ms = self.clock.now_ms()
        session.push({"topic": topic, "ts": now_ms, "type": "snapshot", "data": data, "cts": now_ms}, "public")

    def on_book(self, change: BookChange) -> None:
        name, now_ms = spelled(change.market), change.ts_ns // MS
        data = {
            "s": name,
            "b": texts(change.bids),
            "a": texts(change.asks),
            "u": change.sequence,
            "seq": change.sequence,
        }
        for depth in (50, 200, 1000):
            topic = f"orderbook.{depth}.{name}"
            frame = {"topic": topic, "ts": now_ms, "type": "delta", "data": data, "cts": now_ms}
            for session in self.subscribed(topic):
                if not self.skips_depth():
                    session.push(frame, "public")

    def on_print(self, public: Print) -> None:
        topic, now_ms = f"publicTrade.{spelled(public.market)}", public.ts_ns // MS
        data = {
            "T": now_ms,
            "s": spelled(public.market),
            "S": public.taker.capitalize(),
            "v": plain(public.size),
            "p": plain(public.price),
            "i": str(public.trade_id),
            "BT": False,
        }
        for session in self.subscribed(topic):
            session.push({"topic": topic, "type": "snapshot", "ts": now_ms, "data": [data]}, "public")

    # Orders and money

    def on_event(self, event: Event) -> None:
        if event.execution is not None:
            self._tell(event.order.account, "execution", self.fill_of(event.execution))
        self._tell(event.order.account, "order", self.order_of(event.order))

    def on_balance(self, account: str, assets: list[str]) -> None:
        self._tell(account, "wallet", self.wallet_of(account, assets))

    def _tell(self, account: str, topic: str, item: dict[str, Any]) -> None:
        now_ms = self.clock.now_ms()
        for session in self.of_account(account):
            if topic in session.topics:
                frame = {"id": f"{now_ms}_{topic}", "topic": topic, "creationTime": now_ms, "data": [item]}
                session.push(frame, "private")

    def order_of(self, order: Order) -> dict[str, Any]:
        fee = sum((each.fee for each in self.books.fills(order.account) if each.order.order_id == order.order_id), ZERO)
        is_over = not order.rests
        return {
            "category": "spot",
            "symbol": spelled(order.market),
            "orderId": named(order.order_id),
            "orderLinkId": order.client_id,
            "blockTradeId": "",
            "side": order.side.capitalize(),
            "positionIdx": 0,
            "orderStatus": status_of(order),
            "cancelType": {"user": "CancelByUser", "switch": "CancelAllByDcp"}.get(order.why, "UNKNOWN"),
            "rejectReason": _WHY.get(order.why, "EC_NoError"),
            "timeInForce": "PostOnly" if order.post_only else order.tif.upper(),
            "isLeverage": "0",
            "price": plain(order.price),
            "qty": plain(order.size),
            "avgPrice": plain(order.average) if order.filled else "",
            "leavesQty": "0" if is_over else plain(order.left),
            "leavesValue": "0" if is_over else plain(product(order.left, order.price)),
            "cumExecQty": plain(order.filled),
            "cumExecValue": plain(order.cost),
            "cumExecFee": plain(fee),
            "orderType": order.kind.capitalize(),
            "stopOrderType": "",
            "triggerPrice": "0",
            "marketUnit": "baseCoin" if order.kind == "market" else "",
            "createdTime": str(order.created_ns // MS),
            "updatedTime": str(order.updated_ns // MS),
        }

    @staticmethod
    def fill_of(each: Execution) -> dict[str, Any]:
        order = each.order
        return {
            "category": "spot",
            "symbol": spelled(order.market),
            "orderId": named(order.order_id),
            "orderLinkId": order.client_id,
            "side": order.side.capitalize(),
            "orderPrice": plain(order.price),
            "orderQty": plain(order.size),
            "leavesQty": plain(order.left),
            "orderType": order.kind.capitalize(),
            "stopOrderType": "",
            "execFee": plain(each.fee),
            "execId": str(each.trade_id),
            "execPrice": plain(each.price),
            "execQty": plain(each.size),
            "execType": "Trade",
            "execValue": plain(product(each.price, each.size)),
            "execTime": str(each.ts_ns // MS),
            "feeCurrency": each.fee_asset,
            "isMaker": each.is_maker,
            "feeRate": plain(order.market.maker_fee if each.is_maker else order.market.taker_fee),
            "markPrice": "",
            "indexPrice": "",
            "blockTradeId": "",
        }

    def wallet_of(self, account: str, assets: list[str]) -> dict[str, Any]:
        coins = [
            {
                "coin": asset,
                "equity": plain(self.books.total(account, asset)),
                "walletBalance": plain(self.books.total(account, asset)),
                "locked": plain(self.books.held(account, asset)),
                "availableToWithdraw": "",
                "borrowAmount": "0",
                "accruedInterest": "0",
                "totalOrderIM": "0",
                "totalPositionIM": "0",
            }
            for asset in assets
        ]
        return {"accountType": "UNIFIED", "totalEquity": "", "coin": coins}
