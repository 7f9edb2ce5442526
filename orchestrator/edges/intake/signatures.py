"""Signatures of senders: the raw bytes, checked in constant time against a list of secrets.

The schemes are those of the webhooks guide, section 3.  Several secrets stand for one that is being
exchanged.  Refused is a header that is repeated, a list that is too long, a timestamp that is not
plain digits or further away than the tolerance, and every version but the one of the scheme.
Nothing here raises for what a sender sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from orchestrator.edges.intake.messages import Headers
from orchestrator.foundation.secret import Secret

TOLERANCE: Final = timedelta(seconds=300)
_TOKENS_MOST: Final = 16  # signatures that one header may list; senders list two
_FIELDS_MOST: Final = 1_000  # of a form
_DIGITS: Final = re.compile("[0-9]{1,12}")
_SYMMETRIC, _PUBLIC, _PRIVATE = "whsec_", "whpk_", "whsk_"
_KEY_BYTES: Final = 32  # of an Ed25519 public key


class Scheme(StrEnum):
    """How a sender signs."""

    PAGERDUTY_V3 = "pagerduty_v3"
    GRAFANA_HMAC = "grafana_hmac"
    STANDARD_WEBHOOKS = "standard_webhooks"
    GITHUB_SHA256 = "github_sha256"
    FIREHYDRANT = "firehydrant"
    ROOTLY = "rootly"
    VICTOROPS_SHA1 = "victorops_sha1"
    SLACK_V0 = "slack_v0"


@dataclass(frozen=True, slots=True)
class Signature:
    """How one source signs, and by which secrets.

    Attributes:
        secrets: any of them will do.
        header: which holds the signature; empty: the scheme's own.
        prefix: before the digest (`github_sha256`).
        timestamp_header: which holds the signed time (`grafana_hmac`); empty: none is signed.
        dotted: a dot stands between time and body (`rootly`).
        url: the whole address, as the sender knows it (`victorops_sha1`).
        tolerance: how far a signed time may be from now, either way.
    """

    scheme: Scheme
    secrets: tuple[Secret, ...]
    header: str = ""
    prefix: str = "sha256="
    timestamp_header: str = ""
    dotted: bool = False
    url: str = ""
    tolerance: timedelta = TOLERANCE

    def is_claimed(self, headers: Headers) -> bool:
        """Whether there is a signature at all, exactly once: worth reading a body for."""
        return any(headers.only(name) for name in self.names)

    def holds(self, headers: Headers, body: bytes, now: datetime) -> bool:
        """Whether one of the secrets signed this body, lately."""
        return _CHECKS[self.scheme](self, headers, body, now)

    @property
    def names(self) -> tuple[str, ...]:
        """The headers that may hold the signature, in lower case."""
        return (self.header.lower(),) if self.header else _HEADERS[self.scheme]

    def given(self, headers: Headers) -> str:
        """What the signature's header holds; empty where it is missing or repeated."""
        return headers.only(self.names[0])

    def is_lately(self, timestamp: str, now: datetime) -> bool:
        """Whether a signed time (seconds since 1970) is within the tolerance."""
        if _DIGITS.fullmatch(timestamp) is None:
            return False
        return abs(int(timestamp) - now.timestamp()) <= self.tolerance.total_seconds()

    def signs(self, signed: bytes, digests: Iterable[str]) -> bool:
        """Whether a secret made one of these hexadecimal digests: HMAC-SHA256."""
        made = [
            hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest().encode()
            for secret in self.secrets
        ]
        return _any_same(made, [_raw(digest) for digest in digests])


def is_public(secret: str) -> bool:
    """Whether a secret is a sender's public key, by which nobody else can sign."""
    return secret.startswith(_PUBLIC)


def decoded(secret: str) -> bytes:
    """The bytes of a symmetric secret of Standard Webhooks."""
    return _decoded(secret.removeprefix(_SYMMETRIC))


def unusable(scheme: Scheme, secret: Secret) -> str:
    """Why a secret cannot belong to a scheme, in words that do not quote it; or an empty text."""
    if scheme is not Scheme.STANDARD_WEBHOOKS:
        return ""
    text = secret.reveal()
    if text.startswith(_PRIVATE):
        return f"is a private key ({_PRIVATE}…); write the public one, {_PUBLIC}…"
    key = _decoded(text.removeprefix(_PUBLIC).removeprefix(_SYMMETRIC))
    if not key:
        return f"is not {_SYMMETRIC} or {_PUBLIC} and base64, as the sender shows it"
    if text.startswith(_PUBLIC) and len(key) != _KEY_BYTES:
        return f"is no Ed25519 public key: {_PUBLIC} and the base64 of {_KEY_BYTES} bytes"
    return ""


def _pagerduty(by: Signature, headers: Headers, body: bytes, _: datetime) -> bool:
    # The list may have blanks after its commas.
    tokens = [token.strip() for token in by.given(headers).split(",", _TOKENS_MOST)[:_TOKENS_MOST]]
    return by.signs(body, [token[3:] for token in tokens if token.startswith("v1=")])


