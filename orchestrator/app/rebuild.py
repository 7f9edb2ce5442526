"""`state rebuild`: a store made anew from the API's rooms, adopted.yaml and the audit log.

It works while no daemon does, and keeps the file that was there.  It refuses rooms by a store that
was never ours, an API that shows none of our rooms, and whatever `remains` does not trust.  What a
person may overrule is named with the option that does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.log import JsonlAudit
from orchestrator.adapters.audit.retold import log_end
from orchestrator.adapters.audit.writing import LogPlace
from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.store.peek import read_facts
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.app.build import StartError, signing_key
from orchestrator.app.remains import Remains, Seen, look_at_remains
from orchestrator.app.seam import write_head
from orchestrator.config import SecretFault, Settings
from orchestrator.domain.facts import Fact
from orchestrator.domain.marker import Marker
from orchestrator.domain.rebuilding import Rebuilt, Sources, differences, rebuild
from orchestrator.domain.records import OperationState, Role
from orchestrator.domain.reports import Person, RebuildReport
from orchestrator.domain.retelling import Memory
from orchestrator.domain.rooms import Observed
from orchestrator.engine.lineage import told
from orchestrator.engine.outbox import AUDIT_HEAD
from orchestrator.engine.rebuilding import Terms, birth
from orchestrator.foundation.replacing import sync_folder
from orchestrator.foundation.sqlite import DatabaseFault
from orchestrator.foundation.sqlite.lock import FileLock
from orchestrator.meetings_server import StoreFault as ServerFault
from orchestrator.ports.adoptions import AdoptionsFault
from orchestrator.ports.audit import AuditFault
from orchestrator.ports.clock import Clock
from orchestrator.ports.desk import DeskError
from orchestrator.ports.faults import Fault
from orchestrator.ports.store import Commit, PolicyText, StoreFault

_PARTS: Final = ("", "-wal", "-shm")  # of a store
_MISSING: Final = (
    "deliveries under way: every destination is told all links once more",
    "counts of attempts and their waits: what failed is tried again at once",
    "what a policy that is gone asked for: its rooms are kept and renewed until they are forgotten",
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose.

    Attributes:
        person: who writes it, and why; None for a dry run.
        trust_broken_audit: go on by what can be read of a log that is not whole.
        take_over: incarnations of stores whose rooms are taken for this installation's.
    """

    person: Person | None
    trust_broken_audit: bool = False
    take_over: frozenset[str] = frozenset()


async def rebuild_store(settings: Settings, choices: Choices) -> RebuildReport:
    """Rebuild the store of an installation, or only say what would be written.

    Raises:
        DeskError: a daemon has the store, or something is not to be trusted; the text says what.
    """
    clock = SystemClock()
    try:
        with _claimed(settings.store):
            remains = await look_at_remains(
                settings, clock, choices.take_over, trusting=choices.trust_broken_audit
            )
            plan = _Plan(settings, remains, _rebuild(settings, remains))
            if choices.person is None:
                return plan.report
            report = await plan.write(choices.person, clock.now())
        return await _tell(settings, report, clock)
    except (StartError, SecretFault, StoreFault, ServerFault, AdoptionsFault, OSError) as fault:
        raise DeskError(str(fault)) from fault
    except Fault as fault:
        raise DeskError(f"the API could not be listed, so nothing is known: {fault}") from fault


@contextmanager
def _claimed(store: Path) -> Iterator[None]:
    """Hold the store's lock: no daemon begins meanwhile, and none is at work."""
    store.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(store.resolve())
    except DatabaseFault as fault:
        raise DeskError(f"the store is in use, so it is not rebuilt: {fault}") from fault
    try:
        yield
    finally:
        lock.release()


def _rebuild(settings: Settings, remains: Remains) -> Rebuilt:
    rebuilt = rebuild(
        Sources(
            memory=remains.history.memory,
            rooms=remains.seen.listing.rooms,
            listed=remains.listed,
            owner=settings.owner,
            stores=remains.lineage,
            now=remains.seen.now,
            keys=remains.keys,
        )
    )
    _refuse_strangers(rebuilt.strangers)
    _refuse_another_backend(rebuilt, remains.seen)
    return rebuilt


