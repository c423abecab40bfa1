"""What the kill path has proven: for each kill switch, the last word on every account in its scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from strategies.choices import ClearingState
from strategies.models import Clearing, KillSwitch


@dataclass(frozen=True)
class Proof:
    """The last clearing of each account of one kill switch."""

    clearings: tuple[Clearing, ...] = ()

    @property
    def clean(self) -> int:
        return sum(each.state == ClearingState.CLEAN for each in self.clearings)

    @property
    def under_way(self) -> int:
        return sum(not each.is_over for each in self.clearings)

    @property
    def unproven(self) -> int:
        return sum(each.state == ClearingState.UNPROVEN for each in self.clearings)

    @property
    def slowest_ms(self) -> float | None:
        """The longest a proven one took, from the kill to the proof."""
        return max(
            (each.took_ms for each in self.clearings if each.state == ClearingState.CLEAN and each.took_ms is not None),
            default=None,
        )

    @property
    def verdict(self) -> str:
        """none, open, unproven or clean: how the page marks it."""
        if not self.clearings:
            return "none"
        if self.unproven:
            return "unproven"
        return "open" if self.under_way else "clean"


def proofs(switches: Iterable[KillSwitch]) -> dict[int, Proof]:
    """The proof of each switch, by its key. One query for any number."""
    found: dict[int, list[Clearing]] = {switch.pk: [] for switch in switches}
    for clearing in _last().filter(switch__in=found):
        found[clearing.switch_id].append(clearing)
    return {pk: Proof(tuple(clearings)) for pk, clearings in found.items()}


def proof(switch: KillSwitch) -> Proof:
    return proofs([switch])[switch.pk]


def attempts(switch: KillSwitch) -> QuerySet[Clearing]:
    """Every clearing of a switch with its lines of evidence, the newest of each account first."""
    return (
        Clearing.objects.filter(switch=switch)
        .select_related("account__venue", "account__client")
        .prefetch_related("steps")
        .order_by("account__client__name", "account__name", "account_id", "-id")
    )


def _last() -> QuerySet[Clearing]:
    return Clearing.objects.order_by("switch_id", "account_id", "-id").distinct("switch_id", "account_id")
