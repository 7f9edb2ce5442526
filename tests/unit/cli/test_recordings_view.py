"""Recordings as people read them: in status, and with the room that they were made in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.domain.reports import RecordingRow, RecordingsRow
from tests.reports import STATUS, WHY
from tests.unit.cli.conftest import CommandLine

DUE = datetime(2026, 11, 29, 9, tzinfo=UTC)


def test_status_tells_a_line_a_policy(ro: CommandLine) -> None:
    full = "/srv/recordings has 5 bytes left, and 7 are needed"
    ro.desk.status_report = replace(
        STATUS,
        recordings=(
            RecordingsRow("teams", "vault", "30d", 12, 9, 3, 12, DUE, (full,)),
            RecordingsRow("calls", "", "90d", 1, 0, 0, 1),
            RecordingsRow("board", "vault", "", 0, 0, 0, 0),
        ),
    )
    lines = [line for line in ro("status").out.splitlines() if line.startswith("Recordings")]
    told = [" ".join(line.split()[1:]) for line in lines]
    assert told[0].startswith("teams: 12 recordings; 9 copied to vault, 3 to copy; deleted 30d ")
    assert told[0].endswith(full)
    assert told[1:] == [
        "calls: 1 recording; deleted 90d after their end",
        "board: 0 recordings; 0 copied to vault",
    ]


def test_a_room_is_shown_with_its_recordings(ro: CommandLine) -> None:
    ro.desk.why_report = replace(
        WHY,
        recordings=(
            RecordingRow("a1", "copied", DUE, DUE, "vault/a1.mp4", "", DUE),
            RecordingRow("a2", "to copy", DUE, DUE, "", "the disk is full"),
            RecordingRow("a3", "deleted", DUE, DUE, "vault/a3.mp4", "", DUE),
        ),
    )
    for terminal in (0, 200):
        out = ro("rooms", "show", WHY.key, terminal=terminal).out
        lines = (" ".join(line.split()) for line in out.splitlines())
        shown = [line for line in lines if "vault/" in line or "a2" in line]
        assert "copied; vault/a1.mp4; will be deleted" in shown[0]
        assert shown[1].endswith("to copy; the disk is full")
        assert "deleted; vault/a3.mp4; was" in shown[2]
