"""The rehearsal as a whole: real engine, client, server and store, a year in a second.

Each installation here is a folder with a config, policies and, where rooms are to be there already,
a store that a daemon left behind.
"""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.meetings.rooms import Account, connect
from orchestrator.adapters.store.peek import copy_store
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.adapters.virtual import LoopClock
from orchestrator.app.configuration import load
from orchestrator.app.planting import plant
from orchestrator.app.rehearsal import Candidate, Span, listed_every, rehearse
from orchestrator.app.validate import read_folder
from orchestrator.domain import renewal
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import LinkFate, RehearsalReport
from orchestrator.domain.rooms import Observed, RoomType
from orchestrator.foundation.virtual_time import run_virtually
from orchestrator.meetings_server import Memory
from orchestrator.meetings_server import Settings as ServerSettings
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit, StoreFault
from tests import builders
from tests.component.world import policy
from tests.meetings import APPLICATION, KEY, applications

START = datetime(2027, 1, 5, 9, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = 365 * DAY
CROWD = 100
CONFIG = """\
owner: nordlicht-prod
mode: {mode}
meetings:
  url: "https://meet.example/v1/meetings"
  application_id: app
  private_key: {{file: k}}
  rate: {rate}
destinations: {{rooms-json: {{type: file, path: rooms.json}}}}
"""


class Installation:
    """A folder."""

    def __init__(self, folder: Path, *, mode: str = "enforce", rate: float = 20) -> None:
        self.folder = folder
        (folder / "policies").mkdir()
        (folder / "config.yaml").write_text(CONFIG.format(mode=mode, rate=rate))

    def policy(self, *subjects: str, lifetime: str = "365d", **rest: Any) -> None:
        text = policy("team-rooms", subjects, room={"lifetime": lifetime}, **rest)
        (self.folder / "policies" / "team-rooms.yaml").write_bytes(text)

    @property
    def store(self) -> Path:
        return load(self.folder / "config.yaml", {}, self.folder).settings.store

    def remember(self, *states: KeyState, **notes: str) -> None:
        """Leave a store behind, as a daemon that ended."""
        self.store.parent.mkdir(parents=True, exist_ok=True)

        async def write() -> None:
            store = await SqliteStore.open(self.store)
            await store.commit(Commit(states=states, notes=dict(notes)), START - DAY)
            await store.close()

        run_virtually(write())

    def rehearse(self, length: timedelta = YEAR, **more: object) -> RehearsalReport:
        loaded = load(self.folder / "config.yaml", {}, self.folder)
        return rehearse(loaded.settings, Span(START, START + length), **more)  # type: ignore[arg-type]


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    """One that enforces."""
    return Installation(tmp_path)


def standing(subject: str, *, days: int = 365, granted: datetime = START - DAY) -> KeyState:
    """A room of the policy that was granted so many days."""
    life = days * DAY
    room = builders.room(
        f"room-{subject}",
        display_name=f"{subject.title()} room",
        created_at=granted,
        granted_at=granted,
        expires_at=granted + life,
        lifetime=life,
        operation="k3m9x2aa-0123456789abcdef",
    )
    applied = {"display_name": room.display_name, "type": "long_term"}
    return builders.state(replace(room, applied=applied), key=Key("team-rooms", subject))


def subjects(count: int) -> list[str]:
    """So many."""
    return [f"t{number}" for number in range(count)]


# --- the year of many renewals, made in one minute ------------------------------------------------


@pytest.fixture
def crowd(tmp_path: Path) -> Installation:
    """Rooms that were all made in one minute, at an API that takes a call a second."""
    crowded = Installation(tmp_path, rate=1)
    crowded.policy(*subjects(CROWD), lifetime="200d")
    granted = START - 20 * DAY
    crowded.remember(
        *(
            standing(one, days=200, granted=granted + timedelta(milliseconds=200 * number))
            for number, one in enumerate(subjects(CROWD))
        )
    )
    return crowded


def test_p07_a_year_of_renewals_made_in_one_minute_is_spread(crowd: Installation) -> None:
    """No minute holds more than the rate allows, nothing waits, and the floor is kept."""
    report = crowd.rehearse()
    calls, renewals = report.calls, report.renewals
    assert (report.known, report.standing, report.met) == (CROWD, CROWD, True)
    assert {act.act for act in report.acts} == {"renew"}
    assert (renewals.rooms, renewals.emergencies) == (CROWD, 0)
    assert renewals.total >= 2 * CROWD
    assert renewals.busiest <= 3
    assert calls.busiest <= calls.limit == 61
    assert calls.at_limit == 0
    assert renewals.kept
    assert renewals.floor == DAY
    assert renewals.closest is not None
    assert renewals.closest > 100 * DAY


def test_without_the_spread_it_would_show(
    crowd: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are due in one minute: the rate still holds, and the report says that calls waited."""
    monkeypatch.setattr(renewal, "spread", lambda _: 0.5)
    report = crowd.rehearse(150 * DAY)
    assert report.renewals.busiest >= 25  # a look and a renewal each, at a call a second
    assert report.calls.busiest <= report.calls.limit
    assert report.calls.at_limit >= 3


def test_without_the_floor_it_would_show(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A room that is due again at once, in a loop: not met, and by how much."""
    here.policy("checkout", lifetime="30d")
    here.remember(standing("checkout", days=30))
    monkeypatch.setattr(renewal, "lead", lambda life, _: life - timedelta(hours=1))
    monkeypatch.setattr(renewal, "floor", lambda _: timedelta(minutes=30))
    report = here.rehearse(3 * DAY)
    assert not report.renewals.kept
    assert [one.kind for one in report.unmet] == ["floor"]


# --- what it begins with --------------------------------------------------------------------------


def test_it_begins_empty_before_the_first_run(here: Installation) -> None:
    """Without a store; and it leaves none behind, nor anything else."""
    here.policy("checkout")
    before = sorted(here.folder.rglob("*"))
    report = here.rehearse(2 * DAY)
    assert (report.known, report.wanted, report.standing) == (0, 1, 1)
    assert [(act.act, act.link) for act in report.acts] == [("create", LinkFate.NEW)]
    assert sorted(here.folder.rglob("*")) == before


def test_rooms_of_the_store_are_renewed_and_nothing_else(here: Installation) -> None:
    """Id, marker, settings, birth and end are as they were: no link changes, none is bettered."""
    here.policy("checkout", "search")
    adopted = builders.room("x-1", operation="", adopted=True, expires_at=START + 90 * DAY)
    here.remember(
        standing("checkout", granted=START - 200 * DAY),
        builders.state(
            replace(adopted, display_name="Search room", granted_at=START - DAY, lifetime=YEAR),
            key=Key("team-rooms", "search"),
        ),
    )
    report = here.rehearse(120 * DAY)
    assert {(act.act, act.key) for act in report.acts} == {
        ("renew", "team-rooms/checkout"),
        ("renew", "team-rooms/search"),
    }
    assert report.acts[0].room_id in {"room-checkout", "x-1"}


def test_rooms_are_planted_as_the_store_remembers_them() -> None:
    """Name, marker, text and settings; what the API never took is as it is by default."""
    marked = standing("checkout")
    asked = {
        "display_name": "Checkout room",
        "initial_join_options.microphone_state": "off",
        "ui_settings.language": "de",
        "theme_id": "t-1",
    }
    room = replace(
        marked.rooms[0], text="ours", applied=asked, not_taken={"ui_settings.language": "de"}
    )
    found = builders.room("x-1", operation="", adopted=True, created_at=START - 9 * DAY)
    states = [
        replace(marked, rooms=(room,)),
        builders.state(replace(found, text="theirs"), key=Key("team-rooms", "x")),
    ]

    async def planted() -> dict[str, Observed]:
        clock = LoopClock(START)
        async with Memory.opened(ServerSettings(applications=applications()), clock) as memory:
            await plant(memory, APPLICATION, "acme", states)
            rooms = connect(memory, Account(APPLICATION, KEY), clock, root="/v1/meetings")
            return {one.id: one for one in (await rooms.list_rooms()).rooms}

    seen = run_virtually(planted())
    assert [*seen] == ["x-1", "room-checkout"]  # the oldest first
    checkout, other = seen["room-checkout"], seen["x-1"]
    marker = checkout.marked_by("acme")
    assert marker is not None
    assert (marker.key, marker.generation) == ("team-rooms/checkout", 1)
    assert marker.operation == room.operation
    assert (checkout.text, other.text, other.marker) == ("ours", "theirs", None)
    assert (checkout.expires_at, checkout.created_at) == (room.expires_at, room.created_at)
    assert checkout.settings["initial_join_options.microphone_state"] == "off"
    assert checkout.settings["ui_settings.language"] == "default"


def test_a_daemon_may_have_the_store(here: Installation) -> None:
    """It is read beside it, and not a byte of it is written."""
    here.policy("checkout")
    here.remember(standing("checkout"))
    with closing(sqlite3.connect(here.store)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        before = here.store.read_bytes()
        assert here.rehearse(2 * DAY).known == 1
        assert here.store.read_bytes() == before


def test_a_store_of_another_installation_is_refused(here: Installation) -> None:
    """As the daemon would refuse it."""
    here.policy("checkout")
    here.remember(**{"pin.owner": "somebody-else"})
    with pytest.raises(DeskError, match="this store belongs to another installation"):
        here.rehearse()


def test_a_store_that_cannot_be_read_is_refused(here: Installation) -> None:
    """In a sentence."""
    here.store.parent.mkdir(parents=True)
    here.store.write_bytes(b"no database at all" * 100)
    with pytest.raises(DeskError, match="cannot be read"):
        here.rehearse()


def test_a_room_that_no_server_takes_is_named(here: Installation) -> None:
    """A text that is too long for the metadata of any room."""
    here.policy("checkout")
    state = standing("checkout")
    long = replace(state.rooms[0], text="x" * 600, operation="")
    here.remember(replace(state, rooms=(long,)))
    with pytest.raises(DeskError, match="room room-checkout of team-rooms/checkout cannot be"):
        here.rehearse()


def test_rooms_that_are_over_are_over(here: Installation) -> None:
    """One that ended lately is made anew, for another link; one forgotten by the server as well."""
    here.policy("checkout", "search", "fax")
    here.remember(
        standing("checkout", days=10, granted=START - 12 * DAY),
        standing("search", days=10, granted=START - 90 * DAY),
        builders.state(
            builders.room("i-1", type_=RoomType.INSTANT, expires_at=None, created_at=None),
            key=Key("gone", "fax"),
        ),
    )
    report = here.rehearse(2 * DAY)
    ends = {act.key for act in report.acts if act.act in {"lose", "expire"}}
    assert ends >= {"team-rooms/checkout", "team-rooms/search"}
    (lost,) = [one for one in report.unmet if one.kind == "lost"]
    assert lost.more == 1
    assert report.standing == 3


# --- what it tells --------------------------------------------------------------------------------


def test_two_rehearsals_of_the_same_are_the_same(here: Installation) -> None:
    """Nothing of it is left to chance, but for the ids that new rooms are given from a seed."""
    here.policy(*subjects(5), lifetime="20d")
    assert here.rehearse(100 * DAY) == here.rehearse(100 * DAY)


def test_what_observe_withholds_is_rehearsed(tmp_path: Path) -> None:
    """As enforce would do it; no-removals stays what it is."""
    observing = Installation(tmp_path, mode="observe")
    observing.policy("checkout")
    report = observing.rehearse(2 * DAY)
    assert (report.mode, report.config_mode, report.standing) == ("enforce", "observe", 1)
    (tmp_path / "config.yaml").write_text(CONFIG.format(mode="no-removals", rate=1))
    assert observing.rehearse(2 * DAY).mode == "no-removals"


def test_a_candidate_is_as_if_it_came_into_force(here: Installation, tmp_path: Path) -> None:
    """One room fewer is let go after its grace; its link ends, nothing that is wanted is lost."""
    here.policy("checkout", "search")
    here.remember(standing("checkout", days=30), standing("search"))
    here.rehearse(DAY)
    candidate = tmp_path / "candidate"
    candidate.mkdir()
    (candidate / "team-rooms.yaml").write_bytes(policy("team-rooms", ("search",)))
    report = here.rehearse(60 * DAY, candidate=Candidate("candidate/", read_folder(candidate)))
    told = [(act.act, act.link) for act in report.acts if act.key == "team-rooms/checkout"]
    assert told == [
        ("bury", LinkFate.STAYS),
        ("let-go", LinkFate.ENDS),
        ("expire", LinkFate.STAYS),
    ]
    assert (report.policies, report.met, report.standing) == ("candidate/", True, 1)


def test_a_brake_holds_and_is_told(here: Installation) -> None:
    """Nobody approves: all stay."""
    here.policy("checkout")
    here.remember(*(standing(one) for one in ("checkout", "a", "b", "c", "d")))
    report = here.rehearse(20 * DAY)
    (brake,) = [one for one in report.unmet if one.kind == "brake"]
    assert (brake.key, brake.more, report.standing) == ("team-rooms/a", 3, 5)
    assert not report.links


def test_a_policy_of_its_own_mode_is_held_and_not_missed(here: Installation) -> None:
    """It was written so."""
    here.policy("checkout", mode="observe")
    report = here.rehearse(2 * DAY)
    assert [(one.kind, one.key) for one in report.unmet] == [("held", "team-rooms/checkout")]
    assert report.met


def test_a_wanted_room_that_is_not_there_at_the_end_is_missing(here: Installation) -> None:
    """Five that were lost stand behind a brake; nobody approves, so nobody gets another."""
    lost = [
        builders.state(key=Key("team-rooms", one), lost=True, generation=1) for one in subjects(5)
    ]
    here.policy(*subjects(5))
    here.remember(*lost)
    report = here.rehearse(2 * DAY)
    kinds = {one.kind: one for one in report.unmet}
    assert kinds.keys() == {"missing", "brake"}
    assert (kinds["missing"].more, report.standing) == (4, 0)
    assert kinds["missing"].reason.startswith("brake: ")


def test_schedules_are_told_with_their_meetings(here: Installation) -> None:
    """Two in a fortnight; one that opens later is named with its day; a year has no 31 February."""
    for name, cron in (("weekly", "0 9 * * MON"), ("yearly", "0 9 1 6 *")):
        (here.folder / "policies" / f"{name}.yaml").write_text(
            f"version: 1\nname: {name}\n"
            f'on_schedule: {{cron: "{cron}", timezone: UTC, duration: 1h, open_before: 15m}}\n'
            f'room: {{type: long_term, display_name: "{name}"}}\n'
        )
    report = here.rehearse(14 * DAY)
    assert (report.meetings, report.wanted, report.met) == (2, 0, True)
    assert [row.key for row in report.openings] == ["yearly/2027-06-01T0900"]
    assert not report.links


def test_a_directory_is_not_asked_and_its_rooms_stay(here: Installation) -> None:
    """What is remembered holds (P4), and goes on being renewed; its secret is not even there."""
    with (here.folder / "config.yaml").open("a") as config:
        config.write(
            "directories: {secrets: {hr: {value: {file: nowhere}, hosts: [dir.example]}}}\n"
        )
    headers = {"Authorization": {"secret": "hr"}}
    source = {"url": "https://dir.example/teams?all=1", "every": "10m", "headers": headers}
    here.policy("checkout", for_each={"http": source})
    state = standing("checkout", days=30)
    here.remember(replace(state, wish=builders.desired("Checkout room", lifetime=30 * DAY)))
    report = here.rehearse(60 * DAY)
    assert report.unasked == (
        "team-rooms: https://dir.example/teams; the 1 rooms of the store are kept",
    )
    assert {act.act for act in report.acts} == {"renew"}


def test_problems_are_told(here: Installation) -> None:
    """A policy that cannot be read, and one that names a secret which the config does not have."""
    (here.folder / "policies" / "bad.yaml").write_text("version: 1\n")
    headers = {"Authorization": {"secret": "other"}}
    here.policy(for_each={"http": {"url": "https://dir.example/x", "headers": headers}})
    files = {problem.place.file for problem in here.rehearse(DAY).problems}
    assert files == {"bad.yaml", "team-rooms.yaml"}


# --- how it goes ----------------------------------------------------------------------------------


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C does what it does in a shell, whatever pytest made of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_ends_it_with_what_was_found(here: Installation) -> None:
    """In the middle of a year."""
    here.policy("checkout")

    def interrupt(at: datetime) -> None:
        if at >= START + 30 * DAY and not seen:
            seen.append(at)
            signal.raise_signal(signal.SIGINT)

    seen: list[datetime] = []
    report = here.rehearse(progress=interrupt)
    assert START + 30 * DAY <= report.reached < START + 40 * DAY
    assert (report.whole, report.standing) == (False, 1)


def test_progress_goes_on_to_the_end(here: Installation) -> None:
    """In steps of an hour at least."""
    seen: list[datetime] = []
    here.rehearse(timedelta(hours=5, minutes=30), progress=seen.append)
    assert [at - START for at in seen][-2:] == [
        timedelta(hours=5), timedelta(hours=5, minutes=30),
    ]  # fmt: skip


def test_an_engine_that_fails_is_told(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no end that somebody asked for."""
    here.policy("checkout")

    async def broken(*_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr("orchestrator.engine.resync.Resync.full", broken)
    with pytest.raises(ExceptionGroup):
        here.rehearse(DAY)


def test_it_lists_as_seldom_as_keeps_it_quick() -> None:
    """Never oftener than the daemon; the more rooms the more seldom."""
    usual = timedelta(minutes=10)
    assert listed_every(Span(START, START + DAY), 3, usual) == usual
    assert listed_every(Span(START, START + 200 * DAY), 3, usual) == DAY
    assert listed_every(Span(START, START + 400 * DAY), 5_000, usual) == 20 * DAY


def test_there_may_be_no_store_to_copy(tmp_path: Path) -> None:
    """False, and no file is made; what is no store is refused."""
    assert copy_store(tmp_path / "none.db", tmp_path / "copy.db") is False
    assert not (tmp_path / "copy.db").exists()
    (tmp_path / "bad.db").write_bytes(b"nothing that SQLite knows" * 99)
    with pytest.raises(StoreFault, match="cannot be read"):
        copy_store(tmp_path / "bad.db", tmp_path / "copy.db")
