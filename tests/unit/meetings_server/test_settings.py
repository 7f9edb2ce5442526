"""What a server may be told."""

import re
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from orchestrator.foundation.reach import read_reach
from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server import Application, DialInNumber, Mesh
from orchestrator.meetings_server.settings import LiveKit
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
    ("changes", "message"),
    [
        ({"most": 1}, "a mesh holds 2 to 16 people: 1"),
        ({"most": 17}, "a mesh holds 2 to 16 people: 17"),
        ({"stun": ("turn:a:3478",)}, "must be like stun:host:3478: 'turn:a:3478'"),
        ({"stun": ("stun:a/b",)}, "must be like stun:host:3478"),
        ({"turn": ("turn:a?transport=sctp",)}, "must be like turn:host:3478"),
        ({"turn": ("turn:a",)}, "turn servers need turn_secret"),
        ({"turn_life": timedelta(minutes=9)}, "turn_life must be at least 0:10:00: 0:09:00"),
    ],
)
def test_a_mesh_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    """Browsers would refuse it, in the middle of a meeting."""
    with pytest.raises(ValueError, match=re.escape(message)):
        Mesh(**changes)


def test_a_mesh_with_all_that_there_is() -> None:
    """Addresses in every form that browsers take."""
    mesh = Mesh(
        most=16,
        stun=("stun:stun.example.org", "stuns:[2001:db8::1]:5349"),
        turn=("turn:192.0.2.1:3478?transport=udp", "turns:turn.example.org"),
        turn_secret=Secret("x"),
    )
    assert "x" not in repr(mesh.turn_secret)
    assert mesh.can_record is False


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


def livekit(**changes: Any) -> LiveKit:
    """A LiveKit that can be."""
    usual: dict[str, Any] = {
        "url": "wss://livekit.example.org",
        "key": "meetings",
        "secret": Secret("0123456789abcdef0123456789abcdef"),
    }
    return LiveKit(**usual | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "https://livekit.example.org"}, "begins with wss://"),
        ({"url": "wss:///rtc"}, "begins with wss://"),
        ({"url": "wss://a;script-src *"}, "begins with wss://"),
        ({"url": "wss://user:hunter2@a"}, "begins with wss://"),
        ({"inside_url": "wss://livekit.example.org"}, "begins with http:// or https://"),
        ({"inside_url": "http://"}, "begins with http:// or https://"),
        ({"key": ""}, "a secret of at least 32 bytes"),
        ({"secret": Secret("short")}, "a secret of at least 32 bytes"),
        ({"most": 1}, "holds 2 to 200 people: 1"),
        ({"most": 201}, "holds 2 to 200 people: 201"),
        ({"egress": (Path("egress"), Path("/egress"))}, "absolute paths"),
    ],
)
def test_a_livekit_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    """Named at once, and never its secret."""
    with pytest.raises(ValueError, match=message) as refused:
        livekit(**changes)
    assert "short" not in str(refused.value)


def test_where_livekit_is_asked() -> None:
    """Where browsers reach it, unless there is a nearer way."""
    assert livekit().api_url == "https://livekit.example.org"
    assert livekit(url="ws://127.0.0.1:7880").api_url == "http://127.0.0.1:7880"
    inside = livekit(inside_url="http://127.0.0.1:7880")
    assert inside.api_url == "http://127.0.0.1:7880"
    assert "0123456789" not in repr(inside)


def test_a_server_that_only_its_machine_reaches_may_call_that_machine() -> None:
    """Who makes rooms there is there already; behind a proxy it may be anybody."""
    for host, public, loopback in (
        ("127.0.0.1", None, True),
        ("127.0.0.1", "https://meet.example.org", False),
        ("0.0.0.0", None, False),
    ):
        made = settings(host=host, external_url=public, test_routes=False)
        assert made.reach_of_rooms.allows("x", ip_address("127.0.0.1")) is loopback
        assert not made.reach_of_rooms.allows("x", ip_address("10.0.0.1"))
        allowed = replace(made, callback_reach=read_reach(("10.0.0.0/8",)))
        assert allowed.reach_of_rooms.allows("x", ip_address("10.0.0.1"))
