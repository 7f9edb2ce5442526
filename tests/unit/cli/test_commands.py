"""What commands ask and order, how they end, and how they fail."""

import errno
import json
import stat
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from orchestrator.cli import main as program
from orchestrator.cli.main import app
from orchestrator.domain.reports import (
    ApplyReport,
    PlanLine,
    PlanReport,
    RoomsReport,
    StatusReport,
    WhyNotReport,
    WhyReport,
)
from orchestrator.foundation import qr, shapes
from orchestrator.foundation.problems import Place, Problem
from orchestrator.ports.desk import DeskError
from tests.reports import HELD, LINKS, NOTHING, PLAN, PROBLEM, ROOMS, STATUS, WHY, WHY_NOT
from tests.unit.cli.conftest import CommandLine


def held(by: str) -> PlanReport:
    """A plan in which one create is held."""
    return replace(NOTHING, held=(replace(HELD, held_by=by, hint=""),))


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        pytest.param(NOTHING, 0, id="nothing"),
        pytest.param(PLAN, 3, id="changes"),
        pytest.param(replace(PLAN, problems=(PROBLEM,)), 2, id="a bad policy"),
        pytest.param(held("mode"), 3, id="withheld by the mode"),
        pytest.param(held("brake"), 3, id="held by a brake"),
        pytest.param(held("look-alike"), 0, id="a question"),
        pytest.param(replace(NOTHING, complete=False), 1, id="not listed whole"),
        pytest.param(replace(NOTHING, unknown=("teams: no answer",)), 1, id="subjects unknown"),
        pytest.param(replace(PLAN, complete=False), 3, id="changes, and not listed whole"),
    ],
)
def test_plan_ends(ro: CommandLine, plan: PlanReport, code: int) -> None:
    """0 nothing to do, 3 changes pending, 2 a policy has problems, 1 it cannot be known."""
    ro.desk.plan_report = plan
    for words in ((), ("--json",), ("--links",), ("--markdown",)):
        assert ro("plan", *words).code == code


FAILED = (PlanLine("create", "team-rooms/checkout", "wanted", held_by="back-off"),)


@pytest.mark.parametrize(
    ("report", "code"),
    [
        pytest.param(ApplyReport(3, (), NOTHING), 0, id="done"),
        pytest.param(ApplyReport(3, FAILED, NOTHING), 1, id="a call failed"),
        pytest.param(ApplyReport(3, (), replace(NOTHING, problems=(PROBLEM,))), 2, id="bad policy"),
        pytest.param(ApplyReport(3, (), PLAN), 3, id="something is left"),
        pytest.param(ApplyReport(0, (), held("brake")), 4, id="a brake"),
    ],
)
def test_apply_ends(ro: CommandLine, report: ApplyReport, code: int) -> None:
    """0 done, 1 a call failed, 2 a bad policy, 3 something is left, 4 a brake."""
    ro.desk.apply_report = report
    said = ro("apply")
    assert said.code == code
    assert "Applied:" in said.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "kind", "report"),
    [
        (("status",), StatusReport, STATUS),
        (("plan",), PlanReport, PLAN),
        (("rooms", "list", "--foreign"), RoomsReport, ROOMS),
        (("rooms", "why", WHY.key), WhyReport, WHY),
        (("rooms", "show", WHY.key), WhyReport, WHY),
        (("rooms", "why-not", WHY_NOT.name), WhyNotReport, WHY_NOT),
    ],
    ids=["status", "plan", "list", "why", "show", "why-not"],
)
def test_json_holds_the_whole_report(
    ro: CommandLine, words: tuple[str, ...], kind: type, report: object
) -> None:
    """Read back it is the same; wherever --json stands."""
    for said in (ro(*words, "--json"), ro("--json", *words), ro(*words, "--json", terminal=80)):
        assert shapes.loads(kind, said.out) == report
        assert said.err == ""


COMMANDS = [
    ("adopt", "7", "team-rooms/checkout"),
    ("distinct", "7", "team-rooms/checkout"),
    ("forget", "team-rooms/fax"),
    ("rekey", "team-rooms/qa", "team-rooms/quality"),
    ("approve", "b7"),
    ("resume", "team-rooms/fax"),
    ("renew", "team-rooms/fax"),
]
WITH_OPTIONS = [
    (("protect", "team-rooms/fax"), ("protect", "team-rooms/fax", "on")),
    (("protect", "team-rooms/fax", "--off"), ("protect", "team-rooms/fax", "off")),
    (
        ("suspend", "team-rooms/fax", "--for", "2d"),
        ("suspend", "team-rooms/fax", "2026-11-24T12:00:00+00:00"),
    ),
    (
        ("suspend", "team-rooms/fax", "--until", "2026-12-01T09:00Z"),
        ("suspend", "team-rooms/fax", "2026-12-01T09:00:00+00:00"),
    ),
]


