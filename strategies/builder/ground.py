"""What a draft stands on: the installed components and, once chosen, the market it is to run on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.core.catalog import Catalog, Entry
from engine.core.config import ConfigError, Document, Problem, check_config
from engine.core.container import Container
from engine.core.plugins import Registry
from strategies.blueprint import PAPER, REPLAY, BlueprintError, MarketFacts, blueprint
from strategies.choices import Mode

FUNDED = Decimal(1_000_000)
"""A balance to try a configuration with; what it is deployed with is said then."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Without a market a text is checked as a file of its own; with one, as the deployment it would become."""

    catalog: Catalog
    registry: Registry
    market: MarketFacts | None = None
    untraded: Callable[[str, str], str] = lambda component, symbol: ""
    """Why a symbol cannot be had at the venue of a component, as the desk's records have it; empty when it can, or when
    nobody knows."""

    def problems(self, document: Document, text: str) -> tuple[Problem, ...]:
        """Everything that keeps the text from running, resolved, type-checked and built, though nothing is loaded."""
        try:
            if self.market is not None and _has_form(document.tree):
                document = blueprint(
                    yaml=text,
                    mode=Mode.PAPER,
                    market=self.market,
                    registry=self.registry,
                    funding={self.market.base: FUNDED, self.market.quote: FUNDED},
                    filename=document.filename,
                )
            config = check_config(document, registry=self.registry)
            if self.market is not None:
                Container(config, self.registry)
        except ConfigError as error:
            return tuple(error.problems)
        except (BlueprintError, ArithmeticError, LookupError, AttributeError, OSError) as error:
            # The latter come from constructors of others; the draft must still open, to be mended.
            said = (
                str(error)
                if isinstance(error, BlueprintError)
                else f"it cannot be built: {type(error).__name__} {error}"
            )
            return (Problem(file=document.filename, line=1, column=1, path="", message=said),)
        return ()

    def offered(self) -> list[Entry]:
        """What may be put into a draft. Paper and recordings are brought by a deployment's mode."""
        brought = (PAPER, REPLAY) if self.market is not None else ()
        return [entry for entry in self.catalog.entries.values() if entry.id not in brought]

    def fits(self, component: str, protocols: Sequence[type]) -> bool:
        """Whether a component of this id can be given there. A venue also stands for the account that trades on it."""
        ids = [component]
        if self.market is not None and component.startswith("exchanges."):
            ids.append(PAPER)
        entries = [self.catalog.entries[id] for id in ids if id in self.catalog.entries]
        return any(protocol in entry.seams for entry in entries for protocol in protocols)

    def compatible(self, protocols: Sequence[type]) -> list[Entry]:
        return [entry for entry in self.offered() if self.fits(entry.id, protocols)]

    def laid_over(self, component: str) -> frozenset[str]:
        """Arguments of a venue that the market's record gives it: they need not be written, and the record wins."""
        if self.market is None or component != self.market.component:
            return frozenset()
        return frozenset({"symbol", "endpoint_override", *self.market.facts(), *self.market.args})

    def is_another_venue(self, component: str) -> bool:
        """More than a hundred venues would drown a drop-down; any of them is in the catalog."""
        own = self.market.component if self.market is not None else ""
        return component.startswith("exchanges.ccxt.") and component != own


def _has_form(tree: object) -> bool:
    """Whether maps stand where maps belong, so that something can be laid over them; if not, the check says where."""
    if not isinstance(tree, dict) or not isinstance(tree.get("vars"), dict | None):
        return False
    components = tree.get("components")
    nodes = components.values() if isinstance(components, dict) else ()
    return all(isinstance(node, dict) and isinstance(node.get("args"), dict | None) for node in nodes)
