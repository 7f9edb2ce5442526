"""Ports: destinations for links, and boards for alerts.

A `Destination`, a `LinkBoard` and an `AlertBoard` are shown the whole present state, never a
difference.  A `Messenger` is told of one link at a time, by a message that it may be able to change
later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from orchestrator.domain.alerts import Alert
from orchestrator.domain.announcements import Announcement
from orchestrator.domain.reports import LinksReport


@dataclass(frozen=True, slots=True)
class DeliveredRoom:
    """One current room as people are told of it; a host link is never part of it.

    Attributes:
        key: as people write it, ``policy/subject``.
        expires_at: UTC.
        ending: the room is let go and will not be renewed.
        link: our own link of the key, which outlives this room; where this daemon has no public
            address, the room's guest link.
    """

    policy: str
    subject: str
    key: str
    room_id: str
    display_name: str
    type: str
    guest_url: str
    meeting_code: str
    expires_at: datetime | None
    ending: bool
    link: str = ""


class DeliveryFault(Exception):
    """The destination could not be told; try again later.

    `retry_after` is what it asked to wait, in seconds; None where it did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep what happened, in words without a secret, and how long to wait."""
        super().__init__(message)
        self.retry_after = retry_after


class DeliveryUnansweredError(DeliveryFault):
    """Nobody knows whether the destination took it: the connection broke after it was sent."""


class DeliveryRefusedError(DeliveryFault):
    """The destination will not take this, however often it is sent; the text says what to mend."""


class DeliveredInPartError(DeliveryRefusedError):
    """It was told to some and refused for good for others; the text names who has to be mended.

    Sending it again would only tell the others twice: it counts as told, by `handle`.
    """

    def __init__(self, message: str, handle: str) -> None:
        """Keep what happened, and the handle by which it can be changed."""
        super().__init__(message)
        self.handle = handle


class Destination(Protocol):
    """Somewhere people look for their rooms."""

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        ...

    async def deliver(self, rooms: Sequence[DeliveredRoom], now: datetime) -> None:
        """Show exactly these rooms, in this order; doing it twice is the same as once.

        Raises:
            DeliveryFault: it was not told; what it showed before still stands.
        """
        ...


@runtime_checkable
class LinkBoard(Protocol):
    """Somewhere our own links lead on from while we are away."""

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        ...

    async def lead(self, report: LinksReport, now: datetime) -> None:
        """Lead exactly where these links do; one that it knew and that is not among them is over.

        Doing it twice is the same as once.

        Raises:
            DeliveryFault: it was not told; what it knew before still leads on.
        """
        ...


class Messenger(Protocol):
    """Somewhere that messages are posted: one a link and episode, changed where that is possible.

    Each call is one attempt, bounded in time; when to try again is the outbox's business.
    """

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        ...

    @property
    def edits(self) -> bool:
        """Whether what was sent can be changed; otherwise only the first and the end are told."""
        ...

    async def send(self, told: Announcement, attempt: int) -> str:
        """Tell of a link for the first time; returns a handle by which it can be changed.

        Args:
            told: what to say.
            attempt: from 1; from 2 on an earlier try may have been taken: where the destination can
                be asked, it is, before a second message is made.

        Returns:
            what `change` needs to find the message again (at most 1,000 characters, no secret), or
            an empty text.

        Raises:
            DeliveryFault: it was not told; `DeliveredInPartError`: to some it was.
        """
        ...

    async def change(self, told: Announcement, handle: str, attempt: int) -> str:
        """Tell of another stage of what was sent; returns the handle from now on.

        Where messages cannot be changed this is called for the end alone, and sends a further one.

        Raises:
            DeliveryFault: it was not told; what it showed before still stands.
        """
        ...

    async def check(self) -> str:
        """Look whether it could be told, without telling anybody; for ``doctor``.

        Returns:
            what was found in order, in a few words.

        Raises:
            DeliveryFault: what is wrong and how to mend it.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A messenger that says how fast it may be called; others are called once a second."""

    @property
    def spacing(self) -> float:
        """Seconds that lie at least between the beginnings of two calls; 0 for no limit."""
        ...


class AlertBoard(Protocol):
    """Somewhere the operators look for what needs them."""

    async def show(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Show exactly these alerts, in this order; doing it twice is the same as once.

        Raises:
            DeliveryFault: it was not shown; what it showed before still stands.
        """
        ...


class Keepsake(Protocol):
    """A small text that one part keeps for itself over a restart.

    It never fails: who tells of a broken store must go on without one.  What could not be written
    is held in memory until the next writing.
    """

    async def read(self) -> str | None:
        """What was kept; None where nothing was, or where it cannot be read now."""
        ...

    async def write(self, text: str | None) -> None:
        """Keep this from now on; None: nothing."""
        ...
