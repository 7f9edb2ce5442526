"""The doctor: looks at an installation from outside, and tells how to mend what is wrong.

It changes nothing.  To the Meetings API and to each public address of ours it sends one GET, to
destinations what tells nobody anything, and to our own door, if the daemon runs, one message a
source that opens nothing: which it makes sure of before it sends it.  What can be seen in the
running service alone (credentials of systemd) is told as unknown, never as wrong.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import aiohttp

from orchestrator.adapters.archives.marks import MARK, read_place
from orchestrator.adapters.meetings.token import UnusableKeyError, read_key
from orchestrator.adapters.store.peek import peek
from orchestrator.app.build import StartError, reach_api, reach_rooms
from orchestrator.app.certifying import certificate_findings
from orchestrator.app.messengers import messengers
from orchestrator.app.outside import address_findings
from orchestrator.app.secrets import secrets_of
from orchestrator.app.sources import read_sources, tell_source
from orchestrator.app.tracked import tracked_findings
from orchestrator.app.unitlooks import credential_line, find_unit, unit_findings
from orchestrator.app.validate import validate
from orchestrator.config import SecretFault, Settings
from orchestrator.config.destinations import CalendarDestination, FileDestination, StaticDestination
from orchestrator.config.secrets import SecretKind, SecretSource
from orchestrator.config.settings import EmbeddedMeetings, RemoteMeetings
from orchestrator.domain.pages import Ignored
from orchestrator.domain.policies import Mode
from orchestrator.domain.reports import DoctorReport, Finding, Health, StatusReport
from orchestrator.edges.control.client import SocketDesk, answers
from orchestrator.edges.http.intake import PATH
from orchestrator.edges.intake.signing import credentials
from orchestrator.edges.intake.sources import Kind, Source
from orchestrator.engine.places import MARKS, another
from orchestrator.engine.weather import NOT_ASKED
from orchestrator.foundation.secret import Secret
from orchestrator.ports.archives import ArchiveError
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import DeliveryFault, Messenger
from orchestrator.ports.desk import DeskError
from orchestrator.ports.faults import Fault, MissingError, UnauthorizedError
from orchestrator.ports.store import StoreFault

_APART_MOST: Final = 120.0  # seconds: then schedules and removals stop (design section 5)
_APART: Final = 5.0
_FREE_LEAST: Final = 256 * 1024 * 1024  # bytes
_PATIENCE: Final = 30.0  # seconds for one look at a destination, or at our own door
_NO_ROOM: Final = "0"  # no API has a room of this id
_JSON: Final = "application/json"
# What opens nothing, whatever system sends it: it is no event that any of them knows.
_PING: Final = (
    b'{"type":"room-orchestrator.doctor","event":{"event_type":"pagey.ping"},"specversion":"1.0",'
    b'"id":"room-orchestrator-doctor","source":"room-orchestrator"}'
)


async def examine(settings: Settings, clock: Clock) -> DoctorReport:
    """Look at everything. Never raises for what is wrong with the installation."""
    findings: list[Finding] = []
    daemon, status = await _daemon(settings)
    findings.append(daemon)
    findings += await asyncio.to_thread(
        lambda: [
            *_files(settings),
            *_policies(settings),
            *_unless_closed("store", _store(settings)),
            *_unless_closed("disk", _disks(settings)),
        ]
    )
    if isinstance(settings.meetings, EmbeddedMeetings):
        findings += certificate_findings(settings.meetings, clock.now())
    async for finding in _api(settings, clock, status):
        findings.append(finding)
    findings += occupancy_findings(settings, status)
    addresses = address_findings(settings, clock.now(), running=status is not None)
    findings += [finding async for finding in addresses]
    async for finding in _sources(settings, clock, running=status is not None):
        findings.append(finding)
    async for finding in _destinations(settings, clock):
        findings.append(finding)
    findings += await asyncio.to_thread(lambda: [*unit_findings(settings)])
    return DoctorReport(str(settings.file), tuple(findings))


def _ok(part: str, told: str) -> Finding:
    return Finding(part, Health.OK, told)


def _wrong(part: str, told: str, mend: str = "") -> Finding:
    if not mend:  # the sentences of faults tell what to do behind a semicolon
        told, _, mend = told.partition("; ")
    return Finding(part, Health.WRONG, told, mend)


def _closed(part: str, path: object) -> Finding:
    """What nobody can tell who is another user than the daemon: nothing is wrong with that."""
    mend = "ask as root, or as the daemon's user: sudo room-orchestrator doctor"
    return Finding(part, Health.UNKNOWN, f"{path} is closed to this user", mend)


def _unless_closed(part: str, look: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from look
    except PermissionError as error:
        yield _closed(part, error.filename)


def _is_there(path: Path) -> bool:
    """Raises PermissionError where this user may not even look, in every release of Python."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


