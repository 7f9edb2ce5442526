"""What a lawful config becomes, and what a change of it needs."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import get_args

import pytest

from orchestrator.config import Configuration, Settings, read_config
from orchestrator.config.archives import ArchiveSettings
from orchestrator.config.destinations import (
    CalendarDestination,
    FileDestination,
    StaticDestination,
    open_to_all,
)
from orchestrator.config.links import Access, LinkSettings
from orchestrator.config.media import LiveKitMedia, MeshMedia, secret_of
from orchestrator.config.models import ConfigForm
from orchestrator.config.proxies import ProxySettings
from orchestrator.config.reader import understand
from orchestrator.config.secrets import SecretKind
from orchestrator.config.settings import (
    RESTART,
    CallbackSettings,
    Calls,
    DirectorySecret,
    DirectorySettings,
    EmbeddedMeetings,
    HttpSettings,
    LogFormat,
    LogLevel,
    LogSettings,
    MetricsSettings,
    RemoteMeetings,
    SafetySettings,
    TracingSettings,
    needs_restart,
)
from orchestrator.config.statuspage import StatusSettings
from orchestrator.domain.directories import SecretUse
from orchestrator.domain.policies import Mode
from orchestrator.foundation.forms import Form
from orchestrator.foundation.problems import Place
from orchestrator.foundation.reach import Reach, read_reach

EXAMPLE = Path(__file__).parents[3] / "config.example.yaml"

SMALL = "owner: example\nmode: enforce\nmeetings: {embedded: true}\n"
REMOTE = """\
owner: example
mode: observe
meetings:
  url: https://api.example.com/
  application_id: 3f1c
  private_key: {file: secrets/api.pem}
