"""Links as files: one page a link, for a web server of others that answers while we are away.

The folder::

    site/                          what is served, as it is, at the address of our links
        404.html                   a link that leads nowhere
        r/team-rooms/checkout-k4m7q2xw5ztdfa3b/index.html
    nginx.map                      links and where they lead, for a map of nginx
    _redirects                     the same for Netlify and others that read its form
    index.json                     all links; by it the next writing knows what was there

Whoever can read the folder can enter every room in it, so what lists links lies beside what is
served, and every folder of it has a page that lists nothing.  A link that was there and is not
told any more becomes a page that says so, and is forgotten after `FORGOTTEN`.  Each file is
replaced as a whole; the index is written before the pages whenever it grows, so that no kill leaves
a page that nobody knows of.  A folder that holds something else is refused.

Names come from outside.  A subject that no file can be called, or that a server would take for
something else (a slash, a point at the beginning), has its page under ``r/_/``; the two lists of
redirects lead there, and a server without one does not.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from stat import S_IMODE, S_ISGID
from typing import Final
from urllib.parse import unquote

from orchestrator.domain.announcements import Stage
from orchestrator.domain.leading import ENDED
from orchestrator.domain.links import PATH, Addresses, LinkView, led_to
from orchestrator.domain.reports import LinksReport
from orchestrator.foundation.instants import format_instant_exactly, parse_instant
from orchestrator.foundation.replacing import replace_file
from orchestrator.ports.deliveries import DeliveryFault

FILES: Final = 0o640
FOLDERS: Final = 0o750
FORGOTTEN: Final = timedelta(days=400)  # as long as the store remembers what is over

_SITE: Final = "site"
_INDEX: Final = "index.json"
_VERSION: Final = 1
_KIND: Final = "room-orchestrator links"
_PAGE: Final = "index.html"
_ODD: Final = "_"
_NAME_MOST: Final = 200  # bytes; a file's name may have 255
_PATH: Final = re.compile(r"/r/[a-z0-9][a-z0-9-]*(/[A-Za-z0-9._~%-]+)?")
_UNLAWFUL: Final = re.compile(r"[\x00-\x1f\x7f/\\]")
# What nginx reads as more than a character, also between quotes.
_MEANT: Final = str.maketrans({'"': "%22", "\\": "%5C", "$": "%24"})


@dataclass(frozen=True, slots=True)
class Pages:
    """How pages are written.

    Attributes:
        of: the page of a link.
        nowhere: the page of a link that leads nowhere.
    """

    of: Callable[[LinkView, Addresses], str]
    nowhere: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a writing came to: how many links there are, were replaced, and are over since."""

    links: int
    changed: int
    over: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """One link as the index remembers it; ``view`` is of now, or says that it is over."""

    path: str
    name: str
    view: LinkView
    where: Addresses
    over_since: datetime | None = None


