"""The audit's commands over a log of this test's own."""

import csv
import io
import json
from pathlib import Path

import pytest

from orchestrator.adapters.audit.log import JsonlAudit
from orchestrator.adapters.audit.signing import SigningKey, new_signing_key
from orchestrator.adapters.audit.writing import LogPlace
from orchestrator.adapters.store.peek import peek
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.engine.outbox import AUDIT_HEAD
from orchestrator.ports.store import Commit, StoreFault
from tests.fakes.clock import VirtualClock
from tests.fakes.facts import recorded, recorded_facts, renewed
from tests.reports import NOW
from tests.unit.cli.conftest import CONFIG, CommandLine

PIPE = 0


@pytest.fixture
async def log(ro: CommandLine) -> Path:
    """A log of forty facts with a store that remembers its end, and a key that signs it."""
    key = new_signing_key()
    (ro.folder / "audit.pem").write_text(key.reveal())
    (ro.folder / "audit.pem").chmod(0o600)
    (ro.folder / "config.yaml").write_text(f"{CONFIG}audit: {{signing_key: {{file: audit.pem}}}}\n")
    live = ro.folder / "state" / "audit.jsonl"
    live.parent.mkdir()
    store = await SqliteStore.open(ro.folder / "state" / "orchestrator.db")
    place = LogPlace(live, "nordlicht-prod", store.incarnation, SigningKey.from_pem(key), None)
    audit = JsonlAudit(place)
    facts = [*recorded_facts(39), recorded(40, renewed(40, "Board room"))]
    head = await audit.append(facts)
    note = json.dumps({"seq": head.seq, "hash": head.hash, "lines": head.lines})
    await store.commit(Commit(notes={AUDIT_HEAD: note}), NOW)
    await audit.close()
    await store.close()
    return live


def test_tail_shows_the_last_facts(ro: CommandLine, log: Path) -> None:
    """One a line; as many as are asked for; with --json the lines as they are."""
    lines = ro("audit", "tail", "-n", "3").out.splitlines()
    assert [line.split()[2] for line in lines] == ["#38", "#39", "#40"]
    assert lines[-1] == (
        '2026-11-14 06:10:42Z  #40  room.renewed  team-rooms/checkout  "Board room"  because due'
        "  by policy team-rooms@9c1e4b7a01d2f3e4"
    )
    assert ro("audit", "tail", "-n", "2", "--json").out.encode() == b"".join(
        log.read_bytes().splitlines(keepends=True)[-2:]
    )
    assert len(ro("audit", "tail").out.splitlines()) == 20


class WritingClock(VirtualClock):
    """While somebody waits, a fact is written; then Ctrl-C is pressed."""

    def __init__(self, live: Path) -> None:
        """Write into this log."""
        super().__init__(NOW)
        self._live = live
        self._waits = 0

    async def sleep(self, seconds: float) -> None:
        self._waits += 1
        if self._waits > 1:
            raise KeyboardInterrupt
        line = self._live.read_bytes().splitlines(keepends=True)[-1]
        with self._live.open("ab") as file:
            file.write(line.replace(b'"seq":40', b'"seq":41'))


def test_tail_follows_until_ctrl_c(ro: CommandLine, log: Path) -> None:
    """The last facts, then each that is written."""
    ro.clock = WritingClock(log)
    said = ro("audit", "tail", "-f", "-n", "1")
    assert [line.split()[2] for line in said.out.splitlines()] == ["#40", "#41"]
    assert said.code == 130


def test_search_finds_what_was_true_then_and_says_what_it_covered(
    ro: CommandLine, log: Path
) -> None:
    """Nothing found is an answer too."""
    said = ro("audit", "search", "board ROOM")
    assert len(said.out.splitlines()) == 1
    assert "1 fact. Searched 40 lines in 1 file" in said.err
    assert "chain whole" in said.err
    said = ro("audit", "search", "no such room")
    assert (said.out, said.code) == ("", 0)
    assert "Nothing. Searched 40 lines" in said.err
    said = ro("audit", "search", "board", terminal=80)
    assert "who" in said.out
    assert "PATCH 200 in 91.25 ms, operation 7f3a01bc-0000000040" in said.out
    assert "expires_at 2026-11-20T10:00:00.000Z → 2027-11-20T09:00:00.000Z" in said.out


def test_search_takes_times_and_events(ro: CommandLine, log: Path) -> None:
    """A moment or a time ago; names of events are checked."""
    since = ("--since", "2026-11-14T06:10:40Z")
    assert len(ro("audit", "search", *since).out.splitlines()) == 3
    assert len(ro("audit", "search", "--since", "1h").out.splitlines()) == 0
    assert len(ro("audit", "search", "--until", "1h", *since).out.splitlines()) == 3
    assert len(ro("audit", "search", "--event", "room.renewed, room.lost").out.splitlines()) == 40
    said = ro("audit", "search", "--event", "room.renewd")
    assert (said.code, 'did you mean "room.renewed"?' in said.err) == (2, True)
    assert ro("audit", "search", "--since", "yesterday").code == 2


