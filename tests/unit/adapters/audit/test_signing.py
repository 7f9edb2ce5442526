"""Keys and signatures of checkpoints."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from orchestrator.adapters.audit.signing import (
    Checkpoint,
    InvalidSigningKeyError,
    SigningKey,
    VerifyingKey,
    new_signing_key,
)
from orchestrator.foundation.secret import Secret

CHECKPOINT = Checkpoint("acme", "7f3a01bc", 1000, 990, "ab" * 32)


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, passphrase: bytes) -> str:
    locked: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked
    ).decode()


def test_a_drawn_key_signs_and_its_public_half_checks(signing_key: SigningKey) -> None:
    """Through their written forms, as `init` keeps them."""
    public = VerifyingKey.from_pem(signing_key.public.pem)
    assert public.id == signing_key.public.id
    assert CHECKPOINT.is_signed(public, CHECKPOINT.sign(signing_key))


def test_each_drawn_key_is_another() -> None:
    """Nothing is derived from the machine or the hour."""
    assert new_signing_key() != new_signing_key()


@pytest.mark.parametrize(
    "other",
    [
        replace(CHECKPOINT, owner="acme2"),
        replace(CHECKPOINT, store="c9d2e5f1"),
        replace(CHECKPOINT, lines=1001),
        replace(CHECKPOINT, seq=991),
        replace(CHECKPOINT, previous="ac" * 32),
    ],
    ids=["owner", "store", "lines", "seq", "previous"],
)
def test_a_signature_is_for_one_checkpoint_only(signing_key: SigningKey, other: Checkpoint) -> None:
    """Each of its parts is under the signature."""
    assert not other.is_signed(signing_key.public, CHECKPOINT.sign(signing_key))


@pytest.mark.parametrize("signature", ["", "=", "é", "AAAA", "A" * 88])
def test_what_is_no_signature_is_none(signing_key: SigningKey, signature: str) -> None:
    """An answer, not an error."""
    assert not CHECKPOINT.is_signed(signing_key.public, signature)


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----\n",
        _pem(ec.generate_private_key(ec.SECP256R1()), b""),
        _pem(ed25519.Ed25519PrivateKey.generate(), b"open sesame"),
    ],
    ids=["empty", "nonsense", "another kind", "locked"],
)
def test_what_is_no_signing_key_is_refused_without_repeating_it(pem: str) -> None:
    """The text of an error goes into logs."""
    with pytest.raises(InvalidSigningKeyError) as caught:
        SigningKey.from_pem(Secret(pem))
    assert "BEGIN" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "-----BEGIN PUBLIC KEY-----\nbm9uc2Vuc2U=\n-----END PUBLIC KEY-----\n",
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    ],
    ids=["empty", "nonsense", "another kind"],
)
def test_what_is_no_public_key_is_refused(pem: str) -> None:
    """One error, whatever it is instead."""
    with pytest.raises(InvalidSigningKeyError):
        VerifyingKey.from_pem(pem)
