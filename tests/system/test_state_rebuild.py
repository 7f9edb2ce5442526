"""`state rebuild` as its users have it: files that were lost, spoilt or put back from yesterday.

Where no daemon is needed each command works for itself, with the embedded server, in this process.
"""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.ports.store import Commit
from tests.system.installation import Installation, Said, policy

DRY = ("state", "rebuild", "--dry-run")
DONE = ("state", "rebuild", "--reason", "OPS-4711 the disk died")
SOON = "removal: {mode: delete, grace: 7d}\n"


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation with three rooms, of which one is to be removed; no daemon runs."""
    made = Installation.made(tmp_path)
    made.put("teams.yaml", policy("teams", ["a", "b"], more=SOON))
    made.put("gone.yaml", policy("gone", ["x"], more=SOON))
    applied(made)
    made.drop("gone.yaml")
    applied(made)
    assert [fact["key"] for fact in made.facts("room.tombstoned")] == ["gone/x"]
    return made


def applied(own: Installation) -> None:
    said = own.ask("apply")
    assert said.code == 0, said.err


def drop_store(own: Installation) -> None:
    for file in own.store.parent.glob("orchestrator.db*"):
        file.unlink()


def refused(said: Said, *parts: str) -> None:
    """One sentence on stderr, and nothing was written."""
    assert said.code == 1, said.out
    sentence = said.err.splitlines()[-1]
    assert sentence.startswith("room-orchestrator: ")
    for part in parts:
        assert part in sentence, sentence


def rebuilt(own: Installation, *options: str) -> dict[str, Any]:
    """Look, then do it; both tell the same. What was told, as a document."""
    looked = own.ask(*DRY, "--json", *options)
    assert looked.code == 3, looked.err
    done = own.ask(*DONE, "--json", *options)
    assert done.code == 0, done.err
    told: dict[str, Any] = done.json
    same = ("present", "known", "differences")
    assert [looked.json[name] for name in same] == [told[name] for name in same]
    return told


def goes_on(own: Installation, *, numbered: bool = True) -> None:
    """Nothing is left to do, nothing doubted, and the log holds over the seam."""
    before = own.table()
    planned = own.ask("plan", "--json")
    assert (planned.code, planned.json["lines"]) == (0, []), planned.out
    assert [line["key"] for line in planned.json["standing"]] == ["gone/x"]
    applied(own)
    assert own.table() == before
    assert not own.ask("status", "--json").json["needs_you"]
    verified = own.ask("audit", "verify", "--json")
    assert verified.json["whole"] is True, verified.out
    seqs = [fact["seq"] for fact in own.facts()]
    if numbered:
        assert seqs == list(range(1, len(seqs) + 1))


# --- lost -----------------------------------------------------------------------------------------


def test_p12_a_lost_store_is_rebuilt_under_a_daemon_that_was_stopped(tmp_path: Path) -> None:
    """From a daemon's rooms to the next daemon's: same rooms, same links, the decision stands."""
    own = Installation.made(tmp_path)
    own.put("teams.yaml", policy("teams", ["a", "b"], more=SOON))
    own.put("gone.yaml", policy("gone", ["x"], more=SOON))
    with own.daemon():
        own.a_fact("room.created", key="gone/x")
        own.a_fact("room.created", key="teams/", count=2)
        own.drop("gone.yaml")
        own.a_fact("room.tombstoned", key="gone/x")
        own.until(lambda: len(own.links()) == 2, "the links are told")
        refused(own.ask(*DRY), "the store is in use", "in use by process")
        shown = own.ask("state", "show", "--json").json
        assert (shown["keys"], shown["rooms"], shown["doubt"]) == (3, {"current": 3}, "")
    links, rows = own.links(), own.table()
    drop_store(own)
    refused(own.ask("state", "show"), "there is no store", "state rebuild --dry-run")
    told = rebuilt(own)
    assert told["present"] == "there is none"
    assert told["known"]["rooms"] == 3
    assert told["known"]["removals_decided"] == 1
    assert told["incarnation"] == own.facts("state.rebuilt")[0]["store"]
    with own.daemon():
        own.until(lambda: own.ask("status", "--json").json["last_pass"], "the first pass")
        assert own.ask("plan", "--json").code == 0
        assert not own.ask("status", "--json").json["needs_you"]
        assert own.table() == rows
    assert own.links() == links
    goes_on(own)


def test_a_lost_store_is_noticed_at_the_next_start(own: Installation) -> None:
    """Without a rebuild: the rooms are taken up, nothing is ended, status names the command."""
    rows = own.table()
    drop_store(own)
    applied(own)
    (need,) = own.ask("status", "--json").json["needs_you"]
    assert "an earlier one was lost" in need
    assert "state rebuild --dry-run" in need
    assert "earlier one was lost" in own.ask("state", "show").out
    assert own.table() == rows
    assert rebuilt(own)["differences"] == []
    goes_on(own, numbered=False)  # a new store numbers its facts anew


# --- damaged --------------------------------------------------------------------------------------


def overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [overwrite, empty])
def test_p02_a_damaged_store_is_refused_kept_and_rebuilt(
    own: Installation, spoil: Callable[[Path], None]
) -> None:
    """One sentence that names the command; the damaged file stays, byte for byte."""
    spoil(own.store)
    damaged = own.store.read_bytes()
    for command in (("plan",), ("apply",)):
        refused(own.ask(*command), str(own.store), "state rebuild --dry-run")
    told = rebuilt(own)
    kept = Path(told["kept"])
    assert kept.parent == own.store.parent
    if spoil is empty:  # which a start has begun to fill
        assert "0 keys, 0 rooms" in told["present"]
    else:
        assert "cannot be read, and is kept" in told["present"]
        assert kept.read_bytes() == damaged
    goes_on(own)


# --- restored from yesterday ----------------------------------------------------------------------


def test_p02_an_older_copy_is_refused_and_rebuilt(own: Installation) -> None:
    """It names the fact; the rebuild tells what is different, and knows today's rooms."""
    shutil.copy(own.store, own.store.with_name("yesterday"))
    own.put("teams.yaml", policy("teams", ["a", "b", "c"], more=SOON))
    applied(own)
    drop_store(own)
    own.store.with_name("yesterday").rename(own.store)
    refused(own.ask("plan"), "older than its audit log", "state rebuild --dry-run")
    told = rebuilt(own)
    (line,) = told["differences"]
    assert line.startswith("teams/c: room ")
    assert told["known"]["policy_texts"] == 0  # today's text is another
    goes_on(own)


