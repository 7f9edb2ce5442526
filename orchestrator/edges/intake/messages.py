"""One HTTP message as it came: its bytes and its headers, and who is said to have sent it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers of one message, in their order, names in lower case."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Headers:
        """Take headers in any spelling of their names."""
        return cls(tuple((name.lower(), value) for name, value in pairs))

    def only(self, name: str) -> str:
        """The value of a header that is there exactly once; otherwise an empty text.

        A repeated header is one that two readers may understand differently: no signature, token
        or id is taken from it.
        """
        found = [value for known, value in self.pairs if known == name]
        return found[0].strip() if len(found) == 1 else ""


@dataclass(frozen=True, slots=True)
class Message:
    """What came from a source.

    Attributes:
        source: its name in config.yaml.
        headers: of the request.
        body: inflated, otherwise as it was sent.
    """

    source: str
    headers: Headers
    body: bytes

    @property
    def media_type(self) -> str:
        """What the body is said to be: in lower case, without parameters."""
        return self.headers.only("content-type").partition(";")[0].strip().lower()
