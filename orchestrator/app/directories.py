"""The directories of one installation: its secrets, its reach and its time-out put together."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.adapters.directories.fetching import (
    Bounds,
    HeldSecret,
    HttpDirectories,
)
from orchestrator.config.settings import DirectorySettings
from orchestrator.domain.directories import SecretUse
from orchestrator.ports.clock import Clock


def directories(settings: DirectorySettings, clock: Clock) -> HttpDirectories:
    """Ask directories as config.yaml allows; the caller closes it."""
    secrets = {
        name: HeldSecret(secret.use, secret.value.read) for name, secret in settings.secrets.items()
    }
    return HttpDirectories(secrets, settings.reach, clock, Bounds(total=settings.timeout))


def uses(settings: DirectorySettings) -> Mapping[str, SecretUse]:
    """Where each secret may be sent, by the name that policies use."""
    return {name: secret.use for name, secret in settings.secrets.items()}
