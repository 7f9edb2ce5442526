"""A real daemon and the accidents after which nothing may end: files, folders, accounts, backends.

Each is done to a running installation, and undone; the oracle is the server's own table of rooms.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import serialization

from tests.meetings import APPLICATION, BASE, KEY, public_pem
from tests.system.clocks import WallClock, sets_clocks
from tests.system.installation import Installation, replace, server_table
from tests.system.processes import free_port, leashed

# A machine that does other things as well starts a daemon in half a minute, not in two seconds.
pytestmark = pytest.mark.timeout(180)

OTHER: Final = "7e1c9b52-4a0d-4f7b-9a5e-0c2f6c1f3d11"
TEAMS: Final = [f"team-{number}" for number in range(8)]
POLICY: Final = """\
version: 1
name: teams
for_each: {file: teams.yaml, as: team, key: "{{ team.slug }}"}
room: {type: long_term, display_name: "{{ team.name }} room", lifetime: 100d}
replace: now
removal: {mode: delete, grace: 60s}
deliver: [{to: rooms-json}]
"""


def rows(teams: list[str]) -> str:
    """The subjects, in the form that most people write and that a cut leaves readable."""
    return "".join(f"- slug: {team}\n  name: {team.title()}\n" for team in teams)


def furnish(installation: Installation) -> Path:
    """The policy with its data file."""
    data = installation.folder / "policies" / "data" / "teams.yaml"
    data.parent.mkdir(exist_ok=True)
    data.write_text(rows(TEAMS))
    installation.put("teams.yaml", POLICY)
    return data


def needs(installation: Installation) -> str:
    """What status asks a person for."""
    return "\n".join(installation.ask("status", "--json").json["needs_you"])


def board(installation: Installation) -> dict[str, str]:
    """What the operators are told, by its cause."""
    told = json.loads((installation.folder / "rooms.alerts.json").read_text())
    return {one["cause"]: one["message"] for one in told["alerts"]}


def asks(installation: Installation, word: str) -> str:
    """What status asks a person for, if this is a part of it."""
    return told if word in (told := needs(installation)) else ""


def test_p04_p10_accidents_with_files_end_nothing(tmp_path: Path) -> None:
    """Emptied, deleted, a proxy's page, cut in a row, no folder; then cut at the end of a line."""
    installation = Installation.made(tmp_path / "rooms")
    installation.configure("max_removals: 1000", "max_removals: 3")
    config = installation.config
    config.write_text(f"{config.read_text()}\nalerts: [{{to: rooms-json}}]\n")
    data = furnish(installation)
    policies = installation.folder / "policies"
    with installation.daemon():
        installation.a_fact("room.created", key="teams/", count=8)
        before = installation.table()
        whole = rows(TEAMS)
        spoilt = {
            "is empty": "",
            "must be a list": "<html>\n<body>502 Bad Gateway</body>\n</html>\n",
            "middle of a line": whole[: whole.index("Team-5") + 3],
        }
        for why, text in spoilt.items():
            replace(data, text)
            told = installation.until(partial(asks, installation, why), why)
            assert "teams.yaml" in told
            replace(data, whole)
            installation.until(lambda: not needs(installation), "it is mended")
        data.unlink()
        installation.until(lambda: "does not exist" in needs(installation), "the file is gone")
        replace(data, whole)
        installation.until(lambda: not needs(installation), "it is back")
        policies.rename(policies.with_name("away"))
        installation.until(lambda: "cannot be read" in needs(installation), "no folder")
        policies.with_name("away").rename(policies)
        installation.until(lambda: not needs(installation), "the folder is back")
        assert not installation.facts("room.tombstoned")

        replace(data, rows(TEAMS[:4]))
        tripped = installation.a_fact("brake.tripped")
        assert tripped["detail"]["keys"] == [f"teams/{team}" for team in TEAMS[4:]]
        status = installation.ask("status").out
        assert all(f"teams/{team}" in status for team in TEAMS[4:])
        installation.until(lambda: "Brake" in board(installation).get("brake", ""), "an alert")
        assert "alert.began" in installation.log
        replace(data, whole)
        installation.a_fact("room.restored", count=4)
        installation.until(lambda: not needs(installation), "the brake let go")
        installation.until(lambda: not board(installation), "the alert has ended")

        replace(data, rows(TEAMS[:6]))
        installation.a_fact("room.tombstoned", count=6)
        standing = installation.ask("plan", "--json").json["standing"]
        assert [line["key"] for line in standing] == ["teams/team-6", "teams/team-7"]
        replace(data, whole)
        installation.a_fact("room.restored", count=6)
        assert installation.table() == before
        assert len(installation.facts("operation.started")) == 8


