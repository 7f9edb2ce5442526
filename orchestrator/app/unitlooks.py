"""What the doctor says of the unit of systemd: does it start what is there, and let it work?

It reads the unit's files with their drop-ins, as systemd does, and holds them against config.yaml:
the program, the config, the credentials, and whether the sandbox and the user of the service leave
what has to be read and written.  It asks systemd nothing, so it sees a unit that was never started.
It knows the directives of our own unit; whatever else a drop-in forbids shows in the journal.
"""

from __future__ import annotations

import contextlib
import grp
import itertools
import os
import pwd
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISGID
from typing import Final

from orchestrator.app.secrets import secrets_of
from orchestrator.config import Settings
from orchestrator.config.destinations import FileDestination, StaticDestination
from orchestrator.config.secrets import SecretKind
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.domain.reports import Finding, Health
from orchestrator.foundation.pasting import shell_word

UNIT: Final = "room-orchestrator.service"
# From the strongest to the weakest: of a file that is there twice the first counts.
UNITS: Final = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
_PART: Final = "unit"
_FOLDERS: Final = {
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "RuntimeDirectory": "/run",
}  # what systemd makes for a service, and lets it write
_HOMES: Final = ("/home", "/root", "/run/user")
_TEMPORARY: Final = ("/tmp", "/var/tmp")  # noqa: S108 (looked for, not used)
_LOADS: Final = ("LoadCredential", "LoadCredentialEncrypted")
# Where systemd looks for a credential without a path, beside each one with `.encrypted`.
STORES: Final = (
    "/etc/credstore",
    "/run/credstore",
    "/usr/local/lib/credstore",
    "/usr/lib/credstore",
)
_ON: Final = frozenset({"yes", "true", "on", "1"})
_RELOAD: Final = "systemctl daemon-reload && systemctl restart room-orchestrator"


@dataclass(frozen=True, slots=True)
class Unit:
    """The service's part of a unit: its file, and all assignments in the order of their weight."""

    file: Path
    lines: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """What was assigned; an empty assignment takes back what stood before."""
        found: list[str] = []
        for key, value in self.lines:
            if key == name:
                found = [*found, value] if value else []
        return found

    def last(self, name: str) -> str:
        """What was assigned last, or an empty text."""
        return (self.values(name) or [""])[-1]

    def words(self, name: str) -> list[str]:
        """The words of all assignments."""
        return [word for value in self.values(name) for word in value.split()]

    def command(self) -> list[str]:
        """What is started, word by word; empty where that cannot be told."""
        try:
            return shlex.split(self.last("ExecStart").lstrip("-@:+!"))
        except ValueError:
            return []


def find_unit(folders: tuple[str, ...] = UNITS) -> Unit | None:
    """The installed unit with its drop-ins; None: there is none that can be read."""
    for folder in folders:
        file = Path(folder) / UNIT
        lines = _service(file)
        if lines is not None:
            return Unit(file, (*lines, *_drop_ins(folders)))
    return None


