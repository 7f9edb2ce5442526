"""Port: what stands behind our own links, and behind the calendars of scheduled rooms.

It drives us: a person opens a link.  Nobody asks here who does not have the right link already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchestrator.domain.feed import FeedEvent
from orchestrator.domain.links import LinkView


class LinkDesk(Protocol):
    """Answers for links, as far as can be from memory: also when nothing can be recorded.

    A subject is spelled as in `orchestrator.domain.links.Target`: encoded, or empty for a series.
    No method raises for a store or an API that is away.
    """

    async def look(self, policy: str, subject: str) -> LinkView | None:
        """What stands behind a link now; None where nothing does and nothing did."""
        ...

    async def press(self, policy: str, subject: str) -> LinkView | None:
        """Somebody asks for a room where `LinkView.can_open` says that one may; elsewhere: look."""
        ...

    async def take_fallback(self, policy: str, subject: str) -> LinkView | None:
        """Somebody is about to be sent to the fallback of a link, if it still has one."""
        ...


class CalendarDesk(Protocol):
    """Answers for the calendars that destinations of the type ``calendar`` are."""

    @property
    def calendars(self) -> Sequence[str]:
        """Their names in config.yaml."""
        ...

    async def feed(self, destination: str) -> Sequence[FeedEvent] | None:
        """What a calendar shows now, in the order of time; None where that is not known yet."""
        ...

    async def series(self, policy: str) -> Sequence[FeedEvent] | None:
        """What calendars show of one schedule alone, in the same order and with the same None."""
        ...
