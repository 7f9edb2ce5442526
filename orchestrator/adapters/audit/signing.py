"""Signatures of checkpoints: Ed25519, by a key that lies outside the store and the log.

A signature vouches for the chain up to the line before its own: with that line's hash, the number
of lines, the last fact's number, owner and store. The same checkpoint always gets the same
signature, so that a log that is completed after a crash reads as if nothing had happened.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from orchestrator.foundation.secret import Secret


class InvalidSigningKeyError(ValueError):
    """The text is no Ed25519 key in PEM form; nothing of it is repeated."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint vouches for.

    Attributes:
        lines: how many lines stand before it, since the first of all.
        seq: the number of the last fact before it.
        previous: the hash of the line before it.
    """

    owner: str
    store: str
    lines: int
    seq: int
    previous: str

    @property
    def words(self) -> bytes:
        """What is signed."""
        words = ("room-orchestrator audit 1", self.owner, self.store, self.lines, self.seq)
        return "\n".join((*map(str, words), self.previous)).encode("utf-8", "backslashreplace")

    def sign(self, key: "SigningKey") -> str:
        """The signature, in base64."""
        return base64.b64encode(key.sign(self.words)).decode("ascii")

    def is_signed(self, key: "VerifyingKey", signature: str) -> bool:
        """Whether the signature is this key's, over exactly this checkpoint."""
        try:
            return key.verify(self.words, base64.b64decode(signature, validate=True))
        except (binascii.Error, ValueError):
            return False


class VerifyingKey:
    """The public half: whoever has it can check signatures and make none."""

    __slots__ = ("_key", "id")

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        # Names the key in a checkpoint, so that a changed key is told from a forged signature.
        self.id = hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Read a public key in PEM form.

        Raises:
            InvalidSigningKeyError: it is something else.
        """
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidSigningKeyError("not a public key in PEM form") from error
        if not isinstance(key, Ed25519PublicKey):
            raise InvalidSigningKeyError("the audit's public key must be of the kind Ed25519")
        return cls(key)

    @property
    def pem(self) -> str:
        """The key in PEM form."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode("ascii")

    def verify(self, words: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's."""
        try:
            self._key.verify(signature, words)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """The private half, which only the daemon holds."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = VerifyingKey(key.public_key())

    @classmethod
    def from_pem(cls, pem: Secret) -> Self:
        """Read a private key in PEM form, without a passphrase.

        Raises:
            InvalidSigningKeyError: it is something else.
        """
        try:
            key = serialization.load_pem_private_key(pem.reveal().encode(), password=None)
        # TypeError: it is locked by a passphrase. No cause is chained: it could quote the key.
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise InvalidSigningKeyError(
                "the audit's signing key is not a private key in PEM form without a passphrase"
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise InvalidSigningKeyError("the audit's signing key must be of the kind Ed25519")
        return cls(key)

    def sign(self, words: bytes) -> bytes:
        """The signature over the words."""
        return self._key.sign(words)


def new_signing_key() -> Secret:
    """Draw a new private key and give it in PEM form (PKCS 8, no passphrase)."""
    key = Ed25519PrivateKey.generate()
    return Secret(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode("ascii")
    )
