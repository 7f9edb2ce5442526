"""Why and why-not of a real daemon, asked over its socket, with its audit log beside it."""

from pathlib import Path
from typing import Any, Final

import pytest

from tests.system.installation import Installation, policy

pytestmark = pytest.mark.timeout(240)
GRACE: Final = "removal: {mode: delete, grace: 30d}\n"


def obstacles(own: Installation, name: str) -> list[dict[str, Any]]:
    """What stands in the way of a name, as programs read it."""
    said = own.ask("rooms", "why-not", name, "--json")
    assert (said.code, said.err) == (0, "")
    found: list[dict[str, Any]] = said.json["obstacles"]
    return found


def test_why_and_why_not_of_a_daemon_of_one_that_is_away_and_of_its_log(tmp_path: Path) -> None:
    """A room made, a mode, a mistake in a file, a subject that left; then without the daemon.

    And at last without its store: what the log alone tells.
    """
    own = Installation.made(tmp_path)
    own.put("teams.yaml", policy("teams", ["a", "b"], more=GRACE))
    own.put("later.yaml", policy("later", ["x"], more="mode: observe\n"))
    with own.daemon():
        own.a_fact("room.created", key="teams/", count=2)
        # Rooms are delivered as they are made, so the first delivery need not have both.
        room = own.until(lambda: own.links().get("teams/a"), "the room is delivered")
        assert room is not None
        held = own.a_fact("act.withheld", key="later/x")

        why = own.ask("rooms", "why", room["meeting_code"]).out
        assert why.startswith('teams/a   "teams a"   open')
        assert "  wanted    teams.yaml:3; version " in why
        assert "room.created" in why
        assert "POST 201 in " in why
        assert "  next      renew on " in why
        assert "; at the latest on " in why
        assert "complete; API ok" in why

        (mode,) = obstacles(own, "later/x")
        assert (mode["by"], mode["action"], mode["seq"]) == ("mode", "create", held["seq"])
        assert mode["advice"].startswith("later.yaml:")

        own.put("teams.yaml", policy("teams", ["a", "b", "c"], more="grcae: 1d\n"))
        own.a_fact("policy.rejected")
        mistake, unwanted = obstacles(own, "teams/c")
        assert mistake["by"] == "policy"
        assert 'teams.yaml:7:1  unknown key "grcae"' in mistake["told"]
        assert unwanted["told"] == 'nothing in teams.yaml:3 has the key "c"'

        own.put("teams.yaml", policy("teams", ["a"], more=GRACE))
        buried = own.a_fact("room.tombstoned", key="teams/b")
        left, grace = obstacles(own, "teams/b")
        assert (left["by"], grace["by"]) == ("not-wanted", "grace")
        assert grace["until"][:16] == buried["detail"]["due"][:16]
        assert grace["seq"] == buried["seq"]

        unknown = own.ask("rooms", "why-not", "nobody")
        assert (unknown.code, "Nothing is known of it" in unknown.out) == (0, True)

    away = own.ask("rooms", "why", "teams/a").out
    assert "room.created" in away
    assert "  unknown   no daemon runs" in away

    for file in own.store.parent.glob(f"{own.store.name}*"):
        file.unlink()
    own.drop("teams.yaml")
    told = own.ask("rooms", "why", "teams b")
    assert told.code == 0
    assert told.out.startswith("teams/b   no room\n")
    assert "room.tombstoned" in told.out
    assert "the store remembers nothing of it" in told.out
