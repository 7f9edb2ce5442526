"""The doctor at work: on real files, a real socket, our own door and a real Meetings server."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization

from orchestrator.adapters.archives.marks import MARK
from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.app import doctor, outside
from orchestrator.app.doctor import examine
from orchestrator.app.init import Choices, init
from orchestrator.app.sources import read_sources
from orchestrator.config import Settings
from orchestrator.config.archives import ArchiveSettings
from orchestrator.config.destinations import FileDestination
from orchestrator.config.secrets import SecretKind, SecretSource
from orchestrator.config.settings import EmbeddedMeetings, RemoteMeetings
from orchestrator.domain.links import LinkScheme
from orchestrator.domain.pages import Ignored, Signal
from orchestrator.domain.reports import Finding, Health
from orchestrator.edges.control import ControlServer
from orchestrator.edges.http.intake import IntakeRoutes
from orchestrator.edges.http.links import Entrance, LinkRoutes
from orchestrator.engine.places import MARKS
from orchestrator.engine.weather import Weather
from orchestrator.foundation.problems import Place
from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server import start
from orchestrator.ports.desk import DeskError
from orchestrator.ports.intake import Receipt
from orchestrator.ports.store import Commit
from tests.fakes.messengers import FakeMessenger
from tests.http.served import served
from tests.meetings import APPLICATION, KEY, OTHER_KEY
from tests.meetings import settings as serving
from tests.reports import STATUS, desk
from tests.tls import own_certificate, serving_with
from tests.unit.app.test_web import EMBEDDED, settings

CLOCK = SystemClock()  # signatures are of real time
SCHEMES = """\
pagerduty: {type: pagerduty, signature: {secrets: [{file: signing}]}}
alertmanager: {type: alertmanager, bearer: [{file: bearer}]}
oncall: {type: grafana-oncall, basic: {username: oncall, passwords: [{file: bearer}]}}
opsgenie: {type: opsgenie, token: [{file: end}]}
incidentio: {type: incidentio, signature: {secrets: [{file: whsec}]}}
goalert: {type: goalert, token: [{file: end}]}
hooks: {type: standard-webhooks, signature: {secrets: [{file: whsec}]}, events: {open: [a.opened]}}
events: {type: cloudevents, bearer: [{file: bearer}], events: {open: [a.opened]}}
generic: {type: generic, bearer: [{file: bearer}]}
grafana: {type: grafana, signature: {secrets: [{file: signing}]}}
timed: {type: grafana, signature: {secrets: [{file: signing}], timestamp_header: X-At}}
"""
PLAIN = """\
github: {scheme: github_sha256, secrets: [{file: signing}]}
firehydrant: {scheme: firehydrant, secrets: [{file: signing}]}
rootly: {scheme: rootly, secrets: [{file: signing}], dotted: true}
bare: {scheme: rootly, secrets: [{file: signing}]}
slack: {scheme: slack_v0, secrets: [{file: signing}]}
victorops: {scheme: victorops_sha1, secrets: [{file: signing}], url: "https://rooms.example.com/in/victorops/"}
"""


for _line in PLAIN.splitlines():
    _name, _, _signature = _line.partition(": ")
    SCHEMES += f"{_name}: {{type: json, signature: {_signature}, select: {{key: id, open: a}}}}\n"


class Desk:
    """Takes signals, and keeps them."""

    def __init__(self) -> None:
        self.taken: list[Signal] = []

    async def received(
        self, signals: Sequence[Signal], wait: timedelta = timedelta()
    ) -> Sequence[Receipt]:
        self.taken += signals
        return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with secrets of every kind."""
    init(tmp_path / "made", Choices(owner="acme"), example=False)
    (tmp_path / "policies").mkdir()
    texts = {
        "end": "ab" * 32,
        "bearer": "c" * 16,
        "weak": "short",
        "signing": "s",
        "whsec": "whsec_a2V5a2V5a2V5a2V5a2V5a2V5",
        "hook": "whsec_" + "a2V5" * 10,
        "whpk": "whpk_jr0XKrW0r2V9qR2yGQ0zVv6GxK0tXkq7QzF7GdR2q2s=",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def config(folder: Path, sources: str = "", more: str = "", port: str = "8440") -> Settings:
    """The settings of a config with these sources, one a line."""
    lines = "".join(f"  {line}\n" for line in sources.splitlines())
    block = f"sources:\n{lines}" if lines else ""
    return settings(folder, f"{EMBEDDED}http: {{listen: '127.0.0.1:{port}'}}\n{more}{block}")


@asynccontextmanager
async def running(made: Settings, desk_: Desk | None = None) -> AsyncIterator[Settings]:
    """A daemon's two doors: its socket, and HTTP with these sources."""
    routes = IntakeRoutes(CLOCK.now, lambda _, __: None)
    routes.sources = read_sources(made)
    made.control.parent.mkdir(parents=True, exist_ok=True)
    async with (
        ControlServer(desk(), made.control).serving(),
        served(routes.routes()) as here,
    ):
        with routes.taking(desk_):
            port = int(here.url.rpartition(":")[2])
            yield replace(made, http=replace(made.http, port=port))


async def findings(made: Settings) -> Mapping[str, Finding]:
    """What is found, by its part; of several of one part the first that is wrong."""
    report = await examine(made, CLOCK)
    found: dict[str, Finding] = {}
    for one in report.findings:
        if one.part not in found or one.health is Health.WRONG:
            found[one.part] = one
    return found


async def test_each_kind_of_source_is_let_in_by_its_own_door(folder: Path) -> None:
    """With every scheme of signatures; nothing opens, and no secret is told."""
    desk_ = Desk()
    async with running(config(folder, SCHEMES), desk_) as made:
        report = await examine(made, CLOCK)
    told = {one.part: one for one in report.findings if one.part.startswith("source ")}
    assert len(told) == len(made.sources) == SCHEMES.count("type:")
    for one in told.values():
        assert one.health is Health.OK, one
        assert one.told.endswith("a test message was let in"), one
    assert len(desk_.taken) == len(told)
    assert all(isinstance(one, Ignored) for one in desk_.taken)
    assert "ab" * 32 not in str(report)
    assert "c" * 16 not in str(report)


async def test_what_would_open_something_is_not_sent(folder: Path) -> None:
    """Nor what only the sender can sign."""
    lines = (
        "all: {type: json, bearer: [{file: bearer}], select: {key: \"'x'\", open: 'true'}}\n"
        "theirs: {type: standard-webhooks, signature: {secrets: [{file: whpk}]}, "
        "events: {open: [a.opened]}}"
    ).replace("open: 'true'", 'open: "`true`"')
    desk_ = Desk()
    async with running(config(folder, lines), desk_) as made:
        found = await findings(made)
    assert "whatever is sent opens something" in found["source all"].told
    assert "only the sender can sign" in found["source theirs"].told
    assert desk_.taken == []


async def test_a_daemon_with_another_secret_or_no_time_is_found(folder: Path) -> None:
    """Exchanged and not taken up; nothing can be recorded; another port."""
    line = "alertmanager: {type: alertmanager, bearer: [{file: bearer}]}"
    async with running(config(folder, line), Desk()) as made:
        (folder / "bearer").write_text("d" * 16)
        one = (await findings(made))["source alertmanager"]
        assert (one.health, one.told) == (
            Health.WRONG,
            "the daemon refuses a message with this secret",
        )
        assert "room-orchestrator reload" in one.mend
    async with running(config(folder, line), None) as made:
        one = (await findings(made))["source alertmanager"]
        assert (one.health, one.told) == (Health.WRONG, "the daemon answers 503 to a test message")
        elsewhere = replace(made, http=replace(made.http, port=1))
        one = (await findings(elsewhere))["source alertmanager"]
        assert one.health is Health.WRONG
        assert one.told.startswith("the daemon's door at http://127.0.0.1:1 does not answer")
        nowhere = replace(
            made, http=replace(made.http, port=0, public_url="https://rooms.example.com")
        )
        one = (await findings(nowhere))["source alertmanager"]
        assert one.told.endswith("its port is another one at every start, so nothing was sent")
    assert doctor.door_of(replace(made, http=replace(made.http, host="::", port=7))) == (
        "http://[::1]:7"
    )


async def test_without_a_daemon_secrets_are_looked_at_alone(folder: Path) -> None:
    """Each that is weak, missing or a credential; and an address that nobody could know."""
    lines = """\
good: {type: generic, bearer: [{file: bearer}]}
weak: {type: generic, bearer: [{file: weak}]}
missing: {type: generic, bearer: [{file: nowhere}]}
service: {type: generic, bearer: [{credential: paging}]}"""
    found = await findings(config(folder, lines))
    assert found["daemon"].health is Health.NOTE
    assert found["API"].health is Health.UNKNOWN
    assert "no daemon runs, so nothing was sent" in found["source good"].told
    assert "http://127.0.0.1:8440/in/good" in found["source good"].told
    assert found["source weak"].health is Health.WRONG
    assert found["source weak"].mend == "make one with:  openssl rand -hex 32"
    assert found["source missing"].health is Health.WRONG
    assert found["source service"].health is Health.UNKNOWN
    assert "systemd-run" in found["source service"].mend
    nobody = await findings(
        config(folder, "one: {type: generic, bearer: [{file: bearer}]}", port="0")
    )
    assert found["source good"].health is Health.OK
    assert "the port is another one at every start" in nobody["source one"].told
    assert (await findings(config(folder)))["sources"].health is Health.NOTE


async def test_a_daemon_that_needs_somebody_says_so(folder: Path) -> None:
    """And one that refuses, or never answers."""
    made = config(folder)
    made.control.parent.mkdir(parents=True, exist_ok=True)
    fake = desk()
    async with ControlServer(fake, made.control).serving():
        found = await findings(made)
        assert (found["daemon"].health, found["daemon"].mend) == (
            Health.NOTE,
            "room-orchestrator status",
        )
        assert found["API"].health is Health.OK
        fake.status_report = replace(STATUS, needs_you=(), api_state="unreachable")
        found = await findings(made)
        assert found["daemon"].health is Health.OK
        assert found["API"].health is Health.WRONG
        fake.refuses = DeskError("this user may not ask")
        assert (await findings(made))["daemon"].told == "this user may not ask"


async def test_a_daemon_that_hangs_is_wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while that a person would wait."""
    monkeypatch.setattr(doctor, "_PATIENCE", 0.05)
    made = config(folder)
    made.control.parent.mkdir(parents=True, exist_ok=True)
    async with ControlServer(None, made.control).serving():
        assert "does not answer" in (await findings(made))["daemon"].told


async def test_archives_are_looked_at(folder: Path) -> None:
    """A disk that is not mounted, or has too little room, is known before the first recording."""
    made = config(folder)
    (folder / "vault").mkdir()
    archives = {
        "vault": ArchiveSettings(folder / "vault", 10**6),
        "nas": ArchiveSettings(folder / "nas", 10**6),
        "full": ArchiveSettings(folder / "vault", 10**18),
    }
    found = await findings(replace(made, archives=archives))
    assert found["archive vault"].health is Health.OK
    assert "is not there" in found["archive nas"].told
    assert "less is free" in found["archive full"].told


async def test_an_archive_that_is_another_folder_is_found(folder: Path) -> None:
    """As one at which a disk is mounted, while it is not."""
    made = config(folder)
    vault = folder / "vault"
    vault.mkdir()
    made = replace(made, archives={"vault": ArchiveSettings(vault, 10**6)})
    made.store.parent.mkdir(parents=True, exist_ok=True)
    store = await SqliteStore.open(made.store)
    await store.commit(Commit(notes={MARKS + "vault": "s1-vault"}), CLOCK.now())
    await store.close()
    cases = {"": "mark is not there", "s1-nas": "another mark, s1-nas,", "no mark": "holds no mark"}
    for text, told in cases.items():
        if text:
            (vault / MARK).write_text(text)
        found = (await findings(made))["archive vault"]
        assert found.health is Health.WRONG
        assert told in found.told
        assert found.mend.endswith(f": echo s1-vault > {vault}/{MARK}")
    (vault / MARK).write_text("s1-vault\n")
    assert (await findings(made))["archive vault"].health is Health.OK
    made.store.write_bytes(b"no database" * 99)
    assert (await findings(made))["archive vault"].health is Health.OK


async def test_files_and_store_are_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others may read, what is not there, what is another's, a disk that is full."""
    made = config(folder, "one: {type: generic, bearer: [{file: bearer}]}")
    found = await findings(made)
    assert found["file rights"].health is found["policies"].health is Health.OK
    assert found["store"].health is Health.NOTE
    (folder / "bearer").chmod(0o644)
    (folder / "policies").rmdir()
    made.store.parent.mkdir(parents=True, exist_ok=True)
    made.store.write_bytes(b"no database" * 99)
    monkeypatch.setattr(doctor, "_FREE_LEAST", 2**62)
    found = await findings(made)
    assert found["file rights"].mend.startswith("chmod 600 ")
    assert found["policies"].health is Health.WRONG
    assert found["store"].health is Health.WRONG
    assert found["disk"].health is Health.WRONG
    monkeypatch.setattr(doctor, "peek", lambda *_: "another")
    assert "belongs to the owner another" in (await findings(made))["store"].told
    monkeypatch.setattr(doctor, "peek", lambda *_: made.owner)
    assert (await findings(made))["store"].health is Health.OK


async def test_what_is_closed_to_this_user_is_unknown_and_not_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members of the socket's group may ask, and see nothing of the service's own folder."""
    state = folder / "private"
    destinations = {"rooms": FileDestination(state / "rooms.json")}
    made = config(folder)
    assert isinstance(made.meetings, EmbeddedMeetings)
    made = replace(
        made,
        store=state / "deep" / "orchestrator.db",
        archives={"vault": ArchiveSettings(state / "vault", 1)},
        destinations=destinations,
        meetings=replace(made.meetings, keys=state / "keys"),
    )
    look = Path.stat

    def closed(path: Path, **how: bool) -> os.stat_result:
        if state in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path, **how)

    monkeypatch.setattr(Path, "stat", closed)
    report = await examine(made, CLOCK)
    told = {one.part: one for one in report.findings if one.health is Health.UNKNOWN}
    for part in ("store", "disk", "archive vault", "destination rooms", "file rights"):
        assert "is closed to this user" in told[part].told
        assert told[part].mend.startswith("ask as root")
    assert report.wrong == 0


async def test_keys_that_others_may_look_into_are_found(folder: Path) -> None:
    """The folder of the embedded server's keys."""
    made = config(folder)
    keys = folder / "made" / "secrets"
    keys.chmod(0o755)
    assert (await findings(made))["file rights"].mend == f"chmod 700 {keys}"


async def test_the_embedded_server_s_certificate_is_looked_at(folder: Path) -> None:
    """Where there is one."""
    made = config(folder)
    assert "certificate" not in await findings(made)
    assert isinstance(made.meetings, EmbeddedMeetings)
    missing = replace(made.meetings, certificate=folder / "missing.pem")
    found = (await findings(replace(made, meetings=missing)))["certificate"]
    assert (found.health, found.told) == (
        Health.WRONG,
        f"{folder / 'missing.pem'}: No such file or directory",
    )


def remote(folder: Path, url: str, key: str = "api.pem") -> Settings:
    """The settings of a config with an API somewhere else."""
    (folder / "api.pem").write_bytes(_pem(KEY))
    (folder / "other.pem").write_bytes(_pem(OTHER_KEY))
    (folder / "no.pem").write_text("no key")
    for name in ("api.pem", "other.pem", "no.pem"):
        (folder / name).chmod(0o600)
    return settings(
        folder,
        f"owner: acme\nmode: enforce\nmeetings:\n  url: '{url}'\n"
        f"  application_id: {APPLICATION}\n  private_key: {{file: {key}}}\n",
    )


def _pem(key: object) -> bytes:
    made: bytes = key.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made


async def test_the_api_is_asked_one_question(folder: Path) -> None:
    """Reached and let in, refused, or not there; a key that is none is found before."""
    clock = CLOCK
    server = await start(serving(), clock)
    url = f"{server.url}/v1/meetings"
    try:
        report = await examine(remote(folder, url), clock)
        found = {one.part: one for one in report.findings}
        assert found["key"].health is found["API"].health is found["clock"].health is Health.OK
        assert "takes our credentials" in found["API"].told
        report = await examine(remote(folder, url, "other.pem"), clock)
        found = {one.part: one for one in report.findings}
        assert (found["API"].health, "clock" in found) == (Health.WRONG, False)
        assert "refuses our credentials" in found["API"].told
    finally:
        await server.close()
    gone = {one.part: one for one in (await examine(remote(folder, url), clock)).findings}
    assert gone["API"].health is Health.WRONG
    assert "is meetings.url right" in gone["API"].mend
    for name in ("no.pem", "nowhere.pem"):
        found = {
            one.part: one for one in (await examine(remote(folder, url, name), clock)).findings
        }
        assert (found["key"].health, "API" in found) == (Health.WRONG, False)


@pytest.mark.parametrize(
    ("apart", "health"), [(1.0, Health.OK), (-30.0, Health.NOTE), (200.0, Health.WRONG)]
)
def test_clocks_that_are_apart_are_told(apart: float, health: Health) -> None:
    """From two minutes on nothing opens by a schedule."""
    assert doctor.clock_finding(apart).health is health


async def test_destinations_are_asked_without_telling_anybody(folder: Path) -> None:
    """A file, a calendar, one whose secret is there and one whose is not."""
    more = """\
destinations:
  rooms-json: {type: file, path: rooms.json}
  hook: {type: webhook, url: 'https://hooks.example.com/x', secret: {file: hook}}
  lost: {type: webhook, url: 'https://hooks.example.com/x', secret: {file: nowhere}}
  service: {type: webhook, url: 'https://hooks.example.com/x', secret: {credential: hook}}
"""
    found = await findings(config(folder, more=more))
    assert found["destination rooms-json"].health is Health.OK
    assert found["destination hook"].health is Health.OK
    assert "its secret can be used" in found["destination hook"].told
    assert found["destination lost"].health is Health.WRONG
    assert found["destination service"].health is Health.UNKNOWN


async def test_a_destination_that_hangs_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is let go of."""
    monkeypatch.setattr(doctor, "_PATIENCE", 0.01)
    fake = FakeMessenger("chat")

    async def hangs() -> str:
        await asyncio.Event().wait()
        return ""

    fake.check = hangs  # type: ignore[method-assign]
    assert "does not answer within" in (await doctor.look_at("chat", fake)).told
    assert fake.closed == 1


def test_a_folder_that_may_not_be_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the right of this user."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert doctor.file_finding("rooms-json", tmp_path / "x" / "rooms.json").health is Health.WRONG


# --- what others reach us by ----------------------------------------------------------------------


async def test_secrets_that_git_tracks_are_found(folder: Path) -> None:
    """Those that a config names, and the embedded server's keys; what git ignores is fine."""
    made = config(folder, "one: {type: generic, bearer: [{file: bearer}]}")
    assert "git" not in await findings(made)

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)

    git("init", "--quiet")
    git("add", "weak")
    assert "git" not in await findings(made)
    git("add", "bearer")
    one = (await findings(made))["git"]
    assert one.health is Health.WRONG
    assert one.told.startswith(f"git tracks {folder / 'bearer'}, ")
    assert "c" * 16 not in str(one)
    subprocess.run(one.mend.partition(";")[0], shell=True, check=True, capture_output=True)  # noqa: S602
    assert "git" not in await findings(made)
    git("add", "--force", "made/secrets/meetings.pem")
    assert "meetings.pem" in (await findings(made))["git"].told
    monkey = dict(os.environ)
    os.environ["PATH"] = str(folder)
    try:
        assert "git" not in await findings(made)
    finally:
        os.environ |= monkey


