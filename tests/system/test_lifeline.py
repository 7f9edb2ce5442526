"""What the daemon's process says to whoever started it, and sockets that were open before it.

No systemd is needed for this but its `systemd-socket-activate`: the lifeline is a datagram socket
of the test's own.
"""

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.manager import Manager
from tests.system.installation import Installation, policy
from tests.system.processes import ROOT, free_port, leashed

_ACTIVATE = shutil.which("systemd-socket-activate")
# Takes a door as systemd hands it over: by number 3, for the very process that is to answer.
_BY_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="http")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation of one test's own, with a policy."""
    made = Installation.made(tmp_path)
    made.put("teams.yaml", policy("teams", ["a", "b"]))
    return made


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Who hears the daemon."""
    with Manager.listening(tmp_path / "notify") as one:
        yield one


def words(manager: Manager) -> list[str]:
    """What was said so far but for beats and status, in order."""
    manager.hear()
    known = ("READY", "RELOADING", "STOPPING")
    return [name for message in manager.heard for name in known if name in message]


def mode_of(own: Installation) -> str:
    """Where config.yaml tells the mode."""
    lines = own.config.read_text().splitlines()
    number = next(number for number, line in enumerate(lines, 1) if line.startswith("mode:"))
    return f"config.yaml:{number}:7"


def test_a_life_as_its_manager_hears_it(own: Installation, manager: Manager) -> None:
    """READY once it is, beats, a good and a bad reload, each with its end, and STOPPING."""
    environ = manager.environ(WATCHDOG_USEC="900000")
    with own.daemon(environ=environ) as process:
        own.until(lambda: words(manager) == ["READY"], "it is ready")
        assert manager.told("STATUS")[-1].startswith("enforce · 2 rooms wanted")
        beats = len(manager.told("WATCHDOG"))
        own.until(lambda: len(manager.told("WATCHDOG")) >= beats + 3, "it beats", within=3)

        own.configure("mode: enforce", "mode: observe")
        process.send_signal(signal.SIGHUP)
        own.until(lambda: words(manager)[1:] == ["RELOADING", "READY"], "it reloaded")
        assert manager.told("STATUS")[-1].startswith("observe · ")

        own.configure("mode: observe", "mode: observed")
        process.send_signal(signal.SIGHUP)
        own.until(lambda: words(manager)[3:] == ["RELOADING", "READY"], "it kept the old config")
        told = manager.told("STATUS")[-1]
        assert told.startswith("config rejected: ")
        assert mode_of(own) in told
        assert own.ask("status", "--json", "--socket", str(own.socket)).json["mode"] == "observe"

        assert own.end(process) == 0
    assert words(manager)[5:] == ["STOPPING"]
    assert manager.told("STATUS")[-1] == "ending: what is under way is finished"
    moments = [int(moment) for moment in manager.told("MONOTONIC_USEC")]
    assert moments == sorted(moments)
    assert len(moments) == 2


def test_a_start_that_fails_says_why_and_is_never_ready(
    own: Installation, manager: Manager
) -> None:
    """The store is another's: no READY, the sentence as status, exit 1."""
    with own.daemon():
        with own.daemon(ready=False, environ=manager.environ()) as second:
            assert second.wait(20) == 1
        assert "READY" not in words(manager)
        assert str(own.store) in manager.told("STATUS")[-1]


