"""What LiveKit's egress records: asked for, found again, taken over.

A recording is known by the file that we have it written to, named after it. So a restart on either
side loses none: what was recorded meanwhile is found by its name and taken over then. A file of
ours is removed once its content is kept. What belongs to a recording that is not known here is
left alone, told once: somebody may have named a wrong folder, or a wrong database.
"""

import asyncio
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Final

from orchestrator.meetings_server.media.livekit.calls import Calls
from orchestrator.meetings_server.media.livekit.values import LiveKitFault, Progress, Taken
from orchestrator.meetings_server.model.recordings import RUNNING, Act, Recording, Status
from orchestrator.meetings_server.model.refusals import Refused
from orchestrator.meetings_server.ports import MediumFault, Records, Report, StoreFault
from orchestrator.meetings_server.service import Meetings, Recordings

_SUFFIX: Final = ".mp4"
_NAME: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.mp4")
_PIECE: Final = 1024 * 1024
# In which egress may come to know of a recording that it was asked for: calls end before.
_BEGINS: Final = timedelta(minutes=1)
_UNKNOWN: Final = "no recording of this name is known here; it is left as it is"


class Takes:
    """The recordings of one egress, in one folder."""

    def __init__(
        self,
        folders: tuple[Path, Path],
        calls: Calls,
        meetings: Meetings,
        recordings: Recordings,
        report: Report,
    ) -> None:
        """`folders` is one folder, as egress sees it and as we do."""
        self._theirs, self._ours = folders
        self._calls = calls
        self._meetings = meetings
        self._recordings = recordings
        self._report = report
        self._told: dict[str, str] = {}  # of files, what is wrong with them
        #: Those that somebody waits for, and takes over then.
        self.awaited: set[str] = set()

    async def start(self, room_id: str, recording: Recording, only: str | None) -> None:
        """Record a room, or of it one participant alone.

        Raises:
            LiveKitFault: it may not be recorded.
        """
        await self._calls.record(room_id, str(self._theirs / f"{recording.id}{_SUFFIX}"), only)

    async def stop(self, recording: Recording) -> None:
        """Record no more; one that is over is left alone.

        Raises:
            LiveKitFault: it may still run.
        """
        found = await self.find(recording)
        if found is not None and found.progress is Progress.RUNS:
            await self._stop(found)

    async def find(self, recording: Recording) -> Taken | None:
        """How far egress has come with it; None: it knows of none.

        Raises:
            LiveKitFault: it is not known.
        """
        file = str(self._theirs / f"{recording.id}{_SUFFIX}")
        taken = await self._calls.taken(recording.room_id)
        return next((one for one in taken if one.file == file), None)

    async def content(self, recording: Recording) -> Iterator[bytes]:
        """What egress wrote.

        Raises:
            MediumFault: it wrote nothing where it was told to.
        """
        # By the name that we gave it, whatever LiveKit says: a path of theirs could lead anywhere.
        file = self._ours / f"{recording.id}{_SUFFIX}"
        if not await asyncio.to_thread(file.is_file):
            message = "LiveKit's egress wrote no file where recordings are looked for"
            raise MediumFault(message)
        return _parts(file)

    async def tidy(self) -> None:
        """Stop what should not run, take over what nobody waits for, remove what was taken over.

        What belongs to a recording that is not known here is left as it is, and reported once.

        Raises:
            LiveKitFault: egress cannot be asked.
            OSError: the folder cannot be read.
            StoreFault: the store cannot.
        """
        active = await self._calls.taken()
        await self._note_the_end({Path(taken.file).stem for taken in active})
        for taken in active:
            file = Path(taken.file)
            is_ours = file.parent == self._theirs and _NAME.fullmatch(file.name) is not None
            if is_ours and taken.progress is Progress.RUNS:
                recording = await self._recording(file.stem)
                if recording is None:
                    self._tell(file.name, "recording.unknown", _UNKNOWN)
                elif recording.status not in RUNNING:
                    await self._stop(taken)
        for file in await asyncio.to_thread(_those_of_ours, self._ours):
            await self._tidy(file, await self._recording(file.stem))

    async def _tidy(self, file: Path, recording: Recording | None) -> None:
        """Take over or remove one file; one that cannot be read holds up no other."""
        try:
            if recording is None:
                self._tell(file.name, "recording.unknown", _UNKNOWN)
                return
            if recording.status is Status.UPLOADED:
                await asyncio.to_thread(file.unlink, missing_ok=True)
            elif recording.status is Status.STOPPED and recording.id not in self.awaited:
                await self._take_over(recording)
        except LiveKitFault:
            raise
        except (MediumFault, StoreFault, OSError) as fault:
            self._tell(file.name, "recording.not_taken_over", str(fault))
        else:
            self._told.pop(file.name, None)

    def _tell(self, file: str, event: str, error: str) -> None:
        """Report it once, until it is another thing."""
        if self._told.get(file) != error:
            self._told[file] = error
            self._report(event, {"file": file, "error": error})

    async def _note_the_end(self, active: AbstractSet[str]) -> None:
        """Stop what egress ended by itself, or never knew of: people are told that it goes on."""
        running, now = await self._meetings.look(_running)
        for recording in running:
            if recording.id in active:
                continue
            found = await self.find(recording)
            if found is None:
                is_over = recording.started_at + _BEGINS <= now
            else:
                is_over = found.progress in {Progress.DONE, Progress.FAILED}
            if is_over:
                with suppress(Refused):  # stopped meanwhile
                    await self._recordings.move(recording.id, Act.STOP)

    async def _take_over(self, recording: Recording) -> None:
        found = await self.find(recording)
        # Egress forgets what is long over; nobody writes to the file then.
        if found is None or found.progress in {Progress.DONE, Progress.FAILED}:
            # Refused: somebody who waited for it takes it over just now.
            with suppress(Refused):
                await self._recordings.upload(recording.id, await self.content(recording))

    async def _stop(self, taken: Taken) -> None:
        try:
            await self._calls.stop(taken.egress_id)
        except LiveKitFault as fault:
            # It may have ended meanwhile.
            if not fault.is_refused:
                raise

    async def _recording(self, recording_id: str) -> Recording | None:
        return await self._meetings.look(lambda records, _: records.recordings.get(recording_id))


def _running(records: Records, now: datetime) -> tuple[list[Recording], datetime]:
    """What is recorded where people meet, and the moment."""
    sessions = map(records.sessions.running, records.sessions.with_live())
    found = (records.recordings.running(one.id) for one in sessions if one is not None)
    return list(chain.from_iterable(found)), now


def _those_of_ours(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if _NAME.fullmatch(file.name))


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while piece := content.read(_PIECE):
            yield piece
