"""`rehearse`: its options, what it prints, and what its exit code says."""

import io
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog

from orchestrator import logs
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.app.configuration import load
from orchestrator.cli.view.rehearsal import show_rehearsal
from orchestrator.cli.view.screen import Screen
from orchestrator.domain.keys import Key
from orchestrator.domain.reports import LinkFate, RehearsalReport, RehearsedRenewals
from orchestrator.foundation.virtual_time import run_virtually
from orchestrator.ports.store import Commit
from tests import builders
from tests.component.world import policy
from tests.reports import CONFIG, NOW, REHEARSAL, at
from tests.unit.cli.conftest import CommandLine

GOLDEN = Path(__file__).parents[2] / "data" / "cli"
PIPE, NARROW, WIDE = 0, 80, 120


@pytest.fixture
def rehearsed(ro: CommandLine) -> Iterator[CommandLine]:
    """An installation with one policy and no store."""
    logs.set_up("error")
    (ro.folder / "policies").mkdir()
    with (ro.folder / "config.yaml").open("a") as config:
        config.write("destinations: {rooms-json: {type: file, path: rooms.json}}\n")
    (ro.folder / "policies" / "team-rooms.yaml").write_bytes(policy())
    yield ro
    structlog.reset_defaults()


def shown(report: RehearsalReport, width: int, *, every: bool = False) -> str:
    """The report as a screen of this width has it."""
    out = io.StringIO()
    terminal = bool(width)
    screen = Screen(out, out, terminal, width or None, color=False, now=NOW, zone=ZoneInfo("UTC"))
    show_rehearsal(screen, report, every=every)
    return out.getvalue()


@pytest.mark.parametrize("width", [PIPE, NARROW, WIDE])
def test_it_reads_like_this(width: int) -> None:
    """The whole text, as a file shows it."""
    golden = GOLDEN / f"rehearse-{width}.txt"
    assert shown(REHEARSAL, width) == golden.read_text(encoding="utf-8")


def test_a_terminals_lines_fit() -> None:
    """Whatever is told."""
    lines = shown(REHEARSAL, NARROW, every=True).splitlines()
    assert [line for line in lines if len(line) > NARROW and CONFIG not in line] == []


def test_every_act_is_shown_if_that_is_asked_for() -> None:
    """Else the nearest ten, and how to see the others; the same of links and of months."""
    assert "… 8 more: --acts" in shown(REHEARSAL, WIDE)
    assert "team-rooms/team-11" not in shown(REHEARSAL, WIDE)
    assert "team-rooms/team-11" in shown(REHEARSAL, WIDE, every=True)
    ends = [replace(act, link=LinkFate.ENDS) for act in REHEARSAL.acts]
    months = tuple(replace(REHEARSAL.months[0], month=f"{year}") for year in range(2026, 2056))
    many = shown(replace(REHEARSAL, acts=tuple(ends), months=months), WIDE)
    assert many.count("… 8 more: --acts") == 2
    assert "… 6 more months: --acts" in many


def test_good_news_is_short() -> None:
    """Nothing renewed, no link touched, all met."""
    good = replace(
        REHEARSAL, acts=(), months=(), unmet=(), problems=(), openings=(), never=(),
        unasked=(), policies="", known=0, meetings=0, config_mode="enforce",
        renewals=RehearsedRenewals(), calls=replace(REHEARSAL.calls, at_limit=0),
    )  # fmt: skip
    told = shown(good, WIDE)
    assert "no room is renewed in this time" in told
    assert "no link changes or ends" in told
    assert "begins without any room" in told
    assert told.endswith("All is met.\n409 rooms at the end, 410 wanted. Nothing was done.\n")
    assert shown(good, PIPE).splitlines()[-2] == "All is met."


def test_what_is_wrong_with_renewals_and_calls_stands_out() -> None:
    """Two that were too close; none that was renewed twice; more calls than the limit."""
    close = replace(REHEARSAL.renewals, closest=timedelta(hours=3), kept=False)
    told = shown(replace(REHEARSAL, renewals=close), WIDE)
    assert "3 h apart, CLOSER THAN its floor is 1 d" in told
    once = replace(REHEARSAL.renewals, closest=None, emergencies=0)
    assert "no room is renewed twice" in shown(replace(REHEARSAL, renewals=once), WIDE)
    over = replace(REHEARSAL.calls, busiest=1300)
    assert "1,300 of the 1,220" in shown(replace(REHEARSAL, calls=over), WIDE)


def test_one_that_was_ended_early_says_so() -> None:
    """And until when it came."""
    early = replace(REHEARSAL, reached=at("2027-01-01 00:00"))
    assert "Ended early: this is what was found until 1 Jan 2027 00:00." in shown(early, WIDE)
    early = replace(early, unmet=(), problems=())
    assert "All is met so far." in shown(early, WIDE)


def test_a_pipes_rows_begin_with_the_name_of_their_part() -> None:
    """But for the two that say what it comes to, and problems, which begin with their place."""
    lines = shown(replace(REHEARSAL, problems=()), PIPE).splitlines()[4:-2]
    parts = list(dict.fromkeys(line.split()[0] for line in lines))
    assert parts == ["month", "act", "calls", "renewals", "link", "unmet"]