def test_a_start_that_the_system_refuses_bears_its_number(
    own: Installation, manager: Manager
) -> None:
    """The address of HTTP is taken: systemd is told so as ERRNO, too."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        own.configure("listen: 127.0.0.1:0", f"listen: {listen}")
        with own.daemon(ready=False, environ=manager.environ()) as process:
            assert process.wait(20) == 1
    assert manager.told("ERRNO") == [str(errno.EADDRINUSE)]
    assert listen in manager.told("STATUS")[-1]


def test_an_invalid_config_is_told_with_its_line(own: Installation, manager: Manager) -> None:
    """Exit 2, which the unit takes as a reason not to try again; and nobody is left who knocked.

    For whoever waits at a socket systemd would start it at once, again and again.
    """
    own.configure("mode: enforce", "mode: enforced")
    with socket.create_server(("127.0.0.1", 0)) as door:
        run = ("-m", "orchestrator", "run", "--config", str(own.config))
        with (
            socket.create_connection(door.getsockname(), timeout=20) as client,
            leashed(
                ("-c", _BY_SYSTEMD, str(door.fileno()), *run),
                stderr=subprocess.DEVNULL,
                folder=own.folder,
                environ=manager.environ(),
                handed=(door.fileno(),),
            ) as process,
        ):
            assert process.wait(20) == 2
            assert client.recv(1) == b""
        door.setblocking(False)
        with pytest.raises(BlockingIOError):
            door.accept()
    assert words(manager) == []
    assert mode_of(own) in manager.told("STATUS")[-1]


def test_reload_as_a_command_waits_for_the_answer(own: Installation) -> None:
    """Taken up when it returns; refused with its line and exit 2; refused where no daemon runs."""
    assert own.ask("reload").code == 1
    with own.daemon():
        assert own.ask("reload", "--reason", "OPS-1").out.startswith("config.yaml is as it was")
        own.configure("max_removals: 1000", "max_removals: 999")
        done = own.ask("reload", "--reason", "OPS-2")
        assert (done.code, "changed: safety" in done.out) == (0, True)
        own.configure("mode: enforce", "mode: enforced")
        refused = own.ask("reload", "--socket", str(own.socket))
        assert refused.code == 2
        assert mode_of(own) in refused.err
        own.configure("mode: enforced", "mode: enforce")
        own.configure("store: sqlite:///state/orchestrator.db", "store: sqlite:///state/other.db")
        refused = own.ask("reload", "--socket", str(own.socket))
        assert refused.code == 2
        assert "store changed, which needs a restart" in refused.err
    told = [(fact["event"], fact.get("reason")) for fact in own.facts()]
    reloads = [each for each in told if each[0].startswith("config.")]
    assert reloads == [
        ("config.reloaded", "OPS-1"),
        ("config.reloaded", "OPS-2"),
        ("config.rejected", "reload"),
        ("config.rejected", "reload"),
    ]


def test_a_secret_file_that_changed_is_taken_up_by_a_reload(own: Installation) -> None:
    """The config is as it was, the file it names is not; one that cannot be used is refused."""
    key = own.folder / "secrets" / "audit.pem"
    good = key.read_text()
    with own.daemon():
        key.write_text("no key\n")
        refused = own.ask("reload")
        assert refused.code == 2
        assert "signing key" in refused.err
        assert "no key" not in refused.err
        key.write_text(good)
        assert own.ask("reload").out.startswith("config.yaml is as it was")
        assert own.apart("init", "other").code == 0
        key.write_text((own.folder / "other" / "secrets" / "audit.pem").read_text())
        assert "changed: secret files" in own.ask("reload").out


@contextlib.contextmanager
def activated(own: Installation, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon behind sockets that somebody else opened; it is begun by the first question."""
    program = ["-c", "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"]
    command = [
        "systemd-socket-activate",
        "--fdname=control:http",
        f"--listen={own.socket}",
        f"--listen=127.0.0.1:{port}",
        f"--setenv=PYTHONPATH={ROOT}",
        *(sys.executable, "-m", "orchestrator", "run", "--config", str(own.config)),
    ]
    with (
        (own.folder / "life-01.log").open("wb") as output,
        leashed([*program, *command], stderr=output) as process,
    ):
        own.until(own.socket.exists, "the socket is there")
        yield process


def get(port: int, path: str) -> tuple[int, Any]:
    """Status and document of an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_sockets_that_were_open_before_us_stay_as_they_are(own: Installation) -> None:
    """Neither mode nor inode changes, not by a reload either, and they are there after the end."""
    if not os.environ.get("CI") and _ACTIVATE is None:
        pytest.skip("systemd-socket-activate not found: apt install systemd")
    port = free_port()
    own.socket.parent.mkdir(exist_ok=True)
    with activated(own, port) as process:
        own.socket.chmod(0o640)
        before = own.socket.stat()
        assert own.ask("status", "--json").json["mode"] == "enforce"
        own.until(lambda: get(port, "/readyz")[0] == 200, "it is ready on HTTP")
        status, ready = get(port, "/readyz")
        assert (status, ready["ready"], ready["why_not"]) == (200, True, "")
        status, health = get(port, "/healthz")
        names = {loop["name"] for loop in health["loops"]}
        assert (status, health["well"]) == (200, True)
        assert {"resync", "probe", "watch", "store-check", "worker-0", "outbox-audit"} <= names

        own.configure("mode: enforce", "mode: observe")
        assert own.ask("reload").code == 0
        assert own.ask("status", "--json").json["mode"] == "observe"
        assert get(port, "/readyz")[0] == 200
        after = own.socket.stat()
        assert (after.st_ino, stat.S_IMODE(after.st_mode)) == (before.st_ino, 0o640)
        assert own.end(process) == 0
    assert own.socket.exists()
    revealed = own.facts("config.reloaded")[0]
    assert f"(uid {os.getuid()})" in revealed["actor"]
