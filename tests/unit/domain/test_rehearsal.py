"""The account of a rehearsal: from facts to acts, renewals and what is not met."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.facts import Fact, Json, RecordedFact
from orchestrator.domain.records import KeyState
from orchestrator.domain.rehearsal import Account, Minutes, alike, unmet_floor
from orchestrator.domain.reports import LinkFate, RehearsalReport, RehearsedRenewals, Unmet
from orchestrator.foundation.instants import format_instant
from tests import builders
from tests.reports import REHEARSAL

START = datetime(2027, 1, 5, 9, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = "team-rooms/checkout"
MEETING = "weekly/2027-01-11T0900"


class Told:
    """An account that is told facts by their names."""

    def __init__(self, *states: KeyState) -> None:
        self.account = Account(START, states, {"weekly"})
        self._seq = 0

    def __call__(
        self, event: str, at: datetime = START, key: str = KEY, room: str = "r1", **detail: Json
    ) -> "Told":
        self._seq += 1
        fact = Fact(event, key=key, room_id=room, reason="because", detail=detail)
        self.account.take(RecordedFact(self._seq, at, fact))
        return self

    def renewed(self, at: datetime, life: timedelta) -> "Told":
        return self("room.renewed", at, expires_at=format_instant(at + life))

    @property
    def told(self) -> list[tuple[str, LinkFate]]:
        return [(act.act, act.link) for act in self.account.acts]


def born(at: datetime = START, life: timedelta = 100 * DAY, **more: str) -> Told:
    """An account in which a room was just made."""
    return Told()("room.created", at, expires_at=format_instant(at + life), **more)


def test_what_was_told_before_the_beginning_is_none_of_it() -> None:
    """A copied store has facts that its audit does not have yet."""
    assert Told()("room.created", START - DAY).told == []


def test_what_is_no_act_is_passed_over() -> None:
    """Intents and loads are told by the acts that follow."""
    assert Told()("operation.started")("policy.loaded").told == []


def test_a_room_that_follows_a_lost_one_changes_the_link() -> None:
    """The first is new; one that is replaced changes as well."""
    told = born()("room.lost", START + DAY)("room.created", START + 2 * DAY, room="r2")
    told("room.replaced", START + 3 * DAY, room="r3")
    assert told.told == [
        ("create", LinkFate.NEW),
        ("lose", LinkFate.ENDS),
        ("create", LinkFate.CHANGES),
        ("replace", LinkFate.CHANGES),
    ]
    assert [act.key for act in told.account.losses] == [KEY]


def test_a_link_ends_once() -> None:
    """Let go first, over later; a room that was replaced ended nobody's link."""
    told = born()("room.ending", START + DAY)("room.expired", START + 9 * DAY)
    told("room.retired", START + 9 * DAY, room="r0")
    assert [fate for _, fate in told.told] == [
        LinkFate.NEW, LinkFate.ENDS, LinkFate.STAYS, LinkFate.STAYS,
    ]  # fmt: skip
    assert told.account.losses == []


def test_a_meetings_room_ends_with_it_and_no_link_is_lost() -> None:
    """It is counted; a subject of another policy may look like one."""
    told = Told()("room.created", key=MEETING)("room.expired", key=MEETING)
    assert [fate for _, fate in told.told] == [LinkFate.NEW, LinkFate.STAYS]
    assert (told.account.meetings, told.account.losses) == (1, [])
    other = Told()("room.created", key=KEY)
    assert other.account.meetings == 0


def test_the_rooms_of_the_store_are_known_from_the_beginning() -> None:
    """Their ends count, and so does the time since they were renewed last."""
    state = builders.state(builders.room("r1", expires_at=START + 5 * DAY))
    told = Told(state)("room.expired", START + 5 * DAY)
    assert told.told == [("expire", LinkFate.ENDS)]
    lost = Told(replace(builders.state(), lost=True))("room.created")
    assert lost.told == [("create", LinkFate.CHANGES)]


def test_a_moved_room_is_its_new_keys() -> None:
    """Its end is that of the new key's link; one that nobody had moves nothing."""
    moved: dict[str, Any] = {"from": KEY, "to": "team-rooms/pay"}
    told = born()("room.rekeyed", key="team-rooms/pay", **moved)
    told("room.expired", key="team-rooms/pay")("room.rekeyed", **moved)
    assert told.told[1:3] == [("move", LinkFate.STAYS), ("expire", LinkFate.ENDS)]


def test_a_link_that_the_api_changes_is_told() -> None:
    """People have the old one."""
    assert born()("room.link.changed").told[1] == ("link", LinkFate.CHANGES)


def test_a_decided_removal_tells_when_it_is_due() -> None:
    """The end of its grace."""
    told = Told()("room.tombstoned", due=format_instant(START + 7 * DAY), mode="expire")
    assert told.account.acts[0].ends_at == START + 7 * DAY


