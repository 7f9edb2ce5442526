"""The API described by OpenAPI 3.1, as it is served at /openapi.json.

One operation a route; what is not routed is not described. The bodies are those of `shapes`. Every
operation may answer 401 (who asks is unknown), 405 (a `/` in an id makes it another path), 413 (the
body is too large), 500 and 503 (nothing can be stored just now), and those that it names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from orchestrator.meetings_server.http.links import API_PATH, DOWNLOAD_FILE, DOWNLOAD_PATH
from orchestrator.meetings_server.http.shapes import EVENTS, SCHEMAS, Schema, ref
from orchestrator.meetings_server.http.wire import Json

DESCRIPTION_PATH: Final = "/openapi.json"

_PROBLEMS: Final[Mapping[int, str]] = {
    400: "Something that is asked for breaks a rule; the message names it.",
    403: "Not allowed, or as many as there may be.",
    404: "There is no such thing, or none that this application may see.",
    405: "The path is there, but not for this method.",
    409: "It is in use, or another one has that name.",
    413: "The body is too large.",
    416: "None of the bytes that are asked for exist.",
    500: "The server failed.",
    503: "Nothing can be stored just now.",
}
_ALWAYS: Final = (405, 413, 500, 503)

_PAGE_SIZE: Final[Schema] = {"type": "integer", "minimum": 1, "default": 20}
_SERIAL: Final[Schema] = {"type": "integer"}
_FORCE: Final[Schema] = {
    "enum": ["true", "false", "True", "False"],
    "description": "In any case.",
}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        success: the status when all is well.
        answer: the body that comes with it; None: there is none.
        body: the body that is read; None: none is.
        query: parameters, all of them optional.
        problems: statuses of family A, besides those that every operation has.
        media: what the answer is, if it is not JSON.
    """

    summary: str
    success: int = 200
    answer: Schema | None = None
    body: Schema | None = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    media: str = "application/json"


_ROOM_PAGING: Final[Mapping[str, Schema]] = {
    "start_id": {**_SERIAL, "description": "The serial to begin at, inclusive."},
    "end_id": {**_SERIAL, "description": "The serial to end before."},
    "page_size": {**_PAGE_SIZE, "description": "More than 1000 is cut to 1000."},
}

#: What is described, by template and method, as in `Routes`.
OPERATIONS: Final[Mapping[str, Mapping[str, Operation]]] = {
    "/rooms": {
        "GET": Operation(
            summary="A page of the application's rooms, ended ones included",
            answer=ref("RoomPage"),
            query=_ROOM_PAGING,
            problems=(400,),
        ),
        "POST": Operation(
            summary="Make a room",
            success=201,
            answer=ref("Room"),
            body=ref("RoomDraft"),
            problems=(400, 403),
        ),
    },
    "/rooms/{room_id}": {
        "GET": Operation(summary="One room", answer=ref("Room"), problems=(404,)),
        "PATCH": Operation(
            summary="Change a long_term room; nested objects are merged",
            answer=ref("Room"),
            body=ref("RoomUpdate"),
            problems=(400, 404),
        ),
        "DELETE": Operation(
            summary="Delete a room; 404 always, where the server does as the final v1 API",
            success=204,
            query={"force": {**_FORCE, "description": "Also while somebody is inside."}},
            problems=(400, 404, 409),
        ),
    },
    "/rooms/{room_id}/host_url": {
        "POST": Operation(
            summary="Make all host links of a room worthless, and see out whoever came by one; "
            "an extension of this server. 404 always, where it does as the final v1 API",
            answer=ref("Room"),
            problems=(404,),
        ),
    },
    "/sessions": {
        "GET": Operation(
            summary="A page of sessions, oldest first",
            answer=ref("SessionPage"),
            query={
                "from": {**_MOMENT, "description": "Those that still ran then, or later."},
                "to": {**_MOMENT, "description": "Those that had begun by then."},
                "recorded": {**_FORCE},
                "offset": {"type": "integer", "minimum": 0, "default": 0},
                "page_size": {**_PAGE_SIZE, "description": "More than 1000 is cut to 1000."},
                "room_id": {
                    "type": "string",
                    "maxLength": 100,
                    "description": "Of one room; an extension of this server.",
                },
            },
            problems=(400,),
        )
    },
    "/sessions/{session_id}/recordings": {
        "GET": Operation(
            summary="The recordings of a session, oldest first",
            answer=ref("SessionRecordings"),
            problems=(404,),
        )
    },
    "/recordings/{recording_id}": {
        "GET": Operation(
            summary="One recording, with a new link", answer=ref("Recording"), problems=(404,)
        ),
        "DELETE": Operation(
            summary="Delete an uploaded recording and its content",
            success=204,
            problems=(403, 404),
        ),
    },
    "/dial-in-numbers": {
        "GET": Operation(
            summary="Telephone numbers; callers enter the meeting_code",
            answer=ref("DialInNumbers"),
        )
    },
    "/themes": {
        "GET": Operation(summary="The application's themes", answer=ref("Themes")),
        "POST": Operation(
            summary="Make a theme",
            success=201,
            answer=ref("Theme"),
            body=ref("ThemeDraft"),
            problems=(400, 403, 409),
        ),
    },
    "/themes/{theme_id}": {
        "GET": Operation(summary="One theme", answer=ref("Theme"), problems=(404,)),
        "PATCH": Operation(
            summary="Change a theme",
            answer=ref("Theme"),
            body=ref("ThemeUpdate"),
            problems=(400, 404, 409),
        ),
        "DELETE": Operation(
            summary="Delete a theme",
            success=204,
            query={"force": {**_FORCE, "description": "Also while it is in use."}},
            problems=(400, 404),
        ),
    },
    "/themes/{theme_id}/rooms": {
        "GET": Operation(
            summary="A page of the rooms that have a theme",
            answer=ref("RoomPage"),
            query=_ROOM_PAGING,
            problems=(400, 404),
        )
    },
    "/themes/logos-upload-urls": {
        "GET": Operation(
            summary="Where logos are uploaded to, one place a kind", answer=ref("LogoUploads")
        )
    },
    "/themes/{theme_id}/finalizeLogos": {
        "PUT": Operation(
            summary="Give a theme logos that were uploaded",
            answer={"const": "OK"},
            body=ref("LogoKeys"),
            problems=(400, 404),
            media="text/plain",
        )
    },
    "/applications": {
        "PATCH": Operation(
            summary="Set which theme new rooms take",
            answer=ref("Application"),
            body=ref("ApplicationUpdate"),
            problems=(400,),
        )
    },
}

