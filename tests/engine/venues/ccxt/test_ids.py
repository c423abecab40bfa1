"""Our order ids pass through each venue's alphabet and come back. Q14."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.ids import LANE, OrderId, OrderIds
from engine.venues.ccxt.ids import PLAIN, AsUuid, IdForm, Known, NoIds, Numbered, Separated, spelled_in

OURS = st.builds(OrderId, st.integers(1, 2**24 - 1), st.integers(0, 2**34 - 1), st.integers(1, 2**52 - 1)).map(str)
SHORT = st.builds(OrderId, st.integers(1, 9999), st.integers(0, 99_999), st.integers(2**40, 2**44)).map(str)
READABLE: dict[str, IdForm] = {
    "plain": PLAIN,
    "letters and digits": Separated(max_length=32, separator="x"),
    "underscores": Separated(max_length=40, separator="_"),
    "prefixed": Separated(max_length=30, prefix="t-"),
    "uuid": AsUuid(),
}


@pytest.mark.parametrize("form", READABLE.values(), ids=READABLE)
@given(client_order_id=SHORT)
def test_an_id_comes_back_to_whoever_remembers_nothing(form: IdForm, client_order_id: str) -> None:
    assert form.decode(form.encode(client_order_id)) == client_order_id


@given(OURS)
def test_a_uuid_holds_every_id_it_takes(client_order_id: str) -> None:
    spelled = AsUuid().encode(client_order_id)
    assert (UUID(spelled).version, str(UUID(spelled))) == (8, spelled)
    assert AsUuid().decode(spelled) == client_order_id


@given(SHORT)
def test_letters_and_digits_alone_where_a_venue_takes_nothing_else(client_order_id: str) -> None:
    assert re.fullmatch(r"[a-z0-9]{1,32}", Separated(max_length=32, separator="x").encode(client_order_id))


@given(st.uuids())
def test_a_strangers_uuid_is_not_ours(strange: UUID) -> None:
    assert AsUuid().decode(str(strange)) is None


@pytest.mark.parametrize("strange", ["", "abc", "mm-", "x-mm-1-2-3", "mm-1-2", "web_123", "MM-1-2-3", "t-mm-1-2-3 "])
@pytest.mark.parametrize("form", READABLE.values(), ids=READABLE)
def test_a_strangers_id_is_not_ours(form: IdForm, strange: str) -> None:
    assert form.decode(strange) is None


@pytest.mark.parametrize(
    ("form", "id"),
    [
        (Separated(max_length=18), "mm-1f-2-190a1b2c3d4"),
        (AsUuid(), str(OrderId(2**24, 1, 1))),
        (AsUuid(), str(OrderId(1, 2**34, 1))),
        (AsUuid(), str(OrderId(1, 1, 2**52))),
        (AsUuid(), "somebody else's"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_cut(form: IdForm, id: str) -> None:
    with pytest.raises(ValueError, match=r"longer|fit|not one of our"):
        form.encode(id)


def test_numbers_differ_for_lanes_and_for_holders() -> None:
    spelled = set()
    for token in (1, 2):
        for lane in (0, 1, 2):
            ids = OrderIds(deployment_id=5, token=token, now_ns=1_700_000_000_000_000_000, lane=lane)
            spelled |= {Numbered(bits=45).encode(ids.next()) for _ in range(100)}
    assert len(spelled) == 600
    assert max(map(int, spelled)) < 2**45
    assert LANE == 1 << 44


@pytest.mark.parametrize("form", [PLAIN, Numbered(bits=45), NoIds()])
def test_an_order_is_known_by_the_venues_id_once_it_has_told_it(form: IdForm) -> None:
    known = Known(form)
    known.sent("mm-1-2-3")
    known.link("mm-1-2-3", "V7")
    assert known.ours("V7", "") == "mm-1-2-3"
    assert known.venue_id("mm-1-2-3") == "V7"
    assert (known.ours("V8", ""), known.ours("", ""), known.venue_id("mm-1-2-4")) == ("", "", "")


@pytest.mark.parametrize("form", [PLAIN, Numbered(bits=45), NoIds()])
def test_an_order_of_somebody_else_is_called_by_the_venues_id(form: IdForm) -> None:
    known = Known(form)
    assert (known.venue_id("V8"), known.again("V8")) == ("V8", "")
    assert known.again("mm-1-2-3") == known.sent("mm-1-2-3")


@pytest.mark.parametrize(("form", "tells"), [(PLAIN, True), (AsUuid(), True), (Numbered(bits=45), False)])
def test_a_form_says_whether_a_stranger_can_read_it(form: IdForm, tells: bool) -> None:
    assert form.is_readable is tells
    assert bool(Known(form).ours("", form.encode("mm-1-2-3"))) is tells


def test_a_number_is_known_to_the_process_that_sent_it() -> None:
    known, other = Known(Numbered(bits=45)), Known(Numbered(bits=45))
    spelled = known.sent("mm-1-2-3")
    assert known.ours("V1", spelled) == "mm-1-2-3"
    assert other.ours("V1", spelled) == ""


@pytest.mark.parametrize(
    ("said", "spelled"),
    [
        ({"clientOrderId": "a"}, "a"),
        ({"clientOrderId": None, "info": {"clOrdId": "b"}}, "b"),
        ({"info": {"text": "t-c"}}, "t-c"),
        ({"info": {"clientOrderId": 5}}, "5"),
        ({"info": {"clientOrderId": True}}, ""),
        ({"info": [1]}, ""),
        ({}, ""),
    ],
)
def test_the_id_is_found_where_the_library_or_the_venue_left_it(said: dict[str, object], spelled: str) -> None:
    assert spelled_in(said, "text") == spelled
