"""People in rooms that the daemon keeps: held while they are inside, over a kill, and then let go.

A daemon with its embedded server, whose clock is set forward from life to life; people are on the
meeting socket, as browsers are, in a thread of this process.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import aiohttp
import pytest

from tests.callers import Caller, Calls
from tests.system.clocks import WallClock, sets_clocks
from tests.system.installation import Installation, policy

_Result = TypeVar("_Result")
_PATIENCE: Final = 60.0
_AGAIN: Final = 0.2

ON_PAGE: Final = """\
version: 1
name: oncall
on_page: {sources: [manual]}
room: {type: instant, display_name: "{{ page.title }}"}
deliver: [{to: rooms-json}]
"""
REMOVAL: Final = "removal: {mode: delete, grace: 60s}\n"


class Someone:
    """A person with a browser, which knows how to come back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._session = self._do(self._opened())
        self._calls = Calls(url, self._session)
        self._inside: dict[str, Caller] = {}

    @classmethod
    def at(cls, own: Installation) -> Self:
        """At an installation's embedded server."""
        return cls(f"http://127.0.0.1:{own.port}")

    async def _opened(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    def _do(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def enter(self, link: str) -> str:
        """Come into a room for the first time; the participant's id."""
        self._inside[link] = self._do(self._calls.enter({"link": link}))
        return self._inside[link].id

    def come_back(self, link: str) -> str:
        """Try again until the server is there again; the participant's id."""
        return self._do(self._back(link))

    async def _back(self, link: str) -> str:
        resume = self._inside[link].resume
        while True:
            with suppress(aiohttp.ClientError):
                self._inside[link] = await self._calls.enter({"link": link}, resume=resume)
                return self._inside[link].id
            await asyncio.sleep(_AGAIN)

    def leave(self, link: str) -> None:
        """Say good-bye."""
        self._do(self._inside.pop(link).hang_up())

    def close(self) -> None:
        """Clean up."""
        self._do(self._calls.end())
        self._do(self._session.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation of this test's own."""
    return Installation.made(tmp_path / "rooms")


@pytest.fixture
def ada(own: Installation) -> Iterator[Someone]:
    """A person."""
    someone = Someone.at(own)
    yield someone
    someone.close()


def row(own: Installation, name: str) -> dict[str, Any]:
    """A room by its name, as the server itself has it."""
    (found,) = (room for room in own.table() if room["display_name"] == name)
    return found


@sets_clocks
@pytest.mark.timeout(240)
def test_p05_rooms_with_people_are_held_over_a_kill_and_then_let_go(
    own: Installation, ada: Someone, tmp_path: Path
) -> None:
    """An instant room outlives its `expires_at`, a removed one its grace, while somebody is in."""
    clock = WallClock.made(tmp_path)
    own.put("teams.yaml", policy("teams", ["a"], more=REMOVAL))
    own.put("oncall.yaml", ON_PAGE)
    with own.daemon(environ=clock.environ) as process:
        own.a_fact("room.created", key="teams/a")
        assert own.ask("page", "open", "--title", "Slow").code == 0
        own.a_fact("room.created", key="oncall/")
        links = {name: row(own, name)["guest_token"] for name in ("Slow", "teams a")}
        people = {name: ada.enter(link) for name, link in links.items()}
        own.a_fact("session.started", key="teams/a")
        own.a_fact("session.started", key="oncall/")
        assert "somebody is inside" in own.ask("rooms", "show", "teams/a").out
        own.drop("teams.yaml")
        own.a_fact("room.tombstoned", key="teams/a")
        process.kill()
        process.wait()

    clock.set(timedelta(minutes=20))
    with own.daemon(environ=clock.environ, ready=False) as process:
        # At once: what was recorded as inside is kept for half a minute.
        assert {name: ada.come_back(link) for name, link in links.items()} == people
        own.until(lambda: own.log.count("daemon.ready") == 2, "the daemon is ready")
        own.until(lambda: own.ask("status", "--json").json["listed_at"], "a listing")
        assert "somebody is inside now" in own.ask("rooms", "show", "teams/a").out
        assert {name: row(own, name)["phase"] for name in links} == dict.fromkeys(links, "occupied")
        assert not own.facts("session.ended")
        for link in links.values():
            ada.leave(link)
        own.a_fact("session.ended", key="teams/a")
        own.a_fact("session.ended", key="oncall/")
        # Whatever was in use has its grace anew: the one room its own ten minutes, the other ours.
        assert row(own, "Slow")["phase"] == "cooling"
        assert row(own, "teams a")["phase"] == "waiting"
        assert own.end(process) == 0

    clock.set(timedelta(minutes=31))
    with own.daemon(environ=clock.environ):
        own.a_fact("room.deleted", key="teams/a")
        own.until(lambda: row(own, "Slow")["phase"] == "expired", "the room has ended")
        own.a_fact("room.expired", key="oncall/")
    assert row(own, "teams a")["phase"] == "deleted"
    assert len(own.facts("session.started")) == len(own.facts("session.ended")) == 2
    assert own.ask("audit", "verify").code == 0