# --- the daemon, its store and its files ----------------------------------------------------------


async def _daemon(settings: Settings) -> tuple[Finding, StatusReport | None]:
    try:
        if not await answers(settings.control):
            told = f"none answers on {settings.control}"
            mend = "start it: room-orchestrator run, or systemctl start room-orchestrator"
            return Finding("daemon", Health.NOTE, told, mend), None
        async with asyncio.timeout(_PATIENCE), SocketDesk.opened(settings.control) as desk:
            status = await desk.status()
    except TimeoutError:
        told = f"it does not answer within {_PATIENCE:.0f} s"
        return _wrong("daemon", told, "look at its log; systemctl restart room-orchestrator"), None
    except DeskError as fault:
        return _wrong("daemon", str(fault)), None
    if status.needs_you:
        told = f"it runs, and {len(status.needs_you)} of its causes need somebody"
        return Finding("daemon", Health.NOTE, told, "room-orchestrator status"), status
    return _ok("daemon", f"it runs, mode {status.mode}, and nothing needs you"), status


def _files(settings: Settings) -> Iterator[Finding]:
    warnings = [source.warning() for source in secrets_of(settings)]
    exposed = [problem for problem in warnings if problem is not None]
    for problem in exposed:
        yield _wrong("file rights", f"{problem}")
    if not exposed:
        yield _ok("file rights", "no secret file can be read by others")
    yield from tracked_findings(settings)
    for name in settings.archives:
        yield from _unless_closed(f"archive {name}", _archive(settings, name))
    yield from _unless_closed("file rights", _keys(settings))


def _archive(settings: Settings, name: str) -> Iterator[Finding]:
    part, archive = f"archive {name}", settings.archives[name]
    path = archive.path
    if not (_is_there(path) and os.access(path, os.R_OK | os.W_OK | os.X_OK) and path.is_dir()):
        told = f"{path} is not there, or this user may not write to it: no recording is copied"
        yield _wrong(part, told, "mount it, or make the folder and give it to this user")
    elif shutil.disk_usage(path).free < archive.reserve:
        told = f"less is free at {path} than its reserve: no recording is copied"
        yield _wrong(part, told, "make room there, or lower its reserve")
    else:
        yield _place(settings, name, path)


def _keys(settings: Settings) -> Iterator[Finding]:
    meetings = settings.meetings
    keys = meetings.keys if isinstance(meetings, EmbeddedMeetings) else None
    if keys is not None and _is_there(keys) and keys.stat().st_mode & 0o77:
        yield _wrong("file rights", f"{keys} is open to others", f"chmod 700 {keys}")


def _place(settings: Settings, name: str, path: Path) -> Finding:
    """Whether a folder that can be written to is the one that copies were made in before."""
    part = f"archive {name}"
    try:
        known = peek(settings.store, MARKS + name)
    except StoreFault:
        known = None  # told where the store is looked at
    if not known:
        return _ok(part, f"{path} can be written to")
    remark = f"echo {known} > {shlex.quote(str(path / MARK))}"
    mend = f"mount its disk; or, if this folder is meant from now on: {remark}"
    try:
        why = another(read_place(path), known)
    except ArchiveError as fault:
        why = str(fault)
    if why:
        return _wrong(part, f"{why}; nothing is copied there, and nothing deleted", mend)
    return _ok(part, f"{path} can be written to, and is where copies were made before")


