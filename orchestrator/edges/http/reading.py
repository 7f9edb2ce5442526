"""Reading a callback: bytes and headers into a value, and whether a signature holds.

Tolerant as the API notes, 9.2 and 9.3, advise: unknown keys, events and kinds are no error, and
what may be missing may be missing.  It refuses what is no JSON object with an event, ids that are
not text, and a signature that is there and wrong.  Names of participants stay behind.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import jwt

from orchestrator.domain.presence import Callback, Event
from orchestrator.foundation.instants import parse_instant
from orchestrator.foundation.secret import Secret

# Older names, and a slip of the documentation.
_ALIASES: Final[Mapping[str, Event]] = {
    "recording:ready": Event.RECORDING_UPLOADED,
    "participant:joined": Event.PARTICIPANT_JOINED,
    "participant:left": Event.PARTICIPANT_LEFT,
}
_LONGEST_ID: Final = 200
_BEARER: Final = "bearer "


class UnreadableCallbackError(Exception):
    """This is no callback; the text says why and quotes nothing."""


class WrongSignatureError(Exception):
    """The callback is signed, and not by whom we know."""


def read_callback(body: bytes) -> Callback:
    """Read one callback.

    Raises:
        UnreadableCallbackError: it is not JSON, names no event, or an id is not text.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:  # also what is not UTF-8
        message = "the body is not JSON" if body.strip() else "the body is empty"
        raise UnreadableCallbackError(message) from error
    if not isinstance(document, dict):
        message = "the body is not a JSON object"
        raise UnreadableCallbackError(message)
    return Callback(
        event=_event(document.get("event")),
        room_id=_id(document, "room_id"),
        session_id=_id(document, "session_id"),
        participant_id=_id(document, "participant_id"),
        recording_id=_id(document, "recording_id"),
        started_at=_moment(document.get("started_at")),
        ended_at=_moment(document.get("ended_at")),
    )


def check_signature(body: bytes, authorization: str, secret: Secret) -> None:
    """Check a signed callback (the API notes, 9.3): HS256, with the SHA-256 of the body.

    Its age is not looked at: a callback that comes again tells nothing new.

    Raises:
        WrongSignatureError: the signature or the body is not what was signed.
    """
    if not authorization.lower().startswith(_BEARER):
        message = "Authorization is not a bearer token"
        raise WrongSignatureError(message)
    try:
        claims = jwt.decode(
            authorization[len(_BEARER) :].strip(),
            secret.reveal(),
            algorithms=["HS256"],
            options={
                "require": ["payload_hash"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
            },
        )
    except jwt.PyJWTError:
        # Not chained: its text may quote the token.
        message = "the signature does not hold"
        raise WrongSignatureError(message) from None
    signed = str(claims["payload_hash"]).lower()
    if not hmac.compare_digest(signed.encode(), hashlib.sha256(body).hexdigest().encode()):
        message = "the body is not the one that was signed"
        raise WrongSignatureError(message)


def _event(value: object) -> Event:
    if not isinstance(value, str):
        message = '"event" is missing' if value is None else '"event" is not text'
        raise UnreadableCallbackError(message)
    if value in _ALIASES:
        return _ALIASES[value]
    try:
        return Event(value)
    except ValueError:
        return Event.OTHER


def _id(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if value is None:
        return ""
    # What cannot be printed is in no id, and half a surrogate pair could not even be recorded.
    if not isinstance(value, str) or len(value) > _LONGEST_ID or not value.isprintable():
        message = f'"{name}" is not an id'
        raise UnreadableCallbackError(message)
    return value


def _moment(value: object) -> datetime | None:
    """A moment, or none: one that cannot be read tells less, and nothing wrong."""
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except ValueError:
        return None
