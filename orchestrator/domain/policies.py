"""Policies as values: what somebody asked for, checked, with every default filled in.

Templates are held as their source and its place; rendering them is a port's work.  Nothing here
reads a file; a `Policy` that exists is one that the reader accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from orchestrator.domain.changetimes import ChangeTimes
from orchestrator.domain.keys import POLICY_NAME, Key, key
from orchestrator.domain.rooms import RoomType, Setting, Settings
from orchestrator.foundation.problems import Place

GRACE: Final = timedelta(days=7)
OVERLAP: Final = timedelta(hours=24)
OPEN_BEFORE: Final = timedelta(minutes=15)  # before an occurrence's start
STAY: Final = timedelta(minutes=30)  # after an occurrence's end
UNUSED_FOR: Final = timedelta(days=7)  # `replace: when_unused`: no session for this long
TOMBSTONE_LEAST: Final = timedelta(seconds=60)
SILENCE_LEAST: Final = timedelta(days=1)  # of `only_if_used_within`: use is read now and then
CLOSE_AFTER: Final = timedelta(minutes=10)  # a page was closed, its room is still looked after
AGE_MOST: Final = timedelta(hours=24)  # of a page that nobody closes
FALLBACK_AFTER: Final = timedelta(seconds=20)
# Around an expression: a template that makes a text where it is true, and none where it is not.
CONDITION: Final = ("{{ 'yes' if (", ") else '' }}")

Scalar = str | int | float | bool | None
# A subject's fields as its data file wrote them: text stays text, `007` stays `007`.
Tree = Scalar | list["Tree"] | dict[str, "Tree"]


class Mode(StrEnum):
    """How far the daemon may go; of config and policy the stricter holds."""

    OBSERVE = "observe"
    NO_REMOVALS = "no-removals"
    ENFORCE = "enforce"


_STRICTNESS: Final = (Mode.OBSERVE, Mode.NO_REMOVALS, Mode.ENFORCE)


def stricter(one: Mode, other: Mode | None) -> Mode:
    """The mode that allows less."""
    return one if other is None else min(one, other, key=_STRICTNESS.index)


class ReplaceMode(StrEnum):
    """When a room that cannot be patched into shape may give way to a new one."""

    NEVER = "never"
    WHEN_UNUSED = "when_unused"
    NOW = "now"


class RemovalMode(StrEnum):
    """What becomes of a room that is wanted no more."""

    EXPIRE = "expire"
    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Template:
    """The source of a Jinja2 template and where it stands."""

    source: str
    place: Place


@dataclass(frozen=True, slots=True)
class Items:
    """Subjects written in the policy itself."""

    subjects: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class DataFile:
    """Subjects in a file below ``policies/data/``."""

    name: str  # relative to the data folder, as written
    place: Place


@dataclass(frozen=True, slots=True)
class Header:
    """One header of a request.

    Attributes:
        value: plain text; where there is a secret, what stands before it, such as ``"Bearer "``.
        secret: the name that config.yaml gives a secret, or an empty text. Never a secret itself.
    """

    name: str
    value: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """A request whose answer holds subjects; equal ones are asked once, whoever wants them."""

    url: str
    headers: tuple[Header, ...] = ()

    @property
    def shown(self) -> str:
        """The address for people: without its query, which may be long."""
        return self.url.partition("?")[0]


@dataclass(frozen=True, slots=True)
class HttpSource:
    """Subjects in the answer of a directory, asked again and again.

    Attributes:
        select: the JMESPath expression that makes a list of subjects of the answer.
        every: at least this lies between two good answers.
        place: where the policy says the url.
        select_place: where it says `select`; of a policy that does not, where `http` stands.
    """

    directory: Directory
    select: str
    every: timedelta
    place: Place
    select_place: Place


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that a standing policy makes a room for, with where it stands."""

    fields: Mapping[str, Tree] | Scalar
    place: Place


@dataclass(frozen=True, slots=True)
class ForEach:
    """The source of a standing policy's subjects, and how each gets its key."""

    source: Items | DataFile | HttpSource
    name: str  # the word that templates know a subject by
    key: Template
    formerly: Template | None = None
    min_items: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Recurring moments, each with a room of its own: an occurrence.

    Its room opens `open_before` its start, and ends `stay` after its end unless somebody is inside.
    """

    cron: str  # five fields, weekdays by name
    timezone: str
    duration: timedelta
    open_before: timedelta = OPEN_BEFORE
    stay: timedelta = STAY

    @property
    def life(self) -> timedelta:
        """From a room's opening to its planned end."""
        return self.open_before + self.duration + self.stay