def _grafana(by: Signature, headers: Headers, body: bytes, now: datetime) -> bool:
    if not by.timestamp_header:
        return by.signs(body, [by.given(headers)])
    timestamp = headers.only(by.timestamp_header.lower())
    signed = timestamp.encode("utf-8", "replace") + b":" + body
    return by.is_lately(timestamp, now) and by.signs(signed, [by.given(headers)])


def _github(by: Signature, headers: Headers, body: bytes, _: datetime) -> bool:
    given = by.given(headers)
    return given.startswith(by.prefix) and by.signs(body, [given.removeprefix(by.prefix)])


def _bare(by: Signature, headers: Headers, body: bytes, _: datetime) -> bool:
    return by.signs(body, [by.given(headers)])


def _rootly(by: Signature, headers: Headers, body: bytes, now: datetime) -> bool:
    times, digests = [], []
    for token in by.given(headers).split(",", _TOKENS_MOST)[:_TOKENS_MOST]:
        name, _, value = token.strip().partition("=")
        if name == "t":
            times.append(value)
        elif name == "v1":
            digests.append(value)
    if len(times) != 1 or not by.is_lately(times[0], now):
        return False
    return by.signs(times[0].encode() + (b"." if by.dotted else b"") + body, digests)


def _slack(by: Signature, headers: Headers, body: bytes, now: datetime) -> bool:
    timestamp, given = headers.only("x-slack-request-timestamp"), by.given(headers)
    if not given.startswith("v0=") or not by.is_lately(timestamp, now):
        return False
    return by.signs(b"v0:" + timestamp.encode() + b":" + body, [given.removeprefix("v0=")])


def _victorops(by: Signature, headers: Headers, body: bytes, _: datetime) -> bool:
    try:
        fields = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MOST
        )
    except ValueError:
        return False
    signed = by.url + "".join(name + value for name, value in sorted(fields))
    made = [
        hmac.new(secret.reveal().encode(), signed.encode(), hashlib.sha1).digest()
        for secret in by.secrets
    ]
    return _any_same(made, [_strict(by.given(headers))])


def _standard(by: Signature, headers: Headers, body: bytes, now: datetime) -> bool:
    family = "webhook" if headers.only("webhook-signature") else "svix"
    identity, timestamp = headers.only(f"{family}-id"), headers.only(f"{family}-timestamp")
    if not identity or not by.is_lately(timestamp, now):
        return False
    signed = b".".join((identity.encode("utf-8", "replace"), timestamp.encode(), body))
    given = headers.only(f"{family}-signature")
    tokens = [token.partition(",") for token in given.split(" ")[:_TOKENS_MOST]]
    digests = [_strict(text) for version, _, text in tokens if version == "v1"]
    signatures = [_strict(text) for version, _, text in tokens if version == "v1a"]
    made, found = [], False
    for secret in by.secrets:
        text = secret.reveal()
        if text.startswith(_PUBLIC):
            found |= _any_verified(text, signed, signatures)
        elif key := _decoded(text.removeprefix(_SYMMETRIC)):
            made.append(hmac.new(key, signed, hashlib.sha256).digest())
    return _any_same(made, digests) or found


def _any_verified(public: str, signed: bytes, signatures: Iterable[bytes]) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(_decoded(public.removeprefix(_PUBLIC)))
    except ValueError:
        return False
    for signature in signatures:
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            continue
        return True
    return False


def _any_same(made: Iterable[bytes], given: Iterable[bytes]) -> bool:
    """Whether any two are the same; how long it takes tells nothing of what they are."""
    given = list(given)
    found = False
    for one in made:
        for other in given:
            found |= hmac.compare_digest(one, other)
    return found


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _strict(text: str) -> bytes:
    """Base64 as it must be; nothing where it is not, which is no digest of anything."""
    try:
        return base64.b64decode(_raw(text), validate=True)
    except binascii.Error:
        return b""


def _decoded(text: str) -> bytes:
    """The bytes of a secret in base64, which may have lost its padding on the way here."""
    return _strict(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


_HEADERS: Final[Mapping[Scheme, tuple[str, ...]]] = {
    Scheme.PAGERDUTY_V3: ("x-pagerduty-signature",),
    Scheme.GRAFANA_HMAC: ("x-grafana-alerting-signature",),
    Scheme.STANDARD_WEBHOOKS: ("webhook-signature", "svix-signature"),
    Scheme.GITHUB_SHA256: ("x-hub-signature-256",),
    Scheme.FIREHYDRANT: ("fh-signature",),
    Scheme.ROOTLY: ("x-rootly-signature",),
    Scheme.VICTOROPS_SHA1: ("x-victorops-signature",),
    Scheme.SLACK_V0: ("x-slack-signature",),
}
_Check = Callable[[Signature, Headers, bytes, datetime], bool]
_CHECKS: Final[Mapping[Scheme, _Check]] = {
    Scheme.PAGERDUTY_V3: _pagerduty,
    Scheme.GRAFANA_HMAC: _grafana,
    Scheme.STANDARD_WEBHOOKS: _standard,
    Scheme.GITHUB_SHA256: _github,
    Scheme.FIREHYDRANT: _bare,
    Scheme.ROOTLY: _rootly,
    Scheme.VICTOROPS_SHA1: _victorops,
    Scheme.SLACK_V0: _slack,
}
