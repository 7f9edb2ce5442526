"""The one spelling of the desk's questions and answers, as JSON.

A question is a name, its values and the version of this spelling; an answer is a report of the
domain, or a refusal with its sentence and exit code.  Both sides are of one release: what is of
another version or has an unknown shape is refused with a sentence that says so, and never guessed
at.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from orchestrator.domain.reports import (
    ApplyReport,
    Done,
    LinksReport,
    NewPage,
    OpenedPage,
    OurLink,
    PageReport,
    PagesReport,
    PlanReport,
    RevealedLink,
    RoomsReport,
    StatusReport,
    WhyNotReport,
    WhyReport,
)
from orchestrator.foundation import shapes
from orchestrator.foundation.problems import Problem
from orchestrator.foundation.shapes import Json, ShapeError
from orchestrator.ports.desk import DeskError
from orchestrator.ports.sources import Folder, Provenance

VERSION: Final = 1
ADDRESS: Final = "/ask"
QUESTION_MAX: Final = 128 * 1024 * 1024  # bytes; a candidate folder with its data is in one

_Report = TypeVar("_Report")


class WireError(Exception):
    """What came cannot be understood; the text says why, and that both must be of one release."""


@dataclass(frozen=True, slots=True)
class WireFile:
    """A file of a candidate folder: its bytes in base64, or why it could not be read."""

    content: str | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class WireFolder:
    """A candidate folder; see `orchestrator.ports.sources.Folder`."""

    policies: Mapping[str, WireFile]
    data: Mapping[str, WireFile]
    problem: Problem | None = None
    provenance: Mapping[str, Provenance] = field(default_factory=dict)
    themes: Mapping[str, WireFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskStatus:
    """`Desk.status`."""


@dataclass(frozen=True, slots=True)
class AskPlan:
    """`Desk.plan`."""

    candidate: WireFolder | None = None


@dataclass(frozen=True, slots=True)
class AskRooms:
    """`Desk.rooms`."""

    foreign: bool = False


@dataclass(frozen=True, slots=True)
class AskWhy:
    """`Desk.why`."""

    name: str


@dataclass(frozen=True, slots=True)
class AskWhyNot:
    """`Desk.why_not`."""

    name: str


@dataclass(frozen=True, slots=True)
class AskLink:
    """`Desk.link`."""

    name: str
    calendar: bool = False


@dataclass(frozen=True, slots=True)
class AskLinks:
    """`Desk.links`."""


@dataclass(frozen=True, slots=True)
class Apply:
    """`Desk.apply`; who gives this and the following commands is not told here."""

    reason: str = ""
    plan: PlanReport | None = None
    approve: bool = False


@dataclass(frozen=True, slots=True)
class ReadHostLink:
    """`Desk.host_link`."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """`Desk.adopt`."""

    room_id: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Distinct:
    """`Desk.distinct`."""

    room_id: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forget:
    """`Desk.forget`."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rekey:
    """`Desk.rekey`."""

    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True)
class Renew:
    """`Desk.renew`."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Protect:
    """`Desk.protect`."""

    name: str
    on: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Suspend:
    """`Desk.suspend`."""

    name: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """`Desk.resume`."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Approve:
    """`Desk.approve`."""

    brake: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reload:
    """`Desk.reload`."""

    reason: str


@dataclass(frozen=True, slots=True)
class FreezeChanges:
    """`Desk.freeze`."""

    until: datetime
    policies: tuple[str, ...]
    all_acts: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Unfreeze:
    """`Desk.unfreeze`."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class AskPages:
    """`Desk.pages`."""

    over: bool = False


@dataclass(frozen=True, slots=True)
class AskPage:
    """`Desk.page`."""

    name: str


@dataclass(frozen=True, slots=True)
class OpenPage:
    """`Desk.open_page`."""

    page: NewPage
    reason: str


@dataclass(frozen=True, slots=True)
class ClosePage:
    """`Desk.close_page`."""

    name: str
    reason: str


Steer = Renew | Protect | Suspend | Resume
SteerAll = FreezeChanges | Unfreeze | Approve | Reload
Paging = OpenPage | ClosePage
Command = Apply | ReadHostLink | Adopt | Distinct | Forget | Rekey | Steer | SteerAll
Linked = AskLink | AskLinks
Asking = AskStatus | AskPlan | AskRooms | AskWhy | AskWhyNot | Linked | AskPages | AskPage
Question = Asking | Command | Paging
Told = WhyReport | WhyNotReport | OurLink | LinksReport | PagesReport | PageReport
Seen = StatusReport | PlanReport | RoomsReport | Told
Report = Seen | ApplyReport | RevealedLink | OpenedPage | Done

# The names are what is sent, so that a class can be renamed.
_NAMES: Final[Mapping[type[Question], str]] = {
    AskStatus: "status",
    AskPlan: "plan",
    AskRooms: "rooms",
    AskWhy: "why",
    AskWhyNot: "why_not",
    AskLink: "link",
    AskLinks: "links",
    Apply: "apply",
    ReadHostLink: "host_link",
    Adopt: "adopt",
    Distinct: "distinct",
    Forget: "forget",
    Rekey: "rekey",
    Renew: "renew",
    Protect: "protect",
    Suspend: "suspend",
    Resume: "resume",
    AskPages: "pages",
    AskPage: "page",
    OpenPage: "open_page",
    ClosePage: "close_page",
    Approve: "approve",
    Reload: "reload",
    FreezeChanges: "freeze",
    Unfreeze: "unfreeze",
}
_QUESTIONS: Final[Mapping[str, type[Question]]] = {name: kind for kind, name in _NAMES.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is sent."""

    version: int
    ask: str
    values: Json


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no report, and the exit code for it."""

    message: str
    code: int


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it is sent: a report or a refusal."""

    version: int
    report: Json = None
    refused: Refusal | None = None


