"""The unit as the doctor sees it: our own one in real folders, and each thing that is wrong."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.app import unitlooks
from orchestrator.app.unitlooks import (
    credential_line,
    find_unit,
    loaded_from,
    stands_before,
    unit_findings,
)
from orchestrator.config import Settings, read_config
from orchestrator.config.archives import ArchiveSettings
from orchestrator.config.destinations import (
    CalendarDestination,
    FileDestination,
    StaticDestination,
)
from orchestrator.config.reader import understand
from orchestrator.config.secrets import SecretKind, SecretSource
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.domain.reports import Finding, Health
from orchestrator.foundation.problems import Place
from tests.documents import ROOT

SHIPPED = ROOT / "deploy" / "systemd" / "room-orchestrator.service"
CONFIG = ROOT / "deploy" / "config.yaml"
PROGRAM = "/bin/sh"


def shipped() -> Settings:
    """The settings of the config that comes with the unit, at the place where it belongs."""
    text = CONFIG.read_bytes().replace(b"change-me", b"acme-4c1e")
    settings = understand(CONFIG, text).settings
    assert settings is not None
    folder = Path("/etc/room-orchestrator")
    return replace(settings, file=folder / "config.yaml", policies=folder / "policies")


class Folders:
    """The three folders of units, here."""

    def __init__(self, root: Path) -> None:
        self.names = tuple(str(root / name) for name in ("etc", "run", "lib"))
        for name in self.names:
            Path(name).mkdir()

    def unit(self, text: str, folder: int = 2) -> None:
        """Put a unit in place."""
        (Path(self.names[folder]) / unitlooks.UNIT).write_text(text)

    def drop_in(self, text: str, name: str = "a.conf", folder: int = 0) -> None:
        """Put a drop-in in place."""
        place = Path(self.names[folder]) / f"{unitlooks.UNIT}.d"
        place.mkdir(exist_ok=True)
        (place / name).write_text(f"[Service]\n{text}\n")

    def look(self, settings: Settings) -> list[Finding]:
        """What is found."""
        return list(unit_findings(settings, self.names))

    def wrong(self, settings: Settings) -> list[Finding]:
        """What is found wrong."""
        return [one for one in self.look(settings) if one.health is Health.WRONG]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Our own unit, starting a program that is there, with the credential that its config names."""
    made = Folders(tmp_path)
    text = SHIPPED.read_text()
    made.unit(text.replace("/opt/room-orchestrator/bin/room-orchestrator", PROGRAM))
    store = tmp_path / "credstore"
    store.mkdir()
    (store / "room-orchestrator.meetings-key").write_text("a key")
    monkeypatch.setattr(unitlooks, "STORES", (str(store),))
    return made


def test_what_we_ship_fits_together(folders: Folders) -> None:
    """Our unit, with our config, leaves nothing to say."""
    (one,) = folders.look(shipped())
    assert (one.health, f"starts {PROGRAM}" in one.told) == (Health.OK, True)


def test_the_unit_starts_a_program_that_is_there(tmp_path: Path) -> None:
    """Or it is wrong; none at all is lawful."""
    folders = Folders(tmp_path)
    assert [one.health for one in folders.look(shipped())] == [Health.NOTE]
    for text in ("ExecStart=-/nowhere/room-orchestrator run", "", "ExecStart='", "ExecStart="):
        folders.unit(f"[Service]\n{text}\n")
        (one,) = folders.wrong(shipped())
        assert one.told.endswith("which is no program")
    folders.unit("not a unit", folder=0)
    assert folders.wrong(shipped())


def test_another_config_is_told(folders: Folders) -> None:
    """In each way in which one is named; then nothing else is said."""
    mine = replace(shipped(), file=Path("/home/anna/config.yaml"))
    (one,) = folders.look(mine)
    assert one.health is Health.NOTE
    assert one.mend == "room-orchestrator doctor --config /etc/room-orchestrator/config.yaml"
    for command, config in (
        ("run -c /srv/a.yaml", "/srv/a.yaml"),
        ("run --config=/srv/b.yaml", "/srv/b.yaml"),
        ("run", "/etc/room-orchestrator/config.yaml"),
    ):
        folders.drop_in(f"ExecStart=\nExecStart={PROGRAM} {command}", "z.conf")
        (one,) = folders.look(mine)
        assert one.mend.endswith(f"--config {config}")
    here = Path(folders.names[0])
    (here / "config.yaml").write_text("")
    folders.drop_in(f"WorkingDirectory={here}", "zz.conf")
    assert folders.look(mine)[0].mend.endswith(f"{here}/config.yaml")