@pytest.mark.parametrize(("words", "ordered"), WITH_OPTIONS)
def test_a_command_with_options_is_ordered(
    ro: CommandLine, words: tuple[str, ...], ordered: tuple[str, ...]
) -> None:
    assert ro("rooms", *words, "--reason", "OPS-4711").code == 0
    assert ro.desk.commands == [ordered]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "say either --until or --for"),
        (("--for", "2d", "--until", "2026-12-01T09:00Z"), "say either --until or --for"),
        (("--for", "a while"), "--for a while: "),
        (("--for", "9999999d"), "--for 9999999d: "),
        (("--until", "tomorrow"), "--until tomorrow: "),
    ],
)
def test_a_suspension_has_an_end(ro: CommandLine, options: tuple[str, ...], told: str) -> None:
    said = ro("rooms", "suspend", "team-rooms/fax", "--reason", "OPS-4711", *options)
    assert said.code == 2
    assert told in said.err
    assert ro.desk.commands == []


@pytest.mark.parametrize("words", [*COMMANDS, *(words for words, _ in WITH_OPTIONS)], ids=" ".join)
def test_a_command_needs_a_reason(ro: CommandLine, words: tuple[str, ...]) -> None:
    """Without one, or with a blank one, nothing is ordered."""
    assert "--reason" in ro("rooms", *words).err
    assert ro("rooms", *words).code == 2
    said = ro("rooms", *words, "--reason", "  ")
    assert (said.code, "may not be blank" in said.err) == (2, True)
    assert ro.desk.commands == []


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_command_is_ordered(ro: CommandLine, words: tuple[str, ...]) -> None:
    """Its words in their places, with the reason and this user."""
    said = ro("rooms", *words, "--reason", "OPS-4711")
    assert ro.desk.commands == [words]
    assert ro.desk.persons[0].reason == "OPS-4711"
    assert "(uid " in ro.desk.persons[0].actor
    assert said.out.splitlines()[0] == f"done: {' '.join(words)}"
    assert json.loads(ro("rooms", *words, "-r", "x", "--json").out)["lines"] == list(words)


def test_a_host_link_is_shown_for_a_reason_alone(ro: CommandLine) -> None:
    """It is the link and nothing else, so that it can be piped."""
    assert ro("rooms", "show", WHY.key, "--host-link").code == 2
    said = ro("rooms", "show", WHY.key, "--host-link", "--reason", "ill")
    assert said.out == "https://meet.example/room-1?participant_token=host\n"
    assert "participant_token" not in ro("rooms", "show", WHY.key).out


def test_our_own_link_is_printed_alone(ro: CommandLine) -> None:
    """So that it can be piped; how far it is stands on stderr."""
    said = ro("link", "team-rooms/checkout")
    assert said.out == "https://rooms.example/r/team-rooms/checkout-abc\n"
    assert said.err.endswith("\nteam-rooms/checkout: waiting. It comes.\n")
    said = ro("link", "--calendar")
    assert said.out == "https://rooms.example/calendar/abc.ics\n"
    assert "waiting" not in said.err
    told = json.loads(ro("link", "all-hands", "--json").out)
    assert told == {
        "name": "all-hands",
        "url": "https://rooms.example/r/all-hands-abc",
        "stage": "waiting",
        "note": "It comes.",
    }
    said = ro("link")
    assert (said.code, "say whose link" in said.err) == (2, True)


def test_a_link_is_drawn_as_a_qr_code(ro: CommandLine) -> None:
    """Above the link; where the terminal is too narrow for it, nothing half is drawn."""
    said = ro("link", "all-hands", "--qr")
    *rows, link = said.out.splitlines()
    assert tuple(rows) == qr.blocks("https://rooms.example/r/all-hands-abc")
    assert link == "https://rooms.example/r/all-hands-abc"
    assert ro("link", "all-hands", "--qr", terminal=100).out.endswith(said.out)
    narrow = ro("link", "all-hands", "--qr", terminal=30)
    assert (narrow.code, "takes 37 columns, and this terminal has 30" in narrow.err) == (1, True)
    assert "█" not in narrow.out
    both = ro("link", "all-hands", "--qr", "--json")
    assert (both.code, "--qr draws and --json does not" in both.err) == (2, True)


