"""Finding facts again: by what was true then, by number, by time; and taking them out."""

import csv
import json
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.audit.lines import FIELDS
from orchestrator.adapters.audit.search import ExportFormat, Search, Wanted, export, show
from orchestrator.adapters.audit.tail import last_entries
from orchestrator.adapters.audit.verify import Against, Anchoring
from orchestrator.domain.facts import ApiCall, Fact, RecordedFact
from tests.fakes.facts import BEGAN
from tests.fakes.logbook import Logbook

POLICY = "policy team-rooms@9c1e4b7a01d2f3e4"
KEY = "team-rooms/stra%C3%9Fe"
STORY = (
    Fact("daemon.started", detail={"version": "0.1.0", "incarnation": "7f3a01bc"}),
    Fact(
        "policy.loaded",
        cause="folder",
        detail={"file": "team-rooms.yaml", "version": "9c1e4b7a01d2f3e4", "uid": 1001},
    ),
    Fact("operation.started", POLICY, KEY, operation="7f3a01bc-0001", cause="folder #2"),
    Fact(
        "room.created",
        POLICY,
        KEY,
        room_id="481920374",
        operation="7f3a01bc-0001",
        cause="folder #2",
        reason="data/teams.yaml:41 asks for it",
        api=ApiCall("POST", 201, 91.5, 1),
        detail={
            "display_name": "Checkout  Room",
            "meeting_code": "481 920 374",
            "guest_url": "https://meet.example/g/Abc-123",
            "generation": 1,
        },
    ),
    Fact("room.rekeyed", POLICY, "team-rooms/till", detail={"from": KEY, "to": "team-rooms/till"}),
    Fact(
        "room.updated",
        "anna (uid 1001)",
        "team-rooms/till",
        room_id="481920374",
        before={"display_name": "Checkout Room"},
        after={"display_name": "=Till"},
    ),
    Fact("room.conflicted", detail={"rooms": ["900", {"code": "77-88"}], "incarnation": "c9d2"}),
    Fact("room.deleted", POLICY, "team-rooms/till", room_id="481920374", cause="#2 and #6"),
)


@pytest.fixture
def story(logbook: Logbook) -> Logbook:
    """The life of one room, over three files, a day a fact."""
    for last in (3, 6, len(STORY)):
        if last > 3:
            logbook.rotate(packed=last == 6)
        logbook.write(
            [
                RecordedFact(seq, BEGAN + timedelta(days=seq), fact)
                for seq, fact in enumerate(STORY[:last], 1)
            ]
        )
    return logbook


def found(story: Logbook, wanted: Wanted) -> list[int]:
    """The numbers of the facts; checkpoints tell of no room and are never found by a text."""
    return [entry.seq for entry in Search(story.live, wanted)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Checkout Room", [4, 6]),
        ("  checkout\tROOM ", [4, 6]),
        ("481 920 374", [4, 6, 8]),
        ("481-920-374", [4, 6, 8]),
        ("https://meet.example/g/Abc-123", [4]),
        ("stra%C3%9Fe", [3, 4, 5]),
        ("team-rooms/straße", [3, 4]),
        ("STRASSE", [3, 4]),
        ("team-rooms/till", [5, 6, 8]),
        ("7f3a01bc-0001", [3, 4]),
        ("7788", [7]),
        ("Board room", []),
    ],
)
def test_text_finds_what_was_true_then(story: Logbook, text: str, numbers: list[int]) -> None:
    """Names, codes, links, keys and ids as they were at the time, however they are written."""
    assert found(story, Wanted(text)) == numbers


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(events=frozenset({"room.deleted", "room.lost"})), [8]),
        (Wanted("till", events=frozenset({"room.deleted"})), [8]),
        (Wanted(key=KEY), [3, 4]),
        (Wanted(key="team-rooms/straße"), [3, 4]),
        (Wanted(key="team-rooms/stra"), []),
        (Wanted("481920374", since=BEGAN + timedelta(days=6)), [6, 8]),
        (Wanted("481920374", until=BEGAN + timedelta(days=6)), [4]),
    ],
    ids=["events", "both", "key", "key as written", "part of a key", "since", "until"],
)
def test_everything_that_is_given_must_fit(
    story: Logbook, wanted: Wanted, numbers: list[int]
) -> None:
    """Conditions narrow each other."""
    assert found(story, wanted) == numbers


def test_an_answer_ends_with_what_it_covered(story: Logbook) -> None:
    """Nothing found is an answer, because everything was there to be found."""
    search = Search(story.live, Wanted("Board room"), Against(story.head))
    assert list(search) == []
    report = search.report()
    assert report.is_whole
    assert report.anchoring is Anchoring.HELD
    assert report.coverage.files == ("audit.jsonl.2.gz", "audit.jsonl.1", "audit.jsonl")
    assert report.coverage.lines == len(STORY) + 2
    assert report.coverage.last_ts == BEGAN + timedelta(days=len(STORY))


def test_an_altered_line_is_still_searched_and_told_of(story: Logbook) -> None:
    """What somebody made of it may be what is looked for."""
    story.put([line.replace(b"#2 and", b"#3 and") for line in story.lines()])
    search = Search(story.live, Wanted("481920374"))
    assert [entry.seq for entry in search] == [4, 6, 8]
    assert [finding.line for finding in search.report().findings] == [3]


