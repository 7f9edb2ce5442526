"""Answers that are not what they should be."""

import email.utils
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from orchestrator.meetings_server.http.problems import (
    BAD_CREDENTIALS,
    Unauthenticated,
    refusal_answer,
    unauthenticated_answer,
)
from orchestrator.meetings_server.http.wire import (
    JSON_TYPE,
    Answer,
    Json,
    Part,
    Silence,
    compact,
)
from orchestrator.meetings_server.model.refusals import Refused

_HTML: Final = (
    b"<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_HTML_TYPE: Final = "text/html"
_NAMES: Final[Mapping[int, str]] = {
    429: "TooManyRequestsError",
    500: "InternalServerError",
    502: "BadGatewayError",
    503: "ServiceUnavailableError",
}
# Beyond what any calendar or number of seconds should be; and what is no moment at all.
_ABSURD: Final = (
    "86400",
    "315360000",
    "9" * 40,
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "-1",
    "soon",
    "",
)


def failed(status: int, chance: Random) -> Answer:
    """An error as the API tells it, as a proxy does, or without a word."""
    match chance.randrange(3):
        case 0:
            body = compact({"message": "Try again", "name": _NAMES[status], "status": status})
            return Answer(status, {"Content-Type": JSON_TYPE}, body.encode())
        case 1:
            return Answer(status, {"Content-Type": _HTML_TYPE}, _HTML % (status, status))
        case _:
            return Answer(status, {}, b"")


def too_many(now: datetime, chance: Random, *, absurd: bool) -> Answer:
    """429, with a `Retry-After` in either form."""
    waits = [
        str(chance.randint(0, 5)),
        email.utils.format_datetime(now + timedelta(seconds=chance.randint(-2, 5)), usegmt=True),
    ]
    if absurd and chance.random() < 0.2:
        waits = list(_ABSURD)
    answer = failed(429, chance)
    return replace(answer, headers={**answer.headers, "Retry-After": chance.choice(waits)})


def unauthorized() -> Answer:
    """401, as if the credentials were wrong."""
    return unauthenticated_answer(Unauthenticated(*BAD_CREDENTIALS))


def refused(why: Refused) -> Answer:
    """404, as for what never was, or 403, as for what is not allowed."""
    return refusal_answer(why)


def shortened(answer: Answer, part: Part, chance: Random) -> Answer:
    """Less of a file than its headers say that this is."""
    return replace(answer, part=replace(part, length=chance.randrange(part.length)))


def tagged_otherwise(answer: Answer, chance: Random) -> Answer:
    """The same content, as if it had been stored anew."""
    return replace(answer, headers={**answer.headers, "ETag": f'"{chance.randrange(10**6)}"'})


def cut(answer: Answer, chance: Random) -> Silence:
    """The answer's beginning."""
    if answer.part is not None:
        begun = {**answer.headers, "Content-Length": str(answer.part.length)}
        part = replace(answer.part, length=chance.randrange(answer.part.length))
        return Silence(replace(answer, headers=begun, part=part))
    told = {**answer.headers, "Content-Length": str(len(answer.body))}
    kept = chance.randrange(len(answer.body)) if answer.body else 0
    return Silence(replace(answer, headers=told, body=answer.body[:kept]))


def wrong(answer: Answer, other: Json | None, chance: Random) -> Answer:
    """The same status with another body; `other` is another room, if there is one."""
    bodies: list[tuple[str, bytes]] = [
        (JSON_TYPE, b"{}"),
        (JSON_TYPE, b"[]"),
        (JSON_TYPE, b'{"data":' + (answer.body or b"null") + b"}"),
        (JSON_TYPE, b'{"rooms":[],"status":"ok"}'),
        (_HTML_TYPE, _HTML % (answer.status, answer.status)),
        (JSON_TYPE, b""),
    ]
    if other is not None:
        bodies += [(JSON_TYPE, compact(other).encode())] * 3
    kind, body = chance.choice(bodies)
    headers = {**answer.headers, "Content-Type": kind}
    return replace(answer, headers=headers, body=body, part=None)


def stripped(room: Json, chance: Random) -> Json:
    """The room with its metadata missing, empty or cut."""
    told = room.get("metadata")
    text = told if isinstance(told, str) else ""
    return {**room, "metadata": chance.choice([None, "", text[: len(text) // 2]])}


def dated_wrongly(answer: Answer, now: datetime, chance: Random) -> Answer:
    """The answer with a date that is years away."""
    years = chance.choice([-30, -10, -2, -1, 1, 2, 10, 30])
    moment = now.astimezone(UTC) + timedelta(days=365 * years)
    date = email.utils.format_datetime(moment, usegmt=True)
    return replace(answer, headers={**answer.headers, "Date": date})


def document(answer: Answer) -> dict[str, object]:
    """The object in a body of ours."""
    found: dict[str, object] = json.loads(answer.body)
    return found


def documents(answer: Answer) -> list[Json]:
    """The objects in a body of ours that is a list."""
    found: list[Json] = json.loads(answer.body)
    return found


def with_document(answer: Answer, body: Json | list[Json]) -> Answer:
    """The answer with another object, or list of them, as its body."""
    return replace(answer, body=compact(body).encode())
