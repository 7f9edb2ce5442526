"""What is left of an installation when its store is gone: file, log, API, list and policies.

Everything is read and nothing is written.  It refuses what may be half of the truth: a log whose
chain is broken, a listing that is incomplete or doubtful, a store of another owner.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.reading import LogMovedError
from orchestrator.adapters.audit.retold import log_end, retold
from orchestrator.adapters.audit.verify import FindingKind, VerifyReport, verify
from orchestrator.adapters.policies.adopted import AdoptedFile
from orchestrator.adapters.policies.folder import PolicyFolder
from orchestrator.adapters.store.peek import Copy, read_copy, read_facts
from orchestrator.adapters.templates.rendering import SandboxedTemplates
from orchestrator.app.auditing import checked_by
from orchestrator.app.build import pins, reach_api, reach_rooms
from orchestrator.app.reading import policy_reader
from orchestrator.config import Settings
from orchestrator.domain.keys import InvalidKeyError, Key, parse_key
from orchestrator.domain.rebuilding import Listed
from orchestrator.domain.records import Role
from orchestrator.domain.reports import StoreReport
from orchestrator.domain.retelling import Memory, Retelling, Told
from orchestrator.engine.book import Binder, Book
from orchestrator.engine.lineage import DOUBT, LINEAGE
from orchestrator.engine.outbox import AUDIT_HEAD
from orchestrator.ports.adoptions import Entry, Standing
from orchestrator.ports.audit import Head
from orchestrator.ports.clock import Clock
from orchestrator.ports.desk import DeskError
from orchestrator.ports.rooms import RoomListing
from orchestrator.ports.store import PolicyText, StoreFault

_PATIENCE: Final = 5  # rotations of the log while it is read
_MENDABLE: Final = frozenset({FindingKind.BEGINNING, FindingKind.TORN})


@dataclass(frozen=True, slots=True)
class Present:
    """What is at the store's place; no copy where that cannot be read."""

    copy: Copy | None
    sentence: str


