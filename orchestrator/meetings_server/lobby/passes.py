"""The pass by which somebody comes back whose connection was lost.

It names a room, a session and a participant, and is signed together with the link that they came
by. It lets nobody in by itself: whoever it names must still count as being inside.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

_FORM: Final = re.compile(r"1" + r"\.([0-9a-f-]{36})" * 3 + r"\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Pass:
    """Whose place it is, and in which session."""

    room_id: str
    session_id: str
    participant_id: str


class Passes:
    """Writes passes, and knows its own again."""

    def __init__(self, key: bytes) -> None:
        """A `key` that outlives a restart, and signs what has no line breaks elsewhere."""
        self._signing = hmac.new(key, digestmod=hashlib.sha256)

    def write(self, shown: Pass, link: str) -> str:
        """The pass in text, for the link's guest token."""
        text = f"1.{shown.room_id}.{shown.session_id}.{shown.participant_id}"
        return f"{text}.{self._signed(text, link)}"

    def read(self, text: str, link: str) -> Pass | None:
        """What it names; None: it is none of ours, or came with another link."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        head, _, signature = text.rpartition(".")
        if not hmac.compare_digest(self._signed(head, link), signature):
            return None
        return Pass(*found.groups())

    def _signed(self, text: str, link: str) -> str:
        signing = self._signing.copy()
        signing.update(f"pass\n{text}\n{link}".encode())
        return base64.urlsafe_b64encode(signing.digest()).decode("ascii").rstrip("=")
