"""The subjects of a policy, from its items or from a data file in YAML, JSON or CSV.

A problem about data names a field and a place and quotes no value, because such files hold names of
people.  Whatever cannot be read makes the subjects unknown, which is not the same as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final, assert_never

from orchestrator.domain.policies import DataFile, Items, Policy, Scalar, Schedule, Subject
from orchestrator.foundation.documents import (
    Document,
    Path,
    Tree,
    read_csv,
    read_json,
    read_yaml,
)
from orchestrator.foundation.problems import Place, Problem, nearest
from orchestrator.ports.sources import Subjects

DATA_MAX: Final = 16 * 1024 * 1024  # bytes of a data file
DATA_FOLDER: Final = "data"
SUFFIXES: Final = (".yaml", ".yml", ".json", ".csv")
_ITEMS: Final[Path] = ("for_each", "items")
_SHOWN: Final = 5


def subjects_of(policy: Policy, data: Mapping[str, bytes | Problem]) -> Subjects:
    """All subjects of a policy, or why they are unknown."""
    if isinstance(policy.made_for, Schedule):
        return Subjects(())
    source = policy.made_for.source
    match source:
        case Items(subjects):
            found = Subjects(subjects)
        case DataFile():
            found = _in_file(source, data)
        case _:
            assert_never(source)
    least = policy.made_for.min_items
    if found.subjects is not None and len(found.subjects) < least:
        place = policy.places.get("for_each.min_items", Place(policy.file))
        message = (
            f"min_items is {least} and there are only {len(found.subjects)} subjects; "
            "nothing is changed until there are more, or min_items is less"
        )
        return Subjects(None, (Problem(place, message),))
    return found


def file_problem(name: str) -> str | None:
    """Say why a name cannot be that of a data file, or nothing."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        return f"{name} leads out of {DATA_FOLDER}/; name a file inside of it"
    if path.suffix not in SUFFIXES:
        return f"{name} is no data file: its name must end in {', '.join(SUFFIXES)}"
    return None


def item_subjects(document: Document) -> tuple[Subject, ...]:
    """The subjects that a policy holds itself; lawful as far as `item_problems` finds nothing."""
    return _listed(document, _ITEMS).subjects or ()


def item_problems(document: Document) -> tuple[Problem, ...]:
    """What is wrong with the items of a policy."""
    return _listed(document, _ITEMS).problems


def _in_file(source: DataFile, data: Mapping[str, bytes | Problem]) -> Subjects:
    name = str(PurePosixPath(source.name))
    raw = data.get(name)
    match raw:
        case None:
            return Subjects(None, (Problem(source.place, _absent(name, data)),))
        case Problem():
            return Subjects(None, (raw,))
        case bytes():
            document = _read(name, raw)
        case _:
            assert_never(raw)
    if document.problems:
        return Subjects(None, document.problems)
    return _listed(document, ())


def _absent(name: str, data: Mapping[str, bytes | Problem]) -> str:
    missing = f"{DATA_FOLDER}/{name} does not exist"
    if name.removeprefix(f"{DATA_FOLDER}/") in data:
        below = name.removeprefix(f"{DATA_FOLDER}/")
        return f"{missing}; names begin below {DATA_FOLDER}/: write {below}"
    near = nearest(name, data)
    if near:
        return f"{missing}; {DATA_FOLDER}/{near} does"
    held = ", ".join(sorted(data)[:_SHOWN])
    return f"{missing}; {DATA_FOLDER}/ holds {held}" if held else f"{missing}; the folder is empty"


def _read(name: str, raw: bytes) -> Document:
    file = f"{DATA_FOLDER}/{name}"
    match PurePosixPath(name).suffix:
        case ".csv":
            return read_csv(file, raw, limit=DATA_MAX)
        case ".json":
            return read_json(file, raw, limit=DATA_MAX, as_written=True)
        case _:
            return read_yaml(file, raw, limit=DATA_MAX, as_written=True)


def _listed(document: Document, path: Path) -> Subjects:
    """The members of a list as subjects."""
    tree: Tree = document.tree
    for step in path:
        tree = tree.get(str(step)) if isinstance(tree, dict) else None
    if not isinstance(tree, list):
        problem = Problem(document.place(path), "must be a list of subjects, each a line with -")
        return Subjects(None, (problem,))
    subjects: list[Subject] = []
    problems: list[Problem] = []
    for at, member in enumerate(tree):
        place = document.place((*path, at))
        if isinstance(member, dict | str):
            fields: Mapping[str, Tree] | Scalar = member
            subjects.append(Subject(fields, place))
        else:
            problems.append(Problem(place, "a subject must be a text or a mapping of fields"))
    return Subjects(None if problems else tuple(subjects), tuple(problems))