def test_p12_what_a_killed_daemon_left_of_a_deleted_store_is_not_played_into_the_new_one(
    own: Installation,
) -> None:
    """Its write-ahead log is valid by itself, so SQLite would write its pages over the new ones."""
    log = own.store.with_name(own.store.name + "-wal")
    with closing(sqlite3.connect(own.store)) as killed:
        killed.execute("INSERT INTO notes (name, value) VALUES ('of.the.lost', 'x')")
        killed.commit()
        left = log.read_bytes()
    drop_store(own)
    log.write_bytes(left)
    rebuilt(own)
    with closing(sqlite3.connect(own.store)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert not store.execute("SELECT 1 FROM notes WHERE name = 'of.the.lost'").fetchall()
    (kept,) = own.store.parent.glob("orchestrator.db.*-wal")
    assert kept.read_bytes() == left
    goes_on(own)


def test_facts_that_the_log_does_not_have_yet_are_written_before(own: Installation) -> None:
    """A store that was ahead of its log loses nothing."""

    async def say() -> None:
        store = await SqliteStore.open(own.store)
        other = Fact("room.distinct", key="teams/a", room_id="o", detail={"other": "o"})
        await store.commit(Commit(facts=[other]), datetime.now(UTC))
        await store.close()

    asyncio.run(say())
    told = rebuilt(own)
    assert any("distinct none → o" in line for line in told["differences"])
    assert own.facts("room.distinct")[0]["store"] != told["incarnation"]
    goes_on(own)


# --- the log --------------------------------------------------------------------------------------


def alter(own: Installation) -> None:
    text = own.audit.read_text()
    own.audit.write_text(text.replace('"gone a"', '"gone b"').replace("gone x", "gone y", 1))


def cut_off(own: Installation) -> None:
    own.audit.write_bytes(b"".join(own.audit.read_bytes().splitlines(keepends=True)[:-2]))


@pytest.mark.parametrize("spoil", [alter, cut_off])
def test_p12_a_broken_log_is_refused_unless_a_person_trusts_it(
    own: Installation, spoil: Callable[[Installation], None]
) -> None:
    """It names the places and the option; the fact of the rebuild says what was doubted."""
    spoil(own)
    refused(own.ask(*DRY), "not what was written", "--trust-broken-audit")
    told = rebuilt(own, "--trust-broken-audit")
    assert told["remarks"]
    assert own.facts("state.rebuilt")[0]["detail"]["doubted"]
    assert own.ask("plan", "--json").json["lines"] == []


def test_old_files_of_the_log_may_be_gone(own: Installation) -> None:
    """Markers and the list tell what they told; that the log begins late is a remark."""
    lines = own.audit.read_bytes().splitlines(keepends=True)
    adopted = next(n for n, line in enumerate(lines) if b"room.tombstoned" in line)
    own.audit.write_bytes(b"".join(lines[adopted:]))
    drop_store(own)
    told = rebuilt(own)
    assert any("begins here" in remark or "missing" in remark for remark in told["remarks"])
    assert told["known"]["by_marker_alone"] == 3
    assert own.ask("plan", "--json").json["lines"] == []


def test_adopted_rooms_are_known_by_the_list_alone(own: Installation) -> None:
    """And disowned ones."""
    rows = {row["display_name"]: row["id"] for row in own.table()}
    own.audit.unlink()
    drop_store(own)
    data = own.folder / "policies" / "data"
    data.mkdir(exist_ok=True)
    lines = {
        "adopted": [{"room": rows["teams a"], "key": "teams/a", "name": "teams a"}],
        "disowned": [{"room": rows["gone x"], "key": "gone/x", "name": "gone x"}],
    }
    (data / "adopted.yaml").write_text(json.dumps(lines))
    refused(own.ask(*DRY), "another daemon uses this owner", rows["teams b"])
    (store,) = {row["metadata"].split(" op=")[1].split("-")[0] for row in own.table()}
    told = rebuilt(own, "--take-over", store)
    assert told["known"]["by_list_alone"] == told["known"]["by_marker_alone"] == 1
    assert told["known"]["disowned"] == 1
    assert "no audit log" in told["remarks"][0]
    assert own.ask("plan", "--json").json["lines"] == []


# --- what is not to be trusted --------------------------------------------------------------------


def test_p03_rooms_by_a_store_that_was_never_ours_are_refused(own: Installation) -> None:
    """By name and time; taken over on purpose, each is its key's again."""
    own.audit.unlink()
    drop_store(own)
    rows = own.table()
    refused(own.ask(*DRY), "another daemon uses this owner", "made 20", "--take-over")
    # Started without a rebuild it does nothing at all.
    own.ask("apply")
    assert own.table() == rows
    planned = own.apart("plan", "--json")
    assert planned.code == 3
    assert "another daemon uses this owner" in planned.json["doubt"]
    held = planned.json["held"]
    assert {(line["action"], line["held_by"]) for line in held} == {("create", "stranger")}
    (store,) = {row["metadata"].split(" op=")[1].split("-")[0] for row in rows}
    assert rebuilt(own, "--take-over", store)["known"]["by_marker_alone"] == 3
    assert own.ask("plan", "--json").json["lines"] == []


def test_p04_an_api_that_shows_none_of_our_rooms_is_refused(own: Installation) -> None:
    """An empty backend behind the same address."""
    drop_store(own)
    for file in own.store.parent.glob("meetings.db*"):
        file.unlink()
    refused(own.ask(*DRY), "shows 0 rooms", "none of the 3")


def in_the_servers_table(own: Installation, query: str, *values: str) -> None:
    """Change a room behind everybody's back."""
    with closing(sqlite3.connect(own.folder / "state" / "meetings.db")) as connection:
        assert connection.execute(query, values).rowcount == 1
        connection.commit()


def test_a_room_that_the_api_does_not_show_is_still_remembered(own: Installation) -> None:
    """It counts as lost only if it stays away; the remark names it."""
    in_the_servers_table(own, "DELETE FROM room WHERE display_name = ?", "teams a")
    drop_store(own)
    told = rebuilt(own)
    assert any("1 rooms that the log tells of are not shown" in one for one in told["remarks"])
    assert told["known"]["rooms"] == 3


def test_of_two_rooms_that_claim_one_key_a_person_chooses(own: Installation) -> None:
    """One is taken, the other named; nothing is ended until it is let go of."""
    own.audit.unlink()
    drop_store(own)
    (store,) = {row["metadata"].split(" op=")[1].split("-")[0] for row in own.table()}
    twin = new_marker("acceptance", key("teams", "b"), 2, f"{store}-0123456789abcdef")
    change = "UPDATE room SET metadata = ? WHERE display_name = ?"
    in_the_servers_table(own, change, write_metadata("", twin), "teams a")
    told = rebuilt(own, "--take-over", store)
    rows = {row["display_name"]: row["id"] for row in own.table()}
    assert any(
        f"left alone, because their key has another room or cannot be read: room "
        f"{rows['teams b']}" in one
        for one in told["remarks"]
    )
    own.put("teams.yaml", policy("teams", ["a"], more="removal: {mode: delete, grace: 60s}\n"))
    applied(own)
    said = own.ask("rooms", "forget", rows["teams b"], "--reason", "the other is right")
    assert said.code == 0, said.err
    assert own.facts("room.forgotten")[0]["room_id"] == rows["teams b"]
    nobody = own.ask("rooms", "forget", "no-such-room", "--reason", "a slip")
    assert nobody.code == 2


def test_another_owner_is_refused(own: Installation) -> None:
    """The store says whose it is."""
    own.configure("owner: acceptance", "owner: somebody")
    refused(own.ask(*DRY), "that of the owner 'acceptance'")


def test_a_list_that_cannot_be_read_is_refused(own: Installation) -> None:
    """It may name rooms that are not to be touched."""
    data = own.folder / "policies" / "data"
    data.mkdir(exist_ok=True)
    (data / "adopted.yaml").write_text("adopted: [{room: 1")
    refused(own.ask(*DRY), "adopted.yaml")


def test_an_api_that_does_not_answer_is_refused(own: Installation) -> None:
    """Nothing is known without a listing."""
    own.configure("  database: state/meetings.db\n", "")
    own.configure(f"  listen: 127.0.0.1:{own.port}\n", "")
    own.configure(
        "  embedded: true",
        "  url: http://127.0.0.1:9/v1/meetings\n"
        "  application_id: 6f1d8d0e-5c0b-4c8e-9a41-2d5f7d8b2a11\n"
        "  private_key: {file: secrets/meetings.pem}",
    )
    refused(own.ask(*DRY), "the API could not be listed")


def test_a_reason_is_asked_for(own: Installation) -> None:
    """It is what the log will tell."""
    said = own.ask("state", "rebuild")
    assert said.code == 2
    assert "--reason" in said.err
