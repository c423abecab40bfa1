"""Gate spot streams: one address, channels by name; every private subscription is signed on its own.

The book channel `spot.obu` sends the whole book once and then what changed, from update `U` to update `u`.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from tests.venues.records import ZERO, BookChange, Event, Execution, Market, Order, Print
from tests.venues.wire import DECODER, Session, Venue, plain, texts

MS = 1_000_000
_PRIVATE = ("spot.orders", "spot.usertrades", "spot.balances")


def spelled(market: Market) -> str:
    return f"{market.base}_{market.quote}"


def sha512_hex(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()


class GateStreams(Venue):
    """What Gate's streams say and are told."""

    def listens(self, account: str) -> bool:
        return any(topic.startswith("spot.orders ") for session in self.of_account(account) for topic in session.topics)

    def hear(self, session: Session, text: str) -> None:
        message = DECODER.decode(text)
        channel, event, payload = message["channel"], message.get("event", ""), message.get("payload") or []
        if channel == "spot.ping":
            session.push(self._frame("spot.pong", "", None))
            return
        head = self._frame(channel, event, {"status": "success"}) | {"id": message.get("id"), "payload": payload}
        if channel in _PRIVATE and not self._log_in(session, message):
            head |= {"error": {"code": 4, "message": "Authentication fail"}, "result": {"status": "fail"}}
            session.push(head)
            return
        session.push(head)
        for name in payload or [""]:
            topic = f"{channel} {name}"
            if event == "unsubscribe":
                session.topics.pop(topic, None)
            else:
                session.topics[topic] = True
                if channel == "spot.obu":
                    self._push_snapshot(session, name)
        self.stirred()

    def _log_in(self, session: Session, message: dict[str, Any]) -> bool:
        """HMAC-SHA512 over channel, event and stamp."""
        auth = message.get("auth") or {}
        keys = self.by_key.get(auth.get("KEY", ""))
        signed = f"channel={message['channel']}&event={message['event']}&time={message['time']}"
        if keys is None or auth.get("SIGN") != sha512_hex(keys.secret, signed):
            return False
        if abs(message["time"] - self.clock.now_ms() // 1000) > 60:
            return False
        session.account = keys.account
        return True

    def _frame(self, channel: str, event: str, result: object) -> dict[str, Any]:
        now_ms = self.clock.now_ms()
        return {"time": now_ms // 1000, "time_ms": now_ms, "channel": channel, "event": event, "result": result}

    # Market data

    def _push_snapshot(self, session: Session, name: str) -> None:
        _, market, depth = name.split(".")
        symbol = self.market_by(market, spelled).symbol
        result = {
            "t": self.clock.now_ms(),
            "full": True,
            "s": name,
            "u": self.books.sequences[symbol],
            "b": texts(self.books.levels(symbol, "buy", int(depth))),
            "a": texts(self.books.levels(symbol, "sell", int(depth))),
        }
        session.push(self._frame("spot.obu", "update", result), "public")

    def on_book(self, change: BookChange) -> None:
        for depth in (50, 400):
            name = f"ob.{spelled(change.market)}.{depth}"
            result = {
                "t": change.ts_ns // MS,
                "s": name,
                "U": change.sequence,
                "u": change.sequence,
                "b": texts(change.bids),
                "a": texts(change.asks),
            }
            for session in self.subscribed(f"spot.obu {name}"):
                if not self.skips_depth():
                    session.push(self._frame("spot.obu", "update", result), "public")

    def print_of(self, public: Print) -> dict[str, Any]:
        return {
            "id": public.trade_id,
            "create_time": str(public.ts_ns // 10**9),
            "create_time_ms": f"{public.ts_ns // MS}.{public.ts_ns % MS:06d}",
            "currency_pair": spelled(public.market),
            "side": public.taker,
            "amount": plain(public.size),
            "price": plain(public.price),
        }

    def on_print(self, public: Print) -> None:
        for session in self.subscribed(f"spot.trades {spelled(public.market)}"):
            told = self.print_of(public) | {"create_time": public.ts_ns // 10**9}
            session.push(self._frame("spot.trades", "update", told), "public")

    # Orders and money

    def on_event(self, event: Event) -> None:
        order = event.order
        what = {"new": "put", "amended": "update", "trade": "update" if order.rests else "finish"}.get(
            event.what, "finish"
        )
        told = self.order_of(order) | {"event": what, "user": 1667201533}
        told = {key: value for key, value in told.items() if key != "status"}
        told |= {name: str(told[name]) for name in ("create_time_ms", "update_time_ms")}
        self._tell(order, "spot.orders", told)
        if event.execution is not None:
            fill = self.fill_of(event.execution)
            self._tell(
                order, "spot.usertrades", fill | {"id": int(fill["id"]), "create_time": int(fill["create_time"])}
            )

    def _tell(self, order: Order, channel: str, item: dict[str, Any]) -> None:
        for session in self.of_account(order.account):
            if not session.topics.keys().isdisjoint((f"{channel} {spelled(order.market)}", f"{channel} !all")):
                session.push(self._frame(channel, "update", [item]), "private")

    def on_balance(self, account: str, assets: list[str]) -> None:
        now_ms = self.clock.now_ms()
        items = [
            {
                "timestamp": str(now_ms // 1000),
                "timestamp_ms": str(now_ms),
                "user": "1667201533",
                "currency": asset,
                "change": "0",
                "total": plain(self.books.total(account, asset)),
                "available": plain(self.books.free(account, asset)),
                "freeze": plain(self.books.held(account, asset)),
                "freeze_change": "0",
                "change_type": "order-create",
            }
            for asset in assets
        ]
        for session in self.of_account(account):
            if "spot.balances " in session.topics:
                session.push(self._frame("spot.balances", "update", items), "private")

    def order_of(self, order: Order) -> dict[str, Any]:
        fills = [each for each in self.books.fills(order.account) if each.order.order_id == order.order_id]
        so_far = [each for each in fills if each.order.filled <= order.filled]
        in_quote = order.kind == "market" and order.side == "buy"
        ended = {"filled": "closed"}.get(order.status, "cancelled")
        how = {"filled": "filled", "ioc": "ioc", "self_trade": "stp"}.get(order.why or order.status, "cancelled")
        return {
            "id": str(order.order_id),
            "text": order.client_id,
            "amend_text": "-",
            "create_time": str(order.created_ns // 10**9),
            "update_time": str(order.updated_ns // 10**9),
            "create_time_ms": order.created_ns // MS,
            "update_time_ms": order.updated_ns // MS,
            "status": "open" if order.rests else ended,
            "currency_pair": spelled(order.market),
            "type": order.kind,
            "account": "spot",
            "side": order.side,
            "amount": plain(order.cost if in_quote else order.size),
            "price": plain(order.price),
            "time_in_force": "poc" if order.post_only else order.tif,
            "iceberg": "0",
            "left": "0" if in_quote else plain(order.left),
            "filled_amount": plain(order.filled),
            "fill_price": plain(order.cost),
            "filled_total": plain(order.cost),
            "avg_deal_price": plain(order.average),
            "fee": plain(sum((each.fee for each in so_far), ZERO)),
            "fee_currency": order.market.base if order.side == "buy" else order.market.quote,
            "point_fee": "0",
            "gt_fee": "0",
            "gt_discount": False,
            "rebated_fee": "0",
            "rebated_fee_currency": order.market.quote if order.side == "buy" else order.market.base,
            "stp_id": 0,
            "stp_act": "-",
            "finish_as": "open" if order.rests else how,
        }

    @staticmethod
    def fill_of(each: Execution) -> dict[str, Any]:
        return {
            "id": str(each.trade_id),
            "create_time": str(each.ts_ns // 10**9),
            "create_time_ms": f"{each.ts_ns // MS}.{each.ts_ns % MS:06d}",
            "currency_pair": spelled(each.order.market),
            "side": each.order.side,
            "role": "maker" if each.is_maker else "taker",
            "amount": plain(each.size),
            "price": plain(each.price),
            "order_id": str(each.order.order_id),
            "fee": plain(each.fee),
            "fee_currency": each.fee_asset,
            "point_fee": "0",
            "gt_fee": "0",
            "amend_text": "-",
            "sequence_id": str(each.trade_id),
            "text": each.order.client_id,
        }
