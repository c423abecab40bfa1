"""Figures over the last seconds: exact ranks, whole seconds, bounded memory."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.metrics.windows import MOST, Counter, Window, quantile, summary


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([7], 0.99, 7),
        ([1, 2], 0.5, 1),
        ([1, 2, 3], 0.5, 2),
        (range(1, 101), 0.5, 50),
        (range(1, 101), 0.99, 99),
        (range(1, 101), 1.0, 100),
        (range(1, 11), 0.99, 10),
    ],
)
def test_a_quantile_is_the_nearest_rank(values: list[float], share: float, expected: float | None) -> None:
    assert quantile(list(values), share) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_quantile_was_measured_and_covers_its_share(values: list[float], share: float) -> None:
    found = quantile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_a_window_forgets_what_is_older_than_its_span() -> None:
    window = Window(60)
    window.add(100, 3)
    window.add(130, 1)
    assert window.values(159.9) == [1, 3]
    assert window.values(160) == [1]
    assert window.values(190) == []


def test_a_window_keeps_no_more_than_its_most() -> None:
    window = Window(60)
    for value in range(MOST + 10):
        window.add(100, value)
    assert len(window.values(100)) == MOST
    assert window.values(100)[0] == 10


def test_a_counter_counts_the_last_seconds() -> None:
    counter = Counter(60)
    for at in (100.0, 100.9, 130.5):
        counter.add(at)
    assert [counter.count(now) for now in (130.6, 159.9, 160.0, 189.9, 190.0)] == [3, 3, 1, 1, 0]


def test_a_storm_costs_no_more_memory_than_its_seconds() -> None:
    counter = Counter(60)
    for at in range(100_000):
        counter.add(at / 1000)
    assert counter.count(99.999) == 60_000
    assert len(counter._seconds) == 60


def test_a_summary_names_rank_and_unit_and_knows_nothing_of_nothing() -> None:
    assert summary("place", [1.0, 2.0, 30.12345], "ms") == {
        "place_p50_ms": Decimal("2.000"),
        "place_p99_ms": Decimal("30.123"),
        "place_max_ms": Decimal("30.123"),
    }
    assert set(summary("place", [], "ms").values()) == {None}