def write_question(question: Question) -> bytes:
    """Spell a question."""
    kind = type(question)
    return shapes.dumps(Asked, Asked(VERSION, _NAMES[kind], shapes.dump(kind, question)))


def read_question(text: bytes) -> Question:
    """Understand a question.

    Raises:
        WireError: it is of another version, or none.
    """
    _check_version(text, "the command line")
    try:
        asked = shapes.loads(Asked, text)
        kind = _QUESTIONS.get(asked.ask)
        if kind is None:
            message = f"the daemon knows no question {asked.ask!r}; {_ONE_RELEASE}"
            raise WireError(message)
        return shapes.load(kind, asked.values)
    except ShapeError as error:
        message = f"the question was not understood ({error}); {_ONE_RELEASE}"
        raise WireError(message) from None


def write_report(report: Report) -> bytes:
    """Spell an answer."""
    return shapes.dumps(Answered, Answered(VERSION, report=shapes.dump(type(report), report)))


def write_refusal(message: str, code: int) -> bytes:
    """Spell a refusal."""
    return shapes.dumps(Answered, Answered(VERSION, refused=Refusal(message, code)))


def read_answer(kind: type[_Report], text: bytes) -> _Report:
    """Understand an answer.

    Raises:
        DeskError: the daemon refused; with its sentence and exit code.
        WireError: it is of another version, or none.
    """
    _check_version(text, "the daemon")
    try:
        answered = shapes.loads(Answered, text)
        if answered.refused is not None:
            raise DeskError(answered.refused.message, answered.refused.code)
        return shapes.load(kind, answered.report)
    except ShapeError as error:
        message = f"the daemon's answer was not understood ({error}); {_ONE_RELEASE}"
        raise WireError(message) from None


def write_folder(folder: Folder) -> WireFolder:
    """Make a folder one that can be sent."""
    return WireFolder(
        policies={name: _write_file(content) for name, content in folder.policies.items()},
        data={name: _write_file(content) for name, content in folder.data.items()},
        problem=folder.problem,
        provenance=folder.provenance,
        themes={name: _write_file(content) for name, content in folder.themes.items()},
    )


def read_folder(folder: WireFolder) -> Folder:
    """Make a folder of one that was sent.

    Raises:
        WireError: a file in it is not base64.
    """
    return Folder(
        policies={name: _read_file(name, file) for name, file in folder.policies.items()},
        data={name: _read_file(name, file) for name, file in folder.data.items()},
        problem=folder.problem,
        provenance=folder.provenance,
        themes={name: _read_file(name, file) for name, file in folder.themes.items()},
    )


_ONE_RELEASE: Final = "use the same release of room-orchestrator for both, and restart the daemon"


def _check_version(text: bytes, sender: str) -> None:
    """Look at the version first: nothing else is sure to have the same form in another one."""
    try:
        plain = json.loads(text)
    except ValueError:  # no JSON, or no UTF-8
        plain = None
    version = plain.get("version") if isinstance(plain, dict) else None
    if version != VERSION:
        told = f"version {version}" if isinstance(version, int) else "another language"
        message = f"{sender} speaks {told} on the control socket, not {VERSION}; {_ONE_RELEASE}"
        raise WireError(message)


def _write_file(content: bytes | Problem) -> WireFile:
    if isinstance(content, Problem):
        return WireFile(problem=content)
    return WireFile(content=base64.b64encode(content).decode("ascii"))


def _read_file(name: str, file: WireFile) -> bytes | Problem:
    if file.problem is not None:
        return file.problem
    try:
        return base64.b64decode(file.content or "", validate=True)
    except binascii.Error as error:
        message = f"{name} did not come whole: {error}"
        raise WireError(message) from error
