"""The request of `for_each.http`: what its address and its headers may be.

A policy file never holds a secret: a header, or a part of an address, that looks like one is
refused with the way to name it instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from orchestrator.domain.directories import SecretUse, host_of
from orchestrator.domain.policies import Directory, Header, HttpSource
from orchestrator.foundation.documents import Document, Path
from orchestrator.foundation.forms import Form, Length
from orchestrator.foundation.instants import format_duration
from orchestrator.foundation.problems import Place, Problem, did_you_mean
from orchestrator.foundation.selecting import compile_select

URL_MAX: Final = 2_000  # characters
VALUE_MAX: Final = 2_000
_HTTP: Final[Path] = ("for_each", "http")
EVERY_LEAST: Final = timedelta(seconds=10)
EVERY_MOST: Final = timedelta(days=1)
# What editors are told of an address; the check says more.
_URL_SCHEMA: Final = WithJsonSchema(
    {
        "type": "string",
        "pattern": r"^(?!.*\{\{)[hH][tT][tT][pP][sS]?://[^/?#@\s]+(?:[/?][^#\s]*)?$",
        "examples": ["https://hr.example.com/teams"],
    }
)

# Where every reader of addresses sees the same host: of [::1]evil.example one sees [::1].
_HOST: Final = re.compile(r"(\[[^\[\]]+\]|[^\[\]\\:]+)(:[0-9]*)?")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"[\x20-\x7e]*")
# Said by us with every request, or not to be said by anybody.
_OURS: Final = frozenset(
    "accept-encoding connection content-length content-type expect host if-match if-modified-since "  # noqa: SIM905 (a sentence reads better)
    "if-none-match if-range if-unmodified-since keep-alive proxy-connection range te trailer "
    "transfer-encoding upgrade".split()
)
_SECRET: Final = re.compile(
    r"(?i)auth(?!ors?$)|cookie|token|secret|passw|credential|session|signature|(api|access|private)[-_.]?key"
)
_SCHEMES: Final = re.compile(r"(?i)(bearer|basic|digest|token|apikey|negotiate)\s+\S")


def url_problem(url: str) -> str | None:
    """Say why an address cannot be asked, or nothing."""
    if len(url) > URL_MAX:
        return f"has {len(url)} characters; at most {URL_MAX} are read"
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme in {"http", "https"}
            and parts.hostname
            and parts.port != 0
            and _HOST.fullmatch(parts.netloc.rpartition("@")[2])
        )
    except ValueError:  # a port or an address that is none
        return "is no address such as https://hr.example.com/teams"
    if parts.username is not None or parts.password is not None:
        return (
            "may hold no user and password; define a secret in config.yaml and write "
            "headers: {Authorization: {secret: NAME}}"
        )
    # A user is refused first: it is told how to do it instead.
    if not usable or re.fullmatch("[!-~]+", url) is None:
        return "is no address such as https://hr.example.com/teams"
    if "{{" in url:
        return "is no template: one request asks for all subjects"
    if parts.fragment or url.endswith("#"):
        return "may not end in #…, which is never sent"
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if _SECRET.search(name):
            return (
                f'holds "{name}", which looks like a secret; define it in config.yaml and send it '
                "with  headers: {Authorization: {secret: NAME}}"
            )
    return None


def header_problem(name: str) -> str | None:
    """Say why a header cannot be sent, or nothing."""
    if _TOKEN.fullmatch(name) is None:
        return "is no name of a header"
    if name.lower() in _OURS:
        return "is not for policies to say; leave it out"
    return None


def value_problem(value: str) -> str | None:
    """Say why a text cannot be a header's value, or stand before a secret; or nothing."""
    if len(value) > VALUE_MAX:
        return f"has {len(value)} characters; at most {VALUE_MAX} are read"
    if _VALUE.fullmatch(value) is None:
        return "may hold printable ASCII characters only"
    return None


def secret_problem(name: str, value: str) -> str | None:
    """Say that a plain header looks like a secret, or nothing."""
    if not _SECRET.search(name) and not _SCHEMES.match(value.strip()):
        return None
    scheme = _SCHEMES.match(value.strip())
    prefix = f', prefix: "{scheme[1]} "' if scheme else ""
    return (
        f"{name} looks like a secret, which may not stand in a policy; define it in config.yaml "
        f"and write {name}: {{secret: NAME{prefix}}}"
    )


def _url(value: str) -> str:
    return _sound(value, url_problem(value))


