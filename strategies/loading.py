"""Whether a revision would run: refused here, in words, what a host could only fault on later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from django.db.models import Q

from clients.errors import Refusal
from clients.models import Mandate
from engine.core.catalog import Catalog
from engine.core.change import LiveChange, NeedsRestart, live_changes
from engine.core.config import Config, ConfigError, check_config
from engine.core.decimals import ONE
from engine.core.plugins import Registry
from exchanges.choices import MarketState
from exchanges.models import ExchangeAccount, Market
from strategies.blueprint import BlueprintError, MarketFacts, RecordingFacts, blueprint
from strategies.builder.ground import Ground
from strategies.builder.trial import troubles
from strategies.choices import Mode
from strategies.models import Deployment, Revision


def check_funding(mandate: Mandate, mode: Mode, funding: Mapping[str, Decimal]) -> None:
    """Refuse opening balances that the mode does not take, or that are not those of the pair."""
    if mode in (Mode.SHADOW, Mode.LIVE):
        why = "sends no orders" if mode == Mode.SHADOW else "trades with what its account holds"
        if funding:
            raise Refusal(f"A {mode} deployment {why}, so it takes no funding.")
        return
    if set(funding) != {mandate.base, mandate.quote}:
        raise Refusal(f"Paper funding names {mandate.base} and {mandate.quote}, was {', '.join(funding) or 'empty'}.")
    for asset, amount in funding.items():
        if not isinstance(amount, Decimal) or not amount.is_finite() or amount < 0:
            raise Refusal(f"Paper funding in {asset} must be an exact amount of zero or more, was {amount!r}.")


SHARES = Decimal("0.0001"), ONE
"""The least and the most of every size that may be sent: as fine as a deployment's row keeps it."""


def check_share(mode: Mode, share: Decimal) -> None:
    """Refuse a part of every size that is none, or that nothing is sent of anyway."""
    least, most = SHARES
    if not isinstance(share, Decimal) or not share.is_finite() or not least <= share <= most:
        raise Refusal(f"The part of every size that is sent is 0.01 to 100 %, was {share}.")
    if share != share.quantize(least):
        raise Refusal(f"The part of every size that is sent is kept to 0.01 %, was {share * 100:f} %.")
    if share != ONE and mode in (Mode.SHADOW, Mode.REPLAY):
        raise Refusal(f"A {mode} deployment is no canary: it risks nothing at full size.")


@cache
def registry() -> Registry:
    """Read once a process: what is installed does not change while it runs."""
    return Registry.installed()


def market_facts(market: Market) -> MarketFacts:
    """The market's record as a configuration is laid over it."""
    return MarketFacts(
        component=market.venue.component,
        symbol=market.symbol,
        base=market.base,
        quote=market.quote,
        tick_size=market.tick_size,
        lot_size=market.lot_size,
        min_size_base=market.min_size_base,
        min_notional_quote=market.min_notional_quote,
        maker_fee_bps=market.maker_fee_bps,
        taker_fee_bps=market.taker_fee_bps,
        args=market.component_args,
        endpoint_override=market.venue.endpoint_override,
    )


@cache
def installed() -> Catalog:
    """The same as a catalog, read once a process too."""
    return Catalog.of(registry())


def ground_on(market: Market | None) -> Ground:
    """What a configuration stands on there."""
    facts = market_facts(market) if market is not None else None
    return Ground(catalog=installed(), registry=registry(), market=facts, untraded=untraded)


def untraded(component: str, symbol: str) -> str:
    """Why a symbol cannot be had at the venue of a component; empty when it can, or when nobody has read its list."""
    markets = Market.objects.filter(venue__component=component, venue__synced_at__isnull=False).select_related("venue")
    known = markets.filter(symbol=symbol).first()
    if known is not None:
        return f"{symbol} was taken off the list of {known.venue}" if known.state == MarketState.DELISTED else ""
    some = markets.exclude(state=MarketState.DELISTED).order_by("symbol").first()
    if some is None:
        return ""
    base, _, quote = symbol.partition("/")
    near = markets.filter(Q(base=base) | Q(base=quote, quote=base)).exclude(state=MarketState.DELISTED)
    listed = ", ".join(near.order_by("symbol").values_list("symbol", flat=True)[:5])
    return f"{some.venue} lists no {symbol}" + (f", but {listed}" if listed else "")


def check_it_loads(
    revision: Revision,
    mode: Mode,
    market: Market,
    funding: Mapping[str, Decimal],
    account: ExchangeAccount,
    share: Decimal = ONE,
) -> Config:
    """What a host would build. Refuse here, in words, what it could only fault on later."""
    recording = RecordingFacts(path="the recording") if mode == Mode.REPLAY else None
    try:
        document = blueprint(
            yaml=revision.yaml,
            mode=mode,
            market=market_facts(market),
            registry=registry(),
            funding=funding,
            recording=recording,
            account=account.name,
            share=share,
            filename=str(revision),
        )
        return check_config(document, registry=registry())
    except (BlueprintError, ConfigError) as error:
        raise Refusal(f"{revision} cannot run on {market}. {error}") from None


def check_it_runs(revision: Revision, mode: Mode, market: Market) -> None:
    """Refuse what would fault, or post nothing, on this market: every part is loaded on an invented one like it."""
    if mode != Mode.REPLAY and (found := troubles(revision.yaml, ground_on(market))):
        raise Refusal(f"{revision} cannot run on {market}. {found[0]}")


def loads_on(deployment: Deployment, revision: Revision, share: Decimal = ONE) -> Config:
    """`check_it_loads` for a deployment as it is."""
    funding = {row.asset: row.amount for row in deployment.funding.all()}
    return check_it_loads(revision, Mode(deployment.mode), deployment.market, funding, deployment.account, share)


@dataclass(frozen=True, kw_only=True)
class Transition:
    """What a deployment's host will do to go on with another revision or share: found out as the host finds it out."""

    changes: tuple[LiveChange, ...] = ()
    restart: str = ""
    """Why it takes a restart; empty when the parameters are changed while it runs."""

    @property
    def is_live(self) -> bool:
        return not self.restart


def transition(deployment: Deployment, revision: Revision, share: Decimal | None = None) -> Transition:
    """From what the deployment runs now. Raises Refusal when the revision cannot run there at all."""
    runs, runs_share = deployment.runs_revision or deployment.revision, deployment.runs_share or deployment.share
    wanted = loads_on(deployment, revision, deployment.share if share is None else share)
    try:
        return Transition(changes=live_changes(loads_on(deployment, runs, runs_share), wanted, registry()))
    except NeedsRestart as need:
        return Transition(restart=str(need))
    except Refusal:
        return Transition(restart=f"{runs}, which it runs now, could not be read again")
