"""Private keys that cannot be used are refused with what is wrong, and without themselves."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from orchestrator.adapters.meetings.token import UnusableKeyError, read_key
from orchestrator.foundation.secret import Secret
from tests.meetings import KEY, public_pem

PLAIN = serialization.NoEncryption()
PKCS8 = serialization.PrivateFormat.PKCS8


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    kind: serialization.PrivateFormat = PKCS8,
    passphrase: serialization.KeySerializationEncryption = PLAIN,
) -> str:
    return key.private_bytes(serialization.Encoding.PEM, kind, passphrase).decode()


@pytest.mark.parametrize(
    "text",
    [
        pem(KEY),
        pem(KEY, serialization.PrivateFormat.TraditionalOpenSSL),
        f"\n  {pem(KEY)}\n\n",
        pem(KEY).replace("\n", "\r\n"),
    ],
    ids=["PKCS 8", "PKCS 1", "blanks around it", "Windows"],
)
def test_an_rsa_key_is_read_in_either_form(text: str) -> None:
    """Both are what tools write."""
    assert read_key(Secret(text)).private_numbers() == KEY.private_numbers()


SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it has no line -----BEGIN PRIVATE KEY-----"),
        ("keys/private.pem", "it has no line -----BEGIN PRIVATE KEY-----"),
        (public_pem(KEY), "is a public key; give its private half"),
        (
            pem(KEY, passphrase=serialization.BestAvailableEncryption(b"secret")),
            "has a passphrase; store it without one",
        ),
        (pem(KEY)[:400], "cannot be read; it is damaged"),
        (pem(KEY).replace("A", "B"), "cannot be read; it is damaged"),
        ("-----BEGIN PRIVATE KEY-----\nfünf\n-----END PRIVATE KEY-----", "it is damaged"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "is not an RSA key; the API"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "is not an RSA key"),
        (pem(SMALL), "has 1024 bits; RS256 needs at least 2048"),
    ],
    ids=[
        "empty", "a path", "public", "passphrase", "cut off", "altered", "not base64", "EC",
        "Ed25519", "small",
    ],
)  # fmt: skip
def test_an_unusable_key_is_refused_with_its_reason(text: str, told: str) -> None:
    """No piece of the key is in the error or its causes."""
    with pytest.raises(UnusableKeyError, match=told) as caught:
        read_key(Secret(text))
    error: BaseException | None = caught.value
    while error is not None:
        for line in text.splitlines()[1:-1]:
            assert line not in f"{error} {error!r}"
        error = error.__cause__
