"""A request and its answer, as values."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

#: What an answer may hold. `object`, because mypy cannot follow a recursive mapping of literals.
Json = Mapping[str, object]

#: JSON without spaces; made once, because `json.dumps` would make an encoder each time.
compact: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_NONE: Final[Mapping[str, str]] = {}

JSON_TYPE: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, its body read whole. Header names in lower case; of a doubled name the first."""

    method: str
    #: From the first slash, decoded, without the query.
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a file, too many to hold."""

    file: Path
    begin: int
    length: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, its body written whole, or as a part of a file that is sent as it is read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    part: Part | None = None


#: From a request to its answer.
Carry: TypeAlias = Callable[[Request], Awaitable[Answer]]

#: What stands around a `Carry`; it may call it, and may raise `Silence`.
Around: TypeAlias = Callable[[Request, Carry], Awaitable[Answer]]


class Silence(ConnectionResetError):
    """No whole answer goes out, and the connection ends.

    An `OSError`, so that it means to a client in the same process what it would mean over a socket.

    Attributes:
        begun: what goes out before; its Content-Length tells of more than there is. None: nothing.
    """

    def __init__(self, begun: Answer | None = None) -> None:
        """Leave out `begun` where not a byte goes out."""
        super().__init__("the connection was closed before the answer was whole")
        self.begun = begun


def held(answer: Answer) -> Answer:
    """The same answer with its part of a file read into its body.

    Raises:
        OSError: the file cannot be read.
    """
    if answer.part is None:
        return answer
    with answer.part.file.open("rb") as file:
        file.seek(answer.part.begin)
        return replace(answer, body=file.read(answer.part.length), part=None)


def json_answer(status: int, body: Json | list[Json], headers: Mapping[str, str] = _NONE) -> Answer:
    """An answer in JSON; the order of keys is kept."""
    return Answer(status, {"Content-Type": JSON_TYPE, **headers}, compact(body).encode())


def text_answer(status: int, text: str) -> Answer:
    """An answer in plain text."""
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())


def empty_answer(status: int) -> Answer:
    """An answer without a body."""
    return Answer(status, {}, b"")