"""


def read(text: str) -> Settings:
    """The settings of a text without problems, in a folder of its own."""
    found = understand(Path("/srv/ro/config.yaml"), text.encode())
    assert found.problems == ()
    assert found.settings is not None
    return found.settings


def test_what_is_not_said_has_its_default() -> None:
    """A config of the required lines alone; paths are relative to the file."""
    settings = read(SMALL)
    folder = Path("/srv/ro")
    assert settings.file == folder / "config.yaml"
    assert (settings.owner, settings.mode) == ("example", Mode.ENFORCE)
    assert settings.meetings == EmbeddedMeetings(
        host="127.0.0.1",
        port=8441,
        public_url=None,
        database=folder / "meetings.db",
        keys=folder / "secrets",
        calls=Calls(200.0, 8, timedelta(seconds=10), 200, timedelta()),
        media=MeshMedia(6, (), (), None, timedelta(hours=6)),
    )
    assert settings.policies == folder / "policies"
    assert settings.store == folder / "state/orchestrator.db"
    assert settings.audit.file == folder / "state/audit.jsonl"
    assert settings.audit.sync_every == timedelta()
    assert settings.audit.signing_key is None
    assert settings.destinations == {}
    assert settings.safety == SafetySettings(3, 10.0, timedelta(days=1), timedelta(hours=12))
    assert settings.resync_interval == timedelta(minutes=10)
    assert settings.http == HttpSettings(
        "127.0.0.1",
        0,
        None,
        CallbackSettings(None, None),
        MetricsSettings(True, None),
        StatusSettings(True, {}, None),
    )
    assert settings.tracing is None
    assert settings.links == LinkSettings(
        Access.TOKEN,
        None,
        folder / "secrets/links.key",
        ProxySettings("X-Forwarded-User", (ip_network("127.0.0.1"), ip_network("::1"))),
    )
    assert settings.directories == DirectorySettings(timedelta(seconds=30), Reach(), {})
    assert settings.control == folder / "state/control.sock"
    assert settings.log == LogSettings(LogLevel.INFO, LogFormat.AUTO)


def test_what_people_meet_through() -> None:
    """Their browsers, with what these need to find each other; or nothing."""
    text = SMALL.replace("embedded: true", "embedded: true, media: {}")
    told = (
        "{most: 4, stun: [stun:stun.example.org], turn: ['turn:a:3478?transport=tcp'], "
        "turn_secret: {file: turn.key}, turn_life: 1h}"
    )
    meetings = read(text.replace("{}", told)).meetings
    assert isinstance(meetings, EmbeddedMeetings)
    assert isinstance(meetings.media, MeshMedia)
    secret = meetings.media.turn_secret
    assert secret is not None
    assert (secret.kind, secret.name) == (SecretKind.FILE, "/srv/ro/turn.key")
    assert meetings.media == MeshMedia(
        4, ("stun:stun.example.org",), ("turn:a:3478?transport=tcp",), secret, timedelta(hours=1)
    )
    meetings = read(text.replace("{}", "{type: none}")).meetings
    assert isinstance(meetings, EmbeddedMeetings)
    assert meetings.media is None


def test_what_carries_more_people() -> None:
    """LiveKit, with a key that both share; as many as usual, and no recording, unless told."""
    text = SMALL.replace("embedded: true", "embedded: true, media: {}")
    told = "{type: livekit, url: 'wss://a.example', key: meetings, secret: {file: livekit.key}}"
    meetings = read(text.replace("{}", told)).meetings
    assert isinstance(meetings, EmbeddedMeetings)
    secret = secret_of(meetings.media)
    assert secret is not None
    assert (secret.kind, secret.name) == (SecretKind.FILE, "/srv/ro/livekit.key")
    usual = LiveKitMedia("wss://a.example", None, "meetings", secret, 100, None)
    assert meetings.media == usual
    more = "most: 7, inside_url: 'http://b', egress: {theirs: /out, ours: egress}}"
    meetings = read(text.replace("{}", told.replace("}}", "}, ") + more)).meetings
    assert isinstance(meetings, EmbeddedMeetings)
    folders = (Path("/out"), Path("/srv/ro/egress"))
    assert meetings.media == replace(usual, inside_url="http://b", most=7, egress=folders)
    assert secret_of(None) is None


def test_a_secret_of_relays_that_all_can_read(tmp_path: Path) -> None:
    """It is warned of, as every secret is."""
    key = tmp_path / "turn.key"
    key.write_text("x")
    key.chmod(0o644)
    media = "embedded: true, media: {turn: [turn:a], turn_secret: {file: turn.key}}"
    found = understand(tmp_path / "config.yaml", SMALL.replace("embedded: true", media).encode())
    (warning,) = found.warnings
    assert warning.message.endswith(f"can be read by everybody on this machine; chmod 600 {key}")


def test_the_embedded_server_s_certificate() -> None:
    """Its files are relative to the config, too; the key may be in the certificate's file."""
    text = SMALL.replace("embedded: true", "embedded: true, certificate: tls/full.pem{}")
    assert "{}" in text
    for more, key in (("", None), (", certificate_key: /etc/key.pem", Path("/etc/key.pem"))):
        meetings = read(text.replace("{}", more)).meetings
        assert isinstance(meetings, EmbeddedMeetings)
        assert meetings.certificate == Path("/srv/ro/tls/full.pem")
        assert meetings.certificate_key == key


def test_archives_are_read() -> None:
    """Folders by name, and how much of each disk stays free."""
    text = f"{SMALL}archives: {{vault: {{path: copies}}, nas: {{path: /mnt/nas, reserve: 2 TB}}}}\n"
    assert read(text).archives == {
        "vault": ArchiveSettings(Path("/srv/ro/copies"), 10**9),
        "nas": ArchiveSettings(Path("/mnt/nas"), 2 * 10**12),
    }
    assert read(SMALL).archives == {}


def test_where_recordings_may_be_is_read() -> None:
    """Besides the API's own machine."""
    text = REMOTE + "  allow_private: [10.20.0.0/16]\n"
    assert read(text).meetings.calls.reach == read_reach(("10.20.0.0/16",))


def test_a_remote_api_is_read() -> None:
    """Without a slash at the end, called gently, and with a minute to settle."""
    meetings = read(REMOTE).meetings
    assert isinstance(meetings, RemoteMeetings)
    assert (meetings.url, meetings.application_id) == ("https://api.example.com", "3f1c")
    assert meetings.private_key.kind is SecretKind.FILE
    assert meetings.private_key.name == "/srv/ro/secrets/api.pem"
    assert meetings.private_key.place == Place("/srv/ro/config.yaml", 6, 16)
    assert meetings.calls == Calls(10.0, 8, timedelta(seconds=10), 200, timedelta(seconds=60))