def test_credentials_are_loaded_from_what_is_there(folders: Folders, tmp_path: Path) -> None:
    """A name that nobody loads, a file that is not there; in a store, encrypted, imported."""
    settings = shipped()
    key = tmp_path / "credstore" / "room-orchestrator.meetings-key"
    key.unlink()
    (one,) = folders.wrong(settings)
    assert one.told == f"the credential meetings-key is loaded from {key}, which is not there"
    assert one.mend.endswith(f"install -D -m 600 KEY {key}")
    folders.drop_in("LoadCredentialEncrypted=meetings-key:room-orchestrator.meetings-key", "a.conf")
    assert folders.wrong(settings)
    (tmp_path / "credstore.encrypted").mkdir()
    (tmp_path / "credstore.encrypted" / key.name).write_text("an encrypted key")
    assert folders.wrong(settings) == []
    folders.drop_in(f"LoadCredential=\nLoadCredential=meetings-key:/{'x' * 300}", "b.conf")
    assert folders.wrong(settings) == []  # who may not look cannot tell
    folders.drop_in("LoadCredential=\nLoadCredentialEncrypted=", "d.conf")
    (one,) = folders.wrong(settings)
    assert "names the credential meetings-key, and the unit loads none such" in one.told
    assert "LoadCredential=meetings-key:/etc/room-orchestrator/secrets/meetings-key" in one.mend
    assert shlex.split(one.mend.partition(" && ")[2].partition(" >> ")[0])[0] == "printf"
    for number, line in enumerate(("ImportCredential=meetings-*", "SetCredential=a:b")):
        folders.drop_in(line, f"e{number}.conf")
        assert folders.wrong(settings) == []
    folders.drop_in("ImportCredential=\nSetCredential=", "f.conf")
    assert folders.wrong(settings)


def test_what_is_typed_to_look_as_the_service_does(folders: Folders) -> None:
    """With the unit's own credential and user, or without a unit."""
    file = shipped().file
    unit = find_unit(folders.names)
    assert unit is not None
    line = credential_line(unit, "meetings-key", file)
    assert "--property=LoadCredential=meetings-key:room-orchestrator.meetings-key" in line
    assert "--property=User=room-orchestrator" in line
    assert line.endswith(f"{PROGRAM} doctor --config {file}")
    assert "LoadCredential=other:/path/to/other" in credential_line(unit, "other", file)
    assert "User" not in credential_line(None, "other", file)
    folders.drop_in("LoadCredential=plain", "a.conf")
    unit = find_unit(folders.names)
    assert unit is not None
    assert loaded_from(unit)["plain"] == [("LoadCredential", "plain")]


SRV = Path("/srv/rooms")
MOVED: Mapping[str, Callable[[Settings], Settings]] = {
    "store": lambda one: replace(one, store=SRV / "orchestrator.db"),
    "audit": lambda one: replace(one, audit=replace(one.audit, file=SRV / "audit.jsonl")),
    "archives.vault": lambda one: replace(one, archives={"vault": ArchiveSettings(SRV, 1)}),
    "destinations.a": lambda one: replace(
        one, destinations={"a": FileDestination(SRV / "rooms.json")}
    ),
    "destinations.b": lambda one: replace(one, destinations={"b": StaticDestination(SRV)}),
    "meetings.database": lambda one: replace(one, meetings=embedded()),
}


def embedded() -> EmbeddedMeetings:
    """The settings of our own server, with its rooms where the unit lets nobody write."""
    settings = read_config(ROOT / "config.example.yaml").settings
    assert settings is not None
    assert isinstance(settings.meetings, EmbeddedMeetings)
    return replace(settings.meetings, database=SRV / "meetings.db")


@pytest.mark.parametrize("name", MOVED)
def test_what_is_written_must_be_writable(folders: Folders, name: str) -> None:
    """Under ProtectSystem=strict; what is to be pasted lets it be."""
    settings = MOVED[name](shipped())
    (one,) = folders.wrong(settings)
    assert one.told == f"{name} is in {SRV}, which the unit lets nobody write"
    added = one.mend.partition("[Service]\\n")[2].partition("\\n")[0]
    assert added == f"ReadWritePaths={SRV}"
    folders.drop_in(added.replace("=/srv", "=-/srv"), "paths.conf")
    assert folders.wrong(settings) == []


