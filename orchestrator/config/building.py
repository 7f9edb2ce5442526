"""From a filled form to settings: defaults taken, paths made absolute, secrets located."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from orchestrator.config.archives import build_archives
from orchestrator.config.destinations import (
    DestinationSettings,
    FileDestination,
    StaticDestination,
    is_here,
    located,
)
from orchestrator.config.fields import SecretForm
from orchestrator.config.links import KEY_FILE, LinkSettings, LinksForm, build_links
from orchestrator.config.locating import Source
from orchestrator.config.media import MediaForm, build_media
from orchestrator.config.models import (
    AuditForm,
    CallbacksForm,
    ConfigForm,
    ControlForm,
    DirectoriesForm,
    HttpForm,
    LogForm,
    MeetingsForm,
    MetricsForm,
    SafetyForm,
    TracingForm,
)
from orchestrator.config.proxies import build_proxy
from orchestrator.config.secrets import SecretSource
from orchestrator.config.settings import (
    AuditSettings,
    CallbackSettings,
    Calls,
    DirectorySecret,
    DirectorySettings,
    EmbeddedMeetings,
    HttpSettings,
    LogFormat,
    LogLevel,
    LogSettings,
    MetricsSettings,
    RemoteMeetings,
    SafetySettings,
    Settings,
    TracingSettings,
)
from orchestrator.config.sources.building import build_source
from orchestrator.config.statuspage import StatusForm, StatusSettings
from orchestrator.domain.changetimes import AT_ANY_TIME, change_times
from orchestrator.domain.directories import SecretUse
from orchestrator.domain.policies import Mode
from orchestrator.foundation.documents import Path as Steps
from orchestrator.foundation.reach import read_reach

_SETTLE_REMOTE: Final = timedelta(seconds=60)
_RATE_REMOTE: Final = 10.0  # calls a second
_RATE_EMBEDDED: Final = 200.0  # our own server, on this machine: a new policy is there at once
_SETTLE_EMBEDDED: Final = timedelta()  # our own server promises read-your-writes
_SYNC: Final = {"always": timedelta(), "interval": timedelta(seconds=1)}


def build(form: ConfigForm, source: Source) -> Settings:
    """Make settings of a form in which everything is lawful."""
    return Settings(
        file=source.file,
        owner=form.owner,
        mode=Mode(form.mode),
        meetings=_meetings(form.meetings, source),
        policies=source.path(form.policies),
        store=source.path(form.store),
        audit=_audit(form.audit or AuditForm.model_validate({}), source),
        destinations=MappingProxyType(_destinations(form, source)),
        alerts=tuple(alert.to for alert in form.alerts),
        safety=_safety(form.safety or SafetyForm.model_validate({})),
        resync_interval=form.resync_interval,
        http=_http(form.http or HttpForm.model_validate({}), source),
        tracing=_tracing(form.tracing, source),
        links=_links(form, source),
        sources=MappingProxyType(
            {name: build_source(name, each, source) for name, each in form.sources.items()}
        ),
        directories=_directories(form.directories or DirectoriesForm.model_validate({}), source),
        archives=build_archives(form.archives, source),
        control=source.path((form.control or ControlForm.model_validate({})).socket),
        log=_log(form.log or LogForm.model_validate({})),
    )


def written_paths(form: ConfigForm, source: Source) -> list[tuple[Steps, Path]]:
    """The files that we write, each with the setting that names it."""
    found: list[tuple[Steps, Path]] = [
        (("store",), source.path(form.store)),
        (("audit", "file"), source.path((form.audit or AuditForm.model_validate({})).file)),
        (
            ("control", "socket"),
            source.path((form.control or ControlForm.model_validate({})).socket),
        ),
    ]
    if form.meetings.embedded:
        found.append((("meetings", "database"), source.path(form.meetings.database)))
    told = {alert.to for alert in form.alerts}
    for name, destination in _destinations(form, source).items():
        if isinstance(destination, FileDestination):
            found.append((("destinations", name, "path"), destination.path))
            if name in told:
                found.append((("destinations", name, "path"), destination.alerts))
        elif isinstance(destination, StaticDestination):
            found.append((("destinations", name, "path"), destination.path))
    return found


def _destinations(form: ConfigForm, source: Source) -> dict[str, DestinationSettings]:
    return {name: located(name, one, source) for name, one in form.destinations.items()}


def _meetings(form: MeetingsForm, source: Source) -> EmbeddedMeetings | RemoteMeetings:
    if form.url is None or form.application_id is None or form.private_key is None:
        host, port = _address(form.listen)
        return EmbeddedMeetings(
            host=host,
            port=port,
            public_url=form.public_url,
            database=source.path(form.database),
            keys=source.path(form.keys),
            media=build_media(form.media or MediaForm.model_validate({}), source),
            calls=_calls(form, _SETTLE_EMBEDDED, _RATE_EMBEDDED),
            certificate=_path(form.certificate, source),
            certificate_key=_path(form.certificate_key, source),
        )
    return RemoteMeetings(
        url=form.url,
        application_id=form.application_id,
        private_key=source.secret(form.private_key, "meetings", "private_key"),
        calls=_calls(form, _SETTLE_REMOTE, _RATE_REMOTE),
    )


def _path(text: str | None, source: Source) -> Path | None:
    return None if text is None else source.path(text)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host, int(port)


def _calls(form: MeetingsForm, settle: timedelta, rate: float) -> Calls:
    return Calls(
        rate=rate if form.rate is None else form.rate,
        concurrency=form.concurrency,
        timeout=form.timeout,
        page_size=form.page_size,
        settle=settle if form.settle is None else form.settle,
        reach=read_reach(tuple(form.allow_private)),
    )


def _audit(form: AuditForm, source: Source) -> AuditSettings:
    key = form.signing_key
    return AuditSettings(
        file=source.path(form.file),
        sync_every=_SYNC[form.fsync],
        signing_key=None if key is None else source.secret(key, "audit", "signing_key"),
    )


def _http(form: HttpForm, source: Source) -> HttpSettings:
    host, port = _address(form.listen)
    callbacks = form.callbacks or CallbacksForm.model_validate({})
    where = ("http", "callbacks")
    token, signature = callbacks.token, callbacks.signature_secret
    metrics = form.metrics or MetricsForm.model_validate({})
    return HttpSettings(
        host=host,
        port=port,
        public_url=form.public_url,
        callbacks=CallbackSettings(
            token=None if token is None else source.secret(token, *where, "token"),
            signature_secret=(
                None if signature is None else source.secret(signature, *where, "signature_secret")
            ),
        ),
        metrics=MetricsSettings(
            metrics.enabled, _secret(metrics.token, source, "http", "metrics", "token")
        ),
        status=_status(form, source),
    )


def _status(form: HttpForm, source: Source) -> StatusSettings:
    status = form.status or StatusForm.model_validate({})
    # A proxy stands before us then, and one that forgets its headers looks like this machine.
    alone = form.public_url is None or is_here(urlsplit(form.public_url).hostname or "")
    return StatusSettings(
        loopback=alone if status.loopback is None else status.loopback == "read",
        tokens=MappingProxyType(
            {
                name: source.secret(secret, "http", "status", "tokens", name)
                for name, secret in status.tokens.items()
            }
        ),
        proxy=None if status.proxy is None else build_proxy(status.proxy),
    )


def _tracing(form: TracingForm | None, source: Source) -> TracingSettings | None:
    if form is None:
        return None
    return TracingSettings(form.url, _secret(form.token, source, "tracing", "token"), form.share)


def _secret(form: SecretForm | None, source: Source, *where: str) -> SecretSource | None:
    return None if form is None else source.secret(form, *where)


def _links(form: ConfigForm, source: Source) -> LinkSettings:
    links = form.links or LinksForm.model_validate({})
    secret = links.secret
    # Beside the keys that we make ourselves; with a remote API in the one folder that we may
    # surely write to.
    folder = source.path(form.meetings.keys)
    if not form.meetings.embedded:
        folder = source.path(form.store).parent
    return build_links(
        links,
        None if secret is None else source.secret(secret, "links", "secret"),
        folder / KEY_FILE,
    )


def _safety(form: SafetyForm) -> SafetySettings:
    return SafetySettings(
        max_removals=form.max_removals,
        max_removal_percent=form.max_removal_percent,
        per=form.per,
        occupied_max=form.occupied_max,
        changes=AT_ANY_TIME
        if form.changes is None
        else change_times(form.changes.allow, form.changes.except_),
    )


def _directories(form: DirectoriesForm, source: Source) -> DirectorySettings:
    return DirectorySettings(
        timeout=form.timeout,
        reach=read_reach(tuple(form.allow_private)),
        secrets=MappingProxyType(
            {
                name: DirectorySecret(
                    source.secret(secret.value, "directories", "secrets", name, "value"),
                    SecretUse(frozenset(secret.hosts), secret.unencrypted),
                )
                for name, secret in form.secrets.items()
            }
        ),
    )


def _log(form: LogForm) -> LogSettings:
    return LogSettings(level=LogLevel(form.level), format=LogFormat(form.format))
