"""The JSON Schema of a policy file, made of the forms that read it."""

from __future__ import annotations

from orchestrator.adapters.policies.models import PolicyForm
from orchestrator.foundation.schemas import schema_of


def policy_schema() -> dict[str, object]:
    """What editors check and complete a policy by."""
    return schema_of(PolicyForm, "policy", "A policy of Room Orchestrator")
