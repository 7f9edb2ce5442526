"""`import` as an operator has it: an estate that others made comes under policy, as it is."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.adapters.clock import SystemClock
from orchestrator.app.here import this_clock
from orchestrator.cli.context import World
from orchestrator.cli.main import app
from tests.pictures import FAVICON, LOGO
from tests.system.foreign import COLORED, at_the_server, estate, themes_at_the_server
from tests.system.installation import Installation, replace

ESTATE = 500
SAID = 3  # of the themes that were made by hand: those that a file can say, and nobody's


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation without a policy; no daemon runs."""
    return Installation.made(tmp_path / "own")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets all clocks on, the server's too, for what is done in this process from then on."""

    def later(by: timedelta) -> None:
        monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + by)

    return later


def nothing_to_do(own: Installation) -> dict[str, Any]:
    """The plan is empty: no call, no decision, no question, no problem."""
    planned = own.ask("plan", "--json")
    told: dict[str, Any] = planned.json
    shown = {name: told[name] for name in ("lines", "held", "standing", "problems", "themes")}
    assert shown == {"lines": [], "held": [], "standing": [], "problems": [], "themes": []}
    assert (planned.code, told["doubt"]) == (0, "")
    return told


def without_its_last_row(own: Installation, name: str) -> str:
    """Have a policy delete what is wanted no more, and then take a row out; its key."""
    policy = own.folder / "policies" / f"{name}.yaml"
    text = policy.read_text()
    assert text.count("{mode: expire, grace: 7d}") == 1
    replace(policy, text.replace("{mode: expire, grace: 7d}", "{mode: delete, grace: 60s}"))
    assert own.ask("apply").code == 0
    data = own.folder / "policies" / "data" / f"{name}.yaml"
    *kept, last = data.read_text().splitlines(keepends=True)
    replace(data, "".join(kept))
    return f"{name}/{json.loads(last.removeprefix('- '))['key']}"


def check_themes(own: Installation, told: dict[str, Any], rooms: list[dict[str, Any]]) -> None:
    """Those that are nobody's are files, with their pictures, and their rooms ask for them."""
    folder = own.folder / "policies" / "themes"
    names = {one["theme_id"]: one["name"] for one in told["themes"]}
    assert len(names) == SAID
    for one in told["themes"]:
        assert one["rooms"] == sum(room["theme_id"] == one["theme_id"] for room in rooms)
        assert (folder / f"{one['name']}.yaml").exists()
    (pictured,) = (one for one in told["themes"] if one["pictures"])
    assert (pictured["shown"], pictured["pictures"]) == ("By hand", 3)
    content = {path.name: path.read_bytes() for path in folder.rglob("*.png")}
    assert content == {"white.png": LOGO, "colored.png": COLORED, "favicon.png": FAVICON}
    looks = [one for one in told["remarks"] if "left out" in one]
    assert [one.partition(" is left out")[0] for one in looks] == [
        'the theme "another\'s~0a1b2c3d"',
        'the theme "unsayable"',
    ]
    others = sum(room["theme_id"] not in {None, *names} for room in rooms)
    assert f"theme_id of {others} rooms is kept" in " ".join(told["remarks"])
    asked = {
        text.partition("theme: ")[2].partition("\n")[0].strip('"')
        for path in folder.parent.glob("*.yaml")
        if "theme: " in (text := path.read_text())
    }
    assert asked == {*names.values()}


@pytest.mark.timeout(240)
def test_an_estate_of_500_comes_under_policy_and_no_link_changes(
    own: Installation, later: Callable[[timedelta], None]
) -> None:
    """By a daemon at work; also after its store was lost; then policy renews one and ends one."""
    now = datetime.now(UTC)
    short = {
        "display_name": "Fire drill",
        "type": "long_term",
        "expires_at": (now + timedelta(days=7) - timedelta(minutes=5)).isoformat(),
    }
    before = at_the_server(own.config, [*estate(ESTATE - 1, now), short, {"display_name": "quick"}])
    rows, looks = own.table(), themes_at_the_server(own.config)
    with own.daemon():
        own.until(lambda: own.ask("status", "--json").json["last_pass"], "the first pass")
        looked = own.ask("import")  # in a pipe it answers with JSON
        assert (looked.code, looked.json["written"], looked.json["taken"]) == (3, False, ESTATE)
        assert list((own.folder / "policies").iterdir()) == [own.folder / "policies" / "data"]
        done = own.ask("import", "--write", "--json")
        assert done.code == 0, done.err
        assert {**done.json, "written": False, "then": looked.json["then"]} == looked.json
        check_themes(own, done.json, before)
        (left,) = done.json["left_out"]
        assert (left["rooms"], done.json["renewed_soon"]) == (1, 0)
        assert own.ask("validate").code == 0
        own.a_fact("room.adopted", count=ESTATE)
        own.a_fact("theme.adopted", count=SAID)
        own.until(lambda: nothing_to_do(own)["unchanged"] == ESTATE, "all are as they should be")
    assert (own.table(), themes_at_the_server(own.config)) == (rows, looks)
    assert own.facts("theme.started") == []
    written = [path.read_text() for path in (own.folder / "policies").rglob("*.yaml")]
    secrets = [room["_links"]["host_url"]["href"].partition("token=")[2] for room in before]
    assert not [secret for secret in [*secrets, "t0p"] for text in written if secret in text]
    # The store is lost, and rebuilt from the list and the log.
    for file in own.store.parent.glob("orchestrator.db*"):
        file.unlink()
    rebuilt = own.ask("state", "rebuild", "--reason", "the disk died", "--json")
    assert (rebuilt.code, rebuilt.json["known"]["rooms"]) == (0, ESTATE), rebuilt.err
    nothing_to_do(own)
    assert own.ask("apply").code == 0
    assert (own.table(), themes_at_the_server(own.config)) == (rows, looks)
    # Time passes, and one of them comes near its end.
    later(timedelta(days=6, hours=12))
    assert own.ask("apply").code == 0
    assert len(own.facts("room.renewed")) == 1
    ends = {row["id"]: row["expires_at"] for row in rows}
    changed = [row for row in own.table() if row["expires_at"] != ends[row["id"]]]
    assert [row["display_name"] for row in changed] == ["Fire drill"]
    # A row is taken out, and its room goes as the policy says.
    key = without_its_last_row(own, "imported-365d")
    assert own.ask("apply").code == 0
    assert [fact["key"] for fact in own.facts("room.tombstoned")] == [key]
    later(timedelta(days=6, hours=13))
    assert own.ask("apply").code == 0
    (deleted,) = own.facts("room.deleted")
    there = {row["id"] for row in own.table() if row["phase"] != "deleted"}
    assert [row["id"] for row in rows if row["id"] not in there] == [deleted["room_id"]]
    assert (deleted["key"], own.facts("room.created")) == (key, [])


