"""Port: directories, the services whose answers hold the subjects of policies.

One question is one request; when to ask again is the engine's.  An answer that is doubtful in any
way is a failure and never a body: unknown is not empty (promise P4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from orchestrator.domain.policies import Directory


@dataclass(frozen=True, slots=True)
class Validators:
    """What an answer is recognised by when it is asked for again: its tag, its last change."""

    etag: str = ""
    last_modified: str = ""

    def __bool__(self) -> bool:
        """Whether there is anything to recognise it by."""
        return bool(self.etag or self.last_modified)


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer: the bytes of one JSON text, read through once and found in order."""

    body: bytes
    validators: Validators = Validators()


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The answer is still the one that the validators were of."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer, or one that cannot be believed.

    Attributes:
        reason: one sentence for people; holds no secret and nothing of what the answer held.
        retry_after: how long the directory asks to be left alone.
    """

    reason: str
    retry_after: timedelta | None = None


Fetched = Answered | Unchanged | Failed

# What is known of each directory: the body of its last good answer, or why there is none.
Answers = Mapping[Directory, bytes | str]


class Directories(Protocol):
    """Asks directories."""

    async def fetch(self, directory: Directory, known: Validators) -> Fetched:
        """Ask once, for anything newer than what is known. Never raises: failures are values."""
        ...
