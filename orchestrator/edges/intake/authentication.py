"""Who may come in: what a message has to know before a byte of it is read.

Every means that a source is set up with has to hold; bearer and basic stand in one header, so that
either of them will do.  A source without any means lets nobody in.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from orchestrator.edges.intake.messages import Headers
from orchestrator.edges.intake.signatures import Signature
from orchestrator.foundation.secret import Secret


@dataclass(frozen=True, slots=True)
class Lock:
    """What a message of one source has to know; any secret of a list will do.

    Attributes:
        signature: how it is signed; None: it is not.
        bearer: what ``Authorization: Bearer`` may hold.
        basic: ``user:password`` for ``Authorization: Basic``.
        tokens: what the address may end in.
        in_query: the bearer token may also be ``?access_token=`` (CloudEvents; it leaks into logs).
    """

    signature: Signature | None = None
    bearer: tuple[Secret, ...] = ()
    basic: tuple[Secret, ...] = ()
    tokens: tuple[Secret, ...] = ()
    in_query: bool = False

    def admits(self, headers: Headers, token: str, access_token: str) -> bool:
        """Whether everything holds that can be known before the body is there.

        Args:
            headers: of the message.
            token: the end of its address; empty where it has none.
            access_token: of its query; empty where it has none.
        """
        if not (self.signature or self.bearer or self.basic or self.tokens):
            return False
        if not self.fits(token):
            return False
        if self.signature is not None and not self.signature.is_claimed(headers):
            return False
        return not (self.bearer or self.basic) or self._authorizes(headers, access_token)

    def fits(self, token: str) -> bool:
        """Whether the address is right; one without an end is, where none is asked for."""
        return _is_one_of(Secret(token), self.tokens) if self.tokens else not token

    def is_signed(self, headers: Headers, body: bytes, now: datetime) -> bool:
        """Whether the signature holds, where one is asked for."""
        return self.signature is None or self.signature.holds(headers, body, now)

    def _authorizes(self, headers: Headers, access_token: str) -> bool:
        scheme, _, given = headers.only("authorization").partition(" ")
        match scheme.lower():
            case "bearer":
                return _is_one_of(Secret(given.strip()), self.bearer)
            case "basic":
                return _is_one_of(Secret(_basic(given)), self.basic)
            case "" if self.in_query and access_token:
                return _is_one_of(Secret(access_token), self.bearer)
            case _:
                return False


def _is_one_of(given: Secret, known: tuple[Secret, ...]) -> bool:
    found = False
    for one in known:  # all of them, so that the time it takes does not tell which it was
        found |= given == one
    return found


def _basic(given: str) -> str:
    try:
        return base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
