"""Rooms as one looks at them: a lane a policy over the coming year, and a page of rows.

However many rooms there are, what is shown is bounded: so many lanes, so many rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from orchestrator.domain.reports import OpeningRow, RoomRow, RoomsReport
from orchestrator.domain.sought import tells_of

YEAR: Final = timedelta(days=365)
ROWS: Final = 25  # on one page
_LANES: Final = 60  # policies that are drawn
_WEEKS: Final = 53
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_TEXT_MOST: Final = 200  # characters of what is looked for
_PAGE_MOST: Final = 6  # digits
_TALL: Final = 20.0  # of a lane's bars, in its picture's units

# How states are told from each other at a glance; what is not here is quiet.
TONES: Final[Mapping[str, str]] = {
    "open": "good",
    "occupied": "busy",
    "waiting": "soon",
    "held": "warn",
    "dormant": "warn",
    "ending": "warn",
    "missing": "bad",
    "duplicate": "bad",
}


@dataclass(frozen=True, slots=True)
class Month:
    """One of the coming months: its name, and where it begins, in percent of the year."""

    name: str
    year: int
    number: int
    at: float


@dataclass(frozen=True, slots=True)
class Bar:
    """How many rooms end in one week."""

    at: float
    tall: float
    count: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One policy's rooms.

    Attributes:
        states: how many there are of each state.
        bars: the ends of rooms, a bar a week that has some.
        renewals: when the daemon will renew, in percent of the year.
        ends, renews: how many in each of the coming months.
        beyond: rooms that end later, or whose end is not known.
    """

    policy: str
    rooms: int
    states: Mapping[str, int]
    bars: tuple[Bar, ...]
    renewals: tuple[float, ...]
    ends: tuple[int, ...]
    renews: tuple[int, ...]
    beyond: int


@dataclass(frozen=True, slots=True)
class Life:
    """One room on the year: until when it lives, and when it is renewed or opens, in percent."""

    until: float
    renewal: float | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rooms somebody looks for."""

    policy: str = ""
    state: str = ""
    text: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """What an address asks for; what makes no sense there is passed over."""
        page = query.get("page", "")
        plain = page.isascii() and page.isdecimal() and len(page) <= _PAGE_MOST
        return cls(
            query.get("policy", "")[:_TEXT_MOST],
            query.get("state", "")[:_TEXT_MOST],
            query.get("room", "").strip()[:_TEXT_MOST],
            max(1, int(page)) if plain else 1,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether not all rooms are looked for."""
        return bool(self.policy or self.state or self.text)

    def fits(self, row: RoomRow) -> bool:
        """Whether a room is looked for."""
        return (
            self.policy in {"", row.policy}
            and self.state in {"", row.state}
            and (not self.text or tells_of((row.key, row.display_name, row.room_id), self.text))
        )

    def address(self, page: int) -> str:
        """The address of another page of the same rooms."""
        told = {"policy": self.policy, "state": self.state, "room": self.text}
        asked = {name: value for name, value in told.items() if value}
        if page > 1:
            asked["page"] = str(page)
        return f"/status?{urlencode(asked)}#rooms"


@dataclass(frozen=True, slots=True)
class RoomsView:
    """The rooms, as they are shown.

    Attributes:
        lanes: of the policies, those with most rooms first where there are too many to draw.
        lanes_left: how many policies are not drawn.
        rows: one page of those that are looked for.
        found: how many are.
        pages: of how many pages.
        policies, states: that there are, to choose from.
    """

    months: tuple[Month, ...]
    lanes: tuple[Lane, ...]
    lanes_left: int
    rows: tuple[tuple[RoomRow, Life], ...]
    found: int
    total: int
    wanted: Wanted
    pages: int
    policies: tuple[str, ...]
    states: tuple[str, ...]
    openings: tuple[OpeningRow, ...] = ()
    tones: Mapping[str, str] = field(default_factory=lambda: TONES)


