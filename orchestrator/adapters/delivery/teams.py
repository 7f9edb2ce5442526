"""Microsoft Teams by a workflow: an adaptive card, nothing can be changed (webhooks guide 4.5).

The workflow's whole address with its ``sig=`` is the secret and is used byte for byte.  It answers
202 before it has posted anything: what fails after that only its owner sees, in the workflow's
run history.  Texts of cards are Markdown, and ``{{DATE(…)}}`` is worked out: both are taken their
meaning.
"""

from __future__ import annotations

import re
from typing import Any, Final

from orchestrator.adapters.delivery.hook import Hook
from orchestrator.adapters.delivery.posting import Answer
from orchestrator.domain.wording import Message
from orchestrator.ports.deliveries import DeliveryFault

_MARKS: Final = re.compile(r"([\\`*_\[\]()#+\-!|~<>&])")
_NUMBER: Final = re.compile(r"^([0-9]+)([.)])")  # would begin a list
_APART: Final = "\u2060"  # invisible


def body(message: Message) -> dict[str, Any]:
    """What is posted; `attachments` must be a list, or the workflow dies without a word."""
    actions = [
        {"type": "Action.OpenUrl", "title": door.label, "url": door.url} for door in message.doors
    ]
    if message.host is not None:
        host = message.host.reveal()
        actions.append({"type": "Action.OpenUrl", "title": "Join as the host", "url": host})
    facts = [{"title": label, "value": escape(value)} for label, value in message.facts]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            _text(message.headline, size="Large", weight="Bolder"),
            _text(escape(message.title)),
            *([{"type": "FactSet", "facts": facts}] if facts else []),
            *(_text(escape(one), isSubtle=True) for one in message.sentences),
        ],
        "actions": actions,
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def escape(value: str) -> str:
    """A text in which a card finds neither Markdown nor anything to work out."""
    marked = _NUMBER.sub(r"\1\\\2", _MARKS.sub(r"\\\1", value))
    return marked.replace("{{", f"{{{_APART}{{")


def _text(value: str, **how: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": value, "wrap": True, **how}


def _fault(answer: Answer) -> DeliveryFault:
    return answer.fault("copy the address of the workflow anew")


TEAMS: Final = Hook(body, 0.3, _fault)  # more than four a second were too many for it
