"""JSON of the API to the domain's values and back; no HTTP, no time of its own.

Tolerant where the API's servers are known to differ (the API notes, 6 and 13): either shape of
``_embedded``, links without a scheme, numbers in quotes, enums in any case, absent fields, which
mean their documented default.  Refuses, with `UnreadableError`, what it would have to guess: a
room without an id or a guest link, and values of a wrong type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs

from orchestrator.domain.rooms import (
    SETTINGS,
    HostLink,
    NewRoom,
    Observed,
    Patch,
    RoomType,
    Session,
    Setting,
    SettingRule,
    Settings,
)
from orchestrator.foundation.instants import format_instant, parse_instant
from orchestrator.foundation.secret import Secret

Object = Mapping[str, object]

_ROOM_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,199}")
_NOTHING: Final[Object] = MappingProxyType({})
_ENDLESS: Final = 1e9  # minutes: no meeting is two thousand years long
_MEMBERS: Final = tuple((tuple(path.split(".")), rule) for path, rule in SETTINGS.items())
_SLIPS: Final = MappingProxyType({"join_approval_level": "joinApprovalLevel"})
_TYPES: Final = MappingProxyType(
    {
        "instant": RoomType.INSTANT,
        "temporary": RoomType.INSTANT,  # the API's inner name for it, seen in its errors
        "long_term": RoomType.LONG_TERM,
    }
)
# Not for instant rooms: the API refuses the one, and takes the other for long_term rooms only.
_LONG_TERM_ONLY: Final = ("expires_at", "expire_after_use")


class UnreadableError(ValueError):
    """A body that does not tell what it should; the text says why, without the body."""


@dataclass(frozen=True, slots=True)
class WirePage:
    """One page of rooms.

    Attributes:
        rooms: those that can be read, in the API's order.
        unreadable: why the others cannot.
        has_next: there is a ``next`` link, wherever it leads.
        next_start: the serial in it; None if there is none.
        total: ``total_items``, if it was told.
    """

    rooms: Sequence[Observed]
    unreadable: Sequence[str]
    has_next: bool
    next_start: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class WireSessions:
    """One page of sessions.

    Attributes:
        sessions: those that name their room.
        rows: how many rows it had, whether they do or not.
        limit: ``page_size``, the most that a page of this listing has, if it was told.
        total: ``total_items``, if it was told.
    """

    sessions: Sequence[Session]
    rows: int
    limit: int | None
    total: int | None


def read_object(body: bytes) -> Object:
    """A body that must be a JSON object."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:  # also what is not UTF-8
        raise UnreadableError("it is not JSON" if body.strip() else "it is empty") from error
    if not isinstance(document, dict):
        raise UnreadableError("it is not a JSON object")
    return document


def read_room(document: Object) -> Observed:
    """A room, from an answer of its own or from a page."""
    room_id = read_id(document)
    where = f"room {room_id}"
    return Observed(
        id=room_id,
        display_name=read_text(document, "display_name", where) or "",
        metadata=read_text(document, "metadata", where),
        type=_type(document, where),
        settings=_read_settings(document, where),
        expires_at=read_moment(document, "expires_at", where),
        created_at=read_moment(document, "created_at", where),
        is_available=_flag(document.get("is_available"), f"{where}: is_available", default=True),
        meeting_code=_code(document.get("meeting_code"), where),
        guest_url=_link(document, "guest_url", where),
    )


def read_id(document: Object) -> str:
    """A room's id; one that could not stand in a path would lead to another place than its room."""
    room_id = read_text(document, "id", "a room")
    if not room_id:
        raise UnreadableError("a room has no id")
    if not is_room_id(room_id):
        raise UnreadableError("a room has an id that cannot stand in a path")
    return room_id


def is_room_id(text: str) -> bool:
    """Whether a room, theme or recording can have this id; UUIDs do, and more than them."""
    return _ROOM_ID.fullmatch(text) is not None


def read_host_link(document: Object) -> HostLink:
    """A room's host link, sealed at once."""
    room_id = read_id(document)
    return HostLink(room_id, Secret(_link(document, "host_url", f"room {room_id}")))


def read_page(document: Object) -> WirePage:
    """A page of rooms, the unreadable ones apart, so that one odd room does not hide the rest."""
    if not document.keys() & {"_embedded", "page_size", "total_items"}:
        raise UnreadableError("it is not a page of rooms")
    rooms: list[Observed] = []
    unreadable: list[str] = []
    for row in read_rows(document, "rooms"):
        try:
            rooms.append(read_room(row))
        except UnreadableError as error:
            unreadable.append(str(error))
    following = _object(_object(document, "_links", "the page"), "next", "the page's links")
    href = following.get("href")
    return WirePage(
        rooms,
        unreadable,
        has_next=bool(following),
        next_start=_start_of(href) if isinstance(href, str) else None,
        total=_number(document.get("total_items")),
    )


def read_sessions(document: Object) -> WireSessions:
    """A page of ``GET /sessions``; a row that names no room is passed over."""
    if not document.keys() & {"_embedded", "page_size", "total_items"}:
        raise UnreadableError("it is not a page of sessions")
    sessions = []
    rows = read_rows(document, "sessions")
    for row in rows:
        where = "a session"
        room_id = read_text(row, "room_id", where)
        started = read_moment(row, "start_time", where)
        if not room_id:
            continue
        if started is None:  # it may be going on: not to be passed over
            raise UnreadableError(f"{where} of room {room_id} has no start_time")
        given = row.get("id")
        session_id = _clean(given) if isinstance(given, str) else ""
        sessions.append(
            Session(
                room_id,
                started,
                read_moment(row, "end_time", where),
                session_id,
                _number(row.get("participants_number")),
                _minutes(row.get("billed_time")),
            )
        )
    limit, total = _number(document.get("page_size")), _number(document.get("total_items"))
    return WireSessions(sessions, len(rows), limit, total)


