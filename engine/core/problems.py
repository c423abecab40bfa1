"""What is wrong with a configuration, said so that a person can mend it without reading code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec

from engine.core.errors import EngineError

Path = tuple[str | int, ...]
"""Where a value stands in the file: ("components", "mid", "args", "sources", 0)."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong. `line` and `column` count from 1; `message` is a sentence, `suggestion` the remedy or empty."""

    file: str
    line: int
    column: int
    path: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        what = f"{self.path}: {self.message}" if self.path else self.message
        return " ".join(_sentence(text) for text in (f"{where}: {what}", self.suggestion) if text)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


class ConfigError(EngineError):
    """A configuration cannot be used. `problems` holds everything found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(sorted(problems, key=lambda p: (p.line, p.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def spell(path: Path) -> str:
    """components.mid.args.sources[0]"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "", else_list: bool = True) -> str:
    """'Did you mean "spread"?', else the list of what is known when it is short, else an empty string."""
    names = sorted(known)
    if close := get_close_matches(word, names, n=1, cutoff=0.6):
        return f'Did you mean "{prefix}{close[0]}"?'
    if else_list and 0 < len(names) <= 12:
        return "Known here: " + ", ".join(f"{prefix}{name}" for name in names)
    return ""
