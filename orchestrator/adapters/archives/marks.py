"""The mark of a folder of copies: one line in a file, by which it is known again.

A folder that a disk is mounted at is there without the disk too, and is another one then.  The file
is a person's to write as well, who means another folder from now on; so it holds one plain word,
and whatever else lies under its name is refused and left as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from orchestrator.adapters.archives.parts import FILE_MODE
from orchestrator.foundation.replacing import replace_file
from orchestrator.ports.archives import ArchiveError, Place

MARK: Final = ".room-orchestrator-archive"

_WORD: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")
_READ: Final = 1000  # bytes: more than any mark has


def read_place(folder: Path) -> Place:
    """What a folder says of itself. Raises `ArchiveError`."""
    path = folder / MARK
    with translated(path):
        if not folder.is_dir():
            raise ArchiveError(f"{folder} is not there, or is no folder")
        return Place(str(folder), _read(path), _holds(folder))


def put_mark(folder: Path, mark: str) -> None:
    """Write it where there is none, durably. Raises `ArchiveError`."""
    path = folder / MARK
    with translated(path):
        if os.path.lexists(path):
            raise ArchiveError(f"{path} is there already")
        replace_file(path, f"{mark}\n".encode(), FILE_MODE)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Say in one line what a disk says. Raises `ArchiveError` in place of `OSError`."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ArchiveError(f"{error.filename or path} cannot be kept: {why}") from error


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        mark = file.read(_READ).decode("utf-8", "replace").strip()
    if _WORD.fullmatch(mark) is None:
        raise ArchiveError(f"{path} holds no mark, which is one word of letters, digits and -._")
    return mark


def _holds(folder: Path) -> bool:
    """Whether any copy lies there with its description beside it."""
    with os.scandir(folder) as entries:
        names = {entry.name for entry in entries if not entry.name.endswith((".part", ".new"))}
    return any(f"{name}.json" in names for name in names)
