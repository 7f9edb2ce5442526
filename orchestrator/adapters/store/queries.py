"""The statements of ``queries.sql`` by name.  Refuses a name that stands there twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_HEADING: Final = re.compile(r"^-- name: (?P<name>\w+)\n", re.MULTILINE)


def parse_queries(text: str) -> Mapping[str, str]:
    """Split a file at its ``-- name: …`` lines; what stands before the first is a comment.

    Raises:
        ValueError: two statements bear one name.
    """
    _, *parts = _HEADING.split(text)
    names, statements = parts[::2], parts[1::2]
    if len(set(names)) < len(names):
        message = "two statements bear one name"
        raise ValueError(message)
    return MappingProxyType(
        {name: sql.strip() for name, sql in zip(names, statements, strict=True)}
    )


QUERIES: Final = parse_queries(
    files(__package__).joinpath("queries.sql").read_text(encoding="utf-8")
)
