"""The destinations of config.yaml: what each type's settings are, and what is unwise."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from orchestrator.config import Configuration
from orchestrator.config.destinations import (
    _TYPES,
    CalendarDestination,
    DestinationSettings,
    EmailDestination,
    FileDestination,
    HookDestination,
    MatrixDestination,
    OpsgenieDestination,
    PagerDutyDestination,
    SlackDestination,
    WebhookDestination,
    type_of,
)
from orchestrator.config.reader import understand
from orchestrator.config.secrets import SecretKind, SecretSource
from orchestrator.foundation.problems import Place
from orchestrator.foundation.reach import Reach, read_reach

HEAD = "owner: acme\nmode: enforce\nmeetings: {embedded: true}\n"
CONFIG = Path("/srv/ro/config.yaml")


def found(text: str) -> Configuration:
    return understand(CONFIG, f"{HEAD}destinations:\n  ops: {text}\n".encode())


def secret(column: int) -> SecretSource:
    return SecretSource(SecretKind.FILE, "/srv/ro/s", Place(str(CONFIG), 5, column))


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("{type: file, path: rooms.json}", FileDestination(Path("/srv/ro/rooms.json"))),
        (
            (
                "{type: webhook, url: 'https://h.example/x/', secret: {file: s}, "
                "allow_private: [10.0.0.0/8]}"
            ),
            WebhookDestination("https://h.example/x", secret(61), read_reach(("10.0.0.0/8",))),
        ),
        (
            "{type: pagerduty, key: {file: s}, from: a@b.example, bridge: false}",
            PagerDutyDestination(
                "https://api.pagerduty.com", secret(31), "a@b.example", False, Reach()
            ),
        ),
        (
            "{type: opsgenie, key: {file: s}}",
            OpsgenieDestination("https://api.opsgenie.com/v2", secret(30), Reach()),
        ),
        (
            "{type: slack, token: {file: s}, channel: C07INCCHECK}",
            SlackDestination("https://slack.com/api", secret(29), "C07INCCHECK", Reach()),
        ),
        (
            "{type: slack-webhook, url: {file: s}}",
            HookDestination("slack-webhook", secret(35), Reach()),
        ),
        ("{type: mattermost, url: {file: s}}", HookDestination("mattermost", secret(32), Reach())),
        ("{type: teams, url: {file: s}}", HookDestination("teams", secret(27), Reach())),
        (
            "{type: matrix, token: {file: s}, url: 'https://m.example', room: '!a:m.example'}",
            MatrixDestination("https://m.example", secret(30), "!a:m.example", Reach()),
        ),
        (
            (
                "{type: email, password: {file: s}, host: h.example, username: u, "
                "from: a@b.example, to: [c@d.example, e@f.example]}"
            ),
            EmailDestination(
                "h.example",
                587,
                "starttls",
                "u",
                secret(32),
                "a@b.example",
                ("c@d.example", "e@f.example"),
                Reach(),
            ),
        ),
    ],
    ids=lambda value: value.split(",")[0][7:] if isinstance(value, str) else "",
)
def test_each_type_has_its_settings(text: str, settings: DestinationSettings) -> None:
    """With defaults taken, paths absolute and secrets located."""
    configuration = found(text)
    assert configuration.problems == ()
    assert configuration.settings is not None
    assert configuration.settings.destinations == {"ops": settings}


@pytest.mark.parametrize(
    ("security", "port"),
    [("starttls", 587), ("tls", 465), ("none", 25), ("none, port: 2525", 2525)],
)
def test_a_mail_servers_port_follows_from_its_security(security: str, port: int) -> None:
    """Unless it is written."""
    text = (
        f"{{type: email, host: localhost, from: a@b.example, to: [c@d.example], "
        f"security: {security}}}"
    )
    settings = found(text).settings
    assert settings is not None
    destination = settings.destinations["ops"]
    assert isinstance(destination, EmailDestination)
    assert destination.port == port


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{type: webhook, url: 'http://h.example', secret: {env: S}}",
            "5:29  url is not encrypted: whoever listens reads our links; prefer https://",
        ),
        ("{type: webhook, url: 'http://127.0.0.1:9', secret: {env: S}}", None),
        ("{type: webhook, url: 'http://localhost:9', secret: {env: S}}", None),
        (
            "{type: email, security: none, host: h.example, from: a@b.example, to: [c@d.example]}",
            "5:32  security none: whoever listens reads our links; prefer starttls",
        ),
        ("{type: email, security: none, host: '::1', from: a@b.c, to: [c@d.e]}", None),
        ("{type: email, host: h.example, from: a@b.c, to: [c@d.e]}", None),
        (
            (
                "{type: email, security: none, host: localhost, from: a@b.c, to: [c@d.e], "
                "username: u, password: {env: P}}"
            ),
            None,
        ),
        ("{type: file, path: http}", None),
    ],
)
def test_what_is_unwise_is_warned_of(text: str, told: str | None) -> None:
    """And taken all the same."""
    configuration = found(text)
    assert configuration.problems == ()
    shown = [str(warning) for warning in configuration.warnings]
    assert shown == ([] if told is None else [f"{CONFIG}:{told}"])


def test_a_secret_that_everybody_reads_is_warned_of(tmp_path: Path) -> None:
    """As any other of config.yaml."""
    (tmp_path / "hook").write_text("https://hooks.example/x")
    (tmp_path / "hook").chmod(0o644)
    text = f"{HEAD}destinations: {{ops: {{type: teams, url: {{file: hook}}}}}}\n"
    configuration = understand(tmp_path / "config.yaml", text.encode())
    assert [warning.message for warning in configuration.warnings] == [
        f"{tmp_path}/hook can be read by everybody on this machine; chmod 600 {tmp_path}/hook"
    ]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("from", "anna", "must be a bare address"),
        ("from", "'Anna <a@b.example>'", "must be a bare address"),
        ("from", "'a@b.example\r\nBcc: c@d.example'", "must be a bare address"),
        ("to", "[a@b.example, 'c d@e.example']", "must be a bare address"),
        ("host", "'smtp.example.com:25'", "without a port"),
        ("host", "'a b'", "without a port"),
    ],
)
def test_nothing_slips_into_a_mail(key: str, value: str, told: str) -> None:
    """Names, ports and line breaks are refused where they are written."""
    lines = {"host": "h.example", "from": "a@b.example", "to": "[c@d.example]", key: value}
    text = ", ".join(f"{name}: {given}" for name, given in lines.items())
    problems = found(f"{{type: email, {text}}}").problems
    assert told in problems[0].message


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{type: file, path: rooms.json}", "file"),
        ("{type: slack, token: {file: s}, channel: C07INCCHECK}", "slack"),
        ("{type: teams, url: {file: s}}", "teams"),
        ("{type: slack-webhook, url: {file: s}}", "slack-webhook"),
    ],
)
def test_what_kind_it_is(text: str, word: str) -> None:
    """The word that stands at type, which metrics tell."""
    settings = found(text).settings
    assert settings is not None
    assert type_of(settings.destinations["ops"]) == word
    assert type_of(CalendarDestination()) == "calendar"


def test_every_kind_has_its_word() -> None:
    """But for the webhooks of chats, whose word is their own."""
    assert {*_TYPES, HookDestination} == {*get_args(DestinationSettings)}
