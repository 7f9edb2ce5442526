"""What the service manager gives: sockets by name, each of the kind that its door needs."""

import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.app.service import Service

# Descriptors begin at 3, so that this wants a process of its own.
_GIVEN = """
import os, socket, sys
family, name = socket.AddressFamily(int(sys.argv[1])), sys.argv[2]
listener = socket.socket(family)
listener.bind(("127.0.0.1", 0) if family == socket.AF_INET else sys.argv[3])
listener.listen()
os.dup2(listener.fileno(), 3)
from orchestrator.app.build import StartError
from orchestrator.app.service import Service
environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": name}
try:
    print(*Service.of(environ).sockets)
except StartError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize(
    ("family", "name", "told"),
    [
        pytest.param(socket.AF_INET, "http", "http", id="http-by-port"),
        pytest.param(socket.AF_UNIX, "control", "control", id="control-by-path"),
        pytest.param(
            socket.AF_INET,
            "control",
            "refused: the socket 'control' of systemd is of the wrong kind; ListenStream= of the "
            "unit with FileDescriptorName=control must be a path",
            id="commands-from-anybody",
        ),
        pytest.param(
            socket.AF_UNIX,
            "http",
            "refused: the socket 'http' of systemd is of the wrong kind; ListenStream= of the "
            "unit with FileDescriptorName=http must be an address and port",
            id="http-by-path",
        ),
    ],
)
def test_a_name_at_the_wrong_kind_of_socket_is_refused(
    family: socket.AddressFamily, name: str, told: str, tmp_path: Path
) -> None:
    """Over TCP anybody could command the daemon, and nobody would be named in the audit."""
    done = subprocess.run(
        [sys.executable, "-c", _GIVEN, str(int(family)), name, str(tmp_path / "s")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )
    assert done.stdout.strip() == told, done.stderr


def test_who_waits_for_a_service_that_cannot_be_is_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For somebody who waits systemd would start it again and again, whatever it ended by."""
    monkeypatch.setattr("orchestrator.app.service._PACE", timedelta())
    with (
        socket.create_server(("127.0.0.1", 0)) as door,
        socket.create_connection(door.getsockname(), timeout=20) as client,
    ):
        Service(sockets={"http": door}).give_up("config.yaml cannot be used")
        assert client.recv(1) == b""
