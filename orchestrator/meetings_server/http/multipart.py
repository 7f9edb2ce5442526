"""Forms with a file in them (multipart/form-data, RFC 7578), read from a body that is whole.

It takes few and short fields, stops at the file, and refuses what is cut or has no name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_BOUNDARY: Final = re.compile(
    r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE
)
_NAME: Final = re.compile(rb';\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))', re.IGNORECASE)
_DISPOSITION: Final = b"content-disposition:"
_FILE: Final = "file"
_MOST_FIELDS: Final = 32
_LONGEST_FIELD: Final = 8192


class NotAForm(ValueError):
    """The body is no form, or more than a form with one file; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Form:
    """Fields before the file, by name in lower case; of a doubled name the first."""

    fields: Mapping[str, str]
    #: None: there is none.
    file: bytes | None


def parse_form(content_type: str, body: bytes) -> Form:
    """The form in a body; what comes after the file is passed over.

    Raises:
        NotAForm: it is none.
    """
    boundary = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or boundary is None:
        message = "The body must be multipart/form-data with a boundary"
        raise NotAForm(message)
    mark = b"\r\n--" + (boundary[1] or boundary[2]).encode("latin-1", "replace")
    fields: dict[str, str] = {}
    parts = 0
    # The first mark has no line before it.
    rest = (b"\r\n" + body).partition(mark)[2]
    while not rest.startswith(b"--"):
        part, found, rest = rest.partition(mark)
        head, blank, content = part.partition(b"\r\n\r\n")
        if not found or not blank:
            message = "The form breaks off"
            raise NotAForm(message)
        name = _name(head)
        if name == _FILE:
            return Form(fields, content)
        # Also those of one name: each costs a copy of all that follows.
        parts += 1
        if parts > _MOST_FIELDS or len(content) > _LONGEST_FIELD:
            message = "The form has too much before its file"
            raise NotAForm(message)
        fields.setdefault(name, content.decode(errors="replace"))
    return Form(fields, None)


def _name(head: bytes) -> str:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(_DISPOSITION):
            found = _NAME.search(line)
            if found is not None:
                named = found[2] if found[1] is None else found[1]
                return named.decode(errors="replace").lower()
    message = "A part of the form has no name"
    raise NotAForm(message)