def _drop_ins(folders: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    named: dict[str, Path] = {}
    for folder in reversed(folders):
        named |= {path.name: path for path in Path(folder, f"{UNIT}.d").glob("*.conf")}
    for _, path in sorted(named.items()):
        yield from _service(path) or ()


def _service(file: Path) -> list[tuple[str, str]] | None:
    """The assignments of a file's [Service]; None: it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    section, found = "", []
    for line in map(str.strip, text.replace("\\\n", " ").splitlines()):
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and line[0] not in "#;":
            name, _, value = line.partition("=")
            found.append((name.strip(), value.strip()))
    return found


def unit_findings(settings: Settings, folders: tuple[str, ...] = UNITS) -> Iterator[Finding]:
    """Whether the installed unit could keep the rooms of these settings; one line where it can."""
    unit = find_unit(folders)
    if unit is None:
        yield Finding(_PART, Health.NOTE, f"no {UNIT} is installed", "deploy/README.md")
        return
    command = unit.command()
    program = command[0] if command else ""
    if not os.access(program, os.X_OK):
        told = f"{unit.file} starts {program or 'nothing'}, which is no program"
        yield _wrong(told, f"write ExecStart= anew: systemctl edit --full {UNIT}")
        return
    config = _config_of(unit, command)
    if config != settings.file:
        told = f"{unit.file} starts with {config}, and this looked at {settings.file}"
        mend = f"room-orchestrator doctor --config {shell_word(config)}"
        yield Finding(_PART, Health.NOTE, told, mend)
        return
    looks = (_credentials, _sandbox, _handed_on, _rights)
    wrong = [finding for look in looks for finding in look(settings, unit)]
    yield from wrong
    if not wrong:
        yield Finding(
            _PART, Health.OK, f"{unit.file} starts {program}, and leaves it what it needs"
        )


def _wrong(told: str, mend: str) -> Finding:
    return Finding(_PART, Health.WRONG, told, mend)


def _config_of(unit: Unit, command: list[str]) -> Path:
    for before, word in itertools.pairwise(command):
        if before in {"--config", "-c"}:
            return Path(word)
    joined = [word.partition("=")[2] for word in command if word.startswith("--config=")]
    if joined:
        return Path(joined[-1])
    inside = Path(unit.last("WorkingDirectory") or "/") / "config.yaml"
    return inside if inside.exists() else Path("/etc/room-orchestrator/config.yaml")


def _set(line: str) -> str:
    """What is typed to add a line to the unit."""
    folder = f"/etc/systemd/system/{UNIT}.d"
    name = line.partition("=")[0].lower()
    return (
        f"mkdir -p {folder} && printf '[Service]\\n{line}\\n' >> {folder}/{name}.conf && {_RELOAD}"
    )


# --- credentials ----------------------------------------------------------------------------------


def loaded_from(unit: Unit) -> dict[str, list[tuple[str, str]]]:
    """The credentials that a unit loads, by name: by which directive, and from where."""
    found: dict[str, list[tuple[str, str]]] = {}
    for directive in _LOADS:
        for value in unit.values(directive):
            name, _, path = value.partition(":")
            found.setdefault(name, []).append((directive, path or name))
    return found


def credential_line(unit: Unit | None, name: str, config: Path) -> str:
    """What is typed to look as the service does, with this credential in place."""
    ways = loaded_from(unit).get(name, []) if unit is not None else []
    directive, path = ways[0] if ways else (_LOADS[0], f"/path/to/{name}")
    program = (unit.command() or ["room-orchestrator"])[0] if unit else "room-orchestrator"
    user = unit.last("User") if unit is not None else ""
    words = ["systemd-run --pty --wait", f"--property=User={user}" if user else ""]
    words.append(shell_word(f"--property={directive}={name}:{path}"))
    words.append(f"{shell_word(program)} doctor --config {shell_word(config)}")
    return " ".join(word for word in words if word)


def _credentials(settings: Settings, unit: Unit) -> Iterator[Finding]:
    loaded = loaded_from(unit)
    if unit.words("ImportCredential") or unit.words("SetCredential"):
        return  # names by a pattern, or a value in the unit itself: the start tells
    for source in dict.fromkeys(secrets_of(settings)):
        if source.kind is not SecretKind.CREDENTIAL:
            continue
        ways = loaded.get(source.name)
        if ways is None:
            told = (
                f"{source.place} names the credential {source.name}, and the unit loads none such"
            )
            place = f"{settings.file.parent}/secrets/{source.name}"
            yield _wrong(told, _set(f"LoadCredential={source.name}:{place}"))
        elif all(map(_missing, (path for way in ways for path in _places(*way)))):
            first = next(_places(*ways[0]))
            told = f"the credential {source.name} is loaded from {first}, which is not there"
            yield _wrong(told, f"put it there: install -D -m 600 KEY {first}")


def _places(directive: str, path: str) -> Iterator[Path]:
    """Where systemd looks for a credential: a plain name is one of its stores."""
    if path.startswith("/"):
        yield Path(path)
        return
    for store in STORES:
        yield Path(store, path)
        if directive == "LoadCredentialEncrypted":
            yield Path(f"{store}.encrypted", path)


def _missing(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # who may not look cannot tell
    return False


# --- the sandbox ----------------------------------------------------------------------------------


def _written(settings: Settings) -> Iterator[tuple[str, Path]]:
    """What has to be written, and the folder that has to let it be."""
    yield "store", settings.store.parent
    yield "audit", settings.audit.file.parent
    meetings = settings.meetings
    if isinstance(meetings, EmbeddedMeetings):
        yield "meetings.database", meetings.database.parent
    for name, destination in settings.destinations.items():
        if isinstance(destination, FileDestination):
            yield f"destinations.{name}", destination.path.parent
        elif isinstance(destination, StaticDestination):
            yield f"destinations.{name}", destination.path
    for name, archive in settings.archives.items():
        yield f"archives.{name}", archive.path


def _read(settings: Settings) -> Iterator[tuple[str, Path]]:
    """What has to be read."""
    yield "config.yaml", settings.file
    yield "policies", settings.policies
    for source in secrets_of(settings):
        if source.kind is SecretKind.FILE:
            yield f"{source.place}", Path(source.name)


def _sandbox(settings: Settings, unit: Unit) -> Iterator[Finding]:
    writable = [Path(root) / word for name, root in _FOLDERS.items() for word in unit.words(name)]
    writable += [Path(word.lstrip("-+")) for word in unit.words("ReadWritePaths")]
    strict = unit.last("ProtectSystem").lower() == "strict"
    homes = unit.last("ProtectHome").lower()
    private = unit.last("PrivateTmp").lower() in _ON
    for name, path in _written(settings):
        if private and _below(path, _TEMPORARY):
            yield _hides(name, path, "PrivateTmp=yes")
        elif homes in _ON | {"tmpfs"} and _below(path, _HOMES):
            yield _hides(name, path, f"ProtectHome={homes}")
        elif (strict or (homes == "read-only" and _below(path, _HOMES))) and not any(
            path.is_relative_to(one) for one in writable
        ):
            told = f"{name} is in {path}, which the unit lets nobody write"
            yield _wrong(told, _set(f"ReadWritePaths={path}"))
    for name, path in _read(settings):
        if private and _below(path, _TEMPORARY):
            yield _hides(name, path, "PrivateTmp=yes")
        elif homes in _ON | {"tmpfs"} and _below(path, _HOMES):
            yield _hides(name, path, f"ProtectHome={homes}")


def _handed_on(settings: Settings, unit: Unit) -> Iterator[Finding]:
    """Folders of a group that the unit keeps from it: the daemon may not let it in by itself."""
    umask = unit.last("UMask")
    if umask[-2:-1] in {"", "0", "2"}:  # it leaves the group what it needs: to read and to enter
        return
    for name, destination in settings.destinations.items():
        if isinstance(destination, StaticDestination) and _hands_on(destination.path):
            told = f"destinations.{name} is for the group of {destination.path}, and the unit has"
            yield _wrong(f"{told} UMask={umask}", _set("UMask=0027"))


def _hands_on(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & S_ISGID)
    except OSError:
        return False


def _below(path: Path, folders: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _hides(name: str, path: Path, line: str) -> Finding:
    mend = (
        f"move it below /etc/room-orchestrator or /var/lib/room-orchestrator, and name it in {name}"
    )
    return _wrong(f"{name} is {path}, which the unit hides ({line})", mend)


# --- the user -------------------------------------------------------------------------------------


def _rights(settings: Settings, unit: Unit) -> Iterator[Finding]:
    user = unit.last("User")
    try:
        account = pwd.getpwnam(user)
    except KeyError:  # none is named, or systemd makes it at the start
        return
    groups = set(os.getgrouplist(user, account.pw_gid))
    for name in (unit.last("Group"), *unit.words("SupplementaryGroups")):
        with contextlib.suppress(KeyError):
            groups.add(grp.getgrnam(name).gr_gid)
    for name, path in _read(settings):
        reason = stands_before(path, account.pw_uid, groups)
        if reason:
            yield _wrong(f"{user} may not read {name}: {reason}", _give(user, path))


def stands_before(path: Path, uid: int, groups: set[int]) -> str:
    """Why a user may not read a file; empty: they may, or whoever asks cannot tell."""
    for one in (*reversed(path.parents), path):
        try:
            there = one.stat()
        except OSError:
            return ""
        wanted = 0o1 if one != path else 0o5 if one.is_dir() else 0o4
        mode = there.st_mode
        bits = mode >> 6 if there.st_uid == uid else mode >> 3 if there.st_gid in groups else mode
        if uid and bits & wanted != wanted:
            return f"{one} does not let them"
    return ""


def _give(user: str, path: Path) -> str:
    return f"chgrp {user} {path} && chmod g+rX {path}" if path.is_dir() else f"chown {user} {path}"
