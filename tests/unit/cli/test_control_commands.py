"""Freezes and reviewed plans at the command line: what is ordered, told, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.cli.view.markdown import markdown
from orchestrator.domain.reports import (
    ActRow,
    ApplyReport,
    ChangesRow,
    FreezeRow,
    Outcome,
    PlanLine,
    PlanReport,
    Review,
)
from orchestrator.foundation import shapes
from tests.reports import NOTHING, NOW, PLAN, STATUS
from tests.unit.cli.conftest import CommandLine

REVIEW = Review("acme", "https://meet.test", NOW, NOW + timedelta(days=1), {}, "3f9a21bc4d5e" * 5)
CREATE = PlanLine("create", "teams/a", "asked for", "POST", display_name="A", mark="0" * 16)
BURY = PlanLine("bury", "teams/b", "its subject is gone", room_id="7", mark="1" * 16)
FREEZES = [
    (("freeze", "--for", "2d"), ("freeze", "2026-11-24T12:00:00+00:00", "", "changes")),
    (
        ("freeze", "--until", "2026-12-01T09:00Z", "-p", "a", "--policy", "b", "--all-acts"),
        ("freeze", "2026-12-01T09:00:00+00:00", "a,b", "all"),
    ),
    (("unfreeze",), ("unfreeze", "")),
    (("unfreeze", "3f9a21bc"), ("unfreeze", "3f9a21bc")),
]


@pytest.mark.parametrize(("words", "ordered"), FREEZES)
def test_a_freeze_is_ordered(
    ro: CommandLine, words: tuple[str, ...], ordered: tuple[str, ...]
) -> None:
    assert ro(*words, "--reason", "OPS-4711").code == 0
    assert ro.desk.commands == [ordered]
    assert ro.desk.persons[0].reason == "OPS-4711"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("freeze", "--reason", "x"), "say either --until or --for: a freeze has an end"),
        (("freeze", "--for", "a while", "--reason", "x"), "--for a while: "),
        (("freeze", "--for", "2d", "--reason", " "), "--reason may not be blank"),
        (("freeze", "--for", "2d"), "Missing option '--reason'"),
        (("apply", "--approve"), "--approve goes with --plan"),
        (("apply", "--reason", "x"), "--reason goes with --plan"),
        (("apply", "--plan", "plan.json"), "--plan wants --reason"),
        (("apply", "--plan", "odd.json", "--reason", "x"), "odd.json is no plan of this release"),
    ],
)
def test_what_is_refused_before_anybody_is_asked(
    ro: CommandLine, words: tuple[str, ...], told: str
) -> None:
    (ro.folder / "odd.json").write_text("{}")
    (ro.folder / "plan.json").write_bytes(shapes.dumps(PlanReport, PLAN))
    said = ro(*words)
    assert (said.code, told in said.err) == (2, True), said.err
    assert ro.desk.commands == []


def test_the_status_tells_of_freezes_and_hours(ro: CommandLine) -> None:
    ro.desk.status_report = replace(
        STATUS,
        freezes=(
            FreezeRow("3f9a21bc", NOW + timedelta(days=2), "anna", "quarter end"),
            FreezeRow("4d5e6f70", NOW + timedelta(days=3), "ben", "audit", ("a", "b"), True),
        ),
        changes=(
            ChangesRow("", "MON 09:00-16:00 UTC", open=False, until=NOW + timedelta(hours=21)),
            ChangesRow("free", "at any time", open=True),
        ),
    )
    out = ro("status").out
    assert (
        "Frozen     until Tue 24 Nov 12:00 by anna: quarter end. "
        "Sooner:  room-orchestrator unfreeze 3f9a21bc --reason …\n" in out
    )
    assert "by ben: audit; only a, b; meetings and lost rooms too. Sooner:" in out
    assert "Changes    held until tomorrow 09:00 (MON 09:00-16:00 UTC)\n" in out
    assert "free: allowed (at any time)" in out


def applied(*rows: ActRow, begun: bool = True) -> ApplyReport:
    return ApplyReport(2, (), NOTHING, REVIEW.name, rows, begun)


DONE, NEEDLESS = ActRow(CREATE, Outcome.DONE), ActRow(BURY, Outcome.NEEDLESS, "nothing is to do")
HELD = ActRow(BURY, Outcome.HELD, "somebody is inside", "occupied")
BRAKED = ActRow(BURY, Outcome.HELD, "too many", "brake")
FAILED = ActRow(BURY, Outcome.FAILED, "500: no", "back-off")
DIFFERENT = ActRow(BURY, Outcome.DIFFERENT, "it would be another one now")


@pytest.mark.parametrize(
    ("report", "code", "told"),
    [
        (applied(DONE, NEEDLESS), 0, "1 done, 1 not needed; 2 calls made."),
        (applied(), 0, "asks for nothing."),
        (applied(DONE, HELD), 3, "1 done, 1 held; 2 calls made."),
        (applied(DIFFERENT, begun=False), 3, "nothing was done, because not all of it can be."),
        (applied(BRAKED, begun=False), 4, "1 held."),
        (applied(DONE, FAILED), 1, "1 done, 1 failed"),
    ],
)
def test_a_plan_is_carried_out(ro: CommandLine, report: ApplyReport, code: int, told: str) -> None:
    """The file goes to the desk as it is; each act is told, and the code says how it ended."""
    plan = replace(PLAN, review=REVIEW)
    ro.desk.plan_report = plan
    ro.desk.apply_report = report
    assert ro("plan", "--out", "plan.json").code == 3
    for width in (0, 100):
        said = ro("apply", "--plan", "plan.json", "--reason", "OPS-4711", terminal=width)
        assert said.code == code
        assert f"Plan {REVIEW.name}" in said.out
        assert told in said.out
        for row in report.acts:
            assert row.line.key in said.out
            assert row.why in said.out
    assert ro.desk.reviewed == [plan, plan]
    assert ro.desk.commands[0] == ("apply", "plan", "as it is")
    ro("apply", "--plan", "plan.json", "--approve", "--reason", "OPS-4711")
    assert ro.desk.commands[-1] == ("apply", "plan", "approve")


def test_a_plan_is_written_into_a_folder_by_its_name(ro: CommandLine) -> None:
    ro.desk.plan_report = replace(PLAN, review=REVIEW)
    (ro.folder / "plans").mkdir()
    assert ro("plan", "--out", "plans").code == 3
    (written,) = (ro.folder / "plans").iterdir()
    assert written.name == "3f9a21bc4d5e.json"
    ro.desk.plan_report = PLAN  # by an older daemon: it has no name
    assert ro("plan", "--out", "plans").code == 1


@pytest.mark.parametrize("by", ["frozen", "window"])
def test_what_waits_is_still_to_come(ro: CommandLine, by: str) -> None:
    """The exit code says so, and a comment shows it as what a reviewer is asked about."""
    held = replace(CREATE, held_by=by, held_why="the change window is closed", when=NOW)
    report = replace(NOTHING, held=(held,), review=REVIEW)
    ro.desk.plan_report = report
    assert ro("plan").code == 3
    told = markdown(report, NOW)
    assert "**1 create**" in told
    assert "held (" in told
    assert f"Plan <code>{REVIEW.name}</code>, good until 2026-11-23 12:00Z" in told
    assert "apply --plan" not in markdown(replace(NOTHING, review=REVIEW), NOW)


def test_a_pause_says_until_when_and_not_that_a_room_ends_then(ro: CommandLine) -> None:
    """In a pipe too; the grace of a removal begins when it is over."""
    until = NOW + timedelta(days=2)
    held = replace(BURY, display_name="B", held_by="frozen", held_why="frozen by anna", when=until)
    ro.desk.plan_report = replace(NOTHING, held=(held,))
    for width in (0, 100):
        out = ro("plan", terminal=width).out
        assert "held (frozen): frozen by anna, until Tue 24 Nov 12:00" in out
        assert "ends" not in out
