"""Importing themes: which files ask for the themes that are there already, as they are.

Each theme that bears nobody's mark becomes a file that names it by its id.  What a file cannot say
as it is would be changed by it, so such a theme is left out; and so are those that are somebody's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orchestrator.domain.importing import is_writable, slugged
from orchestrator.domain.themes import (
    BRAND_TEXT_MAX,
    COLOR,
    COMPANY_URL,
    COMPANY_URL_MAX,
    LogoType,
    Theme,
    is_marked,
    own_name,
)

_DIGITS: Final = (8, 16, 64)
_STEM_MOST: Final = 40  # characters; digits follow
_NAME_MOST: Final = 63
_NONE: Final[Mapping[LogoType, bytes]] = MappingProxyType({})


class WhyTheme(StrEnum):
    """Why a theme is left out."""

    OURS = "this installation's already"
    FOREIGN = "marked by another owner"
    UNSAYABLE = "no file can say its colour or its text as they are"


@dataclass(frozen=True, slots=True)
class ThemeDraft:
    """One theme file to be written.

    Attributes:
        name: what policies call it.
        shown: its ``theme_name`` at the API.
        company: its ``short_company_url``; None where it has none that a file can say.
        pictures: those that could be had.
    """

    name: str
    theme_id: str
    shown: str
    main_color: str
    brand_text: str
    company: str | None = None
    pictures: Mapping[LogoType, bytes] = field(default_factory=lambda: _NONE, repr=False)


@dataclass(frozen=True, slots=True)
class ThemeImport:
    """What comes of the themes of an application.

    Attributes:
        left_out: ``theme_name`` by why it is left out.
    """

    drafts: tuple[ThemeDraft, ...] = ()
    left_out: Mapping[WhyTheme, Sequence[str]] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        """What policies call each, by its id."""
        return {draft.theme_id: draft.name for draft in self.drafts}


def import_themes(
    themes: Sequence[Theme],
    pictures: Mapping[str, Mapping[LogoType, bytes]],
    owner: str,
    in_force: Mapping[str, str],
    taken: Collection[str],
) -> ThemeImport:
    """Make a file of each theme.

    Args:
        themes: of the application.
        pictures: by the theme's id, checked.
        owner: whose mark is ours; empty: nobody's is.
        in_force: names of themes that files name already, by id.
        taken: names that no new theme may have.
    """
    drafts: list[ThemeDraft] = []
    left: dict[WhyTheme, list[str]] = {}
    used = set(taken)
    for theme in sorted(themes, key=lambda one: one.id):
        why = _against(theme, owner, in_force)
        if why is not None:
            left.setdefault(why, []).append(theme.name)
            continue
        name = next(one for one in _names(theme) if one not in used)
        used.add(name)
        company = theme.fields["short_company_url"]
        drafts.append(
            ThemeDraft(
                name,
                theme.id,
                theme.name,
                str(theme.fields["main_color"]),
                str(theme.fields["brand_text"]),
                company if company is not None and _is_company(company) else None,
                pictures.get(theme.id, _NONE),
            )
        )
    return ThemeImport(tuple(drafts), {why: left[why] for why in WhyTheme if why in left})


def _against(theme: Theme, owner: str, in_force: Mapping[str, str]) -> WhyTheme | None:
    if theme.id in in_force or (owner and own_name(owner, theme.name) is not None):
        return WhyTheme.OURS
    if is_marked(theme.name):
        return WhyTheme.FOREIGN
    color, text = theme.fields["main_color"] or "", theme.fields["brand_text"] or ""
    said = COLOR.fullmatch(color) is not None and is_writable(text)
    return None if said and text.strip() and len(text) <= BRAND_TEXT_MAX else WhyTheme.UNSAYABLE


def _is_company(text: str) -> bool:
    return len(text) <= COMPANY_URL_MAX and COMPANY_URL.fullmatch(text) is not None


def _names(theme: Theme) -> tuple[str, ...]:
    """Its name as far as it is one; then, for namesakes, with digits made of its id."""
    stem = slugged(theme.name)[:_STEM_MOST].strip("-")
    digest = hashlib.sha256(theme.id.encode()).hexdigest()
    numbered = (f"{stem or 'theme'}-{digest[:digits]}"[:_NAME_MOST] for digits in _DIGITS)
    return (*([stem] if stem else []), *numbered)
