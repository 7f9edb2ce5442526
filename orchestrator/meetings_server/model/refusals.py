"""Why something asked for is not done: the application errors of the API notes, section 10."""

from collections.abc import Mapping, Sequence
from enum import Enum


class Reason(Enum):
    """The kinds of refusal; how they look on the wire is not known here."""

    INVALID_INPUT = "InputValidationError"
    BAD_REQUEST = "BadRequestError"
    FORBIDDEN = "ForbiddenError"
    NOT_FOUND = "NotFoundError"
    CONFLICT = "ConflictError"
    TOO_LARGE = "PayloadTooLargeError"


class Refused(Exception):
    """The request is understood and not carried out; nothing has changed.

    Attributes:
        errors: what is wrong one by one, where the API tells that; texts, or objects of texts.
    """

    def __init__(
        self, reason: Reason, message: str, errors: Sequence[str | Mapping[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.errors = tuple(errors)


def not_found(room_id: str) -> Refused:
    """There is no such room, or none that the asker may see."""
    return Refused(Reason.NOT_FOUND, f"Room {room_id} was not found")


def invalid(message: str) -> Refused:
    """A field breaks its rule; `message` names both, as Joi words it."""
    return Refused(Reason.INVALID_INPUT, message)
