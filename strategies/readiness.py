"""What else a draft's market and accounts have to say: nothing that makes it wrong, all of it worth knowing first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.urls import reverse
from django.utils import timezone

from exchanges.choices import CheckState, MarketState
from exchanges.models import AccountCheck, ExchangeAccount, Market
from exchanges.selectors import latest_checks, quality_of
from strategies.builder.sheet import Field, Sheet
from strategies.models import Strategy
from strategies.selectors import cannot_trade_live

GUARD = "risk.guard"
OLD_HOURS = 24
"""A venue changes ticks and lists a few times a year; a day is long for one that is followed."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """weight: ok, warn, bad, unseen. It leads to a page of the desk or, with `target`, to a field of the draft."""

    weight: str
    name: str
    text: str
    url: str = ""
    target: str = ""


def readiness(strategy: Strategy, sheet: Sheet) -> list[Remark]:
    """Of the market, its venue, and every account of the client there."""
    market = strategy.market
    if market is None:
        return []
    accounts = list(ExchangeAccount.objects.filter(client=strategy.client_id, venue=market.venue_id).order_by("name"))
    checks = latest_checks(accounts)
    found = [_market(market), *_venue(market)]
    for account in accounts:
        found += _account(account, checks.get(account.pk), market, sheet)
    return found


def _market(market: Market) -> Remark:
    url = reverse("exchanges:venue", args=[market.venue.slug])
    if market.state == MarketState.DELISTED:
        text = f"{market.symbol} was taken off the list of {market.venue}: nothing would start there."
        return Remark(weight="bad", name="Market", text=text, url=url)
    if market.state == MarketState.HALTED:
        text = f"{market.venue} does not trade {market.symbol} at present: nothing would start there until it does."
        return Remark(weight="bad", name="Market", text=text, url=url)
    facts = f"{market.symbol} trades in ticks of {_plain(market.tick_size)} and lots of {_plain(market.lot_size)}"
    if market.min_notional_quote:
        facts += f", no order under {_plain(market.min_notional_quote)} {market.quote}"
    if not market.venue.component.startswith("exchanges.ccxt."):
        return Remark(weight="ok", name="Market", text=f"{facts}.", url=url)
    read = market.synced_at
    if read is None:
        text = f"{facts}, as written by hand: its venue was never asked. Have its markets read."
        return Remark(weight="warn", name="Market", text=text, url=url)
    is_old = (timezone.now() - read).total_seconds() > OLD_HOURS * 3600
    when = f"as its venue listed it {read:%Y-%m-%d %H:%M} UTC"
    text = f"{facts}, {when}{', over a day ago; have its markets read' if is_old else ''}."
    return Remark(weight="warn" if is_old else "ok", name="Market", text=text, url=url)


def _venue(market: Market) -> Iterator[Remark]:
    quality = quality_of(market.venue)
    if quality is None:
        return
    weight = {"tuned": "ok", "checked": "ok", "declared": "warn"}.get(quality.tier, "bad")
    url = reverse("exchanges:venue", args=[market.venue.slug])
    yield Remark(weight=weight, name="Venue", text=f"{market.venue} is {quality.tier}: {quality.worth()}.", url=url)


def _account(account: ExchangeAccount, check: AccountCheck | None, market: Market, sheet: Sheet) -> Iterator[Remark]:
    url = reverse("exchanges:account", args=[account.pk])
    if account.is_paper:
        yield Remark(
            weight="ok", name="Account", text=f"{account.name} is on paper; what it opens with is said then.", url=url
        )
        return
    if bar := cannot_trade_live(account):
        yield Remark(weight="warn", name="Account", text=bar, url=url)
        return
    yield Remark(weight="ok", name="Account", text=f"{account.name} holds a key that may trade.", url=url)
    for finding in check.findings if check is not None and check.state == CheckState.PASSED else ():
        if finding.get("weight") in ("warn", "bad"):
            yield Remark(weight=str(finding["weight"]), name=str(finding["name"]), text=str(finding["text"]), url=url)
    if check is not None and check.state == CheckState.PASSED:
        yield from _balances(account, check, market, sheet)


def _balances(account: ExchangeAccount, check: AccountCheck, market: Market, sheet: Sheet) -> Iterator[Remark]:
    """What the account held when it was last asked, against what the guard would let rest."""
    held = {each["asset"]: Decimal(each["free"]) + Decimal(each["locked"]) for each in check.balances}
    base, quote = held.get(market.base, Decimal(0)), held.get(market.quote, Decimal(0))
    when = f"when checked {check.asked_at:%Y-%m-%d %H:%M} UTC"
    holding = f"{account.name} held {_plain(base)} {market.base} and {_plain(quote)} {market.quote} {when}"
    limit = _limit(sheet)
    if limit is not None and isinstance(limit.value, Decimal | int) and quote < limit.value:
        text = f"{holding}; the guard lets orders for {_plain(Decimal(limit.value))} {market.quote} rest."
        yield Remark(weight="warn", name="Balances", text=text, target=limit.id)
    elif not base:
        text = f"{holding}: with no {market.base} nothing can be asked."
        yield Remark(weight="warn", name="Balances", text=text, url=reverse("exchanges:account", args=[account.pk]))
    else:
        yield Remark(weight="ok", name="Balances", text=f"{holding}.")


def _limit(sheet: Sheet) -> Field | None:
    """The most that may rest at once, by the draft's guard."""
    guards = (card for card in sheet.cards if card.component == GUARD)
    fields = (field for card in guards for field in card.fields if field.label == "max_open_notional_quote")
    return next(fields, None)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():,f}"
