"""What needs more than one value of config.yaml, and what is lawful and yet unwise."""

from __future__ import annotations

import ipaddress
import os.path
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from orchestrator.config.building import written_paths
from orchestrator.config.destinations import (
    PAGES_ONLY,
    CalendarForm,
    StaticForm,
    is_here,
    mistakes,
    places_of,
    secrets_of,
    unwise,
)
from orchestrator.config.fields import SecretForm
from orchestrator.config.links import Access
from orchestrator.config.locating import Source
from orchestrator.config.media import media_mistakes, secret_of
from orchestrator.config.models import EMBEDDED_ONLY, REMOTE_ONLY, ConfigForm, MeetingsForm
from orchestrator.config.settings import RemoteMeetings, Settings, TracingSettings
from orchestrator.config.sources.checks import problems_of_source, secrets_of_sources
from orchestrator.foundation.documents import Document
from orchestrator.foundation.documents import Path as Steps
from orchestrator.foundation.forms import Filled
from orchestrator.foundation.problems import Problem

_MEETINGS: Final = "meetings"


def problems_together(filled: Filled[ConfigForm], source: Source) -> Iterator[Problem]:
    """Everything that is wrong beyond single values, as far as those could be read."""
    form, document = filled.value, source.document
    if form is None:
        return
    if filled.whole((_MEETINGS,)):
        yield from _one_api(form, document)
    for steps, secret in _secrets(form).items():
        if secret is not None and filled.whole(steps):
            yield from _one_place(document, steps)
    yield from _collisions(form, source)
    for name, destination in form.destinations.items():
        for step, message in mistakes(destination):
            yield Problem(document.place(("destinations", name, step)), message)
        if isinstance(destination, CalendarForm | StaticForm) and not _is_public(form):
            what = "a calendar's links" if isinstance(destination, CalendarForm) else "static links"
            message = (
                f"{what} begin with http.public_url, which is not set; write there "
                "what others reach this server by, such as https://rooms.example.com"
            )
            yield Problem(document.place(("destinations", name, "type")), message)
    if filled.whole(("destinations",)):
        yield from _alerts(form, document)
    for name, each in form.sources.items():
        yield from problems_of_source(name, each, document, filled.broken)


def _is_public(form: ConfigForm) -> bool:
    return form.http is not None and form.http.public_url is not None


def _alerts(form: ConfigForm, document: Document) -> Iterator[Problem]:
    """Each alert goes to a destination that is there, and to none twice."""
    named: set[str] = set()
    for number, alert in enumerate(form.alerts):
        place = document.place(("alerts", number, "to"))
        if alert.to not in form.destinations:
            known = ", ".join(sorted(form.destinations)) or "none"
            yield Problem(place, f'"{alert.to}" is no name under destinations; there are: {known}')
        elif alert.to in named:
            yield Problem(place, f'"{alert.to}" is named twice')
        elif isinstance(form.destinations[alert.to], PAGES_ONLY):
            told = f'"{alert.to}" is told of its own pages only; name a chat, a mail or a file'
            yield Problem(place, told)
        elif isinstance(form.destinations[alert.to], CalendarForm | StaticForm):
            kind = form.destinations[alert.to].type
            what = "a calendar of rooms" if kind == "calendar" else "a folder of links"
            told = f'"{alert.to}" is {what} only; name a chat, a mail or a file'
            yield Problem(place, told)
        named.add(alert.to)


def warnings(settings: Settings, document: Document) -> Iterator[Problem]:
    """What is lawful and yet unwise."""
    callbacks = settings.http.callbacks
    secrets = [settings.audit.signing_key, callbacks.token, callbacks.signature_secret]
    secrets.extend((settings.http.metrics.token, settings.links.secret))
    secrets.extend(settings.http.status.tokens.values())
    if settings.tracing is not None:
        secrets.append(settings.tracing.token)
        yield from _traced(settings.tracing, document)
    secrets.extend(secret.value for secret in settings.directories.secrets.values())
    for name, destination in settings.destinations.items():
        secrets.extend(secrets_of(destination))
        for step, message in unwise(destination):
            yield Problem(document.place(("destinations", name, step)), message)
    for each in settings.sources.values():
        secrets.extend(each.secrets())
    yield from _wandering(settings, document)
    if isinstance(settings.meetings, RemoteMeetings):
        secrets.append(settings.meetings.private_key)
        yield from _unencrypted(settings.meetings, document)
    else:
        secrets.append(secret_of(settings.meetings.media))
    if not is_here(settings.http.host):
        message = (
            f"listen {settings.http.host}: whoever reaches it is answered without encryption; "
            "listen on 127.0.0.1 and put a proxy with TLS before it"
        )
        yield Problem(document.place(("http", "listen")), message)
    if settings.links.access is not Access.TOKEN and settings.http.public_url is None:
        message = "our own links are given out only where http.public_url says what they begin with"
        yield Problem(document.place(("links", "access")), message)
    for secret in secrets:
        warning = secret.warning() if secret else None
        if warning is not None:
            yield warning


