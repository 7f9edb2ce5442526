"""Themes for an import: listed, with the pictures that can be had, and told what could not be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from orchestrator.adapters.meetings.pictures import fetch_picture
from orchestrator.adapters.meetings.transport import Incoming, NotSent
from orchestrator.app.importingthemes import read_themed
from orchestrator.domain.themes import LOGO_MAX, LogoType, Theme
from orchestrator.ports.faults import UnavailableError
from tests.fakes.themes import FakeThemes
from tests.pictures import FAVICON, LOGO, png

FIELDS = {"main_color": "#abc", "brand_text": "Acme", "short_company_url": None}


@asynccontextmanager
async def a_store() -> AsyncIterator[str]:
    """A place where pictures are, as nobody needs a key to them; its address."""
    answers: dict[str, web.Response] = {
        "white": web.Response(body=LOGO),
        "opaque": web.Response(body=png(colour_type=2)),
        "page": web.Response(text="<html>", content_type="text/html"),
        "gone": web.Response(status=403, text="the link and its signature"),
    }

    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name == "endless":
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(LOGO_MAX // 100_000 + 2):
                await response.write(bytes(100_000))
            return response
        found = answers[name]
        return web.Response(status=found.status, body=found.body, content_type=found.content_type)

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def listed(*themes: Theme) -> FakeThemes:
    fake = FakeThemes()
    fake.table = {theme.id: theme for theme in themes}
    return fake


def theme(theme_id: str, links: Mapping[LogoType, str], name: str = "") -> Theme:
    fields = {"theme_name": name or theme_id, **FIELDS}
    return Theme(theme_id, fields, {kind: "key" for kind in LogoType if kind in links}, links)


async def test_pictures_come_along_where_they_can_be_had() -> None:
    """What is none, too large or refused stays where it is, and that is told without the link."""
    white, colored, favicon = LogoType.WHITE, LogoType.COLORED, LogoType.FAVICON
    async with a_store() as url:
        themes = listed(
            theme("t1", {white: f"{url}/white", colored: f"{url}/opaque", favicon: f"{url}/page"}),
            theme("t2", {white: f"{url}/gone", colored: f"{url}/endless", favicon: ""}),
            theme("t3", {white: f"{url}/white"}, name="another's~0a1b2c3d"),
        )
        told = await read_themed(themes, f"{url}/v1/meetings")
    assert told.pictures == {"t1": {white: LOGO}, "t2": {}}
    assert [one.id for one in told.themes] == ["t1", "t2", "t3"]
    whys = [one.partition("its file has none: ")[2] for one in told.remarks]
    assert [why.partition("(")[0] + why.partition(")")[2] for why in whys] == [
        "it has no transparent background; save it with transparency ",
        "it is no PNG file; save the picture as PNG",
        "403: GET : its place does not give it",
        "GET : it is larger than a picture may be",
        "the API does not tell where it is",
    ]
    assert not any("127.0.0.1" in one or "signature" in one for one in told.remarks)


async def test_a_private_place_that_is_not_the_apis_is_not_asked() -> None:
    """A theme may name any address; only that of the API, and public ones, are followed."""
    async with a_store() as url:
        themes = listed(theme("t1", {LogoType.WHITE: f"{url}/white"}))
        for api in ("http://meet.example.com/v1", "http://10.0.0.1/v1", "http:///v1"):
            told = await read_themed(themes, api)
            assert told.pictures == {"t1": {}}
            assert "private" in told.remarks[0]


async def test_where_themes_cannot_be_listed_rooms_come_without_them() -> None:
    """Told, and no reason to stop."""
    themes = listed()
    themes.down = True
    told = await read_themed(themes, "https://meet.example.com/v1")
    assert (told.themes, len(told.remarks)) == ((), 1)
    assert told.remarks[0].startswith("themes could not be listed, so no file is written")


class _Way:
    """A way to a place, that tells how it was asked."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.asked: list[str] = []
        self._fault = fault

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Incoming]:
        self.asked.append(url)
        assert headers == {}
        if self._fault is not None:
            raise self._fault
        yield Incoming(200, {}, _pieces())


async def _pieces() -> AsyncIterator[bytes]:
    yield FAVICON[:10]
    yield FAVICON[10:]


async def test_a_link_without_a_scheme_is_one_with_tls() -> None:
    """As the API is known to write them."""
    way = _Way()
    assert await fetch_picture(way, "cdn.example.com/a.png", "it", LOGO_MAX) == FAVICON
    assert way.asked == ["https://cdn.example.com/a.png"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (NotSent("no route"), "no route"),
        (OSError("broken"), "broken"),
        (TimeoutError(), "it did not come within 30 s"),
    ],
)
async def test_a_place_that_is_away_is_told(fault: Exception, told: str) -> None:
    with pytest.raises(UnavailableError, match=told):
        await fetch_picture(_Way(fault), "https://cdn.example.com/a.png", "it", LOGO_MAX)
