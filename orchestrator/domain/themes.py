"""Themes in the API's own words: what is wished of one, what was seen, what our store remembers.

A theme has no metadata, so whose it is stands in its name: ``corporate~`` and eight hexadecimal
digits of the owner (the API keeps names unique within an application).  A theme without that ending
is another's and is not touched, whatever it is called (promise P3), unless its file names it by its
id: that is a person's word, and it keeps the name that it has.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orchestrator.domain.policies import GRACE
from orchestrator.domain.records import Attempts
from orchestrator.foundation.problems import Place

BRAND_TEXT_MAX: Final = 200  # characters; the API notes, 8.2, for this and what follows
COMPANY_URL_MAX: Final = 128
COLOR: Final = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_MARKED: Final = re.compile(r"~[0-9a-f]{8}\Z")
COMPANY_URL: Final = re.compile(r"[A-Za-z0-9_~-]*[A-Za-z_~-][A-Za-z0-9_~-]*")
LOGO_MAX: Final = 1_000_000  # bytes; the API notes, 8.3
LOGO_SIDE_MAX: Final = 300  # pixels, of a logo
FAVICON_SIDES: Final = (16, 32)  # pixels, of a favicon, which is square

# What a POST or PATCH says of a theme; pictures come by another way.
FIELDS: Final = ("theme_name", "main_color", "brand_text", "short_company_url")

Fields = Mapping[str, str | None]


class LogoType(StrEnum):
    """The three pictures of a theme, by the API's ``logoType``."""

    WHITE = "white"
    COLORED = "colored"
    FAVICON = "favicon"


_PICTURES: Final[Mapping[LogoType, str]] = MappingProxyType({})
_NEVER: Final = Attempts()


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture as its file has it, checked: PNG, with the bounds of the API notes, 8.3."""

    file: str  # relative to the policies folder
    content: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """What tells one content from another: 16 hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ThemeWish:
    """One theme file, in force or a candidate.

    Attributes:
        file: its path within the policies folder.
        version: the digest of its text (16 hexadecimal digits).
        main_color: in lower case.
        default: it is the application's default theme.
        grace: between its removal from the folder and its removal at the API.
        theme_id: of a theme that is there already and is to be taken over; empty: of none.
    """

    name: str
    file: str
    version: str
    main_color: str
    brand_text: str
    short_company_url: str | None = None
    logos: Mapping[LogoType, Logo] = field(default_factory=lambda: MappingProxyType({}))
    default: bool = False
    grace: timedelta = GRACE
    places: Mapping[str, Place] = field(default_factory=lambda: MappingProxyType({}))
    theme_id: str = ""

    def fields(self, owner: str) -> Fields:
        """What the API is asked for, but for the pictures, and for a name that is to be kept."""
        fields: dict[str, str | None] = {
            "theme_name": api_name(owner, self.name),
            "main_color": self.main_color,
            "brand_text": self.brand_text,
        }
        if self.theme_id:
            del fields["theme_name"]
        if self.short_company_url is not None:
            fields["short_company_url"] = self.short_company_url
        return fields

    @property
    def digest(self) -> str:
        """Another for another wish: by it a failure is remembered."""
        logos = sorted((str(kind), logo.digest) for kind, logo in self.logos.items())
        parts = (
            self.main_color,
            self.brand_text,
            self.short_company_url,
            logos,
            self.default,
            *([self.theme_id] if self.theme_id else []),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme as the API last described it.

    Attributes:
        id: its ``theme_id``.
        fields: a value for each of `FIELDS`; the colour in lower case.
        pictures: the storage keys of the pictures that it has.
        links: where anybody finds them.
    """

    id: str
    fields: Fields
    pictures: Mapping[LogoType, str] = field(default_factory=lambda: _PICTURES)
    links: Mapping[LogoType, str] = field(
        default_factory=lambda: _PICTURES, repr=False, compare=False
    )

    @property
    def name(self) -> str:
        """Its ``theme_name``, unique within the application."""
        return self.fields["theme_name"] or ""


class ThemeStep(StrEnum):
    """One thing that is done about a theme: five calls, and what only changes our memory."""

    CREATE = "create"
    UPDATE = "update"
    UPLOAD = "upload"
    DEFAULT = "default"
    DELETE = "delete"
    ADOPT = "adopt"
    TOMBSTONE = "tombstone"
    RESTORE = "restore"
    MISS = "miss"
    FIND = "find"
    LOSE = "lose"
    FORGET = "forget"

    @property
    def calls(self) -> str:
        """The method of the call that changes something at the API, or an empty text."""
        return _CALLS.get(self, "")


_CALLS: Final[Mapping[ThemeStep, str]] = MappingProxyType(
    {
        ThemeStep.CREATE: "POST",
        ThemeStep.UPDATE: "PATCH",
        ThemeStep.UPLOAD: "PUT",
        ThemeStep.DEFAULT: "PATCH",
        ThemeStep.DELETE: "DELETE",
    }
)


@dataclass(frozen=True, slots=True)
class ThemeOperation:
    """A journalled call whose outcome is not recorded yet; since when (API time)."""

    step: ThemeStep
    started_at: datetime


@dataclass(frozen=True, slots=True)
class ThemeRecord:
    """What our store remembers of one theme.

    Attributes:
        name: in the language of policies.
        id: at the API; empty before it was made, and where it was lost.
        fields: what was asked for last.
        uploaded: the digest of the file that each picture was made from, by its type.
        pictures: the storage key that each picture had then: another one is another's picture.
        default: it was made the application's default theme, by our last word.
        grace: stored with it, so that it outlives the file.
        decided_at, due: of a removal that is decided and not yet carried out (API time).
        missing_since: API time of the first look that did not find it.
        updated_at: API time of the last PATCH.
        painted_at: API time of the last upload.
        attempts: failures in a row, and when to come back (API time).
        operation: a call that is under way, or whose outcome nobody knows.
        adopted: it was there before, and bears its own name: it is let go, and never removed.
    """

    name: str
    id: str = ""
    fields: Fields = field(default_factory=lambda: MappingProxyType({}))
    uploaded: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    pictures: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    default: bool = False
    grace: timedelta = GRACE
    decided_at: datetime | None = None
    due: datetime | None = None
    missing_since: datetime | None = None
    updated_at: datetime | None = None
    painted_at: datetime | None = None
    attempts: Attempts = _NEVER
    operation: ThemeOperation | None = None
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class ThemeMemory:
    """All that a store remembers of themes, in one value.

    Attributes:
        removed: API times of the last removals, by which the brake counts.
    """

    records: tuple[ThemeRecord, ...] = ()
    removed: tuple[datetime, ...] = ()


def owner_mark(owner: str) -> str:
    """What the name of each theme of an owner ends with."""
    return f"~{hashlib.sha256(owner.encode()).hexdigest()[:8]}"


def api_name(owner: str, name: str) -> str:
    """The ``theme_name`` of a theme of ours."""
    return name + owner_mark(owner)


def own_name(owner: str, theme_name: str) -> str | None:
    """The name that we know a theme by; None where it is not ours."""
    mark = owner_mark(owner)
    name = theme_name.removesuffix(mark)
    return name if name and name != theme_name else None


def is_marked(theme_name: str) -> bool:
    """Whether a name ends as those of some owner do."""
    return _MARKED.search(theme_name) is not None
