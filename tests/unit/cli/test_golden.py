"""What people read, to the letter: in a pipe, and on terminals of two widths."""

from pathlib import Path

import pytest

from tests.reports import NOTHING, PLAN
from tests.unit.cli.conftest import CommandLine

GOLDEN = Path(__file__).parents[2] / "data" / "cli"
PIPE, NARROW, WIDE = 0, 80, 120
COMMANDS = {
    "plan": ("plan",),
    "plan-links": ("plan", "--links"),
    "plan-markdown": ("plan", "--markdown"),
    "status": ("status",),
    "rooms-list": ("rooms", "list", "--foreign"),
    "rooms-why": ("rooms", "why", "team-rooms/checkout"),
    "rooms-why-not": ("rooms", "why-not", "payments"),
    "rooms-show": ("rooms", "show", "team-rooms/checkout"),
    "page-list": ("page", "list", "--over"),
    "page-show": ("page", "show", "4711"),
    "page-open": ("page", "open", "--title", "A test", "--wait"),
    "plan-json": ("plan", "--json"),
    "rooms-list-json": ("rooms", "list", "--json"),
}


@pytest.mark.parametrize("width", [PIPE, NARROW, WIDE])
@pytest.mark.parametrize("name", COMMANDS)
def test_it_reads_like_this(ro: CommandLine, name: str, width: int) -> None:
    """The whole text, as a file shows it."""
    said = ro(*COMMANDS[name], terminal=width)
    assert said.out == (GOLDEN / f"{name}-{width}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_terminals_lines_fit(ro: CommandLine, name: str) -> None:
    """But for what is to be pasted, and what is for programs."""
    if name.endswith(("json", "markdown")):
        return
    said = ro(*COMMANDS[name], terminal=NARROW)
    wide = [line for line in said.out.splitlines() if len(line) > NARROW]
    whole = ("config ", "room-orchestrator rooms", "https://rooms.", "its room known")
    assert [line for line in wide if not any(word in line for word in whole)] == []


def test_a_pipe_has_one_record_a_line(ro: CommandLine) -> None:
    """Thirteen changes, a question, a removal that waits, a meeting; then what they come to."""
    lines = ro("plan").out.splitlines()
    told = [line.key for line in (*PLAN.lines, *PLAN.held, *PLAN.standing)]
    told.extend(row.key for row in PLAN.openings)
    told.extend(act.key for act in PLAN.renewals)
    assert [line.split()[2] for line in lines[:-2]] == told


def test_a_pipe_hears_which_config_was_read_on_stderr(ro: CommandLine) -> None:
    """It is no record."""
    assert ro("status").err == "config FOLDER/config.yaml · the daemon answers\n"
    ro.daemon = False
    assert "no daemon runs; looked for itself" in ro("status").err
    assert "no daemon runs" in ro("status").out


def test_a_terminal_has_colours_unless_it_is_told_not_to(ro: CommandLine) -> None:
    """NO_COLOR is honoured; a pipe has none in any case."""
    assert "\x1b[" not in ro("plan", terminal=WIDE).out
    ro.environ["NO_COLOR"] = ""
    assert "\x1b[1;31mLINK ENDS" in ro("plan", terminal=WIDE).out
    assert "\x1b[" not in ro("plan").out


def test_nothing_to_do_is_one_sentence(ro: CommandLine) -> None:
    """How many are as they should be, and on which listing that stands."""
    ro.desk.plan_report = NOTHING
    assert ro("plan").out == (
        "Nothing to do: 412 as they should be · 300 not ours, untouched\n"
        "Listing 0 s old, complete. Nothing was done.\n"
    )
