"""The service as systemd knows it: units as they are shipped, in a real systemd.

The machine is booted once for this file and each test begins with a fresh installation in it.  Only
waiting is shortened, by a drop-in: the watchdog's patience and the pause before a restart.
"""

import json
import os
import shutil
from collections.abc import Iterator
from typing import Any, Final

import pytest

from orchestrator.app.init import Choices, init
from tests.system.booted import CONTROL, SERVICE, Machine, booted, missing
from tests.system.installation import policy

_LACKING: Final = missing()
# One machine, so one worker. In CI nothing is skipped: it fails, and says what to install.
pytestmark = [
    pytest.mark.xdist_group("systemd"),
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(_LACKING) and not os.environ.get("CI"), reason=_LACKING),
]

HASTY: Final = {
    "hasty.conf": "[Service]\nWatchdogSec=5s\nTimeoutAbortSec=2s\nRestartSec=300ms\n"
    "LoadCredential=meetings-key:/etc/room-orchestrator/key.pem\n",
}
PATHS: Final = """\
policies: policies
store: sqlite:////var/lib/room-orchestrator/orchestrator.db
audit: {file: /var/log/room-orchestrator/audit.jsonl}
control: {socket: /run/room-orchestrator/control.sock}
destinations: {rooms-json: {type: file, path: /var/lib/room-orchestrator/rooms.json}}
"""
OURS: Final = f"""\
owner: acme
mode: enforce
meetings:
  embedded: true
  listen: 127.0.0.1:8441
  database: /var/lib/room-orchestrator/meetings.db
  keys: /var/lib/room-orchestrator/keys
{PATHS}"""
AWAY: Final = f"""\
owner: acme
mode: enforce
meetings:
  url: http://127.0.0.1:9/v1/meetings
  application_id: 3f1c2b7e-9d54-4a60-8f0e-2a6f1f0f7c11
  private_key: {{credential: meetings-key}}
{PATHS}"""
STORE_LOCK: Final = "/var/lib/room-orchestrator/orchestrator.db.lock"
SOCKET: Final = "/run/room-orchestrator/control.sock"
AUDIT: Final = "/var/log/room-orchestrator/audit.jsonl"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that runs until the last test of this file is over."""
    assert not _LACKING, _LACKING
    folder = tmp_path_factory.mktemp("machine")
    for each in (folder, *folder.parents):
        if each.is_relative_to(tmp_path_factory.getbasetemp().parent):
            each.chmod(0o755)  # the service's user reads the program that lies here
    init(folder / "made", Choices(owner="acme"), example=False)
    with booted(folder, HASTY) as booted_machine:
        shutil.copy(folder / "made" / "secrets" / "meetings.pem", booted_machine.etc / "key.pem")
        yield booted_machine


@pytest.fixture
def service(machine: Machine) -> Iterator[Machine]:
    """A fresh installation whose service has not been started."""
    configure(machine, OURS)
    folder = machine.etc / "policies"
    folder.mkdir()
    (folder / "teams.yaml").write_text(policy("teams", ["a", "b", "c"]))
    machine.systemctl("start", CONTROL)
    yield machine
    machine.systemctl("kill", "--signal=SIGKILL", SERVICE)
    machine.systemctl("stop", SERVICE, CONTROL)
    machine.systemctl("reset-failed", SERVICE)
    machine.run("find", "/var/lib/room-orchestrator", "/var/log/room-orchestrator", "-type", "f",
                "-delete")  # fmt: skip
    shutil.rmtree(folder)


def configure(machine: Machine, text: str) -> None:
    (machine.etc / "config.yaml").write_text(text)


def status_text(machine: Machine) -> str:
    """What `systemctl status` shows in its line Status."""
    return machine.show("StatusText")["StatusText"]


def facts(machine: Machine, event: str) -> list[dict[str, Any]]:
    lines = machine.run("cat", AUDIT).out.splitlines()
    return [fact for fact in map(json.loads, lines) if fact["event"] == event]


def door(machine: Machine) -> str:
    """The control socket's inode: another one is another socket."""
    return machine.run("stat", "--format=%i %a %U:%G", SOCKET).out


def test_it_is_ready_only_when_it_has_its_store(service: Machine) -> None:
    """While another holds the store no start succeeds; set free, the next one does by itself."""
    service.run("systemd-run", "--unit=thief", "--service-type=exec", "--property=StateDirectory="
                "room-orchestrator", "flock", STORE_LOCK, "sleep", "600")  # fmt: skip
    service.until(lambda: not service.run("test", "-e", STORE_LOCK).code, "the lock is there")
    service.systemctl("start", "--no-block", SERVICE)
    service.until(lambda: service.restarts() >= 1, "it was tried again")
    store = STORE_LOCK.removesuffix(".lock")
    service.until(lambda: store in status_text(service), "the status says which store is taken")
    assert service.state() == "activating"
    assert "ask it: room-orchestrator status" in service.journal()
    service.systemctl("stop", "thief")
    service.settle()
    said = "enforce · 3 rooms wanted · next due "
    service.until(lambda: status_text(service).startswith(said), "the status tells what comes")


