"""The plan of one theme: what is to be done about it next, as a function of what is known.

The same guards as for rooms: what is doubtful or held ends nothing, a theme is lost only when it
was missed twice, what failed waits, and a value that did not stay is no war of PATCHes.  A theme
that rooms use is never removed: the API would refuse it, and we do not ask with force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.domain import backoff
from orchestrator.domain.pausing import Pause
from orchestrator.domain.policies import TOMBSTONE_LEAST, Mode
from orchestrator.domain.rooms import Change
from orchestrator.domain.themes import (
    LogoType,
    Theme,
    ThemeRecord,
    ThemeStep,
    ThemeWish,
    is_marked,
    own_name,
)

_SAME_AGAIN: Final = timedelta(hours=1)  # before the same is set or uploaded once more


@dataclass(frozen=True, slots=True)
class ThemeWorld:
    """What holds for every theme.

    Attributes:
        now: API time.
        owner: of the installation.
        settle: how far apart two looks must be to prove that a theme is lost.
        mode: how far we may go.
        stopped: why nothing at all is done, or an empty text.
        doubt: why nothing may be ended, or made anew because it is lost; or an empty text.
        apart: why API time is not to be believed, so that no grace begins by it; or an empty text.
        braked: until when too many were removed lately; None where they were not.
        listed: rooms made before then were shown by the last listing of rooms that is believed
            (API time); None where there was none.
        pause: a freeze of all policies, or a change window that is closed.
    """

    now: datetime
    owner: str
    settle: timedelta
    mode: Mode = Mode.ENFORCE
    stopped: str = ""
    doubt: str = ""
    apart: str = ""
    braked: datetime | None = None
    listed: datetime | None = None
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class ThemeSituation:
    """Everything that one theme's plan is made from.

    Attributes:
        wish: what its file asks for; None where there is no such file, or it is kept.
        kept: why it stays as it is although no file asks for it, or an empty text.
        seen: as the API has just listed it; None where it does not.
        users: how many rooms are known to have it.
    """

    record: ThemeRecord
    wish: ThemeWish | None
    seen: Theme | None
    world: ThemeWorld
    kept: str = ""
    users: int = 0


@dataclass(frozen=True, slots=True)
class ThemeAct:
    """The next thing to do about a theme.

    Attributes:
        changes: of an update, by field.
        pictures: of an upload.
        due: of a tombstone: when it is removed.
    """

    step: ThemeStep
    reason: str
    changes: Mapping[str, Change] = field(default_factory=lambda: MappingProxyType({}))
    pictures: tuple[LogoType, ...] = ()
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ThemePlan:
    """The next act, or what stands before it and until when this answer holds."""

    act: ThemeAct | None = None
    held_by: str = ""
    held_why: str = ""
    until: datetime | None = None
    held: ThemeAct | None = None


_REST: Final = ThemePlan()


def plan_theme(situation: ThemeSituation) -> ThemePlan:
    """What is to be done about one theme next."""
    record, seen = situation.record, situation.seen
    if record.id and seen is None:
        return _guarded(situation, _missing(situation))
    if record.missing_since is not None:
        return ThemePlan(ThemeAct(ThemeStep.FIND, "it is there after all"))
    wish = situation.wish
    if wish is not None and wish.theme_id not in {"", record.id}:
        return _named(situation, wish)
    if not record.id and seen is not None:
        return ThemePlan(ThemeAct(ThemeStep.ADOPT, "it bears our mark"))
    if situation.wish is not None:
        return _guarded(situation, _wanted(situation, situation.wish))
    if situation.kept:
        return _REST
    return _guarded(situation, _unwanted(situation))


def tried(act: ThemeAct, wish: ThemeWish | None) -> str:
    """What a failure is remembered by: the step, and what was wished."""
    return f"{act.step} {'' if wish is None else wish.digest}"


def _missing(situation: ThemeSituation) -> ThemePlan:
    since, world = situation.record.missing_since, situation.world
    act = ThemeAct(ThemeStep.MISS, "the API does not list it")
    if since is None and world.apart:
        # Dated by a clock that is wrong it would lie years ahead, and its second look as well.
        return ThemePlan(held_by="doubt", held_why=world.apart, held=act)
    if since is None:
        return ThemePlan(act)
    settled = since + world.settle
    if world.now < settled:
        return ThemePlan(held_by="settle", held_why="the API does not list it", until=settled)
    if world.listed is None or world.listed < since:
        # Another backend has none of our themes either. By a listing of our rooms it is known.
        why = "the API does not list it; the next listing of rooms tells whether it is our API"
        return ThemePlan(held_by="settle", held_why=why)
    ours = "as our removal asked that was not answered"
    by = ours if in_doubt(situation.record) else "by no act of ours"
    return ThemePlan(ThemeAct(ThemeStep.LOSE, f"it is gone, twice looked for, {by}"))


def _named(situation: ThemeSituation, wish: ThemeWish) -> ThemePlan:
    """Take over the theme that a file names by its id, if that can be done."""
    record, seen, owner = situation.record, situation.seen, situation.world.owner
    act = ThemeAct(ThemeStep.ADOPT, f"{wish.file} names it by its id")
    if record.id:
        why = f"{wish.file} names theme {wish.theme_id}, and {record.name} is {record.id}"
    elif seen is None:
        why = f"{wish.file} names theme {wish.theme_id}, which the API does not show"
    elif own_name(owner, seen.name) not in {None, record.name}:
        why = f"{wish.file} names theme {seen.id}, which is {own_name(owner, seen.name)} already"
    elif own_name(owner, seen.name) is None and is_marked(seen.name):
        why = f"{wish.file} names theme {seen.id}, which bears the mark of another owner"
    else:
        return ThemePlan(act)
    return ThemePlan(held_by="adopt", held_why=why, held=act)


def taken_over(record: ThemeRecord, seen: Theme, wish: ThemeWish | None, owner: str) -> ThemeRecord:
    """What is remembered of a theme that was there already.

    Where its file names it by its id, the pictures of the file count as those that it has.
    """
    marked = own_name(owner, seen.name) is not None
    record = replace(record, id=seen.id, missing_since=None, operation=None, adopted=not marked)
    if marked or wish is None:
        return record
    same = [kind for kind in wish.logos if kind in seen.pictures]
    return replace(
        record,
        uploaded=MappingProxyType({str(kind): wish.logos[kind].digest for kind in same}),
        pictures=MappingProxyType({str(kind): seen.pictures[kind] for kind in same}),
    )


def _wanted(situation: ThemeSituation, wish: ThemeWish) -> ThemePlan:
    record, seen, now = situation.record, situation.seen, situation.world.now
    reason = f"{wish.file} asks for it"
    if record.due is not None:
        return ThemePlan(ThemeAct(ThemeStep.RESTORE, "it is wanted again"))
    if seen is None:
        return ThemePlan(ThemeAct(ThemeStep.CREATE, reason))
    changes = _changes(situation, wish)
    if changes:
        act = ThemeAct(ThemeStep.UPDATE, reason, changes)
        sent = all(record.fields.get(name) == one.after for name, one in changes.items())
        return _not_again(act, record.updated_at if sent else None, now)
    pictures = _pictures(record, seen, wish)
    if pictures:
        act = ThemeAct(ThemeStep.UPLOAD, reason, pictures=pictures)
        sent = all(record.uploaded.get(kind) == wish.logos[kind].digest for kind in pictures)
        return _not_again(act, record.painted_at if sent else None, now)
    if wish.default and not record.default:
        return ThemePlan(ThemeAct(ThemeStep.DEFAULT, f"{wish.file} says that it is the default"))
    return _REST


def _not_again(act: ThemeAct, sent_at: datetime | None, now: datetime) -> ThemePlan:
    """Hold what was sent a short while ago and did not stay."""
    if sent_at is None or now >= sent_at + _SAME_AGAIN:
        return ThemePlan(act)
    why = f"{act.step} was done a short while ago and did not stay"
    return ThemePlan(held_by="back-off", held_why=why, until=sent_at + _SAME_AGAIN, held=act)


def _changes(situation: ThemeSituation, wish: ThemeWish) -> dict[str, Change]:
    """What differs; a line that was taken out of the file means nothing, as in a new theme."""
    seen = situation.seen
    wished: dict[str, str | None] = dict.fromkeys(situation.record.fields)
    wished.update(wish.fields(situation.world.owner))
    if wish.theme_id:
        wished.pop("theme_name", None)
    told: Mapping[str, str | None] = {} if seen is None else seen.fields
    return {
        name: Change(told.get(name), value)
        for name, value in wished.items()
        if told.get(name) != value
    }


def _pictures(record: ThemeRecord, seen: Theme, wish: ThemeWish) -> tuple[LogoType, ...]:
    """What is to be uploaded: what the file has anew, and what is not there or is another's."""
    return tuple(
        kind
        for kind, logo in wish.logos.items()
        if record.uploaded.get(kind) != logo.digest
        or kind not in seen.pictures
        or record.pictures.get(kind) != seen.pictures[kind]
    )


