"""The control socket over the lives of a daemon: questions wait, are finished, or are refused."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.domain.reports import Done, Person, StatusReport
from orchestrator.edges.control import ControlServer, SocketDesk
from orchestrator.ports.desk import Desk, DeskError
from tests.fakes.clock import settle
from tests.fakes.desk import FakeDesk
from tests.reports import STATUS, desk


class Slow(FakeDesk):
    """Answers when it is let to."""

    asked: asyncio.Event
    go: asyncio.Event

    async def status(self) -> StatusReport:
        self.asked.set()
        await self.go.wait()
        return await super().status()

    async def reload(self, person: Person) -> Done:
        await self.status()
        return await super().reload(person)


def slow() -> Slow:
    """One that waits."""
    given = desk()
    made = Slow(
        given.status_report,
        given.plan_report,
        given.rooms_report,
        given.why_report,
        given.apply_report,
    )
    made.asked, made.go = asyncio.Event(), asyncio.Event()
    return made


async def status_of(path: Path) -> StatusReport:
    async with SocketDesk.opened(path) as client:
        return await client.status()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.sock"


@pytest.fixture
def handed(path: Path) -> Iterator[socket.socket]:
    """A listening socket that somebody else made, and keeps."""
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        path.chmod(0o640)
        theirs.setblocking(False)
        yield theirs


async def test_a_question_between_two_lives_waits_for_the_next(path: Path) -> None:
    """It is asked of a desk that was not there yet."""
    server = ControlServer(None, path)
    async with server.serving(), asyncio.TaskGroup() as group:
        async with server.answering_with(desk()):
            assert await status_of(path) == STATUS
        question = group.create_task(status_of(path), name="question")
        await settle()
        assert not question.done()
        async with server.answering_with(desk()):
            assert await question == STATUS


async def test_a_life_ends_after_the_questions_that_it_was_asked(path: Path) -> None:
    """What they stand on is closed only then."""
    server, one = ControlServer(None, path), slow()
    async with server.serving(), asyncio.TaskGroup() as group:
        async with server.answering_with(one):
            question = group.create_task(status_of(path), name="question")
            await one.asked.wait()
            asyncio.get_running_loop().call_later(0.05, one.go.set)
        assert one.go.is_set()
        assert await question == STATUS


async def test_a_reload_does_not_hold_up_the_life_that_it_ends(path: Path) -> None:
    """It waits for the next one, and is answered over the same connection."""
    server, one = ControlServer(None, path), slow()

    async def reload() -> Done:
        async with SocketDesk.opened(path) as client:
            return await client.reload(Person("", "x"))

    async with server.serving(), asyncio.TaskGroup() as group:
        async with asyncio.timeout(1), server.answering_with(one):
            asked = group.create_task(reload(), name="reload")
            await one.asked.wait()
        async with server.answering_with(desk()):
            one.go.set()
            assert (await asked).message == "done: reload"


async def test_who_waits_when_the_daemon_ends_is_told_so(path: Path) -> None:
    """A sentence, and not a broken connection."""
    server = ControlServer(None, path)
    async with asyncio.TaskGroup() as group:
        async with server.serving():
            question = group.create_task(refused(path), name="question")
            await settle()
        assert await question == "the daemon is ending; ask again when it runs"


async def refused(path: Path) -> str:
    with pytest.raises(DeskError) as told:
        await status_of(path)
    return str(told.value)


async def test_a_socket_that_was_handed_over_stays_as_it_is(
    path: Path, handed: socket.socket
) -> None:
    """Its mode, its inode and the file itself; and another daemon answers on it afterwards."""
    before = path.stat()
    answering: list[Desk] = [desk(), desk()]
    for one in answering:
        async with ControlServer(one, path, handed.dup()).serving():
            assert await status_of(path) == STATUS
        after = path.stat()
        assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
