"""Pictures of themes: whether the API would take one, by what a PNG file says of itself."""

from __future__ import annotations

from typing import Final

from orchestrator.domain.themes import FAVICON_SIDES, LOGO_MAX, LOGO_SIDE_MAX, LogoType
from orchestrator.foundation.png import NotPng, header_of, is_transparent

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_TOO_LARGE: Final = f"is larger than {LOGO_MAX // 1_000_000} MB, the most that the API takes"


def picture_problem(content: bytes, kind: LogoType) -> str | None:
    """Why a file cannot be a theme's picture (the API notes, 8.3), with the mend; or nothing."""
    if not content.startswith(_SIGNATURE):
        return "is no PNG file; save the picture as PNG"
    if len(content) > LOGO_MAX:
        return f"{_TOO_LARGE}; save it smaller"
    try:
        header = header_of(content)
        wrong = _wrong_size(header.width, header.height, kind)
        if wrong is not None:
            return wrong  # what it holds is not unpacked
        transparent = is_transparent(content)
    except NotPng:
        return "is a PNG file that was cut off or damaged; save the picture anew"
    if not transparent:
        return "has no transparent background; save it with transparency (an alpha channel)"
    return None


def _wrong_size(width: int, height: int, kind: LogoType) -> str | None:
    least, most = FAVICON_SIDES
    if kind is LogoType.FAVICON:
        if width == height and least <= width <= most:
            return None
        return (
            f"is {width} by {height} pixels; a favicon is square, with sides of {least} to "
            f"{most}: save it at {most} by {most}"
        )
    if width <= LOGO_SIDE_MAX and height <= LOGO_SIDE_MAX:
        return None
    return (
        f"is {width} by {height} pixels; the sides of a logo are at most {LOGO_SIDE_MAX}: "
        "scale it down"
    )
