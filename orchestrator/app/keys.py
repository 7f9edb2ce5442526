"""Key pairs that we make ourselves: made once, readable by us alone, never shown."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.adapters.audit.signing import new_signing_key
from orchestrator.foundation.secret import Secret

MEETINGS_KEY: Final = "meetings.pem"
AUDIT_KEY: Final = "audit.pem"
CALLBACK_TOKEN: Final = "callbacks.token"  # noqa: S105 (the name of a file)
_BITS: Final = 2048  # what the API's own applications use


def meetings_key(folder: Path) -> Secret:
    """The RSA key (PEM) by which daemon and embedded server know each other, made if need be."""
    path = folder / MEETINGS_KEY
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(path, pem)
    return Secret(path.read_text())


def audit_key(folder: Path) -> Secret:
    """The Ed25519 key (PEM) that signs the audit's checkpoints, made if need be."""
    path = folder / AUDIT_KEY
    if not path.exists():
        _write(path, new_signing_key().reveal().encode())
    return Secret(path.read_text())


def callback_token(folder: Path) -> Secret:
    """The secret end of the address for callbacks, 256 bits, made if need be."""
    path = folder / CALLBACK_TOKEN
    if not path.exists():
        _write(path, f"{secrets.token_hex(32)}\n".encode())
    return Secret(path.read_text().strip())


def link_key(path: Path) -> Secret:
    """The secret that our own links are made with, 256 bits, made if need be."""
    return drawn_secret(path)


def drawn_secret(path: Path) -> Secret:
    """A secret of 256 bits in hexadecimal digits, made if need be."""
    if not path.exists():
        with contextlib.suppress(FileExistsError):  # another command was first: its one counts
            _write(path, f"{secrets.token_hex(32)}\n".encode())
    return Secret(path.read_text().strip())


def public_half(pem: Secret) -> str:
    """The public half (PEM) of an RSA key."""
    key = serialization.load_pem_private_key(pem.reveal().encode(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def make_private(folder: Path) -> None:
    """Make a folder that only we may look into, and that git leaves alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


def _write(path: Path, content: bytes) -> None:
    make_private(path.parent)
    # Exclusive and private from the first byte on: no moment at which others could read it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
