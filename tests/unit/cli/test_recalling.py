"""Why of what the store remembers nothing of: the audit log tells, rotated files too."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.audit.reading import LogMovedError
from orchestrator.app import recalling
from orchestrator.domain.facts import ApiCall, Fact, RecordedFact
from orchestrator.domain.reports import WhyNotReport, WhyReport
from orchestrator.foundation import shapes
from tests.fakes.logbook import Logbook
from tests.reports import NOW
from tests.unit.cli.conftest import CommandLine

ACTOR = "policy team-rooms@9c1e44d2"
FAX = "team-rooms/fax"


def fact(event: str, seq: int, key: str = FAX, **more: Any) -> RecordedFact:
    told = Fact(event, actor=ACTOR, key=key, **more)
    return RecordedFact(seq, NOW + timedelta(minutes=seq), told)


LOADED = {"file": "team-rooms.yaml", "version": "9c1e44d2aa01bb02", "uid": 1001}
NAMED = {"display_name": "Fax room", "meeting_code": "481 920 375"}
FACTS = (
    fact("policy.loaded", 1, "", detail=LOADED),
    fact("room.created", 2, room_id="7", detail=NAMED, api=ApiCall("POST", 201, 212.0, 1)),
    fact("room.created", 3, "team-rooms/search", room_id="8"),
    fact("room.tombstoned", 4, room_id="7", reason="its subject is gone from team-rooms.yaml"),
    fact("room.deleted", 5, room_id="7", api=ApiCall("DELETE", 204, 91.0, 1)),
)


@pytest.fixture
def log(ro: CommandLine) -> Logbook:
    """The log of an installation, whose first file was rotated and packed."""
    folder = ro.folder / "state"
    folder.mkdir()
    book = Logbook(folder, owner="nordlicht-prod")
    book.write(FACTS[:3])
    book.rotate(packed=True)
    book.write(FACTS[3:])
    return book


@pytest.mark.parametrize("name", [FAX, "7", "fax  ROOM", "481-920-375"])
def test_what_is_gone_is_told_by_the_log(ro: CommandLine, log: Logbook, name: str) -> None:
    """By its key, and by what its room was known by then."""
    said = ro("rooms", "why", name, terminal=200)
    assert said.code == 0
    assert log.live.exists()
    told = said.out
    assert "team-rooms/fax   no room" in told
    assert "room.created  today 12:02:00, POST 201 in 212 ms" in told
    assert "trail     #1 policy.loaded > #4 room.tombstoned > #5 room.deleted" in told
    assert "gone      The room was deleted at the API, today 12:05:00  #5" in told
    assert "team-rooms.yaml; version 9c1e44d2, in force since today 12:01:00 (uid 1001; #1)" in told
    assert "unknown   the store remembers nothing of it" in told
    report = shapes.loads(WhyReport, ro("rooms", "why", name, "--json").out)
    assert report.key == FAX


def test_why_not_is_told_by_the_log_too(ro: CommandLine, log: Logbook) -> None:
    assert log.live.exists()
    report = shapes.loads(WhyNotReport, ro("rooms", "why-not", FAX, "--json").out)
    assert (report.name, report.key, report.kind) == (FAX, FAX, "room")
    (one,) = report.obstacles
    assert (one.by, one.seq, one.told) == ("not-wanted", 5, "The room was deleted at the API")
    assert report.last is not None
    assert report.last.event == "room.deleted"
    living = shapes.loads(WhyNotReport, ro("rooms", "why-not", "8", "--json").out)
    assert (living.key, living.obstacles, living.verdict) == ("team-rooms/search", (), "No room.")


def test_what_no_line_tells_of_is_not_known(ro: CommandLine, log: Logbook) -> None:
    """Nor where the log cannot be read, or is not there."""
    for _ in range(2):
        said = ro("rooms", "why", "team-rooms/telex")
        assert (said.code, "neither wanted nor remembered" in said.err) == (2, True)
        said = ro("rooms", "why-not", "telex")
        assert (said.code, "Nothing is known" in said.out) == (0, True)
        for file in log.folder.iterdir():
            file.unlink()


def test_a_log_without_the_policy_tells_of_the_room_alone(ro: CommandLine, log: Logbook) -> None:
    """Its oldest files were removed."""
    for file in log.folder.iterdir():
        file.unlink()
    Logbook(log.folder, owner="nordlicht-prod").write(FACTS[3:])
    assert "  wanted    by no policy in force\n" in ro("rooms", "why", FAX, terminal=200).out


def test_a_folder_that_cannot_be_read_is_no_answer(
    ro: CommandLine, log: Logbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(live: Path, owner: str) -> None:
        raise PermissionError(13, "Permission denied", str(live))

    assert log.live.exists()
    monkeypatch.setattr(recalling, "retold", forbidden)
    assert ro("rooms", "why", FAX).code == 2


def test_a_log_that_is_rotated_again_and_again_is_given_up(
    ro: CommandLine, log: Logbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(live: Path, owner: str) -> None:
        raise LogMovedError

    assert log.live.exists()
    monkeypatch.setattr(recalling, "retold", moved)
    said = ro("rooms", "why", FAX)
    assert (said.code, "rotated again and again" in said.err) == (1, True)
