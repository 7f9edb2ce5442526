"""Announcements: what people are told of one link, as values; each destination lays it out.

Nothing here is escaped: limits and escaping differ in each destination and belong to it.  Texts of
a page come from outside and may be hostile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.pages import Page
from orchestrator.foundation.secret import Secret


class Stage(StrEnum):
    """How far the thing is that people are told of.

    `WAITING`: the link stands, its room is not there yet; it opens by itself.
    `OPEN`: the link leads to a room.
    `FALLBACK`: the API does not make the room in time; the link leads to another room or bridge.
    `IDLE`: the page is open, its room ended unused; pressing *Open room* on the link opens another.
    `CLOSED`: it is over; the link says so.
    """

    WAITING = "waiting"
    OPEN = "open"
    FALLBACK = "fallback"
    IDLE = "idle"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Announcement:
    """The present state of one link, as a destination is to show it.

    Attributes:
        id: the same for all that is ever told of this link to this destination within one episode;
            lawful in headers, URLs and message ids (letters, digits, ``-`` and ``_``).
        revision: counts the states that were worth telling, from 1.
        key: as people write it, ``policy/subject``.
        title: of the page, or the display name of the room.
        link: our own link; where this daemon has no public address, the room's guest link.
        page: what is to be responded to; None for rooms of subjects and schedules.
        note: a sentence for people, such as what the fallback is; or an empty text.
        starts_at, ends_at: of an occurrence (UTC).
        opened_at, closed_at: of the page or room (UTC).
        host_link: the host's link, read a moment ago, where the policy says ``link: host``.
        room_id: the API's id of the room that it leads to; or an empty text.
    """

    id: str
    revision: int
    stage: Stage
    policy: str
    key: str
    title: str
    link: str
    page: Page | None = None
    note: str = ""
    room_id: str = ""
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    host_link: Secret | None = None