_DOWNLOAD: Final = f"{DOWNLOAD_PATH}{{application_id}}/{{recording_id}}/{DOWNLOAD_FILE}"
_NAME: Final[Schema] = {"type": "string", "pattern": "^[0-9A-Za-z_~-]{1,100}$"}


def description(external_url: str, methods: Mapping[str, tuple[str, ...]]) -> Json:
    """The document, of a server that people's programs reach at that URL.

    Args:
        external_url: without a slash at the end.
        methods: what is routed, as `Table.methods` tells it.

    Raises:
        ValueError: something is routed that nobody has described.
    """
    for template, found in methods.items():
        missing = set(found) - set(OPERATIONS.get(template, {}))
        if missing:
            message = f"{min(missing)} {template} is routed, and not described"
            raise ValueError(message)
    base = external_url.rstrip("/")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Meetings API",
            "version": "1",
            "description": (
                "Rooms, sessions, recordings and themes. Also under /beta/meetings and /meetings, "
                "and with a slash at the end. Unknown keys of a body are ignored."
            ),
        },
        "servers": [{"url": f"{base}{API_PATH}"}],
        "security": [{"application": []}],
        "paths": {
            **{
                template: _path(template, {one: OPERATIONS[template][one] for one in found})
                for template, found in methods.items()
            },
            _DOWNLOAD: _download(base),
        },
        "webhooks": {kind: _webhook(kind, events) for kind, events in EVENTS.items()},
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "application": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": (
                        "RS256, signed by the application: application_id, iat, jti, and an exp "
                        "at most a day after iat; without it a token holds for 15 minutes."
                    ),
                }
            },
        },
    }


def _path(template: str, operations: Mapping[str, Operation]) -> Json:
    names = [part[1:-1] for part in template.split("/") if part.startswith("{")]
    found: dict[str, object] = {
        method.lower(): _operation(f"{method} {template}", one)
        for method, one in operations.items()
    }
    return {"parameters": [_parameter(name, "path", _NAME) for name in names], **found}


def _operation(name: str, operation: Operation) -> Json:
    answers: dict[str, object] = {str(operation.success): _answer(operation)}
    answers["401"] = _content("Nobody has signed this, or not credibly.", ref("Unauthorized"))
    for status in sorted({*operation.problems, *_ALWAYS}):
        answers[str(status)] = _content(_PROBLEMS[status], ref("Problem"))
    found: dict[str, object] = {
        "operationId": _identity(name),
        "summary": operation.summary,
        "parameters": [
            _parameter(name, "query", schema) for name, schema in operation.query.items()
        ],
        "responses": dict(sorted(answers.items())),
    }
    if operation.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": operation.body}},
        }
    return found


def _answer(operation: Operation) -> Json:
    if operation.answer is None:
        return {"description": "Done."}
    return _content("As asked.", operation.answer, operation.media)


def _content(text: str, schema: Schema, media: str = "application/json") -> Json:
    return {"description": text, "content": {media: {"schema": schema}}}


def _parameter(name: str, place: str, schema: Schema) -> Json:
    found = {"name": name, "in": place, "schema": schema}
    return {**found, "required": True} if place == "path" else found


def _identity(name: str) -> str:
    words = name.replace("{", " ").replace("}", " ").replace("/", " ").replace("-", " ").split()
    return words[0].lower() + "".join(word.capitalize() for word in words[1:])


def _download(base: str) -> Json:
    """Not under the API's base, and without credentials: the link itself is one."""
    video = {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}
    answers: dict[str, object] = {
        "200": {"description": "The content.", "content": video},
        "206": {"description": "The range that was asked for.", "content": video},
    }
    for status in (403, 404, 405, 413, 416, 500, 503):
        answers[str(status)] = _content(_PROBLEMS[status], ref("Problem"))
    return {
        "servers": [{"url": base}],
        "parameters": [
            _parameter("application_id", "path", _NAME),
            _parameter("recording_id", "path", _NAME),
            _parameter("Expires", "query", {"type": "string"}),
            _parameter("Signature", "query", {"type": "string"}),
            _parameter("Range", "header", {"type": "string"}),
            _parameter("If-Range", "header", {"type": "string"}),
        ],
        "get": {
            "operationId": "downloadRecording",
            "summary": "The content of a recording, by a link that was told and has not expired",
            "security": [],
            "responses": answers,
        },
    }


def _webhook(kind: str, events: tuple[Schema, ...]) -> Json:
    return {
        "post": {
            "summary": f"Events that go to the {kind} callback URL",
            "security": [],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"oneOf": list(events)}}},
            },
            "responses": {
                "2XX": {"description": "Taken. Anything else, and the event comes again."}
            },
        }
    }
