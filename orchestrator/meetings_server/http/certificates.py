"""TLS from certificate files, read anew when they change.

Looked at in each handshake, so that whoever renews a certificate only puts files in their places:
no signal, no clock, no thread. Files that cannot be used, or of which one is new and the other not
yet, change nothing: what was served before is served on, and that is reported once.
"""

import ssl
from pathlib import Path
from typing import Final

from orchestrator.meetings_server.ports import Report
from orchestrator.meetings_server.settings import TlsFiles

_State = tuple[tuple[int, int, int] | None, ...]

_MISMATCH: Final = "KEY_VALUES_MISMATCH"


class Certificates:
    """What a listener shows to those who connect."""

    def __init__(self, files: TlsFiles, report: Report) -> None:
        """Read the files.

        Raises:
            ValueError: they cannot be used; the text says which file, what and how to mend it.
        """
        self._files = files
        self._report = report
        self._state = _state(files)
        self._context = tls_context(files)
        # The one that listens stays; each handshake goes on with the newest.
        self._listening = tls_context(files)
        self._listening.sni_callback = self._chosen

    @property
    def listening(self) -> ssl.SSLContext:
        """For a server's socket."""
        return self._listening

    def _chosen(self, connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        self._refresh()
        connection.context = self._context

    def _refresh(self) -> None:
        state = _state(self._files)
        if state == self._state:
            return
        # Kept also where they cannot be used: they are looked at again when they change again.
        self._state = state
        try:
            self._context = tls_context(self._files)
        except ValueError as error:
            self._report(
                "certificate.refused", {"error": f"{error}; the certificate of before stays"}
            )


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """What a server needs to show a certificate.

    Raises:
        ValueError: the files cannot be used; the text says which, what and how to mend it.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    key = files.key or files.certificate
    try:
        context.load_cert_chain(files.certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == _MISMATCH:
            message = (
                f"{key}: it is not the key of the certificate in {files.certificate}; "
                "put both of one pair there"
            )
        elif files.key is None:
            message = (
                f"{files.certificate}: it is no certificate with its private key; write both in PEM"
            )
        else:
            message = (
                f"{files.certificate}: it is no certificate, or {key} no private key; "
                "write both in PEM"
            )
        raise ValueError(message) from error
    except _LockedError as error:
        message = f"{key}: the key has a password; write it without one, readable to its user only"
        raise ValueError(message) from error
    except OSError as error:
        message = (
            f"{_unreadable(files)}: {error.strerror}; put the file there, readable to this user"
        )
        raise ValueError(message) from error
    return context


class _LockedError(Exception):
    """A password was asked for; without this OpenSSL would ask at the terminal."""


def _no_password() -> str:
    raise _LockedError


def _unreadable(files: TlsFiles) -> Path:
    """The file that an error without a name was about."""
    try:
        files.certificate.read_bytes()
    except OSError:
        return files.certificate
    return files.key or files.certificate


def _state(files: TlsFiles) -> _State:
    """What changes when a file does."""
    return tuple(_stamp(path) for path in (files.certificate, files.key) if path is not None)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
