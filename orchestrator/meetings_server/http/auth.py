"""Who asks: RS256 tokens of applications, by the rules of the API notes, section 3.

The library checks the signature only; the moments are checked here, against the server's clock,
because the library reads the wall clock.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.types import Options

from orchestrator.meetings_server.http.problems import (
    BAD_CREDENTIALS,
    NO_CREDENTIALS,
    Unauthenticated,
)
from orchestrator.meetings_server.settings import Application

# Seconds.
_SKEW: Final = 60
_USUAL_LIFE: Final = 15 * 60
_LONGEST_LIFE: Final = 24 * 60 * 60

_REMEMBERED: Final = 256

_SIGNATURE_ONLY: Final[Options] = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class Gate:
    """Lets in the applications that it was given, each by its own key."""

    def __init__(self, applications: tuple[Application, ...]) -> None:
        """Keys are loaded here and once: with PEM text each check would cost a hundred times more.

        Raises:
            ValueError: a key is not an RSA public key in PEM.
        """
        self._keys = {one.id: _loaded(one) for one in applications}
        # Clients use a token for minutes: its signature is checked once, its moments always.
        self._known: dict[str, Mapping[str, object]] = {}

    def application(self, headers: Mapping[str, str], now: datetime) -> str:
        """The id of the application that signed the request.

        Raises:
            Unauthenticated: nobody did, or not credibly. The reason is not told.
        """
        header = headers.get("authorization")
        if header is None:
            raise Unauthenticated(*NO_CREDENTIALS)
        scheme, _, token = header.partition(" ")
        claims = self._verified(token.strip()) if scheme.lower() == "bearer" else None
        if claims is None or not _is_timely(claims, now.timestamp()):
            raise Unauthenticated(*BAD_CREDENTIALS)
        return str(claims["application_id"])

    def _verified(self, token: str) -> Mapping[str, object] | None:
        claims = self._known.get(token) or self._checked(token)
        if claims is not None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[token] = claims
        return claims

    def _checked(self, token: str) -> Mapping[str, object] | None:
        try:
            named = _named(token)
            key = self._keys.get(named) if isinstance(named, str) else None
            if key is None:
                return None
            claims: Mapping[str, object] = jwt.decode(
                token, key, algorithms=["RS256"], options=_SIGNATURE_ONLY
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        token_id = claims.get("jti")
        return claims if isinstance(token_id, str) and token_id else None


def _named(token: str) -> object:
    """Who a token says that it is from, unproven: it selects the key that must have signed it."""
    claims = token.split(".")[1:2]
    if not claims:
        return None
    document = json.loads(urlsafe_b64decode(claims[0] + "=" * (-len(claims[0]) % 4)))
    return document.get("application_id") if isinstance(document, dict) else None


def _loaded(application: Application) -> RSAPublicKey:
    try:
        key = load_pem_public_key(application.public_key.encode())
    except ValueError as error:
        message = f"application {application.id}: the public key is not PEM"
        raise ValueError(message) from error
    if not isinstance(key, RSAPublicKey):
        message = f"application {application.id}: the public key is not an RSA key"
        raise ValueError(message)  # noqa: TRY004 - the caller passed text, of the right type
    return key


def _is_timely(claims: Mapping[str, object], now: float) -> bool:
    issued = _number(claims.get("iat"))
    if issued is None:
        return False
    expires = issued + _USUAL_LIFE
    if "exp" in claims:
        named = _number(claims["exp"])
        if named is None:
            return False
        expires = min(named, issued + _LONGEST_LIFE)
    begins = issued
    if "nbf" in claims:
        named = _number(claims["nbf"])
        if named is None:
            return False
        begins = max(named, issued)
    return begins - _SKEW <= now < expires + _SKEW


def _number(value: object) -> float | None:
    # True is an int in Python, and no moment.
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
