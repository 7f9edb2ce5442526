"""The JSON Schemas of a policy file and of a theme file, made of the forms that read them."""

from __future__ import annotations

from orchestrator.adapters.policies.models import PolicyForm
from orchestrator.adapters.policies.themes import ThemeForm
from orchestrator.foundation.schemas import schema_of


def policy_schema() -> dict[str, object]:
    """What editors check and complete a policy by."""
    return schema_of(PolicyForm, "policy", "A policy of Room Orchestrator")


def theme_schema() -> dict[str, object]:
    """What editors check and complete a theme by."""
    return schema_of(ThemeForm, "theme", "A theme of Room Orchestrator")
