"""Matrix: one message a link, replaced with every stage (webhooks guide 4.7).

A homeserver takes a message with the same transaction id once, so that nothing is ever doubled.
Nobody is woken by what a title says: the message says itself whom it mentions, nobody.  Refuses
encrypted rooms, which need a client that keeps keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any, Final
from urllib.parse import quote

from orchestrator.adapters.delivery.posting import (
    Answer,
    Post,
    ReadSecret,
    json_bytes,
    read_in_thread,
)
from orchestrator.domain.wording import Message
from orchestrator.ports.deliveries import (
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)

_EVENT: Final = re.compile(r"\$[\x21-\x7e]{1,254}")
_CODE: Final = re.compile(r"M_[A-Z_]{1,40}")
_API: Final = "/_matrix/client/v3"
_HINTS: Final = {
    "M_FORBIDDEN": "invite the account to the room, and let it join",
    "M_UNKNOWN_TOKEN": "check the token",
    "M_MISSING_TOKEN": "check the token",
    "M_NOT_FOUND": "check the room's id",
}


class MatrixPoster:
    """Implements `orchestrator.adapters.delivery.telling.Poster`.

    Args:
        url: of the homeserver, without a slash at the end.
        token: reads the account's access token.
        room: its id, such as ``!abc:example.com``.
    """

    edits: Final = True
    spacing: Final = 0.5  # homeservers let short bursts through, and say when it is too much

    def __init__(self, url: str, token: ReadSecret, room: str, post: Post) -> None:
        self._url = url
        self._token = token
        self._room = quote(room, safe="")
        self._post = post

    async def post(self, message: Message, attempt: int) -> str:
        """Send it; the handle is its event id. Raises `DeliveryFault`."""
        event = await self._send(message.id, content(message))
        if attempt > 1 and message.revision > 1:
            # An earlier try may have been taken, with what it said then.
            await self.amend(message, event, attempt)
        return event

    async def amend(self, message: Message, handle: str, attempt: int) -> str:
        """Replace it. Raises `DeliveryFault`."""
        del attempt
        await self._send(f"{message.id}-{message.revision}", replacement(message, handle))
        return handle

    async def check(self) -> str:
        """Ask who we are, and whether the room is encrypted. Raises `DeliveryFault`."""
        answer = await self._ask("GET", "/account/whoami")
        if not answer.good:
            raise _fault(answer)
        path = f"/rooms/{self._room}/state/m.room.encryption"
        state = await self._ask("GET", path)
        if state.good:
            raise DeliveryRefusedError("the room is encrypted; take one that is not")
        if state.status != 404:
            raise _fault(state)
        joined = await self._ask("GET", f"/rooms/{self._room}/joined_members")
        if not joined.good:
            raise _fault(joined)
        return "the token is good, and the account is in the room, which is not encrypted"

    async def close(self) -> None:
        """Let go of connections."""
        await self._post.close()

    async def _send(self, transaction: str, body: Mapping[str, Any]) -> str:
        path = f"/rooms/{self._room}/send/m.room.message/{quote(transaction, safe='')}"
        answer = await self._ask("PUT", path, body)
        if not answer.good:
            raise _fault(answer)
        event = str(answer.fields.get("event_id", ""))
        if _EVENT.fullmatch(event) is None:
            raise DeliveryUnansweredError("answered 200 and not which message it is; check the url")
        return event

    async def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {await read_in_thread(self._token)}"}
        data = None if body is None else json_bytes(body)
        return await self._post.ask(method, f"{self._url}{_API}{path}", headers, data)


def content(message: Message) -> dict[str, Any]:
    """What people read, in two forms that each stand alone."""
    doors = [(door.label, door.url) for door in message.doors]
    if message.host is not None:
        doors.append(("Join as the host", message.host.reveal()))
    lines = [message.subject, *(f"{label}: {value}" for label, value in message.facts)]
    lines += [*message.sentences, *(f"{label}: {url}" for label, url in doors)]
    html = [f"<strong>{escape(message.headline)}:</strong> {escape(message.title)}"]
    html += [f"{escape(label)}: {escape(value)}" for label, value in message.facts]
    html += [escape(one) for one in message.sentences]
    html += [f'<a href="{escape(url)}">{escape(label)}</a>' for label, url in doors]
    return {
        "msgtype": "m.text",
        "body": "\n".join(lines),
        "format": "org.matrix.custom.html",
        "formatted_body": "<br>".join(html),
        "m.mentions": {},
    }


def replacement(message: Message, event: str) -> dict[str, Any]:
    """What takes the place of an earlier message; its own text is for clients that know none."""
    new = content(message)
    return {
        **new,
        "body": f"* {new['body']}",
        "formatted_body": f"* {new['formatted_body']}",
        "m.new_content": new,
        "m.relates_to": {"rel_type": "m.replace", "event_id": event},
    }


def _fault(answer: Answer) -> DeliveryFault:
    code = str(answer.fields.get("errcode", ""))
    code = code if _CODE.fullmatch(code) else ""
    if code == "M_LIMIT_EXCEEDED":
        return DeliveryFault(f"answered {code}", _wait(answer))
    return answer.fault(_HINTS.get(code, ""), code)


def _wait(answer: Answer) -> float | None:
    """What it asks to wait; older servers say it in the body, in milliseconds."""
    told = answer.fields.get("retry_after_ms")
    if answer.wait is not None:
        return answer.wait
    usable = isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= 86_400_000
    return float(str(told)) / 1000 if usable else None
