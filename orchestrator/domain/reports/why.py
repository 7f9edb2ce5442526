"""Reasons: why a room is as it is, and what stands in the way of what did not happen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.reports.pages import ToldRow
from orchestrator.domain.reports.plan import ChangeLine, NextAct, PlanLine
from orchestrator.domain.reports.recordings import RecordingRow
from orchestrator.domain.reports.rooms import RoomRow


@dataclass(frozen=True, slots=True)
class Asked:
    """Which line of which policy asks for a key, or asked for it last, and since when.

    Attributes:
        policy: its name.
        place: the line that makes rooms, ``team-rooms.yaml:3``; of a policy that is gone its name.
        subject: the part of the key that it was made of.
        subject_place: where that stands, ``teams.yaml:17``; empty for an occurrence or a page.
        version: of the policy, 16 hexadecimal digits.
        since: when this version came into force, as ``policy.loaded`` tells; None: not remembered.
        by: who wrote the file, as far as was known then: an author and a commit, or a uid.
        seq: of that fact; 0 where there is none.
        wanted: it asks for the key still; else the subject stood there.
    """

    policy: str
    place: str
    subject: str = ""
    subject_place: str = ""
    version: str = ""
    since: datetime | None = None
    by: str = ""
    seq: int = 0
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What the API showed last.

    Attributes:
        room: there, gone, or an empty text where it was not looked for.
        why: how it is known to be gone.
        listed_at: when the last listing ended; None: none was made.
        complete: that it told of every room, and is believed.
        doubt: why it is not.
        api: how the API is, in a few words.
    """

    room: str = ""
    why: str = ""
    listed_at: datetime | None = None
    complete: bool = False
    doubt: str = ""
    api: str = ""


@dataclass(frozen=True, slots=True)
class ComparedField:
    """One field of a room: what is wanted and what the API shows."""

    path: str
    wanted: str
    observed: str
    equal: bool


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One fact about a key, as the audit tells it.

    Attributes:
        cause: what woke us.
        method, status, ms: of the call that it tells of; an empty method: of none. Status 0: no
            answer came.
        changes: what it was before and after.
    """

    ts: datetime
    seq: int
    event: str
    reason: str
    actor: str
    operation: str = ""
    room_id: str = ""
    cause: str = ""
    method: str = ""
    status: int = 0
    ms: float = 0.0
    changes: tuple[ChangeLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that stands in the way of something.

    Attributes:
        by: one word for programs: those of `orchestrator.domain.actions.Hold`, and not-wanted,
            policy, not-yet, renamed, store, credentials, weather, canary, clock, when, sources,
            shares, fallback, more.
        told: a sentence without a full stop.
        action: what it stands in the way of, in one word; or an empty text.
        since: from when on, as far as that is remembered.
        until: when it ends by itself; None: it waits for somebody, or for what nobody knows.
        seq: of the fact that tells of it; 0 where there is none.
        advice: a command or a line of a file that can be pasted; or an empty text.
    """

    by: str
    told: str
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    seq: int = 0
    advice: str = ""


@dataclass(frozen=True, slots=True)
class WhyReport:
    """The whole chain for one key: who asks for it, what was done, how it stands, what comes.

    Attributes:
        wanted: who asks for it, in a sentence.
        policy: the policy's file.
        holds: what stands in the way of something, in the order in which it has to be cleared.
        trail: what led to the last act, from its first cause on.
        told: who was told of its link.
        ended: the fact by which its last room went, or the room that was asked for.
        page: what it is called there, of a key that is a page's.
        closes_at: when the room of a page is let go by itself, as things are.
        unknown: what cannot be known here, each a sentence.
    """

    key: str
    rooms: tuple[RoomRow, ...]
    wanted: str
    policy: str
    policy_version: str
    fields: tuple[ComparedField, ...]
    plan: tuple[PlanLine, ...]
    holds: tuple[Obstacle, ...]
    next_act: NextAct | None
    history: tuple[HistoryLine, ...] = ()
    former: tuple[str, ...] = ()
    renewal: NextAct | None = None
    recordings: tuple[RecordingRow, ...] = ()
    asked: Asked | None = None
    seen: Seen = Seen()
    trail: tuple[HistoryLine, ...] = ()
    told: tuple[ToldRow, ...] = ()
    ended: HistoryLine | None = None
    page: str = ""
    closes_at: datetime | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WhyNotReport:
    """What stands in the way, in the order in which it has to be cleared.

    Attributes:
        name: as it was asked for.
        key: what it was understood as: a key, a policy's name or a page's; empty where nothing is
            known of it.
        kind: room, occurrence, page, policy, foreign or unknown.
        verdict: the answer in a sentence.
        advice: one line that can be pasted; or an empty text.
        last: what was recorded of it last.
        near: names that may have been meant.
        unknown: what cannot be known here, each a sentence.
    """

    name: str
    key: str
    kind: str
    verdict: str
    obstacles: tuple[Obstacle, ...] = ()
    advice: str = ""
    asked: Asked | None = None
    last: HistoryLine | None = None
    seen: Seen = Seen()
    next_act: NextAct | None = None
    near: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
