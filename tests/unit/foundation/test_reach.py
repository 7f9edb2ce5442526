"""Where requests may go: by the address, however it is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.foundation.reach import NotAllowedError, Reach, read_reach

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1",
    "127.8.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "::127.0.0.1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_asked(address: str) -> None:
    """Nobody need allow it."""
    Reach().check("example.com", address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_may_not(address: str) -> None:
    """In none of its spellings, unless somebody allowed it."""
    with pytest.raises(NotAllowedError, match="private and not among those"):
        Reach().check("example.com", address)


@given(st.ip_addresses(v=4))
def test_an_address_inside_of_another_is_judged_as_itself(address: IPv4Address) -> None:
    """Mapped, by 6to4 or by NAT64: no spelling leads where the plain one does not."""
    plain = Reach().allows("example.com", address)
    number = int(address)
    mapped = IPv6Address((0xFFFF << 32) | number)
    sixtofour = IPv6Address((0x2002 << 112) | (number << 80))
    nat64 = IPv6Address(int(IPv6Address("64:ff9b::")) | number)
    assert {Reach().allows("example.com", one) for one in (mapped, sixtofour, nat64)} == {plain}


@pytest.mark.parametrize(
    ("entry", "host", "address", "allowed"),
    [
        ("10.20.0.0/16", "hr.corp", "10.20.3.4", True),
        ("10.20.0.0/16", "hr.corp", "10.21.3.4", False),
        ("10.20.0.0/16", "hr.corp", "::ffff:10.20.3.4", True),
        ("127.0.0.1", "localhost", "127.0.0.1", True),
        ("127.0.0.1", "localhost", "127.0.0.2", False),
        ("::1", "localhost", "::1", True),
        ("[fd00::]/8", "hr.corp", "fd00::7", False),
        ("fd00::/8", "hr.corp", "fd00::7", True),
        ("169.254.169.254", "metadata", "169.254.169.254", True),
        ("hr.corp", "hr.corp", "10.0.0.1", True),
        ("hr.corp", "HR.corp.", "100.64.0.1", True),
        ("HR.Corp", "hr.corp", "fd00::7", True),
        ("localhost", "localhost", "::1", True),
        ("localhost", "localhost", "127.0.0.1", True),
        ("hr.corp", "hr.corp.evil.example", "10.0.0.1", False),
        ("hr.corp", "evil.example", "10.0.0.1", False),
        ("hr.corp", "hr.corp", "169.254.169.254", False),
        ("hr.corp", "hr.corp", "fe80::1", False),
        ("hr.corp", "hr.corp", "0.0.0.0", False),
        ("hr.corp", "hr.corp", "224.0.0.1", False),
        ("hr.corp", "hr.corp", "240.0.0.1", False),
    ],
)
def test_what_is_allowed_is_allowed_and_no_more(
    entry: str, host: str, address: str, *, allowed: bool
) -> None:
    """A network for all names, a name for its private addresses; link-local only by network."""
    try:
        reach = read_reach((entry,))
    except ValueError:
        assert not allowed
        return
    assert reach.allows(host, ip_address(address)) is allowed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "::1", "fe80::1%eth0", "１"])
def test_a_host_that_is_an_address_is_judged_at_once(host: str) -> None:
    """Nobody resolves it; and what looks like an address and is none is no way round."""
    with pytest.raises(NotAllowedError):
        Reach().check_literal(host)


def test_a_name_is_left_to_whoever_resolves_it() -> None:
    """It says nothing by itself."""
    Reach().check_literal("localhost")
    Reach().check_literal("0x7f.1")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("10.0.0.1/8", "has bits beyond its mask; write 10.0.0.0/8, or the address alone"),
        ("10.0.0.0/99", "must be an address, a network such as 10.0.0.0/8, or the name of a host"),
        ("127.1", "must be an address, a network such as 10.0.0.0/8, or the name of a host"),
        ("intra net", "must be an address, a network such as 10.0.0.0/8, or the name of a host"),
        ("", "must be an address, a network such as 10.0.0.0/8, or the name of a host"),
        ("*.corp", "must be an address, a network such as 10.0.0.0/8, or the name of a host"),
    ],
)
def test_an_entry_that_is_none_is_refused(entry: str, message: str) -> None:
    """With what to write."""
    with pytest.raises(ValueError, match=r"must be|has bits") as caught:
        read_reach((entry,))
    assert str(caught.value) == message
