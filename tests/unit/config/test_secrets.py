"""Secrets: read when they are needed, and never told."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.config.secrets import SECRET_MAX, SecretKind, SecretSource
from orchestrator.foundation.problems import Place
from orchestrator.foundation.secret import Secret, SecretFault

PLACE = Place("config.yaml", 6, 16)


def source(kind: SecretKind, name: str) -> SecretSource:
    """A source that config.yaml names on line 6."""
    return SecretSource(kind, name, PLACE)


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    """So that a key can be replaced while the daemon runs; its last newline is not part of it."""
    path = tmp_path / "key.pem"
    kept = source(SecretKind.FILE, str(path))
    path.write_text("one\n")
    assert kept.read() == Secret("one")
    path.write_text("two\r\n")
    assert kept.read() == Secret("two")


def test_a_credential_is_a_file_of_systemd(tmp_path: Path) -> None:
    """In the folder that the service manager names."""
    (tmp_path / "api-key").write_text("key")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert source(SecretKind.CREDENTIAL, "api-key").read(environ) == Secret("key")


def test_a_variable_may_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment that is given, or of the process."""
    assert source(SecretKind.ENV, "KEY").read({"KEY": "a"}) == Secret("a")
    monkeypatch.setenv("RO_TEST_KEY", "b")
    assert source(SecretKind.ENV, "RO_TEST_KEY").read() == Secret("b")


@pytest.mark.parametrize(
    ("kind", "name", "environ", "message"),
    [
        pytest.param(SecretKind.ENV, "KEY", {}, "the environment has no KEY; set it", id="unset"),
        pytest.param(
            SecretKind.ENV, "KEY", {"KEY": "\n"}, "the secret in env KEY is empty", id="empty"
        ),
        pytest.param(
            SecretKind.CREDENTIAL,
            "api-key",
            {},
            "there is no credential api-key, because systemd started no service here; start it "
            "with LoadCredential=api-key:…, or name a file",
            id="no credentials",
        ),
        pytest.param(
            SecretKind.CREDENTIAL,
            "api-key",
            {"CREDENTIALS_DIRECTORY": "/nowhere"},
            "systemd handed this service no credential api-key; put it into /etc/credstore/"
            "room-orchestrator.api-key, or name its file by LoadCredential=api-key:… in the unit",
            id="no such credential",
        ),
        pytest.param(
            SecretKind.FILE,
            "/nowhere/key.pem",
            {},
            "/nowhere/key.pem cannot be read: No such file or directory",
            id="no file",
        ),
    ],
)
def test_a_secret_that_is_not_there_is_a_fault(
    kind: SecretKind, name: str, environ: Mapping[str, str], message: str
) -> None:
    """At the line of config.yaml that names it."""
    with pytest.raises(SecretFault) as fault:
        source(kind, name).read(environ)
    assert fault.value.problem.place == PLACE
    assert fault.value.problem.message == message
    assert str(fault.value) == f"config.yaml:6:16  {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"hunter2\xff", "is not UTF-8 text", id="no text"),
        pytest.param(
            b"x" * (SECRET_MAX + 1), "holds more than 65536 bytes: it is no secret", id="big"
        ),
    ],
)
def test_what_is_no_secret_is_not_told(tmp_path: Path, content: bytes, message: str) -> None:
    """Neither in the fault nor in what is chained to it."""
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(SecretFault) as fault:
        source(SecretKind.FILE, str(path)).read()
    assert fault.value.problem.message == f"{path} {message}"
    assert fault.value.__cause__ is None
    assert fault.value.__suppress_context__ or fault.value.__context__ is None
    assert "hunter2" not in str(fault.value)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_file_for_everybody_is_warned_of(tmp_path: Path, mode: int, warned: bool) -> None:
    """A group may have been made for it; everybody was not."""
    path = tmp_path / "key.pem"
    path.write_text("key")
    path.chmod(mode)
    assert (source(SecretKind.FILE, str(path)).warning() is not None) is warned


def test_only_files_can_be_looked_at() -> None:
    """What is not there, or no file, has no rights to judge."""
    assert source(SecretKind.FILE, "/nowhere/key.pem").warning() is None
    assert source(SecretKind.ENV, "KEY").warning() is None