@dataclass(frozen=True, slots=True)
class Storm:
    """From the page after so many within a time on, pages share the first one's room."""

    more_than: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class FallbackWish:
    """Where people are sent while the API makes no room in time.

    Attributes:
        after: the page was recorded.
        room: a template for the key of a standing room, ``policy/subject``; tried first.
        url: a static address.
    """

    after: timedelta
    room: Template | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class OnPage:
    """Pages, each of whose episodes has a room of its own.

    Attributes:
        sources: names of sources in config.yaml.
        when: an expression about the page; None: every page. What fails counts as true.
        priority: of policies that take a page the one with the highest gets it.
        keep_open: another room is made when the last one was used and has ended.
        close_after: so long after the page was closed its room is looked after; then it is ended
            once it is empty.
        max_age: a page that is open for longer counts as closed.
    """

    sources: tuple[str, ...]
    when: Template | None = None
    priority: int = 0
    keep_open: bool = False
    close_after: timedelta = CLOSE_AFTER
    max_age: timedelta = AGE_MOST
    storm: Storm | None = None
    fallback: FallbackWish | None = None


@dataclass(frozen=True, slots=True)
class RoomWish:
    """The ``room:`` part of a policy: what every room of it is like.

    Attributes:
        settings: only those that the policy names; the others are left as they are.
        lifetime: of a long_term room; None for an instant one, or one of a schedule.
        metadata: the user's own text, at most 190 characters once rendered.
    """

    type: RoomType
    display_name: Template
    lifetime: timedelta | None
    metadata: Template | None = None
    settings: Settings = field(default_factory=lambda: MappingProxyType({}))
    theme: str = ""  # the name of a theme, or an empty text
    # Where each line of `room:` stands, by path: for reasons ("because team-rooms.yaml:14").
    places: Mapping[str, Place] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Window:
    """Recurring times at which something may be done, by a cron line in a time zone."""

    cron: str
    timezone: str
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Renewal:
    """When long_term rooms are renewed; without `before` a third of their life ahead.

    `only_if_used_within`: one that nobody used for so long is dormant, and renewed no more.
    """

    before: timedelta | None = None
    window: Window | None = None
    only_if_used_within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """When a room may be replaced, and how long the old one stays joinable beside the new."""

    mode: ReplaceMode = ReplaceMode.WHEN_UNUSED
    overlap: timedelta = OVERLAP


@dataclass(frozen=True, slots=True)
class Removal:
    """What becomes of rooms that are wanted no more, and after how long."""

    mode: RemovalMode = RemovalMode.EXPIRE
    grace: timedelta = GRACE


@dataclass(frozen=True, slots=True)
class KeepRecordings:
    """What becomes of the recordings of a policy's rooms.

    Attributes:
        archive: the name of an archive of config.yaml that each is copied to; empty: none.
        keep: so long after its end a recording is deleted at the API; None: it never is.
        grace: so long after the policy began to say this nothing is deleted by it.
    """

    archive: str = ""
    keep: timedelta | None = None
    grace: timedelta = GRACE


@dataclass(frozen=True, slots=True)
class Moved:
    """One subject's old and new key: the room and its link go along, without a call."""

    source: str  # a subject, or policy/subject
    target: str  # a subject of this policy
    place: Place

    def old_key(self, policy: str) -> Key:
        """The key that the room has; what stands before a slash is a policy's name if it can be."""
        name, slash, subject = self.source.partition("/")
        if slash and subject.strip() and POLICY_NAME.fullmatch(name):
            return key(name, subject)
        return key(policy, self.source)

    def new_key(self, policy: str) -> Key:
        """The key that the room gets."""
        return key(policy, self.target)


