"""Views of reports that are rarer than the company's of `tests.reports`."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from orchestrator.adapters.audit.lines import Entry
from orchestrator.app.auditing import (
    Anchoring,
    Coverage,
    Shown,
    Signing,
    VerifyReport,
)
from orchestrator.cli.view.audit import show_entry, show_shown, show_verified
from orchestrator.cli.view.markdown import verdict
from orchestrator.cli.view.plan import show_plan
from orchestrator.cli.view.rooms import show_room, show_rooms
from orchestrator.cli.view.screen import Screen
from orchestrator.cli.view.state import show_rebuilt, show_store_report
from orchestrator.cli.view.status import show_status
from orchestrator.cli.view.why import show_why
from orchestrator.domain.reports import (
    ENDS_AT_WORST,
    ENDS_AWAY,
    ENDS_OBSERVED,
    ENDS_REFUSED,
    ENDS_SUSPENDED,
    Asked,
    BrakeRow,
    ChangeLine,
    DeliveryRow,
    DirectoryRow,
    DormantRow,
    HistoryLine,
    LinkFate,
    NextAct,
    Obstacle,
    PlanLine,
    RebuildReport,
    RoomRow,
    RoomsReport,
    Seen,
    StoreReport,
    WhyReport,
)
from orchestrator.foundation.shapes import Json
from tests.reports import CHECKOUT, NOTHING, NOW, STATUS, WHY, at

DIRECTORY = DirectoryRow(
    url="https://hr.example.com/teams",
    policies=("team-rooms", "labs"),
    last_good=NOW - timedelta(hours=3),
    reason="",
    failing_since=None,
    next_at=NOW + timedelta(minutes=5),
)


def shown(view: Callable[[Screen], None], width: int | None = 100) -> str:
    """What a view prints on a terminal of this width, or in a pipe."""
    out = io.StringIO()
    screen = Screen(out, out, width is not None, width, color=False, now=NOW, zone=UTC)
    view(screen)
    return out.getvalue()


def entry(event: str, seq: int = 7, **fields: Json) -> Entry:
    """A line of the audit log."""
    return Entry("audit.jsonl", seq, NOW, seq, event, fields, b"{}")


def test_a_trail_stands_below_its_fact() -> None:
    """In order, the fact itself included."""
    first = entry("policy.loaded", 6, detail={"file": "team-rooms.yaml"})
    fact = entry("room.renew.failed", 7, api={"method": "PATCH", "status": 0, "ms": 10.5})
    text = shown(lambda screen: show_shown(screen, Shown(fact, (first, fact))))
    assert "PATCH no answer in 10.5 ms" in text
    assert text.splitlines()[-3:] == [
        "trail",
        "2026-11-22 12:00:00Z  #6  policy.loaded  team-rooms.yaml",
        "2026-11-22 12:00:00Z  #7  room.renew.failed",
    ]


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        ({"brake": "b7", "keys": 3}, "b7"),
        ({"destination": "rooms-json"}, "rooms-json"),
        ({"why": "asked to"}, ""),
    ],
    ids=["brake", "delivery", "none"],
)
def test_a_fact_without_a_key_tells_what_it_is_about(told: dict[str, Json], subject: str) -> None:
    """A brake, a destination, a file."""
    line = shown(lambda screen: show_entry(screen, entry("brake.tripped", detail=told)), None)
    assert line == f"2026-11-22 12:00:00Z  #7  brake.tripped  {subject}".rstrip() + "\n"


@pytest.mark.parametrize(
    ("anchoring", "signing", "told"),
    [
        (Anchoring.HELD, Signing.NO_CHECKPOINT, "store remembers · no checkpoint yet"),
        (
            Anchoring.MISSED,
            Signing.NOT_SIGNED,
            "NOT the one that the store remembers · check",
        ),
        (Anchoring.NOT_ASKED, Signing.NOT_CHECKED, "not checked against a store · signatures were"),
        (Anchoring.HELD, Signing.CHECKED, "signed until #1000"),
    ],
)
def test_verify_says_what_was_checked(anchoring: Anchoring, signing: Signing, told: str) -> None:
    """The end and the signatures, whatever is known of them."""
    report = VerifyReport((), 4, Coverage(("audit.jsonl",), 3), anchoring, signing, 1000)
    text = shown(lambda screen: show_verified(screen, report, ["no key"]), 200)
    assert told in text
    assert "… 4 more places" in text
    assert "no key" in text


BARE = WhyReport("team-rooms/fax", (), "not known", "", "", (), (), (), None)


def test_a_key_without_a_room_has_a_why_too() -> None:
    """Not wanted, not there, nothing to come."""
    assert shown(lambda screen: show_why(screen, BARE)) == (
        "team-rooms/fax   no room\n"
        "  wanted    not known\n"
        "  now       no listing was made yet\n"
        "  next      nothing by itself\n"
        "  holds     none\n"
    )


def test_a_why_of_what_is_gone_and_wanted_no_more() -> None:
    """By whom, since when, and what became of it; what is told again and again is told once."""
    ended = HistoryLine(NOW, 99, "room.deleted", "its grace is over", "")
    failed = HistoryLine(NOW, 97, "room.delete.failed", "no answer", "", method="DELETE")
    left = Obstacle("not-wanted", '"fax" left data/teams.yaml:4', since=NOW, seq=90)
    asked = Asked("team-rooms", "team-rooms.yaml:3", "fax", "data/teams.yaml:4", wanted=False)
    report = replace(
        BARE,
        holds=(left,),
        asked=asked,
        ended=ended,
        page="pagerduty 4711",
        history=(failed, replace(failed, seq=98), ended),
        seen=Seen("gone", "404", NOW),
        unknown=("no daemon runs",),
    )
    assert shown(lambda screen: show_why(screen, report), 200) == (
        "team-rooms/fax   pagerduty 4711   no room\n"
        '  wanted    no more: "fax" left data/teams.yaml:4, since today 12:00:00  (#90); '
        "team-rooms.yaml:3\n"
        "  done      room.delete.failed  2 times, the last today 12:00:00, because no answer, "
        "DELETE without an answer  (#98)\n"
        "  done      room.deleted  today 12:00:00, because its grace is over  (#99)\n"
        "  gone      The room was deleted at the API, because its grace is over, today 12:00:00  "
        "#99\n"
        "  now       its room is gone: 404; listing of today 12:00:00, not believed: not complete\n"
        "  next      nothing by itself\n"
        "  holds     none\n"
        "  unknown   no daemon runs\n"
    )


def test_a_why_of_what_is_kept_though_it_cannot_be_read_names_the_line_too() -> None:
    asked = Asked("team-rooms", "team-rooms.yaml:3")
    report = replace(BARE, wanted="kept by its last good spec: a mistake", asked=asked)
    told = shown(lambda screen: show_why(screen, report), 100)
    assert "  wanted    kept by its last good spec: a mistake; team-rooms.yaml:3\n" in told


def test_of_a_long_history_the_first_and_the_last_are_shown() -> None:
    """And how to read the rest."""
    lines = tuple(HistoryLine(NOW, n, "room.renewed", f"reason {n}", "") for n in range(1, 31))
    told = shown(lambda screen: show_why(screen, replace(BARE, history=lines)), 200)
    assert told.count("room.renewed") == 8
    assert "(#1)" in told
    assert "(#30)" in told
    assert "… 22 more: room-orchestrator audit search --key team-rooms/fax" in told


def test_a_renewal_is_told_apart_from_what_comes_sooner() -> None:
    act = NextAct(at("2026-11-22 12:05"), WHY.key, "look again", "somebody is inside")
    told = shown(lambda screen: show_why(screen, replace(WHY, next_act=act)), 200)
    assert "  next      look again today 12:05:00: somebody is inside\n" in told
    assert "  renewal   renew on 15 Jul 2027 06:12: 60 d before its end" in told


def test_a_room_that_is_not_there_yet_is_shown() -> None:
    """By what is known of it."""
    row = RoomRow("team-rooms/new", "held", display_name="New room", held=("brake: b7",))
    report = replace(WHY, rooms=(row, replace(CHECKOUT, adopted=True, protected=True)))
    text = shown(lambda screen: show_room(screen, report))
    assert '  room      none  "New room"' in text
    assert "  held      brake: b7" in text
    assert "open, protected" in text
    assert "adopted" in text


def test_how_much_a_room_was_used_is_told_as_far_as_it_is_known() -> None:
    """All, these at least, without a length, not at all."""

    def told(**used: Any) -> str:
        report = replace(WHY, rooms=(replace(CHECKOUT, **used),))
        lines = shown(lambda screen: show_room(screen, report)).splitlines()
        return next(line for line in lines if "meetings" in line).split(maxsplit=1)[1]

    assert told().startswith("38 sessions, 4,212 participant minutes since 12 Nov 2025")
    assert told(sessions=1, counted_whole=False).startswith("at least 1 session, 4,212")
    assert told(participant_minutes=None).endswith("; how long they were is not told")
    assert told(sessions=None) == told(counted_since=None) == "how many there were is not known"


def test_no_rooms_are_told_on_a_terminal_alone() -> None:
    """A pipe has no record then."""
    assert "No room is wanted" in shown(lambda screen: show_rooms(screen, RoomsReport(())))
    assert shown(lambda screen: show_rooms(screen, RoomsReport(())), None) == ""


def test_each_kind_of_ending_is_told_with_its_moment() -> None:
    """A let-go room ends by itself; an end that is none of ours is shown as it is."""
    lines = (
        PlanLine("let-go", "a/1", "gone", when=at("2026-11-29 09:14"), display_name="One"),
        PlanLine("retire", "a/2", "gone", changes=(ChangeLine("expires_at", "", "soon"),)),
        PlanLine("restore", "a/3", "wanted again", display_name="Three"),
        PlanLine("let-go", "a/4", "gone"),
    )
    text = shown(lambda screen: show_plan(screen, replace(NOTHING, lines=lines)))
    assert 'let go   a/1  ends Sun 29 Nov 09:14   "One"' in text
    assert "retire   a/2  no end → soon" in text
    assert '+ restore  a/3  "Three"' in text
    assert "No link changes or ends." in text


def test_many_equal_changes_are_one_paragraph() -> None:
    """Of names, of ends, of holds: what differs in each is left out."""
    renews = tuple(
        PlanLine(
            "renew",
            f"a/{number}",
            f"data/a.csv:{number}: due",
            changes=(ChangeLine("expires_at", "", f"2027-11-22T0{number}:00:00.000Z"),),
        )
        for number in range(1, 6)
    )
    renames = tuple(
        PlanLine(
            "replace",
            f"b/{number}",
            "a name cannot be patched",
            link=LinkFate.CHANGES,
            display_name=f"New {number}",
            changes=(ChangeLine("display_name", f"Old {number}", f"New {number}"),),
            held_by="look-alike",
            held_why=f'a room is called the same: "New {number}" (room-{number})',
        )
        for number in range(1, 6)
    )
    plan = replace(NOTHING, lines=renews, held=renames)
    text = shown(lambda screen: show_plan(screen, plan))
    assert "renew    5 of a  to 22 Nov 2027" in text
    assert "because data/a.csv: due" in text
    assert "1  2  3  4  5" in text
    assert "5 of b  another display_name" in text
    assert 'a room is called the same: ""' in text or "a room is called the same" in text
    assert text.count("replace") == 1


def test_status_tells_all_who_sleep() -> None:
    """Some by name; how they are kept."""
    end = NOW + timedelta(days=3)
    many = tuple(DormantRow(f"a/{number}", NOW, end) for number in range(9))
    text = shown(lambda screen: show_status(screen, replace(STATUS, dormant=many)), None)
    assert "Dormant    9 rooms that nobody uses: a/0 ends Wed 25 Nov 12:00, a/1" in text
    assert "a/5 ends Wed 25 Nov 12:00, … 3 more. Joining one keeps it" in text
    assert "Dormant" not in shown(
        lambda screen: show_status(screen, replace(STATUS, dormant=())), None
    )


@pytest.mark.parametrize(
    ("how", "daemon", "told"),
    [
        (ENDS_SUSPENDED, True, "team-rooms/fax ends {}, while it is suspended"),
        (ENDS_OBSERVED, True, "team-rooms/fax ends {}, for observe renews nothing"),
        (ENDS_OBSERVED, False, "team-rooms/fax ends {}, for observe renews nothing"),
        (ENDS_AWAY, True, "team-rooms/fax ends {}, if the API stays away"),
        (
            *(ENDS_REFUSED, True),
            "team-rooms/fax ends {}, if the API goes on refusing our credentials",
        ),
        (ENDS_AT_WORST, False, "team-rooms/fax ends {}, if no daemon runs until then"),
        (
            *(ENDS_AT_WORST, True),
            "none foreseen; without the API the first link would end {}: team-rooms/fax",
        ),
    ],
)
def test_status_tells_which_link_ends_first_and_on_what_that_depends(
    how: str, daemon: bool, told: str
) -> None:
    """None is foreseen only where something will renew it."""
    loss = NextAct(NOW + timedelta(days=3), "team-rooms/fax", how)
    report = replace(STATUS, loses_first=loss)
    text = shown(lambda screen: show_status(screen, report, daemon=daemon), None)
    assert f"Losses     {told.format('in 3 d, Wed 25 Nov 12:00')}\n" in text


def test_status_tells_which_destination_was_not_told_since_when_and_why() -> None:
    """What still waits, and what is tried no more."""
    rows = (
        DeliveryRow("incidents", 3, "503 Service Unavailable", at("2026-11-22 13:50")),
        DeliveryRow("mail", 1, "no answer", None, ("a/1", "a/2"), "550 no such user"),
    )
    text = shown(lambda screen: show_status(screen, replace(STATUS, deliveries=rows)), None)
    told = [line for line in text.splitlines() if line.startswith("Deliveries")]
    assert told == [
        "Deliveries incidents: 3 messages behind since today 13:50: 503 Service Unavailable",
        "Deliveries mail: 1 message behind: no answer",
        "Deliveries mail: 2 messages given up: 550 no such user",
    ]


def test_status_has_a_line_for_what_is_not() -> None:
    """Nothing due, nothing to lose, nothing listed, nobody known to be inside."""
    report = replace(
        STATUS,
        next_acts=(),
        loses_first=None,
        listed_at=None,
        occupancy_known=False,
        held=(),
        rooms={},
        waiting=0,
        api_last_good=None,
        brakes=(BrakeRow("b7", tuple(f"a/{number}" for number in range(9)), 9, 4),),
        started_at=NOW - timedelta(hours=2, minutes=5),
    )
    text = shown(lambda screen: show_status(screen, report), None)
    assert "Next       nothing is due" in text
    assert "Losses     none foreseen\n" in text
    assert "0 ours · 300 not ours, untouched · not listed yet" in text
    assert "who is inside is unknown here" in text
    assert "a/5, … 3 more" in text
    assert "up 2 h 5 min" in text
    assert "Held" not in text


def test_no_names_is_no_line() -> None:
    """A table of nothing has its heads at most."""
    assert shown(lambda screen: screen.columns([], ("A", "B")), None) == ""
    assert shown(lambda screen: screen.columns([], ("A", "B"))) == "A  B\n"


def test_a_pipe_takes_all_names_in_one_line() -> None:
    """However many."""
    names = [f"name-{number}" for number in range(100)]
    assert shown(lambda screen: screen.names(names, 0), None).count("\n") == 1
    assert shown(lambda screen: screen.names(names, 4), 80).count("\n") > 10


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (DIRECTORY, "last good answer 3 h ago, for team-rooms, labs"),
        (
            replace(DIRECTORY, reason="was cut off", failing_since=NOW),
            "last good answer 3 h ago; was cut off, for team-rooms, labs",
        ),
        (replace(DIRECTORY, last_good=None), "no answer yet, for team-rooms, labs"),
    ],
    ids=["well", "failing", "not asked yet"],
)
def test_a_directory_tells_how_old_what_is_known_is(row: DirectoryRow, told: str) -> None:
    """And what is wrong with it, if anything is."""
    report = replace(STATUS, directories=(row,))
    text = shown(lambda screen: show_status(screen, report), None)
    assert f"Sources    https://hr.example.com/teams  {told}" in text.splitlines()


def test_a_plan_says_whose_subjects_are_not_known() -> None:
    """Otherwise nothing to do would look like an answer."""
    report = replace(NOTHING, unknown=("labs: https://hr.example.com/teams was cut off",))
    text = shown(lambda screen: show_plan(screen, report))
    assert "not known: labs: https://hr.example.com/teams was cut off" in text
    assert verdict(report) == "not known for 1 policy, else nothing"


REBUILT = RebuildReport(
    store="state/orchestrator.db",
    audit="state/audit.jsonl",
    present="there is none",
    known={"rooms": 405, "current": 405, "adopted": 7, "protected": 0, "removals_decided": 12},
    differences=tuple(
        f"team-rooms/t{number}: room r{number} none → current" for number in range(42)
    ),
    remarks=("audit.jsonl:1  the log begins here",),
    missing=("deliveries under way",),
)


def test_a_rebuild_tells_what_it_would_write() -> None:
    """What is known and what is different; on a terminal not all of it, in a pipe a line each."""
    text = shown(lambda screen: show_rebuilt(screen, REBUILT))
    assert "New store   405 rooms in all, 405 current, 7 adopted, 12 removals decided" in text
    assert "protected" not in text
    assert "Doubtful    audit.jsonl:1  the log begins here" in text
    assert "and 2 keys more: --json" in text
    assert text.rstrip().endswith("state rebuild --reason …")
    piped = shown(lambda screen: show_rebuilt(screen, REBUILT), None)
    assert piped.count("Different") == 42


def test_a_rebuild_tells_what_it_wrote() -> None:
    """And where the store is that was there."""
    done = replace(
        REBUILT, differences=(), known={}, written=True, kept="state/old.db", incarnation="7f3a01bc"
    )
    text = shown(lambda screen: show_rebuilt(screen, done))
    assert "New store   nothing at all is known" in text
    assert "Different   nothing: it remembers the same" in text
    assert "kept as state/old.db" in text
    assert "Written as store 7f3a01bc" in text
    text = shown(lambda screen: show_rebuilt(screen, replace(done, kept="")))
    assert "kept as" not in text


def test_a_store_is_shown_in_the_order_of_need() -> None:
    """First whether it is in doubt."""
    report = StoreReport(
        path="state/orchestrator.db",
        incarnation="7f3a01bc",
        lineage=("7f3a01bc", "pk3cyiw9"),
        keys=4,
        rooms={"current": 4},
        policies=1,
        last_fact=17,
        audit_seq=15,
        audit_lines=15,
        behind=2,
        doubt="it is new, because an earlier one was lost",
    )
    assert shown(lambda screen: show_store_report(screen, report)) == (
        "IN DOUBT    it is new, because an earlier one was lost\n"
        "Store       state/orchestrator.db, incarnation 7f3a01bc\n"
        "After       pk3cyiw9\n"
        "Holds       4 keys, 4 current, 1 policies\n"
        "Facts       up to 17, 2 not in the log yet\n"
        "Audit       15 lines, up to fact 15\n"
    )
    well = replace(report, lineage=("7f3a01bc",), rooms={}, behind=0, doubt="")
    text = shown(lambda screen: show_store_report(screen, well))
    assert "no rooms" in text
    assert "all in the log" in text
    assert "After" not in text