def _header_name(value: str) -> str:
    return _sound(value, header_problem(value))


def _header_value(value: str) -> str:
    return _sound(value, value_problem(value))


def _header(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


def _select(value: str) -> str:
    compile_select(value)  # its error is a ValueError
    return value


def _every(value: timedelta) -> timedelta:
    if not EVERY_LEAST <= value <= EVERY_MOST:
        message = f"{format_duration(value)} is not between 10s and 24h"
        raise ValueError(message)
    return value


def _sound(value: str, problem: str | None) -> str:
    if problem is not None:
        raise ValueError(problem)
    return value


class HeaderForm(Form):
    """One header: plain text, or a secret that config.yaml defines."""

    exactly_one: ClassVar = ("text", "secret")

    text: Annotated[str, AfterValidator(_header_value)] | None = Field(
        None, description="the value, where it is no secret; or just write the text itself"
    )
    secret: str | None = Field(
        None, description="the name of a secret in config.yaml (directories.secrets)"
    )
    prefix: Annotated[str, AfterValidator(_header_value)] = Field(
        "", description='what stands before the secret, such as "Bearer "'
    )


_TEXT_SCHEMA: Final = WithJsonSchema({"type": "string", "pattern": "^[ -~]*$"})
HeaderName = Annotated[
    str,
    AfterValidator(_header_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_TOKEN.pattern}$"}),
]
HeaderField = Annotated[
    HeaderForm,
    BeforeValidator(_header, json_schema_input_type=Annotated[str, _TEXT_SCHEMA] | HeaderForm),
]


class HttpForm(Form):
    """A directory: a service whose answer holds the subjects."""

    hints: ClassVar = {"url": "the address that answers with JSON"}

    url: Annotated[str, AfterValidator(_url), _URL_SCHEMA] = Field(
        description="http or https; what it answers must be JSON"
    )
    headers: dict[HeaderName, HeaderField] = Field(
        {}, description="sent with the request: text, or {secret: NAME, prefix: …}"
    )
    select: Annotated[str, AfterValidator(_select)] = Field(
        "@", description="JMESPath: makes a list of texts or mappings of the answer"
    )
    every: Annotated[Length, AfterValidator(_every)] = Field(
        timedelta(minutes=10), description="time between two good answers: 10s to 24h"
    )


def source_of(form: HttpForm, document: Document) -> HttpSource:
    """The request of a form in which everything is lawful."""
    headers = tuple(
        Header(name, header.prefix, header.secret)
        if header.secret
        else Header(name, header.text or "")
        for name, header in sorted(form.headers.items())
    )
    return HttpSource(
        directory=Directory(form.url, headers),
        select=form.select,
        every=form.every,
        place=document.place((*_HTTP, "url")),
        select_place=document.place((*_HTTP, "select")),
    )


def http_problems(
    form: HttpForm, document: Document, secrets: Mapping[str, SecretUse] | None
) -> Iterator[Problem]:
    """What is wrong with headers that can be read one by one; without secrets none is looked up."""
    seen: dict[str, str] = {}
    for name, header in form.headers.items():
        place = document.key_place((*_HTTP, "headers", name))
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield Problem(place, f"{name} stands here as {other} already; keep one")
        elif header.secret is None:
            wrong = _plain_problem(name, header)
            if wrong:
                yield Problem(place, wrong)
        elif header.text is not None:
            yield Problem(place, f"{name} has both text and a secret; keep one")
        elif secrets is not None:
            yield from _secret_problems(header.secret, form.url, place, secrets)


def _plain_problem(name: str, header: HeaderForm) -> str | None:
    if header.text is None:
        return f"{name} needs a text, or a secret"
    if header.prefix:
        return f"{name} has a prefix, which only a secret needs; write the whole text"
    return secret_problem(name, header.text)


def _secret_problems(
    name: str, url: str, place: Place, secrets: Mapping[str, SecretUse]
) -> Iterator[Problem]:
    use = secrets.get(name)
    if use is not None:
        refusal = use.refusal(name, url)
        if refusal:
            yield Problem(place, refusal)
        return
    mend = did_you_mean(name, secrets) or (
        f"; define it there: directories: {{secrets: {{{name}: "
        f"{{value: {{file: …}}, hosts: [{host_of(url)}]}}}}}}"
    )
    yield Problem(place, f'"{name}" is no secret of config.yaml{mend}')
