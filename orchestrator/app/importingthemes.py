"""`import` and themes: what the API has of them, with their pictures, as files.

Nothing but GET is sent.  A picture that cannot be had, or that a file may not have, is left where
it is, and that is told: the theme is taken over without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from orchestrator.adapters.meetings.downloads import HttpDownloads
from orchestrator.adapters.meetings.pictures import fetch_picture
from orchestrator.adapters.policies.pictures import picture_problem
from orchestrator.adapters.policies.themes import THEMES_FOLDER
from orchestrator.adapters.policies.writing import picture_name, write_theme
from orchestrator.domain.importedthemes import ThemeImport
from orchestrator.domain.themes import LOGO_MAX, LogoType, Theme, is_marked
from orchestrator.foundation.reach import Reach, read_reach
from orchestrator.ports.faults import Fault
from orchestrator.ports.themes import Themes

_NOTHING: Final[Mapping[str, Mapping[LogoType, bytes]]] = {}


@dataclass(frozen=True, slots=True)
class Themed:
    """The themes of an application.

    Attributes:
        pictures: those that could be had, by the theme's id.
        remarks: what could not be had, and why.
    """

    themes: Sequence[Theme] = ()
    pictures: Mapping[str, Mapping[LogoType, bytes]] = field(default_factory=lambda: _NOTHING)
    remarks: Sequence[str] = ()


async def read_themed(themes: Themes, url: str) -> Themed:
    """Read the themes of an API, and the pictures of those that are nobody's.

    Args:
        themes: of the application.
        url: of the API: pictures may lie where it is, and at public addresses.
    """
    try:
        listed = await themes.list_themes()
    except Fault as fault:
        remark = f"themes could not be listed, so no file is written: {fault}"
        return Themed(remarks=(remark,))
    downloads = HttpDownloads(_reach(url), unencrypted=url.startswith("http:"))
    pictures: dict[str, dict[LogoType, bytes]] = {}
    remarks: list[str] = []
    try:
        for theme in listed:
            if is_marked(theme.name):
                continue
            pictures[theme.id] = {}
            for kind in theme.pictures:
                found = await _picture(downloads, theme, kind)
                if isinstance(found, bytes):
                    pictures[theme.id][kind] = found
                else:
                    remarks.append(found)
    finally:
        await downloads.close()
    return Themed(listed, pictures, remarks)


async def _picture(downloads: HttpDownloads, theme: Theme, kind: LogoType) -> bytes | str:
    """A picture, or why it is left where it is."""
    what = f"{kind} picture of the theme {theme.id}"
    link = theme.links.get(kind)
    if not link:
        return f"the {what} stays, and its file has none: the API does not tell where it is"
    try:
        content = await fetch_picture(downloads, link, what, LOGO_MAX)
    except Fault as fault:
        return f"the {what} stays, and its file has none: {fault}"
    wrong = picture_problem(content, kind)
    return content if wrong is None else f"the {what} stays, and its file has none: it {wrong}"


def _reach(url: str) -> Reach:
    host = urlsplit(url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return read_reach((host,)) if host else Reach()
    return read_reach((host,))


def texts_of_themes(made: ThemeImport, origin: str) -> dict[str, bytes]:
    """The files by their names in the policies folder, pictures first."""
    files: dict[str, bytes] = {}
    for draft in made.drafts:
        for kind, content in draft.pictures.items():
            files[f"{THEMES_FOLDER}/{picture_name(draft, kind)}"] = content
    for draft in made.drafts:
        files[f"{THEMES_FOLDER}/{draft.name}.yaml"] = write_theme(draft, origin).encode()
    return files