async def test_policies_with_a_mistake_are_told(folder: Path) -> None:
    """The first of them, and how many more."""
    made = config(folder)
    assert (await findings(made))["policies"].health is Health.OK
    (folder / "policies" / "a.yaml").write_text("version: 1\nname: a\nnonsense: 1\n")
    one = (await findings(made))["policies"]
    assert (one.health, one.mend) == (Health.WRONG, "room-orchestrator validate")
    assert "policies/a.yaml:" in one.told
    assert " more; the last good version" in one.told


@asynccontextmanager
async def answering(
    status: int, tls: Path | None = None, *, ours: bool = True
) -> AsyncIterator[str]:
    """Somebody who answers every GET with this status, below /r/ as we do or not; where."""

    async def answer(request: web.Request) -> web.Response:
        marked = ours and request.path == "/r/"
        headers = {"X-Robots-Tag": "noindex, nofollow"} if marked else {}
        return web.Response(status=status, headers=headers)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    context = None if tls is None else serving_with(tls)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        (address,) = runner.addresses
        yield f"{'https' if tls else 'http'}://127.0.0.1:{address[1]}"
    finally:
        await runner.cleanup()


async def test_public_addresses_are_asked_from_outside(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, certificate and answer: as a browser would."""
    now = CLOCK.now()
    certificate = own_certificate(folder / "tls.pem")
    async with answering(404) as url:
        one = await outside.look_at_address("http.public_url", url, now)
        assert (one.health, one.told) == (Health.OK, f"{url} leads to the daemon")
        one = await outside.look_at_address("meetings.public_url", url, now)
        assert (one.health, one.told) == (Health.OK, f"{url} answers")
        gone = url
    async with answering(502) as url:
        one = await outside.look_at_address("http.public_url", url, now)
        assert (one.health, "does not reach it" in one.told) == (Health.WRONG, True)
    one = await outside.look_at_address("http.public_url", gone, now)
    assert (one.health, "cannot be reached" in one.told) == (Health.WRONG, True)
    async with answering(200, certificate) as url:
        one = await outside.look_at_address("http.public_url", url, now)
        assert one.health is Health.WRONG
        assert "is not good: self" in one.told
        assert one.mend.endswith(f"-connect {url.removeprefix('https://')}")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        one = await outside.look_at_address("http.public_url", url, now)
        assert one.health is Health.NOTE  # it is good for a day
        assert "its certificate ends on" in one.told
        one = await outside.look_at_address("http.public_url", url, now - timedelta(days=30))
        assert (one.health, "is good until" in one.told) == (Health.OK, True)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(outside, "_PATIENCE", 0.05)
        one = await outside.look_at_address("http.public_url", url, now)
        assert (one.health, one.mend) == (
            Health.UNKNOWN,
            f"from another machine: curl -sI {url}/r/",
        )


async def test_an_address_that_leads_elsewhere_is_wrong() -> None:
    """Files, or another service, that answer as well; who asks for a name first may hide us."""
    for status, health in ((200, Health.WRONG), (404, Health.WRONG), (302, Health.UNKNOWN)):
        async with answering(status, ours=False) as url:
            one = await outside.look_at_address("http.public_url", url, CLOCK.now())
            assert (one.health, one.told.startswith(f"{url}/r/ answers {status}")) == (health, True)
    routes = LinkRoutes(Entrance(LinkScheme("https://rooms.example.com", Secret("k" * 32))))
    async with served(routes.routes()) as here:
        one = await outside.look_at_address("http.public_url", here.url, CLOCK.now())
        assert (one.health, one.told) == (Health.OK, f"{here.url} leads to the daemon")


async def test_public_addresses_are_those_of_the_config(folder: Path) -> None:
    """Ours, and the embedded server's; without a daemon nobody is asked."""
    made = config(folder)
    assert "http.public_url" not in await findings(made)
    assert isinstance(made.meetings, EmbeddedMeetings)
    async with answering(200) as url:
        public = replace(
            made,
            http=replace(made.http, public_url=url),
            meetings=replace(made.meetings, public_url=url),
        )
        found = await findings(public)
        assert found["http.public_url"].health is Health.UNKNOWN
        async with running(public) as served_by:
            found = await findings(served_by)
        assert found["http.public_url"].health is found["meetings.public_url"].health is Health.OK
    assert outside.port_of("rooms.example.com") == "rooms.example.com:443"
    assert outside.port_of("[::1]:8443") == "[::1]:8443"


async def test_whether_anybody_tells_who_is_inside(folder: Path) -> None:
    """And what is to be done about it, step by step."""
    made, far = config(folder), remote(folder, "https://api.example.com")
    assert list(doctor.occupancy_findings(made, None)) == []
    known = replace(STATUS, occupancy_known=True)
    assert [one.health for one in doctor.occupancy_findings(made, known)] == [Health.OK]
    unknown = replace(STATUS, occupancy_known=False)

    def mend(of: Settings) -> str:
        (one,) = doctor.occupancy_findings(of, unknown)
        assert one.health is Health.NOTE
        return one.mend

    assert mend(made).startswith("nothing to do")
    assert "set http.public_url" in mend(far)
    public = replace(far, http=replace(far.http, public_url="https://rooms.example.com"))
    assert mend(public).startswith("(umask 077; openssl rand")
    token = SecretSource(SecretKind.FILE, "/token", Place("config.yaml"))
    callbacks = replace(public.http.callbacks, token=token)
    told = replace(public, http=replace(public.http, callbacks=callbacks))
    assert mend(told).endswith("room-orchestrator callbacks")


async def test_a_key_that_is_a_credential_is_the_daemon_s_to_know(folder: Path) -> None:
    """It runs: it is asked. It does not: what to type is told whole."""
    key = SecretSource(SecretKind.CREDENTIAL, "meetings-key", Place("config.yaml"))
    far = remote(folder, "https://api.example.com")
    assert isinstance(far.meetings, RemoteMeetings)
    made = replace(far, meetings=replace(far.meetings, private_key=key))
    one = (await findings(made))["key"]
    assert one.health is Health.UNKNOWN
    assert "systemd-run --pty --wait --property=LoadCredential=meetings-key:" in one.mend
    assert f"doctor --config {made.file}" in one.mend
    made.control.parent.mkdir(parents=True, exist_ok=True)
    fake = desk()
    async with ControlServer(fake, made.control).serving():
        fake.status_report = replace(STATUS, api_state="ok")
        found = await findings(made)
        assert ("key" in found, found["API"].health) == (False, Health.OK)
        fake.status_report = replace(STATUS, api_state="unauthorized")
        assert (await findings(made))["API"].health is Health.WRONG
        fake.status_report = replace(STATUS, api_state=Weather("").summary)
        assert (await findings(made))["API"].health is Health.UNKNOWN


async def test_each_disk_that_is_written_to_is_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: two files on one disk are one finding."""
    made = config(folder)
    elsewhere = next(
        (
            path
            for path in (Path("/dev/shm"), Path("/run"), Path("/proc"))
            if path.exists() and path.stat().st_dev != folder.stat().st_dev
        ),
        None,
    )
    assert elsewhere is not None
    apart = replace(made, audit=replace(made.audit, file=elsewhere / "audit.jsonl"))
    monkeypatch.setattr(doctor, "_FREE_LEAST", 2**62)
    report = await examine(apart, CLOCK)
    disks = [one for one in report.findings if one.part == "disk"]
    assert len(disks) == 2
    assert disks[0].mend.endswith("| sort -h | tail")
    report = await examine(made, CLOCK)
    assert len([one for one in report.findings if one.part == "disk"]) == 1
