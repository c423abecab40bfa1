"""An example for every component, which can be loaded and built as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any, Protocol

import pytest

from engine.core.catalog import Catalog
from engine.core.config import load_config, parse_tree
from engine.core.container import Container
from engine.core.example import Examples, NoExample
from engine.core.params import (
    Asset,
    Bps,
    Collaborator,
    Count,
    Items,
    Money,
    PathText,
    Price,
    Seconds,
    Share,
    Symbol,
    Text,
)
from engine.core.plugins import Registry
from engine.core.states import State
from engine.core.ticking import TickService
from engine.market.types import Side
from engine.testing import ManualClock
from tests.engine.core.doubles import Fixed, Main, Pricing
from tests.kinds import one_of_each

REGISTRY = Registry.installed()
INSTALLED = Catalog.of(REGISTRY)
EXAMPLES = Examples(INSTALLED)


@contextmanager
def remedy(id: str) -> Iterator[None]:
    """Whoever adds a component meets this test first."""
    try:
        yield
    except Exception as error:
        error.add_note(
            f"The example of {id} is made of guessed values, and one of them was refused. Say a value that fits in the "
            "parameter's metadata: Annotated[Decimal, Bps(gt=0, example=5)]."
        )
        raise


@pytest.mark.parametrize("id", one_of_each(INSTALLED.entries))
def test_every_component_has_an_example_that_can_be_built(id: str) -> None:
    with remedy(id):
        config = load_config(EXAMPLES.text(id), filename=f"{id}.yaml", registry=REGISTRY)
        container = Container(config, REGISTRY)
    assert [spec.id for spec in config.components.values()].count(id) >= 1
    assert container.service is container.components[config.service]


@pytest.mark.parametrize("id", one_of_each(INSTALLED.entries))
def test_every_number_with_a_default_stands_in_the_example(id: str) -> None:
    """So that it can be changed in place, and so that no default lies outside its own bounds."""
    tree = parse_tree(EXAMPLES.text(id))
    args = next(part.get("args", {}) for part in tree["components"].values() if part["id"] == id)
    expected = {
        parameter.name
        for parameter in INSTALLED.entries[id].parameters
        if isinstance(parameter.default, int | Decimal) and not parameter.is_reference
    }
    assert expected <= set(args)


async def test_the_example_of_a_strategy_quotes() -> None:
    clock = ManualClock()
    container = Container(
        load_config(EXAMPLES.text("marketmaking.ladder"), filename="ladder.yaml", registry=REGISTRY),
        REGISTRY,
        clock=clock,
    )
    await container.load()
    await container.begin()
    await container.service.start("a test asked for it")
    await clock.advance(5)
    service: Any = container.service
    assert service.machine.state is State.ACTIVE
    assert {quote.side for quote in service.quotes.quotes} == {Side.BUY, Side.SELL}
    await container.unload()


def examples(**components: type) -> Examples:
    named = {name.replace("__", "."): component for name, component in components.items()}
    return Examples(Catalog.of(Registry(named)))


class Thing(Protocol):
    def do(self) -> None: ...


class Part(Protocol):
    def turn(self) -> None: ...


class Direct:
    def do(self) -> None: ...


class Assembled:
    def __init__(self, *, part: Part) -> None:
        self.part = part

    def do(self) -> None: ...


class Wheel:
    def turn(self) -> None: ...


class Using(TickService):
    def __init__(self, *, thing: Thing, more: Sequence[Pricing] = ()) -> None:
        super().__init__(interval_s=1)


def test_a_reference_takes_the_simplest_component_that_fits() -> None:
    tree = examples(assembled=Assembled, direct=Direct, wheel=Wheel, using=Using).tree("using")
    assert tree == {
        "service": "@using",
        "components": {"direct": {"id": "direct"}, "using": {"id": "using", "args": {"thing": "@direct"}}},
    }


def test_a_component_is_shown_with_all_that_leads_from_it_to_a_service() -> None:
    tree = examples(assembled=Assembled, direct=Direct, wheel=Wheel, using=Using).tree("wheel")
    assert tree["service"] == "@using"
    assert tree["components"] == {
        "wheel": {"id": "wheel"},
        "assembled": {"id": "assembled", "args": {"part": "@wheel"}},
        "using": {"id": "using", "args": {"thing": "@assembled"}},
    }


def test_an_optional_place_is_filled_by_the_component_shown() -> None:
    tree = examples(direct=Direct, using=Using, fixed=Fixed).tree("fixed")
    assert tree["components"]["using"]["args"] == {"thing": "@direct", "more": ["@fixed"]}


class Choosing(TickService):
    def __init__(
        self, *, things: Annotated[Sequence[Thing], Items(ge=1)], one: Annotated[Sequence[Thing], Items(le=1)]
    ) -> None:
        super().__init__(interval_s=1)


def test_a_list_of_components_shows_two_where_it_may() -> None:
    tree = examples(choosing=Choosing, direct=Direct).tree("choosing")
    assert tree["components"]["choosing"]["args"] == {"things": ["@direct", "@direct_2"], "one": ["@direct_3"]}


def test_what_nobody_asks_for_stands_beside_the_simplest_service() -> None:
    tree = examples(direct=Direct, using=Using, main=Main, wheel=Wheel).tree("wheel")
    assert tree == {"service": "@main", "components": {"wheel": {"id": "wheel"}, "main": {"id": "main"}}}


class Pair(TickService):
    def __init__(
        self,
        *,
        left: Thing,
        right: Thing,
        several: Annotated[Sequence[Thing], Items(ge=2)],
    ) -> None:
        super().__init__(interval_s=1)


def test_two_of_a_kind_are_two_components() -> None:
    tree = examples(pair=Pair, direct=Direct).tree("pair")
    args = tree["components"]["pair"]["args"]
    assert (args["left"], args["right"], args["several"]) == ("@direct", "@direct_2", ["@direct_3", "@direct_4"])


class Wishing(TickService):
    def __init__(self, *, thing: Annotated[Thing, Collaborator(help="Any", example="assembled")]) -> None:
        super().__init__(interval_s=1)


def test_a_parameter_may_name_the_component_its_example_uses() -> None:
    tree = examples(wishing=Wishing, direct=Direct, assembled=Assembled, wheel=Wheel).tree("wishing")
    assert tree["components"]["wishing"]["args"] == {"thing": "@assembled"}
    with pytest.raises(NoExample, match='the example of "thing" is assembled, which is not a reference to Thing'):
        examples(wishing=Wishing, direct=Direct).tree("wishing")


class Valued(TickService):
    def __init__(
        self,
        *,
        symbol: Annotated[str, Symbol()],
        asset: Annotated[str, Asset()],
        distance_bps: Annotated[Decimal, Bps(gt=0)],
        tight_bps: Annotated[Decimal, Bps(gt=0, lt=1)],
        levels: Annotated[int, Count(ge=20)],
        share: Annotated[Decimal, Share(le="0.1")],
        wait_s: Annotated[float, Seconds(gt=0)],
        path: Annotated[str, PathText(example="x.csv")],
        steps: Annotated[Sequence[Decimal], Items(ge=3, example=(1, "0.5", 2)), Bps()],
        owed: Annotated[Mapping[str, Decimal], Items(ge=1, example={"25": 500, "50": "0.5"}), Money()] | None,
        label: str,
        loud: bool,
        post_only: bool = True,
        handle: Annotated[str, Text()] = "@acme",
    ) -> None:
        super().__init__(interval_s=1)
        self.steps = steps


def test_every_kind_of_value_is_plausible_and_within_its_bounds() -> None:
    registry = Registry({"valued": Valued})
    tree = Examples(Catalog.of(registry)).tree("valued")
    assert tree["vars"] == {"symbol": "BTC/USDT"}
    assert tree["components"]["valued"]["args"] == {
        "symbol": "@symbol",
        "asset": "USDT",
        "distance_bps": 10,
        "tight_bps": Decimal("0.5"),
        "levels": 20,
        "share": Decimal("0.1"),
        "wait_s": 5.0,
        "path": "x.csv",
        "steps": [1, Decimal("0.5"), 2],
        "owed": {"25": 500, "50": Decimal("0.5")},
        "label": "label",
        "loud": False,
        "post_only": True,
        "handle": "@@acme",
    }
    text = Examples(Catalog.of(registry)).text("valued")
    Container(load_config(text, filename="valued.yaml", registry=registry), registry)


class Bounded(TickService):
    def __init__(self, *, floor: Annotated[Decimal | None, Price(example=40000)] = None) -> None:
        super().__init__(interval_s=1)


def test_what_may_stay_empty_is_shown_when_it_brings_an_example() -> None:
    assert examples(bounded=Bounded).tree("bounded")["components"]["bounded"]["args"] == {"floor": 40000}


class Coded(TickService):
    def __init__(self, *, code: Annotated[str, Text(pattern="[0-9]{4}", shape="four digits")]) -> None:
        super().__init__(interval_s=1)


class Impossible(TickService):
    def __init__(self, *, levels: Annotated[int, Count(gt=3, lt=4)]) -> None:
        super().__init__(interval_s=1)


@pytest.mark.parametrize(
    ("component", "sentence"),
    [
        (Coded, 'x: "code" must be four digits; give its metadata example='),
        (Impossible, 'x: no value for "levels" comes to mind that is more than 3 and less than 4'),
        (Assembled, "x needs part (a reference to Part), and no component of this catalog will do"),
        (Wheel, "x is no service, and there is none in this catalog to show it with"),
    ],
)
def test_what_cannot_be_shown_says_what_its_author_has_to_add(component: type, sentence: str) -> None:
    with pytest.raises(NoExample, match=re.escape(sentence)):
        examples(x=component).tree("x")


class Wrapping:
    """A thing around a thing: without another one there is no end to it."""

    def __init__(self, *, inner: Thing) -> None:
        self.inner = inner

    def do(self) -> None: ...


def test_a_component_that_wraps_its_own_kind_comes_to_an_end() -> None:
    tree = examples(wrapping=Wrapping, direct=Direct, using=Using).tree("wrapping")
    assert tree["components"]["wrapping"]["args"] == {"inner": "@direct"}
    with pytest.raises(NoExample, match="x needs inner"):
        examples(x=Wrapping, using=Using).tree("x")


def test_names_in_the_file_are_free_and_legal() -> None:
    tree = examples(acme__symbol=Direct, acme__1st=Fixed, using=Using).tree("acme.1st")
    assert set(tree["components"]) == {"the_1st", "the_symbol", "using"}
