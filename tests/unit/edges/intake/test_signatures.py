"""Signatures: every vector, what others make, exchanged secrets, and headers that lie."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orchestrator.edges.intake.messages import Headers
from orchestrator.edges.intake.signatures import Scheme, Signature, unusable
from orchestrator.foundation.secret import Secret
from tests.webhooks import VECTORS, Vector

NOW = datetime(2026, 11, 22, 16, tzinfo=UTC)
BODY = '{"über": 1}'.encode()
SIGNED = [one for one in VECTORS if one.scheme != "bearer"]
SW_SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


def holds(signature: Signature, headers: dict[str, str], body: bytes = BODY) -> bool:
    """Whether a signature holds now."""
    return signature.holds(Headers.of(headers.items()), body, NOW)


def digest(secret: str, signed: bytes) -> str:
    """What most senders write into a header."""
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def by(scheme: Scheme, *secrets: str, **options: object) -> Signature:
    """A signature by these secrets."""
    return Signature(scheme, tuple(map(Secret, secrets)), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("vector", SIGNED, ids=lambda one: one.id)
def test_a_vector_is_judged_as_it_should_be(vector: Vector) -> None:
    """Good ones hold, bad ones do not, and none raises."""
    headers = Headers.of(vector.headers.items())
    assert vector.signature.holds(headers, vector.body, vector.now) is vector.valid


@pytest.mark.parametrize("vector", [one for one in SIGNED if one.valid], ids=lambda one: one.id)
def test_no_other_secret_other_body_or_second_header_will_do(vector: Vector) -> None:
    """The same message, with one thing about it that is not right."""
    headers = Headers.of(vector.headers.items())
    signature = vector.signature
    assert signature.is_claimed(headers)
    assert not signature.holds(headers, vector.body + b" ", vector.now)
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    assert not Signature(signature.scheme, (Secret(other),), **vector.params).holds(
        headers, vector.body, vector.now
    )
    for name in vector.headers:
        if name != "content-type":
            twice = Headers((*headers.pairs, (name, vector.headers[name])))
            assert not signature.holds(twice, vector.body, vector.now), name
            without = Headers(tuple(pair for pair in headers.pairs if pair[0] != name))
            assert not signature.holds(without, vector.body, vector.now), name


@pytest.mark.parametrize("vector", [one for one in SIGNED if one.valid], ids=lambda one: one.id)
def test_a_secret_can_be_exchanged(vector: Vector) -> None:
    """Ours stands beside the next one, in either order."""
    headers, (ours,) = Headers.of(vector.headers.items()), vector.secrets
    following = Secret("whsec_" + base64.b64encode(b"next" * 8).decode())
    for secrets in ((ours, following), (following, ours)):
        signature = Signature(Scheme(vector.scheme), secrets, **vector.params)
        assert signature.holds(headers, vector.body, vector.now)


@pytest.mark.parametrize(
    ("seconds", "near"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)]
)
def test_what_the_library_signs_holds_within_the_tolerance(seconds: int, near: bool) -> None:
    """The oracle of Standard Webhooks, and both ends of the tolerance."""
    then = NOW + timedelta(seconds=seconds)
    signature = standardwebhooks.Webhook(SW_SECRET).sign("msg_1", then, BODY.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(then.timestamp())),
        "webhook-signature": f"v1,AAAA {signature}",
    }
    assert holds(by(Scheme.STANDARD_WEBHOOKS, SW_SECRET), headers) is near


def test_ed25519_and_hmac_may_stand_side_by_side() -> None:
    """An asymmetric sender that moves to another key, or to HMAC."""
    private = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    stamp = str(int(NOW.timestamp()))
    signed = b".".join((b"msg_1", stamp.encode(), BODY))
    made = base64.b64encode(private.sign(signed)).decode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1a,!!! v1a,AAAA v1a,{made}",
    }
    key = "whpk_" + base64.b64encode(public).decode()
    assert holds(by(Scheme.STANDARD_WEBHOOKS, SW_SECRET, key), headers)
    assert not holds(by(Scheme.STANDARD_WEBHOOKS, SW_SECRET), headers)
    # A key that is none lets nobody in, and breaks nothing.
    assert not holds(by(Scheme.STANDARD_WEBHOOKS, "whpk_AAAA"), headers)
    assert not holds(by(Scheme.STANDARD_WEBHOOKS, "whsec_"), headers)


def test_pagerduty_may_put_blanks_after_its_commas() -> None:
    """Its own sample would miss such a one."""
    made = digest("s", BODY)
    assert holds(
        by(Scheme.PAGERDUTY_V3, "s"), {"X-PagerDuty-Signature": f"v1={'0' * 64}, v1={made}"}
    )


def test_a_list_that_is_too_long_is_not_read_to_its_end() -> None:
    """Each of its members costs time."""
    made = digest("s", BODY)
    wrong = [f"v1={'0' * 64}"] * 15
    header = "X-PagerDuty-Signature"
    assert holds(by(Scheme.PAGERDUTY_V3, "s"), {header: ",".join([*wrong, f"v1={made}"])})
    assert not holds(
        by(Scheme.PAGERDUTY_V3, "s"), {header: ",".join([*wrong, "v1=", f"v1={made}"])}
    )


@pytest.mark.parametrize("dotted", [False, True])
def test_rootly_signs_with_a_dot_or_without(dotted: bool) -> None:
    """As its documents say, or as some integrations do; never both."""
    stamp = str(int(NOW.timestamp()))
    made = digest("s", stamp.encode() + (b"." if dotted else b"") + BODY)
    headers = {"X-Rootly-Signature": f"t={stamp}, v0=x, v1={made}"}
    assert holds(by(Scheme.ROOTLY, "s", dotted=dotted), headers)
    assert not holds(by(Scheme.ROOTLY, "s", dotted=not dotted), headers)
    assert not holds(
        by(Scheme.ROOTLY, "s", dotted=dotted), {"X-Rootly-Signature": f"t={stamp},t=1,v1={made}"}
    )


def test_headers_and_prefixes_of_others() -> None:
    """In-house systems copy GitHub's way under names of their own."""
    made = digest("s", BODY)
    ours = by(Scheme.GITHUB_SHA256, "s", header="X-Ours", prefix="hmac ")
    assert holds(ours, {"x-ours": f"hmac {made}"})
    assert not holds(ours, {"x-ours": f"sha256={made}"})
    assert not holds(ours, {"x-hub-signature-256": f"hmac {made}"})
    assert holds(by(Scheme.GRAFANA_HMAC, "s", header="X-G"), {"x-g": made})
    assert holds(by(Scheme.FIREHYDRANT, "s"), {"fh-signature": made})
    assert not holds(by(Scheme.FIREHYDRANT, "s"), {"fh-signature": made.upper()})
    assert not holds(by(Scheme.FIREHYDRANT, "s"), {"fh-signature": "ü"})


