"""What can go wrong with the store, in one sentence that says how to mend it.

Translates every failure of the database and of the codec, in one place; nothing else leaves the
store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from orchestrator.foundation.sqlite import (
    DatabaseCorrupt,
    DatabaseFault,
    DatabaseFull,
    DatabaseGone,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseUnusable,
)
from orchestrator.ports.store import StoreFault, StoreTakenError

_REBUILD: Final = (
    "look what can be made anew from the API and the audit log (this file is kept):  "
    "room-orchestrator state rebuild --dry-run"
)
# The others say in their own words what to do.
_MEND: Final[Mapping[type[DatabaseFault], str]] = {
    DatabaseFull: "make room on its disk, then it goes on by itself",
    DatabaseReadOnly: (
        "let the daemon's user write the file and its folder, and look whether the disk is "
        "mounted read-only"
    ),
    DatabaseCorrupt: f"stop the daemon, then {_REBUILD}",
    DatabaseGone: "put it back, or restart the daemon to go on with what is there now",
    DatabaseUnusable: "look at its disk, and at the rights of the file and of its folder",
}


@contextmanager
def store_faults(path: str) -> Iterator[None]:
    """Let nothing but `StoreFault` out.

    Raises:
        StoreTakenError: another opener holds the file; the text names it.
        StoreFault: everything else.
    """
    try:
        yield
    except DatabaseLocked as error:
        raise StoreTakenError(str(error)) from error
    except DatabaseFault as error:
        mend = _MEND.get(type(error))
        raise StoreFault(f"{error}; {mend}" if mend else str(error)) from error
    except sqlite3.Error as error:
        raise StoreFault(f"{path}: {error}") from error
    except ValueError as error:  # of the codec; or text that has no UTF-8
        message = f"{path}: a value cannot be recorded or read back: {error}; {_REBUILD}"
        raise StoreFault(message) from error
