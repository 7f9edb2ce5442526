"""The Debian package in a real systemd, from its first day to its last, against a Meetings server.

One story, because each of its days needs the one before: installed, filled in, started with an
encrypted credential, upgraded while somebody asks all the time, given another key, moved to a user
that exists while it runs, removed and installed again, removed, and purged.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrator.app.keys import meetings_key, public_half
from tests.system.booted import CONTROL, SERVICE, Machine, missing, whole
from tests.system.installation import policy
from tests.system.processes import ROOT

HTTP: Final = "room-orchestrator-http.socket"
PREVIOUS: Final = "0.0.9-1"
PRESENT: Final = "0.1.0-1"
APPLICATION: Final = "3f1c2b7e-9d54-4a60-8f0e-2a6f1f0f7c11"
DYNAMIC: Final = range(61_184, 65_520)  # uids that systemd hands out
CONFIG: Final = "/etc/room-orchestrator/config.yaml"
KEY_FILE: Final = "/etc/room-orchestrator/secrets/meetings.pem"
DROP_INS: Final = "/etc/systemd/system/room-orchestrator.service.d"
ENCRYPTED: Final = "/etc/credstore.encrypted/room-orchestrator.meetings-key"
EXAMPLES: Final = "/usr/share/doc/room-orchestrator/examples"
MEETINGS: Final = f"""\
[Service]
Type=exec
StateDirectory=meetings
ExecStart=room-orchestrator meetings-server --listen 127.0.0.1:8441 --media none \
--database /var/lib/meetings/rooms.db --application {APPLICATION}=/etc/meetings.pub
"""
# Asks for health all the time, and says in the end how often and how often nobody was there.
ASKS: Final = """
import socket, sys, time
asked = refused = 0
while True:
    asked += 1
    try:
        with socket.create_connection(("127.0.0.1", 8440), 60) as one:
            one.sendall(b"GET /healthz HTTP/1.0\\r\\n\\r\\n")
            refused += not one.recv(100).startswith(b"HTTP/1.")
    except OSError:
        refused += 1
    print(asked, refused, flush=True)
    time.sleep(0.05)
"""
_DEBIAN: Final = all(map(shutil.which, ("/usr/bin/python3", "dpkg-deb", "deb-systemd-helper")))
_LACKING: Final = missing() or ("" if _DEBIAN else "a Debian package is built on Debian")
pytestmark = [
    pytest.mark.xdist_group("systemd"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(_LACKING) and not os.environ.get("CI"), reason=_LACKING),
]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """What the machine is given: the package in two versions, and keys."""
    folder = tmp_path / "given"
    folder.mkdir()
    for each in (folder, *folder.parents):
        if each.is_relative_to("/tmp") and each != Path("/tmp"):
            each.chmod(0o755)  # the service's user reads what lies here
    command = [sys.executable, "-m", "tools.make_deb", "--quick", "--into", str(folder)]
    command += ["--version", PREVIOUS, "--version", PRESENT]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    write_given(folder)
    return folder


def write_given(folder: Path) -> None:
    """Keys, policies and units, beside the packages."""
    for name in ("first", "second"):
        pem = meetings_key(folder / name)
        (folder / f"{name}.pem").write_text(pem.reveal())
        (folder / f"{name}.pub").write_text(public_half(pem))
    (folder / "teams.yaml").write_text(policy("teams", ["a", "b", "c"]))
    (folder / "more.yaml").write_text(policy("more", ["d"]))
    (folder / "meetings.service").write_text(MEETINGS)
    (folder / "asks.py").write_text(ASKS)


def install(machine: Machine, version: str) -> str:
    """Install a version; what dpkg said."""
    (package,) = machine.etc.glob(f"*_{version}_*.deb")
    return done(machine, "dpkg", "--install", f"/opt/given/{package.name}")


def done(machine: Machine, *command: str) -> str:
    """What a command said that succeeded."""
    ran = machine.run(*command, within=300)
    assert ran.code == 0, f"{command}: {ran.all}\n{machine.journal()[-4000:]}"
    return ran.all


def rooms(machine: Machine) -> dict[str, str]:
    """The ids of rooms, by key."""
    told = json.loads(done(machine, machine.command, "rooms", "list", "--json"))["rooms"]
    return {room["key"]: room["room_id"] for room in told if room["room_id"]}


def entries(machine: Machine, *matches: str) -> list[dict[str, Any]]:
    """What journalctl finds by fields, since this machine's boot."""
    out = machine.run("journalctl", "--boot", "--output=json", "--no-pager", *matches).out
    return [json.loads(line) for line in out.splitlines()]


