"""Callbacks to a real daemon with its embedded server: held, over a kill and a reload, no leak."""

import json
import re
import signal
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.system.installation import Installation, policy

ROOM = "teams/a"


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation of this test's own, that logs all it can."""
    made = Installation.made(tmp_path / "rooms")
    made.config.write_text(made.config.read_text() + "log: {level: debug}\n")
    return made


def token(own: Installation) -> str:
    """The secret end of the address, as `init` made it."""
    return (own.folder / "secrets" / "callbacks.token").read_text().strip()


def post(own: Installation, room: str, event: str, *, end: str | None = None) -> int:
    """Send one callback to the last address that the daemon listened on; the answer's status."""
    (*_, url) = re.findall(
        r'"url": "(http://127\.0\.0\.1:\d+)", "event": "http.listening"', own.log
    )
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    told = {"event": event, "room_id": room, "session_id": "s", "name": "Ada Lovelace"}
    told["ended_at" if event == "session:ended" else "started_at"] = moment
    host, _, port = url.removeprefix("http://").partition(":")
    with closing(HTTPConnection(host, int(port), timeout=10)) as connection:
        path = f"/callbacks/{token(own) if end is None else end}"
        connection.request("POST", path, json.dumps(told), {"Content-Type": "application/json"})
        return connection.getresponse().status


def shown(own: Installation) -> str:
    """The room as a person sees it."""
    return own.ask("rooms", "show", ROOM).out


def test_p05_a_room_that_was_heard_to_be_in_use_is_left_alone(own: Installation) -> None:
    """While people are inside, over a kill; and when they left it goes on."""
    own.put("teams.yaml", policy("teams", ["a"]))
    with own.daemon() as process:
        room = own.a_fact("room.created", key=ROOM)["room_id"]
        assert "none ever came" in own.ask("status").out
        assert post(own, room, "session:started", end="f" * 64) == 404
        assert post(own, room, "session:started") == 204
        assert "somebody is inside now, by callbacks" in shown(own)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with own.daemon():
        own.put("teams.yaml", policy("teams", ["a"], display_name="Another name"))
        own.until(lambda: "somebody is inside" in own.ask("rooms", "why", ROOM).out, "it is held")
        own.until(lambda: own.facts("policy.loaded")[1:], "the change is in force")
        assert [fact["room_id"] for fact in own.facts("room.created")] == [room]
        assert post(own, room, "session:ended") == 204
        replaced = own.a_fact("room.replaced", key=ROOM)
        assert replaced["detail"]["replaces"] == room
        assert "last used" in shown(own)
    assert len(own.facts("session.started")) == len(own.facts("session.ended")) == 1
    assert own.ask("audit", "verify").code == 0


def test_p11_the_address_is_told_nowhere_but_on_purpose(own: Installation) -> None:
    """Not in the log at its most talkative, the audit, the store, status, nor an error."""
    own.put("teams.yaml", policy("teams", ["a"]))
    with own.daemon():
        room = own.a_fact("room.created", key=ROOM)["room_id"]
        for event in ("session:started", "session:started", "session:ended", "a:new:one"):
            assert post(own, room, event) == 204
        assert post(own, "not-ours", "session:started") == 204
        assert post(own, "x" * 500, "session:started") == 400
        own.until(lambda: own.log.count("http.answered") >= 6, "requests are logged")
        status = own.ask("status", "--json")
        # Their moments differ, so the second start is no double.
        assert status.json["callbacks"] == {"received": 5, "foreign": 1, "unknown": 1}
        told = [own.log, status.out, own.ask("status").out, shown(own)]
    told += [file.read_bytes().decode(errors="replace") for file in own.folder.glob("state/o*")]
    told.append(own.audit.read_text())
    for text in told:
        assert token(own) not in text
        assert "Ada" not in text
    assert token(own) not in own.ask("callbacks").out
    assert "nothing to do" in own.ask("callbacks").err


def test_another_token_is_taken_up_by_a_reload(own: Installation) -> None:
    """At the same address and port; the embedded server is told the new one."""
    own.put("teams.yaml", policy("teams", ["a"]))
    with own.daemon() as process:
        room = own.a_fact("room.created", key=ROOM)["room_id"]
        before = token(own)
        (own.folder / "secrets" / "callbacks.token").write_text("e" * 64 + "\n")
        assert post(own, room, "session:started") == 404
        process.send_signal(signal.SIGHUP)
        own.until(lambda: own.log.count("daemon.ready") == 2, "the new token is taken up")
        assert post(own, room, "session:started", end=before) == 404
        assert post(own, room, "session:started") == 204
        assert own.log.count("http.listening") == 1

        (own.folder / "secrets" / "callbacks.token").write_text("weak\n")
        process.send_signal(signal.SIGHUP)
        own.until(lambda: "config.rejected" in own.log, "a weak one is refused")
        assert post(own, room, "session:ended", end="e" * 64) == 204
