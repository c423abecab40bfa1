"""What the documents point at is there: a page that sends a newcomer to a file that moved is worse than none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.core.config import load_config
from engine.core.container import Container
from engine.core.plugins import Registry

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PATH = re.compile(r"`([\w.-]+/[\w.-][\w./-]*)`")
FUNCTION_IN_FILE = re.compile(r"`_?([\w.]+)`(?: of the service)? in\s+`([\w./-]+\.py)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_a_document_names_exists(document: Path) -> None:
    named = set(PATH.findall(document.read_text()))
    missing = sorted(path for path in named if not path.startswith("var/") and not (ROOT / path).exists())
    assert not missing, f"{document.name} names {missing}"


def test_every_function_the_order_passes_is_where_the_page_says() -> None:
    text = (ROOT / "docs" / "one-order.md").read_text()
    found = FUNCTION_IN_FILE.findall(text)
    assert len(found) > 15
    for name, path in found:
        source = (ROOT / path).read_text()
        last = name.rpartition(".")[2]
        assert re.search(rf"(def|class) _?{last}\b", source), f"{path} has no {name}"


SERVICES = re.findall(r"```yaml\n(service:.*?)```", (ROOT / "docs" / "recipes.md").read_text(), flags=re.S)


@pytest.mark.parametrize("text", SERVICES)
def test_every_service_in_the_recipes_can_be_built(text: str) -> None:
    registry = Registry.installed()
    container = Container(load_config(text, filename="recipes.md", registry=registry), registry)
    assert container.service is not None
