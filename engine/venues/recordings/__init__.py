"""Recordings of real markets: what is in a file, and its messages in order, whatever format it is in.

`inspect` for a list of recordings, `open_recording` to read one. A new format is a class with `name`, `recognises`,
`messages` and `stamp_ns`, added to FORMATS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

from engine.core.errors import RecordingDamaged
from engine.venues.recordings.binance import StampedLines
from engine.venues.recordings.cryptofeed import Capture
from engine.venues.recordings.files import lines
from engine.venues.recordings.messages import Damaged, Mark, Message, Skipped, Snapshot, Summary, Top

SYMBOLS_FROM = 2_000
"""Messages looked at to learn which symbols a recording holds."""
CONTRACT = re.compile(r"[-_](PERP|SWAP|SPBL|UMCBL|DMCBL|\d{6})$")
CONTINUES_WITHIN_NS = 60_000_000_000
"""A file that begins at most this long after another ended may be its continuation; sequence numbers decide."""


class Format(Protocol):
    name: str

    def recognises(self, path: Path, first: bytes) -> bool:
        """Whether a file with this among its first lines is of this format."""
        ...

    def messages(self, path: Path) -> Iterator[Message]:
        """Every message of the file, in order. Raises RecordingDamaged where it cannot be read any further."""
        ...

    def stamp_ns(self, line: bytes) -> int:
        """The stamp of a line. Raises ValueError or RecordingDamaged for a line without one."""
        ...


FORMATS: tuple[Format, ...] = (StampedLines(), Capture())


class Recording:
    """One recording: a file, or the files of a folder that follow one another, of one symbol."""

    def __init__(self, parts: list[Summary], symbol: str, warm_up: Summary | None = None) -> None:
        self.parts = parts
        self.symbol = symbol
        """The venue's own spelling, such as BTCUSDT."""
        self.warm_up = warm_up
        """A recording that ends where this one begins, read first for its book alone; None when there is none."""

    @property
    def others(self) -> set[str]:
        """The symbols it holds beside the one played."""
        return {name for part in self.parts for name in part.symbols} - {self.symbol}

    @property
    def first_ns(self) -> int:
        return self.parts[0].first_ns

    @property
    def last_ns(self) -> int:
        return self.parts[-1].last_ns

    @property
    def best_prices_only(self) -> bool:
        """No snapshot is at hand to build a book from, but the best prices are recorded."""
        return self.warm_up is None and self.parts[0].has_tops and not self.parts[0].has_snapshot

    def messages(self) -> Iterator[Message]:
        """Every message, other symbols' included, oldest first."""
        return chain.from_iterable(_messages(part) for part in self.parts)

    def before(self) -> Iterator[Message]:
        """The messages of the recording this one continues, if any."""
        return _messages(self.warm_up) if self.warm_up is not None else iter(())


def open_recording(path: str, symbol: str = "") -> Recording:
    """Open a file, or a folder whose files are played as one. `symbol` as we or the venue write it; may be left out if
    the recording holds one only.

    Raises RecordingDamaged with the remedy: no such file, unknown format, several symbols to choose from, none of
    that name.
    """
    where = Path(path)
    if not where.exists():
        raise RecordingDamaged(f"there is no recording at {path}; give the path of a file or of a folder of recordings")
    if where.is_dir():
        parts = sorted(list_recordings(where), key=lambda part: part.first_ns)
        if not parts:
            raise RecordingDamaged(f"the folder {path} holds no recording whose format is recognised")
    else:
        parts = [inspect(path)]
    name = _choose(sorted({name for part in parts for name in part.symbols}), symbol, path)
    parts = [part for part in parts if name in part.symbols]
    warm_up = None
    if not parts[0].has_snapshot:
        warm_up = _continued(parts[0], name)
    return Recording(parts, name, warm_up)


def inspect(path: str) -> Summary:
    """What a file holds: format, symbols, first and last stamp, messages. Reads it once; asked again, answers from
    memory.

    Raises RecordingDamaged when the format is not recognised or nothing in it can be read.
    """
    state = Path(path).stat()
    return _inspect(str(path), state.st_mtime_ns, state.st_size)


