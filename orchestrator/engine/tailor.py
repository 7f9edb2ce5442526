"""The tailor: makes, changes and removes one theme, one act at a time.

Each call is journalled before it leaves (promise P2), and what came of it is recorded with the fact
that tells of it.  It decides nothing: what is to be done was planned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

import structlog

from orchestrator.domain import backoff
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.records import Attempts
from orchestrator.domain.themes import Theme, ThemeOperation, ThemeRecord, ThemeStep, ThemeWish
from orchestrator.domain.theming import (
    ThemeAct,
    ThemePlan,
    in_doubt,
    lost,
    stays_adopted,
    taken_over,
    tried,
)
from orchestrator.engine.settings import EngineSettings
from orchestrator.engine.surroundings import Surroundings
from orchestrator.engine.themerecords import ThemeRecords
from orchestrator.engine.weather import PROBE_EVERY
from orchestrator.foundation.instants import format_instant
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    NotTakenError,
    UnansweredError,
    UnauthorizedError,
    UnavailableError,
)
from orchestrator.ports.rooms import LAST_CALL
from orchestrator.ports.themes import Themes

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ThemeTurn:
    """One theme in one look."""

    name: str
    wish: ThemeWish | None
    cause: str


class Tailor:
    """Carries out what is planned for themes.

    Attributes:
        acted: changing calls made since the start.
        alive: names of themes whose operation belongs to this process.
        untaken: our credentials were not taken since a call was answered last.
    """

    def __init__(
        self, records: ThemeRecords, around: Surroundings, settings: EngineSettings
    ) -> None:
        """Remember by ``records``."""
        self._records = records
        self._around = around
        self._settings = settings
        self.acted = 0
        self.alive: set[str] = set()
        self.untaken = False

    async def do(
        self,
        themes: Themes,
        turn: ThemeTurn,
        record: ThemeRecord,
        seen: Theme | None,
        act: ThemeAct,
    ) -> tuple[ThemeRecord | None, Theme | None]:
        """Do one thing and record it; what is remembered now, and what is there now.

        Raises:
            Fault: it was not done, or nobody knows; tell `failed`.
            StoreFault: nothing was sent, or it is found again by its open operation.
        """
        if not act.step.calls:
            return await self._note(themes, turn, record, seen, act)
        # SQLite goes on committing into a file that was unlinked: look before each intent (P2).
        await self._around.store.check()
        started = ThemeOperation(act.step, self._around.rooms.api_now())
        record = replace(record, operation=started)
        self.alive.add(turn.name)
        fact = self.fact("theme.started", turn, record, act)
        fact = replace(fact, detail={**fact.detail, "kind": str(act.step)})
        await self._records.commit((record,), (fact,))
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
                    for one in self._records.all
                    if one.default and one.name != turn.name
                ]
                await self._record_done(
                    (after, *others), self.fact("theme.defaulted", turn, after, act)
                )
                return after, seen
            case _:
                await self._delete(themes, record.id)
                fact = self.fact("theme.removed", turn, record, act)
                now = self._around.rooms.api_now()
                await self._record_done((), fact, gone=turn.name, removed=now)
                return None, None

    async def _create(
        self, themes: Themes, turn: ThemeTurn, done: ThemeRecord, act: ThemeAct
    ) -> tuple[ThemeRecord, Theme]:
        wish = _of(turn)
        fields = wish.fields(self._settings.owner)
        made = await themes.create_theme(fields)
        after = replace(done, id=made.id, fields=fields)
        fact = self.fact("theme.created", turn, after, act)
        fact = replace(fact, detail={**fact.detail, "asked": dict(fields)})
        await self._record_done((after,), fact)
        return after, made

    async def _update(
        self, themes: Themes, turn: ThemeTurn, done: ThemeRecord, act: ThemeAct
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
            updated_at=self._around.rooms.api_now(),
            adopted=stays_adopted(done, _of(turn)),
        )
        fact = replace(
            self.fact("theme.updated", turn, after, act),
            before={name: _text(change.before) for name, change in act.changes.items()},
            after={name: _text(change.after) for name, change in act.changes.items()},
        )
        fact = replace(fact, detail={**fact.detail, "asked": dict(fields)})
        await self._record_done((after,), fact)
        return after, now

    async def _upload(
        self, themes: Themes, turn: ThemeTurn, done: ThemeRecord, act: ThemeAct
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
            painted_at=self._around.rooms.api_now(),
        )
        told: dict[str, Json] = {
            "logos": {**digests},
            "pictures": {**keys},
        }
        fact = self.fact("theme.logos_uploaded", turn, after, act)
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
        turn: ThemeTurn,
        record: ThemeRecord,
        seen: Theme | None,
        act: ThemeAct,
    ) -> tuple[ThemeRecord | None, Theme | None]:
        """Record what only changes our memory."""
        now = self._around.rooms.api_now()
        fact: Fact | None = None
        removed: datetime | None = None
        match act.step:
            case ThemeStep.ADOPT if seen is not None:
                record = taken_over(record, seen, turn.wish, self._settings.owner)
                fact = self._adopted(turn, record, act)
            case ThemeStep.TOMBSTONE:
                record = replace(record, decided_at=now, due=act.due)
                fact = self.fact("theme.tombstoned", turn, record, act)
                due = None if act.due is None else format_instant(act.due)
                fact = replace(fact, detail={**fact.detail, "due": due})
            case ThemeStep.RESTORE:
                record = replace(record, decided_at=None, due=None)
                fact = self.fact("theme.restored", turn, record, act)
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
                fact, record = self.fact(event, turn, record, act), lost(record)
            case _:
                # What was never made need not be told of.
                forgotten = self.fact("theme.forgotten", turn, record, act) if record.id else None
                await self._record_done((), forgotten, gone=turn.name)
                return None, None
        await self._record_done((record,), fact, removed=removed)
        return record, seen

    def _adopted(self, turn: ThemeTurn, record: ThemeRecord, act: ThemeAct) -> Fact:
        told: dict[str, Json] = {"marked": not record.adopted}
        if record.adopted:
            told |= {"logos": {**record.uploaded}, "pictures": {**record.pictures}}
        fact = self.fact("theme.adopted", turn, record, act)
        return replace(fact, detail={**fact.detail, **told})

    async def _still_there(self, themes: Themes, theme_id: str) -> Theme | None:
        try:
            return await themes.get_theme(theme_id)
        except MissingError:
            return None

    async def failed(self, turn: ThemeTurn, act: ThemeAct, fault: Fault) -> ThemePlan:
        """Remember a failure; gives what stands in the way until when. Raises `StoreFault`."""
        record = self._records.of(turn.name) or ThemeRecord(turn.name)
        now = self._around.rooms.api_now()
        if isinstance(fault, UnauthorizedError):
            # The connection's fault, no theme's: nothing is counted against the theme. Nor does it
            # stop the calls of rooms, which tell themselves whether our credentials are good.
            self.untaken = True
            await self._records.commit((replace(record, operation=None),), ())
            again = now + PROBE_EVERY
            return ThemePlan(None, "credentials", str(fault), again, act)
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
        fact = replace(self.fact(event, turn, after, act), reason=str(fault))
        detail: dict[str, Json] = {**fact.detail, "kind": str(act.step)}
        if not unanswered and attempts.next_at is not None:
            detail["next_at"] = format_instant(attempts.next_at)
        fact = replace(fact, detail=detail)
        await asyncio.shield(self._records.commit((after,), (fact,)))
        return ThemePlan(None, "back-off", str(fault), attempts.next_at, act)

    def fact(
        self, event: str, turn: ThemeTurn, record: ThemeRecord, act: ThemeAct | None = None
    ) -> Fact:
        """What is told of a theme, with the call that was made last where the act makes one."""
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
            self.untaken = False
            facts = (*self._around.weather.answered(self._around.clock.now()), *facts)
        await asyncio.shield(self._records.commit(records, facts, gone=gone, removed=removed))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _of(turn: ThemeTurn) -> ThemeWish:
    if turn.wish is None:
        message = "a theme that nobody asks for is not brought into shape"
        raise ValueError(message)
    return turn.wish
