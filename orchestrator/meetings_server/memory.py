"""The server without sockets: the same authentication, validation, routing and storage.

For rehearsals and simulations. It has no ticker and no courier of its own: what comes due is
carried out before each request, and `advance` and `deliver` do by hand what the server does by
itself, so that a run can be repeated step by step.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Self

from orchestrator.meetings_server.assembly import Assembly, Host, assembled, unreported
from orchestrator.meetings_server.callbacks import Courier, Letterhead
from orchestrator.meetings_server.hostile import Hostility
from orchestrator.meetings_server.http import Answer, Request, held
from orchestrator.meetings_server.http.bodies import room_draft
from orchestrator.meetings_server.model.refusals import Refused
from orchestrator.meetings_server.model.rooms import Dates
from orchestrator.meetings_server.ports import Clock, Entropy, Report, Sender
from orchestrator.meetings_server.service import Meetings
from orchestrator.meetings_server.settings import Settings

_EXTERNAL_URL: Final = "http://meetings.invalid"


class Memory:
    """Answers requests; made by `opened`."""

    def __init__(
        self, assembly: Assembly, courier: Courier | None, hostility: Hostility | None
    ) -> None:
        """Not for callers: use `opened`."""
        self._assembly = assembly
        self._courier = courier
        self._hostility = hostility

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        settings: Settings,
        clock: Clock,
        *,
        entropy: Entropy = os.urandom,
        sender: Sender | None = None,
        report: Report = unreported,
        hostility: Hostility | None = None,
    ) -> AsyncIterator[Self]:
        """Open it. Without a `sender`, callbacks are queued and `deliver` does nothing.

        A `hostility` has the same clock; the package `hostile` tells how to use it.

        `settings.host` and `settings.port` mean nothing here.

        Raises:
            StoreFault: the database cannot be opened.
            ValueError: the public key of an application cannot be read.
        """
        host = Host(clock=clock, entropy=entropy, report=report, hostility=hostility)
        url = settings.external_url or _EXTERNAL_URL
        async with assembled(settings, url, host, lambda: None) as assembly:
            if sender is not None and hostility is not None:
                sender = hostility.sender(sender)
            courier = None
            if sender is not None:
                letterhead = Letterhead(settings, entropy)
                courier = Courier(assembly.store, sender, letterhead, clock, entropy, report)
            yield cls(assembly, courier, hostility)

    @property
    def meetings(self) -> Meetings:
        """The rooms themselves: joining, leaving, and the whole table."""
        return self._assembly.acts.meetings

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        """Answer one request; `path` begins with a slash and is not percent-encoded.

        Raises:
            Silence: hostility let no whole answer out; a `ConnectionResetError`.
        """
        request = Request(
            method=method.upper(),
            path=path,
            query=query,
            headers={name.lower(): value for name, value in headers.items()},
            body=body or b"",
        )
        return held(await self._assembly.api.handle(request))

    async def plant(self, application_id: str, room_id: str, body: bytes, dates: Dates) -> None:
        """Take in a room that stands elsewhere: what ``body`` asks for, as if it had made it then.

        Plant the oldest first: listings show rooms in the order in which they came.

        Args:
            application_id: whose room it is.
            room_id: its id; no other room has it.
            body: of the `POST /rooms` that would make it; its `expires_at` means nothing.
            dates: when it was made and when it ends, be it in the past.

        Raises:
            ValueError: the API's rules do not allow such a room; the text says which.
        """
        try:
            draft = room_draft(body)
        except Refused as refused:
            raise ValueError(str(refused)) from refused
        await self._assembly.acts.meetings.plant(application_id, room_id, draft, dates)

    async def advance(self) -> None:
        """Carry out what has come due by now, late calls included."""
        if self._hostility is not None:
            await self._hostility.carry_out()
        await self._assembly.acts.meetings.advance()
        await self._assembly.acts.logos.advance()

    async def deliver(self) -> None:
        """Try every callback that is due now, once."""
        if self._courier is not None:
            await self._courier.deliver()