def rooms_at_the_api(machine: Machine) -> int:
    """How many rooms the Meetings server has."""
    look = (
        "import sqlite3; c = sqlite3.connect('file:/var/lib/meetings/rooms.db?mode=ro', uri=True); "
        "print(c.execute('SELECT count(*) FROM room').fetchone()[0])"
    )
    return int(done(machine, "/usr/bin/python3", "-c", look))


def ours(machine: Machine) -> set[str]:
    """Each file and folder of the machine that is called as we are."""
    where = ("/etc", "/usr", "/opt", "/run", "/srv", "/var")
    out = machine.run("find", *where, "-xdev", "-name", "*room-orchestrator*").out
    return {path for path in out.splitlines() if "/dpkg/" not in path}


def configure(machine: Machine, change: str) -> None:
    """Change config.yaml in its place, as an editor does."""
    done(machine, "sed", "--in-place", change, CONFIG)


def lintian_finds_no_error(given: Path) -> None:
    """Where it is installed: it brings a hundred packages."""
    if shutil.which("lintian"):
        (package,) = given.glob(f"*_{PRESENT}_*.deb")
        command = ["lintian", "--allow-root", "--fail-on", "error", str(package)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout


def test_the_package_from_its_first_day_to_its_last(given: Path) -> None:
    """Each step is a function below, with what must hold after it."""
    lintian_finds_no_error(given)
    with whole(given.parent) as machine:
        before = ours(machine)
        for step in STEPS:
            step(machine)
        a_removal_keeps_what_is_ours_and_a_purge_nothing(machine, before)


def nothing_starts_before_its_config_is_filled_in(machine: Machine) -> None:
    told = install(machine, PREVIOUS)
    assert "What is left:" in told
    assert (machine.state(), machine.systemctl("is-enabled", SERVICE, CONTROL).out) == (
        "inactive",
        "enabled\nenabled\n",
    )
    assert machine.systemctl("is-enabled", HTTP).out == "disabled\n"
    assert machine.systemctl("start", SERVICE).code != 0
    shown = machine.show("ExecMainStatus", "NRestarts", "StatusText")
    assert (shown["ExecMainStatus"], shown["NRestarts"]) == ("2", "0")
    assert "owner is still change-me" in shown["StatusText"]
    # The wheel has all that it needs, without a checkout.
    made = done(machine, machine.command, "init", "/tmp/made")
    assert "team-rooms" in made
    done(machine, machine.command, "--config", "/tmp/made/config.yaml", "validate")
    assert done(machine, machine.command, "--version").strip() == "room-orchestrator 0.1.0"


def it_starts_with_an_encrypted_credential(machine: Machine) -> None:
    done(machine, "cp", "/opt/given/first.pub", "/etc/meetings.pub")
    done(machine, "cp", "/opt/given/meetings.service", "/run/systemd/system/")
    done(machine, "install", "-d", DROP_INS, "/etc/credstore.encrypted")
    done(machine, "cp", f"{EXAMPLES}/encrypted-key.conf", DROP_INS)
    done(machine, "systemd-creds", "encrypt", "--with-key=host", "--name=meetings-key",
         "/opt/given/first.pem", ENCRYPTED)  # fmt: skip
    done(machine, "cp", "/opt/given/teams.yaml", "/etc/room-orchestrator/policies/")
    configure(
        machine,
        "s/change-me/acme/; s/mode: observe/mode: enforce/; "
        "s#https://meet.example.com#http://127.0.0.1:8441#; "
        f"s/00000000-0000-0000-0000-000000000000/{APPLICATION}/",
    )
    machine.systemctl("daemon-reload")
    assert machine.systemctl("start", "meetings.service", HTTP).code == 0
    assert machine.systemctl("start", SERVICE).code == 0, machine.journal()
    machine.until(lambda: len(rooms(machine)) == 3, "three rooms")
    looked = machine.run(machine.command, "doctor").all
    assert (
        f"/usr/lib/systemd/system/{SERVICE} starts /usr/bin/room-orchestrator, and leaves it"
        in (" ".join(looked.split()))
    ), looked


def its_acts_are_found_in_the_journal(machine: Machine) -> None:
    id_ = rooms(machine)["teams/a"]
    (made,) = entries(machine, "KEY=teams/a", "EVENT=room.created")
    assert (made["ROOM_ID"], made["PRIORITY"], made["SYSLOG_IDENTIFIER"]) == (
        id_,
        "6",
        "room-orchestrator",
    )
    assert made["_SYSTEMD_UNIT"] == SERVICE
    assert made["MESSAGE"].startswith("room.created teams/a: ")
    assert json.loads(made["DETAIL"])["display_name"] == "teams a"
    assert made in entries(machine, f"ROOM_ID={id_}")
    assert made in entries(machine, f"OPERATION={made['OPERATION']}")
    assert {entry["KEY"] for entry in entries(machine, "EVENT=room.created")} == {
        "teams/a",
        "teams/b",
        "teams/c",
    }
    line = machine.run("journalctl", "-b", "-o", "cat", "KEY=teams/b", "EVENT=room.created").out
    assert re.fullmatch(r"room\.created teams/b: .* \(actor=policy teams@\w+\)\n", line)


def an_upgrade_keeps_rooms_and_refuses_nobody(machine: Machine) -> None:
    had, pid, config = rooms(machine), machine.pid(), done(machine, "cat", CONFIG)
    done(machine, "systemd-run", "--unit=asks", "--property=StandardOutput=file:/run/asks",
         "/usr/bin/python3", "-u", "/opt/given/asks.py")  # fmt: skip
    told = install(machine, PRESENT)
    assert "What is left:" not in told
    assert (machine.state(), machine.restarts()) == ("active", 0)
    assert machine.pid() != pid
    answered = int(done(machine, "tail", "-n1", "/run/asks").split()[0])
    asked, refused = machine.until(
        lambda: (
            [*map(int, done(machine, "tail", "-n1", "/run/asks").split())]
            if int(done(machine, "tail", "-n1", "/run/asks").split()[0]) > answered
            else []
        ),
        "the new process answers",
    )
    machine.systemctl("stop", "asks.service")
    assert (asked > 5, refused) == (True, 0)
    assert rooms(machine) == had
    assert done(machine, "cat", CONFIG) == config
    assert f"Version: {PRESENT}\n" in done(machine, "dpkg", "--status", "room-orchestrator")
    machine.until(
        lambda: entries(machine, "EVENT=daemon.started", f"_PID={machine.pid()}"), "it began"
    )
    assert rooms_at_the_api(machine) == 3


def a_bad_config_is_refused_and_a_good_one_taken_up(machine: Machine) -> None:
    pid = machine.pid()
    configure(machine, "s/mode: enforce/mode: enforced/")
    assert machine.systemctl("reload", SERVICE).code != 0
    machine.until(lambda: entries(machine, "EVENT=config.rejected", "PRIORITY=3"), "it says so")
    configure(machine, "s/mode: enforced/mode: enforce/")
    assert machine.systemctl("reload", SERVICE).code == 0
    assert (machine.state(), machine.pid()) == ("active", pid)


def another_key_is_taken_up_by_the_same_process(machine: Machine) -> None:
    done(machine, "install", "-m", "640", "-g", "room-orchestrator", "/opt/given/first.pem",
         KEY_FILE)  # fmt: skip
    configure(machine, f"s#{{credential: meetings-key}}#{{file: {KEY_FILE}}}#")
    assert machine.systemctl("restart", SERVICE).code == 0
    pid = machine.pid()
    # The API knows the new key alone; the next call is met by a 401, and the file is read again.
    done(machine, "cp", "/opt/given/second.pem", KEY_FILE)
    done(machine, "cp", "/opt/given/second.pub", "/etc/meetings.pub")
    assert machine.systemctl("restart", "meetings.service").code == 0
    done(machine, "cp", "/opt/given/more.yaml", "/etc/room-orchestrator/policies/")
    machine.until(lambda: "more/d" in rooms(machine), "a room that was made with the new key")
    assert (machine.state(), machine.pid()) == ("active", pid)
    assert rooms_at_the_api(machine) == 4


def a_user_that_exists_while_it_runs_keeps_its_state(machine: Machine) -> None:
    had = rooms(machine)
    dynamic = "room-orchestrator-dynamic"
    for user in (dynamic, "room-orchestrator", dynamic):
        if user == dynamic:
            done(machine, "cp", f"{EXAMPLES}/dynamic-user.conf", DROP_INS)
        else:
            done(machine, "rm", f"{DROP_INS}/dynamic-user.conf")
        machine.systemctl("daemon-reload")
        assert machine.systemctl("restart", SERVICE).code == 0, machine.journal()[-3000:]
        uid = int(done(machine, "stat", "--format=%u", f"/proc/{machine.pid()}"))
        assert (uid in DYNAMIC) is (user == dynamic)
        assert rooms(machine) == had
    assert done(machine, machine.command, "audit", "verify", "--config", CONFIG)


def what_was_removed_comes_back_running(machine: Machine) -> None:
    """By the scripts as dpkg calls them; unpacking it all once more would tell nothing more."""
    had = rooms(machine)
    scripts = "/var/lib/dpkg/info/room-orchestrator"
    as_dpkg = ("env", "DPKG_MAINTSCRIPT_PACKAGE=room-orchestrator")
    machine.systemctl("enable", HTTP)
    machine.systemctl("stop", SERVICE, CONTROL, HTTP)
    done(machine, *as_dpkg, f"{scripts}.postrm", "remove")
    assert machine.systemctl("is-enabled", SERVICE, HTTP).out == "masked\nmasked\n"
    done(machine, *as_dpkg, f"{scripts}.postinst", "configure", PRESENT)
    assert machine.systemctl("is-active", SERVICE, CONTROL, HTTP).out == "active\n" * 3
    assert rooms(machine) == had


def a_removal_keeps_what_is_ours_and_a_purge_nothing(machine: Machine, before: set[str]) -> None:
    done(machine, "dpkg", "--remove", "room-orchestrator")
    assert machine.state() == "inactive"
    for kept in (CONFIG, KEY_FILE, "/var/lib/room-orchestrator/orchestrator.db",
                 "/var/log/room-orchestrator/audit.jsonl"):  # fmt: skip
        done(machine, "test", "-s", kept)
    assert machine.run("test", "-e", "/usr/lib/room-orchestrator").code != 0
    done(machine, "dpkg", "--purge", "room-orchestrator")
    assert sorted(ours(machine) - before) == []
    # Nor is a key anywhere, not even in the journal.
    for name in ("first", "second"):
        line = (machine.etc / f"{name}.pem").read_text().splitlines()[3]
        where = ("/etc", "/run/log", "/var/lib", "/var/log")
        assert machine.run("grep", "-rlF", line, *where).out == ""


STEPS: Final[Sequence[Callable[[Machine], None]]] = (
    nothing_starts_before_its_config_is_filled_in,
    it_starts_with_an_encrypted_credential,
    its_acts_are_found_in_the_journal,
    an_upgrade_keeps_rooms_and_refuses_nobody,
    a_bad_config_is_refused_and_a_good_one_taken_up,
    another_key_is_taken_up_by_the_same_process,
    a_user_that_exists_while_it_runs_keeps_its_state,
    what_was_removed_comes_back_running,
)
