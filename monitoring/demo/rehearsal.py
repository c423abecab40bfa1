"""A mandate for any recorded market, so that a recording nobody has a mandate for can be played too."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from itertools import chain, islice

from django.db import transaction

from clients.errors import Refusal
from clients.models import Client, Mandate, User
from engine.core.decimals import BPS
from engine.venues.recordings import open_recording
from engine.venues.recordings.messages import Snapshot, Top
from monitoring.demo import desk
from monitoring.demo.mandates import FEES, DemoMandate
from monitoring.models import Recording
from monitoring.services import recorded_market
from strategies.models import Revision, Strategy

CLIENT = "demo-borealis"
DOLLARS = {"BTC": Decimal("60000"), "ETH": Decimal("2700"), "BNB": Decimal("500"), "EUR": Decimal("1.1")}
"""Rough worth of a quote currency; what is not here counts as a dollar. Only the size of a rehearsal depends on it."""
SIDE_DOLLARS = Decimal(250_000)
"""Opening balance of base and of quote."""
LOOK_AT = 50_000


@transaction.atomic
def rehearsal(recording: Recording) -> tuple[Revision, dict[str, Decimal]]:
    """An approved revision for the recorded market, with its funding, made on the demo desk; the same one every time.

    Quotes twice the spread the recording begins with, at least 12 bps, in five levels a side.
    Raises Refusal when the recording shows no two-sided book.
    """
    desk.build()
    market = recorded_market(recording)
    mid, spread_bps = _beginning(recording)
    quoted_bps = max(Decimal(12), (2 * spread_bps).to_integral_value(ROUND_CEILING))
    unit = Decimal(1) / DOLLARS.get(market.quote, Decimal(1))
    demo = DemoMandate(
        client=CLIENT,
        symbol=recording.symbol,
        tags="rehearsal",
        terms=(),
        market={
            **FEES,
            "profile": "major",
            "seed": 1,
            "anchor_price": _text(mid),
            "tick_size": _text(market.tick_size),
            "lot_size": _text(market.lot_size),
            "min_notional_quote": _text(_rounded(5 * unit)),
        },
        template="inventory_spread",
        quoting={
            "spread_bps": _text(quoted_bps),
            "levels": 5,
            "level_spacing_bps": _text((quoted_bps / 2).to_integral_value(ROUND_CEILING)),
            "skew": "0.5",
            "order_size_quote": _text(_rounded(15_000 * unit)),
            "max_position_quote": _text(_rounded(200_000 * unit)),
            "halt_position_quote": _text(_rounded(240_000 * unit)),
            "max_loss_quote": _text(_rounded(25_000 * unit)),
            "max_order_size_quote": _text(_rounded(20_000 * unit)),
            "max_open_notional_quote": _text(_rounded(200_000 * unit)),
            "max_orders_per_s": 20,
            "interval_ms": 500,
            "price_threshold_bps": "2",
        },
        funding=("0", "0"),
    )
    lots = (SIDE_DOLLARS * unit / mid / market.lot_size).to_integral_value(ROUND_CEILING)
    funding = {market.base: lots * market.lot_size, market.quote: _rounded(SIDE_DOLLARS * unit)}
    return _revision(demo, market.base, market.quote), funding


def _revision(demo: DemoMandate, base: str, quote: str) -> Revision:
    people = {person.username: person for person in User.objects.filter(username__in=desk.STAFF)}
    client = Client.objects.get(slug=demo.client)
    mandate, _ = Mandate.objects.get_or_create(
        slug=f"rehearsal-{base}-{quote}".lower(),
        defaults={
            "client": client,
            "name": f"{demo.symbol} rehearsal",
            "base": base,
            "quote": quote,
            "tags": demo.tags,
        },
    )
    strategy, _ = Strategy.objects.get_or_create(
        mandate=mandate, name="Inventory spread", defaults={"client": client, "draft_yaml": demo.yaml()}
    )
    return desk.approved(strategy, demo.yaml(), people)


def _beginning(recording: Recording) -> tuple[Decimal, Decimal]:
    """(mid, spread in bps of mid) of the first two-sided book."""
    opened = open_recording(recording.path, recording.symbol)
    for message in chain(islice(opened.before(), LOOK_AT), islice(opened.messages(), LOOK_AT)):
        match message:
            case Snapshot(symbol=symbol, bids=bids, asks=asks) if symbol in ("", opened.symbol) and bids and asks:
                bid, ask = max(price for price, _ in bids), min(price for price, _ in asks)
            case Top(symbol=symbol, bid=bid, ask=ask) if symbol in ("", opened.symbol):
                pass
            case _:
                continue
        if bid < ask:
            mid = (bid + ask) / 2
            return mid, (ask - bid) / mid * BPS
    raise Refusal(
        f"{recording} shows no two-sided book in its first {LOOK_AT} messages, so nothing can be quoted on it."
    )


def _rounded(amount: Decimal) -> Decimal:
    """Two significant figures are exact enough for the size of a rehearsal."""
    return Decimal(f"{amount.quantize(Decimal(1).scaleb(amount.adjusted() - 1), ROUND_CEILING):f}")


def _text(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
