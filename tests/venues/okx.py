"""OKX v5: REST. Its streams are in `okx_streams.py`.

Wire format: okx.com/docs-v5. Every number is quoted; a fee that is paid is negative; an order that fails on its own is
told per item under HTTP 200, and lists come newest first. A cancelled order without an execution is forgotten after
two hours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, cast

from tests.venues.okx_streams import MS, OkxStreams, signed_fee, spelled, state_of
from tests.venues.records import ZERO, Execution, Market, Order, Reject, Side
from tests.venues.summaries import candles, last_day
from tests.venues.wire import Ask, Keys, Wire, call, plain, sha256_base64

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_SPANS = {"1m": 60, "5m": 300, "15m": 900, "1H": 3600, "4H": 14_400, "1Dutc": 86_400}
_REFUSALS = {
    "unknown_market": ("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."),
    "price": ("51000", "Parameter px error"),
    "size": ("51121", "Order quantity must be a multiple of the lot size."),
    "notional": ("51020", "Your order should meet or exceed the minimum order amount."),
    "funds": ("51008", "Order failed. Insufficient USDT balance in account."),
    "duplicate": ("51016", "Client order ID already exists."),
    "halted": ("51027", "Contract expired."),
    "amend": ("51000", "Parameter newSz error"),
    "gone": ("51400", "Cancellation failed as the order has been filled, canceled or does not exist."),
}


def answer(data: list[Any], *, code: str = "0", text: str = "") -> dict[str, Any]:
    return {"code": code, "msg": text, "data": data}


class Okx(OkxStreams):
    id: ClassVar[str] = "okx"
    keys: ClassVar[Keys] = Keys(
        account="desk",
        api_key="37c541a1-a6f4-4b6e-9e3f-1a2b3c4d5e6f",
        secret="22582BD0CFF14C41EDBF1AB98506286D",
        passphrase="Correct-Horse-7",
    )
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}

    # Refusals

    def authenticate(self, ask: Ask) -> Keys:
        """Base64 of HMAC-SHA256 over stamp, method, path with query, and body as they were sent."""
        keys = self.by_key.get(ask.headers.get("ok-access-key", ""))
        stamp = ask.headers.get("ok-access-timestamp", "")
        if keys is None:
            raise self.error("50111", "Invalid OK-ACCESS-KEY", status=401)
        if ask.headers.get("ok-access-passphrase") != keys.passphrase:
            raise self.error("50105", "Request header OK-ACCESS-PASSPHRASE incorrect.", status=401)
        if ask.headers.get("ok-access-sign") != sha256_base64(keys.secret, stamp + ask.method + ask.target + ask.body):
            raise self.error("50113", "Invalid Sign", status=401)
        at = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        if abs(at.timestamp() * 1000 - self.clock.now_ms()) > 30_000:
            raise self.error("50102", "Timestamp request expired", status=401)
        return keys

    @staticmethod
    def error(code: str, text: str, *, status: int = 200) -> Wire:
        return Wire(answer([], code=code, text=text), status=status)

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        if reject.kind == "gone":
            return self.error("51603", "Order does not exist")
        return self.error(*_REFUSALS[reject.kind])

    def unheard_of(self) -> Wire:
        return self.error("59998", "This is not the day for it.")

    def rate_limited(self, retry_after_s: int) -> Wire:
        return self.error("50011", "Too Many Requests", status=429)

    # Public

    @call("time", "GET", "/api/v5/public/time")
    def time(self, ask: Ask) -> object:
        return answer([{"ts": str(self.clock.now_ms())}])

    @call("markets", "GET", "/api/v5/public/instruments")
    def markets(self, ask: Ask) -> object:
        if ask.text("instType") != "SPOT":
            return answer([])
        return answer([self._market(market) for market in self.books.markets.values()])

    def _market(self, market: Market) -> dict[str, object]:
        return {
            "alias": "",
            "baseCcy": market.base,
            "category": "1",
            "ctMult": "",
            "ctType": "",
            "ctVal": "",
            "ctValCcy": "",
            "expTime": "",
            "instFamily": "",
            "instId": spelled(market),
            "instType": "SPOT",
            "lever": "",
            "listTime": "1548133413000",
            "lotSz": plain(market.lot),
            "maxLmtSz": "9999999999",
            "maxMktSz": "1000000",
            "minSz": plain(market.min_size),
            "optType": "",
            "quoteCcy": market.quote,
            "settleCcy": "",
            "state": "suspend" if market.symbol in self.books.halted else "live",
            "stk": "",
            "tickSz": plain(market.tick),
            "uly": "",
        }

    @call("book", "GET", "/api/v5/market/books")
    def book(self, ask: Ask) -> object:
        symbol, depth = self._market_of(ask).symbol, min(ask.int("sz", 1), 400)
        frame = {name: self.side(symbol, cast(Side, side), depth) for name, side in (("asks", "sell"), ("bids", "buy"))}
        return answer([frame | {"ts": str(self.clock.now_ms())}])

    @call("trades", "GET", "/api/v5/market/trades")
    def trades(self, ask: Ask) -> object:
        market = self._market_of(ask)
        found = [each for each in self.books.prints if each.market == market]
        return answer([self.print_of(each) for each in reversed(found[-ask.int("limit", 100) :])])

    @call("ticker", "GET", "/api/v5/market/ticker")
    def ticker(self, ask: Ask) -> object:
        market = self._market_of(ask)
        day = last_day(self.books, market.symbol)
        bids, asks = (
            self.books.levels(market.symbol, cast(Side, side), 1) or [(ZERO, ZERO)] for side in ("buy", "sell")
        )
        return answer(
            [
                {
                    "instType": "SPOT",
                    "instId": spelled(market),
                    "last": plain(day.close),
                    "lastSz": "1",
                    "askPx": plain(asks[0][0]),
                    "askSz": plain(asks[0][1]),
                    "bidPx": plain(bids[0][0]),
                    "bidSz": plain(bids[0][1]),
                    "open24h": plain(day.open),
                    "high24h": plain(day.high),
                    "low24h": plain(day.low),
                    "volCcy24h": plain(day.volume_quote),
                    "vol24h": plain(day.volume),
                    "ts": str(self.clock.now_ms()),
                    "sodUtc0": plain(day.open),
                    "sodUtc8": plain(day.open),
                }
            ]
        )

    @call("candles", "GET", "/api/v5/market/(history-)?candles")
    def candles(self, ask: Ask) -> object:
        """`before` asks for what is newer than a stamp, `after` for what is older."""
        newer, older = ask.int("before", -1), ask.int("after", 2**62)
        found = [
            [
                str(bar.start_ms),
                *(plain(number) for number in (bar.open, bar.high, bar.low, bar.close, bar.volume)),
                plain(bar.volume_quote),
                plain(bar.volume_quote),
                "1",
            ]
            for bar in candles(self.books, self._market_of(ask).symbol, _SPANS[ask.text("bar", "1m")])
            if newer < bar.start_ms < older
        ]
        return answer(found[::-1][: ask.int("limit", 100)])

    # Private

    @call("balances", "GET", "/api/v5/account/balance", private=True)
    def balances(self, ask: Ask) -> object:
        return answer([self.account_of(ask.account, self.books.assets(ask.account))])

    @call("place", "POST", "/api/v5/trade/order", private=True)
    def place(self, ask: Ask) -> object:
        return self._each(ask, [ask.args], self._place)

    @call("place", "POST", "/api/v5/trade/batch-orders", private=True)
    def place_several(self, ask: Ask) -> object:
        return self._each(ask, ask.args["items"], self._place)

    @call("amend", "POST", "/api/v5/trade/amend-order", private=True)
    def amend(self, ask: Ask) -> object:
        """Answered when it is taken; the stream tells what came of it."""
        return self._each(ask, [ask.args], self._amend)

    @call("cancel", "POST", "/api/v5/trade/cancel-order", private=True)
    def cancel(self, ask: Ask) -> object:
        return self._each(ask, [ask.args], self._cancel)

    @call("cancel", "POST", "/api/v5/trade/cancel-batch-orders", private=True)
    def cancel_several(self, ask: Ask) -> object:
        return self._each(ask, ask.args["items"], self._cancel)

    @call("cancel_all_after", "POST", "/api/v5/trade/cancel-all-after", private=True)
    def cancel_all_after(self, ask: Ask) -> object:
        seconds = ask.int("timeOut")
        if seconds and not 10 <= seconds <= 120:
            raise self.error("51000", "Parameter timeOut error")
        due_ns = self.books.cancel_all_after(ask.account, seconds)
        return answer([{"triggerTime": str(due_ns // MS), "tag": "", "ts": str(self.clock.now_ms())}])

    def _each(self, ask: Ask, items: list[dict[str, Any]], act: Callable[[Ask, dict[str, Any]], Order]) -> object:
        """Code 0 when all went well, 1 when none did, 2 when some did; each item has a word of its own."""
        if len(items) > 20:
            raise self.error("50014", "Parameter data can not exceed 20 items")
        told = []
        for item in items:
            named = {"clOrdId": item.get("clOrdId", ""), "ordId": item.get("ordId", ""), "tag": item.get("tag", "")}
            try:
                order = act(ask, item)
                named |= {"clOrdId": order.client_id, "ordId": str(order.order_id)}
                told.append(named | {"sCode": "0", "sMsg": "", "ts": str(self.clock.now_ms())})
            except Reject as no:
                code, text = _REFUSALS[no.kind]
                if no.kind == "gone" and ask.call == "amend":
                    code, text = "51503", "Order modification failed as the order does not exist."
                told.append(named | {"sCode": code, "sMsg": text, "ts": str(self.clock.now_ms())})
        failed = sum(each["sCode"] != "0" for each in told)
        code = "0" if not failed else "1" if failed == len(told) else "2"
        return answer(told, code=code, text="" if not failed else "All operations failed" if code == "1" else "")

    def _place(self, ask: Ask, item: dict[str, Any]) -> Order:
        kind, client_id, in_quote = item["ordType"], item.get("clOrdId", ""), item.get("tgtCcy") == "quote_ccy"
        if client_id and not _CLIENT_ID.fullmatch(client_id):
            raise self.error("51000", "Parameter clOrdId error")
        if item.get("tdMode") != "cash":
            raise self.error("51000", "Parameter tdMode error")
        one = Ask(call="", method="", path="", query="", body="", headers={}, args=item)
        return self.books.place(
            ask.account,
            self.market_by(item["instId"], spelled).symbol,
            item["side"],
            price=None if kind == "market" else one.decimal("px"),
            size=None if in_quote else one.decimal("sz"),
            size_quote=one.decimal("sz") if in_quote else None,
            tif=cast(Any, kind if kind in ("ioc", "fok") else "gtc"),
            post_only=kind == "post_only",
            client_id=client_id,
        )

    def _amend(self, ask: Ask, item: dict[str, Any]) -> Order:
        symbol = self.market_by(item["instId"], spelled).symbol
        return self.books.amend(ask.account, symbol, **_named(item), size=Decimal(item["newSz"]))

    def _cancel(self, ask: Ask, item: dict[str, Any]) -> Order:
        symbol = self.market_by(item["instId"], spelled).symbol
        return self.books.cancel(ask.account, symbol, **_named(item))

    @call("order", "GET", "/api/v5/trade/order", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **_named(ask.args))
        if found is None or spelled(found.market) != ask.text("instId") or self._is_forgotten(found):
            raise Reject("gone", "no such order")
        return answer([self.order_of(found)])

    @call("open_orders", "GET", "/api/v5/trade/orders-pending", private=True)
    def list_open(self, ask: Ask) -> object:
        symbol = self._market_of(ask).symbol if ask.text("instId") else ""
        return answer(
            [self.order_of(order) for order in self._page(ask, self.open_orders(ask.account, symbol), _id_of)]
        )

    @call("closed_orders", "GET", "/api/v5/trade/orders-history(-archive)?", private=True)
    def history(self, ask: Ask) -> object:
        """A week; three months in the archive."""
        days = 90 if ask.path.endswith("archive") else 7
        oldest_ms = max(self.clock.now_ms() - days * DAY_MS, ask.int("begin"))
        found = [
            order
            for order in self.books.history(ask.account)
            if not order.rests
            and not self._is_forgotten(order)
            and ask.text("instId") in ("", spelled(order.market))
            and ask.text("state") in ("", state_of(order))
            and oldest_ms <= order.created_ns // MS <= ask.int("end", 2**62)
        ]
        return answer([self.order_of(order) for order in self._page(ask, found, _id_of)])

    def _is_forgotten(self, order: Order) -> bool:
        age_ms = (self.clock.now_ns() - order.updated_ns) // MS
        return not order.rests and not order.filled and age_ms > 2 * HOUR_MS

    @call("fills", "GET", "/api/v5/trade/fills(-history)?", private=True)
    def fills(self, ask: Ask) -> object:
        """Three days; three months in the history."""
        days = 90 if ask.path.endswith("history") else 3
        oldest_ms = max(self.clock.now_ms() - days * DAY_MS, ask.int("begin"))
        found = [
            each
            for each in self.books.fills(ask.account)
            if ask.text("instId") in ("", spelled(each.order.market))
            and ask.text("ordId") in ("", str(each.order.order_id))
            and oldest_ms <= each.ts_ns // MS <= ask.int("end", 2**62)
        ]
        return answer([self._fill(each) for each in self._page(ask, found, lambda each: each.trade_id)])

    def _fill(self, each: Execution) -> dict[str, str]:
        fee = signed_fee(each.fee)
        return {
            "instType": "SPOT",
            "instId": spelled(each.order.market),
            "tradeId": str(each.trade_id),
            "ordId": str(each.order.order_id),
            "clOrdId": each.order.client_id,
            "billId": str(each.trade_id),
            "subType": "1" if each.order.side == "buy" else "2",
            "tag": "",
            "fillPx": plain(each.price),
            "fillSz": plain(each.size),
            "fillIdxPx": plain(each.price),
            "fillPnl": "0",
            "side": each.order.side,
            "posSide": "net",
            "execType": "M" if each.is_maker else "T",
            "feeCcy": each.fee_asset,
            "fee": fee,
            "feeRate": "-0.001",
            "ts": str(each.ts_ns // MS),
            "fillTime": str(each.ts_ns // MS),
        }

    # Words

    def _market_of(self, ask: Ask) -> Market:
        return self.market_by(ask.text("instId"), spelled)

    @staticmethod
    def _page(ask: Ask, found: list[Any], id_of: Callable[[Any], int]) -> list[Any]:
        """Newest first; `after` asks for what is older than an id, `before` for what is newer."""
        within = [each for each in found if ask.int("before") < id_of(each) < ask.int("after", 2**62)]
        return within[::-1][: min(ask.int("limit", 100), 100)]


def _id_of(order: Order) -> int:
    return order.order_id


def _named(args: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": int(args["ordId"])} if args.get("ordId") else {"client_id": args.get("clOrdId", "")}
