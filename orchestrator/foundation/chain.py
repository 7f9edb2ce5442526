"""A hash chain over lines: each line holds the hash of the one before and, last, its own.

The canonical form of a line, to the byte: one JSON object in UTF-8, without spaces, its fields in
the order that the caller fixes, the fields of inner objects sorted by name, characters beyond ASCII
as themselves (a lone surrogate as its escape), then ``prev`` and ``hash``, 64 hexadecimal digits
each. The hash is SHA-256 over the digits of ``prev`` and the line as it reads without ``hash``.

Checking never parses and writes anew: it takes the bytes as they stand, so that no two spellings of
the same values are alike to it. A chain alone does not tell that its end was cut off; whoever needs
to know keeps the last hash elsewhere.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

GENESIS: Final = "0" * 64  # what the first line of all has as the hash before it

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_TAIL: Final = re.compile(
    rb',"prev":"(?P<prev>[0-9a-f]{64})"(?P<own>,"hash":"(?P<hash>[0-9a-f]{64})")\}\Z'
)


@dataclass(frozen=True, slots=True)
class SealedLine:
    """One line of a chain, without its newline.

    Attributes:
        text: the whole line.
        previous: the hash that it says the line before has.
        hash: the hash that it says it has.
    """

    text: bytes
    previous: str
    hash: str

    @property
    def is_whole(self) -> bool:
        """Whether the hash that the line names is the one that its bytes have."""
        return self.computed == self.hash

    @property
    def computed(self) -> str:
        """The hash that the bytes have, whatever the line says."""
        without = self.text[: -len(_own(self.hash)) - 1] + b"}"
        return link(self.previous, without)


def link(previous: str, text: bytes) -> str:
    """The hash of a line that reads `text` without its hash and follows `previous`."""
    return hashlib.sha256(previous.encode("ascii") + text).hexdigest()


def seal(fields: Mapping[str, object], order: Sequence[str], previous: str) -> SealedLine:
    """Write plain JSON values as the line that follows the hash `previous`.

    Raises:
        ValueError: a field is not in `order` (which must not name prev and hash), or a number is
            not finite.
        TypeError: a value is not plain JSON.
    """
    text = canonical({**fields, "prev": previous}, (*order, "prev"))
    own = link(previous, text)
    return SealedLine(text[:-1] + _own(own) + b"}", previous, own)


def unseal(text: bytes) -> SealedLine | None:
    """Read a line's two hashes; None where it does not end as `seal` ends a line.

    Whether the hash fits is another question: `SealedLine.is_whole`.
    """
    tail = _TAIL.search(text)
    if tail is None:
        return None
    return SealedLine(text, tail["prev"].decode("ascii"), tail["hash"].decode("ascii"))


def canonical(fields: Mapping[str, object], order: Sequence[str]) -> bytes:
    """Write fields in the canonical form, those that are there in the given order.

    Raises:
        ValueError: a field is not in `order`, or a number is not finite.
        TypeError: a value is not plain JSON.
    """
    strange = fields.keys() - set(order)
    if strange:
        message = f"no place is fixed for {', '.join(sorted(strange))}"
        raise ValueError(message)
    placed = {name: _sorted(fields[name]) for name in order if name in fields}
    # Only a lone surrogate cannot be encoded, and its replacement is just JSON's escape for it.
    return _ENCODER.encode(placed).encode("utf-8", "backslashreplace")


def _own(digits: str) -> bytes:
    return f',"hash":"{digits}"'.encode("ascii")


def _sorted(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value