class LinkKind(StrEnum):
    """Which link a destination is told: that of guests, or that of the host beside it."""

    GUEST = "guest"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class DeliverTo:
    """One destination that is told this policy's links."""

    to: str
    place: Place
    link: LinkKind = LinkKind.GUEST


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, in force or a candidate.

    Attributes:
        made_for: what it makes rooms for: one a subject, one an occurrence, or one a page.
        version: the digest of its text (16 hexadecimal digits), which names this version of it.
        file: the name of its file within the policies folder.
        protect: None where the policy says nothing (protection stays as it is).
        recordings: None where it says nothing: they are left alone.
        changes: when its rooms may be changed; None: as config.yaml says.
    """

    name: str
    file: str
    version: str
    description: str
    made_for: ForEach | Schedule | OnPage
    room: RoomWish
    renewal: Renewal = Renewal()
    replace: Replace = Replace()
    removal: Removal = Removal()
    protect: bool | None = None
    mode: Mode | None = None
    deliver: tuple[DeliverTo, ...] = ()
    formerly: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()
    places: Mapping[str, Place] = field(default_factory=lambda: MappingProxyType({}))
    recordings: KeepRecordings | None = None
    changes: ChangeTimes | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One moment of a schedule, in UTC.

    Attributes:
        opens: from here on there is a room.
        starts, ends: of what people meet for; a room is made until it ends, and not afterwards.
        stays: the planned end of the room.
    """

    opens: datetime
    starts: datetime
    ends: datetime
    stays: datetime


@dataclass(frozen=True, slots=True)
class PageWish:
    """What of a page decides about its room.

    Attributes:
        keep_open: another room is made when the last one was used and has ended.
        asks: how often somebody pressed *Open room*.
        closing: the page is closed: no room is made any more, what is there stays for a while.
        close_after, max_age: as in `OnPage`, when the page was taken.
    """

    keep_open: bool = False
    asks: int = 0
    closing: bool = False
    close_after: timedelta = CLOSE_AFTER
    max_age: timedelta = AGE_MOST


@dataclass(frozen=True, slots=True)
class Desired:
    """What one key's room should be: a policy's wish, rendered for one subject, occurrence or page.

    This is what the store keeps as the key's last good spec.  It holds no ``now``: a lifetime, not
    an end; an occurrence has moments of its own.  `because` says where it was asked for, for
    people; `theme` is the name of a theme, whose id at the API is found at each turn.
    `mode` and `changes` are how far and when its policy allows what is done, also once it is gone.
    """

    display_name: str
    type: RoomType
    lifetime: timedelta | None
    text: str
    settings: Mapping[str, Setting]
    renewal: Renewal
    replace: Replace
    removal: Removal
    protect: bool | None
    mode: Mode | None
    version: str
    because: str
    # path → "team-rooms.yaml:14"
    places: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    occurrence: Occurrence | None = None
    page: PageWish | None = None
    theme: str = ""
    changes: ChangeTimes | None = None

    @property
    def shape(self) -> tuple[object, ...]:
        """What two versions of a wish must share to ask for the same room."""
        shape = (
            self.display_name,
            self.type,
            self.lifetime,
            self.text,
            tuple(sorted(self.settings.items())),
        )
        return (*shape, self.theme) if self.theme else shape

    @property
    def digest(self) -> str:
        """What an attempt is remembered by: 16 hexadecimal digits, another for another wish."""
        return _digest(self.shape)


def desired(policy: Policy, display_name: str, text: str, because: str) -> Desired:
    """What a policy wishes, with what was rendered for one subject: its name and its metadata."""
    room = policy.room
    return Desired(
        display_name=display_name,
        type=room.type,
        lifetime=room.lifetime,
        text=text,
        settings=room.settings,
        renewal=policy.renewal,
        replace=policy.replace,
        removal=policy.removal,
        protect=policy.protect,
        mode=policy.mode,
        version=policy.version,
        because=because,
        places={path: place.of_line for path, place in room.places.items()},
        theme=room.theme,
        changes=policy.changes,
    )


def dressed(wish: Desired, theme_id: Setting) -> Desired:
    """A wish with the id of its theme among its settings, for the time of one turn."""
    places = wish.places
    if "theme" in places:
        places = {**places, "theme_id": places["theme"]}
    return replace(wish, settings={**wish.settings, "theme_id": theme_id}, places=places)


def undressed(wish: Desired) -> Desired:
    """The same as it is kept: its theme by name alone."""
    if "theme_id" not in wish.settings:
        return wish
    settings = {path: value for path, value in wish.settings.items() if path != "theme_id"}
    places = {path: line for path, line in wish.places.items() if path != "theme_id"}
    return replace(wish, settings=settings, places=places)


@lru_cache(maxsize=1024)  # asked for several times in the turn that makes a room
def _digest(shape: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(shape).encode()).hexdigest()[:16]
