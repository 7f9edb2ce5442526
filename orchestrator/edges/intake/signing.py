"""Signing as a sender does, for a test message to our own door.

It makes what `orchestrator.edges.intake.signatures` checks, and refuses where only the sender can:
a source that is known by a public key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final, assert_never
from urllib.parse import parse_qsl

from orchestrator.edges.intake.authentication import Lock
from orchestrator.edges.intake.signatures import Scheme, Signature, decoded, is_public

_ID: Final = "room-orchestrator-doctor"


def credentials(lock: Lock, body: bytes, now: datetime) -> dict[str, str] | None:
    """The headers that a lock asks for; None where nobody but the sender can make them."""
    headers: dict[str, str] = {}
    if lock.bearer:
        headers["Authorization"] = f"Bearer {lock.bearer[0].reveal()}"
    elif lock.basic:
        pair = base64.b64encode(lock.basic[0].reveal().encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    if lock.signature is None:
        return headers
    signed = signed_as(lock.signature, body, now)
    return None if signed is None else {**headers, **signed}


def signed_as(by: Signature, body: bytes, now: datetime) -> Mapping[str, str] | None:
    """The headers of a signature; None where only the sender can sign."""
    secret = by.secrets[0].reveal()
    at = str(int(now.timestamp()))
    name = by.names[0]
    match by.scheme:
        case Scheme.PAGERDUTY_V3:
            return {name: f"v1={_hex(secret, body)}"}
        case Scheme.GITHUB_SHA256:
            return {name: f"{by.prefix}{_hex(secret, body)}"}
        case Scheme.FIREHYDRANT:
            return {name: _hex(secret, body)}
        case Scheme.GRAFANA_HMAC:
            if not by.timestamp_header:
                return {name: _hex(secret, body)}
            return {name: _hex(secret, f"{at}:".encode() + body), by.timestamp_header: at}
        case Scheme.ROOTLY:
            signed = at.encode() + (b"." if by.dotted else b"") + body
            return {name: f"t={at},v1={_hex(secret, signed)}"}
        case Scheme.SLACK_V0:
            signed = f"v0:{at}:".encode() + body
            return {name: f"v0={_hex(secret, signed)}", "X-Slack-Request-Timestamp": at}
        case Scheme.VICTOROPS_SHA1:
            fields = parse_qsl(body.decode(), keep_blank_values=True)
            signed = (by.url + "".join(each + value for each, value in sorted(fields))).encode()
            made = hmac.new(secret.encode(), signed, hashlib.sha1).digest()
            return {name: base64.b64encode(made).decode()}
        case Scheme.STANDARD_WEBHOOKS:
            return _standard(secret, body, at)
        case _:
            assert_never(by.scheme)


def _standard(secret: str, body: bytes, at: str) -> Mapping[str, str] | None:
    if is_public(secret):
        return None
    signed = f"{_ID}.{at}.".encode() + body
    made = hmac.new(decoded(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": _ID,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(made).decode()}",
    }


def _hex(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
