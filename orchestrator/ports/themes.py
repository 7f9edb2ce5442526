"""Port: the themes of one application at one Meetings API.

As with rooms, every method raises a fault of `orchestrator.ports.faults` and nothing else; calls
that change nothing may be repeated inside the adapter for some seconds, the others are sent once,
and all share the rate limit of the application's rooms.  ``theme_name`` is unique within an
application, so a call whose answer was lost is resolved by `list_themes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from orchestrator.domain.themes import Fields, LogoType, Theme


class Themes(Protocol):
    """The themes of one application; the API notes, section 8."""

    async def list_themes(self) -> Sequence[Theme]:
        """All themes, in the API's order; there are no pages.

        Raises:
            UnavailableError: the list could not be had or read; part of one is never returned.
        """
        ...

    async def get_theme(self, theme_id: str) -> Theme:
        """Read one theme.

        Raises:
            MissingError: the API answers 404.
        """
        ...

    async def create_theme(self, fields: Fields) -> Theme:
        """POST a theme, once.

        Raises:
            ForbiddenError: with status 409 where its name or company URL is taken, with 403 where
                there may be no more themes.
            UnansweredError: nobody knows whether it was made.
        """
        ...

    async def update_theme(self, theme_id: str, fields: Fields) -> Theme:
        """PATCH these fields, at least one, once, and return what the API says of it now."""
        ...

    async def upload_logos(self, theme_id: str, logos: Mapping[LogoType, bytes]) -> None:
        """Give a theme these pictures, at least one; the others stay.

        Places to upload to are asked for, each picture is sent to its own without our credentials,
        and the API is told to take them.  Doing it again from the beginning is harmless.

        Raises:
            RefusedError: the API does not take a picture; it says why.
            MissingError: there is no such theme.
        """
        ...

    async def set_default_theme(self, theme_id: str) -> None:
        """Make a theme that of all rooms that are made from now on without one; once.

        The API cannot be asked which it is, and cannot be told that there is none any more.
        """
        ...

    async def delete_theme(self, theme_id: str, *, force: bool = False) -> None:
        """DELETE a theme, once; with ``force`` also while rooms use it, which lose it.

        Raises:
            RefusedError: rooms use it, or it is the application's default.
            MissingError: there is no such theme.
        """
        ...
