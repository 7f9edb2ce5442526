"""Somebody else's rooms at our Meetings server: made with aiohttp and PyJWT, by no code of ours."""

import asyncio
import json
import random
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import jwt

from orchestrator.adapters.clock import SystemClock
from orchestrator.app.embedded import application_id, embedded
from orchestrator.config import read_config
from orchestrator.config.settings import EmbeddedMeetings
from tests.pictures import FAVICON, LOGO, png

# What people and programs call rooms; several of them alike.
NAMES: Final = (
    *("Standup", "standup", 'Küche: "3" # - }', "{{ 7*7 }}", "会议室", "- [x]", "%PDF !!str &a *b"),
    *("a\u2028b", " spaces ", "\U0001f680\U0001f680", "null", "007", "x" * 200, "..", "~", "'"),
)

COLORED: Final = png(100, 50, shade=7)
THEMED: Final = "themed"  # in a body: the room is to have this one of the themes made by hand
# Themes that people and programs made; the first has pictures.
THEMES: Final[tuple[dict[str, str], ...]] = (
    {"theme_name": "By hand", "brand_text": "Nordlicht", "main_color": "#12F64E"},
    {
        "theme_name": 'Küche: "3" # - }',
        "brand_text": "{{ 7*7 }} – 会议室",
        "main_color": "#abc",
        "short_company_url": "kueche",
    },
    {"theme_name": "by  hand", "brand_text": "- [x]", "main_color": "#000000"},
    {"theme_name": "another's~0a1b2c3d", "brand_text": "Another's", "main_color": "#fff"},
    {"theme_name": "unsayable", "brand_text": "a\u2028b", "main_color": "#fff"},
)


def estate(count: int, now: datetime, seed: int = 4711) -> list[dict[str, Any]]:
    """Bodies of POST for rooms of mixed settings: ten shapes, four lives, hostile names."""
    chance = random.Random(seed)
    shapes: list[dict[str, Any]] = [
        {},
        {"recording_options": {"auto_record": True, "record_only_owner": True}},
        {"join_approval_level": "explicit_approval"},
        {"available_features": {"is_chat_available": False, "is_captions_available": True}},
        {"initial_join_options": {"microphone_state": "off"}, "ui_settings": {"language": "de"}},
        {"expire_after_use": True},
        {"callback_urls": {"rooms_callback_url": "https://hooks.example.com/a?token=t0p"}},
        {"metadata": "cost centre 4711"},
        {"available_features": {"is_whiteboard_available": False}},
        *({THEMED: number} for number in range(len(THEMES))),
    ]
    bodies: list[dict[str, Any]] = []
    for number in range(count):
        life = timedelta(days=chance.choice((30, 90, 180, 365, 365)))
        body: dict[str, Any] = {
            "display_name": chance.choice((f"Team {number}", *NAMES)),
            "type": "long_term",
            "expires_at": (now + life - timedelta(minutes=5)).isoformat(),
        }
        bodies.append(body | chance.choice(shapes))
    return bodies


def at_the_server(
    config: Path, bodies: Sequence[dict[str, Any]], saved: Path | None = None
) -> list[dict[str, Any]]:
    """Make rooms at an installation's server while nobody else runs it; all that it lists then.

    With ``saved`` the pages of the listing are also written to a file, one after another.
    """
    return asyncio.run(_at_the_server(config, bodies, saved))


@asynccontextmanager
async def _served(config: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A session with the server of an installation."""
    settings = read_config(config).settings
    assert settings is not None
    assert isinstance(settings.meetings, EmbeddedMeetings)
    # As rooms are that stood there before: with a medium the server makes none that is recorded.
    meetings = replace(settings.meetings, media=None)
    async with embedded(meetings, settings.owner, SystemClock()) as api:
        claims = {
            "application_id": application_id(settings.owner),
            "iat": int(datetime.now(UTC).timestamp()),
            "jti": str(uuid.uuid4()),
        }
        token = jwt.encode(claims, api.private_key.reveal(), algorithm="RS256")
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(api.url + "/", headers=headers) as session:
            yield session


async def _at_the_server(
    config: Path, bodies: Sequence[dict[str, Any]], saved: Path | None
) -> list[dict[str, Any]]:
    async with _served(config) as session:
        themed = await _themes(session) if any(THEMED in body for body in bodies) else []
        for one in bodies:
            body = {name: value for name, value in one.items() if name != THEMED}
            body |= {"theme_id": themed[one[THEMED]]} if THEMED in one else {}
            async with session.post("rooms", json=body) as answer:
                assert answer.status == 201, await answer.text()
        return await _listed(session, saved)


async def _themes(session: aiohttp.ClientSession) -> list[str]:
    made: list[str] = []
    for body in THEMES:
        async with session.post("themes", json=body) as answer:
            assert answer.status == 201, await answer.text()
            made.append(str((await answer.json())["theme_id"]))
    await _give_pictures(session, made[0])
    return made


async def _give_pictures(session: aiohttp.ClientSession, theme_id: str) -> None:
    async with session.get("themes/logos-upload-urls") as answer:
        places = await answer.json()
    keys: list[str] = []
    for place in places:
        content = {"white": LOGO, "colored": COLORED, "favicon": FAVICON}
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in place["fields"].items():
            form.add_field(name, value)
        form.add_field("file", content[place["fields"]["logoType"]], filename="x.png")
        keys.append(place["fields"]["key"])
        async with aiohttp.ClientSession() as anybody, anybody.post(place["url"], data=form) as it:
            assert it.status == 204, await it.text()
    path = f"themes/{theme_id}/finalizeLogos"
    async with session.put(path, json={"keys": keys}) as answer:
        assert answer.status == 200, await answer.text()


def themes_at_the_server(config: Path) -> list[dict[str, Any]]:
    """All themes as the API tells them, while nobody else runs the server."""
    return asyncio.run(_themes_at_the_server(config))


async def _themes_at_the_server(config: Path) -> list[dict[str, Any]]:
    async with _served(config) as session, session.get("themes") as answer:
        found: list[dict[str, Any]] = await answer.json()
        return found


async def _listed(session: aiohttp.ClientSession, saved: Path | None) -> list[dict[str, Any]]:
    rooms: dict[str, dict[str, Any]] = {}
    pages: list[Any] = []
    query = {"page_size": "200"}
    while True:
        async with session.get("rooms", params=query) as answer:
            pages.append(await answer.json())
        found = pages[-1]["_embedded"]
        rooms.update((room["id"], room) for room in found)
        following = pages[-1]["_links"].get("next")
        if following is None or not found:
            break
        query["start_id"] = following["href"].partition("start_id=")[2].partition("&")[0]
    if saved is not None:
        saved.write_text("\n".join(json.dumps(page, indent=1) for page in pages))
    return [*rooms.values()]
