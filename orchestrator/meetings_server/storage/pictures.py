"""`Pictures` in files of one folder, and in memory.

Keys are this server's own and become the names of files; a key that could lead out of the folder
names no file. What is left behind by a kill is swept away at the next start.
"""

import asyncio
import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from orchestrator.foundation.replacing import replace_file, sync_folder
from orchestrator.meetings_server.ports import StoreFault

_KEY: Final = re.compile(r"[a-z-]+(?:/[a-z-]+)*/[0-9a-f-]{36}")
_OWNER_ONLY: Final = 0o600


class FolderPictures:
    """Each picture a file, written whole and durably before it is told of."""

    def __init__(self, folder: Path) -> None:
        """The folder is made at the first picture."""
        self._folder = folder

    async def keep(self, key: str, content: bytes) -> None:
        def work() -> None:
            if not self._folder.is_dir():
                self._folder.mkdir(mode=0o700)
                sync_folder(self._folder.parent)
            replace_file(self._path(key), content, _OWNER_ONLY)

        await self._done(work)

    async def read(self, key: str) -> bytes | None:
        if _KEY.fullmatch(key) is None:
            return None
        try:
            return await asyncio.to_thread(self._path(key).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreFault(str(error)) from error

    async def drop(self, key: str) -> None:
        await self._done(lambda: self._path(key).unlink(missing_ok=True))

    async def sweep(self, known: AbstractSet[str]) -> None:
        def work() -> None:
            names = {self._path(key).name for key in known}
            for path in self._folder.iterdir() if self._folder.is_dir() else ():
                if path.name not in names and path.is_file():
                    path.unlink()

        await self._done(work)

    async def _done(self, work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except OSError as error:
            raise StoreFault(str(error)) from error

    def _path(self, key: str) -> Path:
        return self._folder / f"{key.replace('/', '.')}.png"


class MemoryPictures:
    """For servers that keep nothing."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def keep(self, key: str, content: bytes) -> None:
        self._kept[key] = content

    async def read(self, key: str) -> bytes | None:
        return self._kept.get(key)

    async def drop(self, key: str) -> None:
        self._kept.pop(key, None)

    async def sweep(self, known: AbstractSet[str]) -> None:
        self._kept = {key: content for key, content in self._kept.items() if key in known}
