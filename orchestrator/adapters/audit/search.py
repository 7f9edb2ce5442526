"""Finding facts again: by what was true then, by number with all that led to it, by time.

Each question reads the whole log once, in order, and judges it on the way, so that its answer can
end with what it covered: that nothing was found is an answer only if everything was there to find.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from orchestrator.adapters.audit.lines import FIELDS, Entry
from orchestrator.adapters.audit.reading import Progress, entries, log_files, read_log
from orchestrator.adapters.audit.verify import Against, Verifier, VerifyReport
from orchestrator.domain.facts import CHECKPOINT, Json
from orchestrator.domain.sought import tells_of, texts

_SEARCHED: Final = ("key", "room_id", "operation")
_VALUES: Final = ("before", "after", "detail")
_NUMBER: Final = re.compile(r"#(\d+)")
_VERSION: Final = re.compile(r"@([0-9a-f]{4,})")
_LONGEST_TRAIL: Final = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; everything that is given must fit.

    Attributes:
        text: part of a display name, meeting code, guest link, key, room id or operation id, as
            they were at the time; case, spacing and Unicode form do not matter.
        events: names of events; empty: any.
        key: a whole key, encoded or as people write it.
        since, until: moments (UTC); `until` itself is not included.
    """

    text: str = ""
    events: frozenset[str] = frozenset()
    key: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, entry: Entry) -> bool:
        """Whether an entry is looked for."""
        return (
            (self.since is None or entry.ts >= self.since)
            and (self.until is None or entry.ts < self.until)
            and (not self.events or entry.event in self.events)
            and (not self.key or self.key in {entry.text("key"), unquote(entry.text("key"))})
            and (not self.text or tells_of(_told(entry), self.text))
        )


class Search:
    """An answer that is being read: iterate over it, then ask for its `report`."""

    def __init__(
        self,
        live: Path,
        wanted: Wanted,
        against: Against | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._live = live
        self._wanted = wanted
        self._progress = progress
        self._verifier = Verifier(live.name, against or Against())
        self._files: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Entry]:
        """The entries that fit, in the order of the log.

        Raises:
            LogMovedError: the log was rotated meanwhile; ask again.
        """
        files = log_files(self._live)
        self._files = tuple(file.name for file in files)
        for item in read_log(files, self._progress):
            entry = self._verifier.take(item)
            if entry is not None and self._wanted.fits(entry):
                yield entry

    def report(self) -> VerifyReport:
        """What was covered, and whether it was whole; to be asked once all was read."""
        return self._verifier.report(self._files)


@dataclass(frozen=True, slots=True)
class Shown:
    """One fact, and the trail that led to it and on from it, in order, itself included."""

    entry: Entry
    trail: tuple[Entry, ...]


def show(live: Path, seq: int, store: str = "") -> Shown | None:
    """The fact with this number; of several stores that numbered so far, the latest or the given.

    Its trail holds the facts of the same operation, those that causes and reasons name by number,
    and the loading of the policy version that acted.

    Raises:
        LogMovedError: the log was rotated meanwhile; ask again.
    """
    entry: Entry | None = None
    for candidate in _facts(live, lambda entry: entry.seq == seq):
        if not store or candidate.text("store") == store:
            entry = candidate
    if entry is None:
        return None
    trail = {entry.seq: entry}
    links = _Links.of(entry)
    # Each turn may name further facts; a trail has few turns, and each reads the log once.
    while len(trail) < _LONGEST_TRAIL:
        found = {
            other.seq: other for other in _facts(live, links.leads_to) if other.seq not in trail
        }
        if not found:
            break
        trail.update(found)
        for other in found.values():
            links = links.joined(_Links.of(other))
    nearest = sorted(trail.values(), key=lambda one: abs(one.seq - seq))[:_LONGEST_TRAIL]
    return Shown(entry, tuple(sorted(nearest, key=lambda one: one.seq)))


@dataclass(frozen=True, slots=True)
class _Links:
    """Where a fact points to: numbers, operations, versions of policies."""

    store: str
    until: int
    numbers: frozenset[int]
    operations: frozenset[str]
    versions: frozenset[str]

    @classmethod
    def of(cls, entry: Entry) -> "_Links":
        told = f"{entry.text('cause')} {entry.text('reason')}"
        operation = entry.text("operation")
        return cls(
            entry.text("store"),
            entry.seq,
            frozenset(int(number) for number in _NUMBER.findall(told)),
            frozenset({operation} if operation else ()),
            frozenset(_VERSION.findall(entry.text("actor"))),
        )

    def joined(self, other: "_Links") -> "_Links":
        return replace(
            self,
            numbers=self.numbers | other.numbers,
            operations=self.operations | other.operations,
            versions=self.versions | other.versions,
        )

    def leads_to(self, entry: Entry) -> bool:
        if entry.text("store") != self.store:
            return False
        if entry.seq in self.numbers or entry.text("operation") in self.operations:
            return True
        return entry.event == "policy.loaded" and self._names(entry)

    def _names(self, loaded: Entry) -> bool:
        version = loaded.values("detail").get("version")
        return (
            isinstance(version, str)
            and loaded.seq <= self.until
            and any(version.startswith(named) for named in self.versions)
        )


class ExportFormat(StrEnum):
    """How an export is written."""

    JSONL = "jsonl"  # the lines as they stand, hashes included
    CSV = "csv"  # one column a field; before, after, detail and api as JSON


def export(
    live: Path,
    wanted: Wanted,
    form: ExportFormat,
    progress: Progress | None = None,
) -> Iterator[str]:
    """What fits, record by record with newlines; CSV (RFC 4180) begins with its columns' names.

    Raises:
        LogMovedError: the log was rotated meanwhile; ask again.
    """
    found = iter(Search(live, wanted, progress=progress))
    if form is ExportFormat.JSONL:
        yield from (entry.raw.decode("utf-8", "replace") + "\n" for entry in found)
        return
    yield _row(tuple(FIELDS))
    for entry in found:
        yield _row(tuple(_cell(entry.fields.get(name)) for name in FIELDS))


def _facts(live: Path, fits: Callable[[Entry], bool]) -> Iterator[Entry]:
    """Facts that fit; the checkpoints among them bear numbers of others and are left out."""
    for entry in entries(log_files(live)):
        if entry.event != CHECKPOINT and fits(entry):
            yield entry


def _told(entry: Entry) -> Iterator[str]:
    for name in _SEARCHED:
        yield entry.text(name)
    yield unquote(entry.text("key"))
    for name in _VALUES:
        yield from texts(entry.values(name))


def _cell(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # A spreadsheet would take these for formulas; the quote makes it show the text.
        return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    return json.dumps(value, ensure_ascii=False)


def _row(cells: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
