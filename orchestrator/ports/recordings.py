"""Port: the recordings of one application at one Meetings API, and their contents.

As with rooms, every method raises a fault of `orchestrator.ports.faults` and nothing else; calls
that change nothing may be repeated inside the adapter for some seconds, a DELETE is sent once.
Questions share the rate limit of the application's rooms; downloads do not, for they go elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.recordings import Recording, Resume


@dataclass(frozen=True, slots=True)
class Content:
    """What a download brings: bytes from ``begin`` to the end, and nothing in between left out.

    Attributes:
        begin: where the pieces begin; 0 wherever it could not be gone on with.
        length: of the whole, in bytes.
        tag: a strong ``ETag``, its quotation marks included; empty where there is none, and then
            nobody can go on with these bytes later.
        pieces: read once. It raises `UnavailableError` where they end early; what came until then
            may be kept.
    """

    begin: int
    length: int
    tag: str
    pieces: AsyncIterator[bytes]


class Recordings(Protocol):
    """The recordings of one application; the API notes, section 7."""

    async def list_recordings(self, session_id: str) -> Sequence[Recording]:
        """All recordings of a session, in the API's order; there are no pages.

        Raises:
            MissingError: 404; there is no such session, or it was never recorded.
            UnavailableError: the list could not be had or read; part of one is never returned.
        """
        ...

    async def get_recording(self, recording_id: str) -> Recording:
        """Read one recording; its link is signed anew.

        Raises:
            MissingError: the API answers 404.
        """
        ...

    async def delete_recording(self, recording_id: str) -> None:
        """DELETE a recording and its content, once.

        Raises:
            ForbiddenError: it cannot be deleted yet. The API says so with 403, and some with 500
                (the API notes, 7.1): look before the next try, and do not try soon.
            MissingError: 404, it is gone already.
            UnansweredError: nobody knows whether it was deleted.
        """
        ...

    def download(
        self, recording: Recording, resume: Resume | None = None
    ) -> AbstractAsyncContextManager[Content]:
        """Read a recording's content from where its link leads, which must be fresh.

        With ``resume`` only the rest is asked for.  Where that is another version by now, or the
        rest cannot be had alone, the whole comes: `Content.begin` tells.

        Raises:
            ForbiddenError: there is no link, it is not (or no longer) good, or it leads where
                nothing is asked: read the recording anew.
            RefusedError: the place refuses otherwise, or what it sends is no whole recording.
            UnavailableError: weather; also while the pieces are read.
        """
        ...
