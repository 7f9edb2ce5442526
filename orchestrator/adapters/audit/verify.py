"""Is the log what was written? Every place where it is not is named, and the search goes on.

What is checked: each line's own hash, its link to the line before, the numbers of the facts, what
checkpoints count and sign, the end against the head that the store remembers (the anchor), and the
beginning. What that proves, and against whom it proves nothing, is told in ``docs/audit.md``.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.lines import Entry, read_entry
from orchestrator.adapters.audit.reading import (
    LogMovedError,
    Progress,
    RawLine,
    Unreadable,
    log_files,
    read_log,
)
from orchestrator.adapters.audit.signing import Checkpoint, VerifyingKey
from orchestrator.domain.facts import CHECKPOINT
from orchestrator.foundation.chain import GENESIS, SealedLine, unseal
from orchestrator.ports.audit import Head

MOST_FINDINGS: Final = 1000  # beyond this they are only counted
_PATIENCE: Final = 5  # rotations while reading, after which it is given up


class FindingKind(StrEnum):
    """What is wrong at a place."""

    ALTERED = "altered"  # the line's hash is not that of its text
    DAMAGED = "damaged"  # no line of ours any more
    TORN = "torn"  # the file ends in the middle of a line
    MISSING = "missing"  # lines that stood before this one are not there
    MISPLACED = "misplaced"  # the line belongs further up, or is there twice
    UNREADABLE = "unreadable"  # the rest of the file
    CHECKPOINT = "checkpoint"  # what it counts or signs is not so
    BEGINNING = "beginning"  # the log does not begin with its first line
    END = "end"  # the log does not hold the line that the store remembers


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where the log is not what was written.

    Attributes:
        line: in that file, from 1; 0 where the file as a whole is meant.
        seq: the number that the line bears, if it can be believed.
    """

    kind: FindingKind
    file: str
    line: int
    seq: int | None
    message: str

    def __str__(self) -> str:
        """One line for a terminal."""
        number = "" if self.seq is None else f" (#{self.seq})"
        return f"{self.file}:{self.line}{number}  {self.message}"


class Anchoring(StrEnum):
    """Whether the log holds the line that the store remembers as the last."""

    NOT_ASKED = "not asked"
    HELD = "held"
    MISSED = "missed"


