"""The wardrobe: keeps the themes that the book asks for, made before the rooms that want them.

One look lists all themes and brings each into shape, one act after another, each journalled before
its call leaves (promise P2).  It touches no theme but those that bear the owner's mark, that its
store remembers, or that a file names by its id (promise P3); and where no file asks for a theme and
none is remembered it calls nothing.  What it remembers is one note of the store, told in full by
its facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import structlog

from orchestrator.domain import backoff
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.policies import Desired, Mode, dressed
from orchestrator.domain.records import Attempts, KeyState, RoomRecord
from orchestrator.domain.reports import PlanLine, ThemeRow
from orchestrator.domain.rooms import Observed, has_ended
from orchestrator.domain.themes import (
    Theme,
    ThemeMemory,
    ThemeOperation,
    ThemeRecord,
    ThemeStep,
    ThemeWish,
    own_name,
)
from orchestrator.domain.theming import (
    ThemeAct,
    ThemePlan,
    ThemeSituation,
    ThemeWorld,
    in_doubt,
    lost,
    plan_theme,
    stays_adopted,
    taken_over,
    tried,
)
from orchestrator.engine.book import Book
from orchestrator.engine.gathering import Gathering, clocks_apart
from orchestrator.engine.health import Pulse
from orchestrator.engine.inbox import Inbox
from orchestrator.engine.observations import Observations
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.themelines import preview_lines
from orchestrator.engine.weather import PROBE_EVERY, Weather
from orchestrator.foundation.instants import format_instant
from orchestrator.foundation.shapes import dumps, loads
from orchestrator.ports.clock import Clock
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    NotTakenError,
    UnansweredError,
    UnauthorizedError,
    UnavailableError,
)
from orchestrator.ports.rooms import LAST_CALL, Rooms
from orchestrator.ports.store import Commit, Store, StoreFault
from orchestrator.ports.themes import Themes

_log = structlog.get_logger(__name__)
THEMES: Final = "themes"  # note: all that is remembered of themes, as JSON
_STEPS_MOST: Final = 12
_NO_PLAN: Final = ThemePlan()
# Rooms do not wait for what a person or another version of ours has to mend.
_NOT_SOON: Final = frozenset({"adopt", "fault"})
_SOON: Final = timedelta(seconds=1)  # never a busy loop, whatever the clocks say
_CUT_SHORT: Final = "the daemon ended before the answer came; the theme is looked at again"


@dataclass(frozen=True, slots=True)
class Closet:
    """What the wardrobe works with."""

    store: Store
    rooms: Rooms
    observations: Observations
    gathering: Gathering
    inbox: Inbox
    weather: Weather
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Turn:
    """One theme in one look."""

    name: str
    wish: ThemeWish | None
    cause: str


class Wardrobe:
    """Keeps themes."""

    def __init__(self, themes: Themes | None, closet: Closet, settings: EngineSettings) -> None:
        """Keep ``themes``; None: there are none to be had here, and no room waits for one."""
        self._themes = themes
        self._closet = closet
        self._settings = settings
        self._memory = ThemeMemory()
        self._plans: dict[str, ThemePlan] = {}
        self._looking = asyncio.Lock()
        self._nudged = asyncio.Event()
        self._due: datetime | None = None  # API time
        self._unlisted = ""  # why the last look saw nothing
        self._refused = ""  # why this look goes no further: our credentials were not taken
        self._untaken = False  # nor were they since a call was answered last
        self._alive: set[str] = set()  # themes whose operation belongs to this process
        self._told: dict[str, tuple[str, str]] = {}  # what rooms were told of each theme last
        self.acted = 0
        """Changing calls made since the start."""
        self.book: Callable[[], Book] = Book
        """The book in force; set by whoever owns it."""

    async def recall(self) -> None:
        """Read what is remembered. Raises `StoreFault`."""
        text = await self._closet.store.note(THEMES)
        self._memory = ThemeMemory() if text is None else loads(ThemeMemory, text)

    def nudge(self) -> None:
        """Look soon: the book is another one, or rooms were listed."""
        self._nudged.set()

    @property
    def present(self) -> bool:
        """Whether themes are kept here at all."""
        return self._themes is not None

    # --- what rooms ask ---------------------------------------------------------------------------

    def dress(self, wish: Desired, room: RoomRecord | None) -> Desired:
        """A wish with the id of its theme; while that is not known, the theme stays as it is."""
        if not wish.theme or self._themes is None:
            return wish
        record = self._record(wish.theme)
        if record is not None and record.id:
            return dressed(wish, record.id)
        if room is not None and "theme_id" in room.applied:
            return dressed(wish, room.applied["theme_id"])
        return wish

    def awaited(self, wish: Desired) -> str:
        """Why a room that stands is not made yet: its theme comes first, until that failed once."""
        name = wish.theme
        if not name or wish.occurrence is not None or wish.page is not None:
            return ""
        if self._themes is None or self._settings.mode is Mode.OBSERVE or self._unlisted:
            return ""
        if self._untaken:
            return ""
        record = self._record(name)
        if record is not None and (record.id or record.attempts.count):
            return ""
        theme = self.book().themes.get(name)
        if theme is None or self._plans.get(name, _NO_PLAN).held_by in _NOT_SOON:
            return ""
        return f"its theme {name} is {'taken over' if theme.theme_id else 'made'} first"

    def _record(self, name: str) -> ThemeRecord | None:
        return next((one for one in self._memory.records if one.name == name), None)

    # --- the loop ---------------------------------------------------------------------------------

    async def run(self, pulse: Pulse) -> None:
        """Look whenever it may be worth it; runs until it is cancelled."""
        longest = self._settings.longest_turn.total_seconds()
        while True:
            await self._rest(pulse)
            pulse.works(longest)
            self._nudged.clear()
            await self.look("themes")

    async def _rest(self, pulse: Pulse) -> None:
        seconds: float | None = None
        if self._due is not None:
            left = self._due - self._closet.rooms.api_now()
            seconds = max(left, _SOON).total_seconds()
        pulse.waits(seconds)
        if seconds is None:
            await self._nudged.wait()
            return
        async with asyncio.TaskGroup() as group:
            pause = group.create_task(self._closet.clock.sleep(seconds), name="themes-pause")
            nudge = group.create_task(self._nudged.wait(), name="themes-nudge")
            await asyncio.wait((pause, nudge), return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            nudge.cancel()

    async def look(self, cause: str) -> None:
        """List all themes and bring each into shape. Raises `StoreFault`."""
        async with self._looking:
            self._due = None
            closet, book = self._closet, self.book()
            if self._themes is None or not self._concerned(book):
                return
            if not closet.observations.listed:
                return  # the first listing nudges; before it nobody knows who else is here
            if closet.weather.hold is not None:
                self._due = closet.rooms.api_now() + PROBE_EVERY
                return
            self._told = self._tell_rooms(book) | self._told
            try:
                await self._look(self._themes, book, cause)
            finally:
                self._wake(book, cause)

    def _concerned(self, book: Book) -> bool:
        return bool(book.themes or book.kept_themes or self._memory.records)

    def _tell_rooms(self, book: Book) -> dict[str, tuple[str, str]]:
        """What rooms are told now of each theme that one of them names."""
        told: dict[str, tuple[str, str]] = {}
        for wish in book.wishes.values():
            if wish.theme and wish.theme not in told:
                record = self._record(wish.theme)
                told[wish.theme] = ("" if record is None else record.id, self.awaited(wish))
        return told

    def _wake(self, book: Book, cause: str) -> None:
        """Wake the rooms of each theme of which they were told something else."""
        before, self._told = self._told, self._tell_rooms(book)
        changed = {name for name, told in self._told.items() if before.get(name) != told}
        for key, wish in book.wishes.items():
            if wish.theme in changed:
                self._closet.inbox.wake(key, f"theme {wish.theme} ({cause})")

    async def _look(self, themes: Themes, book: Book, cause: str) -> None:
        self._refused, closet = "", self._closet
        await self._close_interrupted(cause)
        listed = await self._list(themes)
        if listed is None:
            return
        self._plans = {}
        for name in self._names(book, listed):
            try:
                await self._keep(themes, _Turn(name, book.themes.get(name), cause), listed, book)
            except StoreFault:
                raise
            except Exception as error:  # noqa: BLE001 - one theme's bug must end nothing else
                again = closet.rooms.api_now() + PROBE_EVERY
                self._plans[name] = ThemePlan(None, "fault", _bug(f"theme {name}", error), again)
        moments = [plan.until for plan in self._plans.values() if plan.until is not None]
        self._due = min(moments, default=None)

    async def _list(self, themes: Themes) -> Sequence[Theme] | None:
        closet = self._closet
        try:
            listed = await themes.list_themes()
        except Fault as fault:
            _log.warning("themes.unlisted", error=str(fault))
            self._unlisted = str(fault)
            self._due = closet.rooms.api_now() + PROBE_EVERY
            return None  # whether the API is away at all is for the calls of rooms to say
        except Exception as error:  # noqa: BLE001 - a list that nobody foresaw ends no daemon
            self._unlisted = _bug("the list of themes", error)
            self._due = closet.rooms.api_now() + PROBE_EVERY
            return None
        self._unlisted = ""
        await self._commit((), closet.weather.answered(closet.clock.now()))
        return listed

    def _names(self, book: Book, listed: Sequence[Theme]) -> list[str]:
        marked = (own_name(self._settings.owner, theme.name) for theme in listed)
        records = (record.name for record in self._memory.records)
        names = {*book.themes, *records, *(name for name in marked if name is not None)}
        # What is let go comes last: another theme may have to become the default first.
        return sorted(names, key=lambda name: (name not in book.themes, name))

    async def _close_interrupted(self, cause: str) -> None:
        """Calls that were under way when the daemon ended: the list tells the truth."""
        for record in self._memory.records:
            operation = record.operation
            if operation is None or record.name in self._alive:
                continue
            self._alive.add(record.name)
            fact = self._fact("theme.unanswered", _Turn(record.name, None, cause), record)
            detail = {**fact.detail, "kind": str(operation.step)}
            fact = replace(fact, reason=_CUT_SHORT, detail=detail)
            # What these two did the list tells, and later than now.
            kept = operation.step in {ThemeStep.CREATE, ThemeStep.DELETE}
            after = record if kept else replace(record, operation=None)
            await self._commit((after,), (fact,))

    # --- one theme --------------------------------------------------------------------------------

    async def _keep(self, themes: Themes, turn: _Turn, listed: Sequence[Theme], book: Book) -> None:
        record = self._record(turn.name) or ThemeRecord(turn.name)
        seen = self._seen(record, listed, turn.wish)
        if turn.wish is not None and record.grace != turn.wish.grace:
            record = replace(record, grace=turn.wish.grace)
        for _ in range(_STEPS_MOST):
            if self.book().themes is not book.themes:
                return  # a look may take minutes; who put another book in force has nudged us
            situation = await self._situation(record, turn.wish, seen, book)
            plan = plan_theme(situation)
            if plan.act is None:
                self._plans[turn.name] = plan
                await self._rest_of(record, plan)
                return
            try:
                after, seen = await self._do(themes, turn, record, seen, plan.act)
            except Fault as fault:
                await self._failed(turn, plan.act, fault)
                return
            if after is None:
                return
            record = after
            if plan.act.step is ThemeStep.CREATE:
                self._wake(book, turn.cause)  # rooms do not wait for its pictures
        _log.error("theme.endless", theme=turn.name)
        self._plans[turn.name] = ThemePlan(until=self._closet.rooms.api_now() + PROBE_EVERY)

    async def _rest_of(self, record: ThemeRecord, plan: ThemePlan) -> None:
        """Remember what no act does: a grace, and that a failure is over with what it was about."""
        if not plan.held_by:
            operation = None if record.id else record.operation
            record = replace(record, attempts=Attempts(), operation=operation)
        known = self._record(record.name)
        if known is not None and known != record:
            await self._commit((record,), ())

    def _seen(
        self, record: ThemeRecord, listed: Sequence[Theme], wish: ThemeWish | None
    ) -> Theme | None:
        """A theme that we remember, or its file names, by its id; another by our mark."""
        named = record.id or ("" if wish is None else wish.theme_id)
        if named:
            return next((theme for theme in listed if theme.id == named), None)
        owner = self._settings.owner
        ours = (theme for theme in listed if own_name(owner, theme.name) == record.name)
        return next(ours, None)

    async def _situation(
        self, record: ThemeRecord, wish: ThemeWish | None, seen: Theme | None, book: Book
    ) -> ThemeSituation:
        kept = book.kept_themes.get(record.name) or book.unreadable
        world, users = self._world(), 0
        if wish is None and record.id and record.due is not None and record.due <= world.now:
            users = await self._users(record.id)
        return ThemeSituation(record, wish, seen, world, kept, users)

    def _world(self) -> ThemeWorld:
        closet, settings = self._closet, self._settings
        hold, gathering = closet.weather.hold, closet.gathering
        apart = clocks_apart(closet.rooms.clock_difference())
        return ThemeWorld(
            now=closet.rooms.api_now(),
            owner=settings.owner,
            settle=settings.settle,
            mode=settings.mode,
            stopped=gathering.stranger() or self._refused or ("" if hold is None else hold.reason),
            doubt=closet.observations.doubt or apart or gathering.unsure(),
            braked=self._braked(),
            listed=closet.observations.expected_before,
        )

    def _braked(self) -> datetime | None:
        """Until when no further theme is removed: as many a day as rooms may end at the least."""
        limits, now = self._settings.limits, self._closet.rooms.api_now()
        lately = sorted(at for at in self._memory.removed if now - at < limits.per)
        allowed = limits.max_removals
        if len(lately) < allowed:
            return None
        return (lately[-allowed] if allowed else now) + limits.per

    async def _users(self, theme_id: str) -> int:
        """How many rooms have a theme: those that we know, and those that we see."""
        closet, now = self._closet, self._closet.rooms.api_now()
        users = {
            room.id
            for room in closet.observations.rooms()
            if room.settings.get("theme_id") == theme_id and not has_ended(room, now)
        }
        for state in await closet.store.states():
            users |= {
                room.id
                for room in _unseen(state, closet.observations)
                if room.applied.get("theme_id") == theme_id
            }
        return len(users)

    async def _do(
        self,
        themes: Themes,
        turn: _Turn,
        record: ThemeRecord,
        seen: Theme | None,
        act: ThemeAct,
    ) -> tuple[ThemeRecord | None, Theme | None]:
        """Do one thing and record it; what is remembered now, and what is there now."""
        if not act.step.calls:
            return await self._note(themes, turn, record, seen, act)
        # SQLite goes on committing into a file that was unlinked: look before each intent (P2).
        await self._closet.store.check()
        started = ThemeOperation(act.step, self._closet.rooms.api_now())
        record = replace(record, operation=started)
        self._alive.add(turn.name)
        fact = self._fact("theme.started", turn, record, act)
        fact = replace(fact, detail={**fact.detail, "kind": str(act.step)})
        await self._commit((record,), (fact,))
        self.acted += 1
        LAST_CALL.set(None)
        done = replace(record, operation=None, attempts=Attempts())
        match act.step:
            case ThemeStep.CREATE:
                return await self._create(themes, turn, done, act)
            case ThemeStep.UPDATE:
                return await self._update(themes, turn, done, act)
            case ThemeStep.UPLOAD:
                return await self._upload(themes, turn, done, act)
            case ThemeStep.DEFAULT:
                await themes.set_default_theme(record.id)
                after = replace(done, default=True)
                others = [
                    replace(one, default=False)
                    for one in self._memory.records
                    if one.default and one.name != turn.name
                ]
                await self._record_done(
                    (after, *others), self._fact("theme.defaulted", turn, after, act)
                )
                return after, seen
            case _:
                await self._delete(themes, record.id)
                fact = self._fact("theme.removed", turn, record, act)
                now = self._closet.rooms.api_now()
                await self._record_done((), fact, gone=turn.name, removed=now)
                return None, None

    async def _create(
        self, themes: Themes, turn: _Turn, done: ThemeRecord, act: ThemeAct
    ) -> tuple[ThemeRecord, Theme]:
        wish = _of(turn)
        fields = wish.fields(self._settings.owner)
        made = await themes.create_theme(fields)
        after = replace(done, id=made.id, fields=fields)
        fact = self._fact("theme.created", turn, after, act)
        fact = replace(fact, detail={**fact.detail, "asked": dict(fields)})
        await self._record_done((after,), fact)
        return after, made

    async def _update(
        self, themes: Themes, turn: _Turn, done: ThemeRecord, act: ThemeAct
    ) -> tuple[ThemeRecord, Theme]:
        fields = _of(turn).fields(self._settings.owner)
        asked = {name: change.after for name, change in act.changes.items()}
        now = await themes.update_theme(done.id, {name: _text(one) for name, one in asked.items()})
        left = sorted(name for name, value in asked.items() if now.fields.get(name) != value)
        if left:
            raise NotTakenError(f"the API left {', '.join(left)} of the theme as it was", 200)
        after = replace(
            done,
            fields=fields,
            updated_at=self._closet.rooms.api_now(),
            adopted=stays_adopted(done, _of(turn)),
        )
        fact = replace(
            self._fact("theme.updated", turn, after, act),
            before={name: _text(change.before) for name, change in act.changes.items()},
            after={name: _text(change.after) for name, change in act.changes.items()},
        )
        fact = replace(fact, detail={**fact.detail, "asked": dict(fields)})
        await self._record_done((after,), fact)
        return after, now

    async def _upload(
        self, themes: Themes, turn: _Turn, done: ThemeRecord, act: ThemeAct
    ) -> tuple[ThemeRecord, Theme]:
        logos = {kind: _of(turn).logos[kind] for kind in act.pictures}
        await themes.upload_logos(done.id, {kind: one.content for kind, one in logos.items()})
        call = LAST_CALL.get()
        now = await themes.get_theme(done.id)
        left = sorted(kind for kind in logos if kind not in now.pictures)
        if left:
            raise NotTakenError(f"the API does not show the picture {', '.join(left)}", 200)
        digests = {str(kind): logo.digest for kind, logo in logos.items()}
        keys = {str(kind): now.pictures[kind] for kind in logos}
        after = replace(
            done,
            uploaded=MappingProxyType({**done.uploaded, **digests}),
            pictures=MappingProxyType({**done.pictures, **keys}),
            painted_at=self._closet.rooms.api_now(),
        )
        told: dict[str, Json] = {
            "logos": {**digests},
            "pictures": {**keys},
        }
        fact = self._fact("theme.logos_uploaded", turn, after, act)
        await self._record_done((after,), replace(fact, api=call, detail={**fact.detail, **told}))
        return after, now

    async def _delete(self, themes: Themes, theme_id: str) -> None:
        """DELETE; 404 counts where the theme cannot be read any more either."""
        try:
            await themes.delete_theme(theme_id)
        except MissingError:
            try:
                await themes.get_theme(theme_id)
            except MissingError:
                return
            raise

    async def _note(
        self,
        themes: Themes,
        turn: _Turn,
        record: ThemeRecord,
        seen: Theme | None,
        act: ThemeAct,
    ) -> tuple[ThemeRecord | None, Theme | None]:
        """Record what only changes our memory."""
        now = self._closet.rooms.api_now()
        fact: Fact | None = None
        removed: datetime | None = None
        match act.step:
            case ThemeStep.ADOPT if seen is not None:
                record = taken_over(record, seen, turn.wish, self._settings.owner)
                fact = self._adopted(turn, record, act)
            case ThemeStep.TOMBSTONE:
                record = replace(record, decided_at=now, due=act.due)
                fact = self._fact("theme.tombstoned", turn, record, act)
                due = None if act.due is None else format_instant(act.due)
                fact = replace(fact, detail={**fact.detail, "due": due})
            case ThemeStep.RESTORE:
                record = replace(record, decided_at=None, due=None)
                fact = self._fact("theme.restored", turn, record, act)
            case ThemeStep.MISS:
                record = replace(record, missing_since=now)
            case ThemeStep.FIND:
                record = replace(record, missing_since=None)
            case ThemeStep.LOSE:
                found = await self._still_there(themes, record.id)
                if found is not None:
                    # Its list lies: it is there by its own word.
                    return replace(record, missing_since=None), found
                removed = now if in_doubt(record) else None
                event = "theme.lost" if removed is None else "theme.removed"
                fact, record = self._fact(event, turn, record, act), lost(record)
            case _:
                # What was never made need not be told of.
                forgotten = self._fact("theme.forgotten", turn, record, act) if record.id else None
                await self._record_done((), forgotten, gone=turn.name)
                return None, None
        await self._record_done((record,), fact, removed=removed)
        return record, seen

    def _adopted(self, turn: _Turn, record: ThemeRecord, act: ThemeAct) -> Fact:
        told: dict[str, Json] = {"marked": not record.adopted}
        if record.adopted:
            told |= {"logos": {**record.uploaded}, "pictures": {**record.pictures}}
        fact = self._fact("theme.adopted", turn, record, act)
        return replace(fact, detail={**fact.detail, **told})

    async def _still_there(self, themes: Themes, theme_id: str) -> Theme | None:
        try:
            return await themes.get_theme(theme_id)
        except MissingError:
            return None

    # --- what went wrong, and what is recorded ----------------------------------------------------

    async def _failed(self, turn: _Turn, act: ThemeAct, fault: Fault) -> None:
        record = self._record(turn.name) or ThemeRecord(turn.name)
        now = self._closet.rooms.api_now()
        if isinstance(fault, UnauthorizedError):
            # The connection's fault, no theme's: nothing is counted against the theme. Nor does it
            # stop the calls of rooms, which tell themselves whether our credentials are good.
            self._refused, self._untaken = str(fault), True
            await self._commit((replace(record, operation=None),), ())
            again = now + PROBE_EVERY
            self._plans[turn.name] = ThemePlan(None, "credentials", str(fault), again, act)
            return
        _log.warning("theme.failed", theme=turn.name, kind=str(act.step), error=str(fault))
        unanswered = isinstance(fault, UnansweredError)
        retry_after = None
        match fault:
            case UnavailableError():
                schedule, retry_after = backoff.Schedule.WEATHER, fault.retry_after
            case ForbiddenError() | NotTakenError():
                schedule = backoff.Schedule.FORBIDDEN
            case UnansweredError() | MissingError():
                schedule = backoff.Schedule.WEATHER
            case _ if act.step is ThemeStep.DELETE:
                schedule = backoff.Schedule.FORBIDDEN  # rooms that nobody listed yet have it
            case _:
                schedule = backoff.Schedule.REFUSED
        failure = backoff.Failure(str(fault), tried(act, turn.wish), retry_after)
        attempts = backoff.failed(record.attempts, schedule, now, turn.name, failure)
        operation = record.operation if unanswered else None
        after = replace(record, attempts=attempts, operation=operation)
        event = "theme.unanswered" if unanswered else "theme.failed"
        fact = replace(self._fact(event, turn, after, act), reason=str(fault))
        detail: dict[str, Json] = {**fact.detail, "kind": str(act.step)}
        if not unanswered and attempts.next_at is not None:
            detail["next_at"] = format_instant(attempts.next_at)
        fact = replace(fact, detail=detail)
        await asyncio.shield(self._commit((after,), (fact,)))
        self._plans[turn.name] = ThemePlan(None, "back-off", str(fault), attempts.next_at, act)

    def _fact(
        self, event: str, turn: _Turn, record: ThemeRecord, act: ThemeAct | None = None
    ) -> Fact:
        version = "" if turn.wish is None else f"@{turn.wish.version[:8]}"
        return Fact(
            event,
            actor=f"theme {turn.name}{version}",
            cause=turn.cause,
            reason="" if act is None else act.reason,
            api=LAST_CALL.get() if act is not None and act.step.calls else None,
            detail={"theme": turn.name, "theme_id": record.id},
        )

    async def _record_done(
        self,
        records: Sequence[ThemeRecord],
        fact: Fact | None,
        *,
        gone: str = "",
        removed: datetime | None = None,
    ) -> None:
        """Record what was done. The call was made: also if this look is being cancelled."""
        facts = () if fact is None else (fact,)
        if fact is not None and fact.api is not None:
            self._untaken = False
            facts = (*self._closet.weather.answered(self._closet.clock.now()), *facts)
        await asyncio.shield(self._commit(records, facts, gone=gone, removed=removed))

    async def _commit(
        self,
        records: Sequence[ThemeRecord],
        facts: Sequence[Fact],
        *,
        gone: str = "",
        removed: datetime | None = None,
    ) -> None:
        """Write records and facts in one transaction; only then are they remembered."""
        known = {record.name: record for record in self._memory.records}
        known |= {record.name: record for record in records}
        known.pop(gone, None)
        since = self._closet.rooms.api_now() - self._settings.limits.per
        lately = [at for at in self._memory.removed if at > since]
        if removed is not None:
            lately.append(removed)
        memory = ThemeMemory(tuple(known[name] for name in sorted(known)), tuple(lately))
        notes: dict[str, str | None] = {}
        if memory.records != self._memory.records or removed is not None:
            notes[THEMES] = dumps(ThemeMemory, memory).decode()
        if notes or facts:
            await self._closet.store.commit(
                Commit(facts=facts, notes=notes), self._closet.clock.now()
            )
        if notes:
            self._memory = memory

    # --- what people ask --------------------------------------------------------------------------

    async def preview(self, book: Book) -> tuple[PlanLine, ...]:
        """What would be done about themes, and what is held; nothing is recorded or changed."""
        if self._themes is None or not self._concerned(book):
            return ()
        try:
            listed = await self._themes.list_themes()
        except Fault as fault:
            why = f"the themes could not be listed: {fault}"
            return tuple(
                PlanLine("create", f"theme:{name}", why, held_by="doubt", held_why=why)
                for name in sorted(book.themes)
            )
        lines: list[PlanLine] = []
        for name in self._names(book, listed):
            record = self._record(name) or ThemeRecord(name)
            wish = book.themes.get(name)
            seen = self._seen(record, listed, wish)
            situation = await self._situation(record, wish, seen, book)
            lines.extend(preview_lines(situation))
        return tuple(lines)

    def failing(self) -> list[tuple[str, str]]:
        """Each theme whose last act failed, and how."""
        records = self._memory.records
        return [(one.name, one.attempts.fault) for one in records if one.attempts.count]

    def rows(self) -> tuple[ThemeRow, ...]:
        """Each theme for people, from what is in memory."""
        book = self.book()
        if self._themes is None:
            return ()
        names = {*book.themes, *book.kept_themes, *(one.name for one in self._memory.records)}
        return tuple(self._row(name, book) for name in sorted(names))

    def _row(self, name: str, book: Book) -> ThemeRow:
        record = self._record(name) or ThemeRecord(name)
        wish, plan = book.themes.get(name), self._plans.get(name, ThemePlan())
        why = book.kept_themes.get(name, "") or plan.held_why or self._unlisted
        if record.due is not None:
            state = "ending"
        elif not record.id:
            state = "missing"
        else:
            state = "failing" if record.attempts.count else "kept"
        rooms = sum(one.theme == name for one in book.wishes.values())
        return ThemeRow(
            name=name,
            file="" if wish is None else wish.file,
            theme_id=record.id,
            state=state,
            rooms=rooms,
            default=record.default,
            why=why,
            until=record.due or plan.until,
        )


def _bug(what: str, error: Exception) -> str:
    """Log what went wrong in this program, and say so in a few words."""
    _log.error("themes.broken", what=what, error=repr(error), exc_info=error)
    return f"a fault of this program: {type(error).__name__}"


def _unseen(state: KeyState, observations: Observations) -> list[RoomRecord]:
    """The rooms of a key of which only our record tells."""
    return [
        room for room in state.rooms if not isinstance(observations.sighting(room.id), Observed)
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _of(turn: _Turn) -> ThemeWish:
    if turn.wish is None:
        message = "a theme that nobody asks for is not brought into shape"
        raise ValueError(message)
    return turn.wish