@pytest.mark.parametrize("body", [b"\xff", b"a=" + b"&a=" * 1_001], ids=["no-utf-8", "too-many"])
def test_a_form_that_cannot_be_read_is_signed_by_nobody(body: bytes) -> None:
    """Whatever stands in its header."""
    assert not holds(
        by(Scheme.VICTOROPS_SHA1, "s", url="https://a/"), {"X-VictorOps-Signature": "eA=="}, body
    )


@pytest.mark.parametrize("stamp", ["", "-1", "1e9", "１７９５３６３２００", "1" * 13, " "])
def test_only_plain_digits_are_a_time(stamp: str) -> None:
    """What Python also takes for a number is none."""
    made = digest("s", stamp.encode() + b":" + BODY)
    signature = by(Scheme.GRAFANA_HMAC, "s", timestamp_header="X-T")
    assert not holds(signature, {"x-t": stamp, "x-grafana-alerting-signature": made})


@pytest.mark.parametrize(
    ("scheme", "secret", "why"),
    [
        (Scheme.PAGERDUTY_V3, "anything", ""),
        (Scheme.STANDARD_WEBHOOKS, SW_SECRET, ""),
        (Scheme.STANDARD_WEBHOOKS, SW_SECRET.removeprefix("whsec_").rstrip("="), ""),
        (Scheme.STANDARD_WEBHOOKS, "whsec_!", "is not whsec_ or whpk_ and base64"),
        (Scheme.STANDARD_WEBHOOKS, "whsk_AAAA", "is a private key"),
        (Scheme.STANDARD_WEBHOOKS, "whpk_AAAA", "is no Ed25519 public key"),
        (Scheme.STANDARD_WEBHOOKS, "whpk_" + "A" * 43 + "=", ""),
    ],
)
def test_a_secret_that_cannot_be_the_schemes_is_told(scheme: Scheme, secret: str, why: str) -> None:
    """At the start, in words that do not quote it."""
    told = unusable(scheme, Secret(secret))
    assert told.startswith(why)
    assert bool(told) is bool(why)
    assert secret not in told or not why


def test_a_digest_counts_only_under_its_own_version() -> None:
    """What is signed by the secret, but said to be something else, is not taken."""
    signature = standardwebhooks.Webhook(SW_SECRET).sign("msg_1", NOW, BODY.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(NOW.timestamp()))}
    for version, holds_so in (("v1", True), ("v1a", False), ("v2", False), ("", False)):
        given = signature.replace("v1", version, 1)
        told = by(Scheme.STANDARD_WEBHOOKS, SW_SECRET)
        assert holds(told, headers | {"webhook-signature": given}) is holds_so
