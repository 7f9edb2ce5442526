"""The Meetings server of the kill tests: a process of its own, with test routes, in memory.

Prints its URL and that of its controls once it answers, and ends on SIGTERM. Half of the latency
passes before a request is carried out and half before its answer leaves, so that a kill may come on
either side of the deed. It is honest until the controls say otherwise.

====  ======  ==================================================================================
POST  /calm   honest from now on; what was to be carried out late is carried out at once
POST  /rage   hostile, by the seed
GET   /hits   how often each fault did hit: ``[[route, fault, count], …]``
====  ======  ==================================================================================
"""

import argparse
import asyncio
import random
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from aiohttp import web

from orchestrator.adapters.clock import SystemClock
from orchestrator.meetings_server import DEFAULT, Application, Hostility, Settings, start

# As the usual profile, in a world where a minute is a second: the daemon settles for one.
# Twice as often, because a life that ends in two seconds sends few requests.
PROFILE: Final = replace(
    DEFAULT.times(2),
    latency=timedelta(seconds=0.3),
    lag=timedelta(seconds=0.5),
    late=timedelta(seconds=0.5),
    refusing=timedelta(seconds=3),
    empty=timedelta(seconds=6),
    absurd=False,
)


async def serve(
    application_id: str,
    public_key: Path,
    latency: timedelta,
    seed: int,
    recordings: Path | None = None,
) -> None:
    """Answer until SIGTERM; contents of recordings are in that folder."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    clock = SystemClock()
    hostility = Hostility(random.Random(seed), clock, PROFILE)
    hostility.calm()
    settings = Settings(
        applications=(Application(id=application_id, public_key=public_key.read_text()),),
        test_routes=True,
        recordings=recordings,
        latency_before=latency / 2,
        latency_after=latency / 2,
    )
    server = await start(settings, clock, hostility=hostility)
    runner = web.AppRunner(_controls(hostility), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    sys.stdout.write(f"{server.url}\nhttp://{host}:{port}\n")
    sys.stdout.flush()
    await ended.wait()
    await runner.cleanup()
    await server.close()


def _controls(hostility: Hostility) -> web.Application:
    async def calm(_: web.Request) -> web.Response:
        hostility.calm()
        await hostility.carry_out(everything=True)
        return web.Response(status=204)

    async def rage(_: web.Request) -> web.Response:
        hostility.rage()
        return web.Response(status=204)

    async def hits(_: web.Request) -> web.Response:
        return web.json_response([[*place, count] for place, count in hostility.hits.items()])

    controls = web.Application()
    controls.add_routes([web.post("/calm", calm), web.post("/rage", rage), web.get("/hits", hits)])
    return controls


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--application", required=True)
    parser.add_argument("--public-key", type=Path, required=True)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recordings", type=Path)
    told = parser.parse_args()
    latency = timedelta(milliseconds=told.latency_ms)
    asyncio.run(serve(told.application, told.public_key, latency, told.seed, told.recordings))
