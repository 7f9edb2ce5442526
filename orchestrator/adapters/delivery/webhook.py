"""A generic webhook, signed by Standard Webhooks 1.0.0 (webhooks guide 2.11 and 4.8).

Three events tell of a link: ``room.opened``, ``room.changed`` and ``room.closed``; three of an
alert: ``alert.opened``, ``alert.changed``, ``alert.closed``.  Each has the whole present state, so
that only the newest counts: the one with the highest ``revision`` of its ``id``.  The
``webhook-id`` of an event stays over its attempts, the timestamp is that of the attempt.  What is
sent is written out field by field, so that nothing new slips out by itself.

Refuses for good what the receiver answers with 410, and asks it nothing more until the next
reload; any other failure is tried again, because a receiver that is being deployed answers
anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from orchestrator.adapters.delivery.posting import (
    Answer,
    Post,
    ReadSecret,
    json_bytes,
    read_in_thread,
)
from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.pages import Page
from orchestrator.domain.wording import Message
from orchestrator.foundation.instants import format_instant
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import DeliveryFault, DeliveryRefusedError

_PREFIX: Final = "whsec_"
_GONE: Final = "answered 410 Gone: it wants no more; take it out of config.yaml, or mend its url"


def sign(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` of a body: ``v1,`` and base64 of HMAC-SHA256.

    Args:
        secret: ``whsec_`` and base64.
        webhook_id: without a dot, which parts what is signed.
        timestamp: whole seconds since 1970.
        body: the bytes that are sent.

    Raises:
        ValueError: the secret has another form, or is shorter than 24 bytes.
    """
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        message = "must be whsec_ and 24 to 64 random bytes in base64"
        raise ValueError(message)
    signed = b".".join((webhook_id.encode(), str(timestamp).encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


class Webhook:
    """Implements `Messenger` and `Paced` of the port.

    Args:
        url: where events are posted.
        secret: reads ``whsec_…``.
    """

    edits: Final = True
    spacing: Final = 0.05

    def __init__(self, name: str, url: str, secret: ReadSecret, post: Post, clock: Clock) -> None:
        self._name = name
        self._sender = _Sender(url, secret, post, clock)

    def __repr__(self) -> str:
        return f"Webhook({self._name!r})"

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        return self._name

    async def send(self, told: Announcement, attempt: int) -> str:
        """Post ``room.opened``. Raises `DeliveryFault`."""
        again = _later(told) if attempt > 1 and told.revision > 1 else None
        await self._sender.first("room.opened", told.id, _told(told), again)
        return ""

    async def change(self, told: Announcement, handle: str, attempt: int) -> str:
        """Post ``room.changed`` or ``room.closed``. Raises `DeliveryFault`."""
        del attempt
        await self._sender.event(*_later(told), _told(told))
        return handle

    async def check(self) -> str:
        """See that it is signed; there is nothing harmless to ask. Raises `DeliveryFault`."""
        return await self._sender.check()

    async def close(self) -> None:
        """Let go of connections."""
        await self._sender.close()


class WebhookAlerts:
    """Posts alerts: implements `orchestrator.adapters.delivery.telling.Poster`."""

    edits: Final = True
    spacing: Final = 0.05

    def __init__(self, url: str, secret: ReadSecret, post: Post, clock: Clock) -> None:
        self._sender = _Sender(url, secret, post, clock)

    async def post(self, message: Message, attempt: int) -> str:
        """Post ``alert.opened``. Raises `DeliveryFault`."""
        again = _alerted_later(message) if attempt > 1 and message.revision > 1 else None
        await self._sender.first("alert.opened", message.id, _alerted(message), again)
        return message.id

    async def amend(self, message: Message, handle: str, attempt: int) -> str:
        """Post ``alert.changed`` or ``alert.closed``. Raises `DeliveryFault`."""
        del attempt
        await self._sender.event(*_alerted_later(message), _alerted(message))
        return handle

    async def check(self) -> str:
        """See that it is signed. Raises `DeliveryFault`."""
        return await self._sender.check()

    async def close(self) -> None:
        """Let go of connections."""
        await self._sender.close()


class _Sender:
    """Signs and sends; one receiver."""

    def __init__(self, url: str, secret: ReadSecret, post: Post, clock: Clock) -> None:
        self._url = url
        self._secret = secret
        self._post = post
        self._clock = clock
        self._gone = False

    async def first(
        self, kind: str, id_: str, data: Mapping[str, object], again: tuple[str, str] | None
    ) -> None:
        """Tell for the first time, and once more as ``again`` (kind and id) where that is given."""
        # One id however often it is tried, so that no receiver takes it for two.
        await self.event(kind, f"{id_}-opened", data)
        if again is not None:
            # An earlier try may have been taken, and what this one says was then passed over.
            await self.event(*again, data)

    async def event(self, kind: str, webhook_id: str, data: Mapping[str, object]) -> None:
        if self._gone:
            raise DeliveryRefusedError(_GONE)
        now = self._clock.now()
        body = json_bytes({"type": kind, "timestamp": format_instant(now), "data": data})
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": await self._signature(webhook_id, now, body),
        }
        answer = await self._post.ask("POST", self._url, headers, body)
        if not answer.good:
            raise self._fault(answer)

    async def check(self) -> str:
        await self._signature("check", self._clock.now(), b"")
        return "its secret can be used; it is not asked, because any request is an event to it"

    async def close(self) -> None:
        await self._post.close()

    async def _signature(self, webhook_id: str, now: datetime, body: bytes) -> str:
        secret = await read_in_thread(self._secret)
        try:
            return sign(secret, webhook_id, int(now.timestamp()), body)
        except ValueError as error:
            message = f"is not asked: its secret {error}"
            raise DeliveryRefusedError(message) from None

    def _fault(self, answer: Answer) -> DeliveryFault:
        if answer.status == 410:
            self._gone = True
            return DeliveryRefusedError(_GONE)
        fault = answer.fault()
        if 300 <= answer.status < 400 or answer.status == 413:
            return fault
        return DeliveryFault(str(fault), answer.wait)


def _later(told: Announcement) -> tuple[str, str]:
    kind = "room.closed" if told.stage is Stage.CLOSED else "room.changed"
    return kind, f"{told.id}-{told.revision}"


def _alerted_later(message: Message) -> tuple[str, str]:
    kind = "alert.closed" if message.over else "alert.changed"
    return kind, f"{message.id}-{message.revision}"


def _told(told: Announcement) -> dict[str, object]:
    data: dict[str, object] = {
        "id": told.id,
        "revision": told.revision,
        "stage": str(told.stage),
        "policy": told.policy,
        "key": told.key,
        "title": told.title,
        "link": told.link,
        "room_id": told.room_id,
        "note": told.note,
        "opened_at": _moment(told.opened_at),
        "closed_at": _moment(told.closed_at),
        "starts_at": _moment(told.starts_at),
        "ends_at": _moment(told.ends_at),
        "page": None if told.page is None else _page(told.page),
    }
    if told.host_link is not None and told.stage is not Stage.CLOSED:
        data["host_link"] = told.host_link.reveal()
    return data


def _page(page: Page) -> dict[str, object]:
    return {
        "source": page.source,
        "key": page.key,
        "number": page.number,
        "title": page.title,
        "severity": str(page.severity),
        "service": page.service,
        "team": page.team,
        "url": page.url,
    }


def _alerted(message: Message) -> dict[str, object]:
    return {
        "id": message.id,
        "revision": message.revision,
        "cause": message.about,
        "message": message.title,
        "over": message.over,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)
