"""Importing: which policies ask for the rooms that are there already, as they are.

Rooms that share their settings become one policy, with a row each.  What comes of it is a function
of the rooms and not of their order.  It refuses to take what is nobody's to take: rooms that carry
a marker, that were let go, or that end by themselves.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from orchestrator.domain.keys import Key, spread
from orchestrator.domain.marker import Marker, Unreadable, normalise_text
from orchestrator.domain.renewal import lead
from orchestrator.domain.rooms import (
    DISPLAY_NAME_MAX,
    LATEST_END,
    SETTINGS,
    Observed,
    RoomType,
    Setting,
    SettingRule,
    has_ended,
)
from orchestrator.foundation.instants import format_duration

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
# Lifetimes that are written, each with how long before its end such a room is renewed: about a
# twelfth, so that of an estate of mixed ages few rooms are due at once.
LIFETIMES: Final[Mapping[timedelta, timedelta]] = {
    _HOUR: timedelta(minutes=10),
    12 * _HOUR: _HOUR,
    _DAY: 2 * _HOUR,
    7 * _DAY: _DAY,
    30 * _DAY: 3 * _DAY,
    90 * _DAY: 7 * _DAY,
    180 * _DAY: 15 * _DAY,
    LATEST_END: 30 * _DAY,
}
# A life that is a little longer than one of them is meant as that one: clocks differ.
_A_LITTLE: Final = 1.02
PART_MOST: Final = 6 * 1024 * 1024  # bytes of the rows of one policy, before they are quoted
_ROW: Final = 40  # bytes of a row beside its texts
_SLUG_MOST: Final = 60
_DIGITS: Final = (8, 16, 64)
# What no line of a data file may hold, or what ends one: of a name it is left out.
_UNWRITABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_BREAKS: Final = frozenset("\t\n\r")  # in the text of metadata they can be written
_HOSTS: Final = "participant_token="  # in a link: whoever has it is the host
_APPROVAL: Final = "join_approval_level"
_THEME: Final = "theme_id"


class Why(StrEnum):
    """Why a room is left out."""

    INSTANT = "instant: ends by itself"
    ENDED = "ended"
    OURS = "this installation's already"
    LISTED = "in adopted.yaml for a key that no policy asks for: write its policy, or drop its line"
    DISOWNED = "let go by a person (rooms forget)"
    FOREIGN = "marked by another owner"
    UNREADABLE = "marked in a way that cannot be read"
    NO_END = "tells no end, so it could not be renewed"


@dataclass(frozen=True, slots=True)
class Known:
    """What decides whose a room is.

    Attributes:
        owner: whose markers are ours; empty: nobody's are.
        ours: ids of rooms that this installation remembers, or that its list and its policies name.
        listed: ids of rooms that its list names for keys that no policy asks for.
        disowned: ids of rooms that a person let go.
    """

    owner: str = ""
    ours: frozenset[str] = frozenset()
    disowned: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Terms:
    """How policies are to be written.

    Attributes:
        now: the moment by which a room has ended or not, UTC.
        prefix: what their names begin with; itself the name where there is one only.
        hosts_told: somebody is told the host's link, so guests who wait can be let in.
        themes: names of themes that policies can ask for, by the API's id.
    """

    now: datetime
    prefix: str = "imported"
    hosts_told: bool = False
    themes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One room of a policy.

    Attributes:
        subject: the subject of its key.
        name: its display name, as a policy can ask for it.
        shown: its display name as it is.
        text: the user's part of its metadata; empty where there is none that can be written.
        due: it is renewed as soon as it is taken over.
    """

    subject: str
    room_id: str
    name: str
    shown: str
    text: str = ""
    due: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rooms of one policy have in common.

    Attributes:
        settings: those that differ from the API's default and that a policy can name, by path.
        theme: the name of the theme that the policy asks for; empty: of none.
    """

    lifetime: timedelta
    settings: tuple[tuple[str, Setting], ...] = ()
    theme: str = ""

    @property
    def before(self) -> timedelta:
        """How long before its end such a room is renewed."""
        return LIFETIMES[self.lifetime]


@dataclass(frozen=True, slots=True)
class Group:
    """One policy to be written.

    Attributes:
        kept: what its rooms have, and keep, and the policy does not name: how many, by path.
    """

    name: str
    shape: Shape
    rows: tuple[Row, ...]
    kept: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Import:
    """What comes of an estate.

    Attributes:
        read: how many rooms there are in all.
        left_out: rooms by why they are left out.
    """

    read: int
    groups: tuple[Group, ...]
    left_out: Mapping[Why, Sequence[Observed]]

    @property
    def rows(self) -> Iterable[tuple[Group, Row]]:
        """All rooms that are taken, with their policy."""
        return ((group, row) for group in self.groups for row in group.rows)


def import_rooms(rooms: Iterable[Observed], known: Known, terms: Terms) -> Import:
    """Group an estate into policies.

    Args:
        rooms: all of it; of two with one id the first counts.
        known: whose they are.
        terms: how to write them.
    """
    every = {room.id: room for room in reversed(list(rooms))}
    left: dict[Why, list[Observed]] = {}
    taken: list[Observed] = []
    for room_id in sorted(every):
        room = every[room_id]
        why = _against(room, known, terms.now)
        if why is None:
            taken.append(room)
        else:
            left.setdefault(why, []).append(room)
    shaped: dict[Shape, list[Observed]] = {}
    for room in taken:
        shaped.setdefault(_shape(room, terms), []).append(room)
    subjects = _subjects(taken)
    groups = _named(shaped, subjects, terms)
    return Import(len(every), groups, {why: left[why] for why in Why if why in left})


def _against(room: Observed, known: Known, now: datetime) -> Why | None:
    marker = room.marker
    ours = room.id in known.ours or (bool(known.owner) and room.marked_by(known.owner) is not None)
    reasons = (
        (room.id in known.disowned, Why.DISOWNED),
        (ours, Why.OURS),
        (room.id in known.listed, Why.LISTED),
        (isinstance(marker, Marker), Why.FOREIGN),
        (isinstance(marker, Unreadable), Why.UNREADABLE),
        (has_ended(room, now), Why.ENDED),
        (room.type is RoomType.INSTANT, Why.INSTANT),
        (room.expires_at is None, Why.NO_END),
    )
    return next((why for holds, why in reasons if holds), None)


# --- shapes ---------------------------------------------------------------------------------------


def _shape(room: Observed, terms: Terms) -> Shape:
    settings = tuple(
        (path, room.settings.get(path, rule.default))
        for path, rule in SETTINGS.items()
        if _is_named(path, rule, room.settings.get(path, rule.default), terms)
    )
    return Shape(_lifetime(room, terms.now), settings, terms.themes.get(_theme(room), ""))


def _is_named(path: str, rule: SettingRule, value: Setting, terms: Terms) -> bool:
    """Whether a policy can ask for what a room has, and it is not what it has anyway."""
    if path == _THEME or value == rule.default:
        return False
    if path == _APPROVAL and not terms.hosts_told:
        return False
    return not rule.choices or value in rule.choices


def _theme(room: Observed) -> str:
    return str(room.settings.get(_THEME) or "")


def _lifetime(room: Observed, now: datetime) -> timedelta:
    """The least of the lifetimes that its life fits in, as its own dates tell."""
    life = _life(room, now)
    return next((one for one in LIFETIMES if life <= one * _A_LITTLE), LATEST_END)


def _life(room: Observed, now: datetime) -> timedelta:
    """As it will be remembered once it is taken over (`renewal.granted_life`)."""
    end, born = room.expires_at or now, min(room.created_at or now, now)
    return min(end - born, LATEST_END)


def _kept(shape: Shape, rooms: Sequence[Observed]) -> dict[str, int]:
    """What rooms have and the policy does not name, by path, with how many of them have it."""
    named = {path for path, _ in shape.settings} | ({_THEME} if shape.theme else set())
    counts = Counter(
        path
        for room in rooms
        for path, rule in SETTINGS.items()
        if path not in named and room.settings.get(path, rule.default) != rule.default
    )
    return {path: counts[path] for path in SETTINGS if path in counts}


# --- names ----------------------------------------------------------------------------------------


def _named(
    shaped: Mapping[Shape, Sequence[Observed]], subjects: Mapping[str, str], terms: Terms
) -> tuple[Group, ...]:
    """The policies, those of most rooms first; one that is too long for a file is several."""
    parts: list[tuple[Shape, list[Observed]]] = []
    for shape, rooms in sorted(shaped.items(), key=lambda one: (-len(one[1]), repr(one[0]))):
        parts.extend((shape, part) for part in _parts(rooms, subjects))
    used: Counter[str] = Counter()
    groups: list[Group] = []
    for shape, rooms in parts:
        stem = f"{terms.prefix}-{format_duration(shape.lifetime)}"
        used[stem] += 1
        name = stem if used[stem] == 1 else f"{stem}-{used[stem]}"
        name = name if len(parts) > 1 else terms.prefix
        rows = sorted(_row(room, name, subjects[room.id], shape, terms.now) for room in rooms)
        groups.append(Group(name, shape, tuple(rows), _kept(shape, rooms)))
    return tuple(groups)


def _parts(rooms: Sequence[Observed], subjects: Mapping[str, str]) -> Iterable[list[Observed]]:
    part: list[Observed] = []
    weight = 0
    for room in rooms:
        texts = (room.display_name[:DISPLAY_NAME_MAX], room.text[:DISPLAY_NAME_MAX])
        own = (
            _ROW
            + len(subjects[room.id])
            + sum(len(text.encode("utf-8", "replace")) for text in texts)
        )
        if part and weight + own > PART_MOST:
            yield part
            part, weight = [], 0
        part.append(room)
        weight += own
    yield part


def _row(room: Observed, policy: str, subject: str, shape: Shape, now: datetime) -> Row:
    name = _UNWRITABLE.sub("", room.display_name).strip()[:DISPLAY_NAME_MAX].strip() or subject
    life = _life(room, now)
    share = spread(Key(policy, subject).encoded)
    end = room.expires_at or now
    return Row(
        subject,
        room.id,
        name,
        room.display_name,
        _text(room),
        due=end - lead(life, shape.before) * (1 + share / 4) <= now,
    )


def _text(room: Observed) -> str:
    """The user's text of its metadata, if a policy may ask for it."""
    unlawful = set(_UNWRITABLE.findall(room.text)) - _BREAKS
    try:
        return "" if unlawful or _HOSTS in room.text else normalise_text(room.text)
    except ValueError:
        return ""


def _subjects(rooms: Sequence[Observed]) -> dict[str, str]:
    """A subject for each room, by id: its name as far as it is one, and unlike every other."""
    slugs = {room.id: slugged(room.display_name) for room in rooms}
    often = Counter(slugs.values())
    # A name that only one room bears is its subject, whatever the others come to be called.
    used = {slug for slug, count in often.items() if slug and count == 1}
    subjects: dict[str, str] = {}
    for room_id, slug in slugs.items():
        if slug in used and often[slug] == 1:
            subjects[room_id] = slug
            continue
        digest = hashlib.sha256(room_id.encode()).hexdigest()
        names = (f"{slug or 'room'}-{digest[:digits]}" for digits in _DIGITS)
        subjects[room_id] = next(name for name in names if name not in used)
        used.add(subjects[room_id])
    return subjects


def is_writable(text: str) -> bool:
    """Whether a line of a file can hold a text as it is."""
    return _UNWRITABLE.search(text) is None


def slugged(name: str) -> str:
    """A name in lower-case ASCII letters, digits and hyphens; accents are taken off."""
    plain = unicodedata.normalize("NFKD", name[: 4 * DISPLAY_NAME_MAX])
    ascii_only = plain.encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:_SLUG_MOST].strip("-")
