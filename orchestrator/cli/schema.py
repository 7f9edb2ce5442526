"""The JSON Schemas, for editors and programs."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.context import INVALID, invocation
from orchestrator.foundation.problems import did_you_mean
from orchestrator.ports.desk import DeskError

_SCHEMA = """\b
Examples:
  room-orchestrator schema policy > schemas/policy.json
  check-jsonschema --schemafile schemas/policy.json policies/*.yaml

An editor with the YAML language server takes the schema that a file's first line names:
  # yaml-language-server: $schema=../schemas/policy.json
"""


def add_to(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("schema", epilog=_SCHEMA)(_schema)


def _subjects() -> list[str]:
    from orchestrator.app.schemas import Subject

    return [str(subject) for subject in Subject]


def _schema(
    ctx: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="policy|theme|config|audit",
            help="Of a policy, of a theme, of config.yaml, or of a line of the audit log.",
            autocompletion=_subjects,
        ),
    ],
) -> None:
    """Print the JSON Schema that editors check by."""
    from orchestrator.app.schemas import Subject, schema_text

    call = invocation(ctx)
    known = _subjects()
    if subject not in known:
        near = did_you_mean(subject, known) or f"; there is one of {', '.join(known)}"
        raise DeskError(f"there is no schema of {subject!r}{near}", INVALID)
    call.screen.raw(schema_text(Subject(subject)))
