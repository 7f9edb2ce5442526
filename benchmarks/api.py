"""The API that both sides talk to: a process that answers like a Meetings API, after a delay.

It keeps rooms in memory and counts: which requests came, and when the first came and the last was
answered, on the monotonic clock, which all processes of a machine share.  It checks no token, does
not page by anything but serials, and knows no rule of the life of rooms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

Row = dict[str, Any]


def row(room_id: str, body: Row, created_at: str) -> Row:
    """A room as the API shows it, born of the body of a POST."""
    link = f"https://meet.example.com/{room_id}"
    return {
        "id": room_id,
        "display_name": body["display_name"],
        "type": body["type"],
        "metadata": body.get("metadata"),
        "expires_at": body.get("expires_at"),
        "created_at": created_at,
        "is_available": True,
        "meeting_code": "1234567890",
        "expire_after_use": body.get("expire_after_use", False),
        "join_approval_level": body.get("join_approval_level", "none"),
        "recording_options": {"auto_record": False, "record_only_owner": False},
        "available_features": {
            "is_recording_available": True,
            "is_chat_available": True,
            "is_whiteboard_available": True,
            "is_locale_switcher_available": False,
            "is_captions_available": False,
        }
        | body.get("available_features", {}),
        "initial_join_options": {"microphone_state": "default"},
        "ui_settings": {"language": "default"},
        "theme_id": None,
        "callback_urls": {},
        "_links": {
            "self": {"href": f"api.example.com/v1/meetings/rooms/{room_id}"},
            "guest_url": {"href": link},
            "host_url": {"href": f"{link}?host=x"},
        },
    }


@dataclass(slots=True)
class Counts:
    """What came since the counting began.

    Attributes:
        calls: by method and kind of path.
        first: when the first request about one room came (monotonic seconds).
        last: when the last one that changed something was answered.
    """

    calls: Counter[str] = field(default_factory=Counter)
    first: float | None = None
    last: float | None = None


@dataclass(slots=True)
class Estate:
    """The rooms, in the order of their serials, from 1."""

    rows: list[Row] = field(default_factory=list)
    by_id: dict[str, Row] = field(default_factory=dict)
    pages: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def add(self, room: Row) -> None:
        """Take in a room."""
        self.rows.append(room)
        self.by_id[room["id"]] = room
        self.pages.clear()

    def page(self, start: int, size: int) -> bytes:
        """One page of the listing; written once, so that the API is no part of what is measured."""
        found = self.pages.get((start, size))
        if found is None:
            rooms = self.rows[start - 1 : start - 1 + size]
            links = {}
            if start - 1 + size < len(self.rows):
                links["next"] = {"href": f"api.example.com/rooms?start_id={start + size}"}
            document = {
                "_embedded": {"rooms": rooms},
                "_links": links,
                "page_size": size,
                "total_items": len(self.rows),
            }
            found = self.pages[start, size] = json.dumps(document).encode()
        return found


class Api:
    """The routes."""

    def __init__(self) -> None:
        self.estate = Estate()
        self.counts = Counts()
        self.delay = 0.0  # seconds
        self.changed = asyncio.Event()

    def application(self) -> web.Application:
        """The routes of the API, and those by which a benchmark asks what came."""
        app = web.Application()
        root = "/v1/meetings"
        app.router.add_post(f"{root}/rooms", self.create)
        app.router.add_get(f"{root}/rooms", self.listing)
        app.router.add_get(f"{root}/rooms/{{room}}", self.show)
        app.router.add_patch(f"{root}/rooms/{{room}}", self.update)
        app.router.add_get(f"{root}/sessions", self.sessions)
        app.router.add_post("/bench/reset", self.reset)
        app.router.add_get("/bench/counts", self.told)
        app.router.add_get("/bench/wait", self.wait)
        return app

    async def create(self, request: web.Request) -> web.Response:
        """POST of a room."""
        self._came("POST rooms", of_one=True)
        body = json.loads(await request.read())
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.delay:
            await asyncio.sleep(self.delay)
        room = row(str(uuid.uuid4()), body, now)
        self.estate.add(room)
        return self._answered(room, 201)

    async def listing(self, request: web.Request) -> web.Response:
        """A page of all rooms."""
        self._came("GET rooms")
        if self.delay:
            await asyncio.sleep(self.delay)
        start = int(request.query.get("start_id", "1"))
        body = self.estate.page(start, int(request.query.get("page_size", "200")))
        return web.Response(body=body, content_type="application/json")

    async def show(self, request: web.Request) -> web.Response:
        """One room."""
        self._came("GET room", of_one=True)
        if self.delay:
            await asyncio.sleep(self.delay)
        room = self.estate.by_id.get(request.match_info["room"])
        return web.json_response(room) if room is not None else web.Response(status=404)

    async def update(self, request: web.Request) -> web.Response:
        """PATCH of a room."""
        self._came("PATCH room", of_one=True)
        details = json.loads(await request.read())["update_details"]
        if self.delay:
            await asyncio.sleep(self.delay)
        room = self.estate.by_id.get(request.match_info["room"])
        if room is None:
            return web.Response(status=404)
        for name, value in details.items():
            room[name] = room[name] | value if isinstance(value, dict) else value
        self.estate.pages.clear()
        return self._answered(room, 200)

    async def sessions(self, _: web.Request) -> web.Response:
        """This API does not tell who is where, as the final one does not."""
        self._came("GET sessions")
        return web.Response(status=404)

    async def reset(self, request: web.Request) -> web.Response:
        """Begin to count anew, with another delay."""
        self.delay = float(request.query.get("delay", "0"))
        self.counts = Counts()
        return web.json_response({})

    async def told(self, _: web.Request) -> web.Response:
        """What was counted."""
        counts = self.counts
        return web.json_response(
            {"calls": counts.calls, "first": counts.first, "last": counts.last}
        )

    async def wait(self, request: web.Request) -> web.Response:
        """Answer once so many requests that change something were answered."""
        wanted = int(request.query["changes"])
        while self.counts.calls["done"] < wanted:
            self.changed.clear()
            await self.changed.wait()
        return await self.told(request)

    def _came(self, name: str, *, of_one: bool = False) -> None:
        self.counts.calls[name] += 1
        if of_one and self.counts.first is None:
            self.counts.first = time.monotonic()

    def _answered(self, room: Row, status: int) -> web.Response:
        self.counts.calls["done"] += 1
        self.counts.last = time.monotonic()
        self.changed.set()
        return web.Response(
            body=json.dumps(room).encode(), status=status, content_type="application/json"
        )


async def _serve(port: int, rooms: list[Row]) -> None:
    api = Api()
    for room in rooms:
        api.estate.add(room)
    runner = web.AppRunner(api.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> int:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(description="a stand-in for a Meetings API")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rooms", type=Path, help="rooms to begin with, one JSON object a line")
    given = parser.parse_args()
    lines = given.rooms.read_bytes().splitlines() if given.rooms is not None else []
    asyncio.run(_serve(given.port, [json.loads(line) for line in lines]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
