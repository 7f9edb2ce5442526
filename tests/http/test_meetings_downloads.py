"""Downloads of recordings from our server, as those who download behave."""

import aiohttp
import pytest

from tests.fakes.clock import VirtualClock
from tests.meetings import over_http, settings


async def test_whoever_hangs_up_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """A download is broken off every day: players look at the beginning, and seek."""
    async with over_http(settings(), VirtualClock()) as client:
        room = await client.create()
        await client.join(room)
        recording_id, _ = await client.record(room)
        await client.ask("POST", f"/_test/recordings/{recording_id}/stop", base="")
        await client.upload(recording_id, bytes(60_000), times=500)  # beyond what sockets hold
        recording = (await client.ask("GET", f"/recordings/{recording_id}")).json
        async with aiohttp.ClientSession() as session:
            response = await session.get(recording["_links"]["url"]["href"])
            assert await response.content.readany()
            response.close()
        assert (await client.ask("GET", f"/recordings/{recording_id}")).status == 200
    assert caplog.records == []
