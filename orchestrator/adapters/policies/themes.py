"""Understands one theme file: bytes to a theme that is wished for, or every problem that it has.

Themes are ``themes/*.yaml`` within the policies folder; their pictures lie beside or below them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.adapters.policies.building import digest
from orchestrator.adapters.policies.models import Name, Wait, whole_number
from orchestrator.adapters.policies.patterns import API_ID, COMPANY, NOT_BLANK, PICTURE_FILE
from orchestrator.adapters.policies.patterns import COLOR as COLOR_PATTERN
from orchestrator.adapters.policies.pictures import picture_problem
from orchestrator.domain.policies import GRACE
from orchestrator.domain.themes import (
    BRAND_TEXT_MAX,
    COLOR,
    COMPANY_URL,
    COMPANY_URL_MAX,
    Logo,
    LogoType,
    ThemeWish,
)
from orchestrator.foundation.documents import Document, Tree, read_yaml
from orchestrator.foundation.forms import Form, fill, matching, patterned
from orchestrator.foundation.problems import Problem, nearest
from orchestrator.ports.sources import ParsedTheme

THEMES_FOLDER: Final = "themes"
THEME_MAX: Final = 64 * 1024  # bytes of a theme file
PICTURE_SUFFIX: Final = ".png"
_STAND_IN: Final[Mapping[str, Tree]] = {
    "version": 1,
    "name": "stand-in",
    "main_color": "#000",
    "brand_text": "stand-in",
}


def _color(value: str) -> str:
    if COLOR.fullmatch(value) is None:
        message = 'must be # and three or six hexadecimal digits, in quotes: "#12f64e"'
        raise ValueError(message)
    return value.lower()


def _company(value: str) -> str:
    if len(value) > COMPANY_URL_MAX or COMPANY_URL.fullmatch(value) is None:
        message = (
            f"must be 1 to {COMPANY_URL_MAX} of a-z, A-Z, 0-9, _, ~ and -, and not digits alone"
        )
        raise ValueError(message)
    return value


_api_id: Final = matching(
    API_ID, "is no id that the API can have given; write the theme_id as it tells it"
)


def _brand(value: str) -> str:
    if not value.strip():
        message = "may not be blank"
        raise ValueError(message)
    if len(value) > BRAND_TEXT_MAX:
        message = f"has {len(value)} characters; at most {BRAND_TEXT_MAX} are allowed"
        raise ValueError(message)
    return value


def _picture(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value:
        message = f"leads out of {THEMES_FOLDER}/; name a file inside of it"
        raise ValueError(message)
    if path.suffix != PICTURE_SUFFIX:
        message = f"is no picture that the API takes: its name must end in {PICTURE_SUFFIX}"
        raise ValueError(message)
    return value


PictureFile = Annotated[
    str, AfterValidator(_picture), patterned(PICTURE_FILE, examples=["logo-white.png"])
]


class LogosForm(Form):
    """The pictures of a theme; one that is not named stays as it is at the API."""

    white: PictureFile | None = Field(
        None, description="for dark backgrounds: PNG, transparent, at most 300 by 300 pixels"
    )
    colored: PictureFile | None = Field(
        None, description="for light backgrounds: PNG, transparent, at most 300 by 300 pixels"
    )
    favicon: PictureFile | None = Field(
        None, description="for the browser's tab: PNG, transparent, square, 16 to 32 pixels"
    )


class ThemeRemovalForm(Form):
    """What becomes of a theme whose file is gone."""

    grace: Wait | None = Field(None, description="for how long one can change one's mind: 7d")


class ThemeForm(Form):
    """One theme: what the rooms look like that have it."""

    hints: ClassVar = {
        "version": "write version: 1",
        "name": "policies name it by room.theme",
        "main_color": 'a colour such as "#12f64e"',
        "brand_text": "the name that people see",
    }

    version: Annotated[Literal[1], BeforeValidator(whole_number)] = Field(
        description="of this language: 1"
    )
    name: Name = Field(description="what policies call it in room.theme")
    description: str = Field("", description="for people")
    main_color: Annotated[
        str, AfterValidator(_color), patterned(COLOR_PATTERN, examples=["#12f64e"])
    ] = Field(description="the main colour: # and three or six hexadecimal digits, in quotes")
    brand_text: Annotated[
        str, AfterValidator(_brand), patterned(NOT_BLANK, maxLength=BRAND_TEXT_MAX)
    ] = Field(description="the name that people see, at most 200 characters")
    short_company_url: (
        Annotated[str, AfterValidator(_company), patterned(COMPANY, maxLength=COMPANY_URL_MAX)]
        | None
    ) = Field(None, description="a part of the links of its rooms; unique among all companies")
    logos: LogosForm | None = Field(None, description="its pictures")
    default: bool | None = Field(
        None, description="true: rooms that are made without a theme have it; one theme at most"
    )
    removal: ThemeRemovalForm | None = Field(
        None, description="what becomes of the theme when this file is gone"
    )
    theme_id: Annotated[str, _api_id, patterned(API_ID)] | None = Field(
        None,
        description="of a theme that is there already: it is taken over by the API's theme_id, "
        "keeps the name that it has, and is never removed",
    )


def read_theme(file: str, text: bytes, pictures: Mapping[str, bytes | Problem]) -> ParsedTheme:
    """Read one theme file.

    Args:
        file: its path within the policies folder.
        text: what it holds.
        pictures: what lies in the themes folder, by the path within it.
    """
    document = read_yaml(file, text, limit=THEME_MAX)
    stem = PurePosixPath(file).stem
    if not document.readable:
        return ParsedTheme(None, tuple(document.problems), stem)
    filled = fill(ThemeForm, document, _STAND_IN)
    form = filled.value
    if form is None:
        return ParsedTheme(None, tuple(document.besides(filled.problems)), stem)
    name = form.name if filled.whole(("name",)) else stem
    logos: dict[LogoType, Logo] = {}
    wrong = list(_logos(form.logos, document, file, pictures, logos))
    problems = tuple(document.besides([*filled.problems, *wrong]))
    if problems:
        return ParsedTheme(None, problems, name)
    grace = None if form.removal is None else form.removal.grace
    places = {str(path[0]): place for path, place in document.places() if len(path) == 1}
    theme = ThemeWish(
        name=name,
        file=file,
        version=digest(text),
        main_color=form.main_color,
        brand_text=form.brand_text,
        short_company_url=form.short_company_url,
        logos=MappingProxyType(logos),
        default=bool(form.default),
        grace=GRACE if grace is None else grace,
        places=MappingProxyType(places),
        theme_id=form.theme_id or "",
    )
    return ParsedTheme(theme, (), name)


def _logos(
    form: LogosForm | None,
    document: Document,
    file: str,
    pictures: Mapping[str, bytes | Problem],
    found: dict[LogoType, Logo],
) -> Iterator[Problem]:
    """Find each picture that is named; what is wrong with one is told where it is named."""
    for kind in LogoType:
        named = getattr(form, kind, None)
        if named is None:
            continue
        place = document.place(("logos", str(kind)))
        # Relative to the theme file, and both lie within the themes folder.
        inside = PurePosixPath(file).parent / named
        name = str(inside.relative_to(THEMES_FOLDER))
        content = pictures.get(name)
        if content is None:
            near = nearest(name, pictures)
            offer = f'; did you mean "{near}"?' if near else f"; put it into {THEMES_FOLDER}/"
            yield Problem(place, f"{inside} does not exist{offer}")
        elif isinstance(content, Problem):
            yield content
        else:
            wrong = picture_problem(content, kind)
            if wrong is None:
                found[kind] = Logo(str(inside), content)
            else:
                yield Problem(place, f"{inside} {wrong}")
