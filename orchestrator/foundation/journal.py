"""systemd's journal in its own protocol: an entry is a datagram of named fields.

What stands in a field can be asked for (``journalctl KEY=team-rooms/checkout``); a line on standard
error has no fields.  The protocol is a few lines of documented text
(https://systemd.io/JOURNAL_NATIVE_PROTOCOL), so no library.  It knows nothing of secrets: whoever
sends has masked them.  It refuses nothing and raises nothing: what does not get through is for the
caller to say elsewhere.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import Final

ADDRESS: Final = "/run/systemd/journal/socket"
_PATIENCE: Final = 1.0  # seconds that a journal which is busy may hold us up

# systemd.journal-fields(7); a leading underscore is the journal's own.
_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
# Fields that mean something to the journal: no word of ours may take their place.
_TAKEN: Final = re.compile(
    r"MESSAGE|MESSAGE_ID|PRIORITY|ERRNO|INVOCATION_ID|USER_INVOCATION_ID|DOCUMENTATION|TID|UNIT"
    r"|USER_UNIT|CODE_.*|SYSLOG_.*|OBJECT_.*|COREDUMP_.*"
)


def field_name(name: str) -> str | None:
    """The journal's name for a field of ours: in capitals; None where it can have none."""
    told = name.upper()
    return told if _NAME.fullmatch(told) and not _TAKEN.fullmatch(told) else None


def datagram(fields: Mapping[str, str]) -> bytes:
    """An entry as the journal reads it.

    Args:
        fields: by the journal's own names; a text may have several lines.
    """
    return b"".join(_field(name.encode("ascii"), _utf8(text)) for name, text in fields.items())


class Journal:
    """The journal of this machine.

    Args:
        address: where it listens, unless a test has another.
    """

    def __init__(self, address: str = ADDRESS) -> None:
        self._address = address

    def send(self, fields: Mapping[str, str]) -> bool:
        """Send an entry; False where it was not taken: nobody is there, or it is too long."""
        # One for each entry: an open descriptor would have to be kept over every life.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(_PATIENCE)
            try:
                sender.sendto(datagram(fields), self._address)
            except OSError:
                return False
        return True


def _field(name: bytes, text: bytes) -> bytes:
    if b"\n" not in text:
        return name + b"=" + text + b"\n"
    return name + b"\n" + len(text).to_bytes(8, "little") + text + b"\n"


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
