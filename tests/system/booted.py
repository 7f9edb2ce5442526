"""A real systemd, booted by systemd-nspawn over this machine's own files, the network its loopback.

`booted` has our units as they are shipped over this machine's /usr; all else is a tmpfs of its own
(``--volatile=yes``), and what the test gives it lies in one folder under /opt.  `whole` is a copy
of all of this machine that may be written on, for packages: a layer in memory over its files.
Either is ended with its block, and killed with the test's process: nothing is left behind.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from tests.system.processes import ROOT, until

SERVICE: Final = "room-orchestrator.service"
CONTROL: Final = "room-orchestrator-control.socket"
UNITS: Final = ROOT / "deploy" / "systemd"
_SYSTEM: Final = Path("etc/systemd/system")
_TARGET: Final = "systemd.unit=basic.target"
_BOOT: Final = 30.0  # seconds
_LOOK_EVERY: Final = 0.2  # seconds: each look is a process or two
_INSTALLED: Final = "/opt/room-orchestrator/bin/room-orchestrator"
_GIVEN: Final = "/opt/given"
_Found = TypeVar("_Found")

# As the installed program, but for where interpreter and packages lie.
_PROGRAM: Final = """\
#!/bin/sh
export LD_LIBRARY_PATH={python}/lib PYTHONPATH=/opt/source:/opt/packages
exec {interpreter} -m orchestrator "$@"
"""
# Killed with its parent (PR_SET_PDEATHSIG): nspawn ends the machine when it is ended.
_LEASH: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""
# A layer over all files of this machine, which nobody sees but who is below this process.
_LAYER: Final = """
mount -t tmpfs tmpfs "$1" && cd "$1" && mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
shift
exec "$@"
"""


def missing() -> str:
    """What this machine lacks for it, with what to do; empty where it has all."""
    if os.getuid() != 0:
        return "systemd-nspawn needs root: run this test as root"
    wanted = ("systemd-nspawn", "nsenter", "systemctl", "systemd-socket-activate")
    lacking = [program for program in wanted if shutil.which(program) is None]
    if lacking:
        return f"{', '.join(lacking)} not found: apt install systemd systemd-container"
    return ""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command in the machine said."""

    out: str
    err: str
    code: int

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass(slots=True)
class Machine:
    """A booted machine.

    Attributes:
        leader: its PID 1, as this machine counts.
        etc: its /etc/room-orchestrator, or what it has of ours to read, to be written from here.
        command: where our program lies.
    """

    leader: int
    etc: Path
    console: Path
    command: str = _INSTALLED

    def run(self, *command: str, user: str = "", within: float = 30.0) -> Ran:
        """Give a command inside, as root or another user."""
        inside = ["nsenter", "-t", str(self.leader), "-a"]
        if user:
            inside += ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        done = subprocess.run(
            [*inside, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
        )
        return Ran(done.stdout, done.stderr, done.returncode)

    def systemctl(self, *words: str) -> Ran:
        return self.run("systemctl", "--no-pager", *words)

    def program(self, *words: str, user: str = "") -> Ran:
        """The command line of ours, inside."""
        return self.run(self.command, *words, user=user)

    def show(self, *properties: str, unit: str = SERVICE) -> dict[str, str]:
        """Properties of a unit."""
        names = ",".join(properties)
        out = self.systemctl("show", unit, f"--property={names}").out
        return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)

    def state(self) -> str:
        return self.show("ActiveState")["ActiveState"]

    def restarts(self) -> int:
        return int(self.show("NRestarts")["NRestarts"])

    def pid(self) -> int:
        """The daemon's, as the machine counts."""
        return int(self.show("MainPID")["MainPID"])

    def journal(self) -> str:
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", SERVICE).out

    def until(self, condition: Callable[[], _Found], what: str, within: float = 30.0) -> _Found:
        """Look until something is there; a failure tells what the machine said."""
        deadline = time.monotonic() + within
        while not (found := condition()):
            if time.monotonic() > deadline:
                said = self.systemctl("status", "-n0", SERVICE).all + self.journal()[-8000:]
                message = f"not within {within:g} s: {what}\n{said}"
                raise AssertionError(message)
            time.sleep(_LOOK_EVERY)
        return found

    def settle(self, state: str = "active", within: float = 30.0) -> None:
        self.until(lambda: self.state() == state, f"the service is {state}", within)


