"""A paging system and the place where responders look, in one process: one clock times both.

In turn it pages the daemon, waits for the room in the answer and for the message at its own door,
and does the bare minimum beside it: one call of the API, three writes with an fsync each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from benchmarks.bare import bodies, token

_PATIENCE = 30.0  # seconds for one page
_SYNCS = 3  # the page, the intent, the result


@dataclass(slots=True)
class Times:
    """Milliseconds of each page, and of what was done beside it."""

    known: list[float] = field(default_factory=list)
    delivered: list[float] = field(default_factory=list)
    call: list[float] = field(default_factory=list)
    syncs: list[float] = field(default_factory=list)


class Receiver:
    """The door at which messages arrive."""

    def __init__(self) -> None:
        self.arrived: dict[str, asyncio.Future[float]] = {}

    def expect(self, title: str) -> asyncio.Future[float]:
        """When the message about a page of this title arrives (monotonic seconds)."""
        waiting = self.arrived[title] = asyncio.get_running_loop().create_future()
        return waiting

    async def take(self, request: web.Request) -> web.Response:
        """One message."""
        moment = time.monotonic()
        told = json.loads(await request.read())
        title = str(told)
        for expected, waiting in self.arrived.items():
            if expected in title and not waiting.done():
                waiting.set_result(moment)
        return web.Response(status=204)


async def page_all(given: argparse.Namespace) -> Times:
    """Page so many times, or as long as the API is kept busy; once at least."""
    times, receiver = Times(), Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", given.receiver).start()
    api_headers = {"Authorization": f"Bearer {token(given.key)}"}
    own = {"Authorization": f"Bearer {given.token.read_text().strip()}"}
    async with aiohttp.ClientSession() as session:
        for body in bodies(given.count, "bare-pages"):
            if times.known and given.busy and await _patched(session, given.api) >= given.busy:
                break
            await _page(session, given.page, own, receiver, times)
            began = time.monotonic()
            async with session.post(
                f"{given.api}/v1/meetings/rooms", data=body, headers=api_headers
            ) as answer:
                json.loads(await answer.read())
            times.call.append(1000 * (time.monotonic() - began))
            times.syncs.append(await asyncio.to_thread(_sync, given.file))
            await asyncio.sleep(given.pause)
    await runner.cleanup()
    return times


async def _page(
    session: aiohttp.ClientSession,
    url: str,
    headers: dict[str, str],
    receiver: Receiver,
    times: Times,
) -> None:
    title = f"page {uuid.uuid4().hex}"
    waiting = receiver.expect(title)
    page = {"action": "open", "key": title, "title": title, "severity": "critical"}
    began = time.monotonic()
    async with session.post(url, json=page, headers=headers) as answer:
        told = json.loads(await answer.read())
    if told.get("room_id"):
        times.known.append(1000 * (time.monotonic() - began))
    else:
        times.known.append(1000 * _PATIENCE)
    async with asyncio.timeout(_PATIENCE):
        times.delivered.append(1000 * (await waiting - began))


async def _patched(session: aiohttp.ClientSession, api: str) -> int:
    async with session.get(f"{api}/bench/counts") as answer:
        return int((await answer.json())["calls"].get("PATCH room", 0))


def _sync(path: Path) -> float:
    """Three lines of a record's size, each on the disk before the next; milliseconds."""
    line = b"x" * 1_000 + b"\n"
    with path.open("ab", buffering=0) as file:
        began = time.monotonic()
        for _ in range(_SYNCS):
            file.write(line)
            os.fsync(file.fileno())
        return 1000 * (time.monotonic() - began)


def main() -> int:
    """Page, and print the times as JSON."""
    parser = argparse.ArgumentParser(description="pages, and the bare minimum beside them")
    parser.add_argument("--page", required=True, help="where the daemon takes pages in")
    parser.add_argument("--token", type=Path, required=True)
    parser.add_argument("--api", required=True, help="the API, without a path")
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--receiver", type=int, required=True, help="the port for messages")
    parser.add_argument("--file", type=Path, required=True, help="what is written and synced")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--pause", type=float, default=0.08, help="seconds between two pages")
    parser.add_argument("--busy", type=int, default=0, help="end at so many PATCHes")
    times = asyncio.run(page_all(parser.parse_args()))
    print(json.dumps({name: getattr(times, name) for name in Times.__slots__}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
