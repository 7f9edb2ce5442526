"""Receivers of events that take their time: it is theirs, and nobody else's."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from orchestrator.foundation.reach import read_reach
from orchestrator.meetings_server import CallbackUrls, SendFault
from orchestrator.meetings_server.callbacks import HttpSender
from tests.fakes.clock import VirtualClock
from tests.meetings import applications, in_memory, settings


class Slow:
    """A sender to hosts of which one takes a second for each answer."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.sent: list[str] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Taken, sooner or later."""
        if "slow" in url:
            self.clock.advance(1)
        self.sent.append(url)
        return 204


class SetBack:
    """A sender whom nobody answers, and meanwhile the clock is set back by a minute, once."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.tried = 0

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Never taken."""
        if not self.tried:
            self.clock.jump(-60)
        self.tried += 1
        raise SendFault("TimeoutError")


async def test_who_answers_slowly_holds_up_nobody_for_long() -> None:
    """After a few seconds its turn is over, however much there is; the next one begins anew."""
    clock = VirtualClock()
    slow = Slow(clock)
    heard = applications(CallbackUrls(sessions_callback_url="http://slow.example/"))
    async with in_memory(settings(applications=heard), clock, slow) as client:
        for _ in range(150):  # two events each: more than are taken out of the queue at once
            await client.join(await client.create())
        await client.memory.deliver()
        assert 5 <= len(slow.sent) <= 13  # eight were under way
        own = {"sessions_callback_url": "http://quick.example/"}
        await client.join(await client.create(callback_urls=own))
        await client.memory.deliver()
        assert slow.sent.count("http://quick.example/") == 2
        assert len(slow.sent) <= 28
        for _ in range(60):
            await client.memory.deliver()
        assert slow.sent.count("http://slow.example/") == 300


async def test_places_of_one_receiver_are_not_those_of_another() -> None:
    """Many that keep their connections waiting leave one to whoever answers."""
    waiting, coming, over = 0, asyncio.Event(), asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        nonlocal waiting
        if request.path == "/slow":
            waiting += 1
            if waiting == 100:
                coming.set()
            await over.wait()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/{path}", handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=256).start()
    host, port = runner.addresses[0][:2]
    url = f"http://{host}:{port}"
    try:
        async with (
            HttpSender.opened(reach=read_reach(("127.0.0.1",))) as sender,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(100):
                group.create_task(sender.post(f"{url}/slow", b"", {}), name="slow")
            await coming.wait()
            try:
                assert await sender.post(f"{url}/quick", b"", {}) == 204
            finally:
                over.set()
    finally:
        await runner.cleanup()


async def test_a_clock_that_is_set_back_meanwhile_ends_a_delivery_all_the_same() -> None:
    """What was put off lies in the past then; it is not looked for again and again."""
    clock = VirtualClock()
    sender = SetBack(clock)
    heard = applications(CallbackUrls(sessions_callback_url="http://away.example/"))
    async with in_memory(settings(applications=heard), clock, sender) as client:
        for _ in range(30):
            await client.join(await client.create())
        await asyncio.wait_for(client.memory.deliver(), 5)
        assert 8 <= sender.tried <= 60
