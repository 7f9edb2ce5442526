"""A request and its answer, as values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

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
class Answer:
    """One answer, its body written whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def json_answer(status: int, body: Json | list[Json], headers: Mapping[str, str] = _NONE) -> Answer:
    """An answer in JSON; the order of keys is kept."""
    return Answer(status, {"Content-Type": JSON_TYPE, **headers}, compact(body).encode())


def empty_answer(status: int) -> Answer:
    """An answer without a body."""
    return Answer(status, {}, b"")
