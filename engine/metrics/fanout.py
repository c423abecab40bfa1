"""One sink in front of several: each hears what it is meant to, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import structlog

from engine.core.component import Component
from engine.core.params import Collaborator, Items, Option
from engine.metrics.base import Sink
from engine.metrics.events import Event, EventKind, Notice, kind_of
from engine.metrics.sinks import Postgres

log = structlog.get_logger(__name__)


class Fanout(Component):
    """Hand events to several sinks, each filtered by kind; one that fails is reported and does not stop the others.

    A sink that stands in the file by itself stops its service when it fails. Behind a fanout a failure costs only what
    that sink did not hear, so it is for what may be missed; the record may not, and is refused here.
    """

    def __init__(
        self,
        *,
        sinks: Annotated[Mapping[str, Sink], Items(ge=1), Collaborator(help="The sinks, each under a name of its own")],
        kinds: Annotated[
            Mapping[str, Sequence[EventKind]],
            Option(help="What a sink hears, by its name; not listed: everything"),
        ] = {},
    ) -> None:
        if unknown := sorted(set(kinds) - set(sinks)):
            raise ValueError(f"kinds names {', '.join(unknown)}, but the sinks are {', '.join(sinks)}")
        if record := [name for name, sink in sinks.items() if isinstance(sink, Postgres)]:
            raise ValueError(
                f"{record[0]} is sinks.postgres, which must hear everything or stop the service; "
                "put it in the file by itself"
            )
        self.behind = tuple(sinks.values())
        self._wanted = {name: frozenset(kinds[name]) if name in kinds else None for name in sinks}
        self._sinks = dict(sinks)
        self._failing: set[str] = set()

    def emit(self, event: Event) -> None:
        kind = kind_of(event)
        for name, sink in self._sinks.items():
            wanted = self._wanted[name]
            if wanted is None or kind in wanted:
                self._hand(name, sink, event)

    def _hand(self, name: str, sink: Sink, event: Event) -> None:
        try:
            sink.emit(event)
        except Exception as error:  # an edge like the container's: one sink must not keep the others from hearing
            if name not in self._failing:
                self._failing.add(name)  # before the notice, which comes by here as well
                log.error("a sink behind a fanout failed", sink=name, exc_info=error)
                self._notice("error", f"The sink {name} behind {self.name} fails: {type(error).__name__} {error}")
            return
        if name in self._failing:
            self._failing.discard(name)
            self._notice("info", f"The sink {name} behind {self.name} hears again; what came meanwhile it has missed.")

    def _notice(self, level: str, text: str) -> None:
        self.runtime.record(Notice(ts_ns=self.runtime.clock.now_ns(), level=level, text=text))
