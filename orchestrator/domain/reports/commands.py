"""Commands: who says something, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """What a person's command did, in sentences."""

    message: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Who gives a command, and why: the socket's peer, never what a client says of itself."""

    actor: str
    reason: str = ""
