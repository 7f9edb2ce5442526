"""`import`: an existing estate becomes policies, data, theme files and a list of adopted rooms.

The rooms are read from the API of the config or from a saved listing; nothing but GET is sent.  It
overwrites nothing: what is there already is refused by its name, before anything is written.  What
it writes was read back as the daemon reads it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

from orchestrator.adapters.meetings.saved import read_saved
from orchestrator.adapters.policies.adopted import NAME as ADOPTED
from orchestrator.adapters.policies.adopted import AdoptedFile
from orchestrator.adapters.policies.subjects import DATA_FOLDER
from orchestrator.adapters.policies.themes import THEMES_FOLDER
from orchestrator.adapters.policies.writing import (
    data_name,
    describe,
    write_policy,
    write_rows,
)
from orchestrator.adapters.store.peek import read_copy
from orchestrator.adapters.templates.rendering import SandboxedTemplates
from orchestrator.app.build import StartError, reach, reach_api
from orchestrator.app.embedded import Api, application_id
from orchestrator.app.importingthemes import Themed, read_themed, texts_of_themes
from orchestrator.app.keys import meetings_key
from orchestrator.app.reading import policy_reader
from orchestrator.app.validate import read_folder
from orchestrator.config import SecretFault, Settings
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.domain.importedthemes import ThemeImport, WhyTheme, import_themes
from orchestrator.domain.importing import Import, Known, Terms, Why, import_rooms
from orchestrator.domain.keys import POLICY_NAME, InvalidKeyError, Key, parse_key
from orchestrator.domain.policies import ForEach, Mode
from orchestrator.domain.reports import (
    ImportedPolicy,
    ImportedTheme,
    ImportReport,
    LeftOutRow,
)
from orchestrator.domain.rooms import Observed
from orchestrator.domain.themes import own_name
from orchestrator.edges.control.client import answers
from orchestrator.engine.book import Binder, Book
from orchestrator.engine.gathering import DISOWNED
from orchestrator.foundation.problems import Problem
from orchestrator.foundation.replacing import sync_folder
from orchestrator.meetings_server import StoreFault as ServerFault
from orchestrator.ports.adoptions import AdoptionsFault, Entry, Standing
from orchestrator.ports.clock import Clock
from orchestrator.ports.desk import DeskError
from orchestrator.ports.faults import Fault
from orchestrator.ports.sources import Folder
from orchestrator.ports.store import StoreFault

LISTING_MAX: Final = 1024 * 1024 * 1024  # bytes of a saved listing
_INVALID: Final = 2
_SOME: Final = 5
_LISTED: Final = 0o755  # who may write policies may be another than who reads them
_OFFERS: Final = {"join_approval_level": ": --host-links-to NAME would have it asked for"}
_PREFIX_MOST: Final = 40  # characters; a lifetime and a number follow

Told = Callable[[int, int | None], None]
"""Told after each page how many rooms were read, and how many there are, if that is known."""


@dataclass(frozen=True, slots=True)
class Estate:
    """The rooms, where they were read, by which moment, and what is doubtful; and their themes."""

    rooms: Sequence[Observed]
    source: str
    now: datetime
    unreadable: Sequence[str] = ()
    missing: str = ""
    themes: Themed = field(default_factory=Themed)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose.

    Attributes:
        into: a new folder; None: the policies folder of the config.
        write: do it; otherwise only say what would be written.
        prefix: what the names of the policies begin with.
        hosts: the destination that is told the host's link where guests wait for one.
        partial: take what is there of a listing that may be half of one.
        elsewhere: the rooms are at another server, so each is to be made anew at this one.
    """

    into: Path | None = None
    write: bool = False
    prefix: str = "imported"
    hosts: str = ""
    partial: bool = False
    elsewhere: bool = False


async def list_estate(settings: Settings, clock: Clock, told: Told) -> Estate:
    """The rooms of the config's API; a daemon may run beside it.

    Raises:
        DeskError: it could not be listed.
    """
    quiet = replace(settings, mode=Mode.OBSERVE)  # nothing but GET can leave
    try:
        async with AsyncExitStack() as stack:
            api = await _api(quiet, clock, stack)
            reached = await reach(quiet, api, clock, stack)
            reached.rooms.told = told
            listing = await reached.rooms.list_rooms()
            themed = await read_themed(reached.themes, api.url)
            now = reached.rooms.api_now()
    except (StartError, SecretFault, ServerFault, OSError) as fault:
        raise DeskError(str(fault)) from fault
    except Fault as fault:
        raise DeskError(f"the API could not be listed, so nothing is known: {fault}") from fault
    missing = listing.doubtful if listing.complete else "it was cut short"
    return Estate(listing.rooms, api.url, now, (), missing, themed)


