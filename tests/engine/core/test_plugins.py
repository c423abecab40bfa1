"""Components found by id through packaging entry points. E2."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.core.plugins import GROUP, BrokenComponent, Family, Registry, UnknownComponent
from tests.engine.core.doubles import Dumb, Fixed, Main, Venues


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separately installed package with components of its own; returns its entry_points.txt."""
    (tmp_path / "acme_desk.py").write_text(
        "class Oracle:\n    def price(self): return 1\n\n"
        "class Many:\n    @classmethod\n    def suffixes(cls): return ['a']\n"
        "    @classmethod\n    def component(cls, suffix): return {'a': Oracle}[suffix]\n\n"
        "thing = 5\n"
    )
    info = tmp_path / "acme_desk-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-desk\nVersion: 1.0\n")
    points = info / "entry_points.txt"
    points.write_text(f"[{GROUP}]\nprices.acme = acme_desk:Oracle\nprices.acme_many.* = acme_desk:Many\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_desk", raising=False)
    return points


def test_another_package_adds_components_without_touching_ours(package: Path) -> None:
    registry = Registry.installed()
    assert {"prices.acme", "prices.acme_many.a"} <= set(registry.ids())
    assert registry.get("prices.acme").__name__ == "Oracle"
    assert registry.get("prices.acme_many.a") is registry.get("prices.acme")


def test_code_is_imported_only_when_asked_for(package: Path) -> None:
    package.write_text(f"[{GROUP}]\nprices.acme = acme_desk:Oracle\n")
    registry = Registry.installed()
    assert "prices.acme" in registry.ids()
    assert "acme_desk" not in sys.modules
    registry.get("prices.acme")
    assert "acme_desk" in sys.modules


def test_every_installed_component_can_be_imported() -> None:
    registry = Registry.installed()
    assert "service.heartbeat" in registry.ids()
    assert all(isinstance(registry.get(id), type) for id in registry.ids())


@pytest.mark.parametrize(
    ("line", "id", "words"),
    [
        ("prices.bad = acme_desk:Missing", "prices.bad", "of acme-desk cannot be imported from acme_desk:Missing"),
        ("prices.bad = no_such_module:X", "prices.bad", "No module named 'no_such_module'"),
        ("prices.bad = acme_desk:thing", "prices.bad", "is 5, which is not a class"),
        ("prices.bad.* = acme_desk:Oracle", "prices.bad.x", "lacks suffixes\\(\\) or component\\(\\)"),
    ],
)
def test_a_broken_component_is_named_with_its_package(package: Path, line: str, id: str, words: str) -> None:
    package.write_text(f"[{GROUP}]\n{line}\n")
    with pytest.raises(BrokenComponent, match=words):
        Registry.installed().get(id)


def test_an_id_that_two_packages_claim_is_broken_and_no_other(package: Path) -> None:
    package.write_text(f"[{GROUP}]\nservice.heartbeat = acme_desk:Oracle\n")
    registry = Registry.installed()
    with pytest.raises(
        BrokenComponent, match=r'"service\.heartbeat" is claimed by .* and by .*; uninstall one of them'
    ):
        registry.get("service.heartbeat")
    assert isinstance(registry.get("prices.mid"), type)


@pytest.mark.parametrize("body", ["1 / 0", "def broken(:", "raise RuntimeError('no licence key')"])
def test_a_package_may_fail_in_any_way_when_imported(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    (tmp_path / "acme_failing.py").write_text(body)
    package.write_text(f"[{GROUP}]\nprices.bad = acme_failing:X\n")
    registry = Registry.installed()
    with pytest.raises(BrokenComponent, match=r"cannot be imported from acme_failing:X: (Zero|Syntax|Runtime)"):
        registry.get("prices.bad")


def test_a_broken_family_is_listed_under_its_own_name(package: Path) -> None:
    package.write_text(f"[{GROUP}]\nvenues.acme.* = no_such_module:X\n")
    registry = Registry.installed()
    assert "venues.acme.*" in registry.ids()
    with pytest.raises(BrokenComponent, match="No module named 'no_such_module'"):
        registry.get("venues.acme.*")


def test_it_knows_the_package_an_id_comes_from(package: Path) -> None:
    registry = Registry.installed().with_components({"prices.own": Fixed})
    for id in ("prices.acme", "prices.acme_many.a"):
        point = registry.point(id)
        assert point is not None
        assert point.dist is not None
        assert (point.dist.name, point.dist.version) == ("acme-desk", "1.0")
    assert registry.point("prices.own") is None
    assert registry.point("prices.nowhere") is None


def test_a_test_may_bring_its_own_components() -> None:
    registry = Registry({"main": Main}).with_components({"prices.fixed": Fixed, "main": Dumb})
    assert registry.get("prices.fixed") is Fixed
    assert registry.get("main") is Dumb


def test_a_family_builds_each_class_once() -> None:
    venues = Venues()
    assert isinstance(venues, Family)
    registry = Registry({"venues.*": venues})
    assert registry.get("venues.kraken") is registry.get("venues.kraken")
    assert venues.built == ["kraken"]
    assert registry.ids() == ["venues.binance", "venues.kraken"]


def test_the_more_specific_id_wins_over_a_family() -> None:
    registry = Registry({"venues.*": Venues(), "venues.kraken": Dumb})
    assert registry.get("venues.kraken") is Dumb


@pytest.mark.parametrize(
    ("id", "suggestion"), [("mian", 'Did you mean "main"?'), ("venues.binanc", 'Did you mean "venues.binance"?')]
)
def test_an_unknown_id_gets_a_suggestion(id: str, suggestion: str) -> None:
    with pytest.raises(UnknownComponent) as caught:
        Registry({"main": Main, "venues.*": Venues()}).get(id)
    assert caught.value.suggestion == suggestion
