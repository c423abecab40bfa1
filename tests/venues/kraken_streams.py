"""Kraken streams, version 2: `/v2` of the public and of the private address; numbers are not quoted.

The book sends the best levels, as many as were asked for, and then what changed among them, each frame with a CRC32 of
the best ten; a level that is pushed out is forgotten without a word. Private channels take a token, and executions
name market and sizes of an order only when it is new or trades.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from tests.venues.records import BookChange, Event, Execution, Market, Order, Print, Side, product
from tests.venues.wire import DECODER, Session, Venue, places

NS = 1_000_000_000
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_STATUS = {"partially_filled": "partially_filled", "filled": "filled", "canceled": "canceled", "expired": "expired"}
REASONS = {"user": "User requested", "post_only": "Post only order", "switch": "Cancel all orders after timeout"}


def spelled(market: Market) -> str:
    return market.base + market.quote


def bare_text(text: str) -> msgspec.Raw:
    """A number as it is written, without quotes."""
    return msgspec.Raw(text.encode())


def bare(value: Decimal, digits: int | None = None) -> msgspec.Raw:
    return bare_text(format(value, "f") if digits is None else f"{value:.{digits}f}")


def named(number: int, letter: str = "O") -> str:
    """An id in the venue's form, from which the number can be read again."""
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = _LETTERS[rest] + text
    text = text.rjust(16, "0")
    return f"{letter}{text[:5]}-{text[5:10]}-{text[10:]}"


def numbered(name: str) -> int:
    text = name.replace("-", "")[1:]
    return int(text, 36) if text.isalnum() else 0


def traded(each: Execution) -> str:
    return named(each.trade_id, "T")