@dataclass(frozen=True, slots=True)
class _Plan:
    """A store that could be written."""

    settings: Settings
    remains: Remains
    rebuilt: Rebuilt

    @property
    def report(self) -> RebuildReport:
        """What would be written."""
        before = self.remains.present.copy.states if self.remains.present.copy is not None else ()
        return RebuildReport(
            store=str(self.settings.store),
            audit=str(self.settings.audit.file),
            present=self.remains.present.sentence,
            known=_known(self.rebuilt, self.remains.history.memory, self.remains.texts),
            differences=differences(before, self.rebuilt.states.values()),
            remarks=(*self.remains.history.remarks, *_remarks(self.rebuilt)),
            missing=_MISSING,
        )

    async def write(self, person: Person, now: datetime) -> RebuildReport:
        """Write the new store, put the present one aside, and put the new one in its place."""
        path = self.settings.store.resolve()
        draft = path.with_name(f"{path.name}.rebuilding")
        await asyncio.to_thread(_take_away, draft)
        await self._write_unwritten()
        aside = _aside(path, now)
        kept = aside if path.exists() else None
        incarnation = await self._write_draft(draft, person, kept, now)
        await asyncio.to_thread(_swap, draft, path, aside)
        return replace(
            self.report,
            written=True,
            kept="" if kept is None else str(kept),
            incarnation=incarnation,
        )

    async def _write_unwritten(self) -> None:
        """What the present store knows and its log does not is written before the store goes."""
        if not self.remains.history.unwritten or self.remains.present.copy is None:
            return
        place = LogPlace(
            self.settings.audit.file,
            self.settings.owner,
            self.remains.present.copy.incarnation,
            signing_key(self.settings),
            self.remains.history.head,
        )
        after = self.remains.history.unwritten[0].seq - 1
        facts = await asyncio.to_thread(read_facts, self.settings.store, after)
        audit = JsonlAudit(place)
        try:
            await audit.append(facts)
        except AuditFault as fault:
            message = f"the audit log cannot be written, so nothing is done: {fault}"
            raise DeskError(message) from fault
        finally:
            await audit.close()

    async def _write_draft(
        self, draft: Path, person: Person, kept: Path | None, now: datetime
    ) -> str:
        store = await SqliteStore.open(draft)
        try:
            await store.number_from(self.remains.history.last)
            safety = self.settings.safety
            terms = Terms(
                now, safety.per, safety.occupied_max, self.remains.lineage | {store.incarnation}
            )
            commit = birth(
                self.rebuilt,
                self.remains.history.memory,
                terms,
                self.remains.texts,
                self._fact(store.incarnation, person, kept),
            )
            head = await asyncio.to_thread(log_end, self.settings.audit.file)
            notes = {
                **commit.notes,
                **{f"pin.{name}": value for name, value in self.remains.seen.pinned.items()},
                AUDIT_HEAD: write_head(replace(head, seq=self.remains.history.last)),
            }
            await store.commit(replace(commit, notes=notes), now)
            return store.incarnation
        finally:
            await store.close()

    def _fact(self, incarnation: str, person: Person, kept: Path | None) -> Fact:
        rebuilt = self.rebuilt
        return Fact(
            "state.rebuilt",
            actor=person.actor,
            cause="command",
            reason=person.reason,
            detail={
                "incarnation": incarnation,
                "lineage": [*sorted(self.remains.lineage)],
                "rooms": rebuilt.rooms,
                "keys": len(rebuilt.states),
                "adopted": rebuilt.by_list + rebuilt.by_marker,
                "operations": len(rebuilt.operations),
                "kept": "" if kept is None else str(kept),
                "until": self.remains.history.last,
                "doubted": [*self.remains.history.remarks],
            },
        )


async def _tell(settings: Settings, report: RebuildReport, clock: Clock) -> RebuildReport:
    """Write the facts of the rebuild into the log at once, where that can be done."""
    try:
        store = await SqliteStore.open(settings.store)
        try:
            place = LogPlace(
                settings.audit.file, settings.owner, store.incarnation, signing_key(settings)
            )
            audit = JsonlAudit(place)
            try:
                head = await audit.append(await store.facts(0, 1_000_000))
            finally:
                await audit.close()
            note = {AUDIT_HEAD: write_head(head)}
            await store.commit(Commit(notes=dict(note)), clock.now())
        finally:
            await store.close()
    except (AuditFault, StoreFault, StartError, SecretFault) as fault:
        # The store holds them; whoever opens it next writes them.
        later = f"the daemon will write the facts of the rebuild into the log: {fault}"
        return replace(report, remarks=(*report.remarks, later))
    return report


