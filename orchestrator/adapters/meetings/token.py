"""Tokens by which the API knows the application: RS256, short-lived, made from API time.

API time is used so that a wrong wall clock does not make every token invalid.  The key is read
once, as signing from its text each time is a hundred times slower, and again only where the API
refused a token: then its file may hold another one.  It leaves neither by `repr` nor by an error.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from orchestrator.foundation.secret import Secret

LIFETIME: Final = timedelta(minutes=15)  # what the API assumes where a token does not say
_FRESH: Final = timedelta(minutes=10)  # after that it is made anew, well before its end
_AHEAD: Final = timedelta(seconds=5)  # issued later than this from now: API time was corrected
_LEAST_BITS: Final = 2048  # RS256 allows no less


class UnusableKeyError(ValueError):
    """The application's private key cannot be used; the text says why and how to mend it."""


class Tokens:
    """Makes the application's tokens and keeps the last one while it is fresh.

    Args:
        application_id: the claim that selects key and tenant.
        key: the private half, from `read_key`.
        api_now: API time (UTC).
        source: reads the key's text anew where that can change; raises `UnusableKeyError`.
    """

    def __init__(
        self,
        application_id: str,
        key: RSAPrivateKey,
        api_now: Callable[[], datetime],
        source: Callable[[], Secret] | None = None,
    ) -> None:
        self._application_id = application_id
        self._key = key
        self._api_now = api_now
        self._source = source
        self._read = b""  # digest of the text that was read last
        self.trouble = ""
        """Why the key that its file holds now is not used, or an empty text."""
        self._token = Secret("")
        self._issued: datetime | None = None

    def __repr__(self) -> str:
        return f"Tokens({self._application_id!r})"

    def current(self) -> Secret:
        """A token that is valid for some minutes more."""
        now = self._api_now()
        if self._issued is None or not -_AHEAD <= now - self._issued <= _FRESH:
            self._token = self._mint(now)
            self._issued = now
        return self._token

    def refuse(self, token: Secret) -> None:
        """The API did not take this token: make another one when one is asked for."""
        if token == self._token:  # another call may have replaced it already
            self._issued = None

    def look_again(self) -> None:
        """The API refused a token: take the key that its file holds now, if it is another one.

        A file that cannot be used, as while somebody writes it, changes nothing but `trouble`.
        """
        if self._source is None:
            return
        try:
            text = self._source()
            digest = hashlib.sha256(text.reveal().encode()).digest()
            if digest != self._read:
                self._key = read_key(text)
                self._read, self._issued = digest, None
        except UnusableKeyError as fault:
            self.trouble = str(fault)
        else:
            self.trouble = ""

    def _mint(self, now: datetime) -> Secret:
        issued = int(now.timestamp())
        claims = {
            "application_id": self._application_id,
            "iat": issued,
            "jti": str(uuid.uuid4()),
            "exp": issued + int(LIFETIME.total_seconds()),
        }
        return Secret(jwt.encode(claims, self._key, algorithm="RS256"))


def read_key(pem: Secret) -> RSAPrivateKey:
    """Read an RSA private key in PEM, without a passphrase; it takes some 50 ms.

    Raises:
        UnusableKeyError: it is not such a key.
    """
    text = pem.reveal().strip()
    if "PUBLIC KEY-----" in text:
        raise UnusableKeyError("the private key is a public key; give its private half")
    if "-----BEGIN" not in text:
        raise UnusableKeyError(
            "the private key is not in PEM form: it has no line -----BEGIN PRIVATE KEY-----"
        )
    try:
        loaded = load_pem_private_key(text.encode(), password=None)
    except TypeError as error:
        raise UnusableKeyError("the private key has a passphrase; store it without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKeyError(
            "the private key cannot be read; it is damaged, or not PEM as openssl writes it"
        ) from error
    if not isinstance(loaded, RSAPrivateKey):
        raise UnusableKeyError("the private key is not an RSA key; the API signs with RS256")
    if loaded.key_size < _LEAST_BITS:
        raise UnusableKeyError(
            f"the private key has {loaded.key_size} bits; RS256 needs at least {_LEAST_BITS}"
        )
    return loaded
