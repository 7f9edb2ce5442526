"""What lies in a policies folder at one moment: which files count, and their bytes.

Policies are ``*.yaml`` directly in the folder, data is what lies below ``data/`` (the list of
adopted rooms included: who writes a line into it wants it to count), themes and their pictures what
lies below ``themes/``.  What editors and mounts leave beside them (swap files, backups, hidden
names) is passed over; a file that counts and cannot be read is a problem and stays in the list, so
that it is not taken for removed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from orchestrator.adapters.policies.adopted import LIST_MAX
from orchestrator.adapters.policies.adopted import NAME as ADOPTED
from orchestrator.adapters.policies.reader import POLICY_MAX
from orchestrator.adapters.policies.subjects import DATA_FOLDER, DATA_MAX, SUFFIXES
from orchestrator.adapters.policies.themes import PICTURE_SUFFIX, THEMES_FOLDER
from orchestrator.domain.themes import LOGO_MAX
from orchestrator.foundation.problems import Place, Problem

_POLICY_SUFFIX: Final = ".yaml"
_THEME_SUFFIXES: Final = (".yaml", PICTURE_SUFFIX)
_NEARLY: Final = (".yml", ".yaml")  # in any case: meant as a policy, and named as none
_TICK_MS: Final = 2_500
_NS_IN_MS: Final = 1_000_000
_LOOKS_MAX: Final = 3  # until two looks at the folder agree


@dataclass(frozen=True, slots=True)
class Entry:
    """One file that counts: where it is, and what tells that it was changed, or why it is unread.

    Attributes:
        name: for places, ``data/…`` or ``themes/…`` below those folders.
        stamp: modification, status change (ns), size, inode.
    """

    path: Path
    name: str
    stamp: tuple[int, int, int, int] = (0, 0, 0, 0)
    uid: int = -1
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All files that count. Two that are equal have, but for the last moments, equal contents."""

    policies: Mapping[str, Entry] = field(default_factory=dict)
    data: Mapping[str, Entry] = field(default_factory=dict)
    problem: Problem | None = None
    themes: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def newest(self) -> int:
        """The latest modification or status change, in ns since 1970."""
        entries = (*self.policies.values(), *self.data.values(), *self.themes.values())
        return max((stamp for entry in entries for stamp in entry.stamp[:2]), default=0)


@dataclass(frozen=True, slots=True)
class _File:
    """One file as it was read.

    Attributes:
        settled: it had not been touched for a while, so that an equal entry means equal bytes.
    """

    entry: Entry
    content: bytes | Problem
    digest: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """The bytes of all files that count."""

    listing: Listing
    policies: Mapping[str, bytes | Problem]
    data: Mapping[str, bytes | Problem]
    themes: Mapping[str, bytes | Problem]
    digest: str
    files: Mapping[str, _File]  # by the names of their entries


