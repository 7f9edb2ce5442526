"""From bytes to text: size, encoding and characters, each refused with its place."""

from __future__ import annotations

import re
from typing import Final

from orchestrator.foundation.problems import Place, Problem

_BOM: Final = "\ufeff"
_KIB: Final = 1024
# What YAML calls printable, without the surrogates, which UTF-8 cannot hold anyway.
_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


def decode(file: str, raw: bytes, limit: int) -> str | Problem:
    """Read bytes as UTF-8 text of at most ``limit`` bytes, without a byte order mark."""
    if len(raw) > limit:
        return Problem(Place(file), f"holds {_size(len(raw))}; at most {_size(limit)} are read")
    try:
        text = raw.decode().removeprefix(_BOM)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode()
        return Problem(
            place_at(file, before, len(before)),
            f"is not UTF-8: byte 0x{raw[error.start]:02X}; save the file as UTF-8",
        )
    found = _UNPRINTABLE.search(text)
    if found is not None:
        return Problem(
            place_at(file, text, found.start()),
            f"holds the character U+{ord(found[0]):04X}, which no text file may hold",
        )
    return text


def unprintable(value: str) -> str | None:
    """The first character of a value that nobody can see, as escapes bring it in, or None."""
    found = _UNPRINTABLE.search(value)
    return f"U+{ord(found[0]):04X}" if found else None


def place_at(file: str, text: str, offset: int) -> Place:
    """The line and column of an offset into a text."""
    start = text.rfind("\n", 0, offset) + 1
    return Place(file, text.count("\n", 0, offset) + 1, offset - start + 1)


def _size(count: int) -> str:
    return f"{count} bytes" if count < _KIB else f"{-(-count // _KIB)} KiB"
