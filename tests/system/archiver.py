"""The process that the kill test of archives kills: keeps copies of a session's recordings.

Copies each into a folder, deletes it at the API once its copy was verified, four at once, and ends
when none is left.  What it did it adds to a log, a line each: ``resumed BYTES`` and ``deleted ID``.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from orchestrator.adapters.archives.folder import FolderArchive
from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.meetings.downloads import HttpDownloads
from orchestrator.adapters.meetings.overhttp import OverHttp
from orchestrator.adapters.meetings.recordings import MeetingsRecordings
from orchestrator.adapters.meetings.rooms import Account, Limits, connect
from orchestrator.domain.recordings import Recording, Resume
from orchestrator.foundation.reach import read_reach
from orchestrator.ports.archives import Item
from orchestrator.ports.recordings import Content

AT_ONCE: Final = 4
SYNC_EVERY: Final = 128 * 1024  # bytes


async def archive(url: str, application: str, key: Path, folder: Path, session_id: str) -> None:
    """Go on until the session has no recording."""
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, RSAPrivateKey)
    transport = OverHttp(url)
    downloads = HttpDownloads(read_reach(("127.0.0.0/8",)), unencrypted=True)
    account = Account(application, private)
    rooms = connect(transport, account, SystemClock(), Limits(per_second=None))
    recordings = MeetingsRecordings(rooms.session, downloads)
    copies = FolderArchive(folder / "copies", sync_every=SYNC_EVERY, reserve=0)
    log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    free = asyncio.Semaphore(AT_ONCE)

    async def move(recording: Recording) -> None:
        @asynccontextmanager
        async def fetch(resume: Resume | None) -> AsyncIterator[Content]:
            if resume is not None:
                os.write(log, f"resumed {resume.begin}\n".encode())
            async with recordings.download(recording, resume) as content:
                yield content

        async with free:
            item = Item(f"{recording.id}.mp4", {"session_id": recording.session_id})
            await copies.keep(item, fetch)
            await recordings.delete_recording(recording.id)
            os.write(log, f"deleted {recording.id}\n".encode())

    async with asyncio.TaskGroup() as group:
        for recording in await recordings.list_recordings(session_id):
            group.create_task(move(recording), name=recording.id)
    await downloads.close()
    await transport.close()


if __name__ == "__main__":
    URL, APPLICATION, KEY, FOLDER, SESSION = sys.argv[1:]
    asyncio.run(archive(URL, APPLICATION, Path(KEY), Path(FOLDER), SESSION))
