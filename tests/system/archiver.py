"""The process that the kill test of archives kills: keeps copies of a session's recordings.

Copies each into a folder, deletes it at the API once its copy was verified, four at once, and ends
when none is left.  Where the API or the way to it goes wrong it looks anew and goes on.  What it
met it adds to a log, a line each: ``resumed BYTES`` and the names of faults.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
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
from orchestrator.ports.faults import (
    ForbiddenError,
    MissingError,
    UnansweredError,
    UnavailableError,
)
from orchestrator.ports.recordings import Content

AT_ONCE: Final = 4
SYNC_EVERY: Final = 128 * 1024  # bytes


class Archiver:
    """Moves recordings into a folder."""

    def __init__(self, recordings: MeetingsRecordings, folder: Path) -> None:
        self._recordings = recordings
        self._copies = FolderArchive(folder / "copies", sync_every=SYNC_EVERY, reserve=0)
        self._log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._free = asyncio.Semaphore(AT_ONCE)

    async def archive(self, session_id: str) -> None:
        """Go on until the session has no recording."""
        while (listed := await self._listed(session_id)) is None:
            pass
        async with asyncio.TaskGroup() as group:
            for recording in listed:
                group.create_task(self._persist(recording), name=recording.id)

    async def _listed(self, session_id: str) -> Sequence[Recording] | None:
        try:
            return await self._recordings.list_recordings(session_id)
        except UnavailableError as fault:
            self._tell(type(fault).__name__)
            return None

    async def _persist(self, recording: Recording) -> None:
        async with self._free:
            while True:
                try:
                    # The link is signed anew, and a DELETE may have been carried out unseen.
                    await self._move(await self._recordings.get_recording(recording.id))
                except (ForbiddenError, UnansweredError, UnavailableError) as fault:
                    self._tell(type(fault).__name__)
                except MissingError:
                    return

    async def _move(self, recording: Recording) -> None:
        @asynccontextmanager
        async def fetch(resume: Resume | None) -> AsyncIterator[Content]:
            if resume is not None:
                self._tell(f"resumed {resume.begin}")
            async with self._recordings.download(recording, resume) as content:
                yield content

        item = Item(f"{recording.id}.mp4", {"session_id": recording.session_id})
        await self._copies.keep(item, fetch)
        await self._recordings.delete_recording(recording.id)

    def _tell(self, what: str) -> None:
        os.write(self._log, f"{what}\n".encode())


async def main(url: str, application: str, key: Path, folder: Path, session_id: str) -> None:
    """Archive one session."""
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, RSAPrivateKey)
    transport = OverHttp(url)
    downloads = HttpDownloads(read_reach(("127.0.0.0/8",)), unencrypted=True)
    account = Account(application, private)
    rooms = connect(transport, account, SystemClock(), Limits(per_second=None))
    await Archiver(MeetingsRecordings(rooms.session, downloads), folder).archive(session_id)
    await downloads.close()
    await transport.close()


if __name__ == "__main__":
    URL, APPLICATION, KEY, FOLDER, SESSION = sys.argv[1:]
    asyncio.run(main(URL, APPLICATION, Path(KEY), Path(FOLDER), SESSION))
