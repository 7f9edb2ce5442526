"""Where what a config file names is to be found: paths made absolute, secrets located."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.fields import SecretForm
from orchestrator.config.secrets import SecretKind, SecretSource
from orchestrator.foundation.documents import Document


@dataclass(frozen=True, slots=True)
class Source:
    """The file that settings are made of.

    Attributes:
        file: absolute; paths in it are relative to its folder.
    """

    file: Path
    document: Document

    def path(self, text: str) -> Path:
        """A path of the file, absolute."""
        return self.file.parent / text

    def secret(self, form: SecretForm, *steps: str | int) -> SecretSource:
        """Where a secret is to be found; the form names exactly one place."""
        place = self.document.place(steps)
        if form.file is not None:
            return SecretSource(SecretKind.FILE, str(self.path(form.file)), place)
        if form.credential is not None:
            return SecretSource(SecretKind.CREDENTIAL, form.credential, place)
        return SecretSource(SecretKind.ENV, form.env or "", place)
