"""The command line's end of the control socket: a desk whose answers come from the daemon.

That no daemon answers is told apart from a daemon that refuses: the first lets a command look for
itself, the second never.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Self, TypeVar

import aiohttp

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
from orchestrator.edges.control import wire
from orchestrator.edges.control.path import problem_with
from orchestrator.ports.desk import DeskError
from orchestrator.ports.sources import Folder

_CONNECT: Final = 5.0  # seconds; an answer itself may take as long as a pass takes
_INVALID: Final = 2
_Report = TypeVar("_Report")


class NoDaemonError(DeskError):
    """Nobody answers on the socket."""


async def answers(path: Path) -> bool:
    """Whether anybody answers on a socket.

    Raises:
        DeskError: this user may not use the socket, or its path is too long.
    """
    _check_path(path)
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_unix_connection(str(path)), timeout=_CONNECT
        )
    except OSError as error:  # TimeoutError is one
        fault = _unreached(path, error)
        if isinstance(fault, NoDaemonError):
            return False
        raise fault from error
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


class SocketDesk:
    """Implements `orchestrator.ports.desk.Desk` by asking the daemon on its socket.

    The daemon learns from the kernel who asks; of a `Person` only the reason is sent.
    """

    def __init__(self, path: Path, session: aiohttp.ClientSession) -> None:
        """Ask on this socket, by a session that is connected to it; see `opened`."""
        self._path = path
        self._session = session

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, path: Path) -> AsyncIterator[Self]:
        """A desk for the length of the block; nothing is connected before the first question.

        Raises:
            DeskError: the path is longer than Linux keeps.
        """
        _check_path(path)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT)
        connector = aiohttp.UnixConnector(str(path))
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            yield cls(path, session)

    async def status(self) -> StatusReport:
        """The whole at a glance."""
        return await self._ask(wire.AskStatus(), StatusReport)

    async def plan(self, candidate: Folder | None = None) -> PlanReport:
        """What would be done now; a candidate folder is sent along."""
        folder = None if candidate is None else wire.write_folder(candidate)
        return await self._ask(wire.AskPlan(folder), PlanReport)

    async def apply(
        self, person: Person, plan: PlanReport | None = None, *, approve: bool = False
    ) -> ApplyReport:
        """One pass, or a reviewed plan, which is sent along."""
        return await self._ask(wire.Apply(person.reason, plan, approve), ApplyReport)

    async def rooms(self, *, foreign: bool = False) -> RoomsReport:
        """All rooms of ours and all wanted ones."""
        return await self._ask(wire.AskRooms(foreign), RoomsReport)

    async def why(self, name: str) -> WhyReport:
        """Everything about one key."""
        return await self._ask(wire.AskWhy(name), WhyReport)

    async def why_not(self, name: str) -> WhyNotReport:
        """What stands in the way of something."""
        return await self._ask(wire.AskWhyNot(name), WhyNotReport)

    async def link(self, name: str, *, calendar: bool = False) -> OurLink:
        """Our own link of a key or a schedule, or a calendar's address."""
        return await self._ask(wire.AskLink(name, calendar), OurLink)

    async def links(self) -> LinksReport:
        """Every link and what stands behind it."""
        return await self._ask(wire.AskLinks(), LinksReport)

    async def host_link(self, name: str, person: Person) -> RevealedLink:
        """A room's host link, read afresh."""
        return await self._ask(wire.ReadHostLink(name, person.reason), RevealedLink)

    async def adopt(self, room_id: str, key: str, person: Person) -> Done:
        """Take a room that exists as a key's current room."""
        return await self._ask(wire.Adopt(room_id, key, person.reason), Done)

    async def distinct(self, room_id: str, key: str, person: Person) -> Done:
        """Say that a like-named room is not the key's."""
        return await self._ask(wire.Distinct(room_id, key, person.reason), Done)

    async def forget(self, name: str, person: Person) -> Done:
        """Let go of a room."""
        return await self._ask(wire.Forget(name, person.reason), Done)

    async def rekey(self, old: str, new: str, person: Person) -> Done:
        """Make a room serve another key."""
        return await self._ask(wire.Rekey(old, new, person.reason), Done)

    async def renew(self, name: str, person: Person) -> Done:
        """Ask for a key's room to be renewed now."""
        return await self._ask(wire.Renew(name, person.reason), Done)

    async def protect(self, name: str, person: Person, *, on: bool = True) -> Done:
        """Forbid to remove and to replace a key's room, or allow it again."""
        return await self._ask(wire.Protect(name, on, person.reason), Done)

    async def suspend(self, name: str, until: datetime, person: Person) -> Done:
        """Stop every act on a key until a moment."""
        return await self._ask(wire.Suspend(name, until, person.reason), Done)

    async def resume(self, name: str, person: Person) -> Done:
        """End a suspension before its time."""
        return await self._ask(wire.Resume(name, person.reason), Done)

    async def freeze(
        self,
        until: datetime,
        person: Person,
        policies: Sequence[str] = (),
        *,
        all_acts: bool = False,
    ) -> Done:
        """Put off all changes, or those of some policies, until a moment."""
        command = wire.FreezeChanges(until, tuple(policies), all_acts, person.reason)
        return await self._ask(command, Done)

    async def unfreeze(self, name: str, person: Person) -> Done:
        """End a freeze before its time."""
        return await self._ask(wire.Unfreeze(name, person.reason), Done)

    async def reload(self, person: Person) -> Done:
        """Take up what changed in config.yaml, secret files and policies."""
        return await self._ask(wire.Reload(person.reason), Done)

    async def approve(self, brake: str, person: Person) -> Done:
        """Let go exactly the keys that a brake holds."""
        return await self._ask(wire.Approve(brake, person.reason), Done)

    async def pages(self, *, over: bool = False) -> PagesReport:
        """The pages that are not over; with ``over`` also some that are."""
        return await self._ask(wire.AskPages(over), PagesReport)

    async def page(self, name: str) -> PageReport:
        """Everything about one page."""
        return await self._ask(wire.AskPage(name), PageReport)

    async def open_page(self, page: NewPage, person: Person) -> OpenedPage:
        """Send a page as a source would."""
        return await self._ask(wire.OpenPage(page, person.reason), OpenedPage)

    async def close_page(self, name: str, person: Person) -> Done:
        """Close a page as its source would."""
        return await self._ask(wire.ClosePage(name, person.reason), Done)

    async def _ask(self, question: wire.Question, kind: type[_Report]) -> _Report:
        text = wire.write_question(question)
        if len(text) > wire.QUESTION_MAX:
            raise DeskError(
                f"this folder takes {len(text):,} bytes to send, and the daemon takes "
                f"{wire.QUESTION_MAX:,}; move away what is no data of a policy",
                _INVALID,
            )
        try:
            async with self._session.post(f"http://daemon{wire.ADDRESS}", data=text) as response:
                return wire.read_answer(kind, await response.read())
        except aiohttp.ClientConnectorError as error:
            raise _unreached(self._path, error) from error
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            message = (
                f"the daemon broke off before it answered ({type(error).__name__}): whether it did "
                "what was asked is in its audit log"
            )
            raise DeskError(message) from error
        except wire.WireError as error:
            raise DeskError(str(error)) from error


def _check_path(path: Path) -> None:
    problem = problem_with(path)
    if problem:
        raise DeskError(problem, _INVALID)


def _unreached(path: Path, error: OSError) -> DeskError:
    if error.errno == errno.EACCES:
        return DeskError(
            f"this user may not ask the daemon on {path}; use sudo, or join the socket's group"
        )
    return NoDaemonError(f"no daemon answers on {path}; start it: room-orchestrator run")
