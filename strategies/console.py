"""The kill console's tree: every scope a kill can have, what runs inside it, and what the venue has confirmed.

firm
├── client
│   ├── account
│   └── mandate
│       └── deployment
└── venue

One deployment stands under its mandate, and is counted by every scope that covers it. Replays are left out: they have
no orders anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter

from engine.core.states import State
from strategies.choices import KillScope, Mode
from strategies.models import Deployment, KillSwitch
from strategies.selectors import covers, engaged

_QUOTING = frozenset({State.STARTING, State.ACTIVE})
_STOPPED = frozenset({State.HALTED, State.FAULTED})


@dataclass(kw_only=True)
class Scope:
    """One row: what a kill here would stop, and what the last one has proven."""

    kind: KillScope
    pk: int
    name: str
    note: str = ""
    depth: int = 0
    deployments: list[Deployment] = field(default_factory=list)
    switch: KillSwitch | None = None
    """The engaged switch of exactly this scope."""

    @property
    def quoting(self) -> int:
        return sum(deployment.observed in _QUOTING for deployment in self.deployments)

    @property
    def stopped(self) -> int:
        return sum(deployment.observed in _STOPPED for deployment in self.deployments)

    @property
    def to_prove(self) -> int:
        """Whose halt is to be proven: all that an engaged switch covers, else those that happen to be stopped."""
        return len(self.deployments) if self.switch else self.stopped

    @property
    def _clean(self) -> list[Deployment]:
        return [each for each in self.deployments if each.observed in _STOPPED and each.halt_proven]

    @property
    def proven(self) -> int:
        """Those whose last halt the venue confirmed: nothing of ours rests there."""
        return len(self._clean)

    @property
    def slowest_ms(self) -> float | None:
        """The longest a proven one took from the command to nothing resting."""
        return max((each.halt_ms for each in self._clean if each.halt_ms is not None), default=None)

    @property
    def ids(self) -> str:
        """The keys of its deployments, for the page's script."""
        return ",".join(str(deployment.pk) for deployment in self.deployments)


def tree() -> list[Scope]:
    """Every scope that holds a deployment, in the order of the page. A handful of queries, however many there are."""
    deployments = list(
        Deployment.objects.filter(ended_at=None)
        .exclude(mode=Mode.REPLAY)
        .select_related("client", "mandate", "account", "market__venue")
        .order_by("client__name", "client_id", "mandate__name", "mandate_id", "name", "pk")
    )
    switches = list(engaged())
    rows = [Scope(kind=KillScope.FIRM, pk=0, name="The whole firm", deployments=deployments)]
    for of_client in _grouped(deployments, "client_id"):
        client = of_client[0].client
        rows.append(Scope(kind=KillScope.CLIENT, pk=client.pk, name=client.name, depth=1, deployments=of_client))
        rows += _accounts(of_client)
        for of_mandate in _grouped(of_client, "mandate_id"):
            mandate = of_mandate[0].mandate
            rows.append(
                Scope(kind=KillScope.MANDATE, pk=mandate.pk, name=mandate.name, depth=2, deployments=of_mandate)
            )
            rows += [_alone(deployment) for deployment in of_mandate]
    rows += _venues(deployments)
    for row in rows:
        row.switch = next((switch for switch in switches if _is_of(switch, row)), None)
    return rows


def target(kind: KillScope, pk: int) -> Scope | None:
    """One scope of the tree; None when nothing runs there or there is no such thing."""
    return next((row for row in tree() if (row.kind, row.pk) == (kind, pk)), None)


def progress(switch: KillSwitch, deployments: list[Deployment]) -> Scope:
    """What one engaged switch stops, and how far that is proven."""
    covered = [deployment for deployment in deployments if covers(switch, deployment)]
    return Scope(kind=KillScope(switch.scope), pk=switch.pk, name=str(switch), deployments=covered, switch=switch)


def _accounts(of_client: list[Deployment]) -> list[Scope]:
    return [
        Scope(
            kind=KillScope.ACCOUNT,
            pk=group[0].account_id,
            name=group[0].account.name,
            note=f"at {group[0].market.venue}",
            depth=2,
            deployments=group,
        )
        for group in _grouped(of_client, "account_id")
    ]


def _venues(deployments: list[Deployment]) -> list[Scope]:
    rows = [
        Scope(
            kind=KillScope.VENUE,
            pk=group[0].market.venue_id,
            name=group[0].market.venue.name,
            depth=1,
            deployments=group,
        )
        for group in _grouped(deployments, "market.venue_id")
    ]
    return sorted(rows, key=lambda row: row.name)


def _alone(deployment: Deployment) -> Scope:
    market = deployment.market
    return Scope(
        kind=KillScope.DEPLOYMENT,
        pk=deployment.pk,
        name=deployment.name,
        note=f"{market.symbol} at {market.venue}, {deployment.mode}",
        depth=3,
        deployments=[deployment],
    )


def _grouped(deployments: list[Deployment], key: str) -> list[list[Deployment]]:
    """The deployments by a key of theirs, groups and members in the order in which they come."""
    groups: dict[int, list[Deployment]] = {}
    for deployment in deployments:
        groups.setdefault(attrgetter(key)(deployment), []).append(deployment)
    return list(groups.values())


def _is_of(switch: KillSwitch, row: Scope) -> bool:
    if switch.scope != row.kind:
        return False
    return row.kind == KillScope.FIRM or getattr(switch, f"{row.kind}_id") == row.pk
