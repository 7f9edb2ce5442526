"""What a callback must know by a config, and the address that a person registers."""

import re
from pathlib import Path

import pytest

from orchestrator.app.build import StartError
from orchestrator.app.init import Choices, init
from orchestrator.app.keys import callback_token
from orchestrator.app.secrets import unusable
from orchestrator.app.web import derived_token, read_lock, tell_address
from orchestrator.config import Settings, read_config
from orchestrator.foundation.secret import Secret
from orchestrator.ports.desk import DeskError
from tests.reports import desk
from tests.unit.cli.conftest import CommandLine

TOKEN = "ab" * 32
REMOTE = """\
owner: acme
mode: observe
meetings:
  url: http://127.0.0.1:9/v1/meetings
  application_id: 3f1c2b7e-9d54-4a60-8f0e-2a6f1f0f7c11
  private_key: {file: made/secrets/meetings.pem}
"""
EMBEDDED = "owner: acme\nmode: observe\nmeetings: {embedded: true, keys: made/secrets}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with keys, a token and a secret for signatures."""
    init(tmp_path / "made", Choices(owner="acme"), example=False)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "signature").write_text("thirty-two bytes or more of a secret\n")
    (tmp_path / "weak").write_text("a short one\n")
    return tmp_path


def settings(folder: Path, text: str) -> Settings:
    """The settings of a config in that folder."""
    (folder / "config.yaml").write_text(text)
    found = read_config(folder / "config.yaml")
    assert found.settings is not None, found.problems
    return found.settings


def test_init_makes_a_token_that_is_used(tmp_path: Path) -> None:
    """Of 256 bits, made once, readable by us alone."""
    init(tmp_path / "made")
    made = tmp_path / "made"
    lock = read_lock(settings(made, (made / "config.yaml").read_text()))
    assert lock.token == callback_token(made / "secrets")
    assert lock.token is not None
    assert re.fullmatch("[0-9a-f]{64}", lock.token.reveal())
    assert (made / "secrets" / "callbacks.token").stat().st_mode & 0o777 == 0o600


def test_the_embedded_server_needs_no_token_of_its_own(folder: Path) -> None:
    """One is made of the key that both halves have: the same at every start, and no other's."""
    small = settings(folder, EMBEDDED)
    token = read_lock(small).token
    assert token is not None
    assert token == read_lock(small).token
    assert re.fullmatch("[0-9a-f]{64}", token.reveal())
    assert token != derived_token(Secret("another key"))


def test_a_remote_api_has_no_address_to_call_before_it_has_a_token(folder: Path) -> None:
    """So that nobody can call at all."""
    lock = read_lock(settings(folder, REMOTE))
    assert (lock.token, lock.signature) == (None, None)


def test_both_secrets_are_read(folder: Path) -> None:
    """Without the newline at their ends."""
    callbacks = "{token: {file: token}, signature_secret: {file: signature}}"
    lock = read_lock(settings(folder, f"{REMOTE}http: {{callbacks: {callbacks}}}\n"))
    assert lock.token == Secret(TOKEN)
    assert lock.signature == Secret("thirty-two bytes or more of a secret")


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ("{token: {file: weak}}", "http.callbacks.token must be 32 to 200 of"),
        ("{signature_secret: {file: weak}}", "http.callbacks.signature_secret has less than 32"),
    ],
    ids=["token", "signature"],
)
def test_a_weak_secret_is_refused_at_start_and_at_reload(
    folder: Path, callbacks: str, message: str
) -> None:
    """And not quoted."""
    told = settings(folder, f"{REMOTE}http: {{callbacks: {callbacks}}}\n")
    with pytest.raises(StartError, match=message) as refused:
        read_lock(told)
    assert "short" not in str(refused.value)
    assert [message in problem for problem in unusable(told)] == [True]


@pytest.mark.parametrize(
    ("http", "url"),
    [
        ("listen: '127.0.0.1:8440'", "http://127.0.0.1:8440"),
        ("listen: '[::1]:8440'", "http://[::1]:8440"),
        ("public_url: https://rooms.example.com/ro/", "https://rooms.example.com/ro"),
    ],
    ids=["here", "ipv6", "behind-a-proxy"],
)
def test_the_address_is_told_on_purpose(folder: Path, http: str, url: str) -> None:
    """The whole of it, to be registered at a remote API."""
    config = f"{REMOTE}http: {{{http}, callbacks: {{token: {{file: token}}}}}}\n"
    address = tell_address(settings(folder, config))
    assert address.url == f"{url}/callbacks/{TOKEN}"
    assert ("http.public_url" in address.note) is ("listen" in http)


@pytest.mark.parametrize(
    ("http", "message"),
    [
        ("", "openssl rand -hex 32"),
        ("http: {callbacks: {token: {file: token}}}", "write http.listen with a port"),
        ("http: {callbacks: {token: {file: weak}}}", "must be 32 to 200"),
        ("http: {callbacks: {token: {file: nothing}}}", "nothing cannot be read"),
    ],
    ids=["no-token", "another-port-each-time", "weak", "not-there"],
)
def test_where_there_is_no_address_the_way_to_one_is_told(
    folder: Path, http: str, message: str
) -> None:
    """As a sentence, with exit code 2."""
    with pytest.raises(DeskError, match=message) as refused:
        tell_address(settings(folder, f"{REMOTE}{http}\n"))
    assert refused.value.code == 2
    assert "\n" not in str(refused.value)


def test_the_command_prints_the_address_alone(folder: Path) -> None:
    """So that it can be piped; what is to be known of it goes to stderr."""
    ro = CommandLine(folder, desk())
    config = f"{REMOTE}http: {{listen: '127.0.0.1:1', callbacks: {{token: {{file: token}}}}}}\n"
    (folder / "config.yaml").write_text(config)
    said = ro("callbacks")
    assert said.out == f"http://127.0.0.1:1/callbacks/{TOKEN}\n"
    assert "tell lies about who is in a room" in said.err
    assert TOKEN in ro("callbacks", "--json").out
    (folder / "config.yaml").write_text(EMBEDDED)
    said = ro("callbacks")
    assert (said.code, said.out) == (0, "")
    assert "told the address by itself" in said.err