@contextmanager
def served(folder: Path, port: int, name: str) -> Iterator[Path]:
    """A Meetings server with two applications at a port; its database."""
    key = folder / "application.pem"
    key.write_text(public_pem(KEY))
    database = folder / f"{name}.db"
    arguments = (
        *("-m", "orchestrator", "meetings-server", "--listen", f"127.0.0.1:{port}"),
        *("--database", str(database), "--application", f"{APPLICATION}={key}"),
        *("--application", f"{OTHER}={key}"),
    )
    with leashed(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert "127.0.0.1" in process.stdout.readline().decode()
        yield database
        process.terminate()
        assert process.wait(15) == 0


@pytest.fixture
def remote(tmp_path: Path) -> tuple[Installation, int]:
    """An installation that looks at a server of its own, often; and that server's port."""
    port = free_port()
    made = Installation.made(tmp_path / "rooms")
    text = made.config.read_text()
    own = text[text.index("  # Our own Meetings server") : text.index("policies: policies")]
    made.configure(
        own,
        f"  url: http://127.0.0.1:{port}{BASE}\n  application_id: {APPLICATION}\n"
        "  private_key: {file: secrets/meetings.pem}\n  settle: 1s\n\nresync_interval: 1s\n",
    )
    private = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (made.folder / "secrets" / "meetings.pem").write_bytes(private)
    furnish(made)
    return made, port


def test_p03_p04_another_backend_and_another_account_change_nothing(
    remote: tuple[Installation, int], tmp_path: Path
) -> None:
    """An empty server behind the same address: doubted by name; another application: refused."""
    installation, port = remote

    def asked(word: str) -> str:
        return asks(installation, word)

    def planned() -> Any:
        said = installation.ask("plan", "--json")
        return said.json if said.code == 0 else None

    with served(tmp_path, port, "right") as database:
        with installation.daemon() as daemon:
            installation.a_fact("room.created", key="teams/", count=8)
            installation.until(lambda: not needs(installation), "nothing is left")
            installation.end(daemon)
        before = server_table(database)
    with ExitStack() as other, ExitStack() as lives:
        wrong = other.enter_context(served(tmp_path, port, "wrong"))
        lives.enter_context(installation.daemon())
        told = installation.a_fact("listing.doubted")
        assert told["detail"]["keys"] == [f"teams/{team}" for team in TEAMS]
        installation.until(lambda: asked("it lacks 8 of 8 rooms"), "status says so")
        assert asked(f"rooms approve {told['detail']['name']}")
        assert asked("Another API or account")
        assert server_table(wrong) == []
        other.close()
        with served(tmp_path, port, "right") as database:
            plan = installation.until(planned, "the right one is back")
            assert (plan["lines"], plan["doubt"]) == ([], "")
            assert server_table(database) == before
    assert not installation.facts("room.lost")
    assert len(installation.facts("operation.started")) == 8

    installation.configure(f"application_id: {APPLICATION}", f"application_id: {OTHER}")
    with served(tmp_path, port, "right") as database:
        said = installation.apart("run", "--config", str(installation.config))
        assert said.code != 0
        assert f"application was '{APPLICATION}' and is '{OTHER}'" in said.err
        assert server_table(database) == before


# --- the clock of this machine, as one process sees it ---


@sets_clocks
def test_a_clock_set_a_year_ahead_and_back_moves_no_act(
    remote: tuple[Installation, int], tmp_path: Path
) -> None:
    """While it runs and over a restart: the API's time justifies nothing, so nothing is done."""
    installation, port = remote
    clock, year = WallClock.made(tmp_path), timedelta(days=365)
    data = installation.folder / "policies" / "data" / "teams.yaml"
    installation.put("teams.yaml", POLICY.replace("grace: 60s", "grace: 7d"))

    def listed_at() -> str:
        return str(installation.ask("status", "--json").json["listed_at"])

    def is_later(than: str) -> bool:
        return listed_at() != than

    with served(tmp_path, port, "right") as database:
        with installation.daemon(environ=clock.environ):
            installation.a_fact("room.created", key="teams/", count=8)
            replace(data, rows(TEAMS[:7]))
            installation.a_fact("room.tombstoned")
            before = server_table(database)
            for number, by in enumerate((year, -year), start=1):
                clock.set(by)
                installation.a_fact("clock.jumped", count=number)
                listed = listed_at()
                installation.until(partial(is_later, listed), "another listing")
                assert "differ by" in needs(installation)
                clock.set(timedelta())
                installation.until(lambda: not needs(installation), "the clocks agree")
            clock.set(year)
        with installation.daemon(environ=clock.environ):
            installation.a_fact("clock.jumped", count=3)
            assert server_table(database) == before
            clock.set(timedelta())
            installation.until(lambda: not needs(installation), "the clocks agree")
        assert server_table(database) == before
        assert len(installation.facts("operation.started")) == 8
        assert not installation.facts("room.lost")
