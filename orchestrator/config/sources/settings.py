"""The settings of one source of pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.config.secrets import SecretSource
from orchestrator.domain.pages import Severity


@dataclass(frozen=True, slots=True)
class SignatureSettings:
    """How a source signs what it sends.

    Attributes:
        scheme: its name, such as pagerduty_v3. Reload.
        secrets: any of them will do, so that one can be exchanged. Reload; a file is read anew at
            a reload.
        header: which holds the signature; empty: the scheme's own. Reload.
        prefix: before the digest (github_sha256). Reload.
        timestamp_header: which holds the signed time (grafana_hmac); empty: none. Reload.
        dotted: a dot stands between time and body (rootly). Reload.
        url: the whole address as the sender knows it (victorops_sha1). Reload.
        tolerance: how far a signed time may be from now, either way. Reload.
    """

    scheme: str
    secrets: tuple[SecretSource, ...]
    header: str
    prefix: str
    timestamp_header: str
    dotted: bool
    url: str
    tolerance: timedelta


@dataclass(frozen=True, slots=True)
class BasicSettings:
    """A name and passwords.

    Attributes:
        username: as the sender gives it. Reload.
        passwords: any of them will do. Reload; a file is read anew at a reload.
    """

    username: str
    passwords: tuple[SecretSource, ...]


@dataclass(frozen=True, slots=True)
class EventNames:
    """What types of events mean, where the sender makes up their names.

    Attributes:
        open: a page opens. Reload.
        close: a page closes. Reload.
        update: more is told of a page that is open. Reload.
    """

    open: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    update: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One paging system that may send pages.

    Attributes:
        kind: its type, such as pagerduty. Reload.
        signature: how it signs; None: it does not. Reload.
        bearer: what Authorization: Bearer may hold. Reload; a file is read anew at a reload.
        basic: for Authorization: Basic; None: not that. Reload.
        token: what its address may end in. Reload; a file is read anew at a reload.
        access_token: the bearer token may also stand in the query. Reload.
        severities: the sender's words, in lower case, before the type's own table. Reload.
        answer_within: how long the answer may wait for a room; zero where nobody reads it. Reload.
        events: which types of events mean what. Reload.
        select: JMESPath by what it selects (type json). Reload.
        once: keys are never used again for another page (type json). Reload.
        delivery_header: which holds the id of a message (type json); or empty. Reload.
    """

    kind: str
    signature: SignatureSettings | None
    bearer: tuple[SecretSource, ...]
    basic: BasicSettings | None
    token: tuple[SecretSource, ...]
    access_token: bool
    severities: Mapping[str, Severity]
    answer_within: timedelta
    events: EventNames
    select: Mapping[str, str]
    once: bool
    delivery_header: str

    def secrets(self) -> Iterator[SecretSource]:
        """Every secret that it names."""
        yield from self.signature.secrets if self.signature else ()
        yield from self.bearer
        yield from self.basic.passwords if self.basic else ()
        yield from self.token
