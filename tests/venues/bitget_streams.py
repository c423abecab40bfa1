"""Bitget streams, v2: `/public` and `/private`, a login signed like a request, channels named by an `arg`.

The book channel sends a snapshot, then changes with the CRC32 of the best 25 levels of both sides. The order channel
calls the size of the last execution `baseVolume`, and all of them `accBaseVolume`.
"""

from __future__ import annotations

import zlib
from typing import Any

from tests.venues.records import BookChange, Event, Execution, Market, Order, Print, product
from tests.venues.wire import DECODER, Session, Venue, plain, sha256_base64, texts

MS = 1_000_000


def spelled(market: Market) -> str:
    return market.base + market.quote


def status_of(order: Order) -> str:
    return {"new": "live", "canceled": "cancelled", "expired": "cancelled"}.get(order.status, order.status)


def fee_of(each: Execution) -> dict[str, str]:
    return {"deduction": "no", "feeCoin": each.fee_asset, "totalDeductionFee": "", "totalFee": plain(-each.fee)}


class BitgetStreams(Venue):
    """What Bitget's streams say and are told."""

    def listens(self, account: str) -> bool:
        return any(self._of(session, "orders") for session in self.of_account(account))

    @staticmethod
    def _of(session: Session, channel: str) -> list[dict[str, str]]:
        return [arg for arg in session.topics.values() if arg["channel"] == channel]

    def hear(self, session: Session, text: str) -> None:
        if text == "ping":
            session.push("pong")
            return
        message = DECODER.decode(text)
        if message["op"] == "login":
            session.push(self._login(session, message["args"][0]))
        for arg in message["args"] if message["op"] in ("subscribe", "unsubscribe") else ():
            if session.path.endswith("/private") and not session.account:
                session.push({"event": "error", "code": 30004, "msg": "User not logged in", "op": "subscribe"})
                continue
            topic = f"{arg['channel']}:{arg.get('instId', arg.get('coin', ''))}"
            session.push({"event": message["op"], "arg": arg})
            if message["op"] == "unsubscribe":
                session.topics.pop(topic, None)
                continue
            session.topics[topic] = arg
            if arg["channel"] == "books":
                self._push_snapshot(session, arg)
        self.stirred()

    def _login(self, session: Session, args: dict[str, Any]) -> dict[str, object]:
        keys = self.by_key.get(args["apiKey"])
        code, text = 0, ""
        if keys is None:
            code, text = 30011, "Invalid ACCESS_KEY"
        elif keys.passphrase != args["passphrase"]:
            code, text = 30012, "Invalid ACCESS_PASSPHRASE"
        elif args["sign"] != sha256_base64(keys.secret, f"{args['timestamp']}GET/user/verify"):
            code, text = 30015, "Invalid sign"
        elif abs(int(args["timestamp"]) - self.clock.now_ms() // 1000) > 30:
            code, text = 30014, "Request timestamp expired"
        else:
            session.account = keys.account
        return {"event": "error" if code else "login", "code": code, "msg": text}

    def _frame(self, arg: dict[str, str], data: list[Any], action: str) -> dict[str, object]:
        return {"action": action, "arg": arg, "data": data, "ts": self.clock.now_ms()}

    # Market data

    def _push_snapshot(self, session: Session, arg: dict[str, str]) -> None:
        market = self.market_by(arg["instId"], spelled)
        data = {
            "asks": texts(self.books.levels(market.symbol, "sell", 200)),
            "bids": texts(self.books.levels(market.symbol, "buy", 200)),
            "checksum": 0,
            "seq": self.books.sequences[market.symbol],
            "ts": str(self.clock.now_ms()),
        }
        session.push(self._frame(arg, [data], "snapshot"), "public")

    def on_book(self, change: BookChange) -> None:
        topic = f"books:{spelled(change.market)}"
        for session in self.subscribed(topic):
            if self.skips_depth():
                continue
            data = {
                "asks": texts(change.asks),
                "bids": texts(change.bids),
                "checksum": self._checksum(change.market),
                "seq": change.sequence,
                "ts": str(change.ts_ns // MS),
            }
            session.push(self._frame(session.topics[topic], [data], "update"), "public")

    def _checksum(self, market: Market) -> int:
        bids, asks = (texts(self.books.levels(market.symbol, side, 25)) for side in ("buy", "sell"))
        levels = [level for pair in range(25) for level in (*bids[pair : pair + 1], *asks[pair : pair + 1])]
        unsigned = zlib.crc32(":".join(f"{price}:{size}" for price, size in levels).encode())
        signed = unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned
        return signed + 1 if self.spoils_checksum() else signed

    @staticmethod
    def print_of(public: Print) -> dict[str, str]:
        return {
            "ts": str(public.ts_ns // MS),
            "price": plain(public.price),
            "size": plain(public.size),
            "side": public.taker,
            "tradeId": str(public.trade_id),
        }

    def on_print(self, public: Print) -> None:
        topic = f"trade:{spelled(public.market)}"
        for session in self.subscribed(topic):
            session.push(self._frame(session.topics[topic], [self.print_of(public)], "update"), "public")

    # Orders and money

    def on_event(self, event: Event) -> None:
        order, fill = event.order, event.execution
        for session in self.of_account(order.account):
            for arg in self._of(session, "fill") if fill is not None else ():
                session.push(self._frame(arg, [self._executed(fill)], "snapshot"), "private")
            for arg in self._of(session, "orders"):
                if arg["instId"] in ("default", spelled(order.market)):
                    session.push(self._frame(arg, [self._told(order, fill)], "snapshot"), "private")

    def _told(self, order: Order, fill: Execution | None) -> dict[str, Any]:
        told: dict[str, Any] = {
            "instId": spelled(order.market),
            "orderId": str(order.order_id),
            "clientOid": order.client_id,
            "price": plain(order.price),
            "size": plain(order.size),
            "newSize": plain(order.size),
            "notional": plain(product(order.price, order.size)),
            "orderType": order.kind,
            "force": "post_only" if order.post_only else order.tif,
            "side": order.side,
            "accBaseVolume": plain(order.filled),
            "priceAvg": plain(order.average),
            "status": status_of(order),
            "cTime": str(order.created_ns // MS),
            "uTime": str(order.updated_ns // MS),
            "stpMode": "none",
            "feeDetail": [],
            "enterPointSource": "API",
        }
        if fill is not None:
            told |= {
                "fillPrice": plain(fill.price),
                "tradeId": str(fill.trade_id),
                "baseVolume": plain(fill.size),
                "fillTime": str(fill.ts_ns // MS),
                "fillFee": plain(-fill.fee),
                "fillFeeCoin": fill.fee_asset,
                "tradeScope": "M" if fill.is_maker else "T",
                "feeDetail": [{"feeCoin": fill.fee_asset, "fee": plain(-fill.fee)}],
            }
        return told

    @staticmethod
    def _executed(fill: Execution) -> dict[str, Any]:
        return {
            "orderId": str(fill.order.order_id),
            "tradeId": str(fill.trade_id),
            "symbol": spelled(fill.order.market),
            "orderType": fill.order.kind,
            "side": fill.order.side,
            "priceAvg": plain(fill.price),
            "size": plain(fill.size),
            "amount": plain(product(fill.price, fill.size)),
            "tradeScope": "maker" if fill.is_maker else "taker",
            "feeDetail": [fee_of(fill)],
            "cTime": str(fill.ts_ns // MS),
            "uTime": str(fill.ts_ns // MS),
        }

    def coin_of(self, account: str, asset: str) -> dict[str, str]:
        return {
            "coin": asset,
            "available": plain(self.books.free(account, asset)),
            "frozen": plain(self.books.held(account, asset)),
            "locked": "0",
            "limitAvailable": "0",
            "uTime": str(self.clock.now_ms()),
        }

    def on_balance(self, account: str, assets: list[str]) -> None:
        for session in self.of_account(account):
            for arg in self._of(session, "account"):
                data = [self.coin_of(account, asset) for asset in assets]
                session.push(self._frame(arg, data, "snapshot"), "private")