def test_show_tells_one_fact_whole(ro: CommandLine, log: Path) -> None:
    """With its hash and its place; what is no number is invalid, one that is not there fails."""
    out = ro("audit", "show", "#7").out
    assert "stands in  audit.jsonl:7" in out
    assert "hash" in out
    fact = json.loads(ro("audit", "show", "7", "--json").out)
    assert fact["fact"]["seq"] == 7
    assert [each["seq"] for each in fact["trail"]] == [7]
    assert ro("audit", "show", "seven").code == 2
    said = ro("audit", "show", "99")
    assert (said.code, "no fact #99" in said.err) == (1, True)


def test_verify_passes_a_log_that_is_what_was_written(ro: CommandLine, log: Path) -> None:
    """And says against what it was checked."""
    said = ro("audit", "verify")
    assert said.code == 0
    assert said.out.startswith("The log is what was written: 40 lines in 1 file")
    assert "its end is the one that the store remembers" in said.out
    document = json.loads(ro("audit", "verify", "--json").out)
    assert (document["whole"], document["anchoring"], document["lines"]) == (True, "held", 40)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param(lambda raw: raw.replace(b'"seq":9,', b'"seq":8,'), "audit.jsonl:9", id="byte"),
        pytest.param(lambda raw: raw[: raw.rindex(b"\n", 0, -1) + 1], "audit.jsonl:39", id="tail"),
        pytest.param(lambda raw: raw[:-20], "audit.jsonl:40", id="cut"),
    ],
)
def test_verify_names_the_place_where_it_is_not(
    ro: CommandLine, log: Path, change: object, place: str
) -> None:
    """Exit 1, in JSON as well; the sound of the answer is the same on a terminal."""
    assert callable(change)
    log.write_bytes(change(log.read_bytes()))
    said = ro("audit", "verify")
    assert said.code == 1
    assert said.out.startswith(place)
    assert "NOT what was written" in said.out
    assert json.loads(ro("audit", "verify", "--json").out)["findings"]
    assert "NOT what was written" in ro("audit", "verify", terminal=100).out


def test_verify_says_what_it_could_not_check(ro: CommandLine, log: Path) -> None:
    """No store and no key: it goes on without, and says so."""
    (ro.folder / "audit.pem").unlink()
    (ro.folder / "state" / "orchestrator.db").unlink()
    said = ro("audit", "verify")
    assert said.code == 0
    assert "not checked against the store" in said.out
    assert "signatures not checked" in said.out
    (ro.folder / "state" / "orchestrator.db").write_bytes(b"no database at all" * 100)
    assert "not checked against the store" in ro("audit", "verify").out


def test_verify_takes_a_public_key(ro: CommandLine, log: Path) -> None:
    """An auditor has no other; what is none is refused."""
    public = SigningKey.from_pem(new_signing_key()).public
    (ro.folder / "public.pem").write_text(public.pem)
    assert ro("audit", "verify", "--public-key", "public.pem").code == 0
    (ro.folder / "public.pem").write_text("hello")
    said = ro("audit", "verify", "--public-key", "public.pem")
    assert (said.code, "public.pem cannot be used" in said.err) == (2, True)
    assert ro("audit", "verify", "--public-key", "nothing.pem").code == 2


def test_export_takes_facts_out(ro: CommandLine, log: Path) -> None:
    """The lines as they are, or CSV; to a file or to standard output."""
    assert ro("audit", "export").out.encode() == log.read_bytes()
    rows = list(csv.DictReader(io.StringIO(ro("audit", "export", "--format", "csv").out)))
    assert [row["seq"] for row in rows] == [str(seq) for seq in range(1, 41)]
    assert ro("audit", "export", "--out", "log.jsonl", "--key", "team-rooms/none").out == ""
    assert (ro.folder / "log.jsonl").read_bytes() == b""


def test_a_log_that_is_not_there_yet_is_empty(ro: CommandLine) -> None:
    """Nothing has been done."""
    assert ro("audit", "tail").out == ""
    assert ro("audit", "verify").code == 0


def test_a_note_is_read_beside_the_daemon(ro: CommandLine, log: Path) -> None:
    """The store is not opened, and what is no store is told."""
    path = ro.folder / "state" / "orchestrator.db"
    assert json.loads(peek(path, AUDIT_HEAD) or "")["seq"] == 40
    assert peek(path, "no.such.note") is None
    assert peek(ro.folder / "nothing.db", AUDIT_HEAD) is None
    (ro.folder / "bad.db").write_bytes(b"x" * 4096)
    with pytest.raises(StoreFault, match="cannot be read"):
        peek(ro.folder / "bad.db", AUDIT_HEAD)
