"""Who comes in, and from where: whom a proxy let in, and whether a form is one of ours."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from orchestrator.foundation.reach import Address, Network

_NAME_MOST: Final = 100  # characters
# What proxies add of themselves; a header that names a person is none that a browser sends.
_FORWARDED: Final = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-User",
    "X-Forwarded-Server",
    "X-Real-IP",
    "X-Remote-User",
    "Remote-User",
    "CF-Connecting-IP",
    "True-Client-IP",
)


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


def is_of_this_machine(request: web.Request) -> bool:
    """Whether this machine asks for itself, as far as that shows.

    By a loopback address on both ends, under a loopback name, without a trace of a proxy.  Some
    proxies leave none: where one may stand before us this proves nothing.
    """
    transport = request.transport
    if transport is None or any(name in request.headers for name in _FORWARDED):
        return False
    ends = (transport.get_extra_info("sockname"), transport.get_extra_info("peername"))
    addresses = [plain_address(end[0]) for end in ends if isinstance(end, tuple)]
    here = all(address is not None and address.is_loopback for address in addresses)
    return here and len(addresses) == len(ends) and _is_loopback_name(request)


def _is_loopback_name(request: web.Request) -> bool:
    """Whether the browser asked for this machine by a name that nobody else can give away."""
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1:
        return False
    try:
        host = urlsplit(f"//{hosts[0]}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_from_here(request: web.Request, public_url: str) -> bool:
    """Whether a form was sent from a page of ours, by what every browser tells of that.

    ``public_url`` is what others reach us by, or an empty text.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get(hdrs.ORIGIN)
    if not origin:
        return False
    public = urlsplit(public_url)
    host = request.headers.get(hdrs.HOST, "")
    return origin in {f"{public.scheme}://{public.netloc}", f"http://{host}"}
