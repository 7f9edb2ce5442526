"""Who comes to the status page, by where a connection begins and ends."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from orchestrator.edges.http.proxies import Proxy, plain_address
from orchestrator.edges.http.status.access import Access, Doorkeeper, TooManyTriesError, Visitor
from orchestrator.foundation.secret import Secret

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKENS = {"anna": Secret("a" * 40), "jonas": Secret("j" * 40)}


def come(
    host: str | None = "127.0.0.1:8440",
    *,
    peer: object = ("127.0.0.1", 50000),
    own: object = ("127.0.0.1", 8440),
    **headers: str,
) -> Any:
    """A request from somewhere, to one of our addresses."""
    transport = Mock()
    transport.get_extra_info = {"peername": peer, "sockname": own}.get
    given = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    if host is not None:
        given["Host"] = host
    return make_mocked_request("GET", "/status", given, transport=transport)


def door(**access: Any) -> Doorkeeper:
    """Somebody at the door."""
    return Doorkeeper(Access(**access), lambda: NOW)


@pytest.mark.parametrize(
    ("request_", "may_look"),
    [
        (come(), True),
        (come("localhost"), True),
        (come("LOCALHOST:8440"), True),
        (come("[::1]:8440", peer=("::1", 1, 0, 0), own=("::1", 8440, 0, 0)), True),
        (come("127.9.9.9"), True),
        (come(peer=("::ffff:127.0.0.1", 1, 0, 0), own=("::ffff:127.0.0.1", 2, 0, 0)), True),
        (come(peer=("10.1.2.3", 50000)), False),
        (come(own=("10.1.2.3", 8440)), False),
        (come(peer=("fe80::1%eth0", 1, 0, 0)), False),
        (come(peer="", own=""), False),
        (come(peer=None), False),
        (come(None), False),
        (come("localhost.evil.example"), False),
        (come("0x7f.1"), False),
        (come("rooms.example"), False),
        (come(CF_Connecting_IP="203.0.113.7"), False),
    ],
)
def test_only_this_machine_looks_without_a_name(request_: Any, may_look: bool) -> None:
    """Both ends are loopback ones, and so is the name."""
    assert (door().visitor(request_) == Visitor()) is may_look


def test_a_header_from_elsewhere_is_no_name_and_no_door() -> None:
    """Whoever sets it by hand gets less than whoever does not."""
    proxy = Proxy("X-Person", (ip_network("10.0.0.0/8"),))
    keeper = door(proxy=proxy)
    assert keeper.visitor(come(X_Person="anna")) is None
    assert keeper.visitor(come(peer=("192.0.2.1", 1), X_Person="anna")) is None
    found = keeper.visitor(come("rooms.example", peer=("10.1.2.3", 1), X_Person="anna"))
    assert found is not None
    assert (found.name, found.may_act, found.by_token) == ("anna", True, False)
    assert keeper.visitor(come(peer=("10.1.2.3", 1), X_Person="an\x7fna")) is None


def test_addresses_without_a_form_are_none() -> None:
    """As of a unix socket."""
    assert plain_address("") is None
    assert plain_address("/run/x") is None


def test_each_token_is_somebody() -> None:
    """And an address that guesses is told to stop; that keeps nobody out who has one."""
    keeper = door(tokens=TOKENS)
    assert keeper.log_in(come(), "j" * 40)
    for _ in range(5):
        assert keeper.log_in(come(), "x" * 5000) is None
    with pytest.raises(TooManyTriesError):
        keeper.log_in(come(), "k" * 40)
    assert keeper.log_in(come(peer=("10.1.2.3", 1)), "k" * 40) is None
    assert keeper.log_in(come(), "a" * 40)


def test_guessers_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses somebody has."""
    monkeypatch.setattr("orchestrator.edges.http.status.access._ADDRESSES_MOST", 2)
    keeper = door(tokens=TOKENS)
    for last in range(9):
        assert keeper.log_in(come(peer=(f"10.1.2.{last}", 1)), "wrong") is None
    assert len(keeper._tries) == 2  # noqa: SLF001


def test_a_connection_that_is_gone_is_nobody() -> None:
    """Neither a visitor nor a cookie of its own."""
    keeper = door()
    gone = Mock(transport=None, cookies={}, headers=CIMultiDict(Host="localhost"), remote=None)
    assert keeper.visitor(gone) is None
    assert keeper.cookie_name(gone) == "room-orchestrator-status-0"


def test_nobody_owns_an_empty_form() -> None:
    """Whoever may only look has no token, and an empty one is none."""
    assert not Visitor().owns("")
    assert Visitor("anna", "abc").owns("abc")
