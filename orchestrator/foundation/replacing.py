"""Files that are replaced as a whole: a reader sees the old one or the new one, never half of one.

It refuses to write through a link that somebody else put at the draft's place.
"""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Put ``content`` at ``path``, durably; ``mode`` holds whatever the umask says.

    A symbolic link at ``path`` is followed: the file that it leads to is replaced, the link stays.

    Raises:
        OSError: it could not be written; what was there stands.
    """
    path = path.resolve()
    # One fixed name: what a kill leaves behind is used up by the next writing.
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    # O_EXCL: where others may write too, nobody can put a link there and have us write its target.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: or a power cut could bring an old one back.

    Raises:
        OSError: it could not be opened or synced.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