class Signing(StrEnum):
    """What the signatures of the checkpoints tell."""

    NO_CHECKPOINT = "no checkpoint"
    NOT_SIGNED = "not signed"
    NOT_CHECKED = "not checked"  # no public key was given
    CHECKED = "checked"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read: so much, from there to there."""

    files: tuple[str, ...] = ()
    lines: int = 0
    first_seq: int | None = None
    first_ts: datetime | None = None
    last_seq: int | None = None
    last_ts: datetime | None = None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found, and what was looked at.

    Attributes:
        findings: in the order of the log, at most `MOST_FINDINGS`.
        further: how many more there are.
        signed_until: the last fact that a good signature vouches for.
    """

    findings: tuple[Finding, ...]
    further: int
    coverage: Coverage
    anchoring: Anchoring
    signing: Signing
    signed_until: int | None

    @property
    def is_whole(self) -> bool:
        """Nothing was found, in as far as it could be looked at."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Against:
    """What a log is checked against.

    Attributes:
        anchor: the head that the store remembers; take it before the log is read.
        keys: those that may have signed checkpoints: the present one and earlier ones.
        from_the_first: False where old files were removed on purpose.
    """

    anchor: Head | None = None
    keys: tuple[VerifyingKey, ...] = ()
    from_the_first: bool = True


def verify(live: Path, against: Against, progress: Progress | None = None) -> VerifyReport:
    """Check the log whose live file is at `live`, with all its rotated files.

    Raises:
        LogMovedError: it was rotated again and again while it was read.
        OSError: the folder cannot be read.
    """
    patience = _PATIENCE
    while True:
        verifier = Verifier(live.name, against)
        files = log_files(live)
        try:
            for item in read_log(files, progress):
                verifier.take(item)
        except LogMovedError:
            patience -= 1
            if not patience:
                raise
        else:
            return verifier.report(tuple(file.name for file in files))


@dataclass(slots=True)
class _Tip:
    """Where the chain stands: what may follow.

    Attributes:
        hashes: those that the next line may name as the one before; None: any.
        seq: the last fact's number; None: not known.
        count: lines since the first of all; None: not known.
    """

    hashes: frozenset[str] | None = frozenset({GENESIS})
    seq: int | None = 0
    store: str | None = None
    count: int | None = 0


class Verifier:
    """Takes a log line by line; `report` tells what was found."""

    def __init__(self, name: str, against: Against) -> None:
        self._against = against
        self._tip = _Tip()
        self._aside = ""  # the hash of the last misplaced line: what follows it is told with it
        self._findings: list[Finding] = []
        self._further = 0
        self._lines = 0
        self._first: Entry | None = None
        self._last: Entry | None = None
        self._file, self._line = name, 0
        self._signing = Signing.NO_CHECKPOINT
        self._signed_until: int | None = None
        anchor = against.anchor
        self._anchored = anchor is None or not anchor.lines

    def take(self, item: RawLine | Unreadable) -> Entry | None:
        """Judge the next line; gives it as an entry if it can be read, sound or not."""
        before, self._file, self._line = self._file, item.file, item.number
        if isinstance(item, Unreadable):
            self._find(FindingKind.UNREADABLE, None, f"cannot be read from here on: {item.why}")
            self._tip = _Tip(hashes=None, seq=None, count=None)
            return None
        self._lines += 1
        sealed = unseal(item.data)
        entry = read_entry(item.file, item.number, item.data)
        if not item.ended:
            self._torn(sealed, entry)
        elif sealed is None or entry is None:
            self._find(FindingKind.DAMAGED, None, "is not a line of this log")
            self._pass(hashes=None)
        elif not sealed.is_whole:
            self._find(FindingKind.ALTERED, None, "was altered: its hash is not that of its text")
            # Either may be what the next line names: the text or the hash was altered.
            either = frozenset({sealed.hash, sealed.computed})
            self._look_for_anchor(either)
            self._pass(either)
        else:
            self._whole(sealed, entry, before)
        self._note(entry)
        return entry

    def report(self, files: Sequence[str]) -> VerifyReport:
        """What was found in all that was taken."""
        if not self._anchored:
            self._find(FindingKind.END, None, self._cut_off())
        first, last = self._first, self._last
        coverage = Coverage(
            tuple(files),
            self._lines,
            first.seq if first else None,
            first.ts if first else None,
            last.seq if last else None,
            last.ts if last else None,
        )
        return VerifyReport(
            tuple(self._findings),
            self._further,
            coverage,
            self._anchoring(),
            self._signing,
            self._signed_until,
        )

    def _torn(self, sealed: SealedLine | None, entry: Entry | None) -> None:
        self._find(FindingKind.TORN, None, "the file ends in the middle of this line")
        if sealed is not None and entry is not None:
            self._look_for_anchor({sealed.hash})
            # Only its newline is missing: the next file may follow it, or the line before it.
            hashes = self._tip.hashes
            self._tip.hashes = None if hashes is None else hashes | {sealed.hash}
            self._tip.seq = self._tip.count = None

    def _whole(self, sealed: SealedLine, entry: Entry, before: str) -> None:
        self._look_for_anchor({sealed.hash})
        due = self._tip.hashes
        if due is not None and sealed.previous not in due:
            if self._lines == 1:
                self._begins_late(entry)
            elif self._is_earlier(entry):
                self._misplaced(sealed, entry)
                return
            else:
                self._missing(entry, before)
        else:
            self._check_number(entry)
        if entry.event == CHECKPOINT:
            self._check_checkpoint(sealed, entry)
        count, store = self._tip.count, entry.text("store")
        # A store that begins with a checkpoint vouches for another's lines, and has no number yet.
        begins = entry.event == CHECKPOINT and self._tip.store not in {None, store}
        self._tip = _Tip(
            frozenset({sealed.hash}),
            None if begins else entry.seq,
            store,
            None if count is None else count + 1,
        )

    def _pass(self, hashes: frozenset[str] | None) -> None:
        count = self._tip.count
        # The number of a line that is not sound cannot be believed.
        self._tip = _Tip(hashes, None, None, None if count is None else count + 1)

    def _begins_late(self, entry: Entry) -> None:
        self._tip = _Tip(hashes=None, seq=None, count=None)
        if not self._against.from_the_first:
            return
        lines = entry.values("detail").get("lines") if entry.event == CHECKPOINT else None
        some = f"{lines:,} lines" if isinstance(lines, int) else "lines"
        self._find(
            FindingKind.BEGINNING,
            entry,
            f"the log begins here, but {some} stood before: they, or an older file, are missing",
        )

    def _is_earlier(self, entry: Entry) -> bool:
        tip = self._tip
        return tip.store == entry.text("store") and tip.seq is not None and entry.seq <= tip.seq

    def _misplaced(self, sealed: SealedLine, entry: Entry) -> None:
        if sealed.previous != self._aside:
            message = f"stands after #{self._tip.seq}, where it does not belong"
            self._find(FindingKind.MISPLACED, entry, message)
        self._aside = sealed.hash

    def _missing(self, entry: Entry, before: str) -> None:
        tip = self._tip
        between = "" if before == self._file else f" between {before} and {self._file}"
        gap = ""
        if tip.seq is not None and tip.store == entry.text("store") and entry.seq > tip.seq + 1:
            first, last = tip.seq + 1, entry.seq - (entry.event != CHECKPOINT)
            gap = f": #{first}" if first == last else f": #{first} to #{last}"
        self._find(FindingKind.MISSING, entry, f"lines are missing before this one{between}{gap}")
        self._tip.count = None

    def _check_number(self, entry: Entry) -> None:
        tip = self._tip
        if tip.seq is None or (tip.store is not None and tip.store != entry.text("store")):
            return
        due = tip.seq if entry.event == CHECKPOINT else tip.seq + 1
        # The first store's facts may begin at any number: others were written elsewhere.
        if entry.seq == due or tip.store is None:
            return
        message = f"the chain is whole, but #{due} was to come: facts were never written here"
        self._find(FindingKind.MISSING, entry, message)

    def _check_checkpoint(self, sealed: SealedLine, entry: Entry) -> None:
        lines = entry.values("detail").get("lines")
        if not isinstance(lines, int):
            self._find(FindingKind.CHECKPOINT, entry, "counts no lines")
            return
        if self._tip.count is not None and lines != self._tip.count:
            message = f"counts {lines:,} lines before it, but there are {self._tip.count:,}"
            self._find(FindingKind.CHECKPOINT, entry, message)
        self._tip.count = lines
        self._check_signature(sealed, entry, lines)

    def _check_signature(self, sealed: SealedLine, entry: Entry, lines: int) -> None:
        detail = entry.values("detail")
        signer, signature = detail.get("signed_by"), detail.get("signature")
        if not isinstance(signer, str) or not isinstance(signature, str):
            if self._signing in {Signing.CHECKED, Signing.NOT_CHECKED}:
                self._find(FindingKind.CHECKPOINT, entry, "is not signed, as earlier ones are")
            else:
                self._signing = Signing.NOT_SIGNED
            return
        if not self._against.keys:
            self._signing = Signing.NOT_CHECKED
            return
        self._signing = Signing.CHECKED
        key = next((key for key in self._against.keys if key.id == signer), None)
        if key is None:
            message = f"is signed by the key {signer}, which was not given"
            self._find(FindingKind.CHECKPOINT, entry, message)
            return
        vouched = Checkpoint(
            entry.text("owner"), entry.text("store"), lines, entry.seq, sealed.previous
        )
        if vouched.is_signed(key, signature):
            self._signed_until = entry.seq
        else:
            self._find(FindingKind.CHECKPOINT, entry, "its signature is wrong")

    def _look_for_anchor(self, hashes: Set[str]) -> None:
        anchor = self._against.anchor
        if anchor is not None and anchor.hash in hashes:
            self._anchored = True

    def _anchoring(self) -> Anchoring:
        if self._against.anchor is None:
            return Anchoring.NOT_ASKED
        return Anchoring.HELD if self._anchored else Anchoring.MISSED

    def _cut_off(self) -> str:
        anchor, last = self._against.anchor, self._last
        seq = anchor.seq if anchor else 0
        if last is None:
            return f"the log is empty, but the store remembers #{seq} as written"
        if last.seq < seq:
            return (
                f"the log ends here, with #{last.seq}, but the store remembers #{seq} as written: "
                "its end was cut off"
            )
        return f"the line of #{seq} is not the one that the store remembers"

    def _note(self, entry: Entry | None) -> None:
        if entry is not None:
            self._first = self._first or entry
            self._last = entry

    def _find(self, kind: FindingKind, entry: Entry | None, message: str) -> None:
        if len(self._findings) == MOST_FINDINGS:
            self._further += 1
            return
        seq = entry.seq if entry else None
        self._findings.append(Finding(kind, self._file, self._line, seq, message))
