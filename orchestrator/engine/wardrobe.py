"""The wardrobe: keeps the themes that the book asks for, made before the rooms that want them.

One look lists all themes and brings each into shape, one act after another, each journalled before
its call leaves (promise P2).  It touches no theme but those that bear the owner's mark, that its
store remembers, or that a file names by its id (promise P3); and where no file asks for a theme and
none is remembered it calls nothing.  What is remembered is in `themerecords`, what is done in
`tailor`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from orchestrator.domain.policies import Desired, Mode, dressed
from orchestrator.domain.records import Attempts, KeyState, RoomRecord
from orchestrator.domain.reports import PlanLine, ThemeRow
from orchestrator.domain.rooms import Observed, has_ended
from orchestrator.domain.themes import Theme, ThemeRecord, ThemeStep, ThemeWish, own_name
from orchestrator.domain.theming import ThemePlan, ThemeSituation, ThemeWorld, plan_theme
from orchestrator.engine.book import Book
from orchestrator.engine.gathering import clocks_apart
from orchestrator.engine.health import Pulse
from orchestrator.engine.observations import Observations
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.surroundings import Surroundings
from orchestrator.engine.tailor import Tailor, ThemeTurn
from orchestrator.engine.themelines import preview_lines
from orchestrator.engine.themerecords import ThemeRecords
from orchestrator.engine.weather import PROBE_EVERY
from orchestrator.ports.faults import Fault, UnauthorizedError
from orchestrator.ports.store import StoreFault
from orchestrator.ports.themes import Themes

_log = structlog.get_logger(__name__)
_STEPS_MOST: Final = 12
_NO_PLAN: Final = ThemePlan()
# Rooms do not wait for what a person or another version of ours has to mend.
_NOT_SOON: Final = frozenset({"adopt", "fault"})
_SOON: Final = timedelta(seconds=1)  # never a busy loop, whatever the clocks say
_CUT_SHORT: Final = "the daemon ended before the answer came; the theme is looked at again"


class Wardrobe:
    """Keeps themes."""

    def __init__(
        self, themes: Themes | None, around: Surroundings, settings: EngineSettings
    ) -> None:
        """Keep ``themes``; None: there are none to be had here, and no room waits for one."""
        self._themes = themes
        self._around = around
        self._settings = settings
        self._records = ThemeRecords(around.store, around.rooms, around.clock, settings.limits.per)
        self._tailor = Tailor(self._records, around, settings)
        self._plans: dict[str, ThemePlan] = {}
        self._looking = asyncio.Lock()
        self._nudged = asyncio.Event()
        self._due: datetime | None = None  # API time
        self._unlisted = ""  # why the last look saw nothing
        self._refused = ""  # why this look goes no further: our credentials were not taken
        self._told: dict[str, tuple[str, str]] = {}  # what rooms were told of each theme last
        self.book: Callable[[], Book] = Book
        """The book in force; set by whoever owns it."""

    async def recall(self) -> None:
        """Read what is remembered. Raises `StoreFault`."""
        await self._records.recall()

    def nudge(self) -> None:
        """Look soon: the book is another one, or rooms were listed."""
        self._nudged.set()

    @property
    def present(self) -> bool:
        """Whether themes are kept here at all."""
        return self._themes is not None

    @property
    def acted(self) -> int:
        """Changing calls made since the start."""
        return self._tailor.acted

    # --- what rooms ask ---------------------------------------------------------------------------

    def dress(self, wish: Desired, room: RoomRecord | None) -> Desired:
        """A wish with the id of its theme; while that is not known, the theme stays as it is."""
        if not wish.theme or self._themes is None:
            return wish
        record = self._records.of(wish.theme)
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
        if self._tailor.untaken:
            return ""
        record = self._records.of(name)
        if record is not None and (record.id or record.attempts.count):
            return ""
        theme = self.book().themes.get(name)
        if theme is None or self._plans.get(name, _NO_PLAN).held_by in _NOT_SOON:
            return ""
        return f"its theme {name} is {'taken over' if theme.theme_id else 'made'} first"

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
            left = self._due - self._around.rooms.api_now()
            seconds = max(left, _SOON).total_seconds()
        pulse.waits(seconds)
        if seconds is None:
            await self._nudged.wait()
            return
        async with asyncio.TaskGroup() as group:
            pause = group.create_task(self._around.clock.sleep(seconds), name="themes-pause")
            nudge = group.create_task(self._nudged.wait(), name="themes-nudge")
            await asyncio.wait((pause, nudge), return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            nudge.cancel()

    async def look(self, cause: str) -> None:
        """List all themes and bring each into shape. Raises `StoreFault`."""
        async with self._looking:
            self._due = None
            around, book = self._around, self.book()
            if self._themes is None or not self._concerned(book):
                return
            if not around.observations.listed:
                return  # the first listing nudges; before it nobody knows who else is here
            if around.weather.hold is not None:
                self._due = around.rooms.api_now() + PROBE_EVERY
                return
            self._told = self._tell_rooms(book) | self._told
            try:
                await self._look(self._themes, book, cause)
            finally:
                self._wake(book, cause)

    def _concerned(self, book: Book) -> bool:
        return bool(book.themes or book.kept_themes or self._records.all)

    def _tell_rooms(self, book: Book) -> dict[str, tuple[str, str]]:
        """What rooms are told now of each theme that one of them names."""
        told: dict[str, tuple[str, str]] = {}
        for wish in book.wishes.values():
            if wish.theme and wish.theme not in told:
                record = self._records.of(wish.theme)
                told[wish.theme] = ("" if record is None else record.id, self.awaited(wish))
        return told

    def _wake(self, book: Book, cause: str) -> None:
        """Wake the rooms of each theme of which they were told something else."""
        before, self._told = self._told, self._tell_rooms(book)
        changed = {name for name, told in self._told.items() if before.get(name) != told}
        for key, wish in book.wishes.items():
            if wish.theme in changed:
                self._around.inbox.wake(key, f"theme {wish.theme} ({cause})")

    async def _look(self, themes: Themes, book: Book, cause: str) -> None:
        self._refused, around = "", self._around
        await self._close_interrupted(cause)
        listed = await self._list(themes)
        if listed is None:
            return
        self._plans = {}
        for name in self._names(book, listed):
            try:
                await self._keep(
                    themes, ThemeTurn(name, book.themes.get(name), cause), listed, book
                )
            except StoreFault:
                raise
            except Exception as error:  # noqa: BLE001 - one theme's bug must end nothing else
                again = around.rooms.api_now() + PROBE_EVERY
                self._plans[name] = ThemePlan(None, "fault", _bug(f"theme {name}", error), again)
        moments = [plan.until for plan in self._plans.values() if plan.until is not None]
        self._due = min(moments, default=None)

    async def _list(self, themes: Themes) -> Sequence[Theme] | None:
        around = self._around
        try:
            listed = await themes.list_themes()
        except Fault as fault:
            _log.warning("themes.unlisted", error=str(fault))
            self._unlisted = str(fault)
            self._due = around.rooms.api_now() + PROBE_EVERY
            return None  # whether the API is away at all is for the calls of rooms to say
        except Exception as error:  # noqa: BLE001 - a list that nobody foresaw ends no daemon
            self._unlisted = _bug("the list of themes", error)
            self._due = around.rooms.api_now() + PROBE_EVERY
            return None
        self._unlisted = ""
        await self._records.commit((), around.weather.answered(around.clock.now()))
        return listed

    def _names(self, book: Book, listed: Sequence[Theme]) -> list[str]:
        marked = (own_name(self._settings.owner, theme.name) for theme in listed)
        records = (record.name for record in self._records.all)
        names = {*book.themes, *records, *(name for name in marked if name is not None)}
        # What is let go comes last: another theme may have to become the default first.
        return sorted(names, key=lambda name: (name not in book.themes, name))

    async def _close_interrupted(self, cause: str) -> None:
        """Calls that were under way when the daemon ended: the list tells the truth."""
        for record in self._records.all:
            operation = record.operation
            if operation is None or record.name in self._tailor.alive:
                continue
            self._tailor.alive.add(record.name)
            fact = self._tailor.fact(
                "theme.unanswered", ThemeTurn(record.name, None, cause), record
            )
            detail = {**fact.detail, "kind": str(operation.step)}
            fact = replace(fact, reason=_CUT_SHORT, detail=detail)
            # What these two did the list tells, and later than now.
            kept = operation.step in {ThemeStep.CREATE, ThemeStep.DELETE}
            after = record if kept else replace(record, operation=None)
            await self._records.commit((after,), (fact,))

    # --- one theme --------------------------------------------------------------------------------

    async def _keep(
        self, themes: Themes, turn: ThemeTurn, listed: Sequence[Theme], book: Book
    ) -> None:
        record = self._records.of(turn.name) or ThemeRecord(turn.name)
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
                after, seen = await self._tailor.do(themes, turn, record, seen, plan.act)
            except Fault as fault:
                if isinstance(fault, UnauthorizedError):
                    self._refused = str(fault)
                self._plans[turn.name] = await self._tailor.failed(turn, plan.act, fault)
                return
            if after is None:
                return
            record = after
            if plan.act.step is ThemeStep.CREATE:
                self._wake(book, turn.cause)  # rooms do not wait for its pictures
        _log.error("theme.endless", theme=turn.name)
        self._plans[turn.name] = ThemePlan(until=self._around.rooms.api_now() + PROBE_EVERY)

    async def _rest_of(self, record: ThemeRecord, plan: ThemePlan) -> None:
        """Remember what no act does: a grace, and that a failure is over with what it was about."""
        if not plan.held_by:
            operation = None if record.id else record.operation
            record = replace(record, attempts=Attempts(), operation=operation)
        known = self._records.of(record.name)
        if known is not None and known != record:
            await self._records.commit((record,), ())

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
        around, settings = self._around, self._settings
        hold, gathering = around.weather.hold, around.gathering
        apart = clocks_apart(around.rooms.clock_difference())
        return ThemeWorld(
            now=around.rooms.api_now(),
            owner=settings.owner,
            settle=settings.settle,
            mode=settings.mode,
            stopped=gathering.stranger() or self._refused or ("" if hold is None else hold.reason),
            doubt=around.observations.doubt or apart or gathering.unsure(),
            apart=apart,
            braked=self._braked(),
            listed=around.observations.expected_before,
            pause=gathering.pause("", self.book()),
        )

    def _braked(self) -> datetime | None:
        """Until when no further theme is removed: as many a day as rooms may end at the least."""
        limits, now = self._settings.limits, self._around.rooms.api_now()
        lately = sorted(at for at in self._records.removed if now - at < limits.per)
        allowed = limits.max_removals
        if len(lately) < allowed:
            return None
        return (lately[-allowed] if allowed else now) + limits.per

    async def _users(self, theme_id: str) -> int:
        """How many rooms have a theme: those that we know, and those that we see."""
        around, now = self._around, self._around.rooms.api_now()
        users = {
            room.id
            for room in around.observations.rooms()
            if room.settings.get("theme_id") == theme_id and not has_ended(room, now)
        }
        for state in await around.store.states():
            users |= {
                room.id
                for room in _unseen(state, around.observations)
                if room.applied.get("theme_id") == theme_id
            }
        return len(users)

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
            record = self._records.of(name) or ThemeRecord(name)
            wish = book.themes.get(name)
            seen = self._seen(record, listed, wish)
            situation = await self._situation(record, wish, seen, book)
            lines.extend(preview_lines(situation))
        return tuple(lines)

    def failing(self) -> list[tuple[str, str]]:
        """Each theme whose last act failed, and how."""
        records = self._records.all
        return [(one.name, one.attempts.fault) for one in records if one.attempts.count]

    def rows(self) -> tuple[ThemeRow, ...]:
        """Each theme for people, from what is in memory."""
        book = self.book()
        if self._themes is None:
            return ()
        names = {*book.themes, *book.kept_themes, *(one.name for one in self._records.all)}
        return tuple(self._row(name, book) for name in sorted(names))

    def _row(self, name: str, book: Book) -> ThemeRow:
        record = self._records.of(name) or ThemeRecord(name)
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
