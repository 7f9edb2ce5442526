"""The contents of recordings: one file each, in a folder of their own.

A file is whole or not there: it is written beside its place, made durable, and moved. Nobody but
the server's own user may read it.
"""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self

from orchestrator.meetings_server.ports import StoreFault

_UNFINISHED: Final = ".part"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600
# Where nothing can be.
_NOWHERE: Final = Path(os.devnull)


class FileContents:
    """`Contents` in a folder; it is made when the first content comes."""

    def __init__(self, folder: Path | None) -> None:
        """Not for callers: use `opened`."""
        self._folder = folder
        self._is_ours = folder is None

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path | None) -> AsyncIterator[Self]:
        """In that folder, whose parent is there; None: in one that is gone at the end.

        Nothing is made before the first content comes: who keeps none writes nothing.
        """
        contents = cls(folder)
        try:
            yield contents
        finally:
            if contents._is_ours and contents._folder is not None:
                await asyncio.to_thread(shutil.rmtree, contents._folder, ignore_errors=True)

    def path(self, recording_id: str) -> Path:
        return (self._folder or _NOWHERE) / f"{recording_id}.mp4"

    async def keep(self, recording_id: str, parts: Iterable[bytes]) -> int:
        try:
            if self._folder is None:
                # Here and not in the thread: two at once would make two.
                self._folder = Path(tempfile.mkdtemp(prefix="meetings-recordings-"))
            return await asyncio.to_thread(_keep, self._folder, self.path(recording_id), parts)
        except OSError as error:
            raise StoreFault(f"{error.filename}: {error.strerror}") from error

    async def discard_unfinished(self) -> None:
        try:
            await asyncio.to_thread(_discard_unfinished, self._folder)
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


def _discard_unfinished(folder: Path | None) -> None:
    if folder is None or not folder.is_dir():
        return
    for path in folder.glob(f"*{_UNFINISHED}"):
        if _ID.fullmatch(path.stem):  # what others put there is theirs
            path.unlink(missing_ok=True)


def _keep(folder: Path, path: Path, parts: Iterable[bytes]) -> int:
    folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
    unfinished = path.with_suffix(_UNFINISHED)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = sum(file.write(part) for part in parts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        # A full disk is not to stay full of what nobody can use.
        unfinished.unlink(missing_ok=True)
        raise
    above = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(above)  # the name, too, outlives a power cut
    finally:
        os.close(above)
    return size
