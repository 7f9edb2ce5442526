"""An archive that is a folder: ``NAME``, and beside it ``NAME.json`` with what it is.

The description is there before the name is, so that a file under its own name is always whole and
described.  The folder must be there: one that is not is a disk that is not mounted.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from orchestrator.adapters.archives.marks import put_mark, read_place, translated
from orchestrator.adapters.archives.parts import FILE_MODE, OpenParts, Part
from orchestrator.domain.recordings import Copy
from orchestrator.foundation.replacing import replace_file, sync_folder
from orchestrator.ports.archives import ArchiveError, Fetch, Item, Place

Given = ParamSpec("Given")
Result = TypeVar("Result")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_OURS: Final = (".part", ".json", ".new")
_SHOWN: Final = 60  # characters of a text that somebody took for a name


class FolderArchive:
    """Implements `orchestrator.ports.archives.Archive`.

    Args:
        folder: absolute; of a file system with names that can be replaced at once.
        sync_every: bytes after which what was received is made to last.
        reserve: bytes of its disk that stay free.
    """

    def __init__(
        self, folder: Path, *, sync_every: int = 64 * 1024 * 1024, reserve: int = 1024**3
    ) -> None:
        self._folder = folder
        self._sync_every = sync_every
        self._reserve = reserve
        self._parts = OpenParts()

    async def keep(self, item: Item, fetch: Fetch) -> Copy:
        path = self._path(item)
        part = Part(path, self._sync_every, self._reserve, self._parts)
        # One thread does all that blocks, in order, so that what a cancellation leaves running is
        # done before the part is closed.
        hands = ThreadPoolExecutor(1, thread_name_prefix="archive")

        def by_hand(
            work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs
        ) -> asyncio.Future[Result]:
            def told() -> Result:
                with translated(path):
                    return work(*given, **named)

            return asyncio.get_running_loop().run_in_executor(hands, told)

        try:
            kept = await by_hand(_find, path)
            if kept is not None:
                await by_hand(part.tidy)
                return kept
            await by_hand(part.open)
            if not part.is_whole:
                async with fetch(part.resume) as content:
                    await by_hand(part.begin, content)
                    async for piece in content.pieces:
                        await by_hand(part.write, piece)
            return await by_hand(_finish, path, part, item)
        finally:
            closed = by_hand(part.close)
            hands.shutdown(wait=False)
            await asyncio.shield(closed)

    async def find(self, item: Item) -> Copy | None:
        path = self._path(item)

        def found() -> Copy | None:
            with translated(path):
                return _find(path)

        return await asyncio.to_thread(found)

    async def look(self) -> Place:
        return await asyncio.to_thread(read_place, self._folder)

    async def put_mark(self, mark: str) -> None:
        await asyncio.to_thread(put_mark, self._folder, mark)

    def _path(self, item: Item) -> Path:
        if _NAME.fullmatch(item.name) is None or item.name.endswith(_OURS):
            raise ArchiveError(f"no copy can have the name {item.name[:_SHOWN]!r}")
        return self._folder / item.name


def _finish(path: Path, part: Part, item: Item) -> Copy:
    copy = Copy(path.name, part.length, part.check())
    described = {
        "name": copy.name,
        "length": copy.length,
        "sha256": copy.sha256,
        "about": dict(item.about),
    }
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    replace_file(_description(path), text.encode("utf-8", "replace"), FILE_MODE)
    part.rename()
    sync_folder(path.parent)
    return copy


def _find(path: Path) -> Copy | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise ArchiveError(f"{path.parent} is not there, or is no folder") from None
        return None
    with os.fdopen(descriptor, "rb") as file:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        copy = Copy(path.name, file.tell(), sha256)
    if _described(_description(path)) != copy:
        message = f"{path} is not what {_description(path).name} says of it; move both away"
        raise ArchiveError(message)
    return copy


def _described(path: Path) -> Copy | None:
    try:
        told = json.loads(path.read_bytes())
        return Copy(told["name"], told["length"], told["sha256"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _description(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