def _unwanted(situation: ThemeSituation) -> ThemePlan:
    record, world = situation.record, situation.world
    if not record.id:
        operation = record.operation
        if operation is not None and world.now < operation.started_at + world.settle:
            # A create whose answer was lost may still be carried out.
            until = operation.started_at + world.settle
            return ThemePlan(held_by="settle", held_why="a create was not answered", until=until)
        return ThemePlan(ThemeAct(ThemeStep.FORGET, "no file asks for it"))
    if record.adopted:
        reason = "no file asks for it any more; it was there before us, and stays"
        return ThemePlan(ThemeAct(ThemeStep.FORGET, reason))
    if record.due is None:
        due = world.now + max(record.grace, TOMBSTONE_LEAST)
        return ThemePlan(ThemeAct(ThemeStep.TOMBSTONE, "no file asks for it any more", due=due))
    if world.now < record.due:
        return ThemePlan(until=record.due)
    act = ThemeAct(ThemeStep.DELETE, "no file asked for it during its grace")
    by, why = _in_use(situation)
    return ThemePlan(act) if not by else ThemePlan(held_by=by, held_why=why, held=act)


def _in_use(situation: ThemeSituation) -> tuple[str, str]:
    if situation.users:
        many = "1 room still has" if situation.users == 1 else f"{situation.users} rooms still have"
        return "in-use", f"{many} it"
    if situation.record.default:
        return "default", "it is the application's default; make another theme the default first"
    return "", ""


