"""The scripts, styles and pictures of our own pages, shipped with the package.

They lie in `meeting/`, and go out as they lie there: nothing is built, nothing comes from
elsewhere. Their address has a digest of them all, so a browser keeps them for good, and a page that
was loaded before an update never gets half of one and half of another.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Final

from orchestrator.meetings_server.http.wire import Answer, Request
from orchestrator.meetings_server.model.refusals import Reason, Refused

ASSET_PATH: Final = "/assets/"

_FOLDER: Final = "meeting"
_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True)
class _Asset:
    type: str
    plain: bytes

    @cached_property
    def packed(self) -> bytes:
        """Packed when it is first asked for; no time in it, so the same on every machine."""
        return gzip.compress(self.plain, mtime=0)


class Assets:
    """Answers where the addresses of assets lead."""

    def __init__(self) -> None:
        """Read them all, once."""
        sum_of_all = hashlib.sha256()
        self._assets: dict[str, _Asset] = {}
        folder = files(__package__) / _FOLDER
        for file in sorted(folder.iterdir(), key=lambda found: found.name):
            kind = _TYPES.get(file.name.rpartition(".")[2])
            if kind is None:
                continue  # what an editor or an archive left there
            content = file.read_bytes()
            self._assets[file.name] = _Asset(kind, content)
            sum_of_all.update(f"{file.name}\n{len(content)}\n".encode() + content)
        self._place = f"{ASSET_PATH}{sum_of_all.hexdigest()[:20]}/"

    @property
    def names(self) -> tuple[str, ...]:
        """Of all that there are."""
        return tuple(self._assets)

    def path(self, name: str) -> str:
        """Where an asset is, from this server's own root on. `KeyError` if there is none."""
        if name not in self._assets:
            raise KeyError(name)
        return self._place + name

    def has(self, path: str) -> bool:
        """Whether the path is one of an asset."""
        return path.startswith(ASSET_PATH)

    async def answer(self, request: Request) -> Answer:
        """The asset, packed for whoever can unpack it.

        Raises:
            Refused: there is none, or it was another one's.
        """
        asset = self._assets.get(request.path.removeprefix(self._place))
        if asset is None:
            raise Refused(Reason.NOT_FOUND, "Not Found")
        headers = {"Content-Type": asset.type, **_HEADERS}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Answer(200, {**headers, "Content-Encoding": "gzip"}, asset.packed)
        return Answer(200, headers, asset.plain)
