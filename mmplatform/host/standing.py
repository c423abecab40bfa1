"""What a host tells pages of a deployment it holds: which revision runs, how its components stand, how promptly."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.core.container import Container
from engine.core.legible import to_json
from engine.metrics.events import Vitals
from monitoring.kept import Standing


class Teller:
    """One deployment's. It outlives the containers it tells of, so that what failed can still be seen."""

    def __init__(self, publish: Callable[[bytes], None], *, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._publish = publish
        self._wall_ns = wall_ns
        self._container: Container | None = None
        self._revision = ""
        self._token = 0
        self._vitals: Vitals | None = None

    def begins(self, *, revision: str, token: int) -> None:
        """A service is about to be built; of one that cannot be, this is all there is to tell."""
        self._container, self._vitals, self._revision, self._token = None, None, revision, token

    def built(self, container: Container) -> None:
        self._container = container
        self.tell()

    def goes_on(self, *, revision: str) -> None:
        """The running service took over another revision without being built anew."""
        self._revision = revision
        self.tell()

    def hear(self, vitals: Vitals) -> None:
        self._vitals = vitals
        self.tell()

    def tell(self, doing: str = "") -> None:
        """Say how it stands now; called whenever that may have changed."""
        standing = Standing(
            sent_ms=self._wall_ns() // 1_000_000,
            token=self._token,
            revision=self._revision,
            parts=() if self._container is None else self._container.parts(),
            vitals=self._vitals,
            doing=doing,
        )
        self._publish(to_json(standing))
