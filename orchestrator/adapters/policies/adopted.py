"""`adopted.yaml` in the data folder: rooms that were adopted, and marked ones that were disowned.

It belongs to the policies, because it says as they do which rooms are ours, and is kept with them
under version control.  People may mend it; their comments are not kept.  A file that cannot be
read, or is no such list, is never written over.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from orchestrator.adapters.policies.subjects import DATA_FOLDER, DATA_MAX
from orchestrator.foundation.documents import Tree, read_yaml
from orchestrator.foundation.replacing import replace_file
from orchestrator.ports.adoptions import AdoptionsFault, Entry, Standing

NAME: Final = "adopted.yaml"
_HEAD: Final = (
    "# Written by room-orchestrator. Rooms that it keeps although it did not make them (adopted),\n"
    "# and rooms that it leaves alone although it made them (disowned). A store that was lost is\n"
    "# rebuilt with this list: keep it with the policies.\n"
)
_READABLE: Final = 0o644

_Lines = dict[str, dict[str, str]]  # by room id: key and name


class AdoptedFile:
    """Implements `orchestrator.ports.adoptions.Adoptions`."""

    def __init__(self, policies: Path) -> None:
        """Keep the list for a policies folder, which must be there when something is recorded."""
        self._folder = policies / DATA_FOLDER
        self._path = self._folder / NAME
        # Not asyncio's: a cancelled task leaves its thread writing.
        self._writing = threading.Lock()

    async def record(self, entries: Sequence[Entry]) -> None:
        """Read, change and replace the file as a whole."""
        await asyncio.to_thread(self._record, tuple(entries))

    def read(self) -> tuple[Entry, ...]:
        """All lines, for a rebuild: what is adopted, then what is disowned.

        Raises:
            AdoptionsFault: it cannot be read, or is no such list.
        """
        try:
            adopted, disowned = self._read()
        except OSError as error:
            message = f"{self._path}: cannot be read: {error.strerror or error}"
            raise AdoptionsFault(message) from error
        return tuple(
            Entry(room_id, line.get("key", ""), line.get("name", ""), standing)
            for lines, standing in ((adopted, Standing.ADOPTED), (disowned, Standing.DISOWNED))
            for room_id, line in lines.items()
        )

    def _record(self, entries: Sequence[Entry]) -> None:
        with self._writing:
            try:
                adopted, disowned = self._read()
                before = _written(adopted, disowned)
                for entry in entries:
                    _take(entry, adopted, disowned)
                text = _written(adopted, disowned)
                if text != before:
                    self._write(text)
            except OSError as error:
                message = f"{self._path}: cannot be written: {error.strerror or error}"
                raise AdoptionsFault(message) from error

    def _read(self) -> tuple[_Lines, _Lines]:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return {}, {}
        document = read_yaml(f"{DATA_FOLDER}/{NAME}", content, limit=DATA_MAX, as_written=True)
        tree = document.tree
        if document.problems or not isinstance(tree, dict):
            why = str(document.problems[0]) if document.problems else "it is no mapping"
            message = f"{self._path}: {why}; mend it or take it away, it is not written over"
            raise AdoptionsFault(message)
        return self._lines(tree.get("adopted")), self._lines(tree.get("disowned"))

    def _lines(self, listed: Tree) -> _Lines:
        lines: _Lines = {}
        for line in listed if isinstance(listed, list) else []:
            if not isinstance(line, dict) or not isinstance(line.get("room"), str):
                message = f"{self._path}: each line names a room; it is not written over"
                raise AdoptionsFault(message)
            lines[str(line["room"])] = {
                name: str(line.get(name, "")) for name in ("key", "name") if line.get(name)
            }
        return lines

    def _write(self, text: str) -> None:
        self._folder.mkdir(exist_ok=True)
        replace_file(self._path, text.encode(), _READABLE)


def _take(entry: Entry, adopted: _Lines, disowned: _Lines) -> None:
    line = {"key": entry.key, "name": entry.display_name}
    if entry.standing is Standing.MOVED:
        if entry.room_id in adopted:
            adopted[entry.room_id] = {**adopted[entry.room_id], "key": entry.key}
        return
    adopted.pop(entry.room_id, None)
    disowned.pop(entry.room_id, None)
    if entry.standing is Standing.ADOPTED:
        adopted[entry.room_id] = line
    elif entry.standing is Standing.DISOWNED:
        disowned[entry.room_id] = line


def _written(adopted: _Lines, disowned: _Lines) -> str:
    text = _HEAD
    for name, lines in (("adopted", adopted), ("disowned", disowned)):
        text += f"{name}:\n" if lines else f"{name}: []\n"
        for room_id, line in lines.items():
            # JSON is YAML, whatever a display name holds.
            text += f"  - {json.dumps({'room': room_id, **line}, ensure_ascii=False)}\n"
    return text
