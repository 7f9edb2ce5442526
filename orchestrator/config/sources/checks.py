"""What needs more than one value of a source: which keys its type has, and how it is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from orchestrator.config.fields import SecretForm
from orchestrator.config.sources.forms import (
    BELONGS,
    MEANS,
    OPTIONS,
    SIGNING,
    SignatureForm,
    SourceForm,
)
from orchestrator.foundation.documents import Document
from orchestrator.foundation.documents import Path as Steps
from orchestrator.foundation.problems import Problem

_SIGNED: Final = "signature: {secrets: [{file: …}]}"
_ADVICE: Final = {
    **dict.fromkeys(SIGNING, _SIGNED),
    "alertmanager": "bearer: [{file: …}]",
    "grafana-oncall": "bearer: [{file: …}]",
    "opsgenie": "bearer: [{file: …}]",
    "generic": "bearer: [{file: …}]",
    "cloudevents": "bearer: [{file: …}]",
    "json": "signature: {scheme: …, secrets: [{file: …}]}, bearer, basic or token",
    "goalert": "token: [{file: …}], the secret end of its address",
}


def problems_of_source(
    name: str, form: SourceForm, document: Document, broken: frozenset[Steps]
) -> Iterator[Problem]:
    """Everything that is wrong with a source beyond single values.

    Args:
        name: of the source.
        form: as far as it could be read.
        document: where it stands.
        broken: paths of what could not be read: nothing is concluded from their absence.
    """
    steps: Steps = ("sources", name)
    given = document.value(steps)
    keys = set(given) if isinstance(given, dict) else set()
    if keys.isdisjoint(MEANS):
        message = (
            f"{name} would take pages from everybody who finds its address; write "
            f"{_ADVICE[form.type]}"
        )
        yield Problem(document.key_place(steps), message)
    for key, types in BELONGS.items():
        if key in keys and form.type not in types:
            yield Problem(document.key_place((*steps, key)), _misplaced(key, form.type))
    if form.type == "json" and "select" not in keys:
        message = f'"select" is missing in {name}: a source of the type json is read by it'
        yield Problem(document.key_place(steps), message)
    where = (*steps, "signature")
    signs = form.type in BELONGS["signature"]
    if signs and form.signature is not None and not any(one[:3] == where for one in broken):
        yield from _signature(form.type, form.signature, document, where)


def _misplaced(key: str, kind: str) -> str:
    if key in MEANS:
        return f'"{key}" does not belong to the type {kind}; write {_ADVICE[kind]}'
    types = ", ".join(BELONGS[key])
    return f'"{key}" belongs to sources of the type {types}; with {kind} leave it out'


def _signature(
    kind: str, form: SignatureForm, document: Document, steps: Steps
) -> Iterator[Problem]:
    scheme = form.scheme or SIGNING.get(kind)
    if scheme is None:
        message = (
            f'"scheme" is missing in signature: a source of the type {kind} may sign in any way'
        )
        yield Problem(document.key_place(steps), message)
        return
    if kind in SIGNING and scheme != SIGNING[kind]:
        message = f"scheme must be {SIGNING[kind]} for the type {kind}; leave the line out"
        yield Problem(document.place((*steps, "scheme")), message)
        return
    given = document.value(steps)
    for option, schemes in OPTIONS.items():
        if isinstance(given, dict) and option in given and scheme not in schemes:
            message = f'"{option}" belongs to {", ".join(schemes)}; with {scheme} leave it out'
            yield Problem(document.key_place((*steps, option)), message)
    if scheme == "victorops_sha1" and form.url is None:
        message = '"url" is missing in signature: the sender signs the whole address'
        yield Problem(document.key_place(steps), message)


def secrets_of_sources(forms: Mapping[str, SourceForm]) -> dict[Steps, SecretForm | None]:
    """Where sources may say where a secret is, and what they say there."""
    found: dict[Steps, SecretForm | None] = {}
    for name, form in forms.items():
        lists = {
            ("signature", "secrets"): form.signature.secrets if form.signature else None,
            ("bearer",): form.bearer,
            ("basic", "passwords"): form.basic.passwords if form.basic else None,
            ("token",): form.token,
        }
        for steps, secrets in lists.items():
            for at, secret in enumerate(secrets or ()):
                found["sources", name, *steps, at] = secret
    return found
