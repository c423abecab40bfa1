"""Client order ids tell whose an order is (Q14)."""

from __future__ import annotations

from engine.execution.ids import OrderId, OrderIds, parse

NOW_NS = 1_790_000_000_000_000_000


def test_an_id_says_deployment_token_and_number() -> None:
    ids = OrderIds(deployment_id=12, token=31, now_ns=NOW_NS)
    first = ids.next()
    assert parse(first) == OrderId(12, 31, NOW_NS // 1_000_000 + 1)
    assert first.startswith("mm-c-1f-")
    assert len(first) <= 32
    assert str(parse(first)) == first


def test_what_is_not_ours_is_not_read() -> None:
    for foreign in ("", "web_1", "mm-1-2", "mm-1-2-3-4", "mm-1-2-Z", "xmm-1-2-3", "mm--1-2-3"):
        assert parse(foreign) is None


def test_the_same_token_loaded_again_repeats_no_id() -> None:
    before = OrderIds(deployment_id=1, token=1, now_ns=NOW_NS)
    used = {before.next() for _ in range(1000)}
    again = OrderIds(deployment_id=1, token=1, now_ns=NOW_NS + 1_000_000_001)
    assert again.next() not in used


def test_orders_of_a_deployment_are_known_whoever_holds_it() -> None:
    mine = OrderIds(deployment_id=1, token=5, now_ns=NOW_NS)
    older = OrderIds(deployment_id=1, token=4, now_ns=NOW_NS).next()
    newer = OrderIds(deployment_id=1, token=6, now_ns=NOW_NS).next()
    other = OrderIds(deployment_id=2, token=5, now_ns=NOW_NS).next()
    own = mine.next()
    assert [mine.owns(i) for i in (own, older, newer, other)] == [True, True, True, False]
    assert [mine.is_newer(i) for i in (own, older, newer, other)] == [False, False, True, False]
    assert [mine.is_this_holders(i) for i in (own, older, newer, other)] == [True, False, False, False]
