"""Opsgenie and Jira Service Management: our link as a note of the alert (webhooks guide 4.3).

A note is taken with 202 and written later; what became of it is asked once, at once, and where
nobody knows yet it counts as told.  A note cannot be changed: another stage of the same link is
told by the link itself, and another link by a further note.  Before a note would be written twice
the alert's notes are looked at for its mark.  Refuses pages that are none of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from orchestrator.adapters.delivery.posting import (
    Answer,
    Post,
    ReadSecret,
    json_bytes,
    read_in_thread,
)
from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.wording import address, message_of
from orchestrator.ports.deliveries import DeliveryFault, DeliveryRefusedError

_ALERT: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-[0-9]{8,16})?")
_REQUEST: Final = re.compile(r"[0-9a-zA-Z-]{1,80}")
_US: Final = "room-orchestrator"
_HINT_ALERT: Final = "there is no such alert: is the page one of this account's?"


class Opsgenie:
    """Implements `orchestrator.ports.deliveries.Messenger`.

    Args:
        url: what ``/alerts`` is appended to, without a slash at the end.
        key: reads the API key (GenieKey).
    """

    edits: Final = True  # another link is told; what a stage says stands behind the link
    spacing: Final = 0.2

    def __init__(self, name: str, url: str, key: ReadSecret, post: Post) -> None:
        self._name = name
        self._url = url
        self._key = key
        self._post = post

    def __repr__(self) -> str:
        return f"Opsgenie({self._name!r})"

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        return self._name

    async def send(self, told: Announcement, attempt: int) -> str:
        """Write the note. Raises `DeliveryFault`."""
        alert, link = _alert(told), address(told.link)
        mark = f"[room {told.id}]"
        if attempt > 1 and await self._is_noted(alert, link, mark):
            return link
        words = message_of(told)
        parts = [f"{words.headline}: {link}", *words.sentences, mark]
        if words.host is not None:
            parts.insert(1, f"For the host: {words.host.reveal()}")
        body = {"user": _US, "source": _US, "note": "\n".join(parts)}
        answer = await self._ask("POST", f"/alerts/{alert}/notes?identifierType=id", body)
        if not answer.good:
            raise _fault(answer)
        await self._look_after(answer)
        return link

    async def change(self, told: Announcement, handle: str, attempt: int) -> str:
        """Write of another link; the same link needs nothing. Raises `DeliveryFault`."""
        if told.stage is Stage.CLOSED or address(told.link) == handle:
            return handle
        return await self.send(told, attempt)

    async def check(self) -> str:
        """Ask for one alert. Raises `DeliveryFault`."""
        answer = await self._ask("GET", "/alerts?limit=1")
        if answer.good:
            return "the key may read alerts; whether it may write notes is seen with the first"
        if answer.status in {404, 405}:
            return "it is reached, and has nothing harmless to ask: the key is seen with the first"
        raise _fault(answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self._post.close()

    async def _look_after(self, answer: Answer) -> None:
        """Ask what became of a note that was only taken; raises where it is known to have failed.

        The note is taken whatever the question's own fate is.
        """
        request = str(answer.fields.get("requestId") or "")
        if answer.status != 202 or _REQUEST.fullmatch(request) is None:
            return
        try:
            found = await self._ask("GET", f"/alerts/requests/{request}")
        except DeliveryFault:
            return
        data = found.fields.get("data")
        if found.good and isinstance(data, dict) and data.get("success") is False:
            if data.get("isSuccess") is not True and "not" in str(data.get("status", "")).lower():
                message = f"took the note and did not write it; {_HINT_ALERT}"
                raise DeliveryRefusedError(message)
            raise DeliveryFault("took the note and did not write it")

    async def _is_noted(self, alert: str, link: str, mark: str) -> bool:
        answer = await self._ask("GET", f"/alerts/{alert}/notes?identifierType=id&limit=100")
        if answer.status in {404, 405}:
            return False  # nothing to ask it by: a note twice is better than none
        if not answer.good:
            raise _fault(answer)
        notes = answer.fields.get("data")
        texts = [str(note.get("note")) for note in _dicts(notes)]
        return any(mark in text and link in text for text in texts)

    async def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:
        headers = {"Authorization": f"GenieKey {await read_in_thread(self._key)}"}
        data = None if body is None else json_bytes(body)
        return await self._post.ask(method, f"{self._url}{path}", headers, data)


def _alert(told: Announcement) -> str:
    key = told.page.key if told.page is not None else ""
    if _ALERT.fullmatch(key) is None:
        raise DeliveryRefusedError(
            "is told of its own alerts only, by policies with on_page; this is none of them"
        )
    if not address(told.link):
        raise DeliveryRefusedError("is not told: the link is no address that can be shown")
    return key


def _dicts(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _fault(answer: Answer) -> DeliveryFault:
    return answer.fault(_HINT_ALERT if answer.status == 404 else "")