def _unencrypted(remote: RemoteMeetings, document: Document) -> Iterator[Problem]:
    parts = urlsplit(remote.url)
    if parts.scheme == "http" and not is_here(parts.hostname or ""):
        message = "url is not encrypted: whoever listens can use our tokens; prefer https://"
        yield Problem(document.place((_MEETINGS, "url")), message)


def _traced(tracing: TracingSettings, document: Document) -> Iterator[Problem]:
    parts = urlsplit(tracing.url)
    if parts.scheme == "http" and not is_here(parts.hostname or ""):
        message = (
            "url is not encrypted: whoever listens reads what the daemon does; prefer https://"
        )
        yield Problem(document.place(("tracing", "url")), message)


def _wandering(settings: Settings, document: Document) -> Iterator[Problem]:
    if settings.sources and settings.http.port == 0 and settings.http.public_url is None:
        message = (
            "sources are reached at another port at every start; write http.listen with a port"
        )
        yield Problem(document.key_place(("sources",)), message)


def _secrets(form: ConfigForm) -> dict[Steps, SecretForm | None]:
    """Where config.yaml may say where a secret is, and what it says there."""
    callbacks = form.http.callbacks if form.http else None
    media = form.meetings.media
    directories = form.directories.secrets if form.directories else {}
    return {
        **dict(places_of(form.destinations)),
        **secrets_of_sources(form.sources),
        **{
            ("directories", "secrets", name, "value"): secret.value
            for name, secret in directories.items()
        },
        (_MEETINGS, "private_key"): form.meetings.private_key,
        (_MEETINGS, "media", "turn_secret"): media.turn_secret if media else None,
        (_MEETINGS, "media", "secret"): media.secret if media else None,
        ("links", "secret"): form.links.secret if form.links else None,
        ("audit", "signing_key"): form.audit.signing_key if form.audit else None,
        ("http", "callbacks", "token"): callbacks.token if callbacks else None,
        ("http", "callbacks", "signature_secret"): (
            callbacks.signature_secret if callbacks else None
        ),
        **{("http", "status", "tokens", name): secret for name, secret in _tokens(form).items()},
    }


def _tokens(form: ConfigForm) -> Mapping[str, SecretForm]:
    status = form.http.status if form.http else None
    return status.tokens if status else {}


def _one_api(form: ConfigForm, document: Document) -> Iterator[Problem]:
    meetings = form.meetings
    given = document.value((_MEETINGS,))
    named = set(given) if isinstance(given, dict) else set()
    if meetings.embedded:
        for name in REMOTE_ONLY:
            if name in named:
                message = f'"{name}" belongs to a remote API; with embedded: true leave it out'
                yield Problem(document.key_place((_MEETINGS, name)), message)
        yield from _embedded(meetings, document)
        return
    if named.isdisjoint(REMOTE_ONLY):
        message = "meetings needs embedded: true, or url, application_id and private_key"
        yield Problem(document.key_place((_MEETINGS,)), message)
        return
    for name in REMOTE_ONLY:
        if name not in named:
            message = f'"{name}" is missing in meetings: a remote API needs it'
            yield Problem(document.key_place((_MEETINGS,)), message)
    for name in EMBEDDED_ONLY:
        if name in named:
            message = f'"{name}" belongs to the embedded server; with a url leave it out'
            yield Problem(document.key_place((_MEETINGS, name)), message)


def _embedded(meetings: MeetingsForm, document: Document) -> Iterator[Problem]:
    if meetings.certificate is None and meetings.certificate_key is not None:
        message = "there is no certificate that this key would belong to; set certificate"
        yield Problem(document.place((_MEETINGS, "certificate_key")), message)
    host = meetings.listen.rpartition(":")[0]
    if meetings.public_url is None and _is_anywhere(host):
        message = (
            f"listen {host}: links would begin with an address that leads nowhere; set public_url"
        )
        yield Problem(document.place((_MEETINGS, "listen")), message)
    if meetings.media is not None:
        for name, message in media_mistakes(meetings.media):
            yield Problem(document.key_place((_MEETINGS, "media", name)), message)


def _one_place(document: Document, steps: Steps) -> Iterator[Problem]:
    given = document.value(steps)
    if isinstance(given, dict) and len(given) != 1:
        inner = next(step for step in reversed(steps) if isinstance(step, str))
        label = inner if inner == steps[-1] else f"{inner}[{steps[-1]}]"
        message = f"{label} needs exactly one of file, credential and env"
        yield Problem(document.key_place(steps), message)


def _collisions(form: ConfigForm, source: Source) -> Iterator[Problem]:
    taken = {os.path.normpath(source.file): "config.yaml itself"}
    for steps, path in written_paths(form, source):
        name = ".".join(str(step) for step in steps)
        other = taken.setdefault(os.path.normpath(path), name)
        if other != name:
            message = f"{name} is the same file as {other}; give it one of its own"
            yield Problem(source.document.place(steps), message)


def _is_anywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
