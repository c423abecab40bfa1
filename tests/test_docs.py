"""What the documents point at is there: a page that sends a newcomer to a file that moved is worse than none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
