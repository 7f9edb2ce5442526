"""Uploads of pictures on aiohttp: one POST of a form to where the API says, and only its status.

Such a place is no API: what it says is neither read nor told, for whoever names one may name what
only this machine can reach.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractResolver

from orchestrator.adapters.meetings.elsewhere import Elsewhere, NoPlaceError, failed
from orchestrator.adapters.meetings.overhttp import HttpAnswer, Patience
from orchestrator.adapters.meetings.transport import NotSent
from orchestrator.foundation.reach import Reach


class HttpUploads:
    """Implements `transport.Uploads`; the arguments are those of `Elsewhere`."""

    def __init__(
        self,
        reach: Reach,
        *,
        unencrypted: bool,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        inside: tuple[str, str] | None = None,
    ) -> None:
        self._elsewhere = Elsewhere(
            reach,
            unencrypted=unencrypted,
            patience=patience or Patience(),
            tls=tls,
            resolver=resolver,
            inside=inside,
        )
        self._closed = False

    async def upload(self, url: str, fields: Mapping[str, str], content: bytes) -> HttpAnswer:
        if self._closed:
            raise NotSent("the client is closed")
        form = aiohttp.FormData()
        for name, value in fields.items():
            form.add_field(name, value)
        form.add_field("file", content, filename="logo.png", content_type="image/png")
        try:
            place = self._elsewhere.place(url)
            async with self._elsewhere.connections(decompress=True).post(
                place, data=form, allow_redirects=False
            ) as response:
                return HttpAnswer(response.status, response.headers, b"")
        except NoPlaceError as error:
            raise _refused(error) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            told = failed(error)
            # Not chained: the text of such an error may hold the link.
            raise (_refused(told) if isinstance(told, NoPlaceError) else told) from None

    async def close(self) -> None:
        """Close all connections; nothing is sent afterwards."""
        self._closed = True
        await self._elsewhere.close()


def _refused(error: NoPlaceError) -> NotSent:
    return NotSent(f"a picture is not sent where the API says: {error}")
