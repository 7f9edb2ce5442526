"""The one place where answers and silences of the API become faults.

What an API says of its refusal goes into the fault's text: its first 200 characters, on one line,
without control characters, and with everything masked that looks like a token or a link.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from orchestrator.adapters.meetings.apitime import answered_at, header, http_date
from orchestrator.adapters.meetings.transport import Answer, NotSent
from orchestrator.foundation.secret import MASK
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnansweredError,
    UnauthorizedError,
    UnavailableError,
)

LONGEST_WAIT: Final = timedelta(minutes=15)  # what we believe of a Retry-After
SAID_MAX: Final = 200  # characters of a body

_READ: Final = 64 * 1024  # bytes of a refusal's body that are read
_LOOKED_AT: Final = 10 * SAID_MAX  # characters of what it says in which secrets are looked for

_SECRETS: Final = (
    # Tokens are masked also where they were cut off, links of any host behind the host's name.
    (re.compile(r"eyJ[\w.+/=-]*"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+\S+"), rf"\1 {MASK}"),
    (re.compile(r"(?i)(token\w{0,40}\W{0,4}[=:]\W{0,4})[^\s&\"',}]+"), rf"\1{MASK}"),
    (re.compile(r"(?s)-----BEGIN.*"), MASK),
    (re.compile(r"(?i)((?:https?:)?//[^\s/\"'<>?#]+)[/?#][^\s\"'<>]*"), rf"\1/{MASK}"),
)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, as a fault may name it."""

    method: str
    path: str

    @property
    def changes(self) -> bool:
        """Whether it would change something, so that it must not be sent twice unseen."""
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def refused(call: Call, answer: Answer, now: datetime) -> Fault:
    """The fault that an answer other than 2xx is.

    ``now`` is API time: a ``Retry-After`` that is a moment counts from it where the answer has no
    ``Date``.
    """
    status = answer.status
    message = f"{call}: {_said(answer)}"
    if status == 401:
        return UnauthorizedError(message, status)
    if status in {403, 409}:
        return ForbiddenError(message, status, occupied=status == 409 and call.method == "DELETE")
    if status in {404, 410}:
        return MissingError(message, status)
    if status in {429, 503}:
        # Said before anything was done, so it is weather for every call.
        return UnavailableError(message, status, retry_after(answer, now))
    if 400 <= status < 500 and status != 408:
        return RefusedError(message, status)
    if call.changes:
        return UnansweredError(message, status)
    return UnavailableError(message, status, retry_after(answer, now))


def silent(call: Call, error: Exception) -> Fault:
    """The fault that a transport's exception is; the caller chains it."""
    message = f"{call}: {_masked(str(error))[:SAID_MAX] or type(error).__name__}"
    unsent = isinstance(error, NotSent | ConnectionRefusedError)
    return UnavailableError(message) if unsent or not call.changes else UnansweredError(message)


def unreadable(call: Call, status: int, reason: str) -> Fault:
    """The fault that a 2xx is whose body does not tell what it should."""
    message = f"{call}: the answer cannot be read: {_masked(reason)[:SAID_MAX]}"
    return UnansweredError(message, status) if call.changes else UnavailableError(message, status)


def retry_after(answer: Answer, now: datetime) -> timedelta | None:
    """What ``Retry-After`` asks for, in either form, between nothing and fifteen minutes."""
    text = (header(answer.headers, "retry-after") or "").strip()
    if re.fullmatch(r"[0-9]+", text):
        # More digits than any number of seconds that matters: do not even build the number.
        return LONGEST_WAIT if len(text) > 9 else min(timedelta(seconds=int(text)), LONGEST_WAIT)
    moment = http_date(text or None)
    if moment is None:
        return None
    return min(max(moment - (answered_at(answer.headers) or now), timedelta()), LONGEST_WAIT)


def _said(answer: Answer) -> str:
    """What the API said, from any of its families of errors, or what its status means."""
    text = answer.body[:_READ].decode("utf-8", "replace")
    try:
        said = _from_document(json.loads(text))
    except (ValueError, RecursionError):
        said = "" if "<html" in text[:1000].lower() else text  # a proxy's page tells nothing
    return _masked(said)[:SAID_MAX] or _meaning(answer.status)


def _from_document(document: object) -> str:
    if not isinstance(document, Mapping):
        return ""
    kind = _first(document, "name", "title", "error", "type")
    text = _first(document, "message", "detail")
    errors = document.get("errors")
    details = [str(one) for one in errors] if isinstance(errors, list) else []
    return ": ".join(part for part in (kind, text, "; ".join(details)) if part)


def _first(document: Mapping[str, object], *names: str) -> str:
    found = (document.get(name) for name in names)
    return next((one for one in found if isinstance(one, str) and one), "")


def _masked(text: str) -> str:
    text = text[:_LOOKED_AT]
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())


def _meaning(status: int) -> str:
    if 300 <= status < 400:
        return "the answer leads to another address; is the API's URL right?"
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no known status"