def _policies(settings: Settings) -> Iterator[Finding]:
    if not os.access(settings.policies, os.R_OK | os.X_OK):
        told = f"{settings.policies} is not there, or this user may not read it"
        mend = f"mkdir -p {settings.policies}, or correct policies in config.yaml"
        yield _wrong("policies", told, mend)
        return
    looked = validate([], settings.file, {}, settings.file.parent)
    if looked.problems:
        first, more = looked.problems[0], len(looked.problems) - 1
        told = (
            f"{first}{f', and {more} more' if more else ''}; the last good version stays in force"
        )
        yield Finding("policies", Health.WRONG, told, "room-orchestrator validate")
    else:
        yield _ok("policies", f"{settings.policies} can be read, and nothing is wrong in it")


def _store(settings: Settings) -> Iterator[Finding]:
    path = settings.store
    if not _is_there(path):
        told = f"there is none at {path} yet; the daemon makes it at its first start"
        yield Finding("store", Health.NOTE, told)
        return
    try:
        owner = peek(path, "pin.owner")
    except StoreFault as fault:
        yield _wrong("store", str(fault), "docs/recovery.md; room-orchestrator state show")
        return
    if owner is not None and owner != settings.owner:
        told = f"it belongs to the owner {owner}, and config.yaml says {settings.owner}"
        yield _wrong("store", told, "put the config right, or once: room-orchestrator run --repin")
    else:
        yield _ok("store", f"{path} can be read")


def _disks(settings: Settings) -> Iterator[Finding]:
    """What is free on each disk that is written to; of several paths on one disk the first."""
    meetings, seen = settings.meetings, set()
    paths = [settings.store, settings.audit.file]
    paths += [meetings.database] if isinstance(meetings, EmbeddedMeetings) else []
    for path in paths:
        there = next(one for one in path.parents if _is_there(one))
        if there.stat().st_dev in seen:
            continue
        seen.add(there.stat().st_dev)
        free = shutil.disk_usage(there).free
        if free < _FREE_LEAST:
            told = f"{free // 2**20} MB are free below {there}; without room nothing is done"
            mend = f"make room; what is large there: du -xh {there} | sort -h | tail"
            yield Finding("disk", Health.WRONG, told, mend)
        else:
            yield _ok("disk", f"{free // 2**20:,} MB are free below {there}")


# --- the API and the clock ------------------------------------------------------------------------


async def _api(
    settings: Settings, clock: Clock, status: StatusReport | None
) -> AsyncIterator[Finding]:
    meetings = settings.meetings
    if isinstance(meetings, EmbeddedMeetings):
        yield _embedded(status)
        return
    key = _key(settings, meetings)
    if key.health is Health.UNKNOWN and status is not None:
        yield _by_the_daemon(status, "answers the daemon, and takes its credentials")
        return
    yield key
    if key.health is not Health.OK:
        return
    async with AsyncExitStack() as stack:
        # Whatever the mode is: only GET leaves.
        looking = replace(settings, mode=Mode.OBSERVE)
        api = await reach_api(looking, None, clock, stack)
        rooms = await reach_rooms(looking, api, clock, stack)
        began = clock.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE):
                await rooms.get_room(_NO_ROOM)
        except MissingError:
            pass  # it knows who we are, and has no such room
        except UnauthorizedError as fault:
            mend = "does private_key belong to application_id, and does the clock go right?"
            yield _wrong("API", f"{meetings.url} refuses our credentials: {fault}", mend)
            return
        except Fault as fault:
            if not 400 <= fault.status < 500 or fault.status in {403, 429}:
                mend = "is meetings.url right, and does it get there from this machine?"
                yield _wrong("API", f"{meetings.url}: {fault}", mend)
                return
        except TimeoutError:
            yield _wrong("API", f"{meetings.url} does not answer within {_PATIENCE:.0f} s")
            return
        took = (clock.monotonic() - began) * 1000
        yield _ok("API", f"{meetings.url} answers in {took:.0f} ms and takes our credentials")
        yield clock_finding(rooms.clock_difference())


def _embedded(status: StatusReport | None) -> Finding:
    if status is None:
        told = "our own server runs inside the daemon, which does not run"
        return Finding("API", Health.UNKNOWN, told, "room-orchestrator run")
    return _by_the_daemon(status, "answers, inside the daemon")


