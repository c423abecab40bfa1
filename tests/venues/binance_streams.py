"""Binance spot streams: market data under `/ws`, and the WebSocket API that carries the user's events.

The book is a difference stream: `U` and `u` are the first and last update of a frame, and a client joins it to a REST
snapshot by them.
"""

from __future__ import annotations

from typing import Any

from tests.venues.records import BookChange, Event, Market, Order, Print
from tests.venues.wire import DECODER, Keys, Session, Venue, Wire, encode, plain, sha256_hex

MS = 1_000_000
STATUS = {
    "new": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
}


def spelled(market: Market) -> str:
    return market.base + market.quote


def kind_of(order: Order) -> str:
    return "LIMIT_MAKER" if order.post_only else order.kind.upper()


class BinanceStreams(Venue):
    """What Binance's streams say and are told."""

    @staticmethod
    def error(code: int, text: str, *, status: int = 400) -> Wire:
        return Wire({"code": code, "msg": text}, status=status)

    def check_stamp(self, stamp_ms: int, window_ms: int) -> None:
        now_ms = self.clock.now_ms()
        if stamp_ms >= now_ms + 1000:
            raise self.error(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now_ms - stamp_ms > window_ms:
            raise self.error(-1021, "Timestamp for this request is outside of the recvWindow.")

    def hear(self, session: Session, text: str) -> None:
        message = DECODER.decode(text)
        if session.path.startswith("/ws-api"):
            try:
                result: object = self._api(session, message["method"], dict(message.get("params") or {}))
                session.push({"id": message["id"], "status": 200, "result": result})
            except Wire as no:
                session.push({"id": message["id"], "status": no.status, "error": no.payload})
        else:
            for topic in message.get("params", ()):
                if message["method"] == "SUBSCRIBE":
                    session.topics[topic] = True
                else:
                    session.topics.pop(topic, None)
            session.push({"result": None, "id": message["id"]})
        self.stirred()

    def _api(self, session: Session, method: str, params: dict[str, Any]) -> object:
        if method == "ping":
            return {}
        if method == "userDataStream.subscribe.signature":
            session.account = self._signed(params).account
            return {"subscriptionId": 0}
        raise self.error(-1100, f"Unknown method {method!r}.")

    def _signed(self, params: dict[str, Any]) -> Keys:
        """HMAC-SHA256 over all parameters in alphabetical order, values as they stand."""
        keys = self.by_key.get(params.get("apiKey", ""))
        if keys is None:
            raise self.error(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        signature = params.pop("signature", "")
        signed = "&".join(f"{name}={params[name]}" for name in sorted(params))
        if signature != sha256_hex(keys.secret, signed):
            raise self.error(-1022, "Signature for this request is not valid.")
        self.check_stamp(int(params["timestamp"]), int(params.get("recvWindow", 5000)))
        return keys

    # Market data

    def on_book(self, change: BookChange) -> None:
        name = spelled(change.market)
        frame = {
            "e": "depthUpdate",
            "E": change.ts_ns // MS,
            "s": name,
            "U": change.sequence,
            "u": change.sequence,
            "b": [[plain(price), plain(size)] for price, size in change.bids],
            "a": [[plain(price), plain(size)] for price, size in change.asks],
        }
        for topic in (f"{name.lower()}@depth", f"{name.lower()}@depth@100ms"):
            for session in self.subscribed(topic):
                if not self.skips_depth():
                    session.push(frame, "public")

    def on_print(self, public: Print) -> None:
        name = spelled(public.market)
        whole = {"E": public.ts_ns // MS, "s": name, "p": plain(public.price), "q": plain(public.size)}
        whole |= {"T": public.ts_ns // MS, "m": public.taker == "sell", "M": True}
        for session in self.subscribed(f"{name.lower()}@trade"):
            session.push({"e": "trade", "t": public.trade_id} | whole, "public")
        for session in self.subscribed(f"{name.lower()}@aggTrade"):
            ids = {"a": public.trade_id, "f": public.trade_id, "l": public.trade_id}
            session.push({"e": "aggTrade"} | ids | whole, "public")

    # The user's events

    def on_event(self, event: Event) -> None:
        report = self._report(event)
        for session in self.of_account(event.order.account):
            session.push(encode({"subscriptionId": 0, "event": report}), "private")

    def on_balance(self, account: str, assets: list[str]) -> None:
        now_ms = self.clock.now_ms()
        held = [
            {"a": asset, "f": plain(self.books.free(account, asset)), "l": plain(self.books.held(account, asset))}
            for asset in assets
        ]
        frame = {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": held}
        for session in self.of_account(account):
            session.push({"subscriptionId": 0, "event": frame}, "private")

    def _report(self, event: Event) -> dict[str, object]:
        """`c` names the request that changed the order, `C` the order that a cancel was about."""
        order, fill = event.order, event.execution
        is_cancel = event.what == "canceled"
        now_ms = order.updated_ns // MS
        return {
            "e": "executionReport",
            "E": now_ms,
            "s": spelled(order.market),
            "c": f"c{order.order_id:x}" if is_cancel else order.client_id,
            "S": order.side.upper(),
            "o": kind_of(order),
            "f": order.tif.upper(),
            "q": plain(order.size),
            "p": plain(order.price),
            "P": "0.00000000",
            "F": "0.00000000",
            "g": -1,
            "C": order.client_id if is_cancel else "",
            "x": "REPLACED" if event.what == "amended" else event.what.upper(),
            "X": STATUS[order.status],
            "r": "NONE",
            "i": order.order_id,
            "l": plain(fill.size) if fill else "0.00000000",
            "z": plain(order.filled),
            "L": plain(fill.price) if fill else "0.00000000",
            "n": plain(fill.fee) if fill else "0",
            "N": fill.fee_asset if fill else None,
            "T": now_ms,
            "t": fill.trade_id if fill else -1,
            "I": order.order_id,
            "w": order.rests,
            "m": fill is not None and fill.is_maker,
            "M": False,
            "O": order.created_ns // MS,
            "Z": plain(order.cost),
            "Y": "0.00000000",
            "Q": "0.00000000",
            "W": order.created_ns // MS,
            "V": "EXPIRE_TAKER",
        }