def iso(ts_ns: int) -> str:
    moment = datetime.fromtimestamp(ts_ns // NS, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ts_ns % NS // 1000:06d}Z"


class KrakenStreams(Venue):
    """What Kraken's streams say and are told."""

    tells_fills_as_orders = False

    def __init__(self, *markets: Market) -> None:
        super().__init__(*markets)
        self.tokens: dict[str, str] = {}
        self.nonces: dict[str, int] = {}
        self._shown: dict[tuple[int, str], dict[Side, dict[Decimal, Decimal]]] = {}
        """The levels a subscriber of a book has been shown, by session and topic."""
        self._sequence = 0

    def listens(self, account: str) -> bool:
        return any("executions" in session.topics for session in self.of_account(account))

    def opened(self, session: Session) -> None:
        data = {"version": "2.0.0", "system": "online", "api_version": "v2", "connection_id": 11}
        session.push({"channel": "status", "type": "update", "data": [data]})

    def closed(self, session: Session) -> None:
        self._shown = {key: shown for key, shown in self._shown.items() if key[0] != id(session)}

    def hear(self, session: Session, text: str) -> None:
        message = DECODER.decode(text)
        method, echo = message.get("method"), {"req_id": message.get("req_id", 0)}
        now = iso(self.clock.now_ns())
        if method == "ping":
            session.push({"method": "pong", "time_in": now, "time_out": now} | echo)
            return
        params = message.get("params", {})
        channel = params.get("channel")
        if "token" in params:
            if params["token"] not in self.tokens:
                error = {"method": method, "success": False, "error": "ESession:Invalid session"}
                session.push(error | {"time_in": now, "time_out": now} | echo)
                return
            session.account = self.tokens[params["token"]]
        elif channel in ("executions", "balances"):
            error = {"method": method, "success": False, "error": "EGeneral:Invalid arguments:token"}
            session.push(error | {"time_in": now, "time_out": now} | echo)
            return
        for symbol in params.get("symbol", [""]):
            topic = f"{channel} {symbol}".strip()
            result = {"channel": channel} | ({"symbol": symbol, "snapshot": True} if symbol else {})
            session.push({"method": method, "result": result, "success": True, "time_in": now, "time_out": now} | echo)
            if method == "unsubscribe":
                session.topics.pop(topic, None)
                continue
            session.topics[topic] = params
            self._push_snapshot(session, channel, symbol, params)
        self.stirred()

    def _push_snapshot(self, session: Session, channel: str, symbol: str, params: dict[str, Any]) -> None:
        if channel == "book":
            self._show(session, symbol, int(params.get("depth", 10)), is_snapshot=True)
        elif channel == "trade" and params.get("snapshot", True):
            prints = [each for each in self.books.prints if each.market.symbol == symbol][-50:]
            if prints:
                self._push(session, "trade", [self._print(each) for each in prints], "snapshot", "public")
        elif channel == "executions":
            orders = self.books.resting(session.account) if params.get("snap_orders") else []
            told = [self._whole(order, "new") for order in orders]
            self._push(session, "executions", told, "snapshot", "private")
        elif channel == "balances":
            held = [
                {"asset": asset, "asset_class": "currency", "balance": bare(self.books.total(session.account, asset))}
                for asset in self.books.assets(session.account)
            ]
            self._push(session, "balances", held, "snapshot", "private")

    def _push(self, session: Session, channel: str, data: list[Any], kind: str, lane: Any) -> None:
        frame: dict[str, Any] = {"channel": channel, "type": kind, "data": data}
        if lane == "private":
            self._sequence += 1
            frame["sequence"] = self._sequence
        session.push(frame, lane)

    # Market data

    def on_book(self, change: BookChange) -> None:
        for session in self.subscribed(f"book {change.market.symbol}"):
            params = session.topics[f"book {change.market.symbol}"]
            self._show(session, change.market.symbol, int(params.get("depth", 10)), is_snapshot=False)

    def _show(self, session: Session, symbol: str, depth: int, *, is_snapshot: bool) -> None:
        """What the subscriber cannot know yet: levels among the best that are new or other, and those that went."""
        market = self.books.markets[symbol]
        before = self._shown.get((id(session), symbol), {})
        now: dict[Side, dict[Decimal, Decimal]] = {}
        told: dict[Side, list[tuple[Decimal, Decimal]]] = {}
        for side in ("buy", "sell"):
            known = {} if is_snapshot else before.get(side, {})
            book = dict(self.books.levels(symbol, side))
            best = dict(self.books.levels(symbol, side, depth))
            gone = [(price, Decimal(0)) for price in known if price not in book]
            told[side] = gone + [(price, size) for price, size in best.items() if known.get(price) != size]
            now[side] = best
        self._shown[id(session), symbol] = now
        if not is_snapshot and (self.skips_depth() or not (told["buy"] or told["sell"])):
            return
        data: dict[str, Any] = {
            "symbol": symbol,
            "bids": self._levels(market, told["buy"]),
            "asks": self._levels(market, told["sell"]),
            "checksum": self._checksum(market),
            "timestamp": iso(self.clock.now_ns()),
        }
        self._push(session, "book", [data], "snapshot" if is_snapshot else "update", "public")

    @staticmethod
    def _levels(market: Market, levels: Iterable[tuple[Decimal, Decimal]]) -> list[dict[str, msgspec.Raw]]:
        return [
            {"price": bare(price, places(market.tick)), "qty": bare(size, places(market.lot))} for price, size in levels
        ]

    def _checksum(self, market: Market) -> int:
        text = ""
        for side in ("sell", "buy"):
            for price, size in self.books.levels(market.symbol, side, 10):
                for number, digits in ((price, places(market.tick)), (size, places(market.lot))):
                    text += f"{number:.{digits}f}".replace(".", "").lstrip("0")
        return zlib.crc32(text.encode()) + (1 if self.spoils_checksum() else 0)

    def _print(self, each: Print) -> dict[str, Any]:
        return {
            "symbol": each.market.symbol,
            "side": each.taker,
            "price": bare(each.price),
            "qty": bare(each.size),
            "ord_type": "limit",
            "trade_id": each.trade_id,
            "timestamp": iso(each.ts_ns),
        }

    def on_print(self, public: Print) -> None:
        for session in self.subscribed(f"trade {public.market.symbol}"):
            self._push(session, "trade", [self._print(public)], "update", "public")

    # Orders and money

    def on_event(self, event: Event) -> None:
        for session in self.of_account(event.order.account):
            if "executions" in session.topics:
                for told in self._told(event):
                    self._push(session, "executions", [told], "update", "private")

    def _told(self, event: Event) -> list[dict[str, Any]]:
        order = event.order
        if event.what == "new":
            return [self._whole(order, "pending_new"), self._brief(order, "new")]
        if event.execution is not None:
            traded_ = self._trade(event.execution)
            return [traded_] if order.rests else [traded_, self._brief(order, "filled")]
        if event.what == "amended":
            return [self._brief(order, "amended") | {"order_qty": bare(order.size), "amended": True}]
        return [self._brief(order, event.what) | {"reason": REASONS.get(order.why, order.why)}]

    @staticmethod
    def _ids(order: Order) -> dict[str, Any]:
        ids: dict[str, Any] = {"order_id": named(order.order_id), "order_userref": 0}
        return ids | ({"cl_ord_id": order.client_id} if order.client_id else {})

    def _brief(self, order: Order, what: str) -> dict[str, Any]:
        return self._ids(order) | {
            "exec_type": what,
            "order_status": "new" if order.status == "new" else _STATUS[order.status],
            "cum_qty": bare(order.filled),
            "cum_cost": bare(order.cost),
            "fee_usd_equiv": 0,
            "avg_price": bare(order.average),
            "timestamp": iso(order.updated_ns),
        }

    def _whole(self, order: Order, what: str) -> dict[str, Any]:
        status = what if what == "pending_new" or order.status == "new" else _STATUS[order.status]
        return self._ids(order) | {
            "exec_type": what,
            "order_status": status,
            "symbol": order.market.symbol,
            "side": order.side,
            "order_type": order.kind,
            "order_qty": bare(order.size),
            "cum_qty": bare(order.filled),
            "cum_cost": bare(order.cost),
            "limit_price": bare(order.price),
            "limit_price_type": "static",
            "stop_price": 0,
            "post_only": order.post_only,
            "time_in_force": order.tif.upper(),
            "fee_usd_equiv": 0,
            "fee_ccy_pref": "fciq",
            "timestamp": iso(order.updated_ns),
        }

    def _trade(self, each: Execution) -> dict[str, Any]:
        order = each.order
        return self._ids(order) | {
            "exec_type": "trade",
            "exec_id": traded(each),
            "trade_id": each.trade_id,
            "symbol": order.market.symbol,
            "side": order.side,
            "last_qty": bare(each.size),
            "last_price": bare(each.price),
            "liquidity_ind": "m" if each.is_maker else "t",
            "cost": bare(product(each.price, each.size)),
            "order_status": _STATUS[order.status],
            "order_type": order.kind,
            "order_qty": bare(order.size),
            "cum_qty": bare(order.filled),
            "cum_cost": bare(order.cost),
            "avg_price": bare(order.average),
            "limit_price": bare(order.price),
            "fee_usd_equiv": 0,
            "fees": [{"asset": each.fee_asset, "qty": bare(each.fee)}],
            "timestamp": iso(each.ts_ns),
        }

    def on_balance(self, account: str, assets: list[str]) -> None:
        for session in self.of_account(account):
            if "balances" in session.topics:
                told = [
                    {
                        "asset": asset,
                        "asset_class": "currency",
                        "balance": bare(self.books.total(account, asset)),
                        "amount": 0,
                        "fee": 0,
                        "type": "trade",
                        "wallet_type": "spot",
                        "wallet_id": "main",
                        "timestamp": iso(self.clock.now_ns()),
                    }
                    for asset in assets
                ]
                self._push(session, "balances", told, "update", "private")