def test_entries_tell_their_place_and_their_fields(story: Logbook) -> None:
    """For people who want to look at the file."""
    entry = next(iter(Search(story.live, Wanted("Checkout Room"))))
    assert (entry.file, entry.line) == ("audit.jsonl.1", 2)
    assert entry.text("actor") == POLICY
    assert entry.text("before") == ""
    assert entry.values("api")["status"] == 201
    assert entry.values("key") == {}
    assert json.loads(entry.raw) == entry.fields


def test_show_tells_the_trail(story: Logbook) -> None:
    """The policy that was loaded, the same operation, what a cause names by number, and theirs."""
    shown = show(story.live, 8)
    assert shown is not None
    assert shown.entry.event == "room.deleted"
    assert [entry.seq for entry in shown.trail] == [2, 6, 8]
    created = show(story.live, 4)
    assert created is not None
    assert [entry.event for entry in created.trail] == [
        "policy.loaded",
        "operation.started",
        "room.created",
    ]


def test_the_trail_names_who_wrote_the_policy(logbook: Logbook) -> None:
    """The version in the actor leads to the loading of that version, before the fact; no other."""

    def loaded(version: str) -> Fact:
        return Fact("policy.loaded", detail={"file": "team-rooms.yaml", "version": version})

    told = (
        loaded("9c1e4b7a01d2f3e4"),
        loaded("0000000000000000"),
        Fact("policy.loaded"),
        Fact("room.deleted", "policy team-rooms@9c1e4b7a"),
        loaded("9c1e4b7a01d2f3e4"),
    )
    logbook.write([RecordedFact(seq, BEGAN, fact) for seq, fact in enumerate(told, 1)])
    shown = show(logbook.live, 4)
    assert shown is not None
    assert [entry.seq for entry in shown.trail] == [1, 4]


def test_show_of_a_number_that_is_not_there_is_nothing(story: Logbook) -> None:
    """A checkpoint bears a number, but is no fact."""
    assert show(story.live, 9) is None
    shown = show(story.live, 3)
    assert shown is not None
    assert shown.entry.event == "operation.started"


def test_show_knows_the_stores_apart(story: Logbook) -> None:
    """The latest that numbered so far, or the one that was asked for."""
    later = [RecordedFact(4, BEGAN + timedelta(days=400), Fact("daemon.stopped"))]
    story.write(later, store="c9d2e5f1")
    latest, earlier = show(story.live, 4), show(story.live, 4, store="7f3a01bc")
    assert latest is not None
    assert latest.entry.event == "daemon.stopped"
    assert earlier is not None
    assert earlier.entry.event == "room.created"
    assert [entry.event for entry in latest.trail] == ["daemon.stopped"]


def test_a_trail_has_an_end(logbook: Logbook) -> None:
    """One operation with a thousand facts does not flood a terminal."""
    fact = Fact("operation.unanswered", operation="7f3a01bc-0001")
    logbook.write([RecordedFact(seq, BEGAN, fact) for seq in range(1, 200)])
    shown = show(logbook.live, 150)
    assert shown is not None
    assert len(shown.trail) == 100
    assert shown.entry in shown.trail


def test_the_last_entries_reach_over_files(story: Logbook) -> None:
    """As many as asked for, oldest first, no more files read than needed."""
    assert [entry.seq for entry in last_entries(story.live, 2)] == [7, 8]
    assert [entry.seq for entry in last_entries(story.live, 5)] == [5, 6, 6, 7, 8]
    assert len(last_entries(story.live, 100)) == len(STORY) + 2
    assert last_entries(story.live, 0) == ()


def test_an_export_of_lines_is_the_lines(story: Logbook) -> None:
    """To the byte, hashes included."""
    lines = list(export(story.live, Wanted(since=BEGAN + timedelta(days=7)), ExportFormat.JSONL))
    assert "".join(lines).encode() == b"".join(story.lines())


def test_an_export_for_spreadsheets_has_a_column_a_field(story: Logbook, tmp_path: Path) -> None:
    """Inner fields as JSON; what a spreadsheet would take for a formula is quoted."""
    told: list[int] = []
    text = "".join(
        export(story.live, Wanted("till"), ExportFormat.CSV, lambda done, _: told.append(done))
    )
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == list(FIELDS)
    assert [row["seq"] for row in rows] == ["5", "6", "8"]
    assert json.loads(rows[1]["after"]) == {"display_name": "=Till"}
    assert rows[1]["operation"] == ""
    assert told


@pytest.mark.parametrize("begin", list("=+-@\t\r"), ids=repr)
def test_no_cell_begins_a_formula(logbook: Logbook, begin: str) -> None:
    """A reason may hold what somebody typed."""
    fact = Fact("room.deleted", reason=f"{begin}HYPERLINK(1)")
    logbook.write([RecordedFact(1, BEGAN, fact)])
    _, row = export(logbook.live, Wanted(), ExportFormat.CSV)
    (cells,) = csv.reader([row])
    assert cells[list(FIELDS).index("reason")] == f"'{begin}HYPERLINK(1)"
