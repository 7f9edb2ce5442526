"""An incoming webhook of a chat: one POST a message, nothing can be changed.

Its address is the secret: it is read anew for each message and used byte for byte.  What chats
differ in is a `Hook`; it refuses to know any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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

Layout = Callable[[Message], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Hook:
    """What a chat's incoming webhooks are like.

    Attributes:
        body: the JSON that is posted.
        spacing: seconds that lie at least between the beginnings of two messages.
        fault: what an answer that is no 2xx means.
        plain: what is posted instead where the answer refuses how `body` is laid out.
        unlaid: whether an answer refuses that.
    """

    body: Layout
    spacing: float
    fault: Callable[[Answer], DeliveryFault]
    plain: Layout | None = None
    unlaid: Callable[[Answer], bool] = lambda _: False


class HookPoster:
    """Implements `orchestrator.adapters.delivery.telling.Poster`."""

    edits: Final = False

    def __init__(self, hook: Hook, url: ReadSecret, post: Post) -> None:
        self._hook = hook
        self._url = url
        self._post = post

    @property
    def spacing(self) -> float:
        """Seconds that lie at least between the beginnings of two calls."""
        return self._hook.spacing

    async def post(self, message: Message, attempt: int) -> str:
        """Post it; there is no handle. Raises `DeliveryFault`."""
        del attempt
        answer = await self._send(self._hook.body(message))
        if self._hook.plain is not None and self._hook.unlaid(answer):
            answer = await self._send(self._hook.plain(message))
        if not answer.good:
            raise self._hook.fault(answer)
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

    async def _send(self, body: Mapping[str, Any]) -> Answer:
        return await self._post.ask("POST", await read_in_thread(self._url), {}, json_bytes(body))