@dataclass(slots=True)
class Site:
    """A folder of pages; ``write`` blocks, and may be called from any thread."""

    folder: Path
    pages: Pages
    _shown: dict[Path, bytes] = field(default_factory=dict)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def write(self, report: LinksReport, now: datetime) -> Written:
        """Show exactly these links, and of those that were shown before that they are over.

        Raises:
            DeliveryFault: the folder holds something else, or could not be written; every file in
                it is whole, and a later writing mends the rest.
        """
        with self._writing, _faults(self.folder):
            try:
                return self._write(report, now)
            except BaseException:
                self._shown.clear()  # what is there is read again
                raise

    def _write(self, report: LinksReport, now: datetime) -> Written:
        before = self._read(report.public_url)
        entries = _entries(report, before, now)
        files = {_file(entry.path): self.pages.of(entry.view, entry.where) for entry in entries}
        gone = [path for path in before if _file(path) not in files]
        if not all(entry.path in before for entry in entries):
            # Until the pages of both are as they are to be, the index knows both.
            kept = [entry for path, entry in before.items() if _file(path) not in files]
            self._put(_INDEX, _index([*entries, *kept]))
        changed = sum([self._put(f"{_SITE}/{path}", text) for path, text in files.items()])
        for path in _bare(files):
            self._put(f"{_SITE}/{path}", self.pages.nowhere)
        for path in gone:
            self._remove(self.folder / _SITE / _file(path))
        self._put("nginx.map", _nginx(entries))
        self._put("_redirects", _redirects(entries))
        self._put(_INDEX, _index(entries))
        return Written(
            links=len(report.links),
            changed=changed,
            over=sum(entry.over_since == now for entry in entries),
        )

    def _read(self, public_url: str) -> dict[str, _Entry]:
        """What was shown last, by its path."""
        try:
            text = (self.folder / _INDEX).read_text(encoding="utf-8")
        except FileNotFoundError:
            if self.folder.exists() and any(self.folder.iterdir()):
                message = f"{self.folder} holds something else: name an empty folder, or a new one"
                raise DeliveryFault(message) from None
            self._folder(self.folder)
            return {}
        try:
            index = json.loads(text)
            if index["kind"] != _KIND or index["version"] != _VERSION:
                raise ValueError
            entries = [_entry(public_url, line) for line in index["links"]]
        except (ValueError, LookupError, TypeError, AttributeError):
            message = (
                f"{self.folder / _INDEX} is none of ours, or of another release: name another "
                "folder, or move this one away"
            )
            raise DeliveryFault(message) from None
        return {entry.path: entry for entry in entries}

    def _put(self, name: str, text: str) -> bool:
        """Have a file say this; false where it does already."""
        path, content = self.folder / name, text.encode(errors="replace")
        digest = hashlib.sha256(content).digest()
        if self._shown.get(path) == digest:
            return False
        if path not in self._shown and path.is_file() and path.read_bytes() == content:
            self._shown[path] = digest
            return False
        self._folder(path.parent)
        replace_file(path, content, FILES)
        self._shown[path] = digest
        return True

    def _folder(self, path: Path) -> None:
        """Make a folder of ours, and those above it, for the same group as the one it lies in.

        Raises:
            DeliveryFault: the umask keeps that group out, and who writes may not let it in.
        """
        if path.is_dir():
            return
        if path != self.folder:
            self._folder(path.parent)
        path.mkdir(FOLDERS)
        # What a folder of a group hands on stays handed on: by the kernel, where the umask lets it.
        # Who is not in that group, or is in a sandbox, cannot set that bit again (chmod(2)).
        handed_on = path.stat().st_mode & S_ISGID
        if S_IMODE(path.stat().st_mode) == FOLDERS | handed_on:
            return
        with suppress(PermissionError):
            path.chmod(FOLDERS | handed_on)
        if S_IMODE(path.stat().st_mode) != FOLDERS | handed_on:
            path.rmdir()
            message = (
                f"{path}: the umask keeps the folder's group out, and who writes may not let it "
                "in: set UMask=0027 in the unit (docs/links.md)"
            )
            raise DeliveryFault(message)

    def _remove(self, page: Path) -> None:
        """Take a page away, and its folder unless other pages lie in it."""
        page.unlink(missing_ok=True)
        self._shown.pop(page, None)
        with suppress(OSError):
            page.parent.rmdir()


def _entries(
    report: LinksReport, before: Mapping[str, _Entry], now: datetime
) -> tuple[_Entry, ...]:
    """All links that are shown: those of now, and what was shown before and is over."""
    found = {
        path: _Entry(path, row.name, row.view, row.where)
        for row in report.links
        if (path := row.where.link.removeprefix(report.public_url))
    }
    for path, entry in before.items():
        since = entry.over_since or now
        if path not in found and now - since < FORGOTTEN:
            view = LinkView(Stage.CLOSED, entry.view.title, note=ENDED)
            found[path] = _Entry(path, entry.name, view, entry.where, since)
    return tuple(found[path] for path in sorted(found))