def settings_of(rooms: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """What each long_term room is like, by its name, but for what no policy speaks of."""
    told: dict[str, list[Any]] = {}
    for room in rooms:
        if room["type"] == "long_term":
            own = {"id", "meeting_code", "_links", "created_at", "expires_at", "metadata"}
            own |= {"callback_urls", "theme_id"}
            kept = {name: value for name, value in room.items() if name not in own}
            told.setdefault(room["display_name"].strip(), []).append(json.dumps(kept))
    return {name: sorted(kept) for name, kept in told.items()}


def test_an_estate_that_lived_elsewhere_is_made_anew_with_all_its_settings(
    own: Installation, tmp_path: Path
) -> None:
    """From pages that were saved; every link is another, and everything else is as it was."""
    other = Installation.made(tmp_path / "other")
    # Some of its rooms are recorded from the start, which a mesh refuses.
    other.configure("  embedded: true", "  embedded: true\n  media: {type: none}")
    bodies = [
        {**body, "display_name": body["display_name"].replace("\u2028", "").strip()}
        for body in estate(60, datetime.now(UTC))
    ]
    saved = tmp_path / "rooms.json"
    before = at_the_server(own.config, bodies, saved)
    looked = other.ask("import", str(saved), "--elsewhere", "--host-links-to", "hosts")
    assert (looked.code, looked.out) == (2, ""), "hosts is no destination there"
    assert "hosts" in looked.err
    other.configure(
        "  rooms-json: {type: file, path: rooms.json}",
        "  rooms-json: {type: file, path: rooms.json}\n"
        "  hosts: {type: webhook, url: 'https://hosts.test/', secret: {file: secrets/hosts}}",
    )
    done = other.ask(
        "import",
        str(saved),
        "--elsewhere",
        "--host-links-to",
        "hosts",
        "--write",
        "--prefix",
        "old",
    )
    assert done.code == 0, done.err
    assert not (other.folder / "policies" / "data" / "adopted.yaml").exists()
    assert other.ask("apply").code == 0
    after = at_the_server(other.config, [])
    assert settings_of(after) == settings_of(before)
    assert not {room["id"] for room in after} & {room["id"] for room in before}
    texts = {room["metadata"].partition(" [ro1")[0] for room in after if "4711" in room["metadata"]}
    assert texts == {"cost centre 4711"}
    nothing_to_do(other)


def on_a_terminal(own: Installation, *words: str) -> str:
    """What a command shows on a terminal of 80 columns."""
    world = World(
        this_clock(), log=lambda _: None, environ={}, cwd=own.folder, terminal=True, width=80
    )
    result = CliRunner().invoke(app, list(words), obj=world)
    assert result.exit_code == 3, result.output
    return result.output


def test_where_the_api_cannot_be_listed_nothing_is_written(own: Installation) -> None:
    """Whatever stands in the way: a port that is taken, an API that is away, one that lies."""
    at_the_server(own.config, estate(3, datetime.now(UTC)))
    assert "imported" in on_a_terminal(own, "import")
    own.configure(f"listen: 127.0.0.1:{own.port}", "listen: 127.0.0.1:0")
    with own.daemon():
        said = own.ask("import")
        assert (said.code, "takes any free port: stop the daemon" in said.err) == (1, True)
    own.configure("embedded: true\n  listen: 127.0.0.1:0", "url: http://127.0.0.1:9/v1\n")
    own.configure(
        "database: state/meetings.db",
        "application_id: 0e8e5b1c-6c4b-4a55-9f0b-1c3f3a8b7d10\n"
        "  private_key: {file: secrets/gone.pem}",
    )
    assert (own.ask("import").code, "gone.pem" in own.ask("import").err) == (1, True)
    own.configure("gone.pem", "meetings.pem")
    said = own.ask("import")
    assert (said.code, "could not be listed, so nothing is known" in said.err) == (1, True)