# --- what is not to be trusted --------------------------------------------------------------------


def _refuse_strangers(strangers: list[Observed]) -> None:
    if not strangers:
        return
    markers = (room.marker for room in strangers)
    names = sorted({one.incarnation for one in markers if isinstance(one, Marker)})
    options = " ".join(f"--take-over {name}" for name in names)
    raise DeskError(
        f"another daemon uses this owner: {told(strangers)}. Neither the audit log nor the store "
        "knows the store that made them. Give one of the two another owner; or, if the other is "
        f"gone for good, take its rooms over: {options}"
    )


def _refuse_another_backend(rebuilt: Rebuilt, seen: Seen) -> None:
    """An API that shows nothing of what we know is another one, or an empty one behind a proxy."""
    ends = (room.expires_at for room in rebuilt.unseen)
    unseen = [end for end in ends if end is None or end > seen.now]
    if unseen and rebuilt.rooms == len(rebuilt.unseen):
        shown = f"the API shows {len(seen.listing.rooms):,} rooms, and none of the {len(unseen):,}"
        raise DeskError(
            f"{shown} that the audit log tells of: is it the right API and application? Nothing is "
            "rebuilt by it"
        )


def _remarks(rebuilt: Rebuilt) -> tuple[str, ...]:
    remarks: list[str] = []
    if rebuilt.left:
        remarks.append(
            f"left alone, because their key has another room or cannot be read: "
            f"{told(rebuilt.left)}; nothing is ended until each is forgotten: "
            "room-orchestrator rooms forget ROOM"
        )
    if rebuilt.unseen:
        named = ", ".join(f'{room.id} ("{room.display_name}")' for room in rebuilt.unseen[:3])
        remarks.append(
            f"{len(rebuilt.unseen):,} rooms that the log tells of are not shown by the API, and "
            f"count as lost if they stay away: {named}"
        )
    if rebuilt.nameless:
        remarks.append(
            f"{len(rebuilt.nameless):,} keys were cut in the log, and no policy names them now: "
            f"{', '.join(rebuilt.nameless[:3])}"
        )
    return tuple(remarks)


def _known(rebuilt: Rebuilt, memory: Memory, texts: tuple[PolicyText, ...]) -> dict[str, int]:
    states = rebuilt.states.values()
    roles = [room.role for state in states for room in state.rooms]
    adopted = [room for state in states for room in state.rooms if room.adopted]
    open_creates = [one for one in rebuilt.operations if one.state is OperationState.OPEN]
    return {
        "rooms": len(roles),
        "current": roles.count(Role.CURRENT),
        "superseded": roles.count(Role.SUPERSEDED),
        "ending": roles.count(Role.ENDING),
        "duplicates": roles.count(Role.DUPLICATE),
        "adopted": len(adopted),
        "by_marker_alone": rebuilt.by_marker,
        "by_list_alone": rebuilt.by_list,
        "moved": sum(bool(state.former) for state in states),
        "protected": sum(state.protect for state in states),
        "removals_decided": sum(state.tombstone is not None for state in states),
        "disowned": len(rebuilt.disowned),
        "unanswered_creates": len(open_creates),
        "people_inside": len(memory.sessions),
        "policy_texts": len(texts),
        "themes": len(memory.themes.records),
    }


# --- files ----------------------------------------------------------------------------------------


def _aside(path: Path, now: datetime) -> Path:
    """The name under which the present file is kept: none that is taken."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = path.with_name(f"{path.name}.{stamp}")
    number = 2
    while any(kept.with_name(kept.name + suffix).exists() for suffix in _PARTS):
        kept = path.with_name(f"{path.name}.{stamp}-{number}")
        number += 1
    return kept


def _take_away(draft: Path) -> None:
    for suffix in (*_PARTS, ".lock"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _swap(draft: Path, path: Path, aside: Path) -> None:
    """First the present file goes, so that whatever ends us leaves no two histories in one place.

    A start in between finds no store and an audit log: a lost store, which ends nothing.  SQLite's
    log goes even where its file is gone already: a daemon that was killed leaves one, and whatever
    lies beside a store is played back into it, whosever it is.
    """
    draft.with_name(draft.name + ".lock").unlink(missing_ok=True)
    for suffix in _PARTS:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    draft.rename(path)
    sync_folder(path.parent)
