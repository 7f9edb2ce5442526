"""A plan in the comment of a merge request: what matters first, and nothing that bites."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.cli.view.markdown import LONGEST, markdown, verdict
from orchestrator.domain.reports import PlanLine, PlanReport
from tests.reports import BURY, HELD, MOVE, NOTHING, NOW, PLAN, PROBLEM, REPLACE
from tests.unit.cli.conftest import CommandLine

PAGE: Final = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
PLAIN: Final = {"code", "/code", "details", "/details", "summary", "/summary"}
EVIL: Final = (
    "<script>alert(1)</script> | **bold** _it_ [a](https://evil.example) ![i](x) `c` @everyone "
    "#123 !45 www.evil.example https://evil.example &amp; </code></details> ~~x~~ \\| $x$\n\n# big"
)


def tags_of(text: str) -> set[str]:
    """Every kind of token that is more than text, and every tag of HTML."""
    found: set[str] = set()
    for token in PAGE.parse(text):
        for part in (token, *(token.children or ())):
            if part.type in {"html_inline", "html_block"}:
                found |= {tag.split(">")[0] for tag in part.content.split("<")[1:]}
            elif part.type not in {"text", "softbreak"}:
                found.add(part.type.removesuffix("_open").removesuffix("_close"))
    return found


ORDINARY: Final = (
    tags_of(markdown(PLAN, NOW, "candidate"))
    | PLAIN
    | {
        *("bullet_list", "list_item", "code_inline"),
    }
)


def texts_outside_code(text: str) -> Iterator[str]:
    """What a page looks through for mentions: all that it shows, but for code."""
    for token in PAGE.parse(text):
        inside = False
        for part in token.children or ():
            if part.type == "html_inline":
                inside = part.content == "<code>"
            elif part.type == "text" and not inside:
                yield f"{part.content} "


def evil_line(text: str) -> PlanLine:
    """A held replacement in which everything is somebody's text."""
    named = replace(REPLACE, key=f"a/{text}", reason=text, display_name=text)
    return replace(named, held_by="look-alike", held_why=text)


@pytest.mark.parametrize("text", [EVIL, "|", "\\", "`", "<", "\u202e", "_x_", "*x*", "x" * 5000])
def test_no_name_means_anything_in_the_page(text: str) -> None:
    """Not as Markdown, not as HTML, not as a mention or an address."""
    refuse_more(text)


@given(st.text(st.sampled_from("<>&|*_`[]()#!@~\\$^:/.\"' -\nwaé1"), max_size=60))
def test_no_text_at_all_means_anything_in_the_page(text: str) -> None:
    """Any of the characters that mean something to Markdown, in any order."""
    refuse_more(text)


def refuse_more(text: str) -> None:
    line = evil_line(text)
    report = PlanReport(
        "enforce",
        "config.yaml",
        lines=(replace(line, held_by=""), replace(line, action="update")),
        held=(line,),
        problems=(replace(PROBLEM, message=text),),
        unknown=(text,),
        listed_at=NOW,
    )
    told = markdown(report, NOW, text)
    assert tags_of(told) <= ORDINARY
    assert told.count("\n|") == markdown(
        replace(report, lines=(replace(REPLACE), replace(REPLACE)), held=(REPLACE,)), NOW
    ).count("\n|")
    assert "://" not in told
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told)
    assert not re.search(r"[@#!]\w", "".join(texts_outside_code(told)))


def test_what_ends_and_changes_links_stands_first() -> None:
    """Then what only moves; then the rest, and what was decided before."""
    told = markdown(PLAN, NOW, "candidate/")
    order = ["LINK ENDS", "LINK CHANGES", "link moves along", "2 creates", "7 updates", "1 renew"]
    order += [
        "1 held",
        "1 ending, as decided before",
        "opens next, by schedules",
        "Rooms as they should be: 406",
    ]
    places = [told.index(word) for word in order]
    assert places == sorted(places)
    for line in (*PLAN.lines, *PLAN.held, *PLAN.standing):
        assert f"<code>{line.key}</code>" in told
    for row in PLAN.openings:
        assert f"<code>{row.key}</code> <code>{row.opens:%Y-%m-%d %H:%M}Z</code>" in told


@pytest.mark.parametrize(
    ("report", "words"),
    [
        pytest.param(NOTHING, "nothing to do", id="nothing"),
        pytest.param(PLAN, "2 links change or end", id="links"),
        pytest.param(replace(NOTHING, lines=(BURY,)), "1 link changes or ends", id="one link"),
        pytest.param(replace(NOTHING, held=(BURY,)), "1 link changes or ends", id="held"),
        pytest.param(
            replace(NOTHING, lines=(MOVE,), held=(HELD,)),
            "2 changes, no link changes or ends",
            id="no link",
        ),
        pytest.param(
            replace(PLAN, problems=(PROBLEM,)),
            "1 problem: this would not come into force whole",
            id="problems",
        ),
        pytest.param(
            replace(PLAN, complete=False),
            "not known, because the rooms could not be listed whole",
            id="no listing",
        ),
    ],
)
def test_the_first_line_is_the_verdict(report: PlanReport, words: str) -> None:
    """What a reviewer who reads one line must know."""
    assert verdict(report) == words
    assert markdown(report, NOW).startswith(f"### Room plan: {words}\n")


def test_a_long_plan_fits_and_says_how_much_is_missing() -> None:
    """Links first also here: every link that ends is named as long as there is room."""
    ends = tuple(replace(BURY, key=f"team-rooms/end-{number}") for number in range(150))
    updates = tuple(
        replace(PLAN.lines[-1], key=f"team-rooms/update-{number}") for number in range(9_000)
    )
    told = markdown(replace(PLAN, lines=(*ends, *updates)), NOW)
    assert len(told) <= LONGEST
    assert "<details><summary>9,000 updates</summary>" in told
    assert told.count("</details>") == told.count("<details>")
    assert "team-rooms/end-149" in told
    assert "… and 8,800 more: `plan --out FILE` has them all." in told
    huge = replace(PLAN, lines=tuple(evil_line(f"{n}{'x' * 400}") for n in range(2_000)))
    assert len(markdown(huge, NOW)) <= LONGEST


def test_the_command_prints_it_and_nothing_else(ro: CommandLine) -> None:
    """It can be redirected as it is; one way of showing is chosen."""
    (ro.folder / "candidate").mkdir()
    said = ro("plan", "--policies", "candidate", "--markdown", "--out", "plan.json")
    assert said.code == 3
    assert said.out == markdown(replace(PLAN, candidate=True), NOW, "candidate")
    assert (ro.folder / "plan.json").exists()
    for words in (("--links", "--markdown"), ("--json", "--markdown"), ("--json", "--links")):
        refused = ro("plan", *words)
        assert (refused.code, "exclude each other" in refused.err) == (2, True)


def test_links_are_counted_and_told_alone(ro: CommandLine) -> None:
    """No create, no update, no renewal; what a brake holds is told with it."""
    out = ro("plan", "--links").out
    assert out.startswith("Of 416 links 2 would change or end, 1 would move, 413 stay.")
    assert "team-rooms/data" not in out
    held = replace(REPLACE, held_by="brake", held_why="brake b1: too many")
    ro.desk.plan_report = replace(NOTHING, held=(held,))
    out = ro("plan", "--links").out
    assert "Of 413 links 1 would change or end, 412 stay." in out
    ro.desk.plan_report = replace(NOTHING, held=(held,), unchanged=1)
    assert "Of 2 links 1 would change or end, 1 stays." in ro("plan", "--links").out
    assert "held (brake): brake b1: too many" in out
