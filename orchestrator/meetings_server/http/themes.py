"""Themes and the application's default one: one method a route, from a request to an answer."""

import re
from dataclasses import replace
from typing import Final

from orchestrator.meetings_server.http import bodies
from orchestrator.meetings_server.http.fields import Fields, parse_object
from orchestrator.meetings_server.http.links import Links
from orchestrator.meetings_server.http.render import room_page_json
from orchestrator.meetings_server.http.routes import Call, Routes
from orchestrator.meetings_server.http.uploads import Uploads
from orchestrator.meetings_server.http.wire import (
    Answer,
    Json,
    empty_answer,
    json_answer,
    text_answer,
)
from orchestrator.meetings_server.model.logos import LONGEST_KEY, MOST_KEYS
from orchestrator.meetings_server.model.refusals import invalid
from orchestrator.meetings_server.model.themes import (
    COLOR,
    COMPANY_URL,
    DOMAIN,
    LONGEST_BRAND_TEXT,
    LONGEST_COMPANY_URL,
    LONGEST_THEME_NAME,
    Keep,
    Theme,
    ThemeChanges,
    ThemeDraft,
)
from orchestrator.meetings_server.service import Acts

_LONGEST_COLOR: Final = 7
_LONGEST_ID: Final = 100


class ThemeResources:
    """The resources under `/themes`, and `/applications`."""

    def __init__(self, acts: Acts, links: Links, uploads: Uploads) -> None:
        """The same links as the rooms'; `uploads` are where pictures go."""
        self._uploads = uploads
        self._themes = acts.themes
        self._logos = acts.logos
        self._meetings = acts.meetings
        self._links = links

    @property
    def routes(self) -> Routes:
        """What answers where."""
        return {
            "/applications": {"PATCH": self._set_default},
            "/themes": {"GET": self._list, "POST": self._create},
            "/themes/logos-upload-urls": {"GET": self._places},
            "/themes/{theme_id}": {
                "GET": self._theme,
                "PATCH": self._change,
                "DELETE": self._delete,
            },
            "/themes/{theme_id}/rooms": {"GET": self._rooms},
            "/themes/{theme_id}/finalizeLogos": {"PUT": self._finalize},
        }

    async def _list(self, call: Call) -> Answer:
        themes = await self._themes.all(call.application_id)
        return json_answer(200, [self._json(theme) for theme in themes])

    async def _create(self, call: Call) -> Answer:
        theme = await self._themes.create(call.application_id, theme_draft(call.request.body))
        return json_answer(201, self._json(theme))

    async def _theme(self, call: Call) -> Answer:
        theme = await self._themes.theme(call.application_id, call.names["theme_id"])
        return json_answer(200, self._json(theme))

    async def _change(self, call: Call) -> Answer:
        changes = theme_changes(call.request.body)
        theme = await self._themes.change(call.application_id, call.names["theme_id"], changes)
        return json_answer(200, self._json(theme))

    async def _delete(self, call: Call) -> Answer:
        force = bodies.force(call.request.query)
        await self._themes.delete(call.application_id, call.names["theme_id"], force=force)
        return empty_answer(204)

    async def _rooms(self, call: Call) -> Answer:
        theme_id = call.names["theme_id"]
        query = replace(bodies.room_query(call.request.query), theme_id=theme_id)
        page = await self._themes.rooms(call.application_id, theme_id, query)
        return json_answer(200, room_page_json(page, query, self._links, self._meetings.now))

    async def _places(self, call: Call) -> Answer:
        return json_answer(200, self._uploads.places(call.application_id))

    async def _finalize(self, call: Call) -> Answer:
        keys = logo_keys(call.request.body)
        await self._logos.finalize(call.application_id, call.names["theme_id"], keys)
        return text_answer(200, "OK")

    async def _set_default(self, call: Call) -> Answer:
        application_id, theme_id = call.application_id, default_theme(call.request.body)
        await self._themes.set_default(application_id, theme_id)
        told: Json = {
            "application_id": application_id,
            "account_id": self._themes.account_id(application_id),
            "default_theme_id": theme_id,
        }
        return json_answer(200, told)

    def _json(self, theme: Theme) -> Json:
        """A theme: keys and their order as in the API notes, 8.1."""
        return {
            "theme_id": theme.id,
            "theme_name": theme.theme_name,
            "domain": DOMAIN,
            "account_id": self._themes.account_id(theme.application_id),
            "application_id": theme.application_id,
            "main_color": theme.main_color,
            "short_company_url": theme.short_company_url,
            "brand_text": theme.brand_text,
            "brand_image_colored": theme.brand_image_colored,
            "brand_image_white": theme.brand_image_white,
            "branded_favicon": theme.branded_favicon,
            "brand_image_white_url": self._url(theme.brand_image_white),
            "brand_image_colored_url": self._url(theme.brand_image_colored),
            "branded_favicon_url": self._url(theme.branded_favicon),
        }

    def _url(self, key: str | None) -> str | None:
        return None if key is None else self._links.logo(key)


