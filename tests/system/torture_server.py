"""The Meetings server of the kill test: a process of its own, with test routes, in memory.

Prints its URL once it answers, and ends on SIGTERM. Half of the latency passes before a request is
carried out and half before its answer leaves, so that a kill may come on either side of the deed.
"""

import argparse
import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

from orchestrator.adapters.clock import SystemClock
from orchestrator.meetings_server import Application, Settings, start


async def serve(application_id: str, public_key: Path, latency: timedelta) -> None:
    """Answer until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    settings = Settings(
        applications=(Application(id=application_id, public_key=public_key.read_text()),),
        test_routes=True,
        latency_before=latency / 2,
        latency_after=latency / 2,
    )
    server = await start(settings, SystemClock())
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    await ended.wait()
    await server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--application", required=True)
    parser.add_argument("--public-key", type=Path, required=True)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    told = parser.parse_args()
    latency = timedelta(milliseconds=told.latency_ms)
    asyncio.run(serve(told.application, told.public_key, latency))