def test_a_rehearsal_of_an_installation(rehearsed: CommandLine) -> None:
    """Both rooms are made; code 0, and which config was read on stderr."""
    said = rehearsed("rehearse", "--until", "2026-12-01")
    assert said.code == 0
    assert "act  today 12:00  + create  team-rooms/checkout  -  until 22 Nov 2027" in said.out
    assert said.out.endswith("All is met.\n2 rooms at the end, 2 wanted. Nothing was done.\n")
    assert "config FOLDER/config.yaml · today 12:00 to 1 Dec 00:00\n" in said.err


def test_a_terminal_has_a_bar_meanwhile(rehearsed: CommandLine) -> None:
    """On stderr, if that is a terminal too; no word of it stands among what was found."""
    said = rehearsed("rehearse", "--for", "10d", terminal=WIDE)
    assert (said.code, said.err) == (0, "")
    assert "Rehearsing" not in said.out


def test_json_is_the_whole_of_it(rehearsed: CommandLine) -> None:
    """Every act, whatever is shown."""
    said = rehearsed("rehearse", "--for", "2d", "--json")
    told = json.loads(said.out)
    assert [act["key"] for act in told["acts"]] == ["team-rooms/checkout", "team-rooms/search"]
    assert told["until"] == "2026-11-24T12:00:00.000000Z"
    assert told["calls"]["limit"] == 12_200


def test_a_day_begins_at_the_readers_midnight(rehearsed: CommandLine) -> None:
    """And a moment is itself."""
    rehearsed.zone = ZoneInfo("Europe/Berlin")
    told = json.loads(rehearsed("rehearse", "--until", "2026-12-01", "--json").out)
    assert told["until"] == "2026-11-30T23:00:00.000000Z"
    words = ("--from", "2026-11-23T10:00Z", "--until", "2026-11-23T12:00Z", "--json")
    told = json.loads(rehearsed("rehearse", *words).out)
    assert (told["start"], told["until"]) == (
        "2026-11-23T10:00:00.000000Z",
        "2026-11-23T12:00:00.000000Z",
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--until", "2027-01-01", "--for", "3d"), "--until and --for exclude each other"),
        (("--until", "soon"), "--until 'soon' is not a moment such as 2027-01-31T09:00:00Z, or a"),
        (("--for", "1y"), "--for '1y' is not a length of time such as 90s, 15m, 12h or 30d"),
        (("--for", "9999d"), "--for 9999d: at most ten years can be rehearsed"),
        (("--until", "2099-01-01"), "--until 2099-01-01: at most ten years can be rehearsed"),
        (("--until", "2026-01-01"), "--until 2026-01-01: it ends before it begins"),
        (("--for", "0d"), "--for 0d: it ends before it begins"),
        (("--from", "2026-01-01"), "--from 2026-01-01 is over: a rehearsal begins now or later"),
        (("--policies", "config.yaml"), "config.yaml is a file; name the folder of policies"),
        (("--policies", "none"), "none  cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_rehearsed(
    rehearsed: CommandLine, words: tuple[str, ...], told: str
) -> None:
    """One sentence, and code 2."""
    said = rehearsed("rehearse", *words)
    assert said.code == 2
    assert told in said.err


def test_a_policy_with_problems_is_code_2(rehearsed: CommandLine) -> None:
    """A candidate's as well as one in force."""
    candidate = rehearsed.folder / "candidate"
    candidate.mkdir()
    (candidate / "bad.yaml").write_text("version: 1\n")
    said = rehearsed("rehearse", "--for", "1d", "--policies", "candidate")
    assert said.code == 2
    assert "policies of candidate, today 12:00 to tomorrow 12:00" in said.err
    assert "bad.yaml" in said.out


def test_what_nobody_approves_is_code_3(rehearsed: CommandLine) -> None:
    """Five rooms that no policy asks for any more: a brake holds them."""
    states = [builders.state(builders.room(name), key=Key("team-rooms", name)) for name in "abcde"]

    async def remember() -> None:
        store = await SqliteStore.open(settings.store)
        await store.commit(Commit(states=states), NOW)
        await store.close()

    settings = load(None, {}, rehearsed.folder).settings
    settings.store.parent.mkdir(parents=True)
    run_virtually(remember())
    said = rehearsed("rehearse", "--for", "2d")
    assert said.code == 3
    assert "Not all is met: 5 held by a brake." in said.out


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C does what it does in a shell, whatever pytest made of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize(
    ("where", "code", "told"),
    [
        ("orchestrator.engine.resync.Resync.full", 1, "Ended early"),
        ("orchestrator.app.rehearsal.plant", 1, "it was ended before it had begun"),
    ],
)
def test_ctrl_c_is_code_1(
    rehearsed: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    code: int,
    told: str,
) -> None:
    """With what was found, if there was anything."""

    async def interrupted(*_: object) -> bool:
        signal.raise_signal(signal.SIGINT)
        return True

    monkeypatch.setattr(where, interrupted)
    said = rehearsed("rehearse", "--for", "2d")
    assert said.code == code
    assert told in said.out + said.err
