"""`adopted.yaml` in the data folder: rooms that were adopted, and marked ones that were disowned.

It belongs to the policies, because it says as they do which rooms are ours, and is kept with them
under version control.  People and `import` may write lines into it: a room is then taken as its
key's.  Comments are kept until something changes.  A file that cannot be read, or is no such list,
is never written over.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from orchestrator.adapters.policies.subjects import DATA_FOLDER
from orchestrator.domain.keys import InvalidKeyError, Key, parse_key
from orchestrator.foundation.documents import Tree, read_yaml
from orchestrator.foundation.problems import Place, Problem
from orchestrator.foundation.replacing import replace_file
from orchestrator.ports.adoptions import AdoptionsFault, Entry, Standing
from orchestrator.ports.sources import Adopted

NAME: Final = "adopted.yaml"
LIST_MAX: Final = 64 * 1024 * 1024  # bytes: 300,000 rooms
_FILE: Final = f"{DATA_FOLDER}/{NAME}"
_HEAD: Final = (
    "# Written by room-orchestrator. Rooms that it keeps although it did not make them (adopted),\n"
    "# and rooms that it leaves alone although it made them (disowned). A store that was lost is\n"
    "# rebuilt with this list: keep it with the policies.\n"
)
_READABLE: Final = 0o644

_ADOPTED: Final = "adopted"
_DISOWNED: Final = "disowned"
# A line as we write it, which JSON reads many times faster than YAML does.
_OWN_LINE: Final = "  - {"
# What no YAML file may hold, and what YAML takes for an end of line inside of quotes.
_UNWRITABLE: Final = re.compile(
    "[^\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)

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
        lists = _read_lists(content)
        if isinstance(lists, Problem):
            message = f"{self._path}: {lists}; mend it or take it away, it is not written over"
            raise AdoptionsFault(message)
        return lists

    def _write(self, text: str) -> None:
        self._folder.mkdir(exist_ok=True)
        replace_file(self._path, text.encode(), _READABLE)


@lru_cache(maxsize=2)  # the folder is read again whenever anything in it changes
def adopted_rooms(content: bytes | Problem | None) -> Adopted:
    """What the list says of wanted keys: the rooms that a person took in for each.

    Args:
        content: the file's bytes; None where there is none.
    """
    if content is None:
        return Adopted({})
    lists = content if isinstance(content, Problem) else _read_lists(content)
    if isinstance(lists, Problem):
        return Adopted(None, (lists,))
    adopted, disowned = lists
    rooms: dict[Key, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for room_id, line in adopted.items():
        if room_id in disowned:
            continue
        if not line.get("key"):
            message = f"the line of room {room_id} names no key, so it says nothing"
            problems.append(Problem(Place(_FILE), message))
            continue
        try:
            key = parse_key(line["key"])
        except InvalidKeyError as error:
            problems.append(Problem(Place(_FILE), f"the line of room {room_id}: {error}"))
            continue
        rooms[key] = (*rooms.get(key, ()), room_id)
    return Adopted(rooms, tuple(problems))


def write_adopted(entries: Iterable[Entry], comment: str = "") -> str:
    """The text of a new list of adopted rooms.

    Args:
        entries: all of standing `ADOPTED`.
        comment: lines that begin with ``#``, for people, after the usual ones.
    """
    return _written({one.room_id: _line_of(one) for one in entries}, {}, comment)


def _read_lists(content: bytes) -> tuple[_Lines, _Lines] | Problem:
    """What is adopted and what is disowned, or why that cannot be read."""
    own = _read_own(content)
    if own is not None:
        return own
    document = read_yaml(_FILE, content, limit=LIST_MAX, as_written=True)
    tree = document.tree
    if document.problems:
        return document.problems[0]
    if not isinstance(tree, dict):
        return Problem(document.place(), "is no mapping with adopted and disowned")
    lists: list[_Lines] = []
    strange = next((name for name in tree if name not in {_ADOPTED, _DISOWNED}), None)
    if strange is not None:
        # A slip of the pen in the name of a list would have all of its rooms made anew.
        message = f'"{strange}" is none of its lists, which are {_ADOPTED} and {_DISOWNED}'
        return Problem(document.place((strange,)), message)
    for name in (_ADOPTED, _DISOWNED):
        listed = tree.get(name) or []
        if not isinstance(listed, list):
            return Problem(document.place((name,)), "is no list; begin each line with a hyphen")
        lines = [_line(line) for line in listed]
        if None in lines:
            return Problem(document.place((name, lines.index(None))), "each line names a room")
        rooms: _Lines = {}
        for at, line in enumerate(line for line in lines if line is not None):
            if line[0] in rooms:
                message = f"room {line[0]} stands here a second time; leave one of its lines"
                return Problem(document.place((name, at)), message)
            rooms[line[0]] = line[1]
        lists.append(rooms)
    return lists[0], lists[1]


def _read_own(content: bytes) -> tuple[_Lines, _Lines] | None:
    """The same of a list that is written as we write it; None where it is not."""
    lists: dict[str, _Lines] = {}
    lines: _Lines | None = None
    try:
        for text in content.decode().split("\n"):
            if text.startswith(_OWN_LINE) and lines is not None:
                line = _line(json.loads(text[len(_OWN_LINE) - 1 :]))
                if line is None or line[0] in lines:
                    return None  # YAML tells the place
                lines[line[0]] = line[1]
                continue
            name, _, empty = text.partition(":")
            if name in {_ADOPTED, _DISOWNED} and name not in lists and empty in {"", " []"}:
                lists[name] = {}
                lines = None if empty else lists[name]
            elif text and not text.startswith("#"):
                return None
    except (ValueError, RecursionError):  # no UTF-8, or no JSON: YAML tells the place
        return None
    return lists.get(_ADOPTED, {}), lists.get(_DISOWNED, {})


def _line(line: Tree) -> tuple[str, dict[str, str]] | None:
    """One line: the room's id, its key and name; None where it names no room."""
    if not isinstance(line, dict) or not isinstance(line.get("room"), str):
        return None
    named = {name: str(line.get(name, "")) for name in ("key", "name") if line.get(name)}
    return str(line["room"]), named


def _line_of(entry: Entry) -> dict[str, str]:
    # A name is for people alone, so what cannot be written of it is left out.
    name = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", entry.display_name)
    return {"key": entry.key, "name": name}


def _take(entry: Entry, adopted: _Lines, disowned: _Lines) -> None:
    line = _line_of(entry)
    if entry.standing is Standing.MOVED:
        if entry.room_id in adopted:
            adopted[entry.room_id] = {**adopted[entry.room_id], "key": entry.key}
        return
    into = {Standing.ADOPTED: adopted, Standing.DISOWNED: disowned}.get(entry.standing)
    for lines in (adopted, disowned):
        if lines is not into:
            lines.pop(entry.room_id, None)
    if into is not None:
        into[entry.room_id] = line  # in its place, if it stands there already


def _written(adopted: _Lines, disowned: _Lines, comment: str = "") -> str:
    text = [_HEAD, comment]
    for name, lines in ((_ADOPTED, adopted), (_DISOWNED, disowned)):
        text.append(f"{name}:\n" if lines else f"{name}: []\n")
        # JSON is YAML, whatever a display name holds.
        text.extend(
            f"  - {json.dumps({'room': room_id, **line}, ensure_ascii=False)}\n"
            for room_id, line in lines.items()
        )
    return "".join(text)