def _by_the_daemon(status: StatusReport, told: str) -> Finding:
    """What the running daemon says, where nobody else can ask."""
    if status.api_state == "ok":
        return _ok("API", f"{status.api} {told}")
    if status.api_state == NOT_ASKED:
        told = f"{status.api} was not asked yet: the daemon has only just begun"
        return Finding("API", Health.UNKNOWN, told, "room-orchestrator doctor, in a moment")
    return _wrong("API", f"{status.api}: {status.api_state}", "room-orchestrator status")


def _key(settings: Settings, meetings: RemoteMeetings) -> Finding:
    source = meetings.private_key
    try:
        read_key(source.read())
    except SecretFault as fault:
        return _secret("key", fault, source, settings)
    except UnusableKeyError as fault:
        return _wrong("key", f"{source.place}: {fault}", "an RSA key in PEM, as the API gave it")
    return _ok("key", "the private key can be read and used")


def _secret(part: str, fault: SecretFault, source: SecretSource, settings: Settings) -> Finding:
    """A secret that is not there: nobody can tell of credentials outside of the service."""
    if _is_hidden(source):
        return _hidden(part, source, settings)
    return _wrong(part, str(fault))


def _is_hidden(source: SecretSource) -> bool:
    return source.kind is SecretKind.CREDENTIAL and "CREDENTIALS_DIRECTORY" not in os.environ


def _hidden(part: str, source: SecretSource, settings: Settings) -> Finding:
    told = f"{source.place}: a credential of systemd can be read in the service alone"
    # Three ways: ask the daemon, look as the service does, or keep it in a file.
    line = credential_line(find_unit(), source.name, settings.file)
    mend = f"start the service and ask again, or write {{file: …}}, or look as it does: {line}"
    return Finding(part, Health.UNKNOWN, told, mend)


def occupancy_findings(settings: Settings, status: StatusReport | None) -> Iterator[Finding]:
    """Whether anybody tells us who is in a room, as the running daemon knows it."""
    if status is None:
        return
    if status.occupancy_known:
        yield _ok("occupancy", "who is in a room is known")
        return
    told = "nobody has told yet who is in a room, so rooms are ended and replaced with more notice"
    yield Finding("occupancy", Health.NOTE, told, _how_to_be_told(settings))


def _how_to_be_told(settings: Settings) -> str:
    if isinstance(settings.meetings, EmbeddedMeetings):
        return "nothing to do: our own server tells, as soon as somebody meets"
    if settings.http.public_url is None:
        return "the API cannot call this machine: set http.public_url (docs/callbacks.md)"
    if settings.http.callbacks.token is None:
        make = f"(umask 077; openssl rand -hex 32 > {settings.file.parent}/secrets/callbacks.token)"
        return f"{make}, name it in http.callbacks.token, restart, and register the address"
    return "register at the API what this prints: room-orchestrator callbacks"


def clock_finding(apart: float) -> Finding:
    """What it means that this machine's clock is so many seconds ahead of the API's."""
    told = f"this machine's clock and the API's are {abs(apart):.1f} s apart"
    if abs(apart) > _APART_MOST:
        return _wrong("clock", told, "set this machine's clock: timedatectl set-ntp true")
    return Finding("clock", Health.OK if abs(apart) <= _APART else Health.NOTE, told)


# --- sources --------------------------------------------------------------------------------------


async def _sources(settings: Settings, clock: Clock, *, running: bool) -> AsyncIterator[Finding]:
    if not settings.sources:
        mend = "room-orchestrator page open --wait tries one out; docs/integrations/ has each"
        yield Finding("sources", Health.NOTE, "none is set up, so pages come by hand alone", mend)
    for name in settings.sources:
        yield await _source(settings, name, clock, running=running)


