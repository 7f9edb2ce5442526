"""Disks that are full or read-only, stores that vanish, cloned machines: nothing unrecorded.

Everything is real: a small tmpfs (which root alone can mount; CI is root), the daemon's process,
the Meetings server's own table, which is counted against the journal in the store's file.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.system.installation import Installation, policy, server_table
from tests.system.processes import free_port, leashed

ROOT_ONLY = pytest.mark.skipif(
    os.geteuid() != 0 and not os.environ.get("CI"), reason="only root can mount a tmpfs"
)
GONE = "removal: {mode: delete, grace: 60s}\n"
MANY = [f"t{number:02}" for number in range(30)]


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation whose daemon does not run."""
    return Installation.made(tmp_path)


@contextmanager
def disk(at: Path, size: str = "16m") -> Iterator[Callable[[], None]]:
    """A disk of this size at a folder; gives what fills it to the last page, and then frees it."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], check=True)
    filler = at / "filler"

    def fill_or_free() -> None:
        if filler.exists():
            filler.unlink()
            return
        with filler.open("wb", buffering=0) as file:
            for block in (4096, 1):
                try:
                    while file.write(b"\0" * block):
                        pass
                except OSError:
                    continue

    try:
        yield fill_or_free
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def journal(store: Path) -> set[str]:
    """The operations that the store's file holds, read beside the daemon."""
    with closing(sqlite3.connect(f"file:{quote(str(store))}?mode=ro", uri=True)) as connection:
        return {str(row[0]) for row in connection.execute("SELECT id FROM operations")}


def made_by(row: dict[str, Any]) -> str:
    """The operation in a room's marker."""
    return str(row["metadata"]).split(" op=")[1].split(" ")[0]


def needs(own: Installation) -> str:
    return "\n".join(own.ask("status", "--json").json["needs_you"])


def alive(rows: list[dict[str, Any]]) -> list[str]:
    """The names of the rooms that are there."""
    return sorted(row["display_name"] for row in rows if row["phase"] not in {"deleted", "expired"})


# --- disks ----------------------------------------------------------------------------------------


@ROOT_ONLY
@pytest.mark.timeout(120)  # a store that failed is tried again every quarter of a minute
def test_p02_a_full_disk_stops_every_act_until_there_is_room(own: Installation) -> None:
    """In the midst of making thirty rooms; status answers; then it goes on without a restart."""
    with disk(own.folder / "disk") as fill_or_free:
        store = own.folder / "disk" / "orchestrator.db"
        own.configure("sqlite:///state/orchestrator.db", "sqlite:///disk/orchestrator.db")
        own.configure("  embedded: true", "  embedded: true\n  rate: 10")
        own.put("first.yaml", policy("first", ["a"]))
        with own.daemon() as process:
            own.a_fact("room.created", key="first/a")
            own.put("teams.yaml", policy("teams", MANY))
            own.a_fact("room.created", key="teams/", count=5)
            fill_or_free()
            own.until(lambda: "Nothing is done" in needs(own), "status says so")
            assert "make room on its disk" in needs(own)
            own.put("more.yaml", policy("more", MANY[:3]))
            own.until(lambda: "store.failed" in own.log, "the log says so")
            rows = own.table()
            # Each room that was made stands in the journal, and nothing else is made.
            assert {made_by(row) for row in rows} <= journal(store)
            assert len(rows) < 1 + len(MANY) + 3
            assert not own.facts("room.created", key="more/")
            fill_or_free()
            own.until(lambda: len(own.table()) == 1 + len(MANY) + 3, "it goes on by itself", 60)
            own.until(lambda: not needs(own), "nothing needs a person")
            own.until(
                lambda: own.ask("status", "--json").json["rooms"] == {"open": 34}, "all are known"
            )
            assert process.poll() is None
        assert {made_by(row) for row in own.table()} <= journal(store)
        assert len({row["display_name"] for row in own.table()}) == len(own.table())
        assert own.ask("audit", "verify", "--json").json["whole"] is True


@ROOT_ONLY
def test_p12_a_full_disk_of_the_log_alone_delays_it_and_loses_nothing(own: Installation) -> None:
    """Rooms are made and remembered; what waits is written once there is room."""
    with disk(own.folder / "disk", "256k") as fill_or_free:
        own.configure("file: state/audit.jsonl", "file: disk/audit.jsonl")
        log = own.folder / "disk" / "audit.jsonl"
        with own.daemon():
            own.until(lambda: log.exists() and b"daemon.started" in log.read_bytes(), "it began")
            fill_or_free()
            own.put("teams.yaml", policy("teams", MANY[:20]))
            own.until(lambda: len(own.table()) == 20, "the rooms are made")
            own.until(lambda: "audit is behind" in needs(own), "status says so")
            assert log.read_bytes().count(b"room.created") < 20  # its last page had some room
            fill_or_free()
            own.until(lambda: log.read_bytes().count(b"room.created") == 20, "it is caught up", 60)
            own.until(lambda: not needs(own), "nothing needs a person")
        assert own.ask("audit", "verify", "--json").json["whole"] is True