async def _api(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Api:
    """The API; an embedded one that a daemon runs is asked where that one listens."""
    meetings = settings.meetings
    if not isinstance(meetings, EmbeddedMeetings) or not await answers(settings.control):
        return await reach_api(settings, None, clock, stack)
    if not meetings.port:
        message = "a daemon runs, and its Meetings server takes any free port: stop the daemon"
        raise DeskError(message)
    if meetings.certificate is not None:
        # For a name that may lead to nowhere from here; the way without it is the daemon's alone.
        message = "a daemon runs, and its Meetings server speaks TLS: stop the daemon"
        raise DeskError(message)
    url = f"http://{meetings.host}:{meetings.port}/v1/meetings"
    return Api(url, application_id(settings.owner), meetings_key(meetings.keys), url)


def read_estate(name: str, content: bytes, now: datetime) -> Estate:
    """The rooms of a saved listing.

    Args:
        name: of the file, as people call it here.
        content: its bytes.
        now: the moment by which rooms have ended or not.

    Raises:
        DeskError: it is no listing; the text says where.
    """
    saved = read_saved(name, content)
    if isinstance(saved, Problem):
        raise DeskError(str(saved), _INVALID)
    return Estate(saved.rooms, name, now, saved.unreadable, saved.missing)


def import_estate(
    estate: Estate, settings: Settings | None, choices: Choices, cwd: Path
) -> ImportReport:
    """Write the policies of an estate, or say what would be written.

    Args:
        estate: the rooms.
        settings: of the installation that takes them over; None: there is none here yet.
        choices: what a person chose.
        cwd: files are told relative to it.

    Raises:
        DeskError: nothing was written; the text says why.
    """
    if estate.missing and not choices.partial:
        raise DeskError(
            f"{estate.source}: {estate.missing}, so it may be half of the rooms. List it again; "
            "to go on by what is there: --partial"
        )
    if POLICY_NAME.fullmatch(choices.prefix) is None or len(choices.prefix) > _PREFIX_MOST:
        message = (
            f"--prefix {choices.prefix}: 1 to {_PREFIX_MOST} of a-z, 0-9 and -, beginning with a "
        )
        raise DeskError(f"{message}letter or a digit", _INVALID)
    policies = None if settings is None else settings.policies
    try:
        known, listed = _known(settings, choices)
        into = choices.into or policies
        dressed = _themes(estate, settings)
        terms = Terms(estate.now, choices.prefix, bool(choices.hosts), _names(dressed, choices))
        made, again = _made(estate, known, listed, terms)
        texts = _texts(made, dressed, estate, choices)
        if into is not None and made.groups:
            _refuse_what_is_there(into, texts, choices, cwd)
            _check(texts, settings, choices)
        files = _files(into, texts, made, choices, cwd)
        report = _report(made, dressed, estate, choices, files)
        report = replace(report, remarks=(*report.remarks, *_remarks_on_lines(again)))
        if not choices.write or not made.groups or into is None:
            return report
        _write(into, policies, texts, _entries(made, choices), fresh=choices.into is not None)
    except (StoreFault, AdoptionsFault) as fault:
        raise DeskError(str(fault)) from fault
    except OSError as error:
        message = f"{error.filename or ''} cannot be written: {error.strerror}"
        raise DeskError(message) from error
    return replace(report, written=True)


def _known(settings: Settings | None, choices: Choices) -> tuple[Known, Mapping[str, str]]:
    """Whose rooms are whose, by the store and the list; rooms elsewhere are nobody's here.

    And lines of the list, rooms with their keys, that nothing else here knows of: the store does
    not, and no policy asks for the key, as after an import that was interrupted.
    """
    if settings is None or choices.elsewhere:
        return Known("" if settings is None else settings.owner), {}
    copy = read_copy(settings.store)
    states = () if copy is None else copy.states
    notes: Mapping[str, str] = {} if copy is None else copy.notes
    ours = {room.id for state in states for room in state.rooms}
    disowned = {name.removeprefix(DISOWNED) for name in notes if name.startswith(DISOWNED)}
    listed: dict[str, Entry] = {}
    for entry in AdoptedFile(settings.policies).read():
        if entry.standing is Standing.DISOWNED:
            disowned.add(entry.room_id)
        elif entry.room_id not in ours:
            listed[entry.room_id] = entry
    if listed:
        book = _bind(read_folder(settings.policies), settings)
        former = {key for keys in book.former.values() for key in keys}
        asked = {id_ for id_, one in listed.items() if _is_asked_for(one.key, book, former)}
        ours |= asked
        listed = {id_: one for id_, one in listed.items() if id_ not in asked | disowned}
    known = Known(settings.owner, frozenset(ours), frozenset(disowned - ours))
    return known, {id_: one.key for id_, one in listed.items()}


def _is_asked_for(name: str, book: Book, former: AbstractSet[Key]) -> bool:
    """Whether a policy in force asks for a key, or may, as far as can be known here."""
    try:
        key = parse_key(name)
    except InvalidKeyError:
        return True  # `validate` tells it
    policy = book.policies.get(key.policy)
    if policy is None:
        return bool(book.unreadable) or key in former
    by_subject = isinstance(policy.made_for, ForEach) and key.policy not in book.doubtful
    return not by_subject or key in book.wishes or key in book.kept or key in former


def _made(
    estate: Estate, known: Known, listed: Mapping[str, str], terms: Terms
) -> tuple[Import, int]:
    """What comes of the estate, and how many of its rooms stand in the list for their very keys.

    A line for another key is somebody's word: it is not written over, and its room left out.
    """
    while True:
        made = import_rooms(estate.rooms, known, terms)
        keys = {row.room_id: str(Key(group.name, row.subject)) for group, row in made.rows}
        others = {id_ for id_, key in listed.items() if keys.get(id_, key) != key}
        if not others:
            return made, len(keys.keys() & listed.keys())
        known = replace(known, listed=known.listed | others)
        listed = {id_: key for id_, key in listed.items() if id_ not in others}


@dataclass(frozen=True, slots=True)
class _Dressed:
    """Theme files to be written, and those that are in force: names by id."""

    made: ThemeImport = field(default_factory=ThemeImport)
    in_force: Mapping[str, str] = field(default_factory=dict)


def _themes(estate: Estate, settings: Settings | None) -> _Dressed:
    """What becomes of the themes; of another server's, and of a saved listing's, nothing."""
    if settings is None or not estate.themes.themes:
        return _Dressed()
    folder = read_folder(settings.policies)
    book = _bind(folder, settings)
    in_force = {one.theme_id: name for name, one in book.themes.items() if one.theme_id}
    for theme in estate.themes.themes:
        name = own_name(settings.owner, theme.name)
        if name is not None and name in book.themes:
            in_force[theme.id] = name
    files = {PurePosixPath(name).parts[0].removesuffix(".yaml") for name in folder.themes}
    taken = {*book.themes, *book.kept_themes, *files}
    themed = estate.themes
    made = import_themes(themed.themes, themed.pictures, settings.owner, in_force, taken)
    return _Dressed(made, in_force)


def _names(dressed: _Dressed, choices: Choices) -> dict[str, str]:
    """What policies call themes, by id: in a new folder there are the new files alone."""
    there = {} if choices.into is not None else dressed.in_force
    return {**there, **dressed.made.names}


# --- what is written ------------------------------------------------------------------------------


def _texts(made: Import, dressed: _Dressed, estate: Estate, choices: Choices) -> dict[str, bytes]:
    """The files by their names in the folder; policies last, for they name the others."""
    origin = f"{estate.source} ({made.read:,} rooms, {estate.now:%Y-%m-%d %H:%M}Z)"
    data = {f"{DATA_FOLDER}/{data_name(one)}": write_rows(one) for one in made.groups}
    policies = {f"{one.name}.yaml": write_policy(one, origin, choices.hosts) for one in made.groups}
    themes = texts_of_themes(dressed.made, origin) if made.groups else {}
    return themes | {name: text.encode() for name, text in (data | policies).items()}


def _entries(made: Import, choices: Choices) -> list[Entry]:
    if choices.elsewhere:
        return []
    return [
        Entry(row.room_id, str(Key(group.name, row.subject)), row.shown, Standing.ADOPTED)
        for group, row in made.rows
    ]


def _files(
    into: Path | None, texts: Mapping[str, bytes], made: Import, choices: Choices, cwd: Path
) -> tuple[str, ...]:
    names = [*([f"{DATA_FOLDER}/{ADOPTED}"] if _entries(made, choices) else []), *texts]
    return tuple(name if into is None else _shown(into / name, cwd) for name in names)


def _refuse_what_is_there(
    into: Path, texts: Mapping[str, bytes], choices: Choices, cwd: Path
) -> None:
    if choices.into is not None:
        if into.exists() and (not into.is_dir() or any(into.iterdir())):
            message = f"{_shown(into, cwd)} is there already, and nothing is overwritten; name a "
            raise DeskError(f"{message}new folder", _INVALID)
        return
    if not into.is_dir():
        message = f"{_shown(into, cwd)}: the policies folder is not there; make it first"
        raise DeskError(message, _INVALID)
    there = [name for name in texts if (into / name).exists() or (into / name).is_symlink()]
    if there:
        more = f" and {len(there) - 1:,} more" if len(there) > 1 else ""
        raise DeskError(
            f"{_shown(into / there[0], cwd)}{more} is there already, and nothing is overwritten. "
            "Give these policies other names: --prefix NAME; or write them elsewhere: --into DIR",
            _INVALID,
        )


def _check(texts: Mapping[str, bytes], settings: Settings | None, choices: Choices) -> None:
    """Read it as the daemon would, together with what is in force."""
    before = Folder({}, {})
    if settings is not None and choices.into is None:
        before = read_folder(settings.policies)
    data, themes = _inside(DATA_FOLDER, texts), _inside(THEMES_FOLDER, texts)
    policies = {name: text for name, text in texts.items() if "/" not in name}
    after = replace(
        before,
        policies={**before.policies, **policies},
        data={**before.data, **data},
        themes={**before.themes, **themes},
    )
    known = set(_bind(before, settings).problems)
    # A room that no policy would ask for is one of them: none is left out without a word.
    problems = [one for one in _bind(after, settings).problems if one not in known]
    if problems:
        raise DeskError(f"nothing was written, because it would be wrong: {problems[0]}", _INVALID)


def _inside(folder: str, texts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files by their names in a folder of the policies folder."""
    below = f"{folder}/"
    return {name.removeprefix(below): it for name, it in texts.items() if name.startswith(below)}


def _bind(folder: Folder, settings: Settings | None) -> Book:
    templates = SandboxedTemplates()
    return Binder(policy_reader(templates, settings), templates).bind(folder, ())


def _write(
    into: Path,
    policies: Path | None,
    texts: Mapping[str, bytes],
    entries: Sequence[Entry],
    *,
    fresh: bool,
) -> None:
    """Write all of it, or nothing: the list first, so that no key is ever without its room."""
    folder = _draft(into) if fresh else into
    drawn = _Drawn([folder] if fresh else [])
    data = folder / DATA_FOLDER
    listed = None if policies is None else policies / DATA_FOLDER / ADOPTED
    try:
        drawn.make_folder(data)
        if fresh and listed is not None and listed.exists():
            drawn.write(data / ADOPTED, listed.read_bytes())  # a folder that can take its place
        if entries:
            drawn.enter(AdoptedFile(folder), entries)
        folders = {data: None, folder: None}
        for name, text in texts.items():
            for above in reversed((folder / name).parents[: len(PurePosixPath(name).parts) - 1]):
                drawn.make_folder(above)
                folders[above] = None
            drawn.write(folder / name, text)
        for one in folders:
            sync_folder(one)
        if fresh:
            folder.rename(into)
            sync_folder(into.parent)
    except BaseException:
        drawn.take_back()
        raise


def _draft(into: Path) -> Path:
    """A new folder beside the one that it becomes."""
    into.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.parent))
    draft.chmod(_LISTED)
    return draft


class _Drawn:
    """What was made so far, to be taken back where the rest cannot be."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._files: list[Path] = []
        self._entered: list[tuple[AdoptedFile, Sequence[Entry]]] = []

    def enter(self, adopted: AdoptedFile, entries: Sequence[Entry]) -> None:
        """Lines of the list, which a daemon may have written into meanwhile."""
        self._entered.append((adopted, entries))
        asyncio.run(adopted.record(entries))

    def make_folder(self, path: Path) -> None:
        if not path.is_dir():
            path.mkdir()
            self._folders.append(path)

    def write(self, path: Path, content: bytes) -> None:
        """A file that is there whole or not at all, for a daemon may look; never over another."""
        draft = path.with_name(f".{path.name}.importing")
        draft.unlink(missing_ok=True)
        try:
            with draft.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(draft)
            self._files.append(path)
        except FileExistsError as error:
            raise FileExistsError(error.errno, error.strerror, str(path)) from error
        finally:
            draft.unlink(missing_ok=True)

    def take_back(self) -> None:
        for path in self._files:
            path.unlink(missing_ok=True)
        for adopted, entries in self._entered:
            lines = [replace(entry, standing=Standing.MARKED) for entry in entries]
            with suppress(AdoptionsFault):
                asyncio.run(adopted.record(lines))  # without a line again
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


# --- what is told ---------------------------------------------------------------------------------


def _report(
    made: Import, dressed: _Dressed, estate: Estate, choices: Choices, files: tuple[str, ...]
) -> ImportReport:
    rows = [row for _, row in made.rows]
    wearing = Counter(group.shape.theme for group, _ in made.rows)
    return ImportReport(
        source=estate.source,
        read=made.read,
        taken=len(rows),
        policies=tuple(
            ImportedPolicy(
                one.name,
                len(one.rows),
                describe(one),
                tuple(f"{path} of {count:,}" for path, count in one.kept.items()),
            )
            for one in made.groups
        ),
        left_out=(*_left_out(made.left_out), *_unread(estate.unreadable)),
        renewed_soon=0 if choices.elsewhere else sum(row.due for row in rows),
        remarks=(*_remarks(made, estate, choices), *_remarks_on_themes(made, dressed, estate)),
        files=files,
        adopts=not choices.elsewhere,
        themes=tuple(
            ImportedTheme(one.name, one.theme_id, one.shown, wearing[one.name], len(one.pictures))
            for one in (dressed.made.drafts if made.groups else ())
        ),
    )


def _left_out(left_out: Mapping[Why, Sequence[Observed]]) -> Iterator[LeftOutRow]:
    for why, rooms in left_out.items():
        yield LeftOutRow(str(why), len(rooms), tuple(room.id for room in rooms[:_SOME]))


def _unread(unreadable: Sequence[str]) -> Iterator[LeftOutRow]:
    if unreadable:
        yield LeftOutRow("cannot be read", len(unreadable), tuple(unreadable[:_SOME]))


def _remarks(made: Import, estate: Estate, choices: Choices) -> Iterator[str]:
    if estate.missing:
        yield f"{estate.missing}: rooms may be missing here"
    kept: Counter[str] = Counter()
    for group in made.groups:
        kept.update(group.kept)
    for path, count in kept.items():
        offer = _OFFERS.get(path, "")
        yield f"{path} of {count:,} {_rooms(count)} is kept, and no policy asks for it{offer}"
    inexact = sum(row.name != row.shown for _, row in made.rows)
    if inexact:
        yield (
            f"the name of {inexact:,} {_rooms(inexact)} is blank, too long or holds what no file "
            "can: it is kept, and a room made anew would bear the name in the data"
        )
    if choices.elsewhere and made.groups:
        yield "each room is made anew at this server, with another link"


def _remarks_on_lines(again: int) -> Iterator[str]:
    if again:
        yield (
            f"{ADOPTED} names {again:,} {_rooms(again)} already, for keys that no policy asks for, "
            "as after an import that was interrupted: taken anew here"
        )


def _remarks_on_themes(made: Import, dressed: _Dressed, estate: Estate) -> Iterator[str]:
    if not made.groups:
        return
    for why, names in dressed.made.left_out.items():
        if why is not WhyTheme.OURS:
            yield f"the theme {json.dumps(names[0])}{_more(names)} is left out: {why}"
    yield from estate.themes.remarks


def _more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""


def _rooms(count: int) -> str:
    return "room" if count == 1 else "rooms"


def _shown(path: Path, cwd: Path) -> str:
    relative = os.path.relpath(path, cwd)
    return str(path) if relative.startswith("..") else relative
