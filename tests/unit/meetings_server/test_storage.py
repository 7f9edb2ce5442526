"""The tables: what the hot statements stand on, and what the database itself makes sure of."""

import os
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.foundation.sqlite import MEMORY, Database, Schema, load_schema
from orchestrator.meetings_server.model.logos import LogoType, Upload
from orchestrator.meetings_server.model.rooms import Room, RoomDraft, RoomType, made
from orchestrator.meetings_server.model.sessions import Participant, Session, SessionQuery
from orchestrator.meetings_server.model.themes import Theme
from orchestrator.meetings_server.ports import RoomQuery
from orchestrator.meetings_server.service.naming import draw_names
from orchestrator.meetings_server.storage.callbacks import CallbackTable
from orchestrator.meetings_server.storage.columns import changing_columns, fixed_columns
from orchestrator.meetings_server.storage.recordings import RecordingTable
from orchestrator.meetings_server.storage.rooms import RoomTable
from orchestrator.meetings_server.storage.sessions import SessionTable
from orchestrator.meetings_server.storage.themes import ThemeTable
from orchestrator.meetings_server.storage.uploads import UploadTable
from tests.fakes.clock import START

SCHEMA = load_schema("meetings-server", "orchestrator.meetings_server.storage")


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    """The server's tables, empty."""
    async with await Database.open(MEMORY, SCHEMA) as opened:
        yield opened


def new_room() -> Room:
    """A long_term room of application `a`."""
    draft = RoomDraft(
        display_name="x", type=RoomType.LONG_TERM, expires_at=START + timedelta(days=9)
    )
    return made(draft, draw_names(os.urandom), "a", START, one_year=True)


def plans(connection: sqlite3.Connection) -> list[str]:
    """What SQLite would do for each statement of a hot path, as it says itself."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    rooms, callbacks = RoomTable(connection), CallbackTable(connection)
    sessions, themes = SessionTable(connection), ThemeTable(connection)
    recordings, uploads = RecordingTable(connection), UploadTable(connection)
    rooms.page("a", RoomQuery(limit=20, start=500))
    rooms.page("a", RoomQuery(limit=20, start=500, theme_id="t"))
    rooms.due(START, 10)
    rooms.next_due()
    rooms.first_ended()
    rooms.get("x")
    rooms.linked("x")
    rooms.has_code("1")
    rooms.living("a")
    rooms.save(rooms.add(new_room()))
    rooms.purge(START, 10)
    sessions.running("x")
    sessions.present(Session(id="s", room_id="x", started_at=START))
    sessions.page("a", SessionQuery(limit=20, since=START), START)
    sessions.application("x")
    recordings.get("x")
    recordings.running("x")
    recordings.forget("x")
    callbacks.due(START, 10)
    callbacks.next_due()
    themes.get("t")
    themes.all("a")
    themes.count("a")
    themes.named("a", "n")
    themes.of_company("c")
    themes.living_rooms("t")
    themes.default("a")
    themes.set_default("a", None)
    themes.remove("t", None)
    uploads.get("k")
    uploads.count("a")
    uploads.put(Upload(key="k", application_id="a", type=LogoType.WHITE, expires_at=START))
    uploads.expired(START)
    uploads.next_expiry()
    uploads.remove("k")
    connection.set_trace_callback(None)
    return [
        f"{step['detail']} <- {statement}"
        for statement in statements
        if not statement.startswith("--")  # a trigger, which has no text of its own
        for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]


async def test_no_hot_statement_reads_a_whole_table(database: Database) -> None:
    """Each goes by an index, also with a hundred thousand rooms."""
    found = await database.write(plans)
    assert len(found) > 15
    scans = [plan for plan in found if plan.startswith("SCAN")]
    # The smallest of an index is its first entry: that is no walk through it.
    assert [plan for plan in scans if "USING" not in plan and "(subquery" not in plan] == []
    assert all("min(" in plan or "(subquery" in plan or "LIMIT 1" in plan for plan in scans)


async def test_a_room_has_one_running_session(database: Database) -> None:
    """The database refuses a second one."""

    def work(connection: sqlite3.Connection) -> None:
        room = RoomTable(connection).add(new_room())
        for name in ("s1", "s2"):
            session = Session(id=name, room_id=room.id, started_at=START)
            SessionTable(connection).start(room, session)

    with pytest.raises(sqlite3.IntegrityError):
        await database.write(work)


async def test_purging_takes_sessions_along(database: Database) -> None:
    """And their people; the tally is right again."""

    def work(connection: sqlite3.Connection) -> tuple[int, int]:
        rooms, sessions = RoomTable(connection), SessionTable(connection)
        room = rooms.add(new_room())
        session = Session(id="s", room_id=room.id, started_at=START)
        sessions.start(room, session)
        sessions.enter(
            Participant(id="p", session_id="s", name="Ada", is_host=True, joined_at=START)
        )
        connection.execute("UPDATE room SET phase = 'deleted', ended_at = 0")
        rooms.purge(START, 10)
        left = connection.execute("SELECT count(*) FROM participant").fetchone()[0]
        return left, rooms.living("a")

    assert await database.write(work) == (0, 0)


async def test_a_database_of_an_earlier_step_is_carried_on(tmp_path: Path) -> None:
    """Its rooms are there, in no theme, and can be given one."""
    path = tmp_path / "meetings.db"
    room = new_room()
    first = Schema(SCHEMA.name, SCHEMA.migrations[:1])
    columns = fixed_columns(room) | changing_columns(room)
    del columns["theme_id"]
    async with await Database.open(path, first) as old:
        await old.write(
            lambda connection: connection.execute(
                f"INSERT INTO room ({', '.join(columns)}) "  # noqa: S608 - our names
                f"VALUES ({', '.join('?' * len(columns))})",
                tuple(columns.values()),
            )
        )
    async with await Database.open(path, SCHEMA) as new:
        kept = await new.read(lambda connection: RoomTable(connection).get(room.id))
        assert kept == replace(room, serial=1)

        def work(connection: sqlite3.Connection) -> Room | None:
            theme = Theme(
                id="t",
                application_id="a",
                theme_name="n",
                main_color="#fff",
                brand_text="b",
                short_company_url="acme",
            )
            ThemeTable(connection).add(theme)
            assert kept is not None
            RoomTable(connection).save(kept.themed(theme))
            return RoomTable(connection).get(room.id)

        themed = await new.write(work)
        assert themed is not None
        assert (themed.theme_id, themed.short_company_url) == ("t", "acme")


async def test_callbacks_of_an_earlier_step_say_whose_they_are(tmp_path: Path) -> None:
    """By their rooms, so that they are signed; of a room that is gone nobody knows."""
    path = tmp_path / "meetings.db"
    room = new_room()
    third = Schema(SCHEMA.name, SCHEMA.migrations[:3])

    def queue(connection: sqlite3.Connection) -> None:
        columns = fixed_columns(room) | changing_columns(room)
        connection.execute(
            f"INSERT INTO room ({', '.join(columns)}) "  # noqa: S608 - our names
            f"VALUES ({', '.join('?' * len(columns))})",
            tuple(columns.values()),
        )
        for room_id in (room.id, "gone"):
            connection.execute(
                "INSERT INTO callback (room_id, url, body, created_at, next_at, attempts) "
                "VALUES (?, 'http://r.example', '{}', 0, 0, 0)",
                (room_id,),
            )

    async with await Database.open(path, third) as old:
        await old.write(queue)
    async with await Database.open(path, SCHEMA) as new:
        due = await new.read(lambda connection: CallbackTable(connection).due(START, 10))
        assert [one.application_id for one in due] == [room.application_id, ""]
