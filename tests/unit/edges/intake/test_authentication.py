"""Who may come in: every means that a source is set up with has to hold."""

import base64
from datetime import UTC, datetime

import pytest

from orchestrator.edges.intake.authentication import Lock
from orchestrator.edges.intake.messages import Headers
from orchestrator.edges.intake.signatures import Scheme, Signature
from orchestrator.foundation.secret import Secret

NOW = datetime(2026, 11, 22, 16, tzinfo=UTC)
TOKEN = Secret("t" * 32)
BASIC = "Basic " + base64.b64encode("us:pässword:x".encode()).decode()


def admits(lock: Lock, authorization: str = "", token: str = "", query: str = "") -> bool:
    """Whether a message is let in, as far as its headers tell."""
    headers = {"Authorization": authorization} if authorization else {}
    return lock.admits(Headers.of(headers.items()), token, query)


def test_nobody_is_let_in_where_nothing_is_asked() -> None:
    """A lock without any means is shut."""
    assert not admits(Lock())
    assert not admits(Lock(), "Bearer x", "x", "x")


@pytest.mark.parametrize(
    ("given", "let_in"),
    [
        ("Bearer " + "t" * 32, True),
        ("bEARER   " + "t" * 32 + " ", True),
        ("Bearer " + "t" * 31, False),
        ("Bearer", False),
        ("Bearer ", False),
        ("t" * 32, False),
        ("Basic " + "t" * 32, False),
        ("Digest " + "t" * 32, False),
        ("Bearer \udcff", False),
        ("", False),
    ],
)
def test_bearer(given: str, let_in: bool) -> None:
    """The scheme in any case, the token to its last character."""
    assert admits(Lock(bearer=(Secret("o" * 32), TOKEN)), given) is let_in


@pytest.mark.parametrize(
    ("given", "let_in"),
    [(BASIC, True), (BASIC[:-4], False), ("Basic !", False), ("Basic /w==", False)],
)
def test_basic(given: str, let_in: bool) -> None:
    """Name and password in one; a colon may stand in the password."""
    assert admits(Lock(basic=(Secret("us:pässword:x"),)), given) is let_in


def test_bearer_or_basic_and_the_end_of_the_address() -> None:
    """Two that share a header are alternatives; everything else has to hold."""
    lock = Lock(bearer=(TOKEN,), basic=(Secret("us:pässword:x"),), tokens=(Secret("end"),))
    assert admits(lock, BASIC, "end")
    assert admits(lock, "Bearer " + "t" * 32, "end")
    assert not admits(lock, BASIC)
    assert not admits(lock, "", "end")
    assert not admits(lock, BASIC, "en")
    assert not admits(Lock(bearer=(TOKEN,)), "Bearer " + "t" * 32, "end"), "it has no end"
    assert admits(Lock(tokens=(Secret("old"), Secret("end"))), token="end")


def test_a_token_in_the_query_only_where_it_is_allowed() -> None:
    """It stands in the logs of every proxy on the way."""
    assert admits(Lock(bearer=(TOKEN,), in_query=True), query="t" * 32)
    assert not admits(Lock(bearer=(TOKEN,)), query="t" * 32)
    assert not admits(Lock(bearer=(TOKEN,), in_query=True), "Bearer x", query="t" * 32)


def test_a_header_that_comes_twice_is_none() -> None:
    """Two readers may take different ones for the right one."""
    twice = Headers((("authorization", "Bearer " + "t" * 32),) * 2)
    assert not Lock(bearer=(TOKEN,)).admits(twice, "", "")


def test_a_signature_has_to_be_there_before_a_body_is_read() -> None:
    """And to hold afterwards."""
    lock = Lock(signature=Signature(Scheme.FIREHYDRANT, (TOKEN,)))
    assert not lock.admits(Headers(), "", "")
    headers = Headers.of([("FH-Signature", "0")])
    assert lock.admits(headers, "", "")
    assert not lock.is_signed(headers, b"", NOW)
    assert Lock(bearer=(TOKEN,)).is_signed(headers, b"", NOW), "none is asked for"
