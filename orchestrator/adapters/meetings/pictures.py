"""Pictures of themes as anybody finds them: fetched once, of a length that a picture can have.

It follows a link as `downloads` does, to public addresses and to those that somebody allowed, and
tells of what a place says when it refuses its status alone.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from orchestrator.adapters.meetings import faults
from orchestrator.adapters.meetings.faults import Call
from orchestrator.adapters.meetings.transport import Downloads, NoAnswer, NotSent
from orchestrator.ports.faults import RefusedError, UnavailableError

_PATIENCE: Final = 30.0  # seconds, for the whole


async def fetch_picture(downloads: Downloads, link: str, what: str, most: int) -> bytes:
    """The picture behind a link of an API.

    Args:
        downloads: the way there.
        link: as the API tells it; some have no scheme.
        what: names it in errors.
        most: bytes; what is longer is refused.

    Raises:
        UnavailableError: it could not be had.
        RefusedError: the place answers something else, or more.
        ForbiddenError: nothing is asked of such an address.
    """
    call = Call("GET", f"({what})")
    found = bytearray()
    try:
        async with (
            asyncio.timeout(_PATIENCE),
            downloads.open(link if "://" in link else f"https://{link}", {}) as incoming,
        ):
            if incoming.status != HTTPStatus.OK:
                raise RefusedError(f"{call}: its place does not give it", incoming.status)
            async for piece in incoming.pieces:
                found += piece
                if len(found) > most:
                    raise RefusedError(f"{call}: it is larger than a picture may be")
    except TimeoutError as error:
        raise UnavailableError(f"{call}: it did not come within {_PATIENCE:.0f} s") from error
    except (NotSent, NoAnswer, OSError) as error:
        raise faults.silent(call, error) from error
    return bytes(found)
