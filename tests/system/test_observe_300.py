"""First contact with an estate: 300 rooms made by hand on a server in a process of its own.

The oracle is the server's own: its request log, and its table, whole rows.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization

from orchestrator.adapters.clock import SystemClock
from tests.meetings import APPLICATION, BASE, KEY, public_pem, token
from tests.system.installation import Installation, policy, server_table
from tests.system.processes import leashed

ROOMS: Final = 300
ADOPTED: Final = 12
WANTED: Final = 20  # subjects: twelve whose rooms are there, and eight that have none


@dataclass(slots=True)
class Estate:
    """A Meetings server alone, with its table and its request log."""

    url: str
    database: Path

    def table(self) -> dict[str, dict[str, Any]]:
        """Whole rows by id."""
        return {row["id"]: row for row in server_table(self.database)}

    def requests(self) -> list[dict[str, Any]]:
        """All that was asked since `forget`, in order."""
        told = asyncio.run(self._ask("GET"))
        assert told["forgotten"] == 0
        return told["requests"]

    def forget(self) -> None:
        """Begin the request log anew."""
        asyncio.run(self._ask("DELETE"))

    async def _ask(self, method: str) -> Any:
        url = f"{self.url}/_test/requests"
        async with aiohttp.ClientSession() as session, session.request(method, url) as response:
            assert response.status in {200, 204}
            return await response.json() if response.status == 200 else None

    async def furnish(self) -> None:
        """Make the rooms by hand, not all alike; two in five are instant."""
        now = SystemClock().now()
        end = (now + timedelta(days=150)).isoformat()
        headers = {"authorization": f"Bearer {token(now)}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            for number in range(ROOMS):
                body: dict[str, Any] = {"display_name": f"Room {number:03}"}
                if number < ADOPTED or number % 5 < 3:
                    body |= {"type": "long_term", "expires_at": end}
                if number % 7 == 0:
                    body["metadata"] = f"made by hand, {number}"
                async with session.post(f"{self.url}{BASE}/rooms", json=body) as response:
                    assert response.status == 201, await response.text()


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    """`room-orchestrator meetings-server` with test routes; no room yet."""
    key = tmp_path / "application.pem"
    key.write_text(public_pem(KEY))
    database = tmp_path / "estate.db"
    arguments = (
        *("-m", "orchestrator", "meetings-server", "--listen", "127.0.0.1:0", "--test-routes"),
        *("--database", str(database), "--application", f"{APPLICATION}={key}"),
    )
    with leashed(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline().decode()
        url = said.partition(" on ")[2].partition("/v1/")[0]
        assert url.startswith("http://127.0.0.1:"), said
        yield Estate(url, database)
        process.terminate()
        assert process.wait(15) == 0


@pytest.fixture
def installation(estate: Estate, tmp_path: Path) -> Installation:
    """An installation in observe that looks at that server."""
    made = Installation.made(tmp_path / "rooms")
    text = made.config.read_text()
    own = text[text.index("  # Our own Meetings server") : text.index("policies: policies")]
    remote = (
        f"  url: {estate.url}{BASE}\n  application_id: {APPLICATION}\n"
        "  private_key: {file: secrets/meetings.pem}\n\n"
    )
    made.configure(own, remote)
    made.configure("mode: enforce", "mode: observe")
    (made.folder / "secrets" / "meetings.pem").write_bytes(private_pem())
    names = [f"{number:03}" for number in range(ADOPTED)]
    names += [f"new-{number}" for number in range(WANTED - ADOPTED)]
    subjects = [f'"{name}"' for name in names]
    made.put("estate.yaml", policy("estate", subjects, display_name="Room {{ team.slug }}"))
    return made


def private_pem() -> bytes:
    """The private half of the application's key."""
    return KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def test_p03_an_estate_is_observed_adopted_and_left_alone(
    estate: Estate, installation: Installation
) -> None:
    """Only GET in observe; then twelve rooms are ours, and 288 stay as they are, row by row."""
    asyncio.run(estate.furnish())
    estate.forget()
    found = estate.table()
    assert len(found) == ROOMS
    ids = {row["display_name"]: room_id for room_id, row in found.items()}
    mine = {f"estate/{number:03}": ids[f"Room {number:03}"] for number in range(ADOPTED)}

    with installation.daemon():
        plan = installation.ask("plan", "--json")
        assert plan.code == 3, plan.out
        assert (plan.json["lines"], plan.json["foreign"]) == ([], ROOMS)
        assert plan.json["complete"] is True
        held = {line["key"]: line["held_by"] for line in plan.json["held"]}
        assert held == {
            **dict.fromkeys(mine, "look-alike"),
            **{f"estate/new-{number}": "mode" for number in range(WANTED - ADOPTED)},
        }
        text = installation.ask("plan").out
        assert "rooms adopt" in installation.ask("plan", "--json").out
        assert "Nothing was done; observe never does." in text
        assert "8 creates withheld" in text
        for key, room_id in mine.items():
            said = installation.ask("rooms", "adopt", room_id, key, "--reason", "it is theirs")
            assert said.code == 0, said.err
        rows = installation.ask("rooms", "list", "--json").json["rooms"]
        assert {row["key"]: row["room_id"] for row in rows if row["room_id"]} == mine
    observed = estate.requests()
    assert {request["method"] for request in observed} == {"GET"}
    assert estate.table() == found
    assert not (installation.folder / "rooms.json").exists()  # nobody was told anything

    estate.forget()
    installation.configure("mode: observe", "mode: enforce")
    with installation.daemon():
        installation.a_fact("room.created", count=WANTED - ADOPTED)
        installation.until(lambda: len(installation.links()) == WANTED, "all links are told")
        installation.until(
            lambda: installation.ask("plan", "--json").code == 0, "nothing is left to do"
        )
        links = installation.links()
        assert {key: links[key]["room_id"] for key in mine} == mine
        for key, room_id in mine.items():
            assert links[key]["guest_url"].endswith(found[room_id]["guest_token"])
    after = estate.table()
    assert {room_id: after[room_id] for room_id in found.keys() - set(mine.values())} == {
        room_id: row for room_id, row in found.items() if room_id not in mine.values()
    }
    assert len(after) == ROOMS + WANTED - ADOPTED
    changing = [request for request in estate.requests() if request["method"] != "GET"]
    made = [request for request in changing if request["method"] == "POST"]
    changed = {request["path"].rpartition("/")[2] for request in changing if request not in made}
    assert len(made) == WANTED - ADOPTED
    assert changed <= set(mine.values())
    assert installation.ask("audit", "verify").code == 0
