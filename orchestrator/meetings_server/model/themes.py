"""Themes as the API notes, 8, describe them: what one asks for, and what one may change."""

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from orchestrator.meetings_server.model.refusals import Reason, Refused

LONGEST_THEME_NAME: Final = 200
LONGEST_BRAND_TEXT: Final = 200
LONGEST_COMPANY_URL: Final = 128

#: `#` and three or six hexadecimal digits.
COLOR: Final = re.compile(r"^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")
#: Letters, digits, `_`, `~` and `-`, and not digits alone: those would look like a meeting code.
COMPANY_URL: Final = re.compile(r"^(?=.*[^0-9])[0-9a-zA-Z_~-]+$")

#: First segments of this server's own paths, which no company can have.
OWN_SEGMENTS: Final = frozenset(
    {"_test", "assets", "beta", "j", "live", "logos", "meetings", "recordings", "v1"}
)

#: Of a theme of the API's own customers; `VBC` was another product of Vonage.
DOMAIN: Final = "VCP"


class Keep(Enum):
    """Leave a field as it is; None takes its value away."""

    AS_IS = "as it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThemeDraft:
    """A theme that somebody asks for."""

    main_color: str
    brand_text: str
    #: None: a name is drawn.
    theme_name: str | None = None
    short_company_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThemeChanges:
    """What to change; None leaves a thing as it is."""

    main_color: str | None = None
    brand_text: str | None = None
    theme_name: str | None = None
    short_company_url: str | Keep | None = Keep.AS_IS


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """How the rooms of an application look that have it."""

    id: str
    application_id: str
    theme_name: str
    main_color: str
    brand_text: str
    #: A segment of the links of its rooms; None: they have none.
    short_company_url: str | None = None
    #: Keys of its pictures.
    brand_image_colored: str | None = None
    brand_image_white: str | None = None
    branded_favicon: str | None = None

    def changed(self, changes: ThemeChanges) -> "Theme":
        """The theme after a PATCH."""
        company = changes.short_company_url
        return replace(
            self,
            main_color=changes.main_color or self.main_color,
            brand_text=changes.brand_text or self.brand_text,
            theme_name=changes.theme_name or self.theme_name,
            short_company_url=self.short_company_url if company is Keep.AS_IS else company,
        )


def no_theme(theme_id: str) -> Refused:
    """There is no such theme, or none that the asker may see."""
    return Refused(Reason.NOT_FOUND, f"could not find theme {theme_id}")


def theme_missing(doing: str, theme_id: str) -> Refused:
    """Something was to be done with a theme that there is not."""
    return Refused(Reason.BAD_REQUEST, f"Failed to {doing} because theme id {theme_id} not found")


def taken(field: str, where: str = "") -> Refused:
    """Another theme has that value of a field that has to be its own."""
    return Refused(Reason.CONFLICT, f"{field} already exists{where}")


def undeletable(theme: Theme, rooms: int, *, is_default: bool) -> Refused:
    """The theme is in use: by how many rooms that are not over, or by all that are to come."""
    because = []
    if rooms:
        because.append(f"Theme {theme.id} is used by {rooms} room{'' if rooms == 1 else 's'}")
    if is_default:
        owner = theme.application_id
        because.append(f"Theme {theme.id} is used as application {owner} default theme")
    return Refused(Reason.BAD_REQUEST, "could not delete theme", because)
