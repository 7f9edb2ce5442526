"""Offline validation: config, policies and data are read, and every problem is told at once.

It reads files and nothing else: no store, no API, no secret.  What it finds is what the daemon
would find, because the same binder makes the book.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.adapters.policies.reader import POLICY_MAX
from orchestrator.adapters.policies.scanning import load as load_folder
from orchestrator.adapters.policies.themes import THEMES_FOLDER
from orchestrator.adapters.templates.rendering import SandboxedTemplates
from orchestrator.app.configuration import ConfigError, Loaded, load
from orchestrator.app.reading import policy_reader
from orchestrator.config import Settings
from orchestrator.domain.policies import Policy
from orchestrator.engine.book import Binder
from orchestrator.engine.polling import source_of
from orchestrator.foundation.documents import read_yaml
from orchestrator.foundation.problems import Place, Problem, nearest
from orchestrator.ports.sources import Folder

CONFIG_NAME = "config.yaml"


@dataclass(frozen=True, slots=True)
class Validation:
    """What was looked at and what is wrong with it.

    Attributes:
        looked_at: the files and folders, as they were named.
        policies: how many can be used as they are.
        rooms: how many rooms those ask for.
        themes: how many themes can be used as they are.
        unasked: directories, which are not asked, with the policies whose rooms they would tell.
    """

    looked_at: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    policies: int = 0
    rooms: int = 0
    unasked: tuple[str, ...] = ()
    themes: int = 0

    def __add__(self, other: Validation) -> Validation:
        """Both together."""
        return Validation(
            tuple(dict.fromkeys((*self.looked_at, *other.looked_at))),
            tuple(dict.fromkeys((*self.problems, *other.problems))),
            tuple(dict.fromkeys((*self.warnings, *other.warnings))),
            self.policies + other.policies,
            self.rooms + other.rooms,
            tuple(dict.fromkeys((*self.unasked, *other.unasked))),
            self.themes + other.themes,
        )


def validate(
    paths: Sequence[Path], option: Path | None, environ: Mapping[str, str], cwd: Path
) -> Validation:
    """Validate an installation, or only what is named.

    Args:
        paths: config files, folders of policies, single policy files; none: the config that any
            command would read, with its policies.
        option: what ``--config`` says.
        environ: the process's environment.
        cwd: the folder that the command was given in; places are told relative to it.
    """
    if not paths:
        return _installation(option, environ, cwd)
    whole = Validation()
    for path in paths:
        whole += _path(cwd / path, environ, cwd)
    return whole


def read_folder(path: Path) -> Folder:
    """Read a folder of policies that is not in force."""
    contents = load_folder(path)
    return Folder(
        contents.policies, contents.data, contents.listing.problem, themes=contents.themes
    )


def _path(path: Path, environ: Mapping[str, str], cwd: Path) -> Validation:
    if path.name == CONFIG_NAME:
        return _installation(path, environ, cwd)
    if path.is_dir():
        inside = path / CONFIG_NAME
        if inside.exists():
            return _installation(inside, environ, cwd)
        return _folder(path, None, cwd)
    if not path.exists():
        name = _shown(path, cwd)
        return Validation((name,), (Problem(Place(name), "does not exist"),))
    # A theme file lies one folder deeper than a policy.
    folder = path.parent.parent if path.parent.name == THEMES_FOLDER else path.parent
    whole = _folder(folder, None, cwd)
    name = _shown(path, cwd)
    return replace(
        whole,
        looked_at=(name,),
        problems=tuple(problem for problem in whole.problems if problem.place.file == name),
    )


def _installation(option: Path | None, environ: Mapping[str, str], cwd: Path) -> Validation:
    try:
        loaded: Loaded = load(option, environ, cwd)
    except ConfigError as error:
        problems = tuple(_placed(error.problems, lambda file: _shown(cwd / file, cwd)))
        names = tuple(dict.fromkeys(problem.place.file for problem in problems))
        return Validation(names, problems)
    settings = loaded.settings
    config = Validation((_shown(settings.file, cwd),), warnings=loaded.warnings)
    return config + _folder(settings.policies, settings, cwd)


def _folder(path: Path, settings: Settings | None, cwd: Path) -> Validation:
    templates = SandboxedTemplates()
    reader = policy_reader(templates, settings)
    folder = read_folder(path)
    book = Binder(reader, templates).bind(folder, ())
    found = dict.fromkeys((*book.problems, *_missing_data(folder, book.rejected)))
    problems = _placed(tuple(found), lambda file: _shown(_inside(path, file), cwd))
    return Validation(
        (f"{_shown(path, cwd)}/",),
        tuple(problems),
        (),
        len(book.policies),
        len(book.wishes),
        tuple(f"{name}: {_unasked(book.policies[name])}" for name in sorted(book.awaited)),
        len(book.themes),
    )


def _unasked(policy: Policy) -> str:
    source = source_of(policy)
    return "" if source is None else source.directory.shown


def _missing_data(folder: Folder, rejected: Iterable[str]) -> Iterator[Problem]:
    """Data that bad policies name and that is not there: the binder looks only for good ones'."""
    for file in rejected:
        text = folder.policies.get(file)
        document = None if not isinstance(text, bytes) else read_yaml(file, text, limit=POLICY_MAX)
        tree = document.tree if document is not None else None
        source = tree.get("for_each") if isinstance(tree, dict) else None
        name = source.get("file") if isinstance(source, dict) else None
        if document is None or not isinstance(name, str) or name in folder.data:
            continue
        near = nearest(name, folder.data)
        ending = f"; data/{near} does" if near else ""
        place = document.place(("for_each", "file"))
        yield Problem(place, f"data/{name} does not exist{ending}")


def _inside(folder: Path, file: str) -> Path:
    # A problem with the folder itself bears the folder's own path.
    return folder if file == str(folder) else folder / file


def _placed(problems: Sequence[Problem], name: Callable[[str], str]) -> Iterator[Problem]:
    """The problems in order, their files called as people call them here."""
    for problem in sorted(problems):
        yield replace(problem, place=replace(problem.place, file=name(problem.place.file)))


def _shown(path: Path, cwd: Path) -> str:
    """A path as people would type it here: relative where it lies below, else whole."""
    relative = os.path.relpath(path, cwd)
    return str(path) if relative.startswith("..") else relative