def test_a_link_is_drawn_into_a_file(ro: CommandLine) -> None:
    """Which only its group may read: whoever sees the code may enter."""
    path = ro.folder / "hall.svg"
    said = ro("link", "all-hands", "--svg", str(path))
    assert said.out == "https://rooms.example/r/all-hands-abc\n"
    assert "hall.svg: a QR code of all-hands" in said.err
    assert path.read_bytes() == qr.image("https://rooms.example/r/all-hands-abc")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    for wrong in (ro.folder, ro.folder / "nowhere" / "hall.svg"):
        said = ro("link", "all-hands", "--svg", str(wrong))
        assert (said.code, "name a file in a folder that is there" in said.err) == (2, True)


def test_all_links_are_written_as_files(ro: CommandLine) -> None:
    """Into a folder that is new, or was written before; and of a second time only what changed."""
    ro.desk.links_report = LINKS
    folder = ro.folder / "links"
    said = ro("links", "export", str(folder))
    assert said.code == 0
    assert said.out.endswith("/site: 2 pages written, 0 over since the last time\n")
    assert said.out.startswith("2 links in ")
    page = folder / "site/r/team-rooms/checkout-abc/index.html"
    assert "0;url=https://meet.example/room-1" in page.read_text()
    assert "/r/_/" not in (folder / "nginx.map").read_text()
    ro.desk.links_report = replace(LINKS, links=LINKS.links[:1])
    told = json.loads(ro("links", "export", str(folder), "--json").out)
    assert told == {"links": 1, "changed": 1, "over": 1}
    said = ro("links", "export", str(ro.folder))
    assert (said.code, "holds something else" in said.err) == (1, True)


@pytest.mark.parametrize("code", [1, 2, 4])
def test_a_refusal_is_a_sentence_and_its_code(ro: CommandLine, code: int) -> None:
    """On stderr, and as JSON where JSON was asked for."""
    ro.desk.refuses = DeskError("the brake holds it", code)
    said = ro("status")
    assert (said.out, said.err, said.code) == ("", "room-orchestrator: the brake holds it\n", code)
    said = ro("status", "--json")
    assert json.loads(said.err) == {"error": "the brake holds it", "exit": code}
    assert (said.out, said.code) == ("", code)


def test_a_desk_that_cannot_be_opened_is_told(ro: CommandLine) -> None:
    """Neither daemon nor store."""
    ro.closed = DeskError("a daemon has the store and does not answer")
    assert ro("plan").code == 1
    assert "does not answer" in ro("plan").err


def test_debug_shows_the_traceback(ro: CommandLine) -> None:
    """Only then."""
    ro.desk.refuses = DeskError("no")
    assert "Traceback" not in ro("status").err
    ro.environ["ROOM_ORCHESTRATOR_DEBUG"] = "1"
    assert "Traceback" in ro("status").err


def test_a_reader_that_has_enough_is_no_error(ro: CommandLine) -> None:
    """As with `| head -1`: not a word about it."""
    ro.desk.refuses = BrokenPipeError(errno.EPIPE, "Broken pipe")  # type: ignore[assignment]
    assert ro("status").err == ""


def test_an_unknown_room_is_told(ro: CommandLine) -> None:
    """Exit 2: what was typed is wrong."""
    said = ro("rooms", "why", "team-rooms/nobody")
    assert (said.code, "neither wanted nor remembered" in said.err) == (2, True)


def test_every_problem_of_a_config_is_told(ro: CommandLine) -> None:
    """All at once, with file, line and column, exit 2, no traceback."""
    (ro.folder / "config.yaml").write_text("owner: Bad Owner\nmode: maybe\nmeetigns: {}\n")
    said = ro("status")
    assert (said.out, said.code) == ("", 2)
    assert [line.split()[0] for line in said.err.splitlines()] == [
        "FOLDER/config.yaml:1:8",
        "FOLDER/config.yaml:2:7",
        "FOLDER/config.yaml:3:1",
    ]


def test_no_config_is_told_with_the_next_step(ro: CommandLine) -> None:
    """Where it was looked for, and what writes one."""
    (ro.folder / "config.yaml").unlink()
    said = ro("status")
    assert said.code == 2
    assert "room-orchestrator init" in said.err


def test_the_config_can_be_named_anywhere(ro: CommandLine) -> None:
    """By option before or after the command, or by the environment."""
    (ro.folder / "config.yaml").rename(ro.folder / "other.yaml")
    assert ro("status", "--config", "other.yaml").code == 0
    assert ro("--config", "other.yaml", "status").code == 0
    ro.environ["ROOM_ORCHESTRATOR_CONFIG"] = "other.yaml"
    assert "other.yaml" in ro("status").err