def test_a_folder_of_a_group_needs_an_umask_that_lets_it_in(
    folders: Folders, tmp_path: Path
) -> None:
    """What is handed on to the web server; a folder of nobody else wants nothing."""
    links = tmp_path / "links"
    settings = replace(shipped(), destinations={"links": StaticDestination(links)})
    folders.drop_in(f"ReadWritePaths={links}\nPrivateTmp=no", "paths.conf")
    assert folders.wrong(settings) == []  # it is not there yet
    links.mkdir()
    assert folders.wrong(settings) == []
    links.chmod(0o2750)
    (one,) = folders.wrong(settings)
    assert (
        one.told == f"destinations.links is for the group of {links}, and the unit has UMask=0077"
    )
    added = one.mend.partition("[Service]\\n")[2].partition("\\n")[0]
    folders.drop_in(added, "umask.conf")
    assert folders.wrong(settings) == []


def test_secrets_in_files_are_read_by_the_service(folders: Folders) -> None:
    """Those that config.yaml names, with the place where it does; other destinations write none."""
    settings = shipped()
    source = SecretSource(SecretKind.FILE, "/root/links.key", Place("config.yaml", 7))
    calendar = {"a": CalendarDestination()}
    links = replace(settings.links, secret=source)
    (one,) = folders.wrong(replace(settings, links=links, destinations=calendar))
    assert one.told == "config.yaml:7 is /root/links.key, which the unit hides (ProtectHome=yes)"


def test_what_the_unit_hides_is_found(folders: Folders) -> None:
    """Homes and temporary folders, to read and to write."""
    where = shipped()
    archive = {"vault": ArchiveSettings(Path("/home/anna/vault"), 1)}
    settings = replace(
        where,
        policies=Path("/home/anna/policies"),
        store=Path("/tmp/orchestrator.db"),
        archives=archive,
    )
    told = sorted(one.told for one in folders.wrong(settings))
    assert [one.partition(" is ")[0] for one in told] == ["archives.vault", "policies", "store"]
    assert "(ProtectHome=yes)" in told[0]
    assert "(PrivateTmp=yes)" in told[2]
    settings = replace(settings, policies=Path("/tmp/policies"))
    assert any("policies is /tmp/policies" in one.told for one in folders.wrong(settings))
    folders.drop_in("ProtectHome=read-only\nPrivateTmp=no\nProtectSystem=no", "h.conf")
    (one,) = folders.wrong(settings)
    assert one.told.startswith("archives.vault is in /home/anna/vault, which the unit lets nobody")


@pytest.fixture
def secret() -> Iterator[Path]:
    """A file in a folder that everybody may go into, as those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        path = Path(name) / "secrets" / "key"
        path.parent.mkdir(mode=0o755)
        path.write_text("s")
        yield path


@pytest.mark.parametrize(
    ("mode", "group", "other"),
    [(0o600, False, False), (0o640, True, False), (0o604, False, True), (0o644, True, True)],
)
def test_who_may_read_a_file(secret: Path, mode: int, group: bool, other: bool) -> None:
    """By the bits of the file and of each folder on the way; root may everything."""
    secret.chmod(mode)
    gid = secret.stat().st_gid
    assert stands_before(secret, secret.stat().st_uid or 1, {gid, 4712}) == (
        "" if group or secret.stat().st_uid else f"{secret} does not let them"
    )
    assert (stands_before(secret, 4711, {gid}) == "") is group
    assert (stands_before(secret, 4711, {4711}) == "") is other
    assert stands_before(secret, 0, set()) == ""
    secret.parent.chmod(0o700)
    assert stands_before(secret, 4711, {gid}) == f"{secret.parent} does not let them"
    assert stands_before(secret.parent / "gone", 0, set()) == ""


def test_the_user_may_read_what_it_has_to(
    folders: Folders, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user that is not there yet is not judged; what is to be typed gives it the right."""
    folders.drop_in("PrivateTmp=no", "tmp.conf")
    monkeypatch.setattr(unitlooks, "_read", lambda _: [("a", secret), ("b", secret.parent)])
    secret.chmod(0o600)
    secret.parent.chmod(0o700)
    assert folders.wrong(shipped()) == []  # there is no user room-orchestrator here
    monkeypatch.setattr("pwd.getpwnam", lambda _: SimpleNamespace(pw_uid=4711, pw_gid=4711))
    monkeypatch.setattr("os.getgrouplist", lambda *_: [4711])
    monkeypatch.setattr("grp.getgrnam", lambda _: SimpleNamespace(gr_gid=4712))
    one, two = folders.wrong(shipped())
    assert one.told == f"room-orchestrator may not read a: {secret.parent} does not let them"
    assert one.mend == f"chown room-orchestrator {secret}"
    assert two.mend == f"chgrp room-orchestrator {secret.parent} && chmod g+rX {secret.parent}"
