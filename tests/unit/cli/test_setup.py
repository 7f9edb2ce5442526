"""`init` and `validate`: what is made works, and what is wrong is told whole."""

import json
import stat
from pathlib import Path

import pytest

from orchestrator.app.init import Choices, InitError, init
from orchestrator.config import read_config
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.domain.policies import Mode
from tests.unit.cli.conftest import CommandLine


def test_init_makes_what_every_other_command_takes(ro: CommandLine) -> None:
    """The config loads without a problem or a warning, and the policies are valid."""
    said = ro("init", "My Rooms!")
    assert said.code == 0
    folder = ro.folder / "My Rooms!"
    configuration = read_config(folder / "config.yaml")
    assert (configuration.problems, configuration.warnings) == ((), ())
    settings = configuration.settings
    assert settings is not None
    assert settings.owner.startswith("my-rooms-")
    assert settings.mode is Mode.ENFORCE
    assert isinstance(settings.meetings, EmbeddedMeetings)
    assert (settings.meetings.host, settings.meetings.port) == ("127.0.0.1", 8441)
    assert settings.audit.signing_key is not None
    assert settings.audit.signing_key.read().reveal().startswith("-----BEGIN PRIVATE KEY")
    assert list(settings.destinations) == ["rooms-json"]
    valid = ro("validate", "My Rooms!")
    assert valid.code == 0
    assert "1 policy, 3 rooms wanted" in valid.out


def test_init_tells_the_next_step(ro: CommandLine) -> None:
    """With the command as it is typed."""
    out = ro("init", "my-rooms").out
    assert "mode enforce, embedded Meetings server on http://127.0.0.1:8441" in out
    assert "set meetings.public_url" in out
    assert "Status page http://127.0.0.1:8440 once it runs" in out
    assert out.endswith("Next:  cd my-rooms && room-orchestrator plan\n")
    (ro.folder / "config.yaml").unlink()
    assert ro("init").out.endswith("Next:  room-orchestrator plan\n")
    assert json.loads(ro("init", "third", "--json").out)["teams"] == 3


def test_init_keeps_keys_private(tmp_path: Path) -> None:
    """The folder is ours alone and git leaves it alone; the keys from their first byte on."""
    init(tmp_path / "rooms")
    secrets = tmp_path / "rooms" / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert (secrets / ".gitignore").read_text() == "*\n"
    for key in ("meetings.pem", "audit.pem", "status.token"):
        assert stat.S_IMODE((secrets / key).stat().st_mode) == 0o600


def test_init_overwrites_nothing(ro: CommandLine) -> None:
    """A config is refused, and a policy that is there stays."""
    said = ro("init", ".")
    assert (said.code, "is there already" in said.err) == (2, True)
    folder = ro.folder / "mine"
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "team-rooms.yaml").write_text("# mine\n")
    assert ro("init", "mine").code == 0
    assert (folder / "policies" / "team-rooms.yaml").read_text() == "# mine\n"


def test_init_that_failed_can_be_made_again(tmp_path: Path) -> None:
    """The config comes last."""
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "policies").touch()
    with pytest.raises(InitError, match="policies"):
        init(tmp_path / "rooms")
    assert not (tmp_path / "rooms" / "config.yaml").exists()
    (tmp_path / "rooms" / "policies").unlink()
    assert init(tmp_path / "rooms", Choices(owner="me")).owner == "me"


def test_two_installations_have_two_owners(tmp_path: Path) -> None:
    """Four digits of chance; a name that is nothing but signs gets one."""
    owners = {init(tmp_path / name).owner for name in ("a b", "a-b", "…")}
    assert len(owners) == 3
    assert any(owner.startswith("rooms-") for owner in owners)


@pytest.fixture
def broken(ro: CommandLine) -> CommandLine:
    """An installation with three mistakes in its policies."""
    ro("init", "x")
    policy = ro.folder / "x" / "policies" / "team-rooms.yaml"
    text = policy.read_text()
    text = text.replace("  display_name:", "  displayname:").replace("365d", "400d")
    policy.write_text(text.replace("file: teams.yaml", "file: team.yaml"))
    return ro


def test_validate_tells_every_problem(broken: CommandLine) -> None:
    """As editors take it: relative to here, with line and column, in order."""
    said = broken("validate", "x")
    assert said.code == 2
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "x/policies/team-rooms.yaml:8:9",
        "x/policies/team-rooms.yaml:14:3",
        "x/policies/team-rooms.yaml:15:13",
    ]
    assert 'did you mean "display_name"?' in said.out
    assert said.err == "3 problems in 1 file. What was in force stays in force.\n"
    found = json.loads(broken("validate", "x", "--json").out)
    assert len(found["problems"]) == 3


def test_validate_takes_folders_and_files(broken: CommandLine) -> None:
    """A config, a folder of policies, one policy; what is not there is a problem."""
    folder = "x/policies"
    policy = "x/policies/team-rooms.yaml"
    for words in ((folder,), (policy,), ("x/config.yaml",), (folder, policy)):
        assert broken("validate", *words).out.count("team-rooms.yaml:") == 3
    (broken.folder / policy).with_name("good.yaml").write_text(
        "version: 1\nname: good\nfor_each: {items: [a, b], as: one, key: '{{ one }}'}\n"
        "room: {type: long_term, display_name: '{{ one }}', lifetime: 1d}\n"
    )
    assert broken("validate", "x/policies/good.yaml").code == 0
    said = broken("validate", "nowhere.yaml")
    assert (said.code, said.out) == (2, "nowhere.yaml  does not exist\n")


def test_validate_without_a_path_takes_the_config(broken: CommandLine) -> None:
    """The one that any command would read."""
    assert broken("validate", "--config", "x/config.yaml").code == 2
    (broken.folder / "config.yaml").write_text("mode: 3\n")
    said = broken("validate")
    assert said.code == 2
    assert said.out.startswith("config.yaml")