def _file(path: str) -> str:
    """The page of a link's path, below what is served."""
    below = path.removeprefix(PATH)
    policy, slash, subject = below.partition("/")
    if not slash:
        return f"r/{policy}/{_PAGE}"
    try:
        plain = unquote(subject, errors="strict")
    except UnicodeDecodeError:  # a long one, cut inside a character
        plain = ""
    lawful = plain and _UNLAWFUL.search(plain) is None and not plain.startswith(".")
    if lawful and plain != _PAGE and len(plain.encode()) <= _NAME_MOST:
        return f"r/{policy}/{plain}/{_PAGE}"
    return f"r/{_ODD}/{hashlib.sha256(below.encode()).hexdigest()[:32]}/{_PAGE}"


def _bare(files: Mapping[str, str]) -> Iterator[str]:
    """Where a page has to stand so that no server lists what lies there."""
    yield "404.html"
    folders = {".", "r"} | {str(Path(path).parent.parent) for path in files}
    for folder in sorted(folders):
        page = str(Path(folder) / _PAGE)
        if page not in files:
            yield page


def _index(entries: Iterable[_Entry]) -> str:
    lines = [
        json.dumps(
            {
                "path": entry.path,
                "name": entry.name,
                "title": entry.view.title,
                "stage": str(entry.view.stage),
                "leads_to": led_to(entry.view.leads_to) or None,
                "page": f"{_SITE}/{_file(entry.path)}",
                "over_since": entry.over_since and format_instant_exactly(entry.over_since),
            },
            ensure_ascii=False,
        )
        for entry in entries
    ]
    head = json.dumps({"version": _VERSION, "kind": _KIND})[:-1]
    return f'{head}, "links": [\n' + ",\n".join(lines) + "\n]}\n"


def _entry(public_url: str, line: Mapping[str, str]) -> _Entry:
    if _PATH.fullmatch(line["path"]) is None:
        raise ValueError
    since = line["over_since"]
    return _Entry(
        path=line["path"],
        name=line["name"],
        view=LinkView(Stage(line["stage"]), line["title"]),
        where=Addresses(f"{public_url}{line['path']}"),
        over_since=parse_instant(since) if since else None,
    )


def _led(entries: Iterable[_Entry]) -> Iterator[tuple[str, str, bool]]:
    """What a server has to be told: a path, where it leads, and whether that is elsewhere."""
    for entry in entries:
        room, page = led_to(entry.view.leads_to), _file(entry.path)
        if room:
            yield entry.path, room, True
        elif page.startswith(f"r/{_ODD}/"):
            yield entry.path, f"/{page.removesuffix(_PAGE)}", False


def _nginx(entries: Iterable[_Entry]) -> str:
    return "".join(f'"{path}" "{where.translate(_MEANT)}";\n' for path, where, _ in _led(entries))


def _redirects(entries: Iterable[_Entry]) -> str:
    # "!": also where there is a page of that name.
    return "".join(
        f"{path}  {where}  {'302!' if elsewhere else '200!'}\n"
        for path, where, elsewhere in _led(entries)
    )


@contextmanager
def _faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = (
            f"{folder}: cannot be written: {error.strerror or error}; see that the folder above it "
            "is there, may be written and has room"
        )
        raise DeliveryFault(message) from error


class StaticSite:
    """Implements `orchestrator.ports.deliveries.LinkBoard` by a folder of pages."""

    def __init__(self, name: str, site: Site) -> None:
        """Write to ``site``."""
        self._name = name
        self._site = site

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        return self._name

    async def lead(self, report: LinksReport, now: datetime) -> None:
        """Lead where these links lead, and say of others that were shown that they are over.

        Raises:
            DeliveryFault: they could not be written; what was there leads on.
        """
        await asyncio.to_thread(self._site.write, report, now)
