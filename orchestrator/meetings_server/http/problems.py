"""Errors on the wire: families A and B of the API notes, section 10."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, assert_never

from orchestrator.meetings_server.http.wire import Answer, Json, json_answer
from orchestrator.meetings_server.model.refusals import Reason, Refused


class Unauthenticated(Exception):
    """The request does not say who it comes from, or not credibly (family B)."""

    def __init__(self, title: str, detail: str) -> None:
        super().__init__(detail)
        self.title = title
        self.detail = detail


class WrongMethod(Exception):
    """The path exists, but not for this method."""

    def __init__(self, allowed: Iterable[str]) -> None:
        super().__init__()
        self.allowed = tuple(sorted(allowed))


NO_CREDENTIALS: Final = ("Missing Auth", "Auth header is required")
BAD_CREDENTIALS: Final = ("Unauthorized", "You did not provide correct credentials")


def refusal_answer(refused: Refused) -> Answer:
    """Family A."""
    return _family_a(
        _status(refused.reason), refused.reason.value, refused.message, errors=refused.errors
    )


def unauthenticated_answer(problem: Unauthenticated) -> Answer:
    """Family B."""
    body = {"title": problem.title, "detail": problem.detail}
    return json_answer(401, body, {"WWW-Authenticate": "Bearer"})


def wrong_method_answer(problem: WrongMethod) -> Answer:
    """405 with the methods that there are."""
    allow = ", ".join(problem.allowed)
    return _family_a(405, "MethodNotAllowedError", "Method Not Allowed", allow=allow)


def unexpected_answer() -> Answer:
    """500, which tells nothing of its cause: that is for the operator's log."""
    return _family_a(500, "InternalServerError", "Internal Server Error")


def unavailable_answer() -> Answer:
    """503: nothing can be stored just now."""
    return _family_a(503, "ServiceUnavailableError", "Service Unavailable")


def unsatisfiable_answer(size: int) -> Answer:
    """416: none of the bytes that are asked for exist (RFC 9110, 14.4 and 15.5.17)."""
    body = {"message": "Range Not Satisfiable", "name": "RangeNotSatisfiableError", "status": 416}
    return json_answer(416, body, {"Content-Range": f"bytes */{size}"})


def _family_a(
    status: int,
    name: str,
    message: str,
    *,
    errors: Sequence[str | Mapping[str, str]] = (),
    allow: str | None = None,
) -> Answer:
    body: Json = {
        "message": message,
        "name": name,
        # Left out where there is but the message.
        **({"errors": list(errors)} if errors else {}),
        "status": status,
    }
    return json_answer(status, body, {} if allow is None else {"Allow": allow})


def _status(reason: Reason) -> int:
    match reason:
        case Reason.INVALID_INPUT | Reason.BAD_REQUEST:
            return 400
        case Reason.FORBIDDEN:
            return 403
        case Reason.NOT_FOUND:
            return 404
        case Reason.CONFLICT:
            return 409
        case Reason.TOO_LARGE:
            return 413
    assert_never(reason)
