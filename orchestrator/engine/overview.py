"""The overview: status and rooms, from what is in memory and in the store.

It asks no API, so it answers during an outage; only a listing of rooms that are not ours, where
none was made yet, does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from orchestrator.domain.marker import Unreadable
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import (
    ENDS_AT_WORST,
    ENDS_AWAY,
    ENDS_OBSERVED,
    ENDS_REFUSED,
    ENDS_SUSPENDED,
    FORESEEN,
    BrakeRow,
    ChangesRow,
    DormantRow,
    ForeignRow,
    NextAct,
    OpeningRow,
    PageRow,
    PlanLine,
    PolicyRow,
    RoomRow,
    RoomsReport,
    StatusReport,
)
from orchestrator.domain.rooms import has_ended
from orchestrator.engine.book import Book
from orchestrator.engine.causes import causes, ending_suspended, suspended_rows
from orchestrator.engine.gathering import take_in
from orchestrator.engine.pagedesk import PageQuestions
from orchestrator.engine.recordingrows import recordings_rows
from orchestrator.engine.renewals import Renewals
from orchestrator.engine.showing import (
    absent_row,
    dormant_row,
    ends_while_suspended,
    held_line,
    next_act,
    room_row,
    with_usage,
)
from orchestrator.engine.supervisor import Engine

_UPCOMING: Final = 8
_PAGES_MOST: Final = 100
_STANDING: Final = frozenset({"open", "occupied"})  # links that people have
_NOT_LED_TO: Final = frozenset({"superseded", "duplicate"})  # by a link of ours


@dataclass(frozen=True, slots=True)
class Whence:
    """What every answer names: which config was read, which version of ours answers."""

    config: str
    version: str
    started_at: datetime


class Overview:
    """The whole at a glance, and every room as a row."""

    def __init__(self, engine: Engine, whence: Whence, paging: PageQuestions) -> None:
        """Look at ``engine``."""
        self._paging = paging
        self._engine = engine
        self._parts = engine.parts
        self._whence = whence
        self._renewals = Renewals(engine.parts.gathering)

    async def status(self) -> StatusReport:
        """The whole at a glance."""
        parts = self._parts
        states = await parts.store.states()
        rows = [row for state in states for row in self.rows(state)]
        now = parts.clock.now()
        # Rooms of pages come and go: none of them is lost, and what is next tells their page.
        standing = [row for row in rows if not parts.pages.is_of_page(row.policy)]
        acts = [act for row in standing if (act := row.next_act) is not None]
        acts.extend(NextAct(row.opens, row.key, "open") for row in self.openings(1))
        acts.sort(key=lambda act: act.at)
        held = self._held(states)
        absence = parts.resync.absences.found
        suspended = suspended_rows(states)
        return StatusReport(
            owner=self._engine.settings.owner,
            mode=str(self._engine.settings.mode),
            config=self._whence.config,
            version=self._whence.version,
            started_at=self._whence.started_at,
            now=now,
            api=parts.weather.url,
            api_state=parts.weather.summary,
            api_last_good=parts.weather.last_good,
            needs_you=(
                # A freeze is meant, and has its own line.
                *(one.message for one in causes(self._engine) if not one.is_meant),
                *self._renewals.overdue(states, now),
                *ending_suspended(suspended),
            ),
            policies=self._policy_rows(states),
            problems=self._engine.reconciler.book.problems,
            rooms=_count(rows),
            foreign=len(await self.foreign()),
            next_acts=self._with_reasons(acts[:_UPCOMING], states),
            loses_first=self._first_loss(standing, now),
            held=held,
            brakes=self._brake_rows(),
            behind=dict(self._engine.outbox.behind),
            deliveries=parts.messages.rows(),
            listed_at=parts.observations.listed_at,
            occupancy_known=parts.observations.occupancy_known,
            audit_lines=self._engine.outbox.audit_lines,
            waiting=parts.inbox.depth,
            directories=self._engine.polling.rows(),
            last_pass=parts.observations.passed_at,
            callbacks_at=parts.hints.last_at,
            callbacks=dict(parts.hints.counts),
            pages=await self._pages(),
            page_states=self._paging.states(),
            last_link=parts.pages.firsts.last[0],
            last_room=parts.pages.firsts.last[1],
            senders=tuple(self._engine.senders()),
            suspended=suspended,
            dormant=_dormant(states),
            themes=parts.wardrobe.rows(),
            page=self._engine.page,
            doubted=absence.name if absence.doubtful else "",
            recordings=recordings_rows(parts.recorder.plans(), parts.recorder.shelf.terms.values()),
            freezes=parts.freezes.rows(),
            changes=self.changes(),
        )

    def _first_loss(self, rows: Sequence[RoomRow], now: datetime) -> NextAct | None:
        """Which link ends first; where no end is foreseen, which would if the API stayed away."""
        ends = [
            (how not in FORESEEN, row.expires_at, row.key, how)
            for row in rows
            if row.expires_at is not None and row.expires_at > now and row.state in _STANDING
            for how in (self._how_it_ends(row),)
        ]
        if not ends:
            return None
        _, at, key, how = min(ends)
        return NextAct(at, key, how)

    def _how_it_ends(self, row: RoomRow) -> str:
        if ends_while_suspended(row):
            return ENDS_SUSPENDED
        if self._parts.gathering.mode(row.policy, self._engine.reconciler.book) is Mode.OBSERVE:
            return ENDS_OBSERVED
        weather = self._parts.weather
        if weather.refused:
            return ENDS_REFUSED
        return ENDS_AT_WORST if weather.down_since is None else ENDS_AWAY

    def changes(self) -> tuple[ChangesRow, ...]:
        """When rooms may be changed: by config.yaml, then by each policy that says otherwise."""
        book, gathering = self._engine.reconciler.book, self._parts.gathering
        own = (name for name, policy in sorted(book.policies.items()) if policy.changes is not None)
        rows: list[ChangesRow] = []
        for name in ("", *own):
            times, hours = gathering.change_times(name, book), None
            if times.allow is None and not name:
                continue
            hours = gathering.change_time(times)
            open_ = times.allow is None or (
                hours is not None and hours[0] <= self._parts.rooms.api_now()
            )
            until = None if hours is None else hours[open_]
            rows.append(ChangesRow(name, str(times), open_, gathering.to_wall(until)))
        return tuple(rows)

    async def _pages(self) -> tuple[PageRow, ...]:
        return (await self._paging.all(most=_PAGES_MOST)).pages

    def _with_reasons(
        self, acts: Sequence[NextAct], states: Sequence[KeyState]
    ) -> tuple[NextAct, ...]:
        by_key = {str(state.key): state for state in states}
        return tuple(self._renewals.with_reason(by_key.get(act.key), act) for act in acts)

    def _policy_rows(self, states: Sequence[KeyState]) -> tuple[PolicyRow, ...]:
        book = self._engine.reconciler.book
        subjects: dict[str, int] = {}
        for key in (*book.wishes, *book.kept):
            subjects[key.policy] = subjects.get(key.policy, 0) + 1
        for state in states:
            # Whose subjects cannot be read has those that it had.
            if state.key.policy in book.doubtful and _keeps_its_wish(state, book):
                subjects[state.key.policy] = subjects.get(state.key.policy, 0) + 1
        rooms: dict[str, int] = {}
        for state in states:
            if state.current is not None:
                rooms[state.key.policy] = rooms.get(state.key.policy, 0) + 1
        return tuple(
            PolicyRow(
                name,
                policy.file,
                policy.version,
                subjects.get(name, 0),
                rooms.get(name, 0),
                book.stale.get(name, book.doubtful.get(name, "")),
                str(policy.mode or ""),
                policy.description,
            )
            for name, policy in sorted(book.policies.items())
        )

    def _held(self, states: Sequence[KeyState]) -> tuple[PlanLine, ...]:
        by_key = {state.key: state for state in states}
        lines: list[PlanLine | None] = []
        for key, holds in self._engine.reconciler.last_holds.items():
            state = by_key.get(key) or KeyState(key)
            lines.extend(held_line(state, hold) for hold in holds)
        return tuple(line for line in lines if line is not None)

    def _brake_rows(self) -> tuple[BrakeRow, ...]:
        verdict = self._parts.brakes.verdict
        if not verdict.brake:
            return ()
        return (
            BrakeRow(verdict.brake, tuple(sorted(verdict.held)), verdict.wished, verdict.limit),
        )

    async def rooms(self, *, foreign: bool = False) -> RoomsReport:
        """All rooms of ours and all wanted ones."""
        states = {state.key: state for state in await self._parts.store.states()}
        book = self._engine.reconciler.book
        for key in book.wishes:
            states.setdefault(key, take_in(KeyState(key), book))
        if foreign and not self._parts.observations.listed:
            await self._parts.resync.full()
        known = await self._parts.gathering.use_known_since()
        rows = [row for key in sorted(states) for row in self.rows(states[key], known)]
        others = await self.foreign() if foreign else []
        return RoomsReport(tuple(rows), tuple(others), self.openings(1))

    def openings(self, each: int, book: Book | None = None) -> tuple[OpeningRow, ...]:
        """The next occurrences of each schedule, of the book in force or of a candidate."""
        book = self._engine.reconciler.book if book is None else book
        return self._parts.occurrences.upcoming(book, each)

    def rows(self, state: KeyState, known_since: datetime | None = None) -> list[RoomRow]:
        """The rooms of a key; ``known_since`` is when it began that no use was missed."""
        holds = self._engine.reconciler.last_holds.get(state.key, ())
        coming = self.coming(state)
        if not state.rooms:
            if state.wish is None:
                return []
            mode = self._parts.gathering.mode(state.key.policy, self._engine.reconciler.book)
            rows = [absent_row(state, holds, coming, mode)]
        else:
            gathering = self._parts.gathering
            rows = [
                with_usage(
                    room_row(state, room, gathering.use(room), holds, coming),
                    gathering.usage(room, known_since),
                )
                for room in state.rooms
            ]
        link = self._engine.links.link_of(state.key)
        return [row if row.state in _NOT_LED_TO else replace(row, link=link) for row in rows]

    def coming(self, state: KeyState, due: datetime | None = None) -> NextAct | None:
        """What comes next for a key; ``due`` where the agenda does not know it."""
        act = next_act(state, None, self._parts.agenda.due(state.key) or due)
        return self._renewals.instead(state, act)

    def planned(self, state: KeyState) -> NextAct | None:
        """The next renewal of a key, with its reason."""
        return None if state.suspended is not None else self._renewals.of(state)

    def nearest(self, states: Iterable[KeyState], many: int) -> tuple[NextAct, ...]:
        """The next renewals of these keys, the nearest first."""
        return self._renewals.nearest(states, many)

    async def foreign(self) -> list[ForeignRow]:
        """Rooms that are there and not in our store, by name."""
        rows: list[ForeignRow] = []
        now = self._parts.rooms.api_now()
        mine = {room.id for state in await self._parts.store.states() for room in state.rooms}
        for room in self._parts.observations.rooms():
            if room.id in mine or has_ended(room, now):
                continue
            marker = room.marker
            said = marker.reason if isinstance(marker, Unreadable) else ""
            if marker is not None and not said:
                said = "marked by another owner or store"
            rows.append(
                ForeignRow(
                    room.id,
                    room.display_name,
                    str(room.type),
                    room.meeting_code,
                    room.expires_at,
                    said,
                )
            )
        return sorted(rows, key=lambda row: (row.display_name.casefold(), row.room_id))


def _keeps_its_wish(state: KeyState, book: Book) -> bool:
    known = state.key in book.wishes or state.key in book.kept
    return not known and state.wish is not None and state.tombstone is None


def _dormant(states: Sequence[KeyState]) -> tuple[DormantRow, ...]:
    """Those that end first; last those whose room is over."""
    rows = [row for state in states if (row := dormant_row(state)) is not None]
    late = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted(rows, key=lambda row: (row.ends or late, row.key)))


def _count(rows: Sequence[RoomRow]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
    return counts