_ENDS: Final = frozenset({ThemeStep.DELETE, ThemeStep.LOSE})
_CHANGES: Final = frozenset(
    {
        *(ThemeStep.CREATE, ThemeStep.UPDATE, ThemeStep.UPLOAD, ThemeStep.DEFAULT),
        *(ThemeStep.DELETE, ThemeStep.TOMBSTONE),
    }
)


def _is_new(situation: ThemeSituation) -> bool:
    return not situation.record.id


def _guarded(situation: ThemeSituation, made: ThemePlan) -> ThemePlan:
    """What stands before an act: a refusal, a doubt, a mode, a brake, a failure a while ago."""
    act, world = made.act, situation.world
    if act is None:
        return made
    if world.stopped and act.step.calls:
        return ThemePlan(held_by="refusal", held_why=world.stopped, held=act)
    if world.doubt and act.step in _ENDS:
        return ThemePlan(held_by="doubt", held_why=world.doubt, held=act)
    if world.apart and act.step is ThemeStep.TOMBSTONE:
        # Its grace would be reckoned from a moment that is not now.
        return ThemePlan(held_by="doubt", held_why=world.apart, held=act)
    removes = act.step is ThemeStep.DELETE
    if (world.mode is Mode.OBSERVE and act.step.calls) or (
        world.mode is Mode.NO_REMOVALS and removes
    ):
        return ThemePlan(held_by="mode", held_why=f"mode is {world.mode}", held=act)
    if removes and world.braked is not None:
        why = "too many themes were removed lately"
        return ThemePlan(held_by="brake", held_why=why, until=world.braked, held=act)
    pause = world.pause
    # A new theme changes no room, and a room that is lost may wait for it.
    if pause is not None and act.step in _CHANGES and (pause.all_acts or not _is_new(situation)):
        return ThemePlan(held_by=pause.by, held_why=pause.reason, until=pause.until, held=act)
    attempts = situation.record.attempts
    waits = backoff.held_back(attempts, tried(act, situation.wish), world.now)
    if waits is not None:
        return ThemePlan(held_by="back-off", held_why=attempts.fault, until=waits, held=act)
    return made


def follow(situation: ThemeSituation, act: ThemeAct) -> ThemeSituation:
    """The situation once an act was done and stayed: so that a preview sees what comes after it."""
    record, seen, wish = situation.record, situation.seen, situation.wish
    now = situation.world.now
    match act.step:
        case ThemeStep.ADOPT if seen is not None:
            record = taken_over(record, seen, wish, situation.world.owner)
        case ThemeStep.FIND:
            record = replace(record, missing_since=None)
        case ThemeStep.RESTORE:
            record = replace(record, decided_at=None, due=None)
        case ThemeStep.TOMBSTONE:
            record = replace(record, decided_at=now, due=act.due)
        case ThemeStep.DEFAULT:
            record = replace(record, default=True)
        case ThemeStep.LOSE:
            record = lost(record)
        case ThemeStep.CREATE | ThemeStep.UPDATE | ThemeStep.UPLOAD if wish is not None:
            before: Mapping[str, str | None] = {} if seen is None else seen.fields
            # A line that was taken out of the file means nothing.
            bare = dict.fromkeys(act.changes)
            fields = {**before, **bare, **wish.fields(situation.world.owner)}
            kept = {} if seen is None else seen.pictures
            pictures = {**kept, **{kind: str(kind) for kind in act.pictures}}
            seen = Theme(record.id or "new", MappingProxyType(fields), MappingProxyType(pictures))
            digests = {str(kind): wish.logos[kind].digest for kind in act.pictures}
            record = replace(
                record,
                id=seen.id,
                fields=wish.fields(situation.world.owner),
                uploaded=MappingProxyType({**record.uploaded, **digests}),
                pictures=MappingProxyType({str(kind): key for kind, key in pictures.items()}),
                adopted=stays_adopted(record, wish),
            )
        case ThemeStep.DELETE | ThemeStep.FORGET:
            record, seen = replace(record, id="", due=None), None
        case _:
            pass  # a look that was in vain tells nothing yet
    return replace(situation, record=record, seen=seen)


def stays_adopted(record: ThemeRecord, wish: ThemeWish) -> bool:
    """Whether a theme keeps its own name; where its file names it no more it was given ours."""
    return record.adopted and bool(wish.theme_id)


def in_doubt(record: ThemeRecord) -> bool:
    """Whether a removal was asked for, and nobody knows whether it was carried out."""
    return record.operation is not None and record.operation.step is ThemeStep.DELETE


def lost(record: ThemeRecord) -> ThemeRecord:
    """What is remembered of a theme that is gone: nothing that was true of it at the API."""
    return ThemeRecord(record.name, grace=record.grace, attempts=record.attempts)
