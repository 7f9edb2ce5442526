"""The faults of the hostile layer on themes and logos: each route, and what was really done."""

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator.meetings_server import Fault, Hostility, Profile, Route, Silence
from orchestrator.meetings_server.hostile.faults import ROUTES
from tests.contract.test_meetings_logos import form, places, send
from tests.fakes.clock import VirtualClock
from tests.meetings import Client, in_memory, settings
from tests.pictures import LOGO

CALM = Profile()
BODY = {"main_color": "#abc", "brand_text": "New"}
READS = (Route.THEMES, Route.THEME, Route.THEME_ROOMS, Route.LOGO_PLACES)
CHANGES = (
    Route.CREATE_THEME,
    Route.PATCH_THEME,
    Route.DELETE_THEME,
    Route.FINALIZE,
    Route.DEFAULT_THEME,
    Route.UPLOAD,
)
OF_THEMES = (*READS, *CHANGES)


@dataclass
class Stand:
    """A theme, something that waits for it, and a place for more."""

    client: Client
    hostility: Hostility
    clock: VirtualClock
    theme: Any
    waiting: str
    place: Any

    async def ask(self, route: Route) -> Any:
        """One request of a route, with a body that would change something."""
        client, path = self.client, f"/themes/{self.theme['theme_id']}"
        match route:
            case Route.THEMES:
                return await client.ask("GET", "/themes")
            case Route.THEME:
                return await client.ask("GET", path)
            case Route.THEME_ROOMS:
                return await client.ask("GET", f"{path}/rooms", query={"page_size": "2"})
            case Route.LOGO_PLACES:
                return await client.ask("GET", "/themes/logos-upload-urls")
            case Route.CREATE_THEME:
                return await client.ask("POST", "/themes", BODY)
            case Route.PATCH_THEME:
                return await client.ask("PATCH", path, {"update_details": {"brand_text": "New"}})
            case Route.DELETE_THEME:
                return await client.ask("DELETE", path, query={"force": "true"})
            case Route.FINALIZE:
                return await client.ask("PUT", f"{path}/finalizeLogos", {"keys": [self.waiting]})
            case Route.DEFAULT_THEME:
                body = {"default_theme_id": self.theme["theme_id"]}
                return await client.ask("PATCH", "/applications", body)
            case _:
                return await send(client, form(self.place["fields"], LOGO))

    async def was_done(self, route: Route) -> bool:
        """Whether the request of that route was carried out."""
        self.hostility.calm()
        themes = {one["theme_id"]: one for one in (await self.ask(Route.THEMES)).json}
        ours: Any = themes.get(self.theme["theme_id"])
        match route:
            case Route.CREATE_THEME:
                done = len(themes) == 2
            case Route.DELETE_THEME:
                done = ours is None
            case Route.PATCH_THEME:
                done = ours["brand_text"] == "New"
            case Route.FINALIZE:
                done = ours["brand_image_white"] is not None
            case Route.DEFAULT_THEME:
                done = (await self.client.create())["theme_id"] is not None
            case _:
                # Together with a key that is none: what waits goes on waiting.
                path = f"/themes/{self.theme['theme_id']}/finalizeLogos"
                body = {"keys": ["none", self.place["fields"]["key"]]}
                done = len((await self.client.ask("PUT", path, body)).errors[3]) == 1
        self.hostility.rage()
        return bool(done)


@asynccontextmanager
async def hostile(profile: Profile = CALM) -> AsyncIterator[Stand]:
    clock = VirtualClock()
    hostility = Hostility(random.Random(7), clock)
    hostility.calm()
    async with in_memory(settings(), clock, hostility=hostility) as client:
        theme = await client.create_theme(brand_text="Old")
        for _ in range(5):
            await client.create_long(theme_id=theme["theme_id"], metadata="ours")
        first = (await places(client))["white"]
        assert (await send(client, form(first["fields"], LOGO))).status == 204
        place = (await places(client))["white"]
        # What is older than the lag is told by nobody as young.
        clock.advance(3600 - 60)
        hostility.profile = profile
        hostility.rage()
        yield Stand(client, hostility, clock, theme, first["fields"]["key"], place)


