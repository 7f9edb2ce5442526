"""The audit log of one installation, for those who read it: where it is, what it is checked by.

Reading needs no daemon and disturbs none: the files are opened read-only, and the store's memory of
the log's end is read beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.adapters.audit.lines import Entry
from orchestrator.adapters.audit.reading import LogMovedError, Progress
from orchestrator.adapters.audit.search import (
    ExportFormat,
    Search,
    Shown,
    Wanted,
    export,
    show,
)
from orchestrator.adapters.audit.signing import (
    InvalidSigningKeyError,
    SigningKey,
    VerifyingKey,
)
from orchestrator.adapters.audit.tail import follow, last_entries
from orchestrator.adapters.audit.verify import (
    Against,
    Anchoring,
    Coverage,
    Finding,
    Signing,
    VerifyReport,
    verify,
)
from orchestrator.adapters.store.peek import peek
from orchestrator.app.seam import read_head
from orchestrator.config import SecretFault, Settings
from orchestrator.engine.outbox import AUDIT_HEAD
from orchestrator.ports.audit import Head
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import StoreFault


@dataclass(frozen=True, slots=True)
class Checked:
    """What a log can be checked against here.

    Attributes:
        missing: what could not be had, each a sentence; the check goes without it.
    """

    against: Against
    missing: tuple[str, ...] = ()


def checked_by(
    settings: Settings, public_keys: tuple[Path, ...] = (), *, from_the_first: bool = True
) -> Checked:
    """Find what the log is checked against: the store's memory of its end, and the keys.

    Args:
        settings: of the installation.
        public_keys: files of public keys (PEM); none: the configured signing key's public half.
        from_the_first: False where old files were removed on purpose.

    Raises:
        DeskError: a named key file cannot be used.
    """
    missing: list[str] = []
    anchor: Head | None = None
    try:
        note = peek(settings.store, AUDIT_HEAD)
    except StoreFault as fault:
        missing.append(f"not checked against the store: {fault}")
    else:
        anchor = None if note is None else read_head(note)
        if anchor is None:
            missing.append(f"not checked against the store: {settings.store} remembers no log")
    keys = tuple(_public_key(path) for path in public_keys)
    if not keys and settings.audit.signing_key is not None:
        try:
            keys = (SigningKey.from_pem(settings.audit.signing_key.read()).public,)
        except (SecretFault, InvalidSigningKeyError) as fault:
            missing.append(f"signatures not checked: {fault}")
    return Checked(Against(anchor, keys, from_the_first=from_the_first), tuple(missing))


def _public_key(path: Path) -> VerifyingKey:
    try:
        return VerifyingKey.from_pem(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        message = f"{path} cannot be used: {getattr(error, 'strerror', None) or error}"
        raise DeskError(message, 2) from error


__all__ = [
    "Anchoring",
    "Checked",
    "Coverage",
    "Entry",
    "ExportFormat",
    "Finding",
    "LogMovedError",
    "Progress",
    "Search",
    "Shown",
    "Signing",
    "VerifyReport",
    "Wanted",
    "checked_by",
    "export",
    "follow",
    "last_entries",
    "show",
    "verify",
]
