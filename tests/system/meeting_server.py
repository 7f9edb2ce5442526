"""A Meetings server on which people meet, as a program: its port, its database, its public key."""

import asyncio
import sys
from pathlib import Path

from orchestrator.adapters.clock import SystemClock
from orchestrator.meetings_server import Application, Settings, start
from orchestrator.meetings_server.settings import Mesh
from tests.meetings import APPLICATION


async def run(port: int, database: Path, key: Path) -> None:
    """Answer until killed."""
    told = Settings(
        applications=(Application(id=APPLICATION, public_key=key.read_text()),),
        port=port,
        database=database,
        media=Mesh(most=4),
    )
    running = await start(told, SystemClock())
    sys.stdout.write(f"ready {running.url}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
