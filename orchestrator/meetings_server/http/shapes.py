"""What goes over the wire, as JSON Schema: bodies that are read, bodies that are answered, events.

Limits and words come from the code that holds to them. Answers are closed: a key that is not here
is never sent, and one that is not optional always is. Bodies that are read are open, because
unknown keys are ignored; a null is the same as nothing there, but where it says otherwise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Final, TypeAlias

from orchestrator.meetings_server.model.logos import LONGEST_KEY, MOST_KEYS, LogoType
from orchestrator.meetings_server.model.recordings import Status
from orchestrator.meetings_server.model.rooms import (
    LANGUAGES,
    LONGEST_METADATA,
    LONGEST_NAME,
    AvailableFeatures,
    JoinApproval,
    Microphone,
    RecordingOptions,
    RoomType,
)
from orchestrator.meetings_server.model.themes import (
    COLOR,
    COMPANY_URL,
    DOMAIN,
    LONGEST_BRAND_TEXT,
    LONGEST_COMPANY_URL,
    LONGEST_THEME_NAME,
)
from orchestrator.meetings_server.settings import CallbackUrls

Schema: TypeAlias = Mapping[str, object]

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_URL: Final[Schema] = {"type": "string", "format": "uri"}
_UUID: Final[Schema] = {"type": "string", "format": "uuid"}
_INSTANT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
}

_FLAG_READ: Final[Schema] = {
    "anyOf": [{"type": ["boolean", "null"]}, {"enum": ["true", "false"]}],
    "description": "Text in any case is taken too: some clients send that.",
}
_INSTANT_READ: Final[Schema] = {
    "type": ["string", "null"],
    "format": "date-time",
    "description": (
        "ISO 8601 in any spelling; without a zone it is UTC. Fractions beyond milliseconds are "
        "cut off. More than 10 minutes ahead, and at most a year unless the server allows more."
    ),
}
_URL_READ: Final[Schema] = {
    "type": ["string", "null"],
    "format": "uri",
    "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^ ]",
    "maxLength": 2000,
}


def ref(name: str) -> Schema:
    """A schema of this module, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _closed(properties: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in set(optional)],
        "additionalProperties": False,
    }


