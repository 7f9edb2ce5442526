"""The subjects of a policy: its items, or those of a data file (YAML, JSON, CSV) or a directory.

A problem about data names a field and a place and quotes no value, because such files hold names of
people.  Whatever cannot be read makes the subjects unknown, which is not the same as none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final, assert_never

from orchestrator.domain.policies import (
    DataFile,
    ForEach,
    HttpSource,
    Items,
    Policy,
    Scalar,
    Subject,
)
from orchestrator.foundation.documents import (
    Document,
    Path,
    Tree,
    read_csv,
    read_json,
    read_yaml,
)
from orchestrator.foundation.problems import Place, Problem, nearest
from orchestrator.foundation.selecting import SelectError, compile_select, numeral
from orchestrator.ports.directories import Answers
from orchestrator.ports.sources import Subjects

DATA_MAX: Final = 16 * 1024 * 1024  # bytes of a data file
DATA_FOLDER: Final = "data"
SUFFIXES: Final = (".yaml", ".yml", ".json", ".csv")
_ITEMS: Final[Path] = ("for_each", "items")
_SHOWN: Final = 5
# Indentation, dash and first letter of each line that is no comment and no mark of a document.
_YAML_LINE: Final = re.compile(rb"^([ ]*)(-[ ]+)?([^\s#-])", re.MULTILINE)


def subjects_of(
    policy: Policy,
    data: Mapping[str, bytes | Problem],
    answers: Answers = MappingProxyType({}),
) -> Subjects:
    """All subjects of a policy, or why they are unknown."""
    if not isinstance(policy.made_for, ForEach):
        return Subjects(())
    source = policy.made_for.source
    match source:
        case Items(subjects):
            found = Subjects(subjects)
        case DataFile():
            found = _in_file(source, data)
        case HttpSource():
            found = _in_answer(source, answers)
        case _:
            assert_never(source)
    least = policy.made_for.min_items
    if found.subjects is not None and len(found.subjects) < least:
        return Subjects(None, (_too_few(policy, source, least, len(found.subjects)),))
    return found


def _too_few(
    policy: Policy, source: Items | DataFile | HttpSource, least: int, count: int
) -> Problem:
    place = policy.places.get("for_each.min_items", Place(policy.file))
    if isinstance(source, HttpSource) and not count:
        message = (
            f"{source.directory.shown} answered with no subject at all; nothing is changed. If "
            "that can be true, write min_items: 0"
        )
        return Problem(policy.places.get("for_each.min_items", source.place), message)
    message = (
        f"min_items is {least} and there are only {count} subjects; "
        "nothing is changed until there are more, or min_items is less"
    )
    return Problem(place, message)


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
    if _may_be_cut_off(name, raw):
        message = (
            "ends in the middle of a line, so it may have been cut off; nothing is changed until "
            "its last line ends with a line break"
        )
        return Subjects(None, (Problem(Place(document.file, raw.count(b"\n") + 1), message),))
    return _listed(document, ())


def _may_be_cut_off(name: str, raw: bytes) -> bool:
    """Whether a file that can be read may be the beginning of a longer one, cut off within a row.

    Half a name would be a new name, and with it a new link.  JSON that was cut cannot be read, nor
    can a row of YAML that stands in braces; one that was cut between two rows looks like any
    shorter list.
    """
    text = raw.rstrip(b" \t")
    if PurePosixPath(name).suffix == ".json" or not raw.strip() or text.endswith((b"\n", b"\r")):
        return False
    if PurePosixPath(name).suffix == ".csv":
        return True
    # A brace at the end closes what one began, the list or its last row: "name: Team [EU] North"
    # has them too, and can be cut behind them.
    lines = _YAML_LINE.findall(raw)
    rows = [line for line in lines if line[0] == lines[0][0]]
    begins = [rows[0][2]] if rows and not rows[0][1] else [row[2] for row in rows[-1:]]
    return not (begins in ([b"{"], [b"["]) and text.endswith((b"}", b"]")))


def _in_answer(source: HttpSource, answers: Answers) -> Subjects:
    """The subjects that `select` makes of an answer; each bears its number there as its line."""
    shown = source.directory.shown
    body = answers.get(source.directory, "has not been asked yet")
    if isinstance(body, str):
        return Subjects(None, awaited=f"{shown} {body}")
    document = read_json(shown, body, limit=DATA_MAX, as_written=True, numeral=numeral)
    if document.problems:
        return Subjects(None, document.problems)
    try:
        found = compile_select(source.select).of(document.tree)
    except SelectError as error:
        return Subjects(None, (Problem(source.select_place, f"select {error}"),))
    if not isinstance(found, list):
        message = (
            f"select makes {_kind(found)} of the answer of {shown}; it must make a list of texts "
            "or mappings. Nothing is changed"
        )
        return Subjects(None, (Problem(source.select_place, message),))
    wrong = next((at for at, one in enumerate(found) if not isinstance(one, dict | str)), None)
    if wrong is not None:
        message = (
            f"select makes a list of the answer of {shown} whose member {wrong + 1} is "
            f"{_kind(found[wrong])}, not a text or a mapping. Nothing is changed"
        )
        return Subjects(None, (Problem(source.select_place, message),))
    return Subjects(
        tuple(
            Subject(one, Place(shown, at))
            for at, one in enumerate(found, 1)
            if isinstance(one, dict | str)
        )
    )


def _kind(found: Tree) -> str:
    match found:
        case None:
            return "nothing (null)"
        case bool():
            return "true or false"
        case str():
            return "a single text or number"
        case list():
            return "a list"
        case _:
            return "a mapping"


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
