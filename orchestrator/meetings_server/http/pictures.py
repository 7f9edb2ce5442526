"""The pictures of themes, for everybody: what `brand_image_*_url` leads to.

A picture never changes under its address, so whoever has it need not ask again. It was found to be
a PNG before it became a theme's, and a browser is told to take it for nothing else.
"""

from collections.abc import Mapping
from typing import Final

from orchestrator.meetings_server.http.links import LOGO_PATH
from orchestrator.meetings_server.http.wire import Answer, Request
from orchestrator.meetings_server.model.refusals import Reason, Refused
from orchestrator.meetings_server.service import Acts

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "image/png",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    # They are for other sites, too.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "public, max-age=31536000, immutable",
}


class PublicPictures:
    """Answers where addresses of pictures lead."""

    def __init__(self, acts: Acts) -> None:
        """The pictures themselves are the acts' business."""
        self._logos = acts.logos

    def has(self, path: str) -> bool:
        """Whether the path is one of a picture."""
        return path.startswith(LOGO_PATH)

    async def answer(self, request: Request) -> Answer:
        """The picture.

        Raises:
            Refused: there is none.
        """
        content = await self._logos.public(request.path.removeprefix("/"))
        if content is None:
            raise Refused(Reason.NOT_FOUND, "Not Found")
        return Answer(200, _HEADERS, content)
