"""The shape of HTTP that the client stands on: one request in, one answer or one silence out.

A transport neither repeats a request nor follows a redirect.  Besides `NotSent` and `NoAnswer`
it may raise Python's own `ConnectionRefusedError` (as `NotSent`), and any other `OSError` or
`TimeoutError` (as `NoAnswer`), so that a transport need not import this module.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class Answer(Protocol):
    """What came back, whatever its status; the names of headers may be in any case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


class Transport(Protocol):
    """A way to one API."""

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        """Send one request, once.

        Args:
            method: in capitals.
            path: begins with a slash, and nothing in it needs percent-encoding.
            query: not encoded.
            headers: one of them is a secret; they go into no error.
            body: the bytes of a JSON document, or none.

        Raises:
            NotSent: the request surely did not reach the API.
            NoAnswer: it left, and no whole answer came back.
        """
        ...


class Uploads(Protocol):
    """A way to the places that an API names for pictures; elsewhere, and without our token."""

    async def upload(self, url: str, fields: Mapping[str, str], content: bytes) -> Answer:
        """POST a form once: the fields in their order, then the picture as ``file``.

        Of the answer only status and headers are told.

        Args:
            url: as the API named it.
            fields: verbatim.
            content: of a PNG file.

        Raises:
            NotSent: no connection was made, or this address is none that is sent to.
            NoAnswer: it left, and no answer began.
        """
        ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer whose body is still coming; see `Answer`.

    ``pieces`` is read once, as it came, and raises `NoAnswer` where it broke off.
    """

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]


class Downloads(Protocol):
    """A way to the places that an API names for contents; elsewhere, and without our token."""

    def open(self, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Incoming]:
        """GET once, and read while it is open.

        Args:
            url: as the API named it; a secret, which goes into no error.
            headers: of the request.

        Raises:
            NotSent: no connection was made.
            NoAnswer: it left, and no answer began.
            ForbiddenError: nothing is asked of this address.
        """
        ...


class NotSent(Exception):
    """No connection was made, so the API cannot have carried anything out."""


class NoAnswer(Exception):
    """The request left; nobody knows whether it was carried out."""