@contextmanager
def booted(folder: Path, dropins: Mapping[str, str]) -> Iterator[Machine]:
    """A machine with our units as they are shipped, and drop-ins for the service.

    Args:
        folder: for what it is given; its /etc/room-orchestrator is there.
        dropins: by file name.
    """
    etc = folder / "etc"
    etc.mkdir()
    etc.chmod(0o755)
    with _running(_nspawn(folder, etc, dropins), etc, folder / "console.txt") as machine:
        yield machine


@contextmanager
def whole(folder: Path) -> Iterator[Machine]:
    """A machine with all files of this one and nothing of ours, whose own changes end with it.

    Args:
        folder: for what it is given: its subfolder `given` is /opt/given there, read-only.
    """
    given, layer = folder / "given", folder / "layer"
    given.mkdir(exist_ok=True)
    layer.mkdir()
    binds = (
        f"--bind-ro={given}:{_GIVEN}",
        "--bind-ro=/dev/null:/usr/sbin/policy-rc.d",  # which may forbid packages to start anything
    )
    mounted = ("unshare", "--mount", "--propagation=private", "sh", "-ec", _LAYER, "sh", str(layer))
    command = [*mounted, *_boot("--directory=root"), *binds, _TARGET]
    with _running(command, given, folder / "console.txt") as machine:
        machine.command = "room-orchestrator"
        yield machine


@contextmanager
def _running(command: list[str], etc: Path, console: Path) -> Iterator[Machine]:
    with console.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-ISc", _LEASH, str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            machine = Machine(_leader(process, console), etc, console)
            _booting(machine)
            yield machine
        finally:
            _halt(process)


def _nspawn(folder: Path, etc: Path, dropins: Mapping[str, str]) -> list[str]:
    program = folder / "room-orchestrator"
    base = Path(sys.base_prefix).resolve()
    # A Python below /usr is there already; another is bound where ProtectHome= does not hide it.
    inside = Path("/usr") if base == Path("/usr") else Path("/opt/python")
    interpreter = inside / "bin" / Path(sys.executable).resolve().name
    program.write_text(_PROGRAM.format(python=inside, interpreter=interpreter))
    program.chmod(0o755)
    units = folder / "units"
    shutil.copytree(UNITS, units)
    changes = units / f"{SERVICE}.d"
    changes.mkdir(exist_ok=True)
    for name, text in dropins.items():
        (changes / name).write_text(text)
    binds = {
        program: Path("/opt/room-orchestrator/bin/room-orchestrator"),
        ROOT / "orchestrator": Path("/opt/source/orchestrator"),
        Path(sysconfig.get_path("purelib")): Path("/opt/packages"),
        UNITS / "room-orchestrator.sysusers": Path("/etc/sysusers.d/room-orchestrator.conf"),
        **({} if inside == Path("/usr") else {base: inside}),
        **{unit: "/" / _SYSTEM / unit.name for unit in sorted(units.iterdir())},
    }
    return [
        *_boot("--directory=/", "--volatile=yes"),
        f"--bind={etc}:/etc/room-orchestrator",
        *(f"--bind-ro={what}:{where}" for what, where in binds.items()),
        _TARGET,
    ]


def _boot(*options: str) -> list[str]:
    """The command of nspawn, but for what is bound and the target."""
    # Nobody answers the questions of a first boot, and systemd is asked directly, not by a bus.
    masked = ("systemd-firstboot.service", "dbus.socket", "dbus.service")
    return [
        "systemd-nspawn",
        "--quiet",
        *options,
        f"--machine=ro-{uuid.uuid4().hex[:12]}",
        "--register=no",
        "--keep-unit",
        "--boot",
        "--console=pipe",
        "--private-network",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        *(f"--bind-ro=/dev/null:/{_SYSTEM / unit}" for unit in masked),
    ]


def _leader(process: "subprocess.Popen[bytes]", console: Path) -> int:
    """The machine's PID 1: the one child of nspawn that is systemd."""

    def look() -> int:
        assert process.poll() is None, f"nspawn ended: {console.read_text()}"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            with suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return 0

    return until(look, "the machine's PID 1", _BOOT)


def _booting(machine: Machine) -> None:
    def up() -> bool:
        return machine.systemctl("is-system-running").out.strip() in {"running", "degraded"}

    machine.until(up, f"the machine has booted: {machine.console.read_text()}", _BOOT)


def _halt(process: "subprocess.Popen[bytes]") -> None:
    """End the machine: nspawn kills all of it when its own child is killed."""
    with suppress(ProcessLookupError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for child in children.read_text().split() if children.exists() else []:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
