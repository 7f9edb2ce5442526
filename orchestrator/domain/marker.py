"""The marker: our signature in a room's ``metadata``, written once, readable for ever.

``metadata`` cannot be patched (the API notes, 6.5), so the marker holds only what was true at the
room's birth.  Its form is final and versioned; a reader of version 1 leaves rooms marked by any
other version alone.  The user's own text stands before it and is never interpreted.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from orchestrator.domain.keys import ENCODED_KEY_MAX, Key, is_encoded_key

TEXT_MAX: Final = 190  # characters of the user's own
MARKER_MAX: Final = 300  # characters of ours; 190 + newline + 300 stay below the API's 500
OWNER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
OPERATION: Final = re.compile(r"[0-9a-z]{4,12}-[0-9A-Za-z]{8,27}")
GENERATION_MAX: Final = 9_999_999

_MARKED: Final = re.compile(r"\[ro(?P<version>[0-9]{1,3}) (?P<fields>[^\[\]\n]*)\]\s*$")
_FIELDS: Final = re.compile(
    r"o=(?P<owner>\S+) k=(?P<key>\S+) g=(?P<generation>[1-9][0-9]{0,6}) op=(?P<operation>\S+)"
    r" c=(?P<check>[0-9a-f]{8})"
)


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
    if OWNER.fullmatch(owner) is None:
        message = f"{owner!r} cannot be an owner id: 1 to 40 of a-z, 0-9 and -"
        raise ValueError(message)
    if not 1 <= generation <= GENERATION_MAX:
        message = f"generation {generation} is not between 1 and {GENERATION_MAX}"
        raise ValueError(message)
    if OPERATION.fullmatch(operation) is None:
        message = f"{operation!r} cannot be an operation id"
        raise ValueError(message)
    return Marker(owner, key.encoded, generation, operation)


def write_metadata(text: str, marker: Marker) -> str:
    """Join the user's text (at most 190 characters) and the marker into a room's ``metadata``."""
    if len(text) > TEXT_MAX:
        message = f"metadata has at most {TEXT_MAX} characters, this text has {len(text)}"
        raise ValueError(message)
    body = _body(marker)
    signed = f"[ro1 {body} c={_check(body)}]"
    return f"{text}\n{signed}" if text else signed


def read_metadata(metadata: str | None) -> tuple[str, Marker | Unreadable | None]:
    """Split ``metadata`` into the user's text and the marker.

    The marker is ``None`` where there is none, and `Unreadable` where something stands that means
    to be one: such a room is foreign, and worth telling a person about.
    """
    if metadata is None:
        return "", None
    found = _MARKED.search(metadata)
    if found is None:
        return metadata, None
    text = metadata[: found.start()].removesuffix("\n")
    if found["version"] != "1":
        return text, Unreadable(f"its marker is of version {found['version']}")
    fields = _FIELDS.fullmatch(found["fields"])
    if fields is None:
        return text, Unreadable("its marker is damaged")
    marker = Marker(fields["owner"], fields["key"], int(fields["generation"]), fields["operation"])
    if fields["check"] != _check(_body(marker)) or not _lawful(marker):
        return text, Unreadable("its marker was altered")
    return text, marker


def _lawful(marker: Marker) -> bool:
    return (
        OWNER.fullmatch(marker.owner) is not None
        and OPERATION.fullmatch(marker.operation) is not None
        and len(marker.key) <= ENCODED_KEY_MAX
        and is_encoded_key(marker.key)
    )
