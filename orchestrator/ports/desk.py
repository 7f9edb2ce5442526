"""Port: the desk. One face for the socket, the offline command line and every page.

Questions change nothing; commands need a person and are audited.  Every method may raise
`DeskError`, whose text is one sentence that also says what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from orchestrator.domain.reports import (
    ApplyReport,
    Done,
    LinksReport,
    NewPage,
    OpenedPage,
    OurLink,
    PageReport,
    PagesReport,
    Person,
    PlanReport,
    RevealedLink,
    RoomsReport,
    StatusReport,
    WhyNotReport,
    WhyReport,
)

if TYPE_CHECKING:  # the command line starts sooner without the whole domain
    from collections.abc import Sequence
    from datetime import datetime

    from orchestrator.ports.sources import Folder


class DeskError(Exception):
    """A question that cannot be answered, or a command that is refused.

    Attributes:
        code: the exit code for it: 1 failed, 2 invalid input, 4 stopped by a brake.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        """Keep the sentence and its exit code."""
        super().__init__(message)
        self.code = code


class Desk(Protocol):
    """Asks and steers the engine."""

    async def status(self) -> StatusReport:
        """The whole at a glance; needs no API and no disk."""
        ...

    async def plan(self, candidate: Folder | None = None) -> PlanReport:
        """What would be done now, by a fresh listing; of a candidate folder where one is given."""
        ...

    async def apply(
        self, person: Person, plan: PlanReport | None = None, *, approve: bool = False
    ) -> ApplyReport:
        """One pass: everything that the plan says, now.

        With ``plan`` exactly what that says, as it was reviewed: all of it can be done, or nothing
        is begun. ``approve``: its links may end and change, whatever a brake says.
        """
        ...

    async def rooms(self, *, foreign: bool = False) -> RoomsReport:
        """All rooms of ours and all wanted ones; with ``foreign`` also those that are not ours."""
        ...

    async def why(self, name: str) -> WhyReport:
        """Everything about one key, page or room.

        ``name`` is a key, a room's id, code, link or name, or what a page is known by; also of what
        is there no more, as long as the store has facts of it.
        """
        ...

    async def why_not(self, name: str) -> WhyNotReport:
        """What stands in the way of something, in the order in which it has to be cleared.

        ``name`` as in `why`, or a policy's name, or a key that nothing asks for.  That nothing is
        known of it is an answer as well.
        """
        ...

    async def link(self, name: str, *, calendar: bool = False) -> OurLink:
        """Our own link of a key, a room's id or a schedule's name, or a calendar's address.

        ``name`` may be empty for a calendar where there is one alone.
        """
        ...

    async def links(self) -> LinksReport:
        """Every link and what stands behind it, to be written down elsewhere."""
        ...

    async def host_link(self, name: str, person: Person) -> RevealedLink:
        """Read a room's host link afresh; audited."""
        ...

    async def adopt(self, room_id: str, key: str, person: Person) -> Done:
        """Take a room that exists as a key's current room; no call changes it."""
        ...

    async def distinct(self, room_id: str, key: str, person: Person) -> Done:
        """Say that a like-named room is not the key's, so that the key may get its own."""
        ...

    async def forget(self, name: str, person: Person) -> Done:
        """Let go of a room: it is not ours any more and will not be touched."""
        ...

    async def rekey(self, old: str, new: str, person: Person) -> Done:
        """Make a room serve another key: same room, same link, no call."""
        ...

    async def renew(self, name: str, person: Person) -> Done:
        """Ask for a key's room to be renewed now, whatever its time says."""
        ...

    async def protect(self, name: str, person: Person, *, on: bool = True) -> Done:
        """Forbid to remove and to replace a key's room, or allow it again; stored with the key."""
        ...

    async def suspend(self, name: str, until: datetime, person: Person) -> Done:
        """Stop every act on a key until a moment (UTC), at which it ends by itself."""
        ...

    async def resume(self, name: str, person: Person) -> Done:
        """End a suspension before its time."""
        ...

    async def freeze(
        self,
        until: datetime,
        person: Person,
        policies: Sequence[str] = (),
        *,
        all_acts: bool = False,
    ) -> Done:
        """Put off all changes until a moment (UTC), at which that ends by itself.

        ``policies`` are the names of those that it is for; none: all. ``all_acts``: also people's
        meetings do not open, and no room is made for one that is lost.
        """
        ...

    async def unfreeze(self, name: str, person: Person) -> Done:
        """End a freeze before its time; an empty name means the only one."""
        ...

    async def reload(self, person: Person) -> Done:
        """Take up what changed in config.yaml, secret files and policies, or keep all of the old.

        Returns when it is in force; what is wrong is the refusal's text, with code 2.
        """
        ...

    async def approve(self, brake: str, person: Person) -> Done:
        """Let go exactly the rooms that a brake holds, or that a doubted listing lacks."""
        ...

    async def pages(self, *, over: bool = False) -> PagesReport:
        """The pages that are not over, the latest first; with ``over`` also some that are."""
        ...

    async def page(self, name: str) -> PageReport:
        """Everything about one page; see `orchestrator.domain.paging.pages_named` for names."""
        ...

    async def open_page(self, page: NewPage, person: Person) -> OpenedPage:
        """Send a page as a source would; audited."""
        ...

    async def close_page(self, name: str, person: Person) -> Done:
        """Close a page as its source would; audited."""
        ...
