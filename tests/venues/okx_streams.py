"""OKX v5 streams: `/public` and `/private`, a login signed like a request, channels named by an `arg`.

The book channel sends a snapshot of 400 levels and then updates, chained by `prevSeqId` and `seqId` and checked by the
CRC32 of the best 25 levels of both sides.
"""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import Any

from tests.venues.records import ZERO, BookChange, Event, Market, Order, Print, Side
from tests.venues.wire import DECODER, Session, Venue, plain, sha256_base64

MS = 1_000_000


def spelled(market: Market) -> str:
    return f"{market.base}-{market.quote}"


def state_of(order: Order) -> str:
    return {"new": "live", "expired": "canceled"}.get(order.status, order.status)


def signed_fee(fee: Decimal) -> str:
    return plain(-fee) if fee else "0"


_CANCEL_SOURCES = {"user": "1", "post_only": "31", "self_trade": "32", "ioc": "14", "fok": "13", "switch": "20"}


class OkxStreams(Venue):
    """What OKX's streams say and are told."""

    def listens(self, account: str) -> bool:
        return any(self._topics(session, "orders") for session in self.of_account(account))

    def hear(self, session: Session, text: str) -> None:
        if text == "ping":
            session.push("pong")
            return
        message = DECODER.decode(text)
        if message["op"] == "login":
            session.push(self._login(session, message["args"][0]))
        for arg in message["args"] if message["op"] in ("subscribe", "unsubscribe") else ():
            topic = f"{arg['channel']}:{arg.get('instId', '')}"
            if session.path.endswith("/private") and not session.account:
                session.push({"event": "error", "code": "60011", "msg": "Please log in", "connId": "a4d3ae55"})
                continue
            session.push({"event": message["op"], "arg": arg, "connId": "a4d3ae55"})
            if message["op"] == "unsubscribe":
                session.topics.pop(topic, None)
                continue
            session.topics[topic] = arg
            if arg["channel"] == "books":
                self._push_snapshot(session, arg)
            elif arg["channel"] == "account":
                self._push_account(session, self.books.assets(session.account))
        self.stirred()

    def _login(self, session: Session, args: dict[str, Any]) -> dict[str, str]:
        keys = self.by_key.get(args["apiKey"])
        code, text = "0", ""
        if keys is None:
            code, text = "60005", "Invalid apiKey"
        elif keys.passphrase != args["passphrase"]:
            code, text = "60024", "Wrong passphrase"
        elif args["sign"] != sha256_base64(keys.secret, f"{args['timestamp']}GET/users/self/verify"):
            code, text = "60007", "Invalid sign"
        elif abs(float(args["timestamp"]) * 1000 - self.clock.now_ms()) > 30_000:
            code, text = "60006", "Timestamp request expired"
        else:
            session.account = keys.account
        return {"event": "login" if code == "0" else "error", "code": code, "msg": text, "connId": "a4d3ae55"}

    @staticmethod
    def _topics(session: Session, channel: str) -> list[dict[str, str]]:
        return [arg for arg in session.topics.values() if arg["channel"] == channel]

    # Market data

    def side(self, symbol: str, side: Side, depth: int) -> list[list[str]]:
        """Price, size, a field of no meaning any more, number of orders."""
        return [[plain(price), plain(size), "0", "1"] for price, size in self.books.levels(symbol, side, depth)]

    def _push_snapshot(self, session: Session, arg: dict[str, str]) -> None:
        market = self.market_by(arg["instId"], spelled)
        data = {
            "asks": self.side(market.symbol, "sell", 400),
            "bids": self.side(market.symbol, "buy", 400),
            "ts": str(self.clock.now_ms()),
            "checksum": self._checksum(market),
            "prevSeqId": -1,
            "seqId": self.books.sequences[market.symbol],
        }
        session.push({"arg": arg, "action": "snapshot", "data": [data]}, "public")

    def on_book(self, change: BookChange) -> None:
        topic = f"books:{spelled(change.market)}"
        for session in self.subscribed(topic):
            if self.skips_depth():
                continue
            data = {
                "asks": [[plain(price), plain(size), "0", "1" if size else "0"] for price, size in change.asks],
                "bids": [[plain(price), plain(size), "0", "1" if size else "0"] for price, size in change.bids],
                "ts": str(change.ts_ns // MS),
                "checksum": self._checksum(change.market),
                "prevSeqId": change.sequence - 1,
                "seqId": change.sequence,
            }
            session.push({"arg": session.topics[topic], "action": "update", "data": [data]}, "public")

    def _checksum(self, market: Market) -> int:
        bids, asks = self.side(market.symbol, "buy", 25), self.side(market.symbol, "sell", 25)
        parts = [
            f"{level[0]}:{level[1]}" for pair in range(25) for level in (*bids[pair : pair + 1], *asks[pair : pair + 1])
        ]
        unsigned = zlib.crc32(":".join(parts).encode())
        signed = unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned
        return signed + 1 if self.spoils_checksum() else signed

    def print_of(self, public: Print) -> dict[str, str]:
        return {
            "instId": spelled(public.market),
            "tradeId": str(public.trade_id),
            "px": plain(public.price),
            "sz": plain(public.size),
            "side": public.taker,
            "ts": str(public.ts_ns // MS),
        }

    def on_print(self, public: Print) -> None:
        topic = f"trades:{spelled(public.market)}"
        for session in self.subscribed(topic):
            data = self.print_of(public) | {"count": "1"}
            session.push({"arg": session.topics[topic], "data": [data]}, "public")

    # Orders and money

    def on_event(self, event: Event) -> None:
        for session in self.of_account(event.order.account):
            for arg in self._topics(session, "orders"):
                if arg.get("instId") in (None, spelled(event.order.market)):
                    session.push({"arg": arg, "data": [self._told(event)]}, "private")

    def _told(self, event: Event) -> dict[str, Any]:
        fill = event.execution
        return self.order_of(event.order) | {
            "fillPx": plain(fill.price) if fill else "",
            "fillSz": plain(fill.size) if fill else "0",
            "tradeId": str(fill.trade_id) if fill else "",
            "fillTime": str(fill.ts_ns // MS) if fill else "",
            "fillFee": signed_fee(fill.fee) if fill else "0",
            "fillFeeCcy": fill.fee_asset if fill else "",
            "execType": ("M" if fill.is_maker else "T") if fill else "",
            "amendResult": "0" if event.what == "amended" else "",
            "reqId": "",
            "code": "0",
            "msg": "",
        }

    def on_balance(self, account: str, assets: list[str]) -> None:
        for session in self.of_account(account):
            if self._topics(session, "account"):
                self._push_account(session, assets)

    def _push_account(self, session: Session, assets: list[str]) -> None:
        for arg in self._topics(session, "account"):
            session.push({"arg": arg, "data": [self.account_of(session.account, assets)]}, "private")

    def account_of(self, account: str, assets: list[str]) -> dict[str, Any]:
        now = str(self.clock.now_ms())
        details = [
            {
                "ccy": asset,
                "eq": plain(self.books.total(account, asset)),
                "cashBal": plain(self.books.total(account, asset)),
                "availBal": plain(self.books.free(account, asset)),
                "availEq": plain(self.books.free(account, asset)),
                "frozenBal": plain(self.books.held(account, asset)),
                "ordFrozen": plain(self.books.held(account, asset)),
                "uTime": now,
            }
            for asset in assets
        ]
        return {"adjEq": "", "details": details, "isoEq": "", "totalEq": "", "uTime": now}

    def order_of(self, order: Order) -> dict[str, Any]:
        fills = [each for each in self.books.fills(order.account) if each.order.order_id == order.order_id]
        so_far = [each for each in fills if each.order.filled <= order.filled]
        return {
            "instType": "SPOT",
            "instId": spelled(order.market),
            "ordId": str(order.order_id),
            "clOrdId": order.client_id,
            "tag": "",
            "px": plain(order.price) if order.kind == "limit" else "",
            "sz": plain(order.size),
            "pnl": "0",
            "ordType": "post_only" if order.post_only else "market" if order.kind == "market" else _type_of(order),
            "side": order.side,
            "posSide": "net",
            "tdMode": "cash",
            "accFillSz": plain(order.filled),
            "fillPx": plain(so_far[-1].price) if so_far else "",
            "fillSz": plain(so_far[-1].size) if so_far else "0",
            "tradeId": str(so_far[-1].trade_id) if so_far else "",
            "fillTime": str(so_far[-1].ts_ns // MS) if so_far else "",
            "avgPx": plain(order.average) if order.filled else "",
            "state": state_of(order),
            "lever": "",
            "fee": signed_fee(sum((each.fee for each in so_far), ZERO)),
            "feeCcy": so_far[-1].fee_asset
            if so_far
            else (order.market.base if order.side == "buy" else order.market.quote),
            "rebate": "0",
            "rebateCcy": order.market.quote if order.side == "buy" else order.market.base,
            "source": "",
            "cancelSource": _CANCEL_SOURCES.get(order.why, ""),
            "category": "normal",
            "reduceOnly": "false",
            "tgtCcy": "base_ccy" if order.kind == "market" else "",
            "uTime": str(order.updated_ns // MS),
            "cTime": str(order.created_ns // MS),
        }


def _type_of(order: Order) -> str:
    return order.tif if order.tif in ("ioc", "fok") else "limit"