@ROOT_ONLY
@pytest.mark.parametrize("what", ["store", "log"])
def test_p02_a_disk_that_cannot_be_written_stops_the_start(own: Installation, what: str) -> None:
    """One sentence, and no act; a question answers with the same sentence."""
    with disk(own.folder / "disk"):
        before, after = {
            "store": ("sqlite:///state/orchestrator.db", "sqlite:///disk/orchestrator.db"),
            "log": ("file: state/audit.jsonl", "file: disk/audit.jsonl"),
        }[what]
        own.configure(before, after)
        own.put("teams.yaml", policy("teams", ["a"]))
        assert own.ask("apply").code == 0
        rows = own.table()
        own.put("teams.yaml", policy("teams", ["a", "b"]))
        subprocess.run(["mount", "-o", "remount,ro", str(own.folder / "disk")], check=True)
        for said in (own.ask("apply"), own.ask("plan")):
            assert said.code == 1
            sentence = said.err.splitlines()[-1]
            assert sentence.startswith("room-orchestrator: ")
            assert str(own.folder / "disk") in sentence
            assert "ead-only" in sentence or "readonly" in sentence
        assert own.table() == rows


# --- the store is gone ----------------------------------------------------------------------------


def test_p02_nothing_is_recorded_into_a_store_that_was_deleted(own: Installation) -> None:
    """Neither by an act nor by a reload; after the restart the rooms are known, ends wait."""
    own.put("teams.yaml", policy("teams", ["a", "b"], more=GONE))
    with own.daemon():
        own.a_fact("room.created", key="teams/", count=2)
        own.until(lambda: own.ask("state", "show", "--json").json["behind"] == 0, "it is told")
        for file in own.store.parent.glob("orchestrator.db*"):
            if not file.name.endswith(".lock"):
                file.unlink()
        lines = own.audit.read_bytes()
        reloaded = own.ask("reload")
        assert reloaded.code == 1
        assert "removed or replaced" in reloaded.err
        own.put("teams.yaml", policy("teams", ["a"], more=GONE))
        own.until(lambda: "Nothing is done" in needs(own), "status says so")
        own.until(lambda: "store.failed" in own.log, "the log says so")
    assert own.audit.read_bytes() == lines
    assert not own.store.exists()
    # From here on without a daemon, which would do the same.
    assert own.ask("apply").code == 0
    assert "an earlier one was lost" in needs(own)
    assert own.a_fact("room.tombstoned", key="teams/b")["room_id"]
    assert alive(own.table()) == ["teams a", "teams b"]
    assert own.ask("state", "rebuild", "--reason", "lost").code == 0
    assert own.ask("apply").code == 0
    assert not needs(own)
    assert own.ask("status", "--json").json["rooms"] == {"ending": 1, "open": 1}


# --- machines that were cloned --------------------------------------------------------------------


@contextmanager
def meetings_server(folder: Path, own: Installation) -> Iterator[Path]:
    """A Meetings server of its own; the installation is told to use it. Its database."""
    port, database = free_port(), folder / "api.db"
    arguments = ("-m", "orchestrator", "meetings-server", "--listen", f"127.0.0.1:{port}")
    with leashed(
        (*arguments, "--database", str(database), "--keys", str(folder / "keys")),
        stdout=subprocess.PIPE,
        folder=folder,
    ) as server:
        assert server.stdout is not None
        said = [server.stdout.readline().decode() for _ in range(3)]
        own.configure("  database: state/meetings.db\n", "")
        own.configure(f"  listen: 127.0.0.1:{own.port}\n", "")
        own.configure(
            "  embedded: true",
            f"  url: http://127.0.0.1:{port}/v1/meetings\n"
            f"  application_id: {said[1].split()[1]}\n"
            f"  private_key: {{file: {folder / 'keys' / 'meetings.pem'}}}",
        )
        yield database


def cloned(own: Installation, *, with_store: bool) -> Installation:
    """A second machine with a copy of config, keys and policies, and perhaps of the store."""
    folder = own.folder.with_name("clone")
    shutil.copytree(own.folder, folder, ignore=shutil.ignore_patterns("*.sock", "life-*.log"))
    if not with_store:
        shutil.rmtree(folder / "state")
    return Installation(folder, free_port())


@pytest.mark.parametrize("with_store", [True, False], ids=["with-store", "without"])
def test_p03_a_cloned_daemon_ends_and_doubles_nothing(tmp_path: Path, with_store: bool) -> None:
    """In both directions; each says what it sees."""
    (tmp_path / "own").mkdir()
    own = Installation.made(tmp_path / "own")
    with meetings_server(tmp_path, own) as database:
        own.put("teams.yaml", policy("teams", ["a", "b"], more=GONE))
        assert own.ask("apply").code == 0
        clone = cloned(own, with_store=with_store)
        with own.daemon():
            own.put("teams.yaml", policy("teams", ["a", "b", "c"], more=GONE))
            own.a_fact("room.created", key="teams/c")
            # The clone's policies want less than there is, and something of their own.
            clone.put("teams.yaml", policy("teams", ["b", "d"], more=GONE))
            with clone.daemon():
                word = "works with a copy of it" if with_store else "another daemon uses this owner"
                clone.until(lambda: word in needs(clone), "the clone notices")
                if with_store:
                    clone.a_fact("room.created", key="teams/d")
                    # What it cannot have made itself the original sees at its next listing.
                    assert own.ask("apply").code in {0, 3}
                    own.until(lambda: word in needs(own), "the original notices")
                    own.put("teams.yaml", policy("teams", ["c"], more=GONE))
                    own.a_fact("room.tombstoned", key="teams/", count=2)
                else:
                    assert not needs(own)
                names = alive(server_table(database))
        expected = ["teams a", "teams b", "teams c", *(["teams d"] if with_store else [])]
        assert names == expected
        assert not [fact for fact in clone.facts("room.created") if not with_store]
        assert not own.facts("room.deleted")
        assert not clone.facts("room.deleted")
