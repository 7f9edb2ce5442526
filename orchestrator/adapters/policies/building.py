"""From a filled form to a policy: the same wish in the domain's words, with its places."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from orchestrator.adapters.policies.models import (
    ForEachForm,
    PolicyForm,
    RoomForm,
    ScheduleForm,
    WindowForm,
)
from orchestrator.adapters.policies.paging import FallbackForm, OnPageForm
from orchestrator.adapters.policies.recordings import recordings_of
from orchestrator.adapters.policies.requests import source_of
from orchestrator.adapters.policies.subjects import item_subjects
from orchestrator.domain.changetimes import change_times
from orchestrator.domain.policies import (
    AGE_MOST,
    CLOSE_AFTER,
    CONDITION,
    FALLBACK_AFTER,
    GRACE,
    OPEN_BEFORE,
    OVERLAP,
    STAY,
    DataFile,
    DeliverTo,
    FallbackWish,
    ForEach,
    HttpSource,
    Items,
    LinkKind,
    Mode,
    Moved,
    OnPage,
    Policy,
    Removal,
    RemovalMode,
    Renewal,
    Replace,
    ReplaceMode,
    RoomWish,
    Schedule,
    Storm,
    Template,
    Window,
)
from orchestrator.domain.rooms import RoomType, Setting
from orchestrator.foundation.documents import Document, Path

_SETTING_FORMS: Final = (
    "recording_options",
    "available_features",
    "initial_join_options",
    "ui_settings",
)
_PLAIN_SETTINGS: Final = ("expire_after_use", "join_approval_level")


@dataclass(frozen=True, slots=True)
class Source:
    """One policy file: its text, and the document read of it twice.

    Attributes:
        written: the same document with numbers as they stand there, for the subjects.
    """

    file: str
    text: bytes
    document: Document
    written: Document

    def template(self, text: str, *path: str) -> Template:
        """A template and the place of its text."""
        return Template(text, self.document.place(path))


def build(form: PolicyForm, made_for: ForEach | Schedule | OnPage, source: Source) -> Policy:
    """Make a policy of a form in which everything is lawful."""
    document = source.document
    return Policy(
        name=form.name,
        file=source.file,
        version=digest(source.text),
        description=form.description,
        made_for=made_for,
        room=_room(form.room, source),
        renewal=_renewal(form),
        replace=_replace(form),
        removal=_removal(form),
        protect=form.protect,
        mode=Mode(form.mode) if form.mode else None,
        deliver=tuple(
            DeliverTo(deliver.to, document.place(("deliver", at, "to")), LinkKind(deliver.link))
            for at, deliver in enumerate(form.deliver)
        ),
        formerly=tuple(form.formerly),
        moved=moves(form, document),
        places=MappingProxyType({_dotted(path): place for path, place in document.places()}),
        recordings=recordings_of(form.recordings),
        changes=None
        if form.changes is None
        else change_times(form.changes.allow, form.changes.except_),
    )


def digest(text: bytes) -> str:
    """The name of one version of a policy: 16 hexadecimal digits."""
    return hashlib.sha256(text).hexdigest()[:16]


def moves(form: PolicyForm, document: Document) -> tuple[Moved, ...]:
    """The renamed subjects, with their places."""
    return tuple(
        Moved(moved.from_, moved.to, document.place(("moved", at)))
        for at, moved in enumerate(form.moved)
    )


def made_for_of(form: PolicyForm, source: Source) -> ForEach | Schedule | OnPage | None:
    """What a policy makes rooms for; None where its file does not say so."""
    if form.for_each is not None:
        return _for_each(form.for_each, source)
    if form.on_page is not None:
        return _on_page(form, form.on_page, source)
    return None if form.on_schedule is None else schedule_of(form.on_schedule)


def _on_page(form: PolicyForm, wish: OnPageForm, source: Source) -> OnPage:
    """The pages that rooms are made for, and how long these are kept."""
    close, storm, fallback = form.close, form.storm, form.fallback
    after = None if close is None else close.after
    max_age = None if close is None else close.max_age
    return OnPage(
        sources=tuple(wish.sources),
        when=None if wish.when is None else condition(wish.when, source),
        priority=wish.priority,
        keep_open=bool(form.keep_open),
        close_after=CLOSE_AFTER if after is None else after,
        max_age=AGE_MOST if max_age is None else max_age,
        storm=None if storm is None else Storm(storm.more_than, storm.within),
        fallback=None if fallback is None else _fallback(fallback, source),
    )


def condition(expression: str, source: Source) -> Template:
    """An expression as a template that makes a text where it is true, and none where it is not."""
    before, after = CONDITION
    return source.template(f"{before}{expression}{after}", "on_page", "when")


def _fallback(form: FallbackForm, source: Source) -> FallbackWish:
    return FallbackWish(
        after=FALLBACK_AFTER if form.after is None else form.after,
        room=None if form.room is None else source.template(form.room, "fallback", "room"),
        url=form.url or "",
    )


def _for_each(form: ForEachForm, source: Source) -> ForEach:
    """Where subjects come from, and how each gets its key."""
    least = form.min_items
    if least is None:
        # An answer without subjects is likelier a mistake of the service than the truth (P4).
        least = 0 if form.http is None else 1
    return ForEach(
        source=_subjects(form, source),
        name=form.as_,
        key=source.template(form.key, "for_each", "key"),
        formerly=source.template(form.formerly, "for_each", "formerly") if form.formerly else None,
        min_items=least,
    )


def _subjects(form: ForEachForm, source: Source) -> Items | DataFile | HttpSource:
    if form.http is not None:
        return source_of(form.http, source.document)
    if form.file is not None:
        return DataFile(form.file, source.document.place(("for_each", "file")))
    return Items(item_subjects(source.written))


def schedule_of(form: ScheduleForm) -> Schedule:
    """The moments that rooms are made for."""
    return Schedule(
        cron=form.cron,
        timezone=form.timezone,
        duration=form.duration,
        open_before=OPEN_BEFORE if form.open_before is None else form.open_before,
        stay=STAY if form.stay is None else form.stay,
    )


def _room(form: RoomForm, source: Source) -> RoomWish:
    metadata = form.metadata
    return RoomWish(
        type=RoomType(form.type),
        display_name=source.template(form.display_name, "room", "display_name"),
        lifetime=form.lifetime,
        metadata=None if metadata is None else source.template(metadata, "room", "metadata"),
        settings=MappingProxyType(dict(_settings(form))),
        theme=form.theme or "",
        places=MappingProxyType(
            {_dotted(path[1:]): place for path, place in source.document.places(("room",))}
        ),
    )


def _settings(form: RoomForm) -> Iterator[tuple[str, Setting]]:
    """The settings that the policy names, by the dotted path that the table of settings has."""
    yield from _named(form, "", _PLAIN_SETTINGS)
    for name in _SETTING_FORMS:
        part = getattr(form, name)
        if part is not None:
            yield from _named(part, f"{name}.", tuple(type(part).model_fields))


def _named(form: BaseModel, prefix: str, names: tuple[str, ...]) -> Iterator[tuple[str, Setting]]:
    values: Mapping[str, Setting] = form.model_dump(include=set(names), exclude_none=True)
    for name in names:
        if name in values:
            yield f"{prefix}{name}", values[name]


def _renewal(form: PolicyForm) -> Renewal:
    wish = form.renewal
    if wish is None:
        return Renewal()
    window = window_of(wish.window) if wish.window else None
    return Renewal(wish.before, window, wish.only_if_used_within)


def window_of(form: WindowForm) -> Window:
    """The times of a window."""
    return Window(form.cron, form.timezone, form.duration)


def _replace(form: PolicyForm) -> Replace:
    wish = form.replace
    if wish is None:
        return Replace()
    overlap = OVERLAP if wish.overlap is None else wish.overlap
    return Replace(mode=ReplaceMode(wish.mode), overlap=overlap)


def _removal(form: PolicyForm) -> Removal:
    wish = form.removal
    if wish is None:
        return Removal()
    return Removal(mode=RemovalMode(wish.mode), grace=GRACE if wish.grace is None else wish.grace)


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)
