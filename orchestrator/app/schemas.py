"""The JSON Schemas of what people write and of the audit log, and their files beside it.

Editors find them by the line ``# yaml-language-server: $schema=…`` that every example begins with,
without a network: `schemas/` lies beside config.yaml, in the repository as in an installation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from orchestrator.adapters.audit.schema import audit_schema
from orchestrator.adapters.policies.schema import policy_schema, theme_schema
from orchestrator.config.schema import config_schema

FOLDER: Final = "schemas"
_LINE: Final = "# yaml-language-server: $schema="


class Subject(StrEnum):
    """What there is a schema of."""

    POLICY = "policy"
    THEME = "theme"
    CONFIG = "config"
    AUDIT = "audit"


_SCHEMAS: Final[Mapping[Subject, Callable[[], dict[str, object]]]] = {
    Subject.POLICY: policy_schema,
    Subject.THEME: theme_schema,
    Subject.CONFIG: config_schema,
    Subject.AUDIT: audit_schema,
}


def schema_text(subject: Subject) -> str:
    """A schema as the text of its file."""
    return json.dumps(_SCHEMAS[subject](), indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> None:
    """Write what editors need beside an installation's config, over what an older version wrote.

    Raises:
        OSError: it cannot be written.
    """
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for subject in (Subject.POLICY, Subject.THEME, Subject.CONFIG):
        path = folder / FOLDER / f"{subject}.json"
        path.write_text(schema_text(subject), encoding="utf-8")


def editor_line(subject: Subject, way: str = "") -> str:
    """The comment by which an editor finds a schema.

    Args:
        subject: of the file that begins with this line.
        way: from that file's folder to the config's, as `../`.
    """
    return f"{_LINE}{way}{FOLDER}/{subject}.json\n"
