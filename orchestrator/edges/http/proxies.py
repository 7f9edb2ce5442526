"""A proxy that sees to who comes in: whom it let in, as far as it may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from orchestrator.foundation.reach import Address, Network

_NAME_MOST: Final = 100  # characters


@dataclass(frozen=True, slots=True)
class Proxy:
    """Who has let people in before they come to us.

    Attributes:
        header: names whom it let in.
        trusted: only from these addresses does the header count.
    """

    header: str
    trusted: tuple[Network, ...]

    def let_in(self, request: web.Request) -> bool:
        """Whether a request came by way of the proxy, from somebody whom it knows."""
        address = plain_address(request.remote or "")
        trusted = address is not None and any(address in network for network in self.trusted)
        return trusted and bool(request.headers.get(self.header, "").strip())

    def name_of(self, request: web.Request) -> str:
        """Whom the proxy let in; empty where it is not believed, or names nobody that can be told.

        A header that stands there twice was not set by the proxy alone.
        """
        names = request.headers.getall(self.header, [])
        name = names[0].strip() if len(names) == 1 else ""
        told = name.isprintable() and len(name) <= _NAME_MOST
        return name if told and self.let_in(request) else ""


def plain_address(text: str) -> Address | None:
    """An address as sockets tell it, without a zone; of an IPv4 address in IPv6, that one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
