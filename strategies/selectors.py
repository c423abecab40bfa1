"""What is wanted and what forbids it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When, prefetch_related_objects

from exchanges.choices import KeyVerdict, MarketState
from exchanges.models import ExchangeAccount, Market, SealedCredentials
from strategies.choices import KillScope, Mode, RevisionState, RollOutState
from strategies.models import Deployment, KillSwitch, Revision, RollOut

BREADTH = tuple(KillScope)


def engaged() -> QuerySet[KillSwitch]:
    """Every kill switch that forbids something now, the broadest first."""
    breadth = Case(
        *(When(scope=scope, then=Value(rank)) for rank, scope in enumerate(BREADTH)), output_field=IntegerField()
    )
    return (
        KillSwitch.objects.filter(reset_at=None)
        .select_related("engaged_by", "client", "mandate", "deployment", "venue", "account")
        .order_by(breadth, "engaged_at", "id")
    )


def covering(deployment: Deployment) -> QuerySet[KillSwitch]:
    """The engaged kill switches that forbid this deployment to start, the broadest first."""
    return engaged().filter(
        Q(scope=KillScope.FIRM)
        | Q(scope=KillScope.VENUE, venue__markets=deployment.market_id)
        | Q(scope=KillScope.CLIENT, client_id=deployment.client_id)
        | Q(scope=KillScope.ACCOUNT, account_id=deployment.account_id)
        | Q(scope=KillScope.MANDATE, mandate_id=deployment.mandate_id)
        | Q(scope=KillScope.DEPLOYMENT, deployment_id=deployment.pk)
    )


def covered_by(switch: KillSwitch) -> QuerySet[Deployment]:
    """The deployments, not yet ended, that a kill switch stops."""
    running = Deployment.objects.filter(ended_at=None)
    match switch.scope:
        case KillScope.FIRM:
            return running
        case KillScope.VENUE:
            return running.filter(market_id__in=Market.objects.filter(venue_id=switch.venue_id))
        case KillScope.CLIENT:
            return running.filter(client_id=switch.client_id)
        case KillScope.ACCOUNT:
            return running.filter(account_id=switch.account_id)
        case KillScope.MANDATE:
            return running.filter(mandate_id=switch.mandate_id)
        case KillScope.DEPLOYMENT:
            return running.filter(pk=switch.deployment_id)
    raise ValueError(f"unknown scope of a kill switch: {switch.scope!r}")


def halt_reasons(deployments: Iterable[Deployment]) -> dict[int, str]:
    """Why each deployment may not trade, by its key; those that may are left out. Two queries for any number."""
    switches, deployments = list(engaged()), list(deployments)
    prefetch_related_objects(deployments, "market")
    reasons = {}
    for deployment in deployments:
        for switch in switches:
            if covers(switch, deployment):
                reasons[deployment.pk] = sentence(switch)
                break
    return reasons


def covers(switch: KillSwitch, deployment: Deployment) -> bool:
    """The rule of `covering`, for records already at hand; the deployment's market is one of them."""
    return (
        switch.scope == KillScope.FIRM
        or (switch.scope == KillScope.VENUE and switch.venue_id == deployment.market.venue_id)
        or (switch.scope == KillScope.ACCOUNT and switch.account_id == deployment.account_id)
        or (switch.scope == KillScope.CLIENT and switch.client_id == deployment.client_id)
        or (switch.scope == KillScope.MANDATE and switch.mandate_id == deployment.mandate_id)
        or (switch.scope == KillScope.DEPLOYMENT and switch.deployment_id == deployment.pk)
    )


def sentence(switch: KillSwitch) -> str:
    """The switch in words, for screens and refusals."""
    who = switch.engaged_by.get_username() if switch.engaged_by else "the engine"
    scope = KillScope(switch.scope).label
    return f"{scope} kill switch, engaged by {who} at {switch.engaged_at:%Y-%m-%d %H:%M:%S} UTC: {switch.reason}"


def previous_revision(deployment: Deployment) -> Revision | None:
    """The approved revision before the one that a deployment runs: where one step back leads."""
    running = deployment.revision
    return (
        Revision.objects.filter(
            strategy_id=running.strategy_id, number__lt=running.number, state=RevisionState.APPROVED
        )
        .order_by("-number")
        .first()
    )


def under_way(deployment: Deployment) -> RollOut | None:
    """The roll-out that a deployment is part of, whether it was reached yet or not."""
    target = (
        deployment.rollout_targets.filter(rollout__state=RollOutState.RUNNING)
        .select_related("rollout__revision__strategy")
        .first()
    )
    return target.rollout if target is not None else None


LIVE_COMPONENTS = "exchanges.ccxt."
"""What live trading goes through: venues whose orders are proven one by one against a venue's own books."""


def cannot_trade_live(account: ExchangeAccount) -> str:
    """Why nothing may trade live with an account, with the remedy; empty when it may."""
    if account.is_paper:
        return f"The account {account.name} is on paper; live trading takes a live account that holds a key."
    if not account.venue.component.startswith(LIVE_COMPONENTS):
        by = account.venue.component
        return f"{account.venue} is reached by {by}, and live trading goes by {LIVE_COMPONENTS}* alone."
    sealed = SealedCredentials.objects.filter(account=account).first()
    if sealed is None:
        return f"The account {account.name} holds no key yet; enter one on its page."
    match sealed.verdict:
        case KeyVerdict.REFUSED:
            return f"The key of {account.name} is refused. {sealed.verdict_reason}"
        case KeyVerdict.UNCHECKED:
            return f"The key of {account.name} has not been checked at {account.venue} yet; its page does that."
    return ""


def barred(deployment: Deployment) -> str:
    """Why a deployment may not trade although no switch covers it; empty when it may.

    What ends trading that already runs has a twin for hosts, `mmplatform.host.lease.KILL_REASON`.
    """
    market = Market.objects.select_related("venue").get(pk=deployment.market_id)
    if deployment.mode == Mode.REPLAY:
        return ""
    if market.state == MarketState.DELISTED:
        return f"{market.symbol} was taken off the list of {market.venue}."
    if market.state == MarketState.HALTED:
        return f"{market.venue} does not trade {market.symbol} at present."
    return cannot_trade_live(deployment.account) if deployment.mode == Mode.LIVE else ""
