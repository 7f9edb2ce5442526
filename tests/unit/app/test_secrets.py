"""Secrets that a config names: found however deep, told when they are unusable or have changed."""

from pathlib import Path

import pytest

from orchestrator.app.init import Choices, init
from orchestrator.app.secrets import digests, secrets_of, unusable
from orchestrator.config import Settings, read_config

CONFIG = """\
owner: acme
mode: observe
meetings:
  url: http://127.0.0.1:9/v1/meetings
  application_id: 3f1c2b7e-9d54-4a60-8f0e-2a6f1f0f7c11
  private_key: {file: secrets/meetings.pem}
audit: {file: audit.jsonl, signing_key: {file: secrets/audit.pem}}
directories:
  secrets:
    hr: {value: {file: secrets/hr.txt}, hosts: [hr.example.com]}
    it: {value: {env: RO_TEST_UNSET}, hosts: [it.example.com]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Keys that can be used, and a config that names them."""
    init(tmp_path / "made", Choices(owner="acme"), example=False)
    made = tmp_path / "made"
    (made / "config.yaml").write_text(CONFIG.replace("{env: RO_TEST_UNSET}", "{file: secrets/it}"))
    for name in ("hr.txt", "it"):
        (made / "secrets" / name).write_text("s3cret\n")
    return made


def settings(folder: Path) -> Settings:
    found = read_config(folder / "config.yaml")
    assert found.settings is not None, found.problems
    return found.settings


def test_every_secret_is_found(folder: Path) -> None:
    """In sections, in lists and in what is called by name."""
    names = {Path(source.name).name for source in secrets_of(settings(folder))}
    assert names == {"meetings.pem", "audit.pem", "hr.txt", "it"}
    assert unusable(settings(folder)) == ()


@pytest.mark.parametrize("name", ["meetings.pem", "audit.pem", "hr.txt"])
def test_another_text_is_another_digest(name: str, folder: Path) -> None:
    """Each file counts; the same text written again does not; none of it can be read from it."""
    before = digests(settings(folder))
    path = folder / "secrets" / name
    path.write_text(path.read_text())
    assert digests(settings(folder)) == before
    path.write_text(path.read_text() + "more")
    after = digests(settings(folder))
    assert {changed for changed in after if after[changed] != before[changed]} == {str(path)}
    path.unlink()
    assert digests(settings(folder))[str(path)] == ""
    assert "s3cret" not in repr(before)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("meetings.pem", "no key\n", "config.yaml:6:16: the private key is not in PEM form"),
        ("audit.pem", "no key\n", "config.yaml:7:41: the audit's signing key is not a private key"),
        ("hr.txt", "", "config.yaml:10:17  the secret in file"),
    ],
    ids=["private-key", "signing-key", "empty"],
)
def test_what_a_start_would_fail_at_is_told(name: str, text: str, told: str, folder: Path) -> None:
    """With its place in config.yaml, and never with what stands in it."""
    (folder / "secrets" / name).write_text(text)
    problems = unusable(settings(folder))
    assert len(problems) == 1
    assert told in problems[0]
    assert "no key" not in problems[0]


def test_a_secret_that_is_not_there_is_told(folder: Path) -> None:
    """A variable that nobody set, as well as a file."""
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("{file: secrets/it}", "{env: RO_TEST_UNSET}"))
    problems = unusable(settings(folder))
    assert len(problems) == 1
    assert "the environment has no RO_TEST_UNSET" in problems[0]
    assert "RO_TEST_UNSET" not in digests(settings(folder))
