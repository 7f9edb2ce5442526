"""The lifeline's datagrams on a real socket, and sockets that were handed to us."""

import contextlib
import os
import select
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.systemd import HandedError, Notifier, handed_sockets, turn_away
from tests.fakes.clock import VirtualClock
from tests.manager import Manager

NAMES = ("control", "http")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """One that listens at a path, and one in the abstract namespace."""
    where = tmp_path / "notify" if request.param == "path" else f"@ro-{uuid.uuid4().hex}"
    with Manager.listening(where) as one:
        yield one


# --- the lifeline ---------------------------------------------------------------------------------


def test_each_word_is_one_datagram(manager: Manager) -> None:
    """As sd_notify(3) spells them; lengths of time in microseconds."""
    lifeline = manager.lifeline()
    lifeline.ready()
    lifeline.alive()
    lifeline.extend(timedelta(seconds=30))
    lifeline.status("enforce · 3 rooms")
    lifeline.failed("no disk", 28)
    lifeline.stopping()
    assert manager.hear() == [
        {"READY": "1"},
        {"WATCHDOG": "1"},
        {"EXTEND_TIMEOUT_USEC": "30000000"},
        {"STATUS": "enforce · 3 rooms"},
        {"STATUS": "no disk", "ERRNO": "28"},
        {"STOPPING": "1"},
    ]


def test_a_reload_bears_the_moment_by_the_clock_that_systemd_compares(manager: Manager) -> None:
    """CLOCK_MONOTONIC in microseconds, in the same datagram."""
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    manager.lifeline().reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    message = manager.hear()[0]
    assert message.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert before <= int(message["MONOTONIC_USEC"]) <= after


def test_a_status_is_one_line_and_told_once(manager: Manager) -> None:
    """A line break in it would be another assignment: nobody says READY by way of a policy."""
    lifeline = manager.lifeline()
    for text in ("a\nREADY=1\x1b[2J", "a READY=1 [2J", "x" * 1000):
        lifeline.status(text)
    assert [message.keys() for message in manager.hear()] == [{"STATUS"}, {"STATUS"}]
    assert manager.told("STATUS") == ["a READY=1 [2J", "x" * 399 + "…"]


def test_what_the_socket_does_not_take_now_is_sent_first_thing_later(tmp_path: Path) -> None:
    """In order, and none is lost for it: a READY that was dropped would be a failed start."""
    with Manager.listening(tmp_path / "n") as manager:
        lifeline = manager.lifeline()
        for number in range(500):  # more than the kernel queues for a reader that is asleep
            lifeline.status(f"{number}")
        lifeline.ready()
        queued = manager.hear()
        assert 0 < len(queued) < 500
        assert {"READY": "1"} not in queued
        lifeline.alive()
        assert manager.hear() == [{"STATUS": "499"}, {"READY": "1"}, {"WATCHDOG": "1"}]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "relative", "vsock:2:1234"], ids=str)
