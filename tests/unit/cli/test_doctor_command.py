"""The doctor's command: what it shows, and its exit codes."""

from tests.unit.cli.conftest import CommandLine


def test_the_command_tells_what_is_wrong_by_its_exit_code(ro: CommandLine) -> None:
    """On a terminal each remedy in a line of its own; for programs as it is."""
    (ro.folder / "policies").mkdir()
    said = ro("doctor")
    assert said.code == 0
    assert "note     sources" in said.out
    assert "mend: room-orchestrator page open --wait" in said.out
    (ro.folder / "policies").rmdir()
    said = ro("doctor", terminal=100)
    assert said.code == 1
    assert "1 thing is wrong." in said.out
    assert "\n         mend: mkdir -p " in said.out
    assert '"health": "wrong"' in ro("doctor", "--json").out
    (ro.folder / "policies").mkdir()
    assert "Nothing is wrong." in ro("doctor", terminal=100).out
    (ro.folder / "config.yaml").write_text("mode: 7\n")
    assert ro("doctor").code == 2
