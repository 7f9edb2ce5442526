"""Log lines: their form on each kind of stream, and that nothing secret is in them."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import logs
from orchestrator.foundation.secret import Secret

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2wiOnt9fQ.c2lnbmF0dXJl-_x"
HOST_LINK = f"https://meet.example/?room_token=123456789&participant_token={JWT}"


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """Leave the process's logging as it was: the set-up is for whole processes."""
    root, ours = logging.getLogger(), logging.getLogger("orchestrator")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = True
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


DATAGRAMS = (socket.AF_UNIX, socket.SOCK_DGRAM)
HEAD = {"PRIORITY", "SYSLOG_IDENTIFIER", "MESSAGE"}


def entry(datagram: bytes) -> dict[str, str]:
    """A datagram as journald reads it: a line with `=`, or a name, a length and a text."""
    fields: list[tuple[bytes, bytes]] = []
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, plain, text = line.partition(b"=")
        if not plain:
            length = int.from_bytes(rest[:8], "little")
            text, rest = rest[8 : 8 + length], rest[8 + length :]
            assert rest[:1] == b"\n"
            rest = rest[1:]
        fields.append((name, text))
        datagram = rest
    assert len({name for name, _ in fields}) == len(fields)
    return {name.decode("ascii"): text.decode() for name, text in fields}


def logger() -> Any:
    return structlog.get_logger("orchestrator.engine")


def told(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


# --- form ---


def test_json_lines(stream: io.StringIO) -> None:
    """One object a line: event, level, logger, time in UTC, and the keys as they were given."""
    logs.set_up(stream=stream)
    logger().warning("policy.problem", place="a.yaml:3:1", count=2, rooms=["r1"], note=None)
    (line,) = told(stream)
    assert datetime.fromisoformat(line.pop("ts")).tzinfo is UTC
    assert line == {
        "event": "policy.problem",
        "level": "warning",
        "logger": "orchestrator.engine",
        "place": "a.yaml:3:1",
        "count": 2,
        "rooms": ["r1"],
        "note": None,
    }


def test_a_traceback_is_one_line_and_shows_no_variables(stream: io.StringIO) -> None:
    """Variables hold what nobody checked."""
    logs.set_up(stream=stream)
    hidden = "hunter2"
    try:
        raise LookupError(len(hidden))
    except LookupError:
        logger().exception("turn.failed")
    (line,) = told(stream)
    assert line["level"] == "error"
    assert "LookupError: 7" in line["exception"]
    assert "test_a_traceback" in line["exception"]
    assert "hunter2" not in stream.getvalue()


def test_readable_lines(stream: io.StringIO) -> None:
    """Words in columns, without colours where no terminal shows them."""
    logs.set_up(form="console", stream=stream)
    logger().info("policy.loaded", file="team-rooms.yaml", rooms=40)
    line = stream.getvalue()
    assert re.search(r"Z \[info +\] policy\.loaded +\[orchestrator\.engine\]", line)
    assert line.endswith("file=team-rooms.yaml rooms=40\n")
    assert "\x1b" not in line


def test_a_readable_traceback_keeps_its_lines(stream: io.StringIO) -> None:
    """It is for people."""
    logs.set_up(form="console", stream=stream)
    try:
        raise LookupError("gone")
    except LookupError:
        logger().exception("turn.failed")
    assert stream.getvalue().endswith("LookupError: gone\n")
    assert len(stream.getvalue().splitlines()) > 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\x1b[2J", "a␛[2J", id="escape"),
        pytest.param("a\x9b1m", "a\ufffd1m", id="escape in one"),
        pytest.param("a\nfake line\r", "a␊fake line␍", id="line ends"),
        pytest.param("a\u2028b\x7f", "a\ufffdb␡", id="line ends in disguise"),
        pytest.param("Bü ro", "Bü ro", id="harmless"),
    ],
)
def test_what_would_move_the_cursor_is_shown(stream: io.StringIO, text: str, shown: str) -> None:
    """A room's name may come from anywhere: it must not forge lines or colours."""
    logs.set_up(form="console", stream=stream)
    logger().info("room.seen", name=text, depth=1)
    logging.getLogger("aiohttp").warning("seen %s", text)
    ours, theirs = stream.getvalue().removesuffix("\n").split("\n")
    assert shown in ours
    assert f"seen {shown}" in theirs


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_decides(stream: io.StringIO, level: logs.Level, seen: list[str]) -> None:
    """What is below it is not written."""
    logs.set_up(level, stream=stream)
    for name in ("debug", "info", "warning", "error"):
        getattr(logger(), name)("something")
    assert [line["level"] for line in told(stream)] == seen


def test_setting_up_again_replaces(stream: io.StringIO) -> None:
    """Each line is written once, in the new form."""
    logs.set_up(form="console", stream=stream)
    logs.set_up("debug", stream=stream)
    logger().debug("once")
    assert [line["event"] for line in told(stream)] == ["once"]


def test_libraries_are_heard_from_warnings_on(stream: io.StringIO) -> None:
    """In the same form, with the same mask."""
    logs.set_up("debug", stream=stream)
    logging.getLogger("apscheduler.scheduler").info("chatter")
    logging.getLogger("aiohttp.client").warning("retrying %s", HOST_LINK)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", RuntimeWarning, stacklevel=1)
    first, second = told(stream)
    assert (first["event"], first["logger"]) == ("retrying ***", "aiohttp.client")
    assert "RuntimeWarning: old ways" in second["event"]


def test_bound_context_is_told(stream: io.StringIO) -> None:
    """What a turn binds once stands in each of its lines."""
    logs.set_up(stream=stream)
    with structlog.contextvars.bound_contextvars(key="team-rooms/checkout"):
        logger().info("look")
    assert told(stream)[0]["key"] == "team-rooms/checkout"


# --- real streams ---

PROGRAM = """
import os, sys
if "journal" in sys.argv:
    status = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
import structlog
from orchestrator import logs
form = "console" if "console" in sys.argv else "auto"
logs.set_up("debug", form, address="/nowhere")
log = structlog.get_logger("orchestrator.x")
for name in ("debug", "info", "warning", "error", "critical"):
    getattr(log, name)("event." + name)
"""


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={**os.environ, **environment},
    )


