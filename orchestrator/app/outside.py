"""What the doctor says of the addresses that others reach us by: names, TLS, and who answers.

Each is asked once, as a browser would, without following anything; that of our links for a page
that the daemon alone makes, because files and other services answer just as well.  From this
machine alone: an address that only others reach (a router that does not lead back inside) is told
as unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from orchestrator.config import Settings
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.domain.links import PATH
from orchestrator.domain.reports import Finding, Health
from orchestrator.edges.http.links import is_link_page

_PATIENCE: Final = 10.0  # seconds for one address
_SOON: Final = timedelta(days=14)  # before the end of a certificate somebody should look
_NOBODY_BEHIND: Final = frozenset({502, 503, 504})  # a proxy that reaches nobody says so
# Who lets people in before us may answer so by itself, and then nobody sees who is behind.
_AT_THE_DOOR: Final = frozenset({301, 302, 303, 307, 308, 401, 403, 429})
_OURS: Final = "http.public_url"
_LEAD: Final = "lead it to the address of config.yaml (listen)"


async def address_findings(
    settings: Settings, now: datetime, *, running: bool
) -> AsyncIterator[Finding]:
    """Whether our public addresses lead to us; nothing where none is set.

    Args:
        settings: which name them.
        now: by which the ends of certificates are judged.
        running: the daemon runs, so that a proxy should reach it.
    """
    addresses = {_OURS: settings.http.public_url}
    if isinstance(settings.meetings, EmbeddedMeetings):
        addresses["meetings.public_url"] = settings.meetings.public_url
    for name, url in addresses.items():
        if url is not None and running:
            yield await look_at_address(name, url, now)
        elif url is not None:
            told = f"{url} was not asked, because no daemon runs"
            yield Finding(name, Health.UNKNOWN, told, "room-orchestrator run")


async def look_at_address(name: str, url: str, now: datetime) -> Finding:
    """Whether the right one answers at an address, and until when its certificate is good."""
    path = PATH if name == _OURS else "/"
    try:
        async with asyncio.timeout(_PATIENCE):
            context = ssl.create_default_context()
            ends = await _certificate_end(url, context)
            status, ours = await _answer(f"{url}{path}", context)
    except ssl.SSLCertVerificationError as error:
        told = f"the certificate of {url} is not good: {error.verify_message}"
        look = f"openssl s_client -connect {port_of(urlsplit(url).netloc)}"
        mend = f"renew it, with those that vouch for it; what is shown now: {look}"
        return Finding(name, Health.WRONG, told, mend)
    except TimeoutError:
        told = f"{url} does not answer within {_PATIENCE:.0f} s from this machine"
        return Finding(name, Health.UNKNOWN, told, f"from another machine: curl -sI {url}{path}")
    except (OSError, aiohttp.ClientError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        told = f"{url} cannot be reached: {reason}"
        mend = f"does its name lead to your proxy?  curl -sI {url}{path}"
        return Finding(name, Health.WRONG, told, mend)
    if status in _NOBODY_BEHIND:
        told = f"{url} answers {status}: what stands before the daemon does not reach it"
        return Finding(name, Health.WRONG, told, _LEAD)
    if name == _OURS and not ours:
        return _elsewhere(name, f"{url}{path}", status)
    leads = f"{url} {'leads to the daemon' if name == _OURS else 'answers'}"
    if ends is None:
        return Finding(name, Health.OK, leads)
    day = f"{ends:%Y-%m-%d}"
    if ends <= now + _SOON:
        told = f"{leads}, and its certificate ends on {day}"
        return Finding(name, Health.NOTE, told, "renew it where TLS ends, such as in your proxy")
    return Finding(name, Health.OK, f"{leads}, its certificate is good until {day}")


def _elsewhere(name: str, address: str, status: int) -> Finding:
    if status in _AT_THE_DOOR:
        told = f"{address} answers {status} by itself, so who is behind it is not known"
        return Finding(name, Health.UNKNOWN, told, "open it in a browser, logged in")
    told = f"{address} answers {status}, and not with a page of the daemon: it leads elsewhere"
    return Finding(name, Health.WRONG, told, _LEAD)


def port_of(host: str) -> str:
    """A host as openssl wants it: with the port that a browser would take."""
    return host if ":" in host.rpartition("]")[2] else f"{host}:443"


async def _certificate_end(url: str, context: ssl.SSLContext) -> datetime | None:
    """Until when the certificate is good; None: no TLS. Raises OSError."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return None
    _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert()
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
    finally:
        writer.close()
        with contextlib.suppress(OSError):  # how it says goodbye is nobody's matter
            await writer.wait_closed()


async def _answer(address: str, context: ssl.SSLContext) -> tuple[int, bool]:
    """The status of the answer to one GET, and whether a page of our links came.

    Raises OSError and what aiohttp raises.
    """
    async with (
        aiohttp.ClientSession() as session,
        session.get(address, allow_redirects=False, ssl=context) as answer,
    ):
        return answer.status, is_link_page(answer.headers)
