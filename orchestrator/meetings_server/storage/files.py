"""The contents of recordings: one file each, in a folder of their own.

A file is whole or not there: it is written beside its place, made durable, and moved. Nobody but
the server's own user may read it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from orchestrator.meetings_server.ports import StoreFault

_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600


class FileContents:
    """`Contents` in a folder; it is made when the first content comes."""

    def __init__(self, folder: Path) -> None:
        """`folder` may be missing, its parent not."""
        self._folder = folder

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path | None) -> AsyncIterator[Self]:
        """In that folder; None: in one that is gone at the end."""
        if folder is not None:
            yield cls(folder)
            return
        with TemporaryDirectory(prefix="meetings-recordings-") as temporary:
            yield cls(Path(temporary))

    def path(self, recording_id: str) -> Path:
        return self._folder / f"{recording_id}.mp4"

    async def keep(self, recording_id: str, parts: Iterable[bytes]) -> int:
        try:
            return await asyncio.to_thread(self._keep, self.path(recording_id), parts)
        except OSError as error:
            raise StoreFault(f"{error.filename}: {error.strerror}") from error

    async def remove(self, recording_id: str) -> None:
        try:
            await asyncio.to_thread(self.path(recording_id).unlink, missing_ok=True)
        except OSError as error:
            raise StoreFault(f"{error.filename}: {error.strerror}") from error

    async def size(self, recording_id: str) -> int:
        try:
            return (await asyncio.to_thread(self.path(recording_id).stat)).st_size
        except OSError as error:
            raise StoreFault(f"{error.filename}: {error.strerror}") from error

    def _keep(self, path: Path, parts: Iterable[bytes]) -> int:
        self._folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
        unfinished = path.with_suffix(".part")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            size = sum(file.write(part) for part in parts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name, too, outlives a power cut
        finally:
            os.close(folder)
        return size
