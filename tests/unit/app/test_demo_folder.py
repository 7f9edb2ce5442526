"""The demo's folder: made from the examples, kept, and gone on with."""

import socket
from pathlib import Path

import pytest

from orchestrator.app.configuration import ConfigError
from orchestrator.app.demo import prepare
from orchestrator.app.validate import validate
from orchestrator.config import Settings, read_config
from orchestrator.config.settings import EmbeddedMeetings


def port_of(settings: object) -> int:
    """The embedded server's port."""
    meetings = getattr(settings, "meetings", None)
    assert isinstance(meetings, EmbeddedMeetings)
    return meetings.port


def test_a_fresh_folder_has_the_examples_and_a_free_port(tmp_path: Path) -> None:
    """All of them valid."""
    prepared = prepare(tmp_path / "demo")
    assert (prepared.fresh, prepared.moved) == (True, False)
    assert prepared.settings.owner.startswith("demo-")
    assert port_of(prepared.settings) > 0
    found = validate([tmp_path / "demo"], None, {}, tmp_path)
    assert found.problems == ()
    assert found.rooms > 40


def moved_to(folder: Path, port: int) -> Settings:
    """The demo's settings, once its server's port is another one: its own may be any demo's."""
    drawn = prepare(folder).settings
    config = folder / "config.yaml"
    before, after = f"127.0.0.1:{port_of(drawn)}\n", f"127.0.0.1:{port}\n"
    assert config.read_text().count(before) == 1
    config.write_text(config.read_text().replace(before, after))
    found = read_config(config)
    assert found.settings is not None
    return found.settings


def test_a_folder_that_is_there_is_gone_on_with(tmp_path: Path) -> None:
    """Same owner, same port, edits kept."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    first = moved_to(tmp_path / "demo", port)
    (tmp_path / "demo" / "policies" / "resource-rooms.yaml").unlink()
    again = prepare(tmp_path / "demo")
    assert again.fresh is False
    assert again.settings.owner == first.owner
    assert port_of(again.settings) == port
    assert not (tmp_path / "demo" / "policies" / "resource-rooms.yaml").exists()


def test_a_port_that_is_taken_gives_way_to_another(tmp_path: Path) -> None:
    """And that is told, because links begin with it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = port_of(moved_to(tmp_path / "demo", other.getsockname()[1]))
        again = prepare(tmp_path / "demo")
    assert again.moved
    assert port_of(again.settings) != taken


def test_a_config_that_was_broken_is_told(tmp_path: Path) -> None:
    """With its place, as any command tells it."""
    prepare(tmp_path / "demo")
    (tmp_path / "demo" / "config.yaml").write_text("mode: 7\n")
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        prepare(tmp_path / "demo")


def test_a_demo_of_another_api_has_no_port_of_its_own(tmp_path: Path) -> None:
    """Somebody pointed its config elsewhere: then that is used."""
    prepare(tmp_path / "demo")
    (tmp_path / "demo" / "config.yaml").write_text(
        "owner: me\nmode: observe\nmeetings:\n  url: https://meet.example.com\n"
        "  application_id: a\n  private_key: {env: KEY}\n"
    )
    assert not prepare(tmp_path / "demo").moved
