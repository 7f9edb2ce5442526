"""The control socket: its spelling, its file, and who is at the other end."""

import asyncio
import json
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orchestrator.app.daemon import question_failed
from orchestrator.domain.reports import StatusReport
from orchestrator.edges.control import (
    ControlServer,
    ControlSocketError,
    NoDaemonError,
    SocketDesk,
    actor_of,
    answers,
    wire,
)
from orchestrator.ports.desk import DeskError
from orchestrator.ports.sources import Folder
from orchestrator.ports.store import StoreFault
from tests.reports import STATUS, desk


def altered(text: bytes, **changes: object) -> bytes:
    """A message with some of its fields changed."""
    return json.dumps(json.loads(text) | changes).encode()


async def status_of(path: Path) -> StatusReport:
    """Ask the daemon on a socket for its status."""
    async with SocketDesk.opened(path) as client:
        return await client.status()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"GET / HTTP/1.1", "speaks another language", id="no JSON"),
        pytest.param(b"\xff\xfe", "speaks another language", id="no UTF-8"),
        pytest.param(b"[]", "speaks another language", id="no object"),
        pytest.param(b'{"version": 2}', "speaks version 2", id="newer"),
        pytest.param(b'{"version": 0}', "speaks version 0", id="older"),
        pytest.param(b'{"version": 1}', "was not understood", id="nothing asked"),
    ],
)
def test_what_is_of_another_version_is_refused(text: bytes, message: str) -> None:
    """Both ends say so, and what to do about it."""
    with pytest.raises(wire.WireError, match=f"{message}.*same release"):
        wire.read_question(text)
    if b'"version": 1' not in text:
        with pytest.raises(wire.WireError, match=f"{message}.*same release"):
            wire.read_answer(type(STATUS), text)


def test_an_unknown_question_is_refused() -> None:
    """A newer command line may ask what this daemon does not know."""
    text = altered(wire.write_question(wire.AskStatus()), ask="tea")
    with pytest.raises(wire.WireError, match="knows no question 'tea'"):
        wire.read_question(text)


def test_an_unknown_value_is_refused() -> None:
    """What is not understood is never left out silently."""
    text = altered(wire.write_question(wire.AskWhy("k/1")), values={"name": "k/1", "deep": True})
    with pytest.raises(wire.WireError, match="was not understood"):
        wire.read_question(text)


def test_an_answer_of_another_shape_is_refused() -> None:
    """A report that has lost a field is none."""
    plain = json.loads(wire.write_report(STATUS))
    del plain["report"]["owner"]
    with pytest.raises(wire.WireError, match="answer was not understood"):
        wire.read_answer(type(STATUS), json.dumps(plain).encode())


def test_a_file_that_did_not_come_whole_is_refused() -> None:
    """Bytes are base64, whole and nothing else."""
    folder = wire.WireFolder({"a.yaml": wire.WireFile("###")}, {})
    with pytest.raises(wire.WireError, match=r"a\.yaml did not come whole"):
        wire.read_folder(folder)


async def test_the_socket_is_for_owner_and_group(tmp_path: Path) -> None:
    """Mode 0660 whatever the umask is, and gone at the end."""
    path = tmp_path / "state" / "c.sock"
    async with ControlServer(desk(), path).serving():
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert await answers(path)
    assert not path.exists()


async def test_a_socket_that_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    """Nobody answers on it: it is in the way of nothing."""
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert not await answers(path)
    async with ControlServer(desk(), path).serving():
        assert await status_of(path) == STATUS


async def test_a_socket_on_which_somebody_answers_is_not_touched(tmp_path: Path) -> None:
    """The second daemon is refused, and the first goes on."""
    path = tmp_path / "c.sock"
    async with ControlServer(desk(), path).serving():
        with pytest.raises(ControlSocketError, match=r"answers on .* already"):
            async with ControlServer(desk(), path).serving():
                pass
        assert await status_of(path) == STATUS


async def test_another_daemons_socket_is_left_alone_at_the_end(tmp_path: Path) -> None:
    """Who replaced ours meanwhile keeps theirs."""
    path = tmp_path / "c.sock"
    async with ControlServer(desk(), path).serving():
        path.unlink()
        async with ControlServer(desk(), path).serving():
            kept = path.stat().st_ino
            assert kept
        path.touch()
    assert path.exists()