@pytest.mark.parametrize("route", CHANGES)
@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [
        (Fault.TOO_MANY, {429}, False),
        (Fault.UNAVAILABLE, {503}, False),
        (Fault.UNAUTHORIZED, {401}, False),
        (Fault.EMPTY, {404, 503}, False),
        (Fault.DONE_THEN_DROPPED, set(), True),
        (Fault.LOST, set(), False),
        (Fault.LATE, set(), False),
        (Fault.DENIED_BUT_DONE, {401, 429, 503}, True),
        (Fault.WRONG_BODY, {200, 201}, True),
        (Fault.WRONG_DATE, {200, 201, 204}, True),
        (Fault.NOT_DONE, {200, 204}, False),
    ],
)
async def test_what_a_change_meets(
    route: Route, fault: Fault, status: set[int], *, done: bool
) -> None:
    """Each says something, or nothing; whether it was done is another matter."""
    if route not in ROUTES[fault]:
        with pytest.raises(ValueError, match="there is no such fault"):
            Profile.always(fault, route)
        return
    async with hostile(Profile.always(fault, route)) as here:
        if status:
            assert (await here.ask(route)).status in status
        else:
            with pytest.raises(ConnectionResetError):
                await here.ask(route)
        assert here.hostility.hits == {(route, fault): 1}
        assert await here.was_done(route) is done
        await here.hostility.carry_out(everything=True)
        assert await here.was_done(route) is (done or fault is Fault.LATE)


@pytest.mark.parametrize("route", READS)
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.TOO_MANY, {429}),
        (Fault.UNAVAILABLE, {503}),
        (Fault.BROKEN, {500, 502}),
        (Fault.LOST, set()),
        (Fault.CUT, set()),
        (Fault.UNAUTHORIZED, {401}),
        (Fault.WRONG_BODY, {200}),
        (Fault.EMPTY, {200, 404, 503}),
    ],
)
async def test_what_a_read_meets(route: Route, fault: Fault, status: set[int]) -> None:
    """No honest answer."""
    async with hostile() as here:
        honest = (await here.ask(route)).body
        here.hostility.profile = Profile.always(fault, route)
        if not status:
            with pytest.raises(Silence):
                await here.ask(route)
        else:
            reply = await here.ask(route)
            assert reply.status in status
            assert reply.body != honest
        assert here.hostility.hits[route, fault] == 1


async def test_what_is_told_wrongly_of_one_theme() -> None:
    """404 not twice in a row, the old value after a change, another theme in its place."""
    async with hostile() as here:
        here.hostility.profile = Profile.always(Fault.MISSING)
        told = (await here.ask(Route.THEME)).error
        assert told == (404, "NotFoundError", f"could not find theme {here.theme['theme_id']}")
        assert (await here.ask(Route.THEME)).json == here.theme
        here.hostility.profile = Profile.always(Fault.OLD_VALUE, Route.PATCH_THEME)
        assert (await here.ask(Route.PATCH_THEME)).json == here.theme
        assert await here.was_done(Route.PATCH_THEME) is True
        other = await here.client.create_theme(brand_text="Other")
        await here.client.ask("GET", f"/themes/{other['theme_id']}")
        here.hostility.profile = Profile.always(Fault.WRONG_BODY, Route.THEME)
        bodies = [(await here.ask(Route.THEME)).body for _ in range(40)]
        told = [json.loads(body) for body in bodies if body.startswith(b'{"theme_id"')]
        assert other in told
        assert all(list(one) == list(here.theme) for one in told)
        assert {one["theme_id"] for one in told} == {other["theme_id"]}


@pytest.mark.parametrize("fault", [Fault.OLD_VALUE, Fault.MISSING, Fault.NOT_DONE])
async def test_what_cannot_be_told_of_a_theme_that_is_not_there(fault: Fault) -> None:
    """An honest 404, and no hit."""
    async with hostile() as here:
        assert (await here.ask(Route.DELETE_THEME)).status == 204
        here.hostility.profile = Profile.always(fault, Route.PATCH_THEME)
        assert (await here.ask(Route.PATCH_THEME)).status == 404
        assert not here.hostility.hits


