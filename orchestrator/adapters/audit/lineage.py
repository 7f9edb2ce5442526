"""Which stores have written a log: their incarnations, found without reading lines whole.

It judges nothing: a line that is no line of ours is passed over.
"""

import re
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.reading import (
    LogMovedError,
    Progress,
    RawLine,
    log_files,
    read_log,
)

_PATIENCE: Final = 5  # rotations while reading, after which it is given up
_BEGINNING: Final = re.compile(
    rb'\{"ts":"[^"]*","seq":\d+,"event":"[^"]*","owner":"(?P<owner>[^"]*)",'
    rb'"store":"(?P<store>[^"]*)"'
)


def incarnations(live: Path, owner: str, progress: Progress | None = None) -> frozenset[str]:
    """The incarnations of all stores whose facts of this owner stand in the log.

    Raises:
        LogMovedError: it was rotated again and again while it was read.
        OSError: the folder cannot be read.
    """
    for _ in range(_PATIENCE - 1):
        try:
            return _incarnations(live, owner, progress)
        except LogMovedError:
            continue
    return _incarnations(live, owner, progress)


def _incarnations(live: Path, owner: str, progress: Progress | None) -> frozenset[str]:
    found: set[str] = set()
    for item in read_log(log_files(live), progress):
        begun = _BEGINNING.match(item.data) if isinstance(item, RawLine) else None
        if begun is not None and begun["owner"].decode() == owner:
            found.add(begun["store"].decode())
    return frozenset(found)
