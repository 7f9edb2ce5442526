"""The table of pictures that are no theme's yet."""

import sqlite3
from datetime import datetime

from orchestrator.foundation.instants import from_milliseconds, to_milliseconds
from orchestrator.meetings_server.model.logos import LogoType, Upload
from orchestrator.meetings_server.storage.columns import moment


class UploadTable:
    """`UploadRecords` in one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Only as long as the transaction."""
        self._connection = connection

    def get(self, key: str) -> Upload | None:
        row = self._connection.execute("SELECT * FROM logo_upload WHERE key = ?", (key,)).fetchone()
        return None if row is None else _upload_of(row)

    def count(self, application_id: str) -> int:
        query = "SELECT count(*) FROM logo_upload WHERE application_id = ?"
        return int(self._connection.execute(query, (application_id,)).fetchone()[0])

    def put(self, upload: Upload) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO logo_upload (key, application_id, type, expires_at) "
            "VALUES (?, ?, ?, ?)",
            (
                upload.key,
                upload.application_id,
                upload.type.value,
                to_milliseconds(upload.expires_at),
            ),
        )

    def remove(self, key: str) -> None:
        self._connection.execute("DELETE FROM logo_upload WHERE key = ?", (key,))

    def expired(self, now: datetime) -> tuple[Upload, ...]:
        rows = self._connection.execute(
            "SELECT * FROM logo_upload WHERE expires_at <= ? ORDER BY expires_at",
            (to_milliseconds(now),),
        )
        return tuple(_upload_of(row) for row in rows)

    def next_expiry(self) -> datetime | None:
        query = "SELECT min(expires_at) FROM logo_upload"
        return moment(self._connection.execute(query).fetchone()[0])

    def keys(self) -> frozenset[str]:
        return frozenset(
            row[0]
            for row in self._connection.execute(
                "SELECT key FROM logo_upload "
                "UNION SELECT brand_image_colored FROM theme "
                "UNION SELECT brand_image_white FROM theme "
                "UNION SELECT branded_favicon FROM theme"
            )
            if row[0] is not None
        )


def _upload_of(row: sqlite3.Row) -> Upload:
    return Upload(
        key=row["key"],
        application_id=row["application_id"],
        type=LogoType(row["type"]),
        expires_at=from_milliseconds(row["expires_at"]),
    )
