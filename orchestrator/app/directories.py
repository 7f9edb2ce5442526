"""The directories of one installation: its secrets, its reach and its time-out put together."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.adapters.directories.fetching import (
    Bounds,
    HeldSecret,
    HttpDirectories,
    SecretUnreadableError,
)
from orchestrator.config.secrets import SecretFault, SecretSource
from orchestrator.config.settings import DirectorySettings
from orchestrator.domain.directories import SecretUse
from orchestrator.foundation.secret import Secret
from orchestrator.ports.clock import Clock


def directories(settings: DirectorySettings, clock: Clock) -> HttpDirectories:
    """Ask directories as config.yaml allows; the caller closes it."""
    secrets = {
        name: HeldSecret(secret.use, _Reading(secret.value))
        for name, secret in settings.secrets.items()
    }
    return HttpDirectories(secrets, settings.reach, clock, Bounds(total=settings.timeout))


def uses(settings: DirectorySettings) -> Mapping[str, SecretUse]:
    """Where each secret may be sent, by the name that policies use."""
    return {name: secret.use for name, secret in settings.secrets.items()}


class _Reading:
    """Reads one secret where config.yaml says, each time anew."""

    def __init__(self, source: SecretSource) -> None:
        self._source = source

    def __call__(self) -> Secret:
        try:
            return self._source.read()
        except SecretFault as fault:
            raise SecretUnreadableError(str(fault)) from fault