def test_links_are_read() -> None:
    """Whom they let in, what they are made with, and which proxy is believed."""
    links = read(
        f"{SMALL}links:\n  access: proxy-auth\n  secret: {{env: LINKS}}\n"
        "  proxy: {header: X-User, trusted: [10.20.0.0/16]}\n"
    ).links
    assert links.access is Access.PROXY_AUTH
    assert links.secret is not None
    assert (links.secret.kind, links.secret.name) == (SecretKind.ENV, "LINKS")
    assert links.proxy == ProxySettings("X-User", (ip_network("10.20.0.0/16"),))
    assert read(f"{SMALL}links: {{access: open}}\n").links.access is Access.OPEN


def test_with_a_remote_api_our_own_secret_lies_beside_the_store() -> None:
    """There is no folder of keys there; and the config's may be read-only."""
    assert read(REMOTE).links.made == Path("/srv/ro/state/links.key")


def test_a_calendar_is_a_destination_that_needs_nothing() -> None:
    """But an address that its links begin with."""
    text = (
        f"{SMALL}http: {{public_url: 'https://r.example'}}\n"
        "destinations: {calendar: {type: calendar}}\n"
    )
    assert read(text).destinations == {"calendar": CalendarDestination()}


def test_links_as_files_are_a_destination_with_a_folder() -> None:
    """Which lies beside the config, as every path does; no host link is told there."""
    text = (
        f"{SMALL}http: {{public_url: 'https://r.example'}}\n"
        "destinations: {links: {type: static, path: public}}\n"
    )
    found = read(text).destinations
    assert found == {"links": StaticDestination(Path("/srv/ro/public"))}
    assert open_to_all(found) == {"links"}


def test_links_without_a_public_address_are_doubtful() -> None:
    """Nobody is given one."""
    found = understand(Path("config.yaml"), f"{SMALL}links: {{access: open}}\n".encode())
    (warning,) = found.warnings
    assert str(warning) == (
        "config.yaml:4:17  our own links are given out only where http.public_url says what "
        "they begin with"
    )
    public = f"{SMALL}links: {{access: open}}\nhttp: {{public_url: 'https://r.example'}}\n"
    assert understand(Path("config.yaml"), public.encode()).warnings == ()


@pytest.mark.parametrize(
    ("given", "kind", "name"),
    [
        ("{file: /etc/key.pem}", SecretKind.FILE, "/etc/key.pem"),
        ("{credential: api-key}", SecretKind.CREDENTIAL, "api-key"),
        ("{env: API_KEY}", SecretKind.ENV, "API_KEY"),
    ],
)
def test_a_secret_may_be_in_three_places(given: str, kind: SecretKind, name: str) -> None:
    """Named, not read."""
    meetings = read(REMOTE.replace("{file: secrets/api.pem}", given)).meetings
    assert isinstance(meetings, RemoteMeetings)
    assert (meetings.private_key.kind, meetings.private_key.name) == (kind, name)
    signing = read(f"{SMALL}audit: {{signing_key: {given}}}\n").audit.signing_key
    assert signing is not None
    assert (signing.kind, signing.name) == (kind, name)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("localhost:65535", "localhost", 65_535),
        ("'[::1]:8441'", "::1", 8441),
    ],
)
def test_where_the_embedded_server_listens(listen: str, host: str, port: int) -> None:
    """Address and port, taken apart."""
    meetings = read(SMALL.replace("true}", f"true, listen: {listen}}}")).meetings
    assert isinstance(meetings, EmbeddedMeetings)
    assert (meetings.host, meetings.port) == (host, port)


