"""The themes port: over the fake, and over the client on our server, by HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from orchestrator.adapters.meetings.overhttp import OverHttp
from orchestrator.adapters.meetings.readonly import ReadOnly
from orchestrator.adapters.meetings.rooms import Account, Limits, connect
from orchestrator.adapters.meetings.themes import MeetingsThemes
from orchestrator.adapters.meetings.uploads import HttpUploads
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.domain.themes import LogoType
from orchestrator.foundation.reach import read_reach
from orchestrator.meetings_server import start
from orchestrator.ports.faults import (
    ForbiddenError,
    MissingError,
    RefusedError,
    UnauthorizedError,
    WithheldError,
)
from orchestrator.ports.rooms import LAST_CALL
from orchestrator.ports.themes import Themes
from tests.fakes.clock import VirtualClock
from tests.fakes.rooms import Fate
from tests.fakes.themes import FakeThemes
from tests.meetings import APPLICATION, BASE, KEY, OTHER_KEY, settings
from tests.pictures import FAVICON, LOGO, png

NOBODY = "00000000-0000-4000-8000-00000000dead"
FIELDS = {"theme_name": "corporate~0a1b2c3d", "main_color": "#12f64e", "brand_text": "Ünïted ☎"}
EMPTY = {"short_company_url": None}


@dataclass
class Stand:
    """An API without themes, and those who use it."""

    themes: Themes
    readonly: Themes
    stranger: Themes
    make_room: Callable[[str], Awaitable[str]]


@asynccontextmanager
async def over_http(clock: VirtualClock) -> AsyncIterator[Stand]:
    server = await start(settings(), clock)
    transport = OverHttp(server.url + BASE)
    uploads = HttpUploads(read_reach(("127.0.0.0/8",)), unencrypted=True)
    limits = Limits(per_second=None)
    rooms = connect(transport, Account(APPLICATION, KEY), clock, limits)
    sealed = ReadOnly(transport)
    readonly = connect(sealed, Account(APPLICATION, KEY), clock, limits)
    stranger = connect(transport, Account(APPLICATION, OTHER_KEY), clock, limits)

    async def make_room(theme_id: str) -> str:
        asked = {} if theme_id == "" else {"theme_id": theme_id}
        ends = clock.now().replace(year=clock.now().year + 1, day=1)
        room = await rooms.create_room(NewRoom("Team", RoomType.LONG_TERM, "", asked, ends))
        return str(room.settings["theme_id"] or "")

    yield Stand(
        MeetingsThemes(rooms.session, uploads),
        MeetingsThemes(readonly.session, sealed),
        MeetingsThemes(stranger.session, uploads),
        make_room,
    )
    await transport.close()
    await uploads.close()
    await server.close()


@asynccontextmanager
async def as_fake(clock: VirtualClock) -> AsyncIterator[Stand]:
    del clock
    used: list[str] = []
    fake, readonly, stranger = FakeThemes(used.count), FakeThemes(), FakeThemes()
    readonly.script("create_theme", Fate.WITHHELD)
    readonly.script("upload_logos", Fate.WITHHELD)
    stranger.script("list_themes", Fate.UNAUTHORIZED)

    async def make_room(theme_id: str) -> str:
        used.append(theme_id or fake.default)
        return used[-1]

    yield Stand(fake, readonly, stranger, make_room)


@pytest.fixture(params=["fake", "http"])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    ways = {"fake": as_fake, "http": over_http}
    async with ways[request.param](VirtualClock()) as stand:
        yield stand


async def test_a_theme_is_born_as_asked_and_reads_back_the_same(api: Stand) -> None:
    assert list(await api.themes.list_themes()) == []
    born = await api.themes.create_theme(FIELDS)
    assert born.fields == FIELDS | EMPTY
    assert born.name == FIELDS["theme_name"]
    assert born.pictures == {}
    assert await api.themes.get_theme(born.id) == born
    assert list(await api.themes.list_themes()) == [born]
    call = LAST_CALL.get()
    assert call is not None
    assert (call.method, call.status) == ("GET", 200)


async def test_a_name_is_unique_within_the_application(api: Stand) -> None:
    """So a create whose answer was lost is found again by it, and never doubled."""
    await api.themes.create_theme(FIELDS)
    with pytest.raises(ForbiddenError, match="theme_name already exists") as caught:
        await api.themes.create_theme(FIELDS | {"main_color": "#000"})
    assert caught.value.status == 409
    assert len(await api.themes.list_themes()) == 1


async def test_a_change_changes_what_it_names(api: Stand) -> None:
    born = await api.themes.create_theme(FIELDS | {"short_company_url": "acme"})
    assert born.fields["short_company_url"] == "acme"
    changed = await api.themes.update_theme(born.id, {"main_color": "#abc"})
    assert changed.fields == {**born.fields, "main_color": "#abc"}
    bare = await api.themes.update_theme(born.id, {"short_company_url": None})
    assert bare.fields["short_company_url"] is None
    assert await api.themes.get_theme(born.id) == bare
    with pytest.raises(RefusedError, match="change something"):
        await api.themes.update_theme(born.id, {})


async def test_what_is_no_theme_is_refused(api: Stand) -> None:
    with pytest.raises(RefusedError) as caught:
        await api.themes.create_theme(FIELDS | {"main_color": "green"})
    assert caught.value.status == 400
    assert list(await api.themes.list_themes()) == []


async def test_what_is_not_there_is_missing(api: Stand) -> None:
    for call in (
        api.themes.get_theme(NOBODY),
        api.themes.update_theme(NOBODY, {"main_color": "#abc"}),
        api.themes.delete_theme(NOBODY),
    ):
        with pytest.raises(MissingError) as caught:
            await call
        assert caught.value.status == 404


async def test_a_theme_in_use_is_deleted_only_by_force(api: Stand) -> None:
    """Its rooms stand without it then."""
    theme = await api.themes.create_theme(FIELDS)
    assert await api.make_room(theme.id) == theme.id
    with pytest.raises(RefusedError, match="could not delete theme") as caught:
        await api.themes.delete_theme(theme.id)
    assert caught.value.status == 400
    assert list(await api.themes.list_themes()) == [theme]
    await api.themes.delete_theme(theme.id, force=True)
    assert list(await api.themes.list_themes()) == []


async def test_the_default_theme_is_that_of_rooms_made_without_one(api: Stand) -> None:
    theme = await api.themes.create_theme(FIELDS)
    assert await api.make_room("") == ""
    await api.themes.set_default_theme(theme.id)
    assert await api.make_room("") == theme.id
    with pytest.raises(RefusedError, match="not found") as caught:
        await api.themes.set_default_theme(NOBODY)
    assert caught.value.status == 400


async def test_pictures_are_given_to_a_theme_one_by_one_or_all_at_once(api: Stand) -> None:
    """Those that are not named stay; another picture of a kind has another key."""
    theme = await api.themes.create_theme(FIELDS)
    await api.themes.upload_logos(theme.id, {LogoType.WHITE: LOGO, LogoType.FAVICON: FAVICON})
    first = await api.themes.get_theme(theme.id)
    assert set(first.pictures) == {LogoType.WHITE, LogoType.FAVICON}
    await api.themes.upload_logos(theme.id, {LogoType.COLORED: LOGO, LogoType.WHITE: png(shade=9)})
    second = await api.themes.get_theme(theme.id)
    assert set(second.pictures) == set(LogoType)
    assert second.pictures[LogoType.FAVICON] == first.pictures[LogoType.FAVICON]
    assert second.pictures[LogoType.WHITE] != first.pictures[LogoType.WHITE]
    assert second.fields == theme.fields
    assert list(await api.themes.list_themes()) == [second]
    with pytest.raises(RefusedError, match="no picture"):
        await api.themes.upload_logos(theme.id, {})


async def test_a_picture_that_is_none_is_refused_and_none_of_them_taken(api: Stand) -> None:
    theme = await api.themes.create_theme(FIELDS)
    with pytest.raises(RefusedError) as caught:
        await api.themes.upload_logos(theme.id, {LogoType.WHITE: LOGO, LogoType.FAVICON: b"GIF89a"})
    assert caught.value.status == 400
    assert (await api.themes.get_theme(theme.id)).pictures == {}
    with pytest.raises(MissingError):
        await api.themes.upload_logos(NOBODY, {LogoType.WHITE: LOGO})


async def test_in_observe_nothing_is_sent(api: Stand) -> None:
    with pytest.raises(WithheldError):
        await api.readonly.create_theme(FIELDS)
    with pytest.raises(WithheldError):
        await api.readonly.upload_logos(NOBODY, {LogoType.WHITE: LOGO})
    assert list(await api.readonly.list_themes()) == []


async def test_other_credentials_are_refused(api: Stand) -> None:
    with pytest.raises(UnauthorizedError):
        await api.stranger.list_themes()
