"""KuCoin spot streams: a token and an address are asked for first; topics by name, and an application ping.

The book topic has no snapshot: a client joins its changes to a REST book by `sequenceStart` and `sequenceEnd`. The
order topic tells of executions without their fee.
"""

from __future__ import annotations

from typing import Any

from tests.venues.records import BookChange, Event, Market, Order, Print
from tests.venues.wire import DECODER, Ask, Session, Venue, call, plain

MS = 1_000_000
ORDERS = ("/spotMarket/tradeOrders", "/spotMarket/tradeOrdersV2")


def spelled(market: Market) -> str:
    return f"{market.base}-{market.quote}"


def named(order_id: int) -> str:
    return f"{order_id:024x}"


def numbered(name: str) -> int:
    return int(name, 16) if name and all(letter in "0123456789abcdef" for letter in name) else 0


class KucoinStreams(Venue):
    """What KuCoin's streams say and are told."""

    def __init__(self, *markets: Market) -> None:
        super().__init__(*markets)
        self.tokens: dict[str, str] = {}

    def listens(self, account: str) -> bool:
        return any(topic in session.topics for session in self.of_account(account) for topic in ORDERS)

    @call("token", "POST", "/api/v1/bullet-public")
    def public_token(self, ask: Ask) -> object:
        return self._token("")

    @call("token", "POST", "/api/v1/bullet-private", private=True)
    def private_token(self, ask: Ask) -> object:
        return self._token(ask.account)

    def _token(self, account: str) -> object:
        token = f"2neAiuYvAU61ZDXANAGAsiL4-iAExhsBXZxftpOeh{len(self.tokens)}"
        self.tokens[token] = account
        server = {
            "endpoint": f"{self.address.replace('http', 'ws', 1)}/wss/ws-api-spot.kucoin.com/",
            "encrypt": True,
            "protocol": "websocket",
            "pingInterval": 18_000,
            "pingTimeout": 10_000,
        }
        return {"code": "200000", "data": {"token": token, "instanceServers": [server]}}

    def opened(self, session: Session) -> None:
        account = self.tokens.get(session.query.get("token", ""))
        if account is None:
            session.push({"id": "0", "type": "error", "code": 401, "data": "token is invalid"})
            return
        session.account = account
        session.push({"id": session.query.get("connectId", ""), "type": "welcome"})

    def hear(self, session: Session, text: str) -> None:
        message = DECODER.decode(text)
        if message["type"] == "ping":
            session.push({"id": message["id"], "type": "pong"})
            return
        path, _, names = message["topic"].partition(":")
        if message.get("privateChannel") and not session.account:
            session.push({"id": message["id"], "type": "error", "code": 403, "data": "topic is private"})
            return
        for topic in [f"{path}:{name}" for name in names.split(",")] if names else [path]:
            if message["type"] == "subscribe":
                session.topics[topic] = True
            else:
                session.topics.pop(topic, None)
        session.push({"id": message["id"], "type": "ack"})
        self.stirred()

    @staticmethod
    def _frame(topic: str, subject: str, data: object) -> dict[str, object]:
        return {"type": "message", "topic": topic, "subject": subject, "data": data}

    # Market data

    def on_book(self, change: BookChange) -> None:
        topic = f"/market/level2:{spelled(change.market)}"
        sides = {
            name: [[plain(price), plain(size), str(change.sequence)] for price, size in levels]
            for name, levels in (("asks", change.asks), ("bids", change.bids))
        }
        data = {
            "changes": sides,
            "sequenceStart": change.sequence,
            "sequenceEnd": change.sequence,
            "symbol": spelled(change.market),
            "time": change.ts_ns // MS,
        }
        for session in self.subscribed(topic):
            if not self.skips_depth():
                session.push(self._frame(topic, "trade.l2update", data), "public")

    def on_print(self, public: Print) -> None:
        topic = f"/market/match:{spelled(public.market)}"
        data = {
            "makerOrderId": "5c35c02703aa673ceec2a168",
            "price": plain(public.price),
            "sequence": str(public.trade_id),
            "side": public.taker,
            "size": plain(public.size),
            "symbol": spelled(public.market),
            "takerOrderId": "5c35c02703aa673ceec2a169",
            "time": str(public.ts_ns),
            "tradeId": str(public.trade_id),
            "type": "match",
        }
        for session in self.subscribed(topic):
            session.push(self._frame(topic, "trade.l3match", data), "public")

    # Orders and money

    def on_event(self, event: Event) -> None:
        for session in self.of_account(event.order.account):
            for topic in ORDERS:
                if topic in session.topics:
                    for data in self._told(event):
                        frame = self._frame(topic, "orderChange", data) | {"channelType": "private"}
                        session.push(frame, "private")

    def _told(self, event: Event) -> list[dict[str, Any]]:
        order, fill = event.order, event.execution
        if fill is not None:
            matched = {
                "type": "match",
                "status": "match",
                "matchPrice": plain(fill.price),
                "matchSize": plain(fill.size),
                "tradeId": str(fill.trade_id),
                "liquidity": "maker" if fill.is_maker else "taker",
                "feeType": "makerFee" if fill.is_maker else "takerFee",
            }
            traded = self._order(order) | matched
            return [traded] if order.rests else [traded, self._order(order) | {"type": "filled", "status": "done"}]
        if event.what == "new":
            return [self._order(order) | {"type": "open", "status": "open"}]
        return [self._order(order) | {"type": "canceled", "status": "done", "canceledSize": plain(order.left)}]

    @staticmethod
    def _order(order: Order) -> dict[str, Any]:
        return {
            "clientOid": order.client_id,
            "orderId": named(order.order_id),
            "orderTime": order.created_ns // MS,
            "orderType": order.kind,
            "originSize": plain(order.size),
            "price": plain(order.price),
            "remainSize": plain(order.left),
            "side": order.side,
            "size": plain(order.size),
            "filledSize": plain(order.filled),
            "symbol": spelled(order.market),
            "ts": order.updated_ns,
        }

    def on_balance(self, account: str, assets: list[str]) -> None:
        for session in self.of_account(account):
            if "/account/balance" in session.topics:
                for asset in assets:
                    data = {
                        "accountId": "5bd6e9286d99522a52e458de",
                        "available": plain(self.books.free(account, asset)),
                        "availableChange": "0",
                        "currency": asset,
                        "hold": plain(self.books.held(account, asset)),
                        "holdChange": "0",
                        "relationEvent": "trade_hf.hold",
                        "relationEventId": "5c21e80303aa677bd09d7dff",
                        "time": str(self.clock.now_ms()),
                        "total": plain(self.books.total(account, asset)),
                    }
                    frame = self._frame("/account/balance", "account.balance", data)
                    session.push(frame | {"channelType": "private", "userId": "5be80c73390578000d0e3a7a"}, "private")
