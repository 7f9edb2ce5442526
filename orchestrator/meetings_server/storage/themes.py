"""The tables of themes, and of the one that an application's new rooms take."""

import sqlite3
from typing import Final

from orchestrator.meetings_server.model.themes import Theme

_CHANGING: Final = (
    "theme_name",
    "main_color",
    "brand_text",
    "short_company_url",
    "brand_image_colored",
    "brand_image_white",
    "branded_favicon",
)
_COLUMNS: Final = ("id", "application_id", *_CHANGING)
_ADD: Final = (
    f"INSERT INTO theme ({', '.join(_COLUMNS)}) "  # noqa: S608 - our names
    f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
)
_SAVE: Final = (
    f"UPDATE theme SET {', '.join(f'{name} = :{name}' for name in _CHANGING)} WHERE id = :id"  # noqa: S608
)


class ThemeTable:
    """`ThemeRecords` in one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Only as long as the transaction."""
        self._connection = connection

    def get(self, theme_id: str) -> Theme | None:
        return self._one("SELECT * FROM theme WHERE id = ?", theme_id)

    def all(self, application_id: str) -> tuple[Theme, ...]:
        rows = self._connection.execute(
            "SELECT * FROM theme WHERE application_id = ? ORDER BY serial", (application_id,)
        )
        return tuple(_theme_of(row) for row in rows)

    def count(self, application_id: str) -> int:
        query = "SELECT count(*) FROM theme WHERE application_id = ?"
        return int(self._connection.execute(query, (application_id,)).fetchone()[0])

    def named(self, application_id: str, theme_name: str) -> Theme | None:
        query = "SELECT * FROM theme WHERE application_id = ? AND theme_name = ?"
        return self._one(query, application_id, theme_name)

    def of_company(self, short_company_url: str) -> Theme | None:
        return self._one("SELECT * FROM theme WHERE short_company_url = ?", short_company_url)

    def add(self, theme: Theme) -> None:
        self._connection.execute(_ADD, {name: getattr(theme, name) for name in _COLUMNS})

    def save(self, theme: Theme) -> None:
        self._connection.execute(_SAVE, {name: getattr(theme, name) for name in _COLUMNS})

    def living_rooms(self, theme_id: str) -> int:
        query = (
            "SELECT count(*) FROM room WHERE theme_id = ? AND phase NOT IN ('expired', 'deleted')"
        )
        return int(self._connection.execute(query, (theme_id,)).fetchone()[0])

    def remove(self, theme_id: str, heir: str | None) -> None:
        self._connection.execute(
            "UPDATE room SET theme_id = ? WHERE theme_id = ?", (heir, theme_id)
        )
        self._connection.execute("DELETE FROM theme WHERE id = ?", (theme_id,))

    def default(self, application_id: str) -> str | None:
        query = "SELECT theme_id FROM default_theme WHERE application_id = ?"
        row = self._connection.execute(query, (application_id,)).fetchone()
        return None if row is None else str(row["theme_id"])

    def set_default(self, application_id: str, theme_id: str | None) -> None:
        self._connection.execute(
            "DELETE FROM default_theme WHERE application_id = ?", (application_id,)
        )
        if theme_id is not None:
            self._connection.execute(
                "INSERT INTO default_theme (application_id, theme_id) VALUES (?, ?)",
                (application_id, theme_id),
            )

    def _one(self, query: str, *values: str) -> Theme | None:
        row = self._connection.execute(query, values).fetchone()
        return None if row is None else _theme_of(row)


def _theme_of(row: sqlite3.Row) -> Theme:
    return Theme(**{name: row[name] for name in _COLUMNS})