@pytest.mark.parametrize(
    ("days", "emergency"), [(94, False), (95, True), (99, True)], ids=["in time", "at", "late"]
)
def test_the_last_twentieth_of_a_life_is_an_emergency(days: int, emergency: bool) -> None:
    """A room of a hundred days: its last five."""
    told = born().renewed(START + days * DAY, 100 * DAY)
    assert told.account.acts[1].emergency is emergency
    assert told.account.renewals.emergencies == int(emergency)


def test_the_closest_two_renewals_are_measured_by_the_floor() -> None:
    """Twenty hours are too few for a room of a hundred days, whose floor is a day."""
    told = born().renewed(START + 50 * DAY, 100 * DAY).renewed(START + 90 * DAY, 100 * DAY)
    tally = told.account.renewals
    assert (tally.closest, tally.floor, tally.kept) == (40 * DAY, DAY, True)
    assert unmet_floor(tally) == ()
    told.renewed(START + 90 * DAY + timedelta(hours=20), 100 * DAY)
    told.renewed(START + 150 * DAY, 100 * DAY)
    tally = told.account.renewals
    assert (tally.closest, tally.kept) == (timedelta(hours=20), False)
    (row,) = unmet_floor(tally)
    assert (row.kind, row.key) == ("floor", KEY)
    assert row.reason == "renewed 20:00:00 after it had been; its floor is 1 day, 0:00:00"


def test_renewals_are_counted_by_the_minute() -> None:
    """The first of the fullest minutes."""
    told = born()
    assert told.account.renewals == RehearsedRenewals()
    for seconds in (10 * 86400, 20 * 86400, 20 * 86400 + 59, 30 * 86400, 30 * 86400 + 1):
        told.renewed(START + timedelta(seconds=seconds), 100 * DAY)
    tally = told.account.renewals
    assert (tally.total, tally.rooms, tally.busiest) == (5, 1, 2)
    assert tally.busiest_at == START + 20 * DAY


def test_an_end_that_nobody_told_is_no_emergency() -> None:
    """Instant rooms of some servers have none, and a room that nobody knows was granted nothing."""
    state = builders.state(builders.room("r1", expires_at=None))
    assert not Told(state).renewed(START, DAY).account.acts[0].emergency
    assert not Told().renewed(START, DAY).account.acts[0].emergency
    endless = Told(state).account._grants["r1"]  # noqa: SLF001
    assert endless.life == timedelta()


def test_failures_that_say_the_same_are_one() -> None:
    """With how many other keys; the same key again is no other."""
    told = Told()("room.create.failed")("room.create.failed", key="team-rooms/pay")
    told("room.renew.failed", key="team-rooms/pay")
    rows = told.account.failures
    assert [(row.key, row.more) for row in rows] == [(KEY, 1), ("team-rooms/pay", 0)]
    assert Told()("room.create.failed")("room.create.failed").account.failures[0].more == 0


def test_a_brake_names_its_keys() -> None:
    """As people write them."""
    told = Told()("brake.tripped", brake="b1", keys=[KEY], limit=3)("brake.tripped", keys=None)
    assert told.account.brakes == [(START, "because", [KEY]), (START, "because", [])]


def test_months_count_acts() -> None:
    """In their order, those without acts left out."""
    told = born()("room.updated", START)("room.expired", START + 60 * DAY)
    assert [(month.month, dict(month.acts)) for month in told.account.months] == [
        ("2027-01", {"create": 1, "update": 1}),
        ("2027-03", {"expire": 1}),
    ]


def test_minutes_are_full_or_not() -> None:
    """Nothing at all has no fullest minute."""
    minutes = Minutes()
    assert minutes.busiest(START) == (0, None)
    for second in (0, 59, 60):
        minutes.add(START + timedelta(seconds=second))
    assert minutes.busiest(START) == (2, START)
    assert (minutes.full(2), minutes.full(1), minutes.full(3)) == (1, 2, 0)


def test_rows_that_say_the_same_are_one() -> None:
    """Of one policy: those of another are theirs."""
    rows = [Unmet("lost", key, "why") for key in ("a/1", "a/2", "b/1", "a/3")]
    assert [(row.key, row.more) for row in alike(rows)] == [("a/1", 2), ("b/1", 0)]


def test_an_encoded_key_that_was_cut_stays_as_it_is() -> None:
    """A marker of a long subject."""
    assert Told()("room.created", key="no key").account.acts[0].key == "no key"


def test_a_report_knows_what_it_comes_to() -> None:
    """What is held may be meant; a lost room is not."""
    report: RehearsalReport = REHEARSAL
    assert [act.link for act in report.links] == [LinkFate.ENDS, LinkFate.CHANGES]
    assert (report.whole, report.met) == (True, False)
    held = replace(report, unmet=(Unmet("held", KEY, "why"),), reached=START)
    assert (held.whole, held.met) == (False, True)
