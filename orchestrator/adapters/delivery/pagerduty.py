"""PagerDuty: our link as an incident's conference bridge, else as a note (webhooks guide 4.2).

A bridge is looked at before it is set: one that a person put there stays, and our link goes into a
note.  Ours is recognised by our link, which is the same for a page however many rooms it has.  So
there is nothing to tell of another stage, and nothing at the end: the incident itself says that it
is resolved, and the link says what was.  Accounts without the feature get the note.

A note cannot be changed and is never asked back, so it bears a mark by which it is found before it
would be written twice.  Refuses pages that are none of PagerDuty's, and titles: only our own words
and our link are ever written there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

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

_INCIDENT: Final = re.compile(r"(?=[0-9]*[A-Z])[A-Z0-9]{6,32}")
_BRIDGE: Final = "bridge"
_NOTE: Final = "note"
_NO_FEATURE: Final = frozenset({2010, 2014})
_HINTS: Final = {
    1008: "`from` must be the email of a user of the account",
    2006: "check the key",
    2100: "there is no such incident: is the page one of this account's?",
}


class PagerDuty:
    """Implements `orchestrator.ports.deliveries.Messenger`.

    Args:
        url: without a slash at the end; ``https://api.eu.pagerduty.com`` in the EU.
        key: reads the API key.
        sender: the email of a user of the account, which changes are made in the name of.
        bridge: False: a note even where a bridge would be possible.
    """

    edits: Final = True  # another link replaces ours; what a stage says stands behind the link
    spacing: Final = 0.2  # 960 requests a minute are taken, and a page needs up to four

    def __init__(
        self, name: str, url: str, key: ReadSecret, sender: str, post: Post, *, bridge: bool = True
    ) -> None:
        self._name = name
        self._url = url
        self._key = key
        self._sender = sender
        self._post = post
        self._bridge = bridge

    def __repr__(self) -> str:
        return f"PagerDuty({self._name!r})"

    @property
    def name(self) -> str:
        """The name that policies know it by."""
        return self._name

    async def send(self, told: Announcement, attempt: int) -> str:
        """Set the bridge, or write a note. Raises `DeliveryFault`."""
        return await self._show(told, "", attempt)

    async def change(self, told: Announcement, handle: str, attempt: int) -> str:
        """Put another link in the place of the last one; the same link needs nothing.

        Raises:
            DeliveryFault: it was not told.
        """
        kind, _, shown = handle.partition(" ")
        if told.stage is Stage.CLOSED or shown == _link(told):
            return handle
        return await self._show(told, shown if kind == _BRIDGE else "", attempt)

    async def check(self) -> str:
        """Ask for one incident, and for the user of `from`. Raises `DeliveryFault`."""
        answer = await self._ask("GET", "/incidents?limit=1")
        if not answer.good:
            raise _fault(answer)
        users = await self._ask("GET", f"/users?limit=1&query={quote(self._sender, safe='')}")
        if users.good and users.fields.get("users") == []:
            message = f"knows no user {self._sender}; {_HINTS[1008]}"
            raise DeliveryRefusedError(message)
        return "the key may read incidents; whether it may change them is seen with the first"

    async def close(self) -> None:
        """Let go of connections."""
        await self._post.close()

    async def _show(self, told: Announcement, ours: str, attempt: int) -> str:
        """Show the link; `ours` is what we put into the bridge before."""
        incident, link = _incident(told), _link(told)
        note = self._bridge and await self._set_bridge(incident, link, ours)
        if note is True:
            return f"{_BRIDGE} {link}"
        await self._write_note(told, incident, link, str(note or ""), attempt)
        return f"{_NOTE} {link}"

    async def _set_bridge(self, incident: str, link: str, ours: str) -> bool | str:
        """True: it shows our link.  Otherwise a note is needed, and what else it has to say."""
        answer = await self._ask("GET", f"/incidents/{incident}?include[]=conference_bridge")
        if not answer.good:
            if _has_no_feature(answer):
                return False
            raise _fault(answer)
        shown = _bridge_of(answer)
        if shown["conference_url"] == link:
            return True
        if any(value and value != ours for value in shown.values()):
            return "The incident has another conference bridge, which was left as it is."
        bridge = {"conference_url": link, "conference_number": ""}
        body = {"incident": {"type": "incident_reference", "conference_bridge": bridge}}
        answer = await self._ask("PUT", f"/incidents/{incident}", body)
        if answer.good:
            return True
        if _has_no_feature(answer):
            return False
        raise _fault(answer)

    async def _write_note(
        self, told: Announcement, incident: str, link: str, more: str, attempt: int
    ) -> None:
        mark = f"[room {told.id}]"
        if attempt > 1 and await self._is_noted(incident, link, mark):
            return
        words = message_of(told)
        parts = [f"{words.headline}: {link}", *words.sentences, more, mark]
        if words.host is not None:
            parts.insert(1, f"For the host: {words.host.reveal()}")
        body = {"note": {"content": "\n".join(filter(None, parts))}}
        answer = await self._ask("POST", f"/incidents/{incident}/notes", body)
        if not answer.good:
            raise _fault(answer)

    async def _is_noted(self, incident: str, link: str, mark: str) -> bool:
        answer = await self._ask("GET", f"/incidents/{incident}/notes")
        if not answer.good:
            raise _fault(answer)
        notes = answer.fields.get("notes")
        texts = (
            [str(note.get("content")) for note in notes if isinstance(note, dict)]
            if (isinstance(notes, list))
            else []
        )
        return any(mark in text and link in text for text in texts)

    async def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:
        headers = {
            "Accept": "application/vnd.pagerduty+json;version=2",
            "Authorization": f"Token token={await read_in_thread(self._key)}",
            "From": self._sender,
        }
        data = None if body is None else json_bytes(body)
        return await self._post.ask(method, f"{self._url}{path}", headers, data)


def _incident(told: Announcement) -> str:
    key = told.page.key if told.page is not None else ""
    if _INCIDENT.fullmatch(key) is None:
        raise DeliveryRefusedError(
            "is told of PagerDuty's own pages only, by policies with on_page; this is none of them"
        )
    return key


def _link(told: Announcement) -> str:
    link = address(told.link)
    if not link or len(link) > 900:  # a handle has to hold it
        raise DeliveryRefusedError("is not told: the link is no address that can be shown")
    return link


def _bridge_of(answer: Answer) -> dict[str, str]:
    incident = answer.fields.get("incident")
    bridge = incident.get("conference_bridge") if isinstance(incident, dict) else None
    given = bridge if isinstance(bridge, dict) else {}
    return {name: str(given.get(name) or "") for name in ("conference_url", "conference_number")}


def _code(answer: Answer) -> int:
    error = answer.fields.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else 0


def _has_no_feature(answer: Answer) -> bool:
    return answer.status in {402, 403} or _code(answer) in _NO_FEATURE


def _fault(answer: Answer) -> DeliveryFault:
    code = _code(answer)
    if code == 2020:  # too many requests, sometimes with another status than 429
        return DeliveryFault("answered that there are too many requests", _reset(answer))
    fault = answer.fault(_HINTS.get(code, ""), str(code) if code else "")
    if fault.retry_after is None and not isinstance(fault, DeliveryRefusedError):
        fault.retry_after = _reset(answer)
    return fault


def _reset(answer: Answer) -> float | None:
    """The seconds until more requests are taken: in a header of PagerDuty's own."""
    if answer.wait is not None:
        return answer.wait
    text = answer.headers.get("ratelimit-reset", "")
    limited = answer.status == 429 or _code(answer) == 2020
    return float(text) if limited and re.fullmatch("[0-9]{1,4}", text) else None
