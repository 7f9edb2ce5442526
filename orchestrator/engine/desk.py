"""The engine's desk: answers questions and takes commands, in the daemon and offline alike.

Questions change nothing.  Commands are a person's: each is one transaction with its fact, and the
keys that it concerns are woken.  It refuses what would give a room two keys or a key two rooms.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from orchestrator.domain import outcomes
from orchestrator.domain.actions import Adopt
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import InvalidKeyError, Key, parse_key
from orchestrator.domain.marker import Marker, Unreadable
from orchestrator.domain.outcomes import Teller
from orchestrator.domain.records import KeyState, Role, RoomRecord
from orchestrator.domain.reports import (
    ApplyReport,
    Done,
    LinksReport,
    NewPage,
    OpenedPage,
    OpeningRow,
    OurLink,
    Outcome,
    PageReport,
    PagesReport,
    Person,
    PlanReport,
    RevealedLink,
    RoomsReport,
    StatusReport,
    WhyNotReport,
    WhyReport,
)
from orchestrator.domain.rooms import Observed, has_ended
from orchestrator.engine.applying import Applying, reviewable
from orchestrator.engine.approvals import Approvals
from orchestrator.engine.gathering import DISOWNED, take_in
from orchestrator.engine.linking import Linking
from orchestrator.engine.overview import Overview, Whence
from orchestrator.engine.pagedesk import PageQuestions
from orchestrator.engine.preview import preview
from orchestrator.engine.reasons import Reasons
from orchestrator.engine.steering import Steering
from orchestrator.engine.supervisor import Engine
from orchestrator.ports.desk import DeskError
from orchestrator.ports.faults import Fault, MissingError
from orchestrator.ports.sources import Folder
from orchestrator.ports.store import Commit

_FACTS_AT_ONCE: Final = 2_000
_OPENINGS: Final = 3  # of each schedule, in a plan
_RENEWALS: Final = 3  # of all rooms


class EngineDesk:
    """Implements `orchestrator.ports.desk.Desk` on an engine, running or not."""

    def __init__(self, engine: Engine, whence: Whence, *, running: bool) -> None:
        """Ask ``engine``; ``running`` says whether its loops are at work."""
        self._engine = engine
        self._parts = engine.parts
        self._whence = whence
        self._running = running
        self._paging = PageQuestions(engine, running=running)
        self._overview = Overview(engine, whence, self._paging)
        self._steering = Steering(engine)
        self._linking = Linking(engine)
        self._approvals = Approvals(engine)
        self._reasons = Reasons(engine, whence, self._overview, self._paging, running=running)
        self._applying = Applying(engine)
        self.on_reload: Callable[[Person], Awaitable[Done]] | None = None
        """What a reload is, where this engine runs in a daemon."""

    async def _prepared(self) -> None:
        """Wait until the policies are there: the socket answers sooner.

        Without them the book is empty, and a plan of it would read as if nothing were asked for.
        """
        if self._running:
            await self._engine.ready.wait()

    # --- questions --------------------------------------------------------------------------------

    async def plan(self, candidate: Folder | None = None) -> PlanReport:
        """What would be done now, by a fresh listing."""
        await self._prepared()
        listed = await self._parts.resync.full()
        if not self._running:
            await self._engine.ask_directories()
        book = self._engine.reconciler.book
        if candidate is not None:
            book = await self._engine.reload.preview(candidate)
        parts = self._parts
        seen = await preview(book, parts.store, parts.gathering, parts.brakes, parts.clock)
        doubt = parts.observations.doubt or parts.lineage.stranger or parts.lineage.doubt
        if not listed:
            doubt = f"the API could not be listed: {parts.weather.last_error}"
        report = PlanReport(
            mode=str(self._engine.settings.mode),
            config=self._whence.config,
            lines=seen.lines,
            held=seen.held,
            standing=seen.standing,
            unchanged=seen.unchanged,
            foreign=len(await self._overview.foreign()),
            listed_at=parts.observations.listed_at,
            complete=listed and parts.observations.listed,
            doubt=doubt,
            problems=book.problems,
            candidate=candidate is not None,
            openings=self._overview.openings(_OPENINGS, book),
            renewals=self._overview.nearest(seen.states, _RENEWALS),
            unknown=tuple(f"{name}: {book.doubtful[name]}" for name in sorted(book.awaited)),
            themes=await parts.wardrobe.preview(book) if listed else (),
        )
        versions = {name: policy.version for name, policy in book.policies.items()}
        return reviewable(report, self._engine, versions)

    async def apply(
        self, person: Person, plan: PlanReport | None = None, *, approve: bool = False
    ) -> ApplyReport:
        """One pass: everything that the plan says, now; or exactly what a reviewed plan says."""
        await self._prepared()
        if plan is not None:
            return await self._apply_reviewed(plan, person, approve=approve)
        del person  # the policies act, not the person who would not wait
        before = self._acted
        if self._running:
            if not await self._parts.resync.full():
                raise DeskError(f"the API could not be listed: {self._parts.weather.last_error}")
            await self._parts.wardrobe.look("apply")
            await self._engine.wake_all("apply")
            await self._parts.inbox.idle()
        elif not await self._engine.one_pass():
            raise DeskError(f"the API could not be listed: {self._parts.weather.last_error}")
        left = await self.plan()
        held = (*left.held, *left.themes)
        failed = tuple(line for line in held if line.held_by == "back-off")
        return ApplyReport(self._acted - before, failed, left)

    async def _apply_reviewed(
        self, plan: PlanReport, person: Person, *, approve: bool
    ) -> ApplyReport:
        review = self._applying.checked(plan)
        before = self._acted
        if not await self._parts.resync.full():
            raise DeskError(f"the API could not be listed: {self._parts.weather.last_error}")
        acts, begun = await self._applying.carry_out(plan, person, approve=approve)
        failed = tuple(row.line for row in acts if row.outcome is Outcome.FAILED)
        calls = self._acted - before
        return ApplyReport(calls, failed, await self.plan(), review.name, acts, begun)

    @property
    def _acted(self) -> int:
        return self._engine.reconciler.acted + self._parts.wardrobe.acted

    async def why(self, name: str) -> WhyReport:
        """Everything about one key, page or room."""
        await self._prepared()
        return await self._reasons.why(name)

    async def why_not(self, name: str) -> WhyNotReport:
        """What stands in the way of a key, a policy's rooms or a page."""
        await self._prepared()
        return await self._reasons.why_not(name)

    def _opening(self, key: Key) -> OpeningRow | None:
        """The occurrence of a key, if it is one of the next."""
        rows = self._overview.openings(_OPENINGS)
        return next((row for row in rows if row.key == str(key)), None)

    async def _find(self, name: str) -> KeyState:
        """The state of a key, by the key or by a room's id."""
        store, book = self._parts.store, self._engine.reconciler.book
        key = await store.key_of_room(name)
        if key is None:
            key = _parse(name)
        state = await store.state(key)
        if state is None:
            former = [one for one in await store.states() if key.encoded in one.former]
            if former:
                return former[0]
            opening = self._opening(key)
            if key not in book.wishes and key not in book.kept and opening is None:
                raise DeskError(
                    f"{key} is neither wanted nor remembered: room-orchestrator rooms list", 2
                )
        return take_in(state or KeyState(key), book)

    async def link(self, name: str, *, calendar: bool = False) -> OurLink:
        """Our own link of a key, a room's id or a schedule's name, or a calendar's address."""
        await self._prepared()
        return await self._linking.link(name, calendar=calendar)

    async def links(self) -> LinksReport:
        """Every link and what stands behind it."""
        await self._prepared()
        return await self._linking.links()

    async def status(self) -> StatusReport:
        """The whole at a glance."""
        return await self._overview.status()

    async def rooms(self, *, foreign: bool = False) -> RoomsReport:
        """All rooms of ours and all wanted ones."""
        await self._prepared()
        return await self._overview.rooms(foreign=foreign)

    # --- commands ---------------------------------------------------------------------------------

    async def host_link(self, name: str, person: Person) -> RevealedLink:
        """Read a room's host link afresh; audited."""
        await self._prepared()
        state = await self._find(name)
        current = state.current
        if current is None:
            raise DeskError(f"{state.key} has no room now")
        try:
            link = await self._parts.rooms.get_host_link(current.id)
        except Fault as fault:
            raise DeskError(f"the API did not tell the host link: {fault}") from fault
        fact = Fact(
            "room.link.revealed",
            actor=person.actor,
            key=state.key.encoded,
            room_id=current.id,
            reason=person.reason,
            detail={"display_name": current.display_name},
        )
        await self._commit(Commit(facts=(fact,)))
        return RevealedLink(str(state.key), current.id, link.url.reveal())

    async def adopt(self, room_id: str, key: str, person: Person) -> Done:
        """Take a room that exists as a key's current room."""
        await self._prepared()
        target = _parse(key)
        book, store = self._engine.reconciler.book, self._parts.store
        if target not in book.wishes and target not in book.kept:
            raise DeskError(f"no policy asks for {target}: room-orchestrator rooms list", 2)
        async with store.claim(target):
            state = take_in(await store.state(target) or KeyState(target), book)
            if state.current is not None:
                raise DeskError(f"{target} has a room already: {state.current.id}", 2)
            if await store.open_operations(target):
                raise DeskError(f"a room for {target} is being made just now; try again", 1)
            room = await self._read_foreign(room_id)
            action = Adopt(room, Role.CURRENT, person.reason or "a person chose it")
            outcome = outcomes.adopted(state, action, self._teller(person))
            notes: dict[str, str | None] = {DISOWNED + room_id: None}
            await self._commit(_commit_of(outcome, notes))
        self._wake(target)
        return Done(f"{target} has the room {room_id}: {room.display_name}. Its link is unchanged.")

    async def _read_foreign(self, room_id: str) -> Observed:
        other = await self._parts.store.key_of_room(room_id)
        if other is not None:
            raise DeskError(f"room {room_id} is {other}'s already", 2)
        began = self._parts.clock.monotonic()
        try:
            room = await self._parts.rooms.get_room(room_id)
        except MissingError as fault:
            raise DeskError(f"the API knows no room {room_id}", 2) from fault
        except Fault as fault:
            raise DeskError(f"room {room_id} could not be read: {fault}") from fault
        self._parts.observations.saw(room, began)
        if has_ended(room, self._parts.rooms.api_now()):
            raise DeskError(f"room {room_id} has ended", 2)
        marker = room.marker
        if isinstance(marker, Unreadable):
            raise DeskError(f"room {room_id} cannot be adopted: {marker.reason}", 2)
        if marker is not None and marker.owner != self._engine.settings.owner:
            raise DeskError(f"room {room_id} is marked by another owner, {marker.owner}", 2)
        await self._refuse_open(room)
        return room

    async def _refuse_open(self, room: Observed) -> None:
        """Whose create is not answered yet belongs to the key that asked for it."""
        marker = room.marked_by(self._engine.settings.owner)
        for operation in await self._parts.store.open_operations():
            if marker is not None and operation.id == marker.operation:
                raise DeskError(
                    f"room {room.id} is being made for {operation.key} just now; try again", 1
                )

    async def distinct(self, room_id: str, key: str, person: Person) -> Done:
        """Say that a like-named room is not the key's."""
        await self._prepared()
        target = _parse(key)
        store, book = self._parts.store, self._engine.reconciler.book
        if target not in book.wishes and target not in book.kept:
            raise DeskError(f"no policy asks for {target}: room-orchestrator rooms list", 2)
        async with store.claim(target):
            state = take_in(await store.state(target) or KeyState(target), book)
            state = replace(state, distinct=state.distinct | {room_id})
            fact = Fact(
                "room.distinct",
                actor=person.actor,
                key=target.encoded,
                room_id=room_id,
                reason=person.reason,
                detail={"other": room_id},
            )
            await self._commit(Commit(states=(state,), facts=(fact,)))
        self._wake(target)
        return Done(f"{target} gets a room of its own; {room_id} is not touched.")

    async def forget(self, name: str, person: Person) -> Done:
        """Let go of a room: it is not ours any more."""
        await self._prepared()
        stray = await self._stray(name)
        if stray is not None:
            await self._refuse_open(stray)
            return await self._disown(stray, person)
        found = await self._find(name)
        store = self._parts.store
        async with store.claim(found.key):
            state = await store.state(found.key)
            if state is None or not state.rooms:
                raise DeskError(f"{found.key} has no room to forget", 2)
            room = _named_room(state, name)
            if room.role is Role.CURRENT and found.key in self._engine.reconciler.book.wishes:
                raise DeskError(
                    f"a policy asks for {found.key}, so a new room would be made at once; "
                    "take it out of the policy first",
                    2,
                )
            outcome = outcomes.forgotten(state, room, self._teller(person), person.reason)
            commit = _commit_of(outcome, {DISOWNED + room.id: person.actor or "forgotten"})
            if outcome.state is None:
                commit = replace(commit, dropped=(found.key,))
            await self._commit(commit)
        self._wake(found.key)
        return Done(f"{room.display_name} ({room.id}) is not ours any more and stays as it is.")

    async def _disown(self, room: Observed, person: Person) -> Done:
        """Let go of a room with our marker that no store of ours remembers: it has no key here."""
        marker = room.marker
        fact = Fact(
            "room.forgotten",
            actor=person.actor,
            key=marker.key if isinstance(marker, Marker) else "",
            room_id=room.id,
            cause="command",
            reason=person.reason,
            detail={"display_name": room.display_name, "guest_url": room.guest_url},
        )
        await self._commit(
            Commit(facts=(fact,), notes={DISOWNED + room.id: person.actor or "forgotten"})
        )
        # Whatever it stood in the way of goes on with the next listing, which wakes what is held.
        return Done(f"{room.display_name} ({room.id}) is not ours any more and stays as it is.")

    async def _stray(self, name: str) -> Observed | None:
        """The room of this id, if it carries our marker and is remembered under no key."""
        if await self._parts.store.key_of_room(name) is not None:
            return None
        room = self._parts.observations.sighting(name)
        if room is None and "/" not in name:  # no listing was made: a command without a daemon
            try:
                room = await self._parts.rooms.get_room(name)
            except Fault:
                return None
        if not isinstance(room, Observed) or room.marked_by(self._engine.settings.owner) is None:
            return None
        return room

    async def rekey(self, old: str, new: str, person: Person) -> Done:
        """Make a room serve another key."""
        await self._prepared()
        source, target = _parse(old), _parse(new)
        if source == target:
            raise DeskError("the two keys are the same", 2)
        store, book = self._parts.store, self._engine.reconciler.book
        if source in book.wishes:
            raise DeskError(f"{source} is still wanted; take it out of its policy first", 2)
        first, second = sorted((source, target))
        async with store.claim(first), store.claim(second):
            before = await store.state(source)
            if before is None or not before.rooms:
                raise DeskError(f"{source} has no room", 2)
            into = take_in(await store.state(target) or KeyState(target), book)
            if into.current is not None:
                raise DeskError(f"{target} has a room of its own: {into.current.id}", 2)
            if await store.open_operations(target):
                raise DeskError(f"a room for {target} is being made just now; try again", 1)
            if into.wish is None:
                into = replace(into, wish=before.wish, removal=before.removal)
            outcome = outcomes.rekeyed(before, into, self._teller(person), person.reason)
            operations = [
                replace(operation, key=target) for operation in await store.open_operations(source)
            ]
            commit = _commit_of(outcome, {})
            await self._commit(replace(commit, dropped=(source,), operations=operations))
        self._wake(source)
        self._wake(target)
        return Done(f"{target} has the room of {source}: same room, same link.")

    async def renew(self, name: str, person: Person) -> Done:
        """Ask for a key's room to be renewed now."""
        await self._prepared()
        return await self._steering.renew((await self._find(name)).key, person)

    async def protect(self, name: str, person: Person, *, on: bool = True) -> Done:
        """Forbid to remove and to replace a key's room, or allow it again."""
        await self._prepared()
        return await self._steering.protect((await self._find(name)).key, person, on=on)

    async def suspend(self, name: str, until: datetime, person: Person) -> Done:
        """Stop every act on a key until a moment."""
        await self._prepared()
        return await self._steering.suspend((await self._find(name)).key, until, person)

    async def resume(self, name: str, person: Person) -> Done:
        """End a suspension before its time."""
        await self._prepared()
        return await self._steering.resume((await self._find(name)).key, person)

    async def freeze(
        self,
        until: datetime,
        person: Person,
        policies: Sequence[str] = (),
        *,
        all_acts: bool = False,
    ) -> Done:
        """Put off all changes, or those of some policies, until a moment."""
        await self._prepared()
        known = self._engine.reconciler.book.policies
        return await self._parts.freezes.begin(until, person, policies, known, all_acts=all_acts)

    async def unfreeze(self, name: str, person: Person) -> Done:
        """End a freeze before its time; an empty name means the only one."""
        await self._prepared()
        return await self._parts.freezes.end(name, person)

    async def reload(self, person: Person) -> Done:
        """Take up what changed in config.yaml, secret files and policies."""
        if self.on_reload is None:
            raise DeskError("no daemon runs, so there is nothing to reload: it reads all at start")
        return await self.on_reload(person)

    async def approve(self, brake: str, person: Person) -> Done:
        """Let go exactly the rooms that a brake holds, or that a doubted listing lacks."""
        await self._prepared()
        return await self._approvals.approve(brake, person)

    # --- pages ------------------------------------------------------------------------------------

    async def pages(self, *, over: bool = False) -> PagesReport:
        """The pages that are not over; with ``over`` also some that are."""
        await self._prepared()
        return await self._paging.all(over=over)

    async def page(self, name: str) -> PageReport:
        """Everything about one page."""
        await self._prepared()
        return await self._paging.show(name)

    async def open_page(self, page: NewPage, person: Person) -> OpenedPage:
        """Send a page as a source would; audited."""
        await self._prepared()
        return await self._paging.open(page, person)

    async def close_page(self, name: str, person: Person) -> Done:
        """Close a page as its source would; audited."""
        await self._prepared()
        return await self._paging.close(name, person)

    def _wake(self, key: Key) -> None:
        self._parts.inbox.wake(key, "command")

    def _teller(self, person: Person) -> Teller:
        return Teller(person.actor, "command", self._parts.rooms.api_now())

    async def _commit(self, commit: Commit) -> None:
        await self._parts.store.commit(commit, self._parts.clock.now())


def _parse(name: str) -> Key:
    try:
        return parse_key(name)
    except InvalidKeyError as error:
        raise DeskError(str(error), 2) from error


def _commit_of(outcome: outcomes.Outcome, notes: dict[str, str | None]) -> Commit:
    states = () if outcome.state is None else (outcome.state,)
    return Commit(states=states, operations=outcome.operations, facts=outcome.facts, notes=notes)


def _named_room(state: KeyState, name: str) -> RoomRecord:
    """The room that was named, by its id, else the current or the first one."""
    for room in state.rooms:
        if room.id == name:
            return room
    if "/" not in name:  # it ended, or moved, while its key was waited for
        raise DeskError(f"{state.key} has no room {name} any more", 2)
    return state.current or state.rooms[0]
