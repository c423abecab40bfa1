"""Lines of a recording, whatever it is packed with, and a plain word when the packing is broken."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from engine.core.errors import RecordingDamaged

NS_PER_UNIT = ((10**11, 10**9, "s"), (10**14, 10**6, "ms"), (10**17, 10**3, "us"), (10**20, 1, "ns"))
"""(below, nanoseconds per unit, name): epoch stamps of this century differ by three digits a unit."""


def open_packed(path: Path) -> IO[bytes]:
    """Open a file by its first bytes, not its name: gzip, bzip2, xz or plain text."""
    with path.open("rb") as raw:
        magic = raw.read(6)
    if magic[:2] == b"\x1f\x8b":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if magic[:3] == b"BZh":
        return bz2.open(path, "rb")
    if magic == b"\xfd7zXZ\x00":
        return lzma.open(path, "rb")
    return path.open("rb")


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a recording without their ends.

    Raises RecordingDamaged where a packed file breaks off, after every whole line before that place was yielded.
    """
    at = 0
    try:
        with open_packed(path) as stream:
            for line in stream:
                at += 1
                yield line.rstrip(b"\r\n")
    except EOFError:
        raise RecordingDamaged(f"{path.name} breaks off after line {at}: the compressed file is truncated") from None
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, OSError) as error:
        raise RecordingDamaged(f"{path.name} cannot be read past line {at}: {error}") from error


def ns_per_unit(stamp: int) -> int:
    """Nanoseconds in the unit of an epoch stamp, told by its magnitude. Raises RecordingDamaged for no plausible
    time."""
    for below, factor, _ in NS_PER_UNIT:
        if 10**9 <= stamp < below:
            return factor
    raise RecordingDamaged(f"{stamp} is not a time in seconds, milli-, micro- or nanoseconds since 1970")