def test_everything_can_be_said() -> None:
    """Each setting arrives where it belongs."""
    settings = read(
        SMALL.replace(
            "true}",
            "true, listen: '0.0.0.0:80', public_url: 'https://meet.example.com/', database: m.db, "
            "keys: k, rate: 5, concurrency: 2, timeout: 3s, page_size: 100, settle: 4s}",
        )
        + "policies: p\nstore: sqlite:////var/lib/ro/s.db\n"
        + "audit: {file: a.jsonl, fsync: interval}\n"
        + "destinations: {rooms-json: {type: file, path: rooms.json}}\n"
        + "safety: {max_removals: 0, max_removal_percent: 0.5, per: 1h, occupied_max: 2h}\n"
        + "http: {listen: '[::]:8440', public_url: 'https://rooms.example.com/', callbacks: "
        + "{token: {file: t}, signature_secret: {env: S}}, "
        + "metrics: {enabled: false, token: {file: m}}}\n"
        + "tracing: {url: 'https://otel.example.com/v1/traces', token: {env: T}, share: 0.25}\n"
        + "directories: {timeout: 5s, allow_private: [10.0.0.0/8, hr.corp], secrets: {hr: "
        + "{value: {file: hr}, hosts: [HR.corp, 'hr.corp:8443'], unencrypted: true}}}\n"
        + "resync_interval: 1m\ncontrol: {socket: c.sock}\nlog: {level: debug, format: json}\n"
    )
    folder = Path("/srv/ro")
    meetings = settings.meetings
    assert isinstance(meetings, EmbeddedMeetings)
    assert meetings.public_url == "https://meet.example.com"
    assert (meetings.database, meetings.keys) == (folder / "m.db", folder / "k")
    assert meetings.calls == Calls(5.0, 2, timedelta(seconds=3), 100, timedelta(seconds=4))
    assert settings.policies == folder / "p"
    assert settings.store == Path("/var/lib/ro/s.db")
    assert settings.audit.sync_every == timedelta(seconds=1)
    assert settings.destinations == {"rooms-json": FileDestination(folder / "rooms.json")}
    assert settings.safety == SafetySettings(0, 0.5, timedelta(hours=1), timedelta(hours=2))
    http = settings.http
    assert (http.host, http.port, http.public_url) == ("::", 8440, "https://rooms.example.com")
    token, signature = http.callbacks.token, http.callbacks.signature_secret
    assert token is not None
    assert (token.kind, token.name) == (SecretKind.FILE, "/srv/ro/t")
    assert signature is not None
    assert (signature.kind, signature.name) == (SecretKind.ENV, "S")
    metered = http.metrics.token
    assert not http.metrics.enabled
    assert metered is not None
    assert (metered.kind, metered.name) == (SecretKind.FILE, "/srv/ro/m")
    tracing = settings.tracing
    assert tracing is not None
    assert (tracing.url, tracing.share) == ("https://otel.example.com/v1/traces", 0.25)
    assert tracing.token is not None
    assert (tracing.token.kind, tracing.token.name) == (SecretKind.ENV, "T")
    directories = settings.directories
    assert directories.timeout == timedelta(seconds=5)
    assert directories.reach == read_reach(("10.0.0.0/8", "hr.corp"))
    secret = directories.secrets["hr"]
    assert (secret.value.kind, secret.value.name) == (SecretKind.FILE, "/srv/ro/hr")
    assert secret.use == SecretUse(frozenset({"hr.corp", "hr.corp:8443"}), unencrypted=True)
    assert settings.resync_interval == timedelta(minutes=1)
    assert settings.control == folder / "c.sock"
    assert settings.log == LogSettings(LogLevel.DEBUG, LogFormat.JSON)


def warned(found: Configuration) -> list[str]:
    """The warnings of a lawful config."""
    assert found.problems == ()
    return [problem.message for problem in found.warnings]


@pytest.mark.parametrize(
    ("url", "warnings"),
    [
        ("https://otel.example.com/v1/traces", 0),
        ("http://otel.example.com:4318/v1/traces", 1),
        ("http://127.0.0.1:4318/v1/traces", 0),
    ],
)
def test_traces_that_leave_unencrypted_are_warned_of(url: str, warnings: int) -> None:
    """They tell what the daemon does, and to which key."""
    text = f"{SMALL}tracing: {{url: '{url}', token: {{env: T}}}}\n"
    told = warned(understand(Path("/srv/ro/config.yaml"), text.encode()))
    assert len([one for one in told if "not encrypted" in one]) == warnings