def test_with_nobody_to_tell_nothing_fails(address: str) -> None:
    """Unset, gone, or a kind that we do not speak."""
    lifeline = Notifier.of({"NOTIFY_SOCKET": address} if address else {})
    lifeline.ready()
    lifeline.reloading()
    lifeline.status("x")
    assert lifeline.watchdog is None


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("3000000", "", timedelta(seconds=3)),
        ("3000000", str(os.getpid()), timedelta(seconds=3)),
        ("3000000", "1", None),
        ("", "", None),
        ("0", "", None),
        ("soon", "", None),
        ("9" * 30, "", None),
    ],
    ids=["ours", "ours-by-pid", "another-process", "unset", "zero", "no-number", "endless"],
)
def test_the_watchdog_that_is_meant_for_us(usec: str, pid: str, expected: timedelta | None) -> None:
    """Its variables leave the environment: a child must not be taken for us."""
    environ = {"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid, "NOTIFY_SOCKET": "/x", "PATH": "/bin"}
    assert Notifier.of(environ).watchdog == expected
    assert environ == {"PATH": "/bin"}


# --- sockets --------------------------------------------------------------------------------------


def handing(*sockets: socket.socket, names: str, pid: int | None = None) -> dict[str, str]:
    """An environment that hands over sockets whose descriptors follow one another."""
    return {
        "LISTEN_PID": str(os.getpid() if pid is None else pid),
        "LISTEN_FDS": str(len(sockets)),
        "LISTEN_FDNAMES": names,
        "PATH": "/bin",
    }


@pytest.fixture
def row() -> Iterator[list[socket.socket]]:
    """Two sockets that listen, whose descriptors follow one another."""
    made: list[socket.socket] = []
    for number in range(700, 702):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            os.dup2(listener.fileno(), number, inheritable=True)
        made.append(socket.socket(fileno=number))
    yield made
    for each in made:
        each.close()


def test_sockets_are_found_by_name_and_closed_to_children(row: list[socket.socket]) -> None:
    """Not by their order; neither descriptors nor variables are handed on."""
    environ = handing(*row, names="http:control")
    addresses = [each.getsockname() for each in row]
    for each in row:
        each.detach()
    found = handed_sockets(environ, NAMES, first=700)
    try:
        assert {name: each.getsockname() for name, each in found.items()} == {
            "http": addresses[0],
            "control": addresses[1],
        }
        assert not any(os.get_inheritable(each.fileno()) for each in found.values())
        assert not any(each.getblocking() for each in found.values())
        assert environ == {"PATH": "/bin"}
    finally:
        for each in found.values():
            each.close()


@pytest.mark.parametrize(
    "change",
    [{"LISTEN_PID": "1"}, {"LISTEN_PID": ""}, {"LISTEN_FDS": "0"}, {"LISTEN_FDS": "many"}],
    ids=["another-process", "nobody", "none", "no-number"],
)
def test_what_is_not_handed_to_us_is_left_alone(
    change: dict[str, str], row: list[socket.socket]
) -> None:
    """The variables go all the same."""
    environ = {**handing(*row, names="http:control"), **change}
    assert handed_sockets(environ, NAMES, first=700) == {}
    assert environ == {"PATH": "/bin"}
    assert row[0].getsockname()  # still open


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("ssh:control", "set FileDescriptorName= in its socket unit to control or http"),
        ("control:control", "two sockets called 'control'"),
        ("control", "called 'unknown'"),
    ],
    ids=["of-no-use", "twice", "without-a-name"],
)
def test_a_door_that_nobody_would_answer_is_refused(
    names: str, told: str, row: list[socket.socket]
) -> None:
    """It would look open for ever."""
    environ = handing(*row, names=names)
    for each in row:
        each.detach()
    with pytest.raises(HandedError, match=told):
        handed_sockets(environ, NAMES, first=700)
    for number in (700, 701):
        with contextlib.suppress(OSError):  # what was taken was closed
            os.close(number)


def test_what_was_promised_and_is_not_there_is_told() -> None:
    """LISTEN_FDS says more than there is."""
    environ = {**handing(names="http"), "LISTEN_FDS": "1"}
    with pytest.raises(HandedError, match="'http' was promised by LISTEN_FDS and is not there"):
        handed_sockets(environ, NAMES, first=700)


@pytest.mark.parametrize("kind", ["file", "datagram", "connected"])
def test_what_takes_no_connections_is_refused(kind: str, tmp_path: Path) -> None:
    """A file, a datagram socket, and one end of a connection."""
    if kind == "file":
        descriptor = os.open(tmp_path / "x", os.O_CREAT | os.O_RDWR)
    elif kind == "datagram":
        descriptor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).detach()
    else:
        ours, theirs = socket.socketpair()
        theirs.close()
        descriptor = ours.detach()
    os.dup2(descriptor, 700)
    os.close(descriptor)
    environ = {**handing(names="http"), "LISTEN_FDS": "1"}
    try:
        with pytest.raises(HandedError, match="'http'"):
            handed_sockets(environ, NAMES, first=700)
    finally:
        with contextlib.suppress(OSError):
            os.close(700)


class Hasty(VirtualClock):
    """For whom each look takes five seconds."""

    def monotonic(self) -> float:
        self.advance(5)
        return super().monotonic()


def test_nobody_is_left_waiting_at_doors_that_nobody_will_open(row: list[socket.socket]) -> None:
    """Who waits, and who comes shortly after; a crowd that goes on coming keeps nobody up."""
    for each in row:
        each.setblocking(False)
    clock = Hasty()
    assert turn_away(row, timedelta(seconds=5), clock) == 0  # at once
    ended: list[bytes] = []

    def knock(door: socket.socket) -> None:
        with socket.create_connection(door.getsockname(), timeout=20) as client:
            ended.append(client.recv(1))

    first = [threading.Thread(target=knock, args=(door,)) for door in row]

    def again() -> None:
        for thread in first:
            thread.join()
        knock(row[0])

    later = threading.Thread(target=again)
    for thread in (*first, later):
        thread.start()
    select.select(row[:1], [], [], 20)
    select.select(row[1:], [], [], 20)
    assert turn_away(row, timedelta(seconds=5), clock) == 3
    later.join()
    assert ended == [b"", b"", b""]