def theme_draft(body: bytes) -> ThemeDraft:
    """The body of `POST /themes`.

    Raises:
        Refused: the first field that breaks its rule.
    """
    fields = parse_object(body)
    return ThemeDraft(
        main_color=_needed(fields, "main_color", _color(fields)),
        brand_text=_needed(fields, "brand_text", _text(fields, "brand_text", LONGEST_BRAND_TEXT)),
        theme_name=_text(fields, "theme_name", LONGEST_THEME_NAME),
        short_company_url=_company(fields),
    )


def theme_changes(body: bytes) -> ThemeChanges:
    """The body of `PATCH /themes/{id}`; a null takes the short_company_url away.

    Raises:
        Refused: the wrapper is missing or empty, or a field breaks its rule.
    """
    fields = bodies.update_details(parse_object(body))
    return ThemeChanges(
        main_color=_color(fields),
        brand_text=_text(fields, "brand_text", LONGEST_BRAND_TEXT),
        theme_name=_text(fields, "theme_name", LONGEST_THEME_NAME),
        short_company_url=_company(fields) if "short_company_url" in fields.values else Keep.AS_IS,
    )


def default_theme(body: bytes) -> str | None:
    """The body of `PATCH /applications`, wrapped or flat: the theme, or None for none.

    Raises:
        Refused: it names no theme at all.
    """
    outer = parse_object(body)
    is_flat = "default_theme_id" in outer.values and "update_details" not in outer.values
    fields = outer if is_flat else bodies.update_details(outer)
    if "default_theme_id" not in fields.values:
        raise invalid(f"{fields.name('default_theme_id')} is required")
    return _text(fields, "default_theme_id", _LONGEST_ID)


def logo_keys(body: bytes) -> list[str]:
    """The body of `PUT /themes/{id}/finalizeLogos`: texts, or objects with one, as one schema has.

    Raises:
        Refused: there is no list of keys.
    """
    fields = parse_object(body)
    keys = fields.values.get("keys")
    if keys is None:
        raise invalid('"keys" is required')
    if not isinstance(keys, list):
        raise invalid('"keys" must be an array')
    if not keys:
        raise invalid('"keys" must contain at least 1 items')
    if len(keys) > MOST_KEYS:
        raise invalid(f'"keys" must contain less than or equal to {MOST_KEYS} items')
    return [_key(one, place) for place, one in enumerate(keys)]


def _key(value: object, place: int) -> str:
    path = f"keys[{place}]"
    inside = Fields(value, path) if isinstance(value, dict) else Fields({path: value})
    name = "key" if isinstance(value, dict) else path
    key = inside.text(name, LONGEST_KEY)
    if key is None:
        raise invalid(f"{inside.name(name)} is required")
    return key


def _needed(fields: Fields, field: str, value: str | None) -> str:
    if value is None:
        raise invalid(f"{fields.name(field)} is required")
    return value


def _text(fields: Fields, field: str, longest: int) -> str | None:
    value = fields.text(field, longest)
    if value is not None and not value.strip():
        raise invalid(f"{fields.name(field)} is not allowed to be empty")
    return value


def _color(fields: Fields) -> str | None:
    value = _text(fields, "main_color", _LONGEST_COLOR)
    return _matching(fields, "main_color", value, COLOR)


def _company(fields: Fields) -> str | None:
    value = _text(fields, "short_company_url", LONGEST_COMPANY_URL)
    return _matching(fields, "short_company_url", value, COMPANY_URL)


def _matching(
    fields: Fields, field: str, value: str | None, pattern: re.Pattern[str]
) -> str | None:
    if value is not None and pattern.fullmatch(value) is None:
        rule = f'with value "{value}" fails to match the required pattern: /{pattern.pattern}/'
        raise invalid(f"{fields.name(field)} {rule}")
    return value