def test_a_reload_takes_a_good_config_and_fails_visibly_at_a_bad_one(service: Machine) -> None:
    """The same process, the same socket; what is wrong is named with its line in three places."""
    service.systemctl("start", SERVICE)
    assert status_text(service).startswith("enforce · 3 rooms wanted")  # known when READY came
    pid, socket = service.pid(), door(service)

    configure(service, OURS.replace("mode: enforce", "mode: observe"))
    done = service.systemctl("reload", SERVICE)
    assert done.code == 0, done.err
    assert status_text(service).startswith("observe · ")
    assert service.show("ReloadResult", "ActiveState") == {
        "ReloadResult": "success",
        "ActiveState": "active",
    }

    configure(service, OURS.replace("mode: enforce", "mode: enforced"))
    failed = service.systemctl("reload", SERVICE)
    assert failed.code != 0
    assert "Job for room-orchestrator.service failed" in failed.err
    place = "/etc/room-orchestrator/config.yaml:2:7"
    service.until(lambda: place in status_text(service), "the status names file and line")
    assert status_text(service).startswith("config rejected: ")
    assert service.journal().count(f"not taken up, all is as it was: {place}") == 1
    told = service.program("status", "--json", "--socket", SOCKET)
    needs = json.loads(told.out)["needs_you"]
    assert any(place in need for need in needs)
    assert service.state() == "active"
    rejected = facts(service, "config.rejected")[0]
    assert rejected["actor"].startswith("room-orchestrator (uid ")
    assert rejected["reason"] == "systemctl reload"

    configure(service, OURS)
    service.systemctl("kill", "--signal=SIGHUP", SERVICE)
    service.until(lambda: status_text(service).startswith("enforce · "), "SIGHUP does the same")
    assert (service.pid(), service.restarts(), door(service)) == (pid, 0, socket)


def test_what_is_killed_or_hangs_is_restarted_behind_doors_that_stay_open(
    service: Machine,
) -> None:
    """SIGKILL, and an event loop that stands still; a question in between waits for its answer."""
    service.systemctl("start", SERVICE)
    socket = door(service)
    assert socket.split()[1:] == ["660", "room-orchestrator:room-orchestrator"]

    service.run("kill", "-KILL", str(service.pid()))
    asked = service.program("status", "--json")
    assert asked.code == 0, asked.err
    service.settle()
    assert service.restarts() == 1

    service.run("kill", "-STOP", str(service.pid()))
    service.until(lambda: service.restarts() == 2, "the watchdog ended and restarted it")
    service.settle()
    journal = service.journal()
    assert "Watchdog timeout" in journal
    assert "Fatal Python error: Aborted" in journal  # and where each thread stood
    service.until(lambda: "3 rooms wanted" in status_text(service), "it works again")
    assert door(service) == socket
    rooms = json.loads(service.program("rooms", "list", "--json").out)["rooms"]
    assert sorted(room["key"] for room in rooms) == ["teams/a", "teams/b", "teams/c"]


def test_an_api_that_is_away_restarts_nobody(service: Machine) -> None:
    """Ready without it, and through twice the watchdog's patience the same process."""
    configure(service, AWAY)
    started = service.systemctl("start", SERVICE)
    assert started.code == 0, started.err
    pid = service.pid()
    service.until(lambda: "API unreachable" in status_text(service), "the status tells of it")
    service.run("sleep", "12")
    assert (service.state(), service.pid(), service.restarts()) == ("active", pid, 0)
    told = json.loads(service.program("status", "--json").out)
    assert told["last_pass"] is None
    assert told["api_state"].startswith("unreachable since ")
    assert len(facts(service, "api.unavailable")) == 1


def test_a_credential_is_another_one_after_a_restart(service: Machine) -> None:
    """A key that cannot be used is told in the status; put right, a restart takes it up."""
    configure(service, AWAY)
    key = service.etc / "key.pem"
    good = key.read_bytes()
    try:
        key.write_bytes(b"no key at all\n")
        service.systemctl("start", "--no-block", SERVICE)
        service.until(lambda: "not in PEM form" in status_text(service), "the status says why")
    finally:
        key.write_bytes(good)
    service.settle()
    assert "no key at all" not in service.journal()


def test_members_of_the_group_steer_and_are_named_and_others_are_refused(
    service: Machine,
) -> None:
    """Over the socket that systemd made: the actor is the name and number of its peer."""
    service.run("sh", "-c", "printf 'u anna 1234\\nu eve 1235\\nm anna room-orchestrator\\n'"
                " | systemd-sysusers -")  # fmt: skip
    service.systemctl("start", SERVICE)
    service.until(lambda: facts(service, "room.created"), "a room")
    said = service.program("rooms", "show", "teams/a", "--host-link", "--reason", "x", user="anna")
    assert said.code == 0, said.err
    revealed = service.until(lambda: facts(service, "room.link.revealed"), "the fact")[0]
    assert revealed["actor"] == "anna (uid 1234)"
    refused = service.program("status", user="eve")
    assert refused.code == 1
    assert "join the socket's group" in refused.err


def test_an_invalid_config_is_no_reason_to_try_again(service: Machine) -> None:
    """It failed for good, with exit code 2, and the status says where the mistake is."""
    configure(service, OURS.replace("owner:", "ownr:"))
    assert service.systemctl("start", SERVICE).code != 0
    shown = service.show("ActiveState", "ExecMainStatus", "NRestarts", "StatusText")
    assert shown["StatusText"].startswith("config.yaml cannot be used: ")
    assert "config.yaml:1:1" in shown["StatusText"]
    assert (shown["ActiveState"], shown["ExecMainStatus"], shown["NRestarts"]) == (
        "failed",
        "2",
        "0",
    )
