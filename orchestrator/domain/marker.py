"""The marker: our signature in a room's ``metadata``, written once, readable for ever.

``metadata`` cannot be patched (the API notes, 6.5), so the marker holds only what was true at the
room's birth.  Its form is final and versioned; a reader of version 1 leaves rooms marked by any
other version alone.  The user's own text stands before it and is never interpreted.

The marker is one line of printable ASCII without quotes, ampersand, angle brackets or backslash,
because it passes through other people's programs: the API may hand ``metadata`` on as an HTTP
header (the API notes, 6.1), trim it, or escape it for HTML.  None of that changes it; whatever does
is noticed by its check digits, and the room is then left alone.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from orchestrator.domain.keys import Key, is_encoded_key

TEXT_MAX: Final = 190  # characters of the user's own, counted as UTF-16 does: many APIs count so
MARKER_MAX: Final = 300  # characters of ours; 190 + space + 300 stay below the API's 500
OWNER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
OPERATION: Final = re.compile(r"[0-9a-z]{4,12}-[0-9A-Za-z]{8,27}")
GENERATION_MAX: Final = 9_999_999

# The last thing in the metadata, but for space that somebody put after it.
_MARKED: Final = re.compile(r"\[ro(?P<version>[0-9]{1,3}) (?P<fields>[^\[\]\r\n]*)\]\s*\Z")
_CUT_OFF: Final = re.compile(r"\[ro[0-9]{1,3} [^\[\]]*\Z")
_FIELDS: Final = re.compile(
    r"o=(?P<owner>\S+) k=(?P<key>\S+) g=(?P<generation>[1-9][0-9]{0,6}) op=(?P<operation>\S+)"
    r" c=(?P<check>[0-9a-f]{8})"
)
# Controls but for tab and newline, and lone surrogates: many APIs refuse or drop them.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Marker:
    """What a room's metadata says of its birth.

    Attributes:
        owner: the id of the installation that made it.
        key: the key that it was born for, in its encoded form.
        generation: counts the rooms that were meant for this key, from 1.
        operation: the id of the journalled operation that made it.
    """

    owner: str
    key: str
    generation: int
    operation: str

    def __post_init__(self) -> None:
        """Refuse what could not be read back.

        Raises:
            ValueError: a part breaks the grammar.
        """
        if OWNER.fullmatch(self.owner) is None:
            message = f"{self.owner!r} cannot be an owner id: 1 to 40 of a-z, 0-9 and -"
            raise ValueError(message)
        if not is_encoded_key(self.key):
            message = f"{self.key!r} is not an encoded key"
            raise ValueError(message)
        if not 1 <= self.generation <= GENERATION_MAX:
            message = f"generation {self.generation} is not between 1 and {GENERATION_MAX}"
            raise ValueError(message)
        if OPERATION.fullmatch(self.operation) is None:
            message = f"{self.operation!r} cannot be an operation id"
            raise ValueError(message)

    @property
    def incarnation(self) -> str:
        """The store that journalled the operation: the part of its id before the first dash."""
        return self.operation.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A marker of another version, or one that was damaged: not ours to touch."""

    reason: str


def _body(marker: Marker) -> str:
    return f"o={marker.owner} k={marker.key} g={marker.generation} op={marker.operation}"


def _check(body: str) -> str:
    return hashlib.sha256(f"ro1 {body}".encode()).hexdigest()[:8]


def new_marker(owner: str, key: Key, generation: int, operation: str) -> Marker:
    """Make the marker of a room to be born.

    Raises:
        ValueError: a part breaks the grammar; nothing that cannot be read back is ever written.
    """
    return Marker(owner, key.encoded, generation, operation)


def normalise_text(text: str) -> str:
    """Bring the user's text into the form that `write_metadata` takes: trimmed, if it is lawful.

    Raises:
        ValueError: it is too long or holds what cannot be written; the text says which.
    """
    trimmed = text.strip()
    unwritable = _UNWRITABLE.search(trimmed)
    if unwritable is not None:
        message = f"metadata may not hold the character U+{ord(unwritable[0]):04X}"
        raise ValueError(message)
    length = len(trimmed.encode("utf-16-le")) // 2
    if length > TEXT_MAX:
        message = (
            f"metadata has at most {TEXT_MAX} characters, this text has {length} (an emoji counts "
            "as two)"
        )
        raise ValueError(message)
    return trimmed


def write_metadata(text: str, marker: Marker) -> str:
    """Join the user's text, trimmed, and the marker into a room's ``metadata``.

    Raises:
        ValueError: the text is not lawful (`normalise_text`).
    """
    body = _body(marker)
    signed = f"[ro1 {body} c={_check(body)}]"
    # A space and no newline: metadata may travel as an HTTP header, which ends at a newline.
    return f"{normalise_text(text)} {signed}".lstrip()


@lru_cache(maxsize=1024)  # one answer is read by several: who made it, for whom, by which operation
def read_metadata(metadata: str | None) -> tuple[str, Marker | Unreadable | None]:
    """Split ``metadata`` into the user's text, trimmed, and the marker.

    The marker is ``None`` where there is none, and `Unreadable` where something stands that means
    to be one: such a room is foreign, and worth telling a person about.
    """
    if metadata is None:
        return "", None
    found = _MARKED.search(metadata)
    if found is None:
        cut = _CUT_OFF.search(metadata)
        return metadata.strip(), None if cut is None else Unreadable("its marker was cut off")
    text = metadata[: found.start()].strip()
    if found["version"] != "1":
        return text, Unreadable(f"its marker is of version {found['version']}")
    fields = _FIELDS.fullmatch(found["fields"])
    if fields is None:
        return text, Unreadable("its marker is damaged")
    try:
        marker = Marker(
            fields["owner"], fields["key"], int(fields["generation"]), fields["operation"]
        )
    except ValueError:
        return text, Unreadable("its marker was altered")
    if fields["check"] != _check(_body(marker)):
        return text, Unreadable("its marker was altered")
    return text, marker
