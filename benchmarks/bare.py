"""The bare minimum: what any program must do that makes, or lists, the same rooms.

It signs a token as the API asks for (RS256, once, used for its lifetime), sends the same bodies
with the same number of requests under way, reads each answer, and keeps no record of anything: it
cannot be continued, cannot find an unanswered create, and nobody can ask it why.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def token(key_file: Path) -> str:
    """A token for the API, signed with a private key."""
    key = load_pem_private_key(key_file.read_bytes(), None)
    if not isinstance(key, RSAPrivateKey):
        message = "the key is not RSA"
        raise TypeError(message)
    issued = int(time.time())
    claims = {
        "application_id": "bench",
        "iat": issued,
        "exp": issued + 900,
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, key, algorithm="RS256")


def bodies(count: int, name: str) -> Iterator[bytes]:
    """What a create sends, of the size and form that the daemon's have."""
    ends = (datetime.now(UTC) + timedelta(days=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for number in range(count):
        unique = uuid.uuid4().hex[:16]
        body = {
            "display_name": f"Team t{number:06} of {name}",
            "type": "long_term",
            "metadata": f"[ro1 o=bench k={name}/t{number:06} g=1 op=abcdefgh-{unique} c=00000000]",
            "available_features": {"is_chat_available": True},
            "expires_at": ends,
        }
        yield json.dumps(body, separators=(",", ":")).encode()


async def create(url: str, headers: dict[str, str], count: int, concurrency: int) -> None:
    """Make so many rooms, so many at once."""
    waiting = bodies(count, f"bare-{uuid.uuid4().hex[:6]}")
    headers = {**headers, "Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for body in waiting:
                async with session.post(f"{url}/rooms", data=body, headers=headers) as answer:
                    json.loads(await answer.read())["id"]

        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(work())


async def listing(url: str, headers: dict[str, str], page_size: int) -> dict[str, float]:
    """Fetch all pages, one after the other, and read them as JSON; seconds and rooms."""
    began = time.monotonic()
    rooms, start = 0, "1"
    async with aiohttp.ClientSession() as session:
        while start:
            query = {"page_size": str(page_size), "start_id": start}
            async with session.get(f"{url}/rooms", params=query, headers=headers) as answer:
                page = json.loads(await answer.read())
            rooms += len(page["_embedded"]["rooms"])
            _, _, start = page["_links"].get("next", {}).get("href", "").partition("start_id=")
    return {"seconds": time.monotonic() - began, "rooms": rooms}


def sync(path: Path, lines: int, size: int, batch: int) -> dict[str, float]:
    """Write so many lines of this size to a file, with an fsync after each batch; seconds."""
    line = b"x" * (size - 1) + b"\n"
    began = time.monotonic()
    with path.open("wb", buffering=0) as file:
        for begin in range(0, lines, batch):
            file.write(line * min(batch, lines - begin))
            os.fsync(file.fileno())
    return {"seconds": time.monotonic() - began}


def main() -> int:
    """Do one piece of work and print its figures as JSON."""
    parser = argparse.ArgumentParser(description="the bare minimum")
    parser.add_argument("work", choices=["create", "list"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--page-size", type=int, default=200)
    given = parser.parse_args()
    headers = {"Authorization": f"Bearer {token(given.key)}", "Accept": "application/json"}
    figures: dict[str, float] = {}
    if given.work == "create":
        asyncio.run(create(given.url, headers, given.count, given.concurrency))
    else:
        figures = asyncio.run(listing(given.url, headers, given.page_size))
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