def test_a_candidate_folder_is_planned(ro: CommandLine) -> None:
    """Its bytes go to the desk; a folder that is not there is refused first."""
    (ro.folder / "candidate").mkdir()
    (ro.folder / "candidate" / "a.yaml").write_bytes(b"version: 1\n")
    assert ro("plan", "--policies", "candidate").code == 3
    assert dict(ro.desk.candidates[0].policies) == {"a.yaml": b"version: 1\n"}
    assert ro("plan", "--policies", "nowhere").code == 2
    said = ro("plan", "--policies", "candidate/a.yaml")
    assert (said.code, "is a file; name the folder" in said.err) == (2, True)
    assert len(ro.desk.candidates) == 1


def test_a_plan_can_be_written_to_a_file(ro: CommandLine) -> None:
    """As JSON, besides what is shown."""
    assert "Plan:" in ro("plan", "--out", "plan.json").out
    assert shapes.loads(PlanReport, (ro.folder / "plan.json").read_bytes()) == PLAN
    said = ro("plan", "--out", "no/such/folder.json")
    assert (said.code, "No such file" in said.err) == (1, True)


def test_names_from_outside_cannot_move_the_cursor(ro: CommandLine) -> None:
    """Control characters and marks of direction are shown, not obeyed."""
    evil = "\x1b[2J\r\u202eroom\u2066\n"
    room = replace(ROOMS.rooms[1], display_name=evil, key=f"team-rooms/{evil}")
    ro.desk.rooms_report = RoomsReport((room,))
    ro.desk.status_report = replace(STATUS, needs_you=(evil,))
    ro.desk.plan_report = replace(NOTHING, problems=(Problem(Place("a.yaml"), evil),))
    for words in (("rooms", "list"), ("status",), ("plan",)):
        for width in (0, 80):
            out = ro(*words, terminal=width).out
            assert "\\x1b[2J\\x0d\\u202eroom\\u2066\\x0a" in out.replace("\n", "").replace(" ", "")
            assert not set(out) & {"\x1b", "\r", "\u202e", "\u2066"}


def test_observe_says_what_it_withholds(ro: CommandLine) -> None:
    """In the first line of status and the last of the plan."""
    ro.desk.status_report = replace(STATUS, mode="observe", needs_you=(), held=held("mode").held)
    ro.desk.plan_report = replace(held("mode"), mode="observe")
    assert ro("status").out.startswith("observe: looking, writing nothing; 1 act withheld")
    said = ro("plan")
    assert "1 create withheld" in said.out
    assert said.out.endswith("Nothing was done; observe never does.\n")


def test_a_listing_that_is_not_whole_is_told(ro: CommandLine) -> None:
    """The plan stands on it."""
    ro.desk.plan_report = replace(NOTHING, complete=False, doubt="it broke off")
    assert "NOT complete: it broke off." in ro("plan").out
    ro.desk.plan_report = replace(NOTHING, listed_at=None, doubt="no answer")
    assert "Nothing was listed: no answer." in ro("plan").out


@pytest.mark.parametrize(
    "words",
    [(), ("rooms",), ("audit",), ("plan",), ("rooms", "adopt"), ("audit", "verify"), ("init",)],
    ids=lambda words: " ".join(words) or "all",
)
def test_help_teaches_by_examples(ro: CommandLine, words: tuple[str, ...]) -> None:
    """Each help ends with lines that can be typed."""
    said = ro(*words, "--help")
    assert said.code == 0
    assert "  room-orchestrator" in said.out.partition("xample" if words else "first steps")[2]


def test_the_version_is_told(ro: CommandLine) -> None:
    """By --version."""
    assert ro("--version").out.startswith("room-orchestrator ")


def test_what_is_no_command_is_invalid_input(ro: CommandLine) -> None:
    """Exit 2, with the way to help."""
    said = ro("rooms", "burn")
    assert (said.code, "burn" in said.err) == (2, True)


def test_an_unforeseen_error_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only its kind is told: its text may hold a secret."""

    def fail() -> None:
        message = "hunter2"
        raise RuntimeError(message)

    monkeypatch.setattr(program, "app", fail)
    monkeypatch.delenv("ROOM_ORCHESTRATOR_DEBUG", raising=False)
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "RuntimeError" in told
    assert "hunter2" not in told
    monkeypatch.setenv("ROOM_ORCHESTRATOR_DEBUG", "1")
    with pytest.raises(RuntimeError):
        program.main()


def test_a_command_can_be_run_in_the_world_as_it_is() -> None:
    """Without a world of a test's own: the machine's clock, its folder, its streams."""
    assert CliRunner().invoke(app, ["validate", "no/such/policy.yaml"]).exit_code == 2
