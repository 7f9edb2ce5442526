"""What can be wrong with the file itself, by name.

SQLite's numeric codes are translated here and nowhere else. Errors of the statement (a violated
constraint, a misspelt column) are the caller's own and pass through untranslated.
"""

import sqlite3
from pathlib import Path
from typing import Final


class DatabaseFault(Exception):
    """The database cannot do what was asked, whatever was asked."""


class DatabaseFull(DatabaseFault):
    """No room left: the disk, the quota or the greatest size of the database."""


class DatabaseReadOnly(DatabaseFault):
    """The file, its folder or the whole disk cannot be written."""


class DatabaseCorrupt(DatabaseFault):
    """The file is damaged, or is not a database at all."""


class DatabaseGone(DatabaseFault):
    """The file under the open database was removed or replaced."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: the file was removed or replaced while it was open")


class DatabaseUnusable(DatabaseFault):
    """The file cannot be opened, read, or had in time."""


class DatabaseClosed(DatabaseFault):
    """The database has been closed, or is just being closed."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: the database is closed")


class DatabaseLocked(DatabaseFault):
    """Another process, or another opener in this one, holds the file.

    `holder` is its process id where it could be learnt.
    """

    def __init__(self, path: Path, holder: int | None) -> None:
        who = "another process" if holder is None else f"process {holder}"
        super().__init__(f"{path}: in use by {who}; stop it first, or use another file")
        self.path = path
        self.holder = holder


class DatabaseTooNew(DatabaseFault):
    """The file was written by a newer version of the program than this one."""

    def __init__(self, path: str, *, found: int, known: int) -> None:
        super().__init__(
            f"{path}: written by a newer version (schema {found}, this one knows {known}); "
            "install that version, or restore an older copy of the file"
        )
        self.found = found
        self.known = known


class DatabaseForeign(DatabaseFault):
    """The file belongs to another kind of program."""

    def __init__(self, path: str, *, found: str, wanted: str) -> None:
        super().__init__(f"{path}: holds {found!r}, not {wanted!r}; name another file")


_BY_CODE: Final[dict[int, type[DatabaseFault]]] = {
    sqlite3.SQLITE_FULL: DatabaseFull,
    sqlite3.SQLITE_READONLY: DatabaseReadOnly,
    sqlite3.SQLITE_PERM: DatabaseReadOnly,
    sqlite3.SQLITE_CORRUPT: DatabaseCorrupt,
    sqlite3.SQLITE_NOTADB: DatabaseCorrupt,
    sqlite3.SQLITE_CANTOPEN: DatabaseUnusable,
    sqlite3.SQLITE_IOERR: DatabaseUnusable,
    sqlite3.SQLITE_BUSY: DatabaseUnusable,
    sqlite3.SQLITE_LOCKED: DatabaseUnusable,
    sqlite3.SQLITE_NOMEM: DatabaseUnusable,
    sqlite3.SQLITE_PROTOCOL: DatabaseUnusable,
}
# The low byte of an extended code (SQLITE_IOERR_WRITE and so on) is the plain one.
_PLAIN: Final = 0xFF


def translated(error: Exception, path: str) -> Exception:
    """The fault that an error of SQLite stands for, its cause chained; else the error itself."""
    # Errors that the Python module itself raises carry no code.
    code: int = getattr(error, "sqlite_errorcode", 0)
    kind = _BY_CODE.get(code & _PLAIN)
    if kind is None:
        return error
    fault = kind(f"{path}: {error}")
    fault.__cause__ = error
    return fault