async def test_stale_lists() -> None:
    """As before the last changes: a made one lacks, a changed one is old, a deleted one is back."""
    async with hostile() as here:
        before = (await here.ask(Route.THEMES)).json
        doomed = await here.client.create_theme(brand_text="Doomed")
        here.clock.advance(3600)
        await here.ask(Route.PATCH_THEME)
        await here.client.create_theme()
        await here.client.ask("DELETE", f"/themes/{doomed['theme_id']}")
        assert len((await here.ask(Route.THEMES)).json) == 2
        # Drawn by the lag: some are as old as all three changes.
        here.hostility.profile = Profile.always(Fault.STALE)
        told = [(await here.ask(Route.THEMES)).json for _ in range(30)]
        assert [*before, doomed] in told
        assert here.hostility.hits[Route.THEMES, Fault.STALE] > 0
        here.clock.advance(31)
        assert doomed not in (await here.ask(Route.THEMES)).json


async def test_a_new_theme_is_skipped() -> None:
    """For a while; the others are there."""
    async with hostile() as here:
        new = await here.client.create_theme()
        here.hostility.profile = Profile.always(Fault.SKIPPED)
        told = [(await here.ask(Route.THEMES)).json for _ in range(30)]
        assert [here.theme] in told
        assert all(here.theme in one for one in told)
        here.clock.advance(31)
        assert (await here.ask(Route.THEMES)).json == [here.theme, new]


async def test_lists_of_a_theme_s_rooms() -> None:
    """Fewer than said, no next page, or one without its metadata."""
    async with hostile() as here:
        honest = (await here.ask(Route.THEME_ROOMS)).json
        assert (len(honest["_embedded"]), honest["total_items"]) == (2, 5)
        here.hostility.profile = Profile.always(Fault.FEWER)
        fewer = (await here.ask(Route.THEME_ROOMS)).json
        assert (len(fewer["_embedded"]) < 2, fewer["total_items"]) == (True, 5)
        here.hostility.profile = Profile.always(Fault.NO_NEXT)
        assert "next" not in (await here.ask(Route.THEME_ROOMS)).json["_links"]
        here.hostility.profile = Profile.always(Fault.NO_METADATA)
        rooms = (await here.ask(Route.THEME_ROOMS)).json["_embedded"]
        assert sum(room["metadata"] == "ours" for room in rooms) == 1


async def test_an_empty_backend_has_no_themes() -> None:
    """An empty list, 404 for each, 503 for new ones; what is uploaded goes to another place."""
    async with hostile() as here:
        here.hostility.profile = Profile.always(Fault.EMPTY)
        assert (await here.ask(Route.THEMES)).json == []
        for route in (Route.THEME, Route.PATCH_THEME, Route.DELETE_THEME, Route.FINALIZE):
            told = (await here.ask(route)).error
            assert told == (404, "NotFoundError", f"could not find theme {here.theme['theme_id']}")
        for route in (Route.CREATE_THEME, Route.DEFAULT_THEME, Route.LOGO_PLACES):
            assert (await here.ask(route)).status == 503
        assert (await here.ask(Route.UPLOAD)).status == 204
        unsigned = await here.client.ask("GET", "/themes", headers={})
        assert unsigned.status == 401
        here.hostility.calm()
        assert (await here.ask(Route.THEMES)).json == [here.theme]


async def test_what_stays_honest() -> None:
    """Pictures, and what is no route."""
    async with hostile() as here:
        assert (await here.ask(Route.FINALIZE)).body == b"OK"
        shown = (await here.ask(Route.THEME)).json["brand_image_white_url"]
        here.hostility.profile = Profile.always(Fault.LOST)
        assert (await here.client.open_link(shown)).body == LOGO
        for method, path in (("PUT", "/themes"), ("POST", "/themes/x"), ("GET", "/applications")):
            assert (await here.client.ask(method, path)).status == 405
        assert (await here.client.ask("GET", "/themes/x/finalizeLogos")).status == 405
        assert not here.hostility.hits


def test_every_fault_has_a_route_of_themes_but_those_of_callbacks_and_recordings() -> None:
    """Whatever can go wrong with a room can with a theme."""
    without = {fault for fault, routes in ROUTES.items() if not routes & {*OF_THEMES}}
    assert without == {
        Fault.TWICE,
        Fault.OUT_OF_ORDER,
        Fault.FORBIDDEN,
        Fault.CHANGED_TAG,
        Fault.SHORT,
    }
