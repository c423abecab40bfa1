"""Open a mandate in one step: client, promises, market and an account on paper, each by its own verb and audited."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import models, transaction
from django.utils import timezone
from django.utils.text import slugify

from clients.access import Action, require
from clients.audit import audit
from clients.choices import Kpi
from clients.errors import Refusal
from clients.models import Client, Mandate, User
from clients.services import obligation_add
from exchanges.choices import MarketState, VenueKind
from exchanges.models import ExchangeAccount, Market, Venue
from exchanges.services import account_open

SIMULATED = "exchanges.simulated"
PAPER = "Paper"
REASON = "the mandate was opened"


@dataclass(frozen=True, kw_only=True)
class Promises:
    """What is owed from now on; a line that is None is not promised."""

    max_spread_bps: Decimal | None = None
    band_bps: Decimal | None = None
    min_depth_quote: Decimal | None = None
    target_share: Decimal = Decimal("0.95")


@transaction.atomic
def mandate_open(
    *,
    client_name: str,
    base: str,
    quote: str,
    promises: Promises,
    venue: Venue | None,
    start_price: Decimal | None,
    actor: User,
) -> Mandate:
    """A mandate that a strategy can be built for at once. Known clients, markets and accounts are taken as they are.

    venue: None for a simulated market of its own, which begins at start_price.
    """
    require(actor, Action.ADMINISTER)
    base, quote = base.strip().upper(), quote.strip().upper()
    if base == quote:
        raise Refusal(f"A pair has two assets, and this one is {base} against itself.")
    client = _client(client_name.strip(), actor)
    market = _simulated(base, quote, start_price, actor) if venue is None else _listed(venue, base, quote)
    name = f"{base}/{quote} on {market.venue}"
    if client.mandates.filter(name=name).exists():
        raise Refusal(f"{client} has a mandate called {name} already.")
    mandate = Mandate.objects.create(
        client=client, slug=_free(Mandate, f"{base}-{quote}"), name=name, base=base, quote=quote
    )
    audit("mandate.created", mandate, actor=actor, new={"client": client, "pair": mandate.symbol}, reason=REASON)
    _promise(mandate, promises, actor)
    if not ExchangeAccount.objects.filter(client=client, venue=market.venue, is_paper=True).exists():
        account_open(client=client, venue=market.venue, name=PAPER, is_paper=True, actor=actor)
    return mandate


def _client(name: str, actor: User) -> Client:
    if not name:
        raise Refusal("A mandate is somebody's: name the client.")
    known = Client.objects.filter(name__iexact=name).first()
    if known is not None:
        return known
    client = Client.objects.create(slug=_free(Client, name), name=name)
    audit("client.created", client, actor=actor, new={"name": name}, reason=REASON)
    return client


def _promise(mandate: Mandate, promises: Promises, actor: User) -> None:
    lines: list[dict[str, object]] = [{"kpi": Kpi.UPTIME}]
    if promises.max_spread_bps is not None:
        lines.append({"kpi": Kpi.SPREAD, "max_spread_bps": promises.max_spread_bps})
    if promises.min_depth_quote is not None:
        lines.append({"kpi": Kpi.DEPTH, "band_bps": promises.band_bps, "min_depth_quote": promises.min_depth_quote})
    for line in lines:
        obligation_add(
            mandate=mandate,
            target_share=promises.target_share,
            starts_at=timezone.now(),
            actor=actor,
            reason=REASON,
            **line,  # type: ignore[arg-type]
        )


def _listed(venue: Venue, base: str, quote: str) -> Market:
    market = venue.markets.filter(base=base, quote=quote, state=MarketState.TRADING).order_by("symbol").first()
    if market is not None:
        return market
    if venue.kind == VenueKind.CENTRALISED and venue.synced_at is None:
        raise Refusal(
            f"The markets of {venue} have not been read yet, so nobody knows whether {base}/{quote} trades there: "
            "have them read on the venue's page, or begin on a simulated market."
        )
    raise Refusal(f"{venue} trades no {base}/{quote} as far as its list goes; choose another venue or pair.")


def _simulated(base: str, quote: str, start_price: Decimal | None, actor: User) -> Market:
    """The simulated market of the pair: the one there is, or a new one whose steps suit its price."""
    venue = Venue.objects.filter(component=SIMULATED).order_by("pk").first()
    if venue is None:
        venue = Venue.objects.create(
            slug=_free(Venue, "simulated"), name="Simulated Exchange", kind=VenueKind.SIMULATED, component=SIMULATED
        )
        audit("venue.created", venue, actor=actor, new={"component": SIMULATED}, reason=REASON)
    known = venue.markets.filter(base=base, quote=quote).first()
    if known is not None:
        return known
    if start_price is None or start_price <= 0:
        raise Refusal("A simulated market needs a price to begin at, above zero.")
    magnitude = start_price.adjusted()
    args = {"anchor_price": f"{start_price:f}", "profile": "mid", "seed": Market.objects.count() + 1}
    market = Market.objects.create(
        venue=venue,
        symbol=f"{base}/{quote}",
        base=base,
        quote=quote,
        tick_size=Decimal(1).scaleb(magnitude - 4),
        lot_size=Decimal(1).scaleb(-magnitude - 2),
        component_args=args,
    )
    audit("market.created", market, actor=actor, new={"symbol": market.symbol, **args}, reason=REASON)
    return market


def _free(model: type[models.Model], name: str) -> str:
    """A slug nobody has yet; `new` is an address of ours."""
    stem = slugify(name)[:40] or "mandate"
    taken = {*model._default_manager.filter(slug__startswith=stem).values_list("slug", flat=True), "new"}
    number = 1
    while (slug := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return slug
