"""Which theme a room takes, inside the transaction that makes or changes it."""

from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.themes import Keep, Theme, no_theme, theme_missing
from orchestrator.meetings_server.ports import Records


def own_theme(records: Records, application_id: str, theme_id: str) -> Theme | None:
    """A theme that the application has."""
    theme = records.themes.get(theme_id)
    return theme if theme is not None and theme.application_id == application_id else None


def needed_theme(records: Records, application_id: str, theme_id: str) -> Theme:
    """A theme that is asked for itself.

    Raises:
        Refused: the application has no such theme.
    """
    theme = own_theme(records, application_id, theme_id)
    if theme is None:
        raise no_theme(theme_id)
    return theme


def dressed(records: Records, room: Room, wanted: str | Keep | None, doing: str) -> Room:
    """The room with the theme that is wanted; None: with none.

    Raises:
        Refused: the room's application has no such theme; `doing` says what was to be done.
    """
    if wanted is Keep.AS_IS:
        return room
    if wanted is None:
        return room.themed(None)
    theme = own_theme(records, room.application_id, wanted)
    if theme is None:
        raise theme_missing(doing, wanted)
    return room.themed(theme)
