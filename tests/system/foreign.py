"""Somebody else's rooms at our Meetings server: made with aiohttp and PyJWT, by no code of ours."""

import asyncio
import json
import random
import uuid
from collections.abc import Sequence
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

# What people and programs call rooms; several of them alike.
NAMES: Final = (
    *("Standup", "standup", 'Küche: "3" # - }', "{{ 7*7 }}", "会议室", "- [x]", "%PDF !!str &a *b"),
    *("a\u2028b", " spaces ", "\U0001f680\U0001f680", "null", "007", "x" * 200, "..", "~", "'"),
)

THEMED: Final = "themed"  # in a body: the room is to have a theme that was made by hand


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
        {THEMED: True},
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


async def _at_the_server(
    config: Path, bodies: Sequence[dict[str, Any]], saved: Path | None
) -> list[dict[str, Any]]:
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
            themed = await _theme(session) if any(THEMED in body for body in bodies) else ""
            for one in bodies:
                body = {name: value for name, value in one.items() if name != THEMED}
                body |= {"theme_id": themed} if THEMED in one else {}
                async with session.post("rooms", json=body) as answer:
                    assert answer.status == 201, await answer.text()
            return await _listed(session, saved)


async def _theme(session: aiohttp.ClientSession) -> str:
    body = {"theme_name": "by hand", "brand_text": "Nordlicht", "main_color": "#12f64e"}
    async with session.post("themes", json=body) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["theme_id"])


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
