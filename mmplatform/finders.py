"""Static files that come inside installed packages, so that no build step fetches them and none is kept here.

Plotly's bundle is in plotly; the typeface Inter (SIL Open Font License) is in django-unfold, of which no more is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

INTER = "static/unfold/fonts/inter"
VENDORED = {
    "vendor/plotly.min.js": ("plotly", "package_data/plotly.min.js"),
    **{
        f"vendor/inter/{name}": ("unfold", f"{INTER}/{name}")
        for name in ("Inter-Regular.woff2", "Inter-Medium.woff2", "Inter-SemiBold.woff2", "Inter-Bold.woff2", "LICENSE")
    },
}
"""Address under /static/: (package, file in it)."""


class PackageFinder(BaseFinder):
    """Finds single files of packages, without importing them: Plotly's import takes longer than the file is worth."""

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> str | list[str] | None:
        if path not in VENDORED:
            return [] if find_all else None
        found = str(_located(*VENDORED[path]))
        return [found] if find_all else found

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, FileSystemStorage]]:
        for address, (package, file) in VENDORED.items():
            folder, name = address.rsplit("/", 1)
            storage = FileSystemStorage(location=_located(package, file).parent)
            storage.prefix = folder  # type: ignore[attr-defined]
            yield name, storage


def _located(package: str, file: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {package} is not installed; run ./mm up, which installs it")
    return Path(spec.origin).parent / file
