"""What a person has said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from engine.core.component import Component
from engine.core.params import PathText
from engine.marketmaking.base import Trip
from engine.risk.base import RiskState


class Manual(Component):
    """Trip while a person's durable kill switch is engaged, or while a file of the given name exists.

    The file is for a configuration that runs alone: `touch` it to halt; its text becomes the reason.
    """

    def __init__(
        self, *, file: Annotated[str | None, PathText(help="Halt while this file exists; leave empty for none")] = None
    ) -> None:
        self.file = file
        self._path = Path(file) if file else None

    def check(self, state: RiskState) -> Trip | None:
        reason = self.runtime.manual_halt()
        if not reason and self._path is not None:
            reason = self._from_file(self._path)
        return Trip(switch=self.name, reason=reason) if reason else None

    def _from_file(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip() or f"The file {path} exists."
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"The kill switch file {path} cannot be read: {error.strerror}."
