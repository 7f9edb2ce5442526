"""What links are made with: named in the config, or made by ourselves once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.adapters.delivery.site import Written
from orchestrator.app import build
from orchestrator.app.build import StartError
from orchestrator.app.init import init
from orchestrator.app.links import export, read_scheme
from orchestrator.app.secrets import unusable
from orchestrator.config import SecretFault, Settings, read_config
from orchestrator.domain.links import NO_LINKS
from orchestrator.ports.deliveries import LinkBoard
from orchestrator.ports.desk import DeskError
from tests.reports import LINKS

SMALL = "owner: example\nmode: enforce\nmeetings: {embedded: true}\n"
PUBLIC = f"{SMALL}http: {{public_url: 'https://rooms.example.com/'}}\n"


def settings(folder: Path, text: str) -> Settings:
    """The settings of a text, in a folder."""
    (folder / "config.yaml").write_text(text)
    found = read_config(folder / "config.yaml")
    assert found.settings is not None, found.problems
    return found.settings


def test_without_a_public_address_no_secret_is_made(tmp_path: Path) -> None:
    """Nobody could follow a link."""
    assert read_scheme(settings(tmp_path, SMALL)) == NO_LINKS
    assert not (tmp_path / "secrets").exists()


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    """Readable by us alone; the same links at every start."""
    first = read_scheme(settings(tmp_path, PUBLIC))
    path = tmp_path / "secrets" / "links.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text().strip()) == 64
    assert first.public_url == "https://rooms.example.com"
    assert first.tokened
    assert read_scheme(settings(tmp_path, PUBLIC)) == first


def test_init_makes_the_secret_and_names_it(tmp_path: Path) -> None:
    """So that a change of the API does not change every link."""
    made = init(tmp_path / "ro")
    found = read_config(made.folder / "config.yaml").settings
    assert found is not None
    assert found.links.secret is not None
    path = made.folder / "secrets" / "links.key"
    assert found.links.secret.name == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(found.links.secret.read().reveal()) == 64


@pytest.mark.parametrize(("access", "tokened"), [("token", True), ("open", False)])
def test_access_says_whether_links_have_a_token(tmp_path: Path, access: str, tokened: bool) -> None:
    """With the secret that the config names."""
    (tmp_path / "my.key").write_text("m" * 32 + "\n")
    links = f"links: {{access: {access}, secret: {{file: my.key}}}}\n"
    scheme = read_scheme(settings(tmp_path, PUBLIC + links))
    assert scheme.tokened is tokened
    assert scheme.secret.reveal() == "m" * 32


def test_a_weak_secret_is_refused(tmp_path: Path) -> None:
    """Links could be guessed; the text does not quote it."""
    (tmp_path / "my.key").write_text("weak-and-short\n")
    weak = settings(tmp_path, f"{PUBLIC}links: {{secret: {{file: my.key}}}}\n")
    message = "links.secret has less than 32 characters; make one with:  openssl rand -hex 32"
    with pytest.raises(StartError) as refused:
        read_scheme(weak)
    assert str(refused.value) == message
    assert unusable(weak) == (message,)
    missing = settings(tmp_path, f"{PUBLIC}links: {{secret: {{file: none.key}}}}\n")
    with pytest.raises(SecretFault):
        read_scheme(missing)


def test_what_to_do_is_said_where_none_can_be_made(tmp_path: Path) -> None:
    """The folder of keys is a file."""
    (tmp_path / "secrets").write_text("")
    with pytest.raises(StartError) as refused:
        read_scheme(settings(tmp_path, PUBLIC))
    assert "links.key, the secret that links are made with, cannot be had" in str(refused.value)
    assert "write  links: {secret: {file: secrets/links.key}}" in str(refused.value)


def test_links_are_written_with_our_own_pages(tmp_path: Path) -> None:
    """And what keeps them from being written is told as a refusal."""
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert export(LINKS, tmp_path / "links", now) == Written(links=2, changed=2, over=0)
    pages = sorted((tmp_path / "links" / "site" / "r").glob("*/**/index.html"))
    assert any("The room is not open yet" in page.read_text() for page in pages)
    with pytest.raises(DeskError, match="holds something else"):
        export(LINKS, tmp_path, now)


def test_a_folder_of_links_is_made_beside_what_there_is(tmp_path: Path) -> None:
    """At the path of the config, by the name that policies use."""
    text = f"{PUBLIC}destinations: {{links: {{type: static, path: new/links}}}}\n"
    made = build._destinations(settings(tmp_path, text))  # noqa: SLF001
    assert isinstance(made["links"], LinkBoard)
    assert made["links"].name == "links"
    assert (tmp_path / "new").is_dir()