def view_of(report: RoomsReport, now: datetime, wanted: Wanted) -> RoomsView:
    """Everything that is shown of rooms."""
    months = _months(now)
    by_policy: dict[str, list[RoomRow]] = {}
    for row in report.rooms:
        by_policy.setdefault(row.policy, []).append(row)
    drawn = sorted(by_policy, key=lambda name: (-len(by_policy[name]), name))[:_LANES]
    found = [row for row in report.rooms if wanted.fits(row)]
    pages = max(1, -(-len(found) // ROWS))
    page = min(wanted.page, pages)
    shown = found[(page - 1) * ROWS : page * ROWS]
    return RoomsView(
        months=months,
        lanes=tuple(_lane(name, by_policy[name], now, months) for name in sorted(drawn)),
        lanes_left=len(by_policy) - len(drawn),
        rows=tuple((row, _life(row, now)) for row in shown),
        found=len(found),
        total=len(report.rooms),
        wanted=Wanted(wanted.policy, wanted.state, wanted.text, page),
        pages=pages,
        policies=tuple(sorted(by_policy)),
        states=tuple(sorted({row.state for row in report.rooms})),
        openings=report.openings,
    )


def _at(moment: datetime, now: datetime) -> float:
    """Where a moment lies in the coming year, in percent; beyond it: at its edge."""
    return round(min(100.0, max(0.0, (moment - now) / YEAR * 100)), 2)


def _months(now: datetime) -> tuple[Month, ...]:
    """The months that begin within the coming year."""
    found = []
    year, number = now.year, now.month
    for _ in range(12):
        year, number = (year + 1, 1) if number == 12 else (year, number + 1)
        first = now.replace(
            year=year, month=number, day=1, hour=0, minute=0, second=0, microsecond=0
        )
        found.append(Month(_MONTHS[number - 1], year, number, _at(first, now)))
    return tuple(found)


def _lane(policy: str, rows: Sequence[RoomRow], now: datetime, months: Sequence[Month]) -> Lane:
    weeks: dict[int, int] = {}
    states: dict[str, int] = {}
    ends, beyond = [], 0
    for row in rows:
        states[row.state] = states.get(row.state, 0) + 1
        if row.expires_at is not None and now <= row.expires_at < now + YEAR:
            ends.append(row.expires_at)
            week = (row.expires_at - now) // timedelta(days=7)
            weeks[week] = weeks.get(week, 0) + 1
        else:
            beyond += 1
    most = max(weeks.values(), default=1)
    renewals = [
        row.next_act.at
        for row in rows
        if row.next_act is not None and row.next_act.what == "renew" and row.next_act.at >= now
    ]
    bars = tuple(
        Bar(round(week / _WEEKS * 100, 2), round(max(3.0, count / most * _TALL), 1), count)
        for week, count in sorted(weeks.items())
    )
    return Lane(
        policy=policy,
        rooms=len(rows),
        states=dict(sorted(states.items(), key=lambda one: (-one[1], one[0]))),
        bars=bars,
        renewals=tuple(sorted({round(_at(moment, now)) * 1.0 for moment in renewals})),
        ends=_by_month(ends, now, months),
        renews=_by_month(renewals, now, months),
        beyond=beyond,
    )


def _by_month(
    moments: Iterable[datetime], now: datetime, months: Sequence[Month]
) -> tuple[int, ...]:
    """How many fall into what is left of this month, and into each of the months after it."""
    counts = [0] * (len(months) + 1)
    for moment in moments:
        place = (moment.year - now.year) * 12 + moment.month - now.month
        if 0 <= place < len(counts):
            counts[place] += 1
    return tuple(counts)


def _life(row: RoomRow, now: datetime) -> Life:
    until = 0.0 if row.expires_at is None else _at(row.expires_at, now)
    act = row.next_act
    renews = act is not None and act.what in {"renew", "open", "create"} and act.at >= now
    return Life(until, _at(act.at, now) if renews and act is not None else None)