def look(folder: Path) -> Listing:
    """List the files that count, without opening one. Never raises."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if _counts(entry.name))
        root = folder.resolve(strict=True)
    except OSError as error:
        message = f"cannot be read: {error.strerror}; what was in force stays in force"
        return Listing(problem=Problem(Place(str(folder)), message))
    policies = {name: _policy(folder / name, name) for name in names if _is_near(name)}
    data: dict[str, Entry] = {}
    themes: dict[str, Entry] = {}
    for name, suffixes, found in (
        (DATA_FOLDER, SUFFIXES, data),
        (THEMES_FOLDER, _THEME_SUFFIXES, themes),
    ):
        try:
            found.update(_entries(folder / name, name, suffixes, root))
        except OSError as error:
            problem = Problem(Place(name), f"cannot be read: {error.strerror}")
            return Listing(policies, data, problem, themes)
    return Listing(policies, data, themes=themes)


def _entries(
    folder: Path, label: str, suffixes: tuple[str, ...], root: Path
) -> Iterator[tuple[str, Entry]]:
    for path, name, straight in _below(folder, suffixes):
        entry = _entry(path, f"{label}/{name}")
        yield name, entry if straight else _inside(entry, root)


def is_settled(newest: int, asked_ms: int) -> bool:
    """Whether what was last touched then (ns since 1970) would show any change since by its stamp.

    A file may change twice within one tick of a filesystem's clock, some of which tick every two
    seconds: a stamp as young as that proves nothing.
    """
    return asked_ms - newest // _NS_IN_MS > _TICK_MS


def load(
    folder: Path,
    asked_ms: int = 0,
    listing: Listing | None = None,
    known: Contents | None = None,
) -> Contents:
    """Read all files that count, as they are together. Never raises.

    Args:
        folder: where they are.
        asked_ms: milliseconds since 1970 now; without it nothing counts as settled.
        listing: what a look at it has just shown.
        known: what was read before; a file that was settled then and was not touched since is not
            read again.
    """
    listing = look(folder) if listing is None else listing
    contents = _contents(listing, asked_ms, known)
    for _ in range(_LOOKS_MAX):
        again = look(folder)
        if again == listing:
            break
        # A symlink was turned, or a file written, while we were reading: half of each is neither.
        listing = again
        contents = _contents(listing, asked_ms, known)
    return contents


def _contents(listing: Listing, asked_ms: int, known: Contents | None) -> Contents:
    before = {} if known is None else known.files
    files: dict[str, _File] = {}
    for entries, usual in (
        (listing.policies, POLICY_MAX),
        (listing.data, DATA_MAX),
        (listing.themes, LOGO_MAX),
    ):
        for entry in entries.values():
            file = before.get(entry.name)
            if file is None or not file.settled or file.entry != entry:
                limit = LIST_MAX if entry.name == f"{DATA_FOLDER}/{ADOPTED}" else usual
                file = _file(entry, limit, asked_ms)
            files[entry.name] = file
    return Contents(
        listing,
        {name: files[entry.name].content for name, entry in listing.policies.items()},
        {name: files[entry.name].content for name, entry in listing.data.items()},
        {name: files[entry.name].content for name, entry in listing.themes.items()},
        _digest(listing, files),
        files,
    )


def _counts(name: str) -> bool:
    """Whether a name is none of those that editors, mounts and version control use."""
    return not name.startswith((".", "#")) and not name.endswith(("~", ".tmp", ".swp", ".bak"))


def _is_near(name: str) -> bool:
    return name.lower().endswith(_NEARLY)


def _policy(path: Path, name: str) -> Entry:
    if not name.endswith(_POLICY_SUFFIX):
        right = f"{path.stem}{_POLICY_SUFFIX}"
        return Entry(path, name, problem=Problem(Place(name), f"is not read; rename it to {right}"))
    return _entry(path, name)


def _inside(entry: Entry, root: Path) -> Entry:
    """The entry of a file that a symlink leads to, refused where it lies elsewhere."""
    if entry.problem is None and not entry.path.resolve().is_relative_to(root):
        message = "leads out of the policies folder; put the file itself there"
        return replace(entry, problem=Problem(Place(entry.name), message))
    return entry


def _entry(path: Path, name: str) -> Entry:
    try:
        found = path.stat()
    except OSError as error:
        problem = Problem(Place(name), f"cannot be read: {error.strerror}")
        return Entry(path, name, problem=problem)
    stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
    if not stat.S_ISREG(found.st_mode):
        return Entry(path, name, stamp, found.st_uid, Problem(Place(name), "is not a file"))
    return Entry(path, name, stamp, found.st_uid)


def _below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[Path, str, bool]]:
    """The files of some kinds below a folder, symlinks followed, no folder twice.

    Each with its name below that folder, and whether no symlink lies on the way to it.
    """
    yield from _walk(folder, "", suffixes, set(), straight=not folder.is_symlink())


def _walk(
    folder: Path,
    prefix: str,
    suffixes: tuple[str, ...],
    seen: set[tuple[int, int]],
    *,
    straight: bool,
) -> Iterator[tuple[Path, str, bool]]:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return
    if (found.st_dev, found.st_ino) in seen:
        return
    seen.add((found.st_dev, found.st_ino))
    with os.scandir(folder) as entries:
        ordered = sorted((one for one in entries if _counts(one.name)), key=lambda one: one.name)
    for one in ordered:
        direct = straight and not one.is_symlink()
        if one.is_dir():
            below = f"{prefix}{one.name}/"
            yield from _walk(folder / one.name, below, suffixes, seen, straight=direct)
        elif one.name.endswith(suffixes):
            yield folder / one.name, prefix + one.name, direct


def _file(entry: Entry, limit: int, asked_ms: int) -> _File:
    content = _read(entry, limit)
    raw = content if isinstance(content, bytes) else str(content).encode()
    settled = isinstance(content, bytes) and is_settled(max(entry.stamp[:2]), asked_ms)
    return _File(entry, content, hashlib.sha256(raw).hexdigest(), settled)


def _read(entry: Entry, limit: int) -> bytes | Problem:
    """The bytes of one file, and one more than the limit where it is longer, for the reader."""
    if entry.problem is not None:
        return entry.problem
    try:
        # Not blocking: between the look and now the file may have become a pipe.
        descriptor = os.open(entry.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        return Problem(Place(entry.name), f"cannot be read: {error.strerror}")


def _digest(listing: Listing, files: Mapping[str, _File]) -> str:
    whole = hashlib.sha256(str(listing.problem).encode())
    kinds = {"policies": listing.policies, "data": listing.data, "themes": listing.themes}
    for kind, entries in kinds.items():
        for name, entry in entries.items():
            part = files[entry.name].digest
            whole.update(f"{kind}\0{name}\0{part}\0".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()