async def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """What is no socket is somebody's."""
    path = tmp_path / "c.sock"
    path.write_text("mine")
    with pytest.raises(ControlSocketError, match="is no socket"):
        async with ControlServer(desk(), path).serving():
            pass
    assert path.read_text() == "mine"


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """The sentence names the path."""
    (tmp_path / "file").touch()
    with pytest.raises(ControlSocketError, match="cannot be made"):
        async with ControlServer(desk(), tmp_path / "file" / "c.sock").serving():
            pass


async def test_no_daemon_is_told_apart_from_a_refusal(tmp_path: Path) -> None:
    """Nobody there is one thing, nobody allowed another."""
    with pytest.raises(NoDaemonError, match="no daemon answers"):
        await status_of(tmp_path / "c.sock")
    behind = replace(desk(), refuses=DeskError("no"))
    async with ControlServer(behind, tmp_path / "c.sock").serving():
        with pytest.raises(DeskError) as refused:
            await status_of(tmp_path / "c.sock")
    assert not isinstance(refused.value, NoDaemonError)


async def test_a_folder_that_is_too_large_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    """Somebody named the wrong folder: the sentence tells how large it is."""
    path = tmp_path / "c.sock"
    folder = Folder({}, {"dump.csv": bytes(100 * 1024 * 1024)})
    async with ControlServer(desk(), path).serving(), SocketDesk.opened(path) as client:
        with pytest.raises(DeskError, match=r"takes [0-9,]+ bytes to send") as refused:
            await client.plan(folder)
    assert refused.value.code == 2


async def test_a_daemon_that_breaks_off_is_told(tmp_path: Path) -> None:
    """Nobody knows then whether it was done: the sentence says where to look."""
    path = tmp_path / "c.sock"

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(hang_up, path)
    async with server:
        with pytest.raises(DeskError, match="broke off before it answered"):
            await status_of(path)


async def test_an_answer_in_another_language_is_told(tmp_path: Path) -> None:
    """Something else listens there, or another release."""
    path = tmp_path / "c.sock"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(answer, path)
    async with server:
        with pytest.raises(DeskError, match="same release"):
            await status_of(path)


async def test_a_path_longer_than_linux_keeps_is_told(tmp_path: Path) -> None:
    """107 bytes, counted in bytes: both ends say what to change."""
    path = tmp_path / ("ü" * 60)
    with pytest.raises(DeskError, match=r"bytes, and Linux allows 107.*control\.socket") as refused:
        await status_of(path)
    assert refused.value.code == 2
    with pytest.raises(DeskError, match="Linux allows 107"):
        await answers(path)
    with pytest.raises(ControlSocketError, match="Linux allows 107"):
        async with ControlServer(desk(), path).serving():
            pass


async def test_a_bug_behind_the_desk_is_told_by_its_kind_alone(tmp_path: Path) -> None:
    """The daemon goes on, what the bug quoted is not shown, and the log that it names has it."""
    behind = desk()
    behind.refuses = ValueError("hunter2")  # type: ignore[assignment]
    path = tmp_path / "c.sock"
    with capture_logs() as logged:
        async with ControlServer(behind, path, failed=question_failed).serving():
            with pytest.raises(DeskError, match=r"failed at this question \(ValueError\)") as told:
                await status_of(path)
    assert "hunter2" not in str(told.value)
    (line,) = logged
    assert (line["event"], line["exc_info"]) == ("question.failed", behind.refuses)


async def test_a_store_that_cannot_record_is_told_in_its_own_words(tmp_path: Path) -> None:
    """Who types while the disk is full learns that, and that nothing was done."""
    behind = desk()
    behind.refuses = StoreFault("no space left on the device")  # type: ignore[assignment]
    async with ControlServer(behind, tmp_path / "c.sock").serving():
        with pytest.raises(DeskError, match="nothing is done: no space left") as told:
            await status_of(tmp_path / "c.sock")
        assert told.value.code == 1


@pytest.mark.parametrize(
    ("loginuid", "actor"),
    [
        pytest.param("4294967295", "root (uid 0)", id="nobody logged in"),
        pytest.param("0", "root (uid 0)", id="root logged in"),
        pytest.param("54321", "user 54321 (uid 54321, as root)", id="behind sudo"),
        pytest.param("", "root (uid 0)", id="unreadable"),
    ],
)
def test_the_login_behind_sudo_is_named(tmp_path: Path, loginuid: str, actor: str) -> None:
    """Who came in acts, whatever they became."""
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "loginuid").write_text(loginuid)
    assert actor_of(77, 0, tmp_path) == actor


def test_a_process_that_is_gone_leaves_its_user(tmp_path: Path) -> None:
    """The login is unknown then; the user is not."""
    assert actor_of(77, 0, tmp_path) == "root (uid 0)"
