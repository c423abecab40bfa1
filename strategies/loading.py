"""Whether a revision would run: refused here, in words, what a host could only fault on later."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache

from clients.errors import Refusal
from clients.models import Mandate
from engine.core.config import ConfigError, check_config
from engine.core.plugins import Registry
from exchanges.models import ExchangeAccount, Market
from strategies.blueprint import BlueprintError, MarketFacts, RecordingFacts, blueprint
from strategies.choices import Mode
from strategies.models import Revision


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


def check_it_loads(
    revision: Revision, mode: Mode, market: Market, funding: Mapping[str, Decimal], account: ExchangeAccount
) -> None:
    """Refuse here, in words, what a host could only fault on later."""
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
            filename=str(revision),
        )
        check_config(document, registry=registry())
    except (BlueprintError, ConfigError) as error:
        raise Refusal(f"{revision} cannot run on {market}. {error}") from None
