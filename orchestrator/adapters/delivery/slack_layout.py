"""How a message looks in Slack: blocks within its limits, and a text that stands alone. Pure.

Slack takes ``<!here>`` and ``<@U1>`` for pings and ``<url|text>`` for links, so that ``& < >`` of
every text are escaped; automatic links and mentions are switched off where a text comes from
outside (webhooks guide 4.1).
"""

from __future__ import annotations

from typing import Any, Final

from orchestrator.domain.wording import Message, cut

# Slack's limits, in characters after escaping.
_HEADER_MOST: Final = 150
_FIELD_MOST: Final = 2_000
_FIELDS_MOST: Final = 10
_SECTION_MOST: Final = 3_000
_BUTTON_MOST: Final = 75
_CONTEXTS_MOST: Final = 10


def body(message: Message) -> dict[str, Any]:
    """The fields of a message that every way of posting has in common."""
    return {
        "text": text(message),
        "blocks": blocks(message),
        "unfurl_links": False,
        "unfurl_media": False,
        "parse": "none",
        "link_names": False,
    }


def plain(message: Message) -> dict[str, Any]:
    """The same without blocks: a layout that Slack refuses must not hold the link back."""
    return {**body(message), "blocks": []}


def text(message: Message) -> str:
    """All of it in lines, for notifications and where blocks cannot be shown."""
    lines = [escape(message.subject), *map(escape, message.sentences)]
    lines += [f"<{door.url}|{escape(door.label)}>" for door in message.doors]
    if message.host is not None:
        lines.append(f"<{message.host.reveal()}|Join as the host>")
    return "\n".join(lines)


def blocks(message: Message) -> list[dict[str, Any]]:
    """A header, facts, buttons and small print."""
    title = escape(message.title)
    made: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(message.headline, _HEADER_MOST)},
        {"type": "section", "text": _marked(title, _SECTION_MOST)},
    ]
    fields = [
        _marked(f"*{escape(label)}*\n{escape(value)}", _FIELD_MOST)
        for label, value in message.facts[:_FIELDS_MOST]
    ]
    if fields:
        made.append({"type": "section", "fields": fields})
    buttons = [_button(f"door-{at}", door.label, door.url) for at, door in enumerate(message.doors)]
    if message.host is not None:
        buttons.append(_button("host", "Join as the host", message.host.reveal()))
    if buttons:
        if not message.over:
            buttons[0]["style"] = "primary"
        made.append({"type": "actions", "elements": buttons})
    notes = [_marked(escape(one), _SECTION_MOST) for one in message.sentences[:_CONTEXTS_MOST]]
    if notes:
        made.append({"type": "context", "elements": notes})
    return made


def escape(value: str) -> str:
    """A text in which Slack finds no markup of its own but for what changes how letters look."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _marked(value: str, most: int) -> dict[str, Any]:
    # Verbatim: no name, address or @here in it becomes a link or a ping.
    return {"type": "mrkdwn", "text": _cut(value, most), "verbatim": True}


def _plain(value: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _cut(escape(value), most), "emoji": False}


def _cut(value: str, most: int) -> str:
    """Cut what is escaped without leaving half an entity."""
    if len(value) <= most:
        return value
    short = cut(value, most)
    ampersand = short.rfind("&", len(short) - 6)
    return short if ampersand < 0 or ";" in short[ampersand:] else f"{short[:ampersand]}…"


def _button(name: str, label: str, url: str) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": name,
        "text": _plain(label, _BUTTON_MOST),
        "url": url,
    }
