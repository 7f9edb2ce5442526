"""What a server may be told."""

from typing import Any

import pytest

from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server import Application, DialInNumber
from tests.fakes.clock import VirtualClock
from tests.meetings import applications, in_memory, settings


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.org"])
def test_test_routes_on_a_public_address(host: str) -> None:
    """Refused: they let anybody into any room."""
    with pytest.raises(ValueError, match="not a loopback address"):
        settings(host=host)
    settings(host=host, test_routes=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_test_routes_on_loopback(host: str) -> None:
    """Fine."""
    settings(host=host)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"applications": applications() * 2}, "same id"),
        ({"external_url": "meet.example.org"}, "must begin with http"),
        ({"max_rooms": -1}, "max_rooms must be 0 or more: -1"),
        ({"metadata_header": "Authorization"}, "metadata_header must begin with X-"),
        ({"metadata_header": "X-A\r\nB"}, "metadata_header must begin with X-"),
        ({"max_themes": -1}, "max_themes must be 0 or more: -1"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], message: str) -> None:
    """Named at once."""
    with pytest.raises(ValueError, match=message):
        settings(**changes)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (("+442381924626", "en-GB", "UK"), "4 to 15 digits and no plus"),
        (("123", "en-GB", "UK"), "4 to 15 digits"),
        (("442381924626", "en_GB", "UK"), "written like en-GB"),
        (("442381924626", "en-GB", "  "), "has no name"),
    ],
)
def test_dial_in_numbers_that_cannot_be(number: tuple[str, str, str], message: str) -> None:
    """Clients show and dial them as they are."""
    with pytest.raises(ValueError, match=message):
        DialInNumber(*number)


def test_a_short_signature_secret() -> None:
    """Refused, and not told."""
    with pytest.raises(ValueError, match="application a: the signature secret has less") as caught:
        Application(id="a", public_key="", signature_secret=Secret("hunter2"))
    assert "hunter2" not in str(caught.value)


EC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9
q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==
-----END PUBLIC KEY-----
"""


@pytest.mark.parametrize(
    ("key", "message"),
    [("no key", "is not PEM"), (EC_KEY, "is not an RSA key")],
)
async def test_keys_that_cannot_be_used(key: str, message: str) -> None:
    """The application is named at the start, not at its first request."""
    told = settings(applications=(Application(id="a1", public_key=key),))
    with pytest.raises(ValueError, match=f"application a1: .*{message}"):
        async with in_memory(told, VirtualClock()):
            pass