def write_room(room: NewRoom) -> bytes:
    """The body of a POST; what is not set is left out."""
    body: dict[str, object] = {
        "display_name": room.display_name,
        "type": room.type.value,
        "metadata": room.metadata,
    }
    given = {path: value for path, value in room.settings.items() if value is not None}
    body |= _nested(given)
    if room.expires_at is not None:
        body["expires_at"] = format_instant(room.expires_at)
    if room.type is RoomType.INSTANT:
        for name in _LONG_TERM_ONLY:
            body.pop(name, None)
    return write_object(body)


def write_patch(patch: Patch) -> bytes:
    """The body of a PATCH, in the wrapper that the API asks for; None detaches a theme."""
    details = _nested(patch.settings)
    if patch.expires_at is not None:
        details["expires_at"] = format_instant(patch.expires_at)
    return write_object({"update_details": details})


def write_object(body: Object) -> bytes:
    """A body: ASCII, so that no text of a policy can fail to encode."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")


def _nested(settings: Settings) -> dict[str, object]:
    document: dict[str, object] = {}
    for path, value in settings.items():
        outer, _, inner = path.partition(".")
        if inner:
            members = document.setdefault(outer, {})
            if isinstance(members, dict):
                members[inner] = value
        else:
            document[outer] = value
    return document


def _read_settings(document: Object, where: str) -> Settings:
    told = [_told(document, path, where) for path, _ in _MEMBERS]
    try:
        try:
            return _understood(*told)
        except TypeError:  # a list or an object, by which nothing can be looked up
            return _understand(*told)
    except UnreadableError as error:
        raise UnreadableError(f"{where}: {error}") from None


def _told(document: Object, path: tuple[str, ...], where: str) -> object:
    """A setting's value as it was told; None where it was not."""
    holder = _object(document, path[0], where) if len(path) > 1 else document
    name = path[-1]
    value = holder.get(name)
    return holder.get(_SLIPS[name]) if value is None and name in _SLIPS else value


def _understand(*told: object) -> Settings:
    pairs = zip(_MEMBERS, told, strict=True)
    values = [_setting(path[-1], rule, value) for (path, rule), value in pairs]
    return MappingProxyType(dict(zip(SETTINGS, values, strict=True)))


# One mapping for all rooms of which the same was told: most rooms of an estate. Typed, because 1 is
# not true.
_understood: Final = lru_cache(maxsize=4096, typed=True)(_understand)


def _setting(name: str, rule: SettingRule, value: object) -> Setting:
    if value is None:
        return rule.default
    if isinstance(rule.default, bool):
        return _flag(value, name, default=rule.default)
    if not isinstance(value, str):
        raise UnreadableError(f"{name} is not text")
    return _clean(value).strip().lower() if rule.choices else _clean(value)


def _type(document: Object, where: str) -> RoomType:
    text = read_text(document, "type", where) or RoomType.INSTANT.value
    known = _TYPES.get(text.strip().lower().replace(" ", "_").replace("-", "_"))
    if known is None:
        raise UnreadableError(f"{where} is of a type that is not known")
    return known


def read_rows(document: Object, name: str) -> Sequence[Object]:
    """The rows of a page: a list, or a list inside an object; absent is none."""
    embedded = document.get("_embedded")
    rows = embedded.get(name) if isinstance(embedded, dict) else embedded
    if rows is None:
        return ()
    if not isinstance(rows, list):
        raise UnreadableError("its _embedded is not a list")
    return [row if isinstance(row, dict) else _NOTHING for row in rows]


def _start_of(href: str) -> int | None:
    """The serial in a link's query; the rest of the link, often without a scheme, is ignored."""
    query = href.partition("?")[2].partition("#")[0]
    found = parse_qs(query).get("start_id", [""])[0]
    return _number(found)


def _number(value: object) -> int | None:
    """A whole number from 0 on, also where it stands in quotes."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and isinstance(value, int) and value >= 0 else None


def _minutes(value: object) -> float | None:
    """A length in minutes; what is none is passed over: nothing is done by it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _ENDLESS else None


def _object(document: Object, name: str, where: str) -> Object:
    value = document.get(name)
    if value is None:
        return _NOTHING
    if not isinstance(value, dict):
        raise UnreadableError(f"{where}: {name} is not an object")
    return value


def _flag(value: object, name: str, *, default: bool) -> bool:
    if isinstance(value, bool):
        return value
    if value is None:
        return default
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise UnreadableError(f"{name} is neither true nor false")


def read_text(document: Object, name: str, where: str) -> str | None:
    """A text of an object; None where it is not told."""
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnreadableError(f"{where}: {name} is not text")
    return _clean(value)


def _code(value: object, where: str) -> str:
    """A meeting code: digits that some servers may send as a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return read_text({"meeting_code": value}, "meeting_code", where) or ""


def read_moment(document: Object, name: str, where: str) -> datetime | None:
    """A moment of an object; None where it is not told."""
    text = read_text(document, name, where)
    if not text:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise UnreadableError(f"{where}: {name} is not a moment") from error


def _link(document: Object, name: str, where: str) -> str:
    href = read_text(_object(_object(document, "_links", where), name, where), "href", where)
    if not href:
        raise UnreadableError(f"{where} has no {name}")
    return href


def _clean(text: str) -> str:
    """JSON can hold halves of surrogate pairs, which no file or database takes."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
