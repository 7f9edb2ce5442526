"""The JSON Schema of config.yaml, made of the forms that read it."""

from __future__ import annotations

from orchestrator.config.models import ConfigForm
from orchestrator.foundation.schemas import schema_of


def config_schema() -> dict[str, object]:
    """What editors check and complete config.yaml by."""
    return schema_of(ConfigForm, "config", "The configuration of Room Orchestrator")
