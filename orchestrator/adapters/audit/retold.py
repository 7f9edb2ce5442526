"""The log's lines as facts again, for whoever makes a store anew from them.

It judges no chain (`verify`), and passes over lines of other owners, and what a version of ours
wrote that this one does not know.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.adapters.audit.ending import NOTHING, live_ending, rotated_ending
from orchestrator.adapters.audit.lines import Entry
from orchestrator.adapters.audit.reading import Progress, entries, log_files
from orchestrator.domain.facts import CATALOGUE, CHANGED, CHECKPOINT, ApiCall, Fact, Json
from orchestrator.domain.retelling import Told
from orchestrator.ports.audit import Head


def retold(live: Path, owner: str, progress: Progress | None = None) -> Iterator[Told]:
    """The facts of one owner, in the order of the log, through all its files.

    Raises:
        LogMovedError: it was rotated meanwhile; begin again.
        OSError: the folder cannot be read.
    """
    for entry in entries(log_files(live), progress):
        if entry.text("owner") == owner and entry.event in CATALOGUE and entry.event != CHECKPOINT:
            yield Told(entry.seq, entry.ts, entry.text("store"), _fact(entry))


def _fact(entry: Entry) -> Fact:
    listed = CATALOGUE[entry.event].detail
    return Fact(
        entry.event,
        actor=entry.text("actor"),
        key=entry.text("key"),
        room_id=entry.text("room_id"),
        operation=entry.text("operation"),
        cause=entry.text("cause"),
        reason=entry.text("reason"),
        before={name: it for name, it in entry.values("before").items() if name in CHANGED},
        after={name: it for name, it in entry.values("after").items() if name in CHANGED},
        api=_call(entry.values("api")),
        detail={name: it for name, it in entry.values("detail").items() if name in listed},
    )


def _call(api: Mapping[str, Json]) -> ApiCall | None:
    method, status, ms, attempt = (api.get(name) for name in ("method", "status", "ms", "attempt"))
    if not isinstance(method, str) or not isinstance(status, int) or not isinstance(attempt, int):
        return None
    return ApiCall(method, status, float(ms) if isinstance(ms, int | float) else 0.0, attempt)


def log_end(live: Path) -> Head:
    """What the next line is chained to, and how many lines stand before it; opens nothing to write.

    Raises:
        OSError: it is there and cannot be read.
    """
    found: Head | None = None
    try:
        descriptor = os.open(live, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        pass
    else:
        try:
            found = live_ending(descriptor, "").head
        finally:
            os.close(descriptor)
    return found or rotated_ending(live, "") or NOTHING
