"""Mattermost by an incoming webhook: nothing can be changed, its address is the secret.

Texts are Markdown there, and ``@here`` in one would wake everybody: both are taken their meaning
(webhooks guide 4.6).
"""

from __future__ import annotations

import re
from typing import Any, Final

from orchestrator.adapters.delivery.hook import Hook
from orchestrator.adapters.delivery.posting import Answer
from orchestrator.domain.wording import Message
from orchestrator.ports.deliveries import DeliveryFault

_BAD: Final = "#C0392B"
_WELL: Final = "#2E7D32"
_OVER: Final = "#7F8C8D"
_MARKS: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&:$])")
# Invisible and no part of a word: what follows it is no name of anybody any more.
_APART: Final = "\u2060"
_PING: Final = re.compile(r"@(?=\w)")


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


MATTERMOST: Final = Hook(body, 0.2, _fault)
