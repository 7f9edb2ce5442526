"""The pictures of themes, and what they have to be like (the API notes, 8.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from orchestrator.foundation.png import NotPng, header_of, is_transparent
from orchestrator.meetings_server.model.refusals import Reason, Refused
from orchestrator.meetings_server.model.themes import Theme

#: Bytes.
LARGEST_LOGO: Final = 1_000_000
#: Bytes that are taken at all, so that somebody can be told that it is too many.
LARGEST_UPLOAD: Final = 2 * LARGEST_LOGO
#: How long somebody may wait with an upload once its place was named.
GRANTED: Final = timedelta(hours=1)
#: How long what was uploaded waits for becoming a theme's.
KEPT: Final = timedelta(days=1)
#: What waits so, of one application: more are refused, or a disk could be filled.
MOST_WAITING: Final = 64
#: What one request gives to a theme of it.
MOST_KEYS: Final = 12
#: Characters; ours have fewer.
LONGEST_KEY: Final = 200

_SIDES: Final = range(1, 301)
_FAVICON_SIDES: Final = range(16, 33)


class LogoType(StrEnum):
    """The pictures that a theme can have, in the order in which places for them are named."""

    WHITE = "white"
    COLORED = "colored"
    FAVICON = "favicon"

    @property
    def field(self) -> str:
        """Where its key stands in a theme."""
        return _FIELDS[self]


_FIELDS: Final[Mapping[LogoType, str]] = {
    LogoType.WHITE: "brand_image_white",
    LogoType.COLORED: "brand_image_colored",
    LogoType.FAVICON: "branded_favicon",
}


class Flaw(StrEnum):
    """What is wrong with a picture."""

    EXCEEDS_SIZE = "exceeds_size"
    TYPE = "type"
    DIMENSIONS = "dimensions"
    TRANSPARENT_BG = "transparent_bg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Something that was uploaded, and is no theme's yet."""

    key: str
    application_id: str
    type: LogoType
    expires_at: datetime


def flaw_of(logo_type: LogoType, content: bytes) -> Flaw | None:
    """The first thing that is wrong with a picture; None: nothing is."""
    if len(content) > LARGEST_LOGO:
        return Flaw.EXCEEDS_SIZE
    try:
        header = header_of(content)
        sides = _FAVICON_SIDES if logo_type is LogoType.FAVICON else _SIDES
        if header.width not in sides or header.height not in sides:
            return Flaw.DIMENSIONS
        if logo_type is LogoType.FAVICON and header.width != header.height:
            return Flaw.DIMENSIONS
        return None if is_transparent(content) else Flaw.TRANSPARENT_BG
    except NotPng:
        return Flaw.TYPE


def keys_of(theme: Theme) -> tuple[str, ...]:
    """The keys of all pictures of a theme."""
    found = (getattr(theme, logo_type.field) for logo_type in LogoType)
    return tuple(key for key in found if key is not None)


def no_upload(key: str) -> Mapping[str, str]:
    """Nothing waits under that key, or it is not the asker's."""
    return {"logoKey": key, "code": "key_not_found"}


def flawed(key: str, flaw: Flaw) -> Mapping[str, str]:
    """What waits under that key is no picture that a theme can have."""
    return {"logoKey": key, "code": "invalid_logo_properties", "invalidProperty": flaw.value}


def unfinished(errors: list[Mapping[str, str]]) -> Refused:
    """None of the pictures became the theme's."""
    return Refused(Reason.BAD_REQUEST, "could not finalize logos", errors)
