"""Where a secret is to be found: a file, a credential of systemd, or the environment.

Read when it is needed and not before, so that ``validate`` and ``status`` need no secret, and so
that a file may be replaced while the daemon runs.  A credential does not change during a service's
life.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, assert_never

from orchestrator.foundation.problems import Place, Problem
from orchestrator.foundation.secret import Secret, SecretFault

SECRET_MAX: Final = 64 * 1024  # bytes; a key in PEM has four thousand
_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"


class SecretKind(StrEnum):
    """The three places that a secret may be kept in."""

    FILE = "file"
    CREDENTIAL = "credential"
    ENV = "env"


@dataclass(frozen=True, slots=True)
class SecretSource:
    """One secret's whereabouts.

    Attributes:
        kind: what `name` is the name of.
        name: an absolute path, a credential of systemd, or a variable of the environment.
        place: where config.yaml says so.
    """

    kind: SecretKind
    name: str
    place: Place

    def read(self, environ: Mapping[str, str] | None = None) -> Secret:
        """Read the secret now; a newline at its end does not belong to it.

        Args:
            environ: the process's environment, unless a test has another.

        Raises:
            SecretFault: it is not there, empty, or no text.
        """
        variables = os.environ if environ is None else environ
        match self.kind:
            case SecretKind.ENV:
                if self.name not in variables:
                    raise self._fault(f"the environment has no {self.name}; set it")
                text = variables[self.name]
            case SecretKind.CREDENTIAL:
                text = self._text(self._credential(variables))
            case SecretKind.FILE:
                text = self._text(Path(self.name))
            case _:
                assert_never(self.kind)
        text = text.rstrip("\r\n")
        if not text:
            raise self._fault(f"the secret in {self.kind} {self.name} is empty")
        return Secret(text)

    def warning(self) -> Problem | None:
        """Tell of a file that others may read; None where all is well or nothing is there."""
        if self.kind is not SecretKind.FILE:
            return None
        try:
            mode = stat.S_IMODE(Path(self.name).stat().st_mode)
        except OSError:
            return None
        if not mode & stat.S_IROTH:
            return None
        message = f"{self.name} can be read by everybody on this machine; chmod 600 {self.name}"
        return Problem(self.place, message)

    def _credential(self, variables: Mapping[str, str]) -> Path:
        folder = variables.get(_CREDENTIALS)
        if not folder:
            raise self._fault(
                f"there is no credential {self.name}, because systemd started no service here; "
                f"start it with LoadCredential={self.name}:…, or name a file"
            )
        return Path(folder) / self.name

    def _text(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                raw = file.read(SECRET_MAX + 1)
            if len(raw) > SECRET_MAX:
                raise self._fault(f"{path} holds more than {SECRET_MAX} bytes: it is no secret")
            return raw.decode()
        except OSError as error:
            told = f"{path} cannot be read: {error.strerror}"
            if self.kind is SecretKind.CREDENTIAL and isinstance(error, FileNotFoundError):
                told = (
                    f"systemd handed this service no credential {self.name}; put it into "
                    f"/etc/credstore/room-orchestrator.{self.name}, or name its file by "
                    f"LoadCredential={self.name}:… in the unit"
                )
            raise self._fault(told) from error
        except UnicodeDecodeError:
            # Not chained: its text would quote what the file holds.
            raise self._fault(f"{path} is not UTF-8 text") from None

    def _fault(self, message: str) -> SecretFault:
        return SecretFault(Problem(self.place, message))