def list_recordings(folder: Path) -> list[Summary]:
    """The recordings in a folder and below, by path. Files of no known format are left out."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            found.append(inspect(str(path)))
        except RecordingDamaged:
            continue
    return found


def plain(symbol: str) -> str:
    """A symbol without the marks by which venues' spellings differ: BTC/USDT, btc-usdt and BTCUSDT are one."""
    return "".join(letter for letter in symbol.partition(":")[0].upper() if letter.isalnum())


def without_contract(symbol: str) -> str:
    """A venue's spelling without what marks a contract or a product line: BTCUSD_PERP, BTC-USDT-SWAP, EOSUSDT_SPBL."""
    return CONTRACT.sub("", symbol.upper())


@lru_cache(maxsize=1024)
def _inspect(path: str, _mtime_ns: int, size: int) -> Summary:
    where = Path(path)
    form = _format_of(where)
    symbols: set[str] = set()
    has_snapshot = has_tops = False
    try:
        for message in islice(form.messages(where), SYMBOLS_FROM):
            if not isinstance(message, Skipped | Damaged | Mark):
                symbols.add(message.symbol)
            has_snapshot = has_snapshot or isinstance(message, Snapshot)
            has_tops = has_tops or isinstance(message, Top)
    except RecordingDamaged:
        if not symbols - {""}:
            raise
    symbols.discard("")
    count, first_ns, last_ns, problem = _span(where, form)
    return Summary(
        path=path,
        format=form.name,
        symbols=tuple(sorted(symbols)),
        first_ns=first_ns,
        last_ns=last_ns,
        messages=count,
        has_snapshot=has_snapshot,
        has_tops=has_tops,
        size_bytes=size,
        problem=problem,
    )


def _format_of(path: Path) -> Format:
    first: list[bytes] = []
    try:
        first.extend(islice(lines(path), 5))
    except RecordingDamaged:
        if not first:
            raise
    for form in FORMATS:
        if any(form.recognises(path, line) for line in first):
            return form
    known = " and ".join(form.name for form in FORMATS)
    raise RecordingDamaged(f"the format of {path.name} is not recognised; {known} are")


def _span(path: Path, form: Format) -> tuple[int, int, int, str]:
    """(lines, first stamp, last stamp, problem) without decoding what lies between."""
    count, first_ns, last_ns, problem = 0, 0, 0, ""
    last = b""
    try:
        for line in lines(path):
            if not line:
                continue
            count += 1
            last = line
            if not first_ns:
                first_ns = _stamp(form, line)
            if count % 1000 == 0:
                last_ns = _stamp(form, line) or last_ns
    except RecordingDamaged as error:
        problem = str(error)
    return count, first_ns, max(_stamp(form, last), last_ns), problem


def _stamp(form: Format, line: bytes) -> int:
    try:
        return form.stamp_ns(line)
    except (ValueError, ArithmeticError, IndexError, RecordingDamaged):
        return 0


def _messages(part: Summary) -> Iterator[Message]:
    where = Path(part.path)
    return _format_of(where).messages(where)


def _choose(names: list[str], symbol: str, path: str) -> str:
    if not symbol:
        if len(names) == 1:
            return names[0]
        if not names:
            raise RecordingDamaged(f"nothing in the recording {path} is market data that is understood")
        raise RecordingDamaged(f"the recording {path} holds {', '.join(names)}; name the one to play")
    for spelling in (plain, lambda name: plain(without_contract(name))):
        for name in names:
            if spelling(name) == plain(symbol):
                return name
    raise RecordingDamaged(f"the recording {path} holds {', '.join(names) or 'no symbol'}, not {symbol}")


def _continued(part: Summary, symbol: str) -> Summary | None:
    """The recording with a snapshot beside this one that ends where this one, which has none, begins."""
    where = Path(part.path)
    found = None
    for path in sorted(where.parent.glob(f"*{where.suffix}")):
        if path == where or not path.is_file():
            continue
        try:
            other = inspect(str(path))
        except RecordingDamaged:
            continue
        follows = 0 <= part.first_ns - other.last_ns <= CONTINUES_WITHIN_NS
        if (
            follows
            and other.has_snapshot
            and symbol in other.symbols
            and (found is None or other.last_ns > found.last_ns)
        ):
            found = other
    return found
