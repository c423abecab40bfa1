"""The drawing of a configuration."""

from __future__ import annotations

from strategies.builder.layout import sheet_of
from strategies.builder.wiring import Wiring, wiring_of
from tests.strategies.builder.test_edits import ON_A_MARKET, TEXT


def drawn(text: str) -> Wiring:
    return wiring_of(sheet_of(text, ON_A_MARKET))


def test_the_service_stands_left_of_what_it_uses_and_every_wire_is_drawn() -> None:
    wiring = drawn(TEXT)
    x = {box.name: box.x for box in wiring.boxes}
    assert min(x, key=lambda name: x[name]) == "quoting"
    assert x["quoting"] < x["mid"] < x["venue"]
    assert x["quoting"] < x["kill"] < x["loss"]
    assert {wire.label for wire in wiring.wires} >= {
        "quoting.price = mid",
        "mid.market = venue",
        "kill.switches = loss",
    }
    assert len({(box.x, box.y) for box in wiring.boxes}) == len(wiring.boxes)
    assert not any(box.is_wrong or box.is_loose for box in wiring.boxes)


def test_what_is_wrong_or_forgotten_looks_it() -> None:
    wiring = drawn(TEXT.replace("num_levels: 3", "num_levels: 0") + "  spare: {id: killswitches.manual}\n")
    assert [box.name for box in wiring.boxes if box.is_wrong] == ["spread"]
    assert [box.name for box in wiring.boxes if box.is_loose] == ["spare"]


def test_a_circle_and_a_reference_to_nobody_are_drawn_without_harm() -> None:
    text = (
        'service: "@a"\nvars: {x: "@y", y: "@x"}\ncomponents:\n  a: {id: prices.mid, args: {market: "@b"}}\n'
        '  b: {id: prices.mid, args: {market: "@a", symbol: "@x"}}\n  c: {id: no.such, args: {q: ["@nobody", "@c"]}}\n'
    )
    wiring = drawn(text)
    assert {wire.label for wire in wiring.wires} == {"a.market = b", "b.market = a"}
    assert drawn("").boxes == ()
