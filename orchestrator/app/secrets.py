"""The secrets that a config names: whether they can be used, and whether a file has changed.

What stands in a file may be replaced while the daemon runs; a reload notices.  Kept is a digest,
never the secret.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from orchestrator.adapters.audit.signing import InvalidSigningKeyError, SigningKey
from orchestrator.adapters.meetings.token import UnusableKeyError, read_key
from orchestrator.app.build import StartError
from orchestrator.app.insight import read_access
from orchestrator.app.links import read_scheme
from orchestrator.app.looking import read_page_access
from orchestrator.app.sources import read_sources
from orchestrator.app.web import read_lock
from orchestrator.config import SecretFault, Settings
from orchestrator.config.secrets import SecretKind, SecretSource
from orchestrator.config.settings import RemoteMeetings


def secrets_of(value: object) -> Iterator[SecretSource]:
    """Every secret that settings name, however deep."""
    if isinstance(value, SecretSource):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from secrets_of(getattr(value, each.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_of(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from secrets_of(item)


def digests(settings: Settings) -> dict[str, str]:
    """What the secret files hold now, by path, as SHA-256; empty for one that cannot be read."""
    found: dict[str, str] = {}
    for source in secrets_of(settings):
        if source.kind is SecretKind.FILE:
            try:
                text = source.read().reveal()
            except SecretFault:
                found[source.name] = ""
            else:
                found[source.name] = hashlib.sha256(text.encode()).hexdigest()
    return found


def unusable(settings: Settings) -> tuple[str, ...]:
    """Why a start with these settings would fail at a secret: one sentence each."""
    problems: list[str] = []
    for source in secrets_of(settings):
        try:
            source.read()
        except SecretFault as fault:
            problems.append(str(fault))
    if problems:
        return tuple(problems)
    for read in (read_lock, read_scheme, read_sources, read_access, read_page_access):
        try:
            read(settings)
        except StartError as fault:
            problems.append(str(fault))
    if isinstance(settings.meetings, RemoteMeetings):
        source = settings.meetings.private_key
        try:
            read_key(source.read())
        except UnusableKeyError as fault:
            problems.append(f"{source.place}: {fault}")
    if settings.audit.signing_key is not None:
        source = settings.audit.signing_key
        try:
            SigningKey.from_pem(source.read())
        except InvalidSigningKeyError as fault:
            problems.append(f"{source.place}: {fault}")
    return tuple(problems)