def test_a_pipe_gets_json_and_stdout_stays_clean() -> None:
    """So that `--json` of a command can be piped on."""
    done = _run(JOURNAL_STREAM="1:2")  # that of a unit around us, and not this stream
    assert done.stdout == ""
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events == ["event.debug", "event.info", "event.warning", "event.error", "event.critical"]


@pytest.mark.parametrize("form", ["auto", "console"])
def test_lines_that_lead_to_the_journal_have_priorities(form: str) -> None:
    """As systemd reads them, one at each line's head, where it takes no entries."""
    done = _run("journal", form)
    heads = [line[:3] for line in done.stderr.splitlines()]
    assert heads == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    if form == "auto":
        assert all(json.loads(line[3:]) for line in done.stderr.splitlines())


def test_each_line_of_a_traceback_has_its_priority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or journald would take all but the first for ordinary."""
    with (tmp_path / "journal").open("w+") as journal:
        status = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        logs.set_up(form="console", stream=journal, address=str(tmp_path / "nowhere"))
        try:
            raise LookupError("gone")
        except LookupError:
            logger().exception("turn.failed")
        lines = (tmp_path / "journal").read_text().splitlines()
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)


# --- the journal ---


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """A path that is short enough for the address of a socket."""
    with tempfile.TemporaryDirectory(prefix="ro-") as folder:
        yield Path(folder) / "journal"


@contextmanager
def journalled(
    path: Path, monkeypatch: pytest.MonkeyPatch, form: logs.Format = "auto", *, heard: bool = True
) -> Iterator[tuple[list[dict[str, str]], io.StringIO]]:
    """Our log, connected to a journal: its entries, and what went to the stream, at the end."""
    entries: list[dict[str, str]] = []
    rest = io.StringIO()
    with tempfile.TemporaryFile("w+") as stream, socket.socket(*DATAGRAMS) as journal:
        if heard:
            journal.bind(str(path))
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        logs.set_up("debug", form, stream, address=str(path))
        yield entries, rest
        journal.setblocking(False)
        with suppress(BlockingIOError):
            while heard:
                entries.append(entry(journal.recv(1 << 20)))
        stream.seek(0)
        rest.write(stream.read())


def test_a_line_is_an_entry_that_can_be_asked_for(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence for people, a field for each key, and nothing in the stream."""
    with journalled(socket_path, monkeypatch) as (entries, rest):
        logger().warning(
            "call.failed", key="team-rooms/checkout", operation="7f-1", kind="create", error="no"
        )
        logger().info(
            "x", message="m", tid="t", rooms=["a", "ö"], none=None, code_file="c", count=3, ts="t"
        )
        logging.getLogger("aiohttp.client").error("retrying %s", HOST_LINK)
    assert rest.getvalue() == ""
    assert entries[0] == {
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "room-orchestrator",
        "EVENT": "call.failed",
        "LOGGER": "orchestrator.engine",
        "KEY": "team-rooms/checkout",
        "OPERATION": "7f-1",
        "KIND": "create",
        "ERROR": "no",
        "MESSAGE": "call.failed team-rooms/checkout: no (kind=create)",
    }
    # Names that mean something to the journal are told in the sentence alone.
    assert (
        entries[1]["MESSAGE"] == 'x: m (tid=t, rooms=["a", "ö"], none=null, code_file=c, count=3)'
    )
    assert set(entries[1]) - set(entries[0]) == {"ROOMS", "COUNT"}
    assert (entries[1]["ROOMS"], entries[1]["COUNT"]) == ('["a", "ö"]', "3")
    assert (entries[2]["MESSAGE"], entries[2]["PRIORITY"]) == ("retrying ***", "3")


