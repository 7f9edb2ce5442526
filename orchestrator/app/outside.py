"""What the doctor says of the addresses that others reach us by: names, TLS, and who answers.

Each is asked once, as a browser would, without following anything.  From this machine alone: an
address that only others reach (a router that does not lead back inside) is told as unknown.
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
from orchestrator.domain.reports import Finding, Health

_PATIENCE: Final = 10.0  # seconds for one address
_SOON: Final = timedelta(days=14)  # before the end of a certificate somebody should look
_NOBODY_BEHIND: Final = frozenset({502, 503, 504})  # a proxy that reaches nobody says so


async def address_findings(
    settings: Settings, now: datetime, *, running: bool
) -> AsyncIterator[Finding]:
    """Whether our public addresses lead to us; nothing where none is set.

    Args:
        settings: which name them.
        now: by which the ends of certificates are judged.
        running: the daemon runs, so that a proxy should reach it.
    """
    addresses = {"http.public_url": settings.http.public_url}
    if isinstance(settings.meetings, EmbeddedMeetings):
        addresses["meetings.public_url"] = settings.meetings.public_url
    for name, url in addresses.items():
        if url is not None and running:
            yield await look_at_address(name, url, now)
        elif url is not None:
            told = f"{url} was not asked, because no daemon runs"
            yield Finding(name, Health.UNKNOWN, told, "room-orchestrator run")


async def look_at_address(name: str, url: str, now: datetime) -> Finding:
    """Whether somebody answers at an address, and until when its certificate is good."""
    try:
        async with asyncio.timeout(_PATIENCE):
            context = ssl.create_default_context()
            ends = await _certificate_end(url, context)
            status = await _status(url, context)
    except ssl.SSLCertVerificationError as error:
        told = f"the certificate of {url} is not good: {error.verify_message}"
        look = f"openssl s_client -connect {port_of(urlsplit(url).netloc)}"
        mend = f"renew it, with those that vouch for it; what is shown now: {look}"
        return Finding(name, Health.WRONG, told, mend)
    except TimeoutError:
        told = f"{url} does not answer within {_PATIENCE:.0f} s from this machine"
        return Finding(name, Health.UNKNOWN, told, f"from another machine: curl -sI {url}/")
    except (OSError, aiohttp.ClientError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        told = f"{url} cannot be reached: {reason}"
        return Finding(
            name, Health.WRONG, told, f"does its name lead to your proxy?  curl -sI {url}/"
        )
    if status in _NOBODY_BEHIND:
        told = f"{url} answers {status}: what stands before the daemon does not reach it"
        return Finding(name, Health.WRONG, told, "lead it to the address of config.yaml (listen)")
    if ends is None:
        return Finding(name, Health.OK, f"{url} answers")
    day = f"{ends:%Y-%m-%d}"
    if ends <= now + _SOON:
        told = f"{url} answers, and its certificate ends on {day}"
        return Finding(name, Health.NOTE, told, "renew it where TLS ends, such as in your proxy")
    return Finding(name, Health.OK, f"{url} answers, its certificate is good until {day}")


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


async def _status(url: str, context: ssl.SSLContext) -> int:
    """The status of the answer to one GET. Raises OSError and what aiohttp raises."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/", allow_redirects=False, ssl=context) as answer,
    ):
        return answer.status