@dataclass(frozen=True, slots=True)
class History:
    """What the log tells, and what the present store adds that is not in it yet.

    Attributes:
        head: the end of the log.
        last: the highest number of any fact.
        unwritten: facts of the present store that the log does not have.
        remarks: what is doubtful and was not refused.
    """

    memory: Memory
    head: Head
    last: int
    unwritten: tuple[Told, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the API shows, what it is pinned by, and its time."""

    listing: RoomListing
    pinned: dict[str, str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Remains:
    """Everything together."""

    present: Present
    history: History
    seen: Seen
    listed: tuple[Listed, ...]
    lineage: frozenset[str]
    keys: dict[str, Key]
    texts: tuple[PolicyText, ...]


async def look_at_remains(
    settings: Settings, clock: Clock, taken: frozenset[str], *, trusting: bool
) -> Remains:
    """Read everything that is left.

    Args:
        settings: which installation.
        clock: for the calls.
        taken: incarnations of stores whose rooms a person takes for ours.
        trusting: go on by what can be read of a log that is not whole.

    Raises:
        DeskError: something is not to be trusted; the text says what.
        Fault: the API cannot be listed.
        StartError, SecretFault, AdoptionsFault, StoreFault, OSError: something cannot be read.
    """
    present = await asyncio.to_thread(read_present, settings.store)
    _refuse_other_owner(settings, present)
    history = await asyncio.to_thread(_read_history, settings, present, trusting=trusting)
    seen = await _list(settings, clock)
    book = await _book(settings, present, clock)
    lines = await asyncio.to_thread(AdoptedFile(settings.policies).read)
    return Remains(
        present,
        history,
        seen,
        tuple(_listed(line) for line in lines),
        _lineage(present, history.memory, taken),
        _known_keys(book, present, lines),
        _texts(present, history.memory),
    )


def read_present(path: Path) -> Present:
    """What is at the store's place."""
    try:
        copy = read_copy(path)
    except StoreFault as fault:
        return Present(None, f"cannot be read, and is kept: {fault}")
    if copy is None:
        return Present(None, "there is none")
    rooms = sum(len(state.rooms) for state in copy.states)
    sentence = (
        f"{len(copy.states):,} keys, {rooms:,} rooms, facts up to {copy.last_fact:,} "
        f"(incarnation {copy.incarnation})"
    )
    return Present(copy, sentence)


def _refuse_other_owner(settings: Settings, present: Present) -> None:
    pinned = present.copy.notes.get("pin.owner") if present.copy is not None else None
    if pinned is not None and pinned != settings.owner:
        raise DeskError(
            f"the store {settings.store} is that of the owner {pinned!r}, and the config names "
            f"{settings.owner!r}: put the config right"
        )


# --- the log --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """The log, read once; `last` is the highest number by store, `newest` the store at its end."""

    report: VerifyReport
    retelling: Retelling
    last: dict[str, int]
    newest: str


def _read_history(settings: Settings, present: Present, *, trusting: bool) -> History:
    read = _read_log(settings)
    remarks = _judge(settings.audit.file, read.report, trusting=trusting)
    unwritten = _unwritten(settings.store, present, read)
    for one in unwritten:
        read.retelling.take(one)
    memory = read.retelling.memory
    if memory.unread:
        remarks.append(f"{memory.unread:,} facts of the log could not be understood")
    last = max((*read.last.values(), *(one.seq for one in unwritten)), default=0)
    return History(memory, log_end(settings.audit.file), last, unwritten, tuple(remarks))


def _read_log(settings: Settings) -> _Read:
    live = settings.audit.file
    against = checked_by(settings).against
    for _ in range(_PATIENCE):
        try:
            report = verify(live, against)
            retelling, last, newest = Retelling(), dict[str, int](), ""
            for one in retold(live, settings.owner):
                retelling.take(one)
                last[one.store] = max(one.seq, last.get(one.store, 0))
                newest = one.store
            return _Read(report, retelling, last, newest)
        except LogMovedError:
            continue
    raise DeskError("the log is rotated again and again while it is read; try once more")


def _judge(live: Path, report: VerifyReport, *, trusting: bool) -> list[str]:
    """Refuse a log that is not what was written, unless a person trusts what is left of it."""
    if not report.coverage.files:
        return [f"there is no audit log at {live}: only markers and adopted.yaml are known"]
    bad = [one for one in report.findings if one.kind not in _MENDABLE]
    if bad and not trusting:
        first = "; ".join(str(one) for one in bad[:3])
        raise DeskError(
            f"the audit log is not what was written, in {len(bad) + report.further:,} places: "
            f"{first}. See  room-orchestrator audit verify;  to go on by what can be read of it: "
            "--trust-broken-audit"
        )
    return [str(one) for one in report.findings[:10]]


def _unwritten(path: Path, present: Present, read: _Read) -> tuple[Told, ...]:
    """Facts that the present store has and the log has not: only of the store that wrote last."""
    copy = present.copy
    if copy is None:
        return ()
    knows = json.loads(copy.notes.get(LINEAGE, "[]"))
    successor = copy.incarnation not in read.last and (not read.last or read.newest in knows)
    if copy.incarnation != read.newest and not successor:
        return ()
    facts = read_facts(path, read.last.get(copy.incarnation, 0))
    return tuple(Told(one.seq, one.ts, copy.incarnation, one.fact) for one in facts)


# --- API, policies and list -----------------------------------------------------------------------


async def _list(settings: Settings, clock: Clock) -> Seen:
    async with AsyncExitStack() as stack:
        api = await reach_api(settings, None, clock, stack)
        rooms = await reach_rooms(settings, api, clock, stack)
        listing = await rooms.list_rooms()
        if not listing.complete:
            raise DeskError("the API's listing was cut short, so nothing is known; try again")
        if listing.doubtful:
            raise DeskError(f"the API's listing is doubtful: {listing.doubtful}; try again")
        return Seen(listing, pins(settings.owner, api), rooms.api_now())


async def _book(settings: Settings, present: Present, clock: Clock) -> Book:
    """The policies as they are now: by them keys that were cut in markers are told again."""
    templates = SandboxedTemplates()
    reader = policy_reader(templates, settings)
    folder = await PolicyFolder(settings.policies, clock).read()
    known = present.copy.policies if present.copy is not None else ()
    return await asyncio.to_thread(Binder(reader, templates).bind, folder, known)


def _listed(line: Entry) -> Listed:
    disowned = line.standing is Standing.DISOWNED
    return Listed(line.room_id, _key(line.key), line.display_name, disowned=disowned)


def _lineage(present: Present, memory: Memory, taken: frozenset[str]) -> frozenset[str]:
    stores = frozenset(memory.stores) | taken
    if present.copy is None:
        return stores
    known = json.loads(present.copy.notes.get(LINEAGE, "[]"))
    return stores | {present.copy.incarnation, *known}


def _known_keys(book: Book, present: Present, lines: Iterable[Entry]) -> dict[str, Key]:
    keys: set[Key] = {*book.wishes, *book.kept}
    if present.copy is not None:
        keys |= {state.key for state in present.copy.states}
    keys |= {key for line in lines if (key := _key(line.key)) is not None}
    return {key.encoded: key for key in keys}


def _key(text: str) -> Key | None:
    try:
        return parse_key(text)
    except InvalidKeyError:
        return None


def _texts(present: Present, memory: Memory) -> tuple[PolicyText, ...]:
    """Last good texts: those of the present store that were in force last, by the log's word."""
    if present.copy is None:
        return ()
    return tuple(
        text for text in present.copy.policies if memory.policies.get(text.name) == text.version
    )


# --- state show -----------------------------------------------------------------------------------


def show_store(settings: Settings) -> StoreReport:
    """What the store is, beside a daemon or without one.

    Raises:
        DeskError: there is none, or it cannot be read.
    """
    try:
        copy = read_copy(settings.store)
    except StoreFault as fault:
        raise DeskError(str(fault)) from fault
    if copy is None:
        raise DeskError(
            f"there is no store at {settings.store}: no daemon ran yet, or it was lost. Look what "
            "can be made anew:  room-orchestrator state rebuild --dry-run"
        )
    roles = [str(room.role) for state in copy.states for room in state.rooms]
    head = json.loads(copy.notes.get(AUDIT_HEAD, '{"seq": 0, "lines": 0}'))
    return StoreReport(
        path=str(settings.store),
        incarnation=copy.incarnation,
        lineage=tuple(json.loads(copy.notes.get(LINEAGE, "[]"))),
        keys=len(copy.states),
        rooms={role: roles.count(role) for role in map(str, Role) if role in roles},
        policies=len(copy.policies),
        last_fact=copy.last_fact,
        audit_seq=head["seq"],
        audit_lines=head["lines"],
        behind=max(0, copy.last_fact - head["seq"]),
        doubt=copy.notes.get(DOUBT, ""),
    )
