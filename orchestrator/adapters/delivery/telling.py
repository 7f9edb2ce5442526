"""What tells of links and alerts by messages: a poster lays out and sends, these say what.

A poster knows one message at a time and nothing of rooms.  `Teller` tells of links by it, and
`PostedAlerts` of what operators should look at: one message a cause, changed while it lasts where
that is possible, and ended.  Which message is whose is kept over a restart, in a small text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from orchestrator.domain.alerts import Alert
from orchestrator.domain.announcements import Announcement
from orchestrator.domain.wording import Message, message_of, message_of_alert
from orchestrator.foundation.instants import format_instant_exactly, parse_instant
from orchestrator.ports.deliveries import (
    DeliveredInPartError,
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
    Keepsake,
)

_REFUSED_FOR: Final = timedelta(minutes=15)  # before what was refused is tried again
_ENDS_MOST: Final = 3  # tries to end a message that refuses it, before it is left as it is


class Poster(Protocol):
    """Lays a message out and posts it; one attempt a call, errors as the port has them."""

    @property
    def edits(self) -> bool:
        """Whether what was posted can be changed."""
        ...

    @property
    def spacing(self) -> float:
        """Seconds that lie at least between the beginnings of two calls."""
        ...

    async def post(self, message: Message, attempt: int) -> str:
        """Post it for the first time; returns its handle."""
        ...

    async def amend(self, message: Message, handle: str, attempt: int) -> str:
        """Change it, or post a further one that belongs to it; returns the handle from now on."""
        ...

    async def check(self) -> str:
        """Look whether it could be told, without telling anybody."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Teller:
    """A messenger by a poster: implements `Messenger` and `Paced` of the port."""

    def __init__(self, name: str, poster: Poster) -> None:
        self._name = name
        self._poster = poster

    def __repr__(self) -> str:
        return f"Teller({self._name!r}, {type(self._poster).__name__})"

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        return self._name

    @property
    def edits(self) -> bool:
        """Whether what was sent can be changed."""
        return self._poster.edits

    @property
    def spacing(self) -> float:
        """Seconds that lie at least between the beginnings of two calls."""
        return self._poster.spacing

    async def send(self, told: Announcement, attempt: int) -> str:
        """Post what `orchestrator.domain.wording` says of it. Raises `DeliveryFault`."""
        return await self._poster.post(message_of(told), attempt)

    async def change(self, told: Announcement, handle: str, attempt: int) -> str:
        """Change it, or post its end. Raises `DeliveryFault`."""
        return await self._poster.amend(message_of(told), handle, attempt)

    async def check(self) -> str:
        """Look, telling nobody. Raises `DeliveryFault`."""
        return await self._poster.check()

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


@dataclass(frozen=True, slots=True)
class _Posted:
    """One cause's message.

    Attributes:
        text: what it says; what has to be said differs where this differs.
        tries: attempts at what is said next that may have been taken.
        handle: None: it may never have been posted.
    """

    since: str
    text: str
    revision: int
    handle: str | None
    tries: int = 0


class PostedAlerts:
    """A board of messages: implements `orchestrator.ports.deliveries.AlertBoard`.

    Where messages cannot be changed, only the beginning and the end of a cause are told.  Without a
    store it goes on from memory: what it tells of may be that nothing can be recorded.
    """

    def __init__(self, poster: Poster, kept: Keepsake) -> None:
        self._poster = poster
        self._kept = kept
        self._posted: dict[str, _Posted] | None = None
        self._not_before: tuple[datetime, DeliveryFault] | None = None
        self._in_part: list[DeliveryRefusedError] = []

    async def show(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Tell what is not told yet; stops at the first that fails, and says so.

        Raises:
            DeliveryFault: not all was told; or it asked to wait, and the time has not come.
        """
        if self._not_before is not None and now < self._not_before[0]:
            raise self._not_before[1]
        posted = self._posted
        if posted is None:
            posted = self._posted = _read(await self._kept.read())
        before = dict(posted)
        try:
            await self._tell(posted, {alert.cause: alert for alert in alerts})
        except DeliveryFault as fault:
            wait = fault.retry_after or 0.0
            pause = _REFUSED_FOR if isinstance(fault, DeliveryRefusedError) else timedelta()
            self._not_before = (now + max(timedelta(seconds=wait), pause), fault)
            raise
        else:
            self._not_before = None
        finally:
            if posted != before:
                await self._kept.write(_written(posted))

    async def _tell(self, posted: dict[str, _Posted], standing: Mapping[str, Alert]) -> None:
        refusals: list[DeliveryRefusedError] = []
        self._in_part = refusals
        for cause in [*standing, *(cause for cause in posted if cause not in standing)]:
            try:
                await self._tell_of(posted, cause, standing.get(cause))
            except DeliveryRefusedError as refusal:
                refusals.append(refusal)  # one that is refused holds no other back
        if refusals:
            raise refusals[0]

    async def _tell_of(self, posted: dict[str, _Posted], cause: str, alert: Alert | None) -> None:
        known = posted.get(cause)
        if known is not None and (alert is None or _since(alert) != known.since):
            await self._end(posted, cause, known)
            known = None
        if alert is None:
            return
        if known is None or known.handle is None:
            await self._say(posted, alert, None, over=False)
        elif known.text != alert.message and self._poster.edits:
            try:
                await self._say(posted, alert, known.handle, over=False)
            except DeliveryRefusedError:
                # Somebody deleted it: what stands is told anew.
                await self._say(posted, alert, None, over=False)

    async def _end(self, posted: dict[str, _Posted], cause: str, known: _Posted) -> None:
        # One that may have been posted is ended as well, or it would stand there for ever.
        alert = Alert(cause, known.text, parse_instant(known.since))
        try:
            await self._say(posted, alert, known.handle, over=True)
        except DeliveryRefusedError:
            if known.tries + 1 < _ENDS_MOST:
                posted[cause] = replace(known, tries=known.tries + 1)
                raise
        del posted[cause]

    async def _say(
        self, posted: dict[str, _Posted], alert: Alert, handle: str | None, *, over: bool
    ) -> None:
        known = posted.get(alert.cause, _Posted(_since(alert), alert.message, 0, None))
        attempt = known.tries + 1
        # What may have been taken is another state: a service may take each only once.
        message = message_of_alert(alert, known.revision + attempt, over=over)
        try:
            if handle is None:
                given = await self._poster.post(message, attempt)
            else:
                given = await self._poster.amend(message, handle, attempt)
        except DeliveredInPartError as fault:
            # It is not told again, but who it was not told to is said.
            given = fault.handle
            self._in_part.append(fault)
        except DeliveryUnansweredError:
            posted[alert.cause] = replace(known, tries=attempt)
            raise
        posted[alert.cause] = _Posted(_since(alert), alert.message, message.revision, given)


def _since(alert: Alert) -> str:
    return format_instant_exactly(alert.since)


def _written(posted: Mapping[str, _Posted]) -> str | None:
    told = {cause: asdict(one) for cause, one in posted.items()}
    return json.dumps(told, ensure_ascii=False) if told else None


def _read(text: str | None) -> dict[str, _Posted]:
    """What was kept; nothing where an earlier build kept something else."""
    try:
        return {cause: _Posted(**one) for cause, one in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}