@pytest.mark.parametrize(
    ("url", "warnings"),
    [
        ("https://api.example.com", 0),
        ("http://api.example.com", 1),
        ("http://127.0.0.1:8441", 0),
        ("http://localhost:8441", 0),
        ("http://[::1]:8441", 0),
    ],
)
def test_an_unencrypted_api_elsewhere_is_warned_of(url: str, warnings: int) -> None:
    """Whoever listens on the way could use our tokens."""
    text = REMOTE.replace("https://api.example.com/", url)
    found = understand(Path("/srv/ro/config.yaml"), text.encode())
    assert len(warned(found)) == warnings


@pytest.mark.parametrize(
    ("listen", "warnings"),
    [("127.0.0.1:0", 0), ("localhost:8440", 0), ("'[::1]:8440'", 0), ("0.0.0.0:8440", 1)],
)
def test_http_beyond_this_machine_is_warned_of(listen: str, warnings: int) -> None:
    """It is not encrypted; a proxy is to do that."""
    found = understand(Path("config.yaml"), f"{SMALL}http: {{listen: {listen}}}\n".encode())
    assert len(warned(found)) == warnings


def test_keys_that_everybody_can_read_are_warned_of(tmp_path: Path) -> None:
    """Lawful, and yet unwise."""
    config = tmp_path / "config.yaml"
    config.write_text(f"{REMOTE}audit: {{signing_key: {{file: audit.pem}}}}\n")
    (tmp_path / "secrets").mkdir()
    for name in ("secrets/api.pem", "audit.pem"):
        (tmp_path / name).write_text("key")
        (tmp_path / name).chmod(0o644)
    assert warned(read_config(config)) == [
        f"{tmp_path}/{name} can be read by everybody on this machine; chmod 600 {tmp_path}/{name}"
        for name in ("audit.pem", "secrets/api.pem")
    ]
    (tmp_path / "audit.pem").chmod(0o600)
    (tmp_path / "secrets/api.pem").unlink()
    assert warned(read_config(config)) == []


def test_the_example_loads_and_names_every_key() -> None:
    """Whoever copies it finds each setting there, with its default."""
    found = read_config(EXAMPLE)
    assert found.problems == ()
    assert found.warnings == ()
    text = EXAMPLE.read_text()
    for name in keys_of(ConfigForm):
        assert re.search(rf"(?m)^\s*(# )?[^#\n]*\b{name}: ?", text), f"{name} is not in the example"


def test_the_example_shows_the_defaults() -> None:
    """What it sets is what would hold anyway, but for the required keys and the destination."""
    example = read_config(EXAMPLE).settings
    small = understand(EXAMPLE, SMALL.encode()).settings
    assert example is not None
    assert small is not None
    assert replace(example, owner=small.owner, destinations=small.destinations) == small


def test_the_commented_remote_api_of_the_example_is_lawful() -> None:
    """Its lines can be used as they stand."""
    text = EXAMPLE.read_text()
    embedded = text[text.index("meetings:\n") : text.index("# … or one")]
    remote = text[text.index("# meetings:\n") : text.index("# The folder of policy files")]
    swapped = text.replace(embedded, "").replace(remote, re.sub(r"(?m)^# ?", "", remote))
    found = understand(EXAMPLE, swapped.encode())
    assert found.problems == ()
    assert found.settings is not None
    assert isinstance(found.settings.meetings, RemoteMeetings)


def test_the_sources_of_the_example_are_lawful() -> None:
    """Whoever takes the signs before them away has them all."""
    head, _, rest = EXAMPLE.read_text().partition("sources: {}\n")
    sources, _, tail = rest.partition("\n\n")
    block = "\n".join(line.removeprefix("# ") for line in sources.splitlines())
    found = understand(EXAMPLE, f"{head}sources:\n{block}\n\n{tail}".encode())
    assert found.problems == ()
    assert found.settings is not None
    assert len(found.settings.sources) == 9


