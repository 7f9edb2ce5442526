"""Mattermost by an incoming webhook: nothing can be changed, its address is the secret.

Texts are Markdown there, and ``@here`` in one would wake everybody: both are taken their meaning
(webhooks guide 4.6).
"""

from __future__ import annotations

import re
from typing import Any, Final

from orchestrator.adapters.delivery.posting import (
    Answer,
    Post,
    ReadSecret,
    json_bytes,
    read_in_thread,
)
from orchestrator.domain.wording import Message
from orchestrator.ports.deliveries import DeliveryFault

_BAD: Final = "#C0392B"
_WELL: Final = "#2E7D32"
_OVER: Final = "#7F8C8D"
_MARKS: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&:$])")
# Invisible and no part of a word: what follows it is no name of anybody any more.
_APART: Final = "\u2060"
_PING: Final = re.compile(r"@(?=\w)")


class MattermostPoster:
    """Implements `orchestrator.adapters.delivery.telling.Poster`."""

    edits: Final = False
    spacing: Final = 0.2

    def __init__(self, url: ReadSecret, post: Post) -> None:
        self._url = url
        self._post = post

    async def post(self, message: Message, attempt: int) -> str:
        """Post it; there is no handle. Raises `DeliveryFault`."""
        del attempt
        url = await read_in_thread(self._url)
        answer = await self._post.ask("POST", url, {}, json_bytes(body(message)))
        if not answer.good:
            raise _fault(answer)
        return ""

    async def amend(self, message: Message, handle: str, attempt: int) -> str:
        """Post a further message. Raises `DeliveryFault`."""
        await self.post(message, attempt)
        return handle

    async def check(self) -> str:
        """See that its address can be read; there is nothing harmless to ask."""
        await read_in_thread(self._url)
        return "its address can be read; it is not asked, because any request is a message to it"

    async def close(self) -> None:
        """Let go of connections."""
        await self._post.close()


def body(message: Message) -> dict[str, Any]:
    """What is posted: a line that stands alone, and a card with the facts."""
    lines = [escape(one) for one in message.sentences]
    lines += [f"[{door.label}]({door.url})" for door in message.doors]
    if message.host is not None:
        lines.append(f"[Join as the host]({message.host.reveal()})")
    card: dict[str, Any] = {
        "fallback": message.headline,
        "color": _OVER if message.over else _BAD if message.bad else _WELL,
        "text": "\n".join(lines),
        "fields": [
            {"short": True, "title": label, "value": escape(value)}
            for label, value in message.facts
        ],
    }
    return {
        "text": f"**{message.headline}:** {escape(message.title)}",
        "attachments": [card],
    }


def escape(value: str) -> str:
    """A text in which Mattermost finds neither Markdown nor anybody to wake."""
    return _PING.sub(f"@{_APART}", _MARKS.sub(r"\\\1", value))


def _fault(answer: Answer) -> DeliveryFault:
    return answer.fault("make another incoming webhook and put its address there")
