"""From a source's form to its settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.config.fields import SecretForm
from orchestrator.config.locating import Source
from orchestrator.config.secrets import SecretSource
from orchestrator.config.sources.forms import BELONGS, SIGNING, SignatureForm, SourceForm
from orchestrator.config.sources.settings import (
    BasicSettings,
    EventNames,
    SignatureSettings,
    SourceSettings,
)
from orchestrator.domain.pages import Severity

_TOLERANCE: Final = timedelta(minutes=5)
_ANSWER: Final = timedelta(seconds=2)  # the fastest sender waits for four


def build_source(name: str, form: SourceForm, file: Source) -> SourceSettings:
    """Make settings of a source in which everything is lawful."""
    where = ("sources", name)
    basic, answers = form.basic, form.type in BELONGS["answer_within"]
    events = form.events
    return SourceSettings(
        kind=form.type,
        signature=_signature(form.type, form.signature, file, name),
        bearer=_located(file, form.bearer, *where, "bearer"),
        basic=None
        if basic is None
        else BasicSettings(
            basic.username, _located(file, basic.passwords, *where, "basic", "passwords")
        ),
        token=_located(file, form.token, *where, "token"),
        access_token=form.access_token or False,
        severities=MappingProxyType(
            {word.strip().lower(): Severity(told) for word, told in form.severities.items()}
        ),
        answer_within=(_ANSWER if form.answer_within is None else form.answer_within)
        if answers
        else timedelta(),
        events=EventNames()
        if events is None
        else EventNames(tuple(events.open), tuple(events.close), tuple(events.update)),
        select=MappingProxyType(
            {}
            if form.select is None
            else {
                each: expression
                for each in type(form.select).model_fields
                if (expression := getattr(form.select, each)) is not None
            }
        ),
        once=form.once is not False,
        delivery_header=(form.delivery_header or "").lower(),
    )


def _signature(
    kind: str, form: SignatureForm | None, file: Source, name: str
) -> SignatureSettings | None:
    if form is None:
        return None
    return SignatureSettings(
        scheme=form.scheme or SIGNING[kind],
        secrets=_located(file, form.secrets, "sources", name, "signature", "secrets"),
        header=(form.header or "").lower(),
        prefix="sha256=" if form.prefix is None else form.prefix,
        timestamp_header=(form.timestamp_header or "").lower(),
        dotted=form.dotted or False,
        url=form.url or "",
        tolerance=form.tolerance or _TOLERANCE,
    )


def _located(
    file: Source, forms: Sequence[SecretForm] | None, *steps: str
) -> tuple[SecretSource, ...]:
    return tuple(file.secret(form, *steps, at) for at, form in enumerate(forms or ()))