def keys_of(form: type[Form]) -> Iterator[str]:
    """The keys of a form and of those in it."""
    for name, info in form.model_fields.items():
        yield info.alias or name
        for part in (info.annotation, *get_args(info.annotation)):
            for inner in (part, *get_args(part)):
                if isinstance(inner, type) and issubclass(inner, Form):
                    yield from keys_of(inner)


@pytest.mark.parametrize(
    "kind",
    [
        Settings,
        EmbeddedMeetings,
        RemoteMeetings,
        Calls,
        HttpSettings,
        CallbackSettings,
        MetricsSettings,
        TracingSettings,
        DirectorySettings,
        DirectorySecret,
        SafetySettings,
        LogSettings,
        LinkSettings,
        ProxySettings,
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_field_says_what_a_change_of_it_needs(kind: type) -> None:
    """Reload or restart, in its own line of the docstring; parts say it for themselves."""
    described = re.sub(r"\n\s{12,}", " ", kind.__doc__ or "")
    for field in fields(kind):
        line = re.search(rf"(?m)^\s+{field.name}: .*$", described)
        assert line, f"{field.name} is not described"
        if field.name not in {"file", "calls", "callbacks", "metrics", "status", "log"}:
            assert re.search(r"(Reload|Restart)", line[0]), f"{field.name}: reload or restart?"


@pytest.mark.parametrize(
    ("http", "loopback"),
    [
        ("{listen: '127.0.0.1:8440'}", True),
        ("{public_url: 'http://localhost:8440'}", True),
        ("{public_url: 'https://rooms.example.com'}", False),
        ("{public_url: 'https://rooms.example.com', status: {loopback: read}}", True),
        ("{status: {loopback: closed}}", False),
    ],
)
def test_behind_a_proxy_nobody_looks_at_the_status_page_unasked(http: str, loopback: bool) -> None:
    """One that forgets its headers looks like somebody of this machine."""
    assert read(f"{SMALL}http: {http}\n").http.status.loopback is loopback


def test_the_status_page_has_people_and_a_proxy() -> None:
    """By their names; each secret where it was said to be."""
    status = read(
        f"{SMALL}http: {{status: {{tokens: {{anna: {{file: a}}, Jonas M.: {{env: J}}}}, "
        "proxy: {trusted: [10.0.0.0/8]}}}\n"
    ).http.status
    assert list(status.tokens) == ["anna", "Jonas M."]
    assert str(status.tokens["anna"].place).endswith("config.yaml:4:32")
    assert status.proxy == ProxySettings("X-Forwarded-User", (ip_network("10.0.0.0/8"),))


def test_settings_are_frozen() -> None:
    """Nobody changes them behind another's back."""
    with pytest.raises(AttributeError):
        read(SMALL).owner = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        read(SMALL).destinations["x"] = FileDestination(Path())  # type: ignore[index]


@pytest.mark.parametrize(
    ("before", "after", "restart"),
    [
        pytest.param("mode: enforce", "mode: observe", (), id="mode"),
        pytest.param("mode: enforce", "log: {level: debug}\nmode: enforce", (), id="level"),
        pytest.param(
            "mode: enforce", "log: {format: json}\nmode: enforce", ("log.format",), id="format"
        ),
        pytest.param("owner: example", "owner: other", ("owner",), id="owner"),
        pytest.param(
            "mode: enforce",
            "http: {listen: '127.0.0.1:1', status: {loopback: closed}}\nmode: enforce",
            ("http.port",),
            id="http",
        ),
        pytest.param(
            "embedded: true}",
            "embedded: true, rate: 1}\nstore: sqlite:///x.db",
            ("meetings", "store"),
            id="two",
        ),
    ],
)
def test_what_a_reload_cannot_take_up_is_named(
    before: str, after: str, restart: tuple[str, ...]
) -> None:
    """So that the daemon can say why it keeps the old."""
    assert needs_restart(read(SMALL), read(SMALL.replace(before, after))) == restart
    assert set(restart) <= set(RESTART)


def test_the_schema_of_the_config_can_be_written() -> None:
    """Editors read it; every field is described."""
    schema = ConfigForm.model_json_schema()
    for name, form in {"": schema, **schema["$defs"]}.items():
        for field, described in form["properties"].items():
            assert described.get("description"), f"{name}.{field} is not described"
