"""Slack by its API: one message a link, changed with every stage (webhooks guide 4.1).

Slack answers 200 to mistakes as well and says ``ok: false``.  A layout that it refuses is sent once
more as plain text: the link must get through.  Slack has no way to ask whether a message was
posted, so a lost answer may double the first message; changes are never doubled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from orchestrator.adapters.delivery import slack_layout
from orchestrator.adapters.delivery.hook import Hook
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

_WEATHER: Final = frozenset(
    {
        "rate_limited",
        "ratelimited",
        "internal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
    }
)
_SCOPE: Final = "chat:write"
_PARTLY: Final = "fatal_error"  # "may have partly succeeded"
_LAYOUT: Final = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"}
)
# What was posted can be changed no more: the next is said below it.
_FROZEN: Final = frozenset({"edit_window_closed", "cant_update_message"})
_HINTS: Final = {
    "channel_not_found": "check the channel's id, and invite the app to it",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "the channel is archived",
    "not_authed": "check the token",
    "invalid_auth": "check the token",
    "account_inactive": "check the token",
    "token_revoked": "check the token",
    "token_expired": "check the token",
    "missing_scope": "give the app the scope chat:write",
    "restricted_action": "the workspace does not let the app post there",
    "message_not_found": "the message was deleted",
}
_HANDLE: Final = re.compile(r"[A-Z0-9]{1,40} [0-9]{1,20}\.[0-9]{1,10}")
_MINIMUM_WAIT: Final = 1.0  # a second: about one message a second and channel is taken


class SlackPoster:
    """Implements `orchestrator.adapters.delivery.telling.Poster`.

    Args:
        url: ``https://slack.com/api``, without a slash at the end.
        token: reads ``xoxb-…``.
        channel: its id, such as ``C07INCCHECK``.
    """

    edits: Final = True
    spacing: Final = 1.0  # Slack takes about one message a second and channel

    def __init__(self, url: str, token: ReadSecret, channel: str, post: Post) -> None:
        self._url = url
        self._token = token
        self._channel = channel
        self._post = post

    async def post(self, message: Message, attempt: int) -> str:
        """``chat.postMessage``; the handle is channel and ts. Raises `DeliveryFault`."""
        del attempt
        where = {"channel": self._channel}
        answer = await self._say("chat.postMessage", message, where)
        handle = f"{answer.get('channel')} {answer.get('ts')}"
        if _HANDLE.fullmatch(handle) is None:
            raise DeliveryUnansweredError("answered ok and not which message it is")
        return handle

    async def amend(self, message: Message, handle: str, attempt: int) -> str:
        """``chat.update``, or a reply where that is forbidden. Raises `DeliveryFault`."""
        del attempt
        channel, _, ts = handle.partition(" ")
        try:
            await self._say("chat.update", message, {"channel": channel, "ts": ts})
        except _SaidNoError as refusal:
            if refusal.code not in _FROZEN:
                raise
            where = {"channel": channel, "thread_ts": ts}
            await self._say("chat.postMessage", message, where)
        return handle

    async def check(self) -> str:
        """``auth.test``, and the scopes that come with it. Raises `DeliveryFault`."""
        answer = await self._answer("auth.test", {})
        scopes = answer.headers.get("X-OAuth-Scopes")
        if scopes is not None and _SCOPE not in re.split(r"[,\s]+", scopes):
            raise _SaidNoError("missing_scope")
        team = re.sub(r"[^\w .-]", "", str(answer.fields.get("team", "")))[:80]
        return f"the token is one of {team or 'a workspace'}; the channel is seen with the first"

    async def close(self) -> None:
        """Let go of connections."""
        await self._post.close()

    async def _say(
        self, method: str, message: Message, where: Mapping[str, Any]
    ) -> Mapping[str, object]:
        try:
            return await self._ask(method, {**slack_layout.body(message), **where})
        except _SaidNoError as refusal:
            if refusal.code not in _LAYOUT:
                raise
        return await self._ask(method, {**slack_layout.plain(message), **where})

    async def _ask(self, method: str, body: Mapping[str, Any]) -> Mapping[str, object]:
        return (await self._answer(method, body)).fields

    async def _answer(self, method: str, body: Mapping[str, Any]) -> Answer:
        """An answer that says ``ok``. Raises `DeliveryFault`."""
        headers = {
            "Authorization": f"Bearer {await read_in_thread(self._token)}",
            "Content-Type": "application/json; charset=utf-8",
        }
        answer = await self._post.ask("POST", f"{self._url}/{method}", headers, json_bytes(body))
        if answer.good and answer.fields.get("ok") is True:
            return answer
        raise _fault(answer)


class _SaidNoError(DeliveryRefusedError):
    """Slack refuses; `code` is its own word."""

    def __init__(self, code: str) -> None:
        hint = _HINTS.get(code, "see Slack's list of errors")
        super().__init__(f"answered {code}; {hint}")
        self.code = code


def _fault(answer: Answer) -> DeliveryFault:
    code = _word(str(answer.fields.get("error", "")))
    if not answer.good:
        return answer.fault("", code)
    if code in _WEATHER:
        return DeliveryFault(f"answered {code}", answer.wait or _MINIMUM_WAIT)
    if code == _PARTLY or not code:
        told = f"answered {code}" if code else "answered with what is not Slack's"
        return DeliveryUnansweredError(told, answer.wait)
    return _SaidNoError(code)


def _hook_fault(answer: Answer) -> DeliveryFault:
    code = _code_of(answer)
    if code == "rate_limited":
        return DeliveryFault(f"answered {code}", answer.wait or _MINIMUM_WAIT)
    return answer.fault("make another incoming webhook and put its address there", code)


def _code_of(answer: Answer) -> str:
    return "" if answer.good else _word(answer.text)


def _word(text: str) -> str:
    """Slack's word for a mistake; empty where it is none, because it may be anything."""
    return text if re.fullmatch("[a-z_]{1,60}", text) else ""


# An incoming webhook, for who has no app.
SLACK_WEBHOOK: Final = Hook(
    slack_layout.body,
    1.0,
    _hook_fault,
    slack_layout.plain,
    lambda answer: _code_of(answer) in {"invalid_blocks", "invalid_payload"},
)