def _read(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    found: dict[str, object] = {"type": "object", "properties": properties}
    needed = list(required)
    return found | {"required": needed} if needed else found


def _maybe(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _words(words: type[StrEnum] | Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def _words_read(words: type[StrEnum] | Iterable[str]) -> Schema:
    return {
        "type": ["string", "null"],
        "enum": [*(str(word) for word in words), None],
        "description": "In any case.",
    }


def _text_read(longest: int) -> Schema:
    return {"type": ["string", "null"], "maxLength": longest}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _link(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, _closed({"href": _URL}))


def _names(form: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(form))


_PAGE_LINKS: Final = _closed(_link("first", "self", "prev", "next"), optional=("prev", "next"))

_FEATURES_READ: Final = _read(dict.fromkeys(_names(AvailableFeatures), _FLAG_READ))
_CALLBACKS_READ: Final = _read(dict.fromkeys(_names(CallbackUrls), _URL_READ))
_JOINING_READ: Final = _read({"microphone_state": _words_read(Microphone)})
_LOOKS_READ: Final = _read({"language": _words_read(LANGUAGES)})


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": ["object", "null"]}


_ROOM: Final = _closed(
    {
        "id": _TEXT,
        "display_name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
        "metadata": {"type": ["string", "null"], "maxLength": LONGEST_METADATA},
        "type": _words(RoomType),
        "expires_at": _INSTANT,
        "recording_options": _closed(dict.fromkeys(_names(RecordingOptions), _FLAG)),
        "meeting_code": {"type": "string", "pattern": r"^\d{9}$"},
        "_links": _closed(_link("host_url", "guest_url")),
        "created_at": _INSTANT,
        "is_available": _FLAG,
        "expire_after_use": _FLAG,
        "theme_id": _maybe(_UUID),
        "initial_join_options": _closed({"microphone_state": _words(Microphone)}),
        "join_approval_level": _words(JoinApproval),
        "callback_urls": _closed(
            dict.fromkeys(_names(CallbackUrls), _URL), optional=_names(CallbackUrls)
        ),
        "ui_settings": _closed({"language": _words(LANGUAGES)}),
        "available_features": _closed(dict.fromkeys(_names(AvailableFeatures), _FLAG)),
    },
    optional=("callback_urls",),
)

_ROOM_DRAFT: Final = _read(
    {
        "display_name": {
            "type": "string",
            "maxLength": LONGEST_NAME,
            "pattern": r"\S",
        },
        "type": _words_read(RoomType),
        "metadata": _text_read(LONGEST_METADATA),
        "expires_at": _INSTANT_READ,
        "expire_after_use": _FLAG_READ,
        "theme_id": _text_read(100),
        "recording_options": _nullable(_read(dict.fromkeys(_names(RecordingOptions), _FLAG_READ))),
        "join_approval_level": _words_read(JoinApproval),
        "initial_join_options": _nullable(_JOINING_READ),
        "callback_urls": _nullable(_CALLBACKS_READ),
        "available_features": _nullable(_FEATURES_READ),
        "ui_settings": _nullable(_LOOKS_READ),
    },
    required=("display_name",),
)

_ROOM_CHANGES: Final = _read(
    {
        "expires_at": _INSTANT_READ,
        "expire_after_use": _FLAG_READ,
        "theme_id": {**_text_read(100), "description": "Null takes the theme away."},
        "join_approval_level": _words_read(JoinApproval),
        "initial_join_options": _nullable(_JOINING_READ),
        "callback_urls": {
            **_nullable(_CALLBACKS_READ),
            "description": "A URL of null takes that callback away.",
        },
        "available_features": _nullable(_FEATURES_READ),
        "ui_settings": _nullable(_LOOKS_READ),
    }
)

_RECORDING: Final = _closed(
    {
        "id": _UUID,
        "session_id": _TEXT,
        "started_at": _INSTANT,
        "ended_at": _maybe(_INSTANT),
        "status": _words(Status),
        "_links": {
            **_closed(_link("url"), optional=("url",)),
            "description": "Signed anew at each reading; nothing before it is uploaded.",
        },
    }
)

_SESSION: Final = _closed(
    {
        "id": _TEXT,
        "room_id": _TEXT,
        "room_display_name": _TEXT,
        "start_time": _INSTANT,
        "end_time": _maybe(_INSTANT),
        "is_recorded": _FLAG,
        "participants_number": _COUNT,
        "billed_time": {"type": "number", "minimum": 0, "description": "Minutes."},
        "recordings_time": {"type": "number", "minimum": 0, "description": "Minutes."},
    }
)

_COLOR: Final[Schema] = {"type": "string", "pattern": COLOR.pattern}
_COMPANY: Final[Schema] = {
    "type": ["string", "null"],
    "maxLength": LONGEST_COMPANY_URL,
    "pattern": COMPANY_URL.pattern,
}
_THEME_TEXTS: Final[Mapping[str, Schema]] = {
    "brand_text": {"type": "string", "maxLength": LONGEST_BRAND_TEXT, "pattern": r"\S"},
    "theme_name": {
        "type": ["string", "null"],
        "maxLength": LONGEST_THEME_NAME,
        "pattern": r"\S",
    },
    "short_company_url": _COMPANY,
}
_IMAGES: Final = ("brand_image_colored", "brand_image_white", "branded_favicon")

_THEME: Final = _closed(
    {
        "theme_id": _UUID,
        "theme_name": _TEXT,
        "domain": {"const": DOMAIN},
        "account_id": _TEXT,
        "application_id": _TEXT,
        "main_color": _COLOR,
        "short_company_url": _COMPANY,
        "brand_text": _TEXT,
        **dict.fromkeys(_IMAGES, _maybe(_TEXT)),
        **dict.fromkeys((f"{image}_url" for image in _IMAGES), _maybe(_URL)),
    }
)

_LOGO_KEY: Final[Schema] = {"type": "string", "maxLength": LONGEST_KEY}

_PROBLEM: Final = _closed(
    {
        "message": _TEXT,
        "name": _TEXT,
        "errors": _array({"type": ["string", "object"]}),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
    },
    optional=("errors",),
)


def _wrapped(changes: Schema) -> Schema:
    inner = {**changes, "minProperties": 1}
    return _read({"update_details": inner}, required=("update_details",))


def _event(event: str, /, **properties: Schema) -> Schema:
    return _closed({"event": {"const": event}, **properties})


_EXTENT: Final[Mapping[str, Schema]] = {
    "started_at": _INSTANT,
    "ended_at": _INSTANT,
    "duration": {"type": "number", "minimum": 0, "description": "Seconds, without pauses."},
}
_PARTICIPANT: Final[Mapping[str, Schema]] = {
    "participant_id": _UUID,
    "session_id": _TEXT,
    "room_id": _TEXT,
    "name": _TEXT,
    "is_host": _FLAG,
}

#: Events by the kind of callback URL that they go to.
EVENTS: Final[Mapping[str, tuple[Schema, ...]]] = {
    "rooms": (
        _event(
            "room:expired",
            room_id=_TEXT,
            room_type=_words(RoomType),
            expires_at=_INSTANT,
            created_at=_INSTANT,
        ),
    ),
    "sessions": (
        _event("session:started", session_id=_TEXT, room_id=_TEXT, started_at=_INSTANT),
        _event(
            "session:ended",
            session_id=_TEXT,
            room_id=_TEXT,
            started_at=_INSTANT,
            ended_at=_INSTANT,
        ),
        _event("session:participant:joined", **_PARTICIPANT),
        _event("session:participant:left", **_PARTICIPANT),
    ),
    "recordings": (
        _event("recording:started", recording_id=_UUID, session_id=_TEXT),
        _event("recording:ended", recording_id=_UUID, session_id=_TEXT, **_EXTENT),
        _event(
            "recording:uploaded",
            recording_id=_UUID,
            session_id=_TEXT,
            room_id=_TEXT,
            **_EXTENT,
            url=_URL,
        ),
    ),
}

#: Every body, by its name in `ref`.
SCHEMAS: Final[Mapping[str, Schema]] = {
    "Room": _ROOM,
    "RoomDraft": _ROOM_DRAFT,
    "RoomUpdate": _wrapped(_ROOM_CHANGES),
    "RoomPage": _closed(
        {
            "page_size": {"type": "integer", "minimum": 1},
            "_embedded": _array(ref("Room")),
            "_links": _PAGE_LINKS,
            "total_items": _COUNT,
        }
    ),
    "Recording": _RECORDING,
    "SessionRecordings": _closed({"_embedded": _closed({"recordings": _array(ref("Recording"))})}),
    "Session": _SESSION,
    "SessionPage": _closed(
        {
            "page_size": {"type": "integer", "minimum": 1},
            "total_items": _COUNT,
            "_embedded": _closed({"sessions": _array(ref("Session"))}),
            "_links": _PAGE_LINKS,
        }
    ),
    "DialInNumbers": _array(_closed({"number": _TEXT, "locale": _TEXT, "display_name": _TEXT})),
    "Theme": _THEME,
    "Themes": _array(ref("Theme")),
    "ThemeDraft": _read(
        {"main_color": _COLOR, **_THEME_TEXTS}, required=("main_color", "brand_text")
    ),
    "ThemeUpdate": _wrapped(
        _read(
            {
                "main_color": _maybe(_COLOR),
                **_THEME_TEXTS,
                "brand_text": _maybe(_THEME_TEXTS["brand_text"]),
            }
        )
    ),
    "LogoUploads": _array(
        _closed(
            {
                "url": _URL,
                "fields": {
                    "type": "object",
                    "description": "Sent verbatim and in this order, before the file itself.",
                    "properties": {
                        "key": _TEXT,
                        "logoType": _words(LogoType),
                    },
                    "required": ["key", "logoType"],
                    "additionalProperties": _TEXT,
                },
            }
        )
    ),
    "LogoKeys": _read(
        {
            "keys": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_KEYS,
                "items": {
                    "anyOf": [_LOGO_KEY, _read({"key": _LOGO_KEY}, required=("key",))],
                    "description": "Texts; objects with one are taken too.",
                },
            }
        },
        required=("keys",),
    ),
    "Application": _closed(
        {"application_id": _TEXT, "account_id": _TEXT, "default_theme_id": _maybe(_UUID)}
    ),
    "ApplicationUpdate": {
        "anyOf": [
            _wrapped(_read({"default_theme_id": _text_read(100)}, ("default_theme_id",))),
            _read({"default_theme_id": _text_read(100)}, required=("default_theme_id",)),
        ],
        "description": "Wrapped as in the guides, or flat as in an early description.",
    },
    "Problem": _PROBLEM,
    "Unauthorized": _closed({"title": _TEXT, "detail": _TEXT}),
}
