"""Themes as people read them: in a plan, in what was applied, in status, in a review."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.domain.reports import ApplyReport, ChangeLine, PlanLine, ThemeRow
from tests.pictures import LOGO
from tests.reports import NOTHING, STATUS
from tests.unit.cli.conftest import CommandLine

MADE = PlanLine(
    "create",
    "theme:brand",
    "themes/brand.yaml asks for it",
    "POST",
    display_name="Acme",
    changes=(ChangeLine("main_color", "nothing", "#000"),),
)
HELD = PlanLine(
    "delete", "theme:old", "no file", "DELETE", held_by="in-use", held_why="1 room still has it"
)
DUE = datetime(2026, 11, 29, 9, tzinfo=UTC)


def test_a_plan_tells_of_themes_first(ro: CommandLine) -> None:
    ro.desk.plan_report = replace(NOTHING, themes=(MADE, HELD))
    said = ro("plan")
    assert said.code == 3
    first, second, *_ = said.out.splitlines()
    assert first.split()[:3] == ["+", "create", "theme:brand"]
    assert "held (in-use): 1 room still has it" in second
    assert "2 acts on themes" in said.out
    assert "Nothing to do" not in said.out
    wide = ro("plan", terminal=120).out
    assert "theme:brand" in wide
    assert "because themes/brand.yaml asks for it" in wide


def test_a_plan_in_which_all_is_held_asks_for_nothing(ro: CommandLine) -> None:
    ro.desk.plan_report = replace(NOTHING, themes=(HELD,))
    assert ro("plan").code == 0


def test_a_review_tells_of_themes(ro: CommandLine) -> None:
    ro.desk.plan_report = replace(NOTHING, themes=(MADE,))
    said = ro("plan", "--markdown").out
    assert "**1 act on themes**" in said
    assert "1 change, no link changes or ends" in said


def test_what_apply_left_of_themes_is_told(ro: CommandLine) -> None:
    ro.desk.apply_report = ApplyReport(1, (), replace(NOTHING, themes=(HELD,)))
    said = ro("apply").out
    assert "theme:old" in said
    assert "what is left stands above" in said


def test_status_tells_how_each_theme_is(ro: CommandLine) -> None:
    rows = (
        ThemeRow("brand", "themes/brand.yaml", "t1", "kept", 2),
        ThemeRow("bad", "", "t2", "kept", 0, why="themes/bad.yaml:3  main_color"),
        ThemeRow("new", "themes/new.yaml", "", "missing", 1, why="400: no", until=DUE),
        ThemeRow("old", "", "t3", "ending", 0, until=DUE),
    )
    ro.desk.status_report = replace(STATUS, themes=rows)
    lines = [line for line in ro("status").out.splitlines() if line.startswith("Themes")]
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "2 kept, 1 missing, 1 ending",
        "bad is kept: themes/bad.yaml:3  main_color",
        "new is missing: 400: no until Sun 29 Nov 09:00",
        "old ends at Sun 29 Nov 09:00",
    ]


def test_validate_counts_themes_and_looks_at_one_alone(ro: CommandLine) -> None:
    folder = ro.folder / "policies" / "themes"
    folder.mkdir(parents=True)
    (folder / "white.png").write_bytes(LOGO)
    text = (
        'version: 1\nname: brand\nmain_color: "#000"\nbrand_text: Acme\nlogos: {white: white.png}\n'
    )
    (folder / "brand.yaml").write_text(text)
    assert "0 policies, 1 theme, 0 rooms" in ro("validate", "policies").out
    assert "1 theme" in ro("validate", "policies/themes/brand.yaml").out
    (folder / "brand.yaml").write_text(text.replace("white.png", "blue.png"))
    said = ro("validate", str(Path("policies") / "themes" / "brand.yaml"))
    assert said.code == 2
    assert "policies/themes/brand.yaml:5:16" in said.err + said.out
