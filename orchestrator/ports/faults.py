"""Faults of the Meetings API, named by what to do next.

An adapter translates every foreign exception into one of these, in one place, and chains the
cause; nothing else leaves it.  The engine switches on them exhaustively.  No fault's text ever
holds a token, a host link or more of a body than its first 200 characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass
class Fault(Exception):
    """What every fault tells.

    Attributes:
        message: what happened, in one line, safe to show.
        status: the HTTP status, or 0 where no answer came.
    """

    message: str
    status: int = 0

    def __str__(self) -> str:
        """The message, with the status where there was one."""
        return f"{self.status}: {self.message}" if self.status else self.message


@dataclass
class UnavailableError(Fault):
    """Weather: 429, 5xx, no connection, a time-out of a call that changes nothing. Come back.

    For a call that changes something it is raised only when the call surely was not carried out:
    the connection was refused, or the answer was 429 or 503.
    """

    retry_after: timedelta | None = None


@dataclass
class UnansweredError(Fault):
    """A call that changes something left, and nobody knows whether it was carried out.

    Also raised for a 2xx whose body was cut, cannot be read, or lacks our marker, and for 5xx
    other than 503. Look before trying again.
    """


@dataclass
class UnauthorizedError(Fault):
    """401: the connection's fault, not the key's. All calls stop; one probe a minute."""


@dataclass
class ForbiddenError(Fault):
    """403 or 409: come back after fifteen minutes, growing to six hours."""

    occupied: bool = False  # a DELETE answered 409: somebody is inside


@dataclass
class RefusedError(Fault):
    """400 or 422: the API will not take this. Once more after a clock check, then daily."""


@dataclass
class NotTakenError(Fault):
    """A 2xx that left the room's end as it was: like 403, for another try may be taken."""


@dataclass
class MissingError(Fault):
    """404: nothing there under this id, as far as this answer goes."""


@dataclass
class WithheldError(Fault):
    """Nothing was sent: the client stands on a transport that lets only GET through (observe)."""
