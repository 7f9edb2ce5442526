"""Where requests may go to: public addresses, and those private ones that somebody allowed.

Whoever may write an address into a file would otherwise make this process ask what only this
machine can reach: a database on loopback, a router, the credentials of a cloud machine.  What is
judged is the address that is connected to, after names were resolved (see `outbound`), so that a
name that changes its mind between two looks (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What an IPv6 address may carry an IPv4 address in: it is judged by that one.
_NAT64: Final = IPv6Network("64:ff9b::/96")
_CGNAT: Final = IPv4Network("100.64.0.0/10")  # neither private nor global
_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


class NotAllowedError(OSError):
    """The address is private and nobody allowed it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The private addresses that requests may go to.

    Attributes:
        networks: all addresses in these.
        hosts: names in lower case; whatever private address they have, but for link-local ones,
            where cloud machines hand out credentials: those only by network.
    """

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def allows(self, host: str, address: Address) -> bool:
        """Whether a connection for ``host`` may go to ``address``."""
        plain = _plain(address)
        if _is_public(plain):
            return True
        if any(one in network for one in (address, plain) for network in self.networks):
            return True
        return host.lower().rstrip(".") in self.hosts and _is_of_a_network(plain)

    def check(self, host: str, address: str) -> None:
        """Refuse an address. Raises `NotAllowedError`."""
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            message = f"{host} is no address as addresses are written"
            raise NotAllowedError(message) from None
        if not self.allows(host, found):
            shown = host if host == address else f"{host} has the address {address}, which"
            message = f"{shown} is private and not among those that requests may go to"
            raise NotAllowedError(message)

    def check_literal(self, host: str) -> None:
        """Refuse a host that is an address itself, for which no name is resolved."""
        if _is_numeric(host):
            self.check(host, host)


def read_reach(entries: tuple[str, ...]) -> Reach:
    """Make sense of addresses, networks (``10.0.0.0/8``) and names. Raises `ValueError`."""
    networks: list[Network] = []
    hosts: set[str] = set()
    for entry in entries:
        bare = entry.removeprefix("[").removesuffix("]")
        if "/" in bare or _is_numeric(bare):
            networks.append(_network(bare))
        elif _HOST.fullmatch(bare):
            hosts.add(bare.lower())
        else:
            message = "must be an address, a network such as 10.0.0.0/8, or the name of a host"
            raise ValueError(message)
    return Reach(tuple(networks), frozenset(hosts))


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        message = "must be an address, a network such as 10.0.0.0/8, or the name of a host"
        raise ValueError(message) from None
    message = f"has bits beyond its mask; write {meant}, or the address alone"
    raise ValueError(message)


def _plain(address: Address) -> Address:
    """The IPv4 address inside of an IPv6 one, if it carries one."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
    )


def _is_of_a_network(address: Address) -> bool:
    """Whether it is an ordinary private address: of this machine, or of a network of one's own."""
    if address.is_loopback:
        return True  # ::1 counts as reserved as well
    special = address.is_link_local or address.is_unspecified or address.is_multicast
    return (address.is_private or address in _CGNAT) and not (special or address.is_reserved)


def _is_numeric(host: str) -> bool:
    """Whether aiohttp takes it for an address and resolves nothing; 127.1 is none all the same."""
    return ":" in host or host.replace(".", "").isdigit()
