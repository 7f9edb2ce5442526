"""Themes and their pictures: JSON of the API to the domain's values and back (the API notes, 8).

Tolerant where servers differ: no themes are an empty body, ``{}`` or ``[]``.  Refuses, with
`UnreadableError`, a list of which it would have to leave something out, and a place to upload to
that is no web address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from orchestrator.adapters.meetings.wire import (
    Object,
    UnreadableError,
    is_room_id,
    read_text,
    write_object,
)
from orchestrator.domain.themes import FIELDS, Fields, LogoType, Theme

# The storage key of each picture; null where there is none.
_PICTURES: Final = MappingProxyType(
    {
        LogoType.WHITE: "brand_image_white",
        LogoType.COLORED: "brand_image_colored",
        LogoType.FAVICON: "branded_favicon",
    }
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A place that takes one picture for a short while: where, and what is sent along verbatim.

    Attributes:
        key: by which the API is told afterwards that the picture is there.
    """

    kind: LogoType
    key: str
    url: str
    fields: Mapping[str, str]


def read_theme(document: Object) -> Theme:
    """A theme, from an answer of its own or from the list."""
    theme_id = read_theme_id(document)
    where = f"theme {theme_id}"
    fields = {name: read_text(document, name, where) for name in FIELDS}
    color = fields["main_color"]
    fields["main_color"] = None if color is None else color.lower()
    pictures = {kind: read_text(document, name, where) for kind, name in _PICTURES.items()}
    links = {kind: document.get(f"{name}_url") for kind, name in _PICTURES.items()}
    return Theme(
        theme_id,
        MappingProxyType(fields),
        MappingProxyType({kind: key for kind, key in pictures.items() if key}),
        MappingProxyType({kind: one for kind, one in links.items() if isinstance(one, str)}),
    )


def read_theme_id(document: Object) -> str:
    """A theme's id; one that could not stand in a path would lead to another place."""
    theme_id = read_text(document, "theme_id", "a theme") or ""
    if not is_room_id(theme_id):
        raise UnreadableError("a theme has no theme_id that can stand in a path")
    return theme_id


def read_themes(body: bytes) -> Sequence[Theme]:
    """All themes. One that cannot be read leaves none: a list with a gap is no list."""
    if not body.strip():
        return ()
    document = _json(body)
    if document == {}:
        return ()
    return tuple(read_theme(row) for row in _rows(document))


def read_uploads(body: bytes) -> Mapping[LogoType, Upload]:
    """The places to upload to, one a type of picture; types that are not known are passed over."""
    uploads: dict[LogoType, Upload] = {}
    for row in _rows(_json(body)):
        fields = row.get("fields")
        if not isinstance(fields, dict):
            raise UnreadableError("a place to upload to has no fields")
        texts = {name: read_text(fields, name, "a place to upload to") or "" for name in fields}
        kind = next((one for one in LogoType if one == texts.get("logoType", "").lower()), None)
        if kind is None:
            continue
        url, key = read_text(row, "url", "a place to upload to") or "", texts.get("key", "")
        if not url.startswith(("https://", "http://")) or not key:
            raise UnreadableError("a place to upload to has no web address or no key")
        uploads[kind] = Upload(kind, key, url, MappingProxyType(texts))
    return uploads


def write_theme(fields: Fields) -> bytes:
    """The body of a POST."""
    return write_object(fields)


def write_theme_patch(fields: Fields) -> bytes:
    """The body of a PATCH, in the wrapper that the API asks for."""
    return write_object({"update_details": fields})


def write_keys(uploads: Sequence[Upload]) -> bytes:
    """The body by which pictures that were uploaded become the theme's."""
    return write_object({"keys": [upload.key for upload in uploads]})


def write_default(theme_id: str) -> bytes:
    """The body by which a theme becomes the application's default."""
    return write_object({"update_details": {"default_theme_id": theme_id}})


def _json(body: bytes) -> object:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it is not JSON") from error
    return document


def _rows(document: object) -> Sequence[Object]:
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise UnreadableError("it is not a list of objects")
    return document
