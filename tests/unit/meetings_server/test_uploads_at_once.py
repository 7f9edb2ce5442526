"""Two contents for one recording at a time."""

import asyncio
from pathlib import Path

from tests.fakes.clock import VirtualClock
from tests.meetings import in_memory, settings


async def test_of_two_contents_at_once_one_is_kept_whole(tmp_path: Path) -> None:
    """Whichever it is, its length is the one that is told; once it is kept, there is no other."""
    async with in_memory(settings(recordings=tmp_path), VirtualClock()) as client:
        room = await client.create()
        await client.join(room)
        made = await client.ask("POST", f"/_test/rooms/{room['id']}/record", base="")
        recording_id = made.json["recording_id"]
        at = f"/_test/recordings/{recording_id}"
        await client.ask("POST", f"{at}/stop", base="")
        replies = await asyncio.gather(
            *(client.ask("PUT", at, b"x" * length, base="") for length in (30, 20_000, 5))
        )
        assert sorted(reply.status for reply in replies) == [204, 409, 409]
        told = (await client.ask("GET", f"/recordings/{recording_id}")).json
        assert (await client.open_link(told["_links"]["url"]["href"])).status == 200
        assert (await client.ask("PUT", at, b"late", base="")).status == 409
        assert [file.name for file in tmp_path.iterdir()] == [f"{recording_id}.mp4"]