def test_an_entry_holds_no_secret_and_forges_no_field(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts of several lines are told with their length, so that none of them begins a field."""
    forged = "a\nPRIORITY=0\nMESSAGE=all is well"
    with journalled(socket_path, monkeypatch) as (entries, rest):
        logger().info("x", key=JWT, text=forged, half="\ud800", deep={"token": "t", "n": forged})
        try:
            raise LookupError(PEM)
        except LookupError:
            logger().exception("turn.failed", **{f"bad {JWT}": 1, "_hidden": 2, "n" * 65: 3})
    told, failed = entries
    assert (told["KEY"], told["TEXT"], told["HALF"]) == ("***", forged, "?")
    assert json.loads(told["DEEP"]) == {"token": "***", "n": forged}
    assert told["PRIORITY"] == "6"
    assert told["MESSAGE"].startswith("x ***")
    assert "\n" not in told["MESSAGE"]
    assert failed["MESSAGE"].splitlines()[0].startswith("turn.failed (bad ***=1, _hidden=2, nnn")
    assert failed["MESSAGE"].endswith("LookupError: ***")
    assert set(failed) == {*HEAD, "EVENT", "LOGGER"}
    assert rest.getvalue() == ""


@pytest.mark.parametrize("form", ["json", "console"])
def test_json_is_asked_for_by_name(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch, form: logs.Format
) -> None:
    """Whoever reads the journal by a program has fields and the line of before."""
    with journalled(socket_path, monkeypatch, form) as (entries, _):
        logger().info("look", key="a/b")
    assert entries[0]["KEY"] == "a/b"
    if form == "json":
        assert json.loads(entries[0]["MESSAGE"])["key"] == "a/b"
    else:
        assert entries[0]["MESSAGE"] == "look a/b"


def test_what_the_journal_does_not_take_is_a_line(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is there, or the entry is longer than a datagram may be."""
    with journalled(socket_path, monkeypatch, heard=False) as (_, rest):
        logger().warning("x", key="a/b")
    assert rest.getvalue().startswith("<4>{")
    assert json.loads(rest.getvalue()[3:])["key"] == "a/b"
    with journalled(socket_path, monkeypatch, "json") as (entries, rest):
        logger().info("long", texts=["x" * 16_000] * 40)
        logger().info("short")
    assert [entry["EVENT"] for entry in entries] == ["short"]
    assert json.loads(rest.getvalue()[3:])["event"] == "long"


def test_a_terminal_gets_colours() -> None:
    """On a real one."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color"},
    ) as process:
        os.close(theirs)
        text = b""
        while b"event.critical" not in text:
            text += os.read(ours, 65_536)
        assert process.wait(30) == 0
    os.close(ours)
    assert b"\x1b[" in text
    assert b'{"' not in text


# --- redaction ---


class Mode(StrEnum):
    OBSERVE = "observe"


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError(JWT)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        pytest.param(f"got {JWT}, ok", "got ***, ok", id="token"),
        pytest.param(f"got {JWT[:20]}", "got ***", id="token cut off"),
        pytest.param(f"at {HOST_LINK} now", "at *** now", id="host link"),
        pytest.param(f"<{HOST_LINK}>", "<***>", id="host link in brackets"),
        pytest.param(f"key {PEM} end", "key *** end", id="PEM"),
        pytest.param(f"key {PEM[:40]}", "key ***", id="PEM cut off"),
        pytest.param(
            "Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer ***", id="bearer"
        ),
        pytest.param("basic dXNlcjpwYXNzd29yZA==", "basic ***", id="basic"),
        pytest.param("basic authentication", "basic authentication", id="two plain words"),
        pytest.param(
            "postgresql://me:s3cret@db/x", "postgresql://me:***@db/x", id="password in a URL"
        ),
        pytest.param(
            "https://h/x?access_token=abc&b=1", "https://h/x?access_token=***&b=1", id="query"
        ),
        pytest.param(
            "https://meet.example/123456789", "https://meet.example/123456789", id="guest link"
        ),
        pytest.param("0123456789abcdef" * 4, "0123456789abcdef" * 4, id="digest"),
    ],
)
def test_what_looks_like_a_secret_is_masked(stream: io.StringIO, text: str, safe: str) -> None:
    """In a value, in the event, in a key, at any depth, in an exception; in both forms."""
    assert logs.redacted(text) == safe
    logs.set_up(stream=stream)
    try:
        raise LookupError(text)
    except LookupError:
        logger().exception(text, flat=text, deep=[{"x": (text,)}], **{text: 1})
    (line,) = told(stream)
    assert line["event"] == safe
    assert line["flat"] == safe
    assert line["deep"] == [{"x": [safe]}]
    assert line[safe] == 1
    assert line["exception"].endswith(f"LookupError: {safe}")
    readable = io.StringIO()
    logs.set_up(form="console", stream=readable)
    logger().info("event", flat=text)
    assert text == safe or text not in readable.getvalue()


@pytest.mark.parametrize(
    "name",
    ["token", "client_secret", "PASSWORD", "private_key", "privateKey", "host_url", "cookie"],
)
def test_what_is_named_like_a_secret_is_masked(stream: io.StringIO, name: str) -> None:
    """Whatever it looks like; numbers and nothing at all are told."""
    logs.set_up(stream=stream)
    logger().info("event", **{name: "plain"}, deep={name: ["plain"]})
    logger().info("event", **{name: 300}, deep={name: None})
    first, second = told(stream)
    assert (first[name], first["deep"][name]) == ("***", "***")
    assert (second[name], second["deep"][name]) == (300, None)


def test_values_that_are_not_plain_are_told_as_python_shows_them(stream: io.StringIO) -> None:
    """Secrets show their mask, bytes and objects are looked through as well."""
    logs.set_up(stream=stream)
    logger().info(
        "event", mode=Mode.OBSERVE, sealed=Secret("hunter2"), raw=JWT.encode(), error=OSError(JWT)
    )
    (line,) = told(stream)
    assert line["mode"] == "observe"
    assert line["sealed"] == "***"
    assert line["raw"] == "b'***'"
    assert line["error"] == "OSError('***')"


def test_a_line_that_cannot_be_made_safe_is_withheld(stream: io.StringIO) -> None:
    """And its place is kept; logging never raises."""
    logs.set_up(stream=stream)
    logger().warning("event", bad=Hostile())
    (line,) = told(stream)
    assert (line["event"], line["level"], line["why"]) == (
        "log.withheld",
        "warning",
        "RuntimeError",
    )


def test_a_value_within_itself_comes_to_an_end(stream: io.StringIO) -> None:
    """Cut off at some depth."""
    logs.set_up(stream=stream)
    endless: dict[str, Any] = {}
    endless["x"] = endless
    logger().info("event", endless=endless)
    assert "…" in str(told(stream)[0]["endless"])


def test_a_long_text_is_cut_off_and_quickly_looked_through() -> None:
    """Whoever sends us such a text must not stop the daemon."""
    begun = time.perf_counter()
    for evil in ("https://" * 100_000, "-eyJaaaa" * 100_000, "?token" * 100_000, "a:" * 400_000):
        assert len(logs.redacted(evil)) <= 17_000
    assert time.perf_counter() - begun < 5


def test_a_closed_stream_stops_nobody(stream: io.StringIO, capsys: pytest.CaptureFixture) -> None:
    """And the line is not printed elsewhere, as it was."""
    logs.set_up(stream=stream)
    stream.close()
    logger().info("event", text=JWT)
    assert capsys.readouterr() == ("", "")


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()


@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda name: name not in {"event", "level", "exc_info"}),
        st.recursive(
            _PLAIN,
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=4,
    ),
    st.sampled_from([JWT, HOST_LINK, PEM]),
)
def test_p11_no_secret_gets_through(values: dict[str, Any], secret: str) -> None:
    """Wherever it stands among other values; and the line is JSON."""
    event = {**values, "event": "x", "here": {"deep": [f"a {secret} b"]}, f"k{secret}"[1:]: 1}
    told = logs.redact(None, "info", event)
    line = json.dumps(told)
    for part in ("c2lnbmF0dXJl", "MIIEvQIBADAN", "participant_token=e"):
        assert part not in line