async def _source(settings: Settings, name: str, clock: Clock, *, running: bool) -> Finding:
    part = f"source {name}"
    try:
        address = tell_source(settings, name, reveal=False).url
    except DeskError as fault:
        return _wrong(part, str(fault))
    only = replace(settings, sources={name: settings.sources[name]})
    for each in settings.sources[name].secrets():
        try:
            each.read()
        except SecretFault as fault:
            return _secret(part, fault, each, settings)
    try:
        source = read_sources(only)[name]
    except (StartError, SecretFault) as fault:
        return _wrong(part, str(fault))
    told = f"its secrets can be used; it sends to {address}"
    if not running:
        return Finding(part, Health.OK, f"{told}; no daemon runs, so nothing was sent")
    return await _knock(settings, source, clock, told)


async def _knock(settings: Settings, source: Source, clock: Clock, told: str) -> Finding:
    """Send what opens nothing to our own door, as the source would."""
    part = f"source {source.name}"
    kind = _JSON if source.kind is not Kind.CLOUDEVENTS else "application/cloudevents+json"
    headers = {"Content-Type": kind}
    signed = credentials(source.lock, _PING, clock.now())
    if signed is None:
        return _ok(part, f"{told}; only the sender can sign, so nothing was sent")
    headers |= signed
    read = source.read(list(headers.items()), _PING)
    if not all(isinstance(one, Ignored) for one in read):
        return _ok(part, f"{told}; whatever is sent opens something, so nothing was sent")
    door = door_of(settings)
    if not door:
        return _ok(part, f"{told}; its port is another one at every start, so nothing was sent")
    end = f"/{source.lock.tokens[0].reveal()}" if source.lock.tokens else ""
    answer = await _post(Secret(f"{door}{PATH}{source.name}{end}"), headers)
    if isinstance(answer, str):
        mend = "is http.listen where the daemon listens? its log tells"
        return _wrong(part, f"the daemon's door at {door} does not answer: {answer}", mend)
    if answer == 401:
        mend = "it reads secrets at a start and a reload: room-orchestrator reload"
        return _wrong(part, "the daemon refuses a message with this secret", mend)
    if answer >= 300:
        return _wrong(part, f"the daemon answers {answer} to a test message", "look at its log")
    return _ok(part, f"{told}; a test message was let in")


def door_of(settings: Settings) -> str:
    """Where the daemon's HTTP server is reached from this machine; empty where nobody knows."""
    http = settings.http
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.host, http.host)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{http.port}" if http.port else ""


async def _post(url: Secret, headers: Mapping[str, str]) -> int | str:
    """The status of the answer, or why there is none, in words without the address."""
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url.reveal(), data=_PING, headers=headers) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return type(error).__name__


# --- destinations ---------------------------------------------------------------------------------


async def _destinations(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    for name, destination in settings.destinations.items():
        if isinstance(destination, FileDestination | StaticDestination):
            yield file_finding(name, destination.path)
        elif isinstance(destination, CalendarDestination):
            yield _ok(f"destination {name}", "a calendar: room-orchestrator link --calendar")
    looks = []
    for name, messenger in messengers(settings, clock).items():
        hidden = next(filter(_is_hidden, secrets_of(settings.destinations[name])), None)
        if hidden is None:
            looks.append(look_at(name, messenger))
        else:
            yield _hidden(f"destination {name}", hidden, settings)
            await messenger.close()
    for finding in await asyncio.gather(*looks):
        yield finding


def file_finding(name: str, path: Path) -> Finding:
    """Whether a file could be written."""
    part = f"destination {name}"
    try:
        there = next(one for one in (path, *path.parents) if _is_there(one))
    except PermissionError as error:
        return _closed(part, error.filename)
    if os.access(there, os.W_OK):
        return _ok(part, f"{path} can be written")
    return _wrong(
        part,
        f"this user may not write {there}",
        f"chown the daemon's user to it, or name another path: ls -ld {there}",
    )


async def look_at(name: str, messenger: Messenger) -> Finding:
    """Whether people could be told there, telling nobody; lets go of the messenger."""
    part = f"destination {name}"
    try:
        async with asyncio.timeout(_PATIENCE):
            return _ok(part, await messenger.check())
    except DeliveryFault as fault:
        return _wrong(part, str(fault))
    except TimeoutError:
        return _wrong(part, f"it does not answer within {_PATIENCE:.0f} s")
    finally:
        await messenger.close()
