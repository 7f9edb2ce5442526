"""Lists of rooms, sessions, themes, recordings that are not the truth; None where that cannot be.

All of them begin with an honest page of this server, whose form is known.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import cast

from orchestrator.foundation.instants import parse_instant
from orchestrator.meetings_server.hostile.answers import stripped
from orchestrator.meetings_server.hostile.history import Change
from orchestrator.meetings_server.http.wire import Json

#: The rows of a page; those of sessions stand one object deeper.
Rows = list[Json]


def empty(page: Json) -> Json:
    """The page of an API that has nothing."""
    links = _object(page["_links"])
    shown = {name: links[name] for name in ("first", "self") if name in links}
    return {**_with_rows(page, []), "_links": shown, "total_items": 0}


def stale(page: Json, changes: Sequence[Change]) -> Json | None:
    """The page as it was before these changes, the latest first; a listing that agrees with itself.

    Rooms that were removed stand on the last page again, wherever they stood before.
    """
    if not changes:
        return None
    before = {change.room_id: change.before for change in changes}
    gone = {change.room_id for change in changes if change.is_end}
    rows: Rows = []
    for row in rows_of(page):
        room = before.get(str(row["id"]), row)
        if room is not None:
            rows.append(room)
    back = [room for name in gone if (room := before[name]) is not None]
    # Sets have an order of their own in each process, and a run is to replay exactly.
    back.sort(key=lambda room: str(room["id"]))
    if "next" not in _object(page["_links"]):
        rows += back
    made = sum(room is None and name not in gone for name, room in before.items())
    return {**_with_rows(page, rows), "total_items": _total(page) - made + len(back)}


def skipping(page: Json, changes: Sequence[Change], chance: Random) -> Json | None:
    """The page without one of the rooms that these changes made, as if not yet committed."""
    made = {change.room_id for change in changes if change.before is None}
    rows = rows_of(page)
    young = [row for row in rows if row["id"] in made]
    if not young:
        return None
    skipped = chance.choice(young)
    left = [row for row in rows if row is not skipped]
    return {**_with_rows(page, left), "total_items": _total(page) - 1}


def fewer(page: Json, chance: Random) -> Json | None:
    """The page without some of its rows, or without all; the total counts them."""
    rows = rows_of(page)
    if not rows:
        return None
    kept = sorted(chance.sample(range(len(rows)), chance.randrange(len(rows))))
    return _with_rows(page, [rows[place] for place in kept])


def last(page: Json) -> Json | None:
    """The page as if no other came."""
    links = _object(page["_links"])
    if "next" not in links:
        return None
    return {**page, "_links": {name: link for name, link in links.items() if name != "next"}}


def unsigned(page: Json, chance: Random) -> Json | None:
    """The page with one of its rooms without its metadata."""
    rows = rows_of(page)
    if not rows:
        return None
    place = chance.randrange(len(rows))
    return _with_rows(page, [*rows[:place], stripped(rows[place], chance), *rows[place + 1 :]])


def of_session(changes: Sequence[Change], session_id: str) -> list[Change]:
    """The changes of the recordings of one session."""
    return [one for one in changes if (one.before or {}).get("session_id") == session_id]


def without_young(page: Json, since: datetime, chance: Random) -> Json | None:
    """The page without one of the recordings that ended later or go on, as if not yet committed."""
    rows = rows_of(page)
    young = [row for row in rows if not _ended_by(row, since)]
    if not young:
        return None
    skipped = chance.choice(young)
    return _with_rows(page, [row for row in rows if row is not skipped])


def _ended_by(recording: Json, moment: datetime) -> bool:
    ended = recording["ended_at"]
    return isinstance(ended, str) and parse_instant(ended) <= moment


def paged(rows: Rows) -> Json:
    """A list that has no pages as one, so that it can be told falsely like others."""
    return {"_embedded": rows, "_links": {}, "total_items": len(rows)}


def recorded(page: Json) -> Json:
    """A page of recordings as the API tells them."""
    return {"_embedded": {"recordings": rows_of(page)}}


def named(themes: Rows) -> Rows:
    """Themes with the `id` by which they are known here."""
    return [{"id": theme["theme_id"], **theme} for theme in themes]


def listed(page: Json) -> Rows:
    """The other way."""
    return [unnamed(row) for row in rows_of(page)]


def unnamed(theme: Json) -> Json:
    """A theme as it is told to others: without the `id` by which it is known here."""
    return {name: value for name, value in theme.items() if name != "id"}


def rows_of(page: Json) -> Rows:
    """The rows of a page of ours."""
    embedded = page["_embedded"]
    if isinstance(embedded, dict):
        (embedded,) = embedded.values()
    return cast("Rows", embedded)


def _with_rows(page: Json, rows: Rows) -> dict[str, object]:
    deeper = isinstance(page["_embedded"], dict)
    return {**page, "_embedded": {"sessions": rows} if deeper else rows}


def _total(page: Json) -> int:
    return cast("int", page["total_items"])


def _object(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value)
