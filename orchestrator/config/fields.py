"""What single values of config.yaml may be: paths, addresses, names, and where secrets are.

Every form of config.yaml is made of these.  Each refuses what is unlawful by itself and says how to
write it; what editors are told (the pattern) takes everything that its check takes.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.domain.directories import host_of
from orchestrator.foundation.forms import Form, patterned, some
from orchestrator.foundation.reach import read_reach

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WITH_PORT: Final = re.compile(":[0-9]+$")


def written_path(value: str) -> str:
    """Refuse what is no path; raises ValueError."""
    if not value.strip():
        message = "may not be blank"
        raise ValueError(message)
    if value.startswith("~"):
        message = "begins with ~, which only a shell understands; write the folder out"
        raise ValueError(message)
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port or an address that is none
        usable = None
        parts = urlsplit("")
    if not usable or parts.query or parts.fragment or parts.username is not None:
        message = "must be a plain address such as https://meet.example.com"
        raise ValueError(message)
    return value.rstrip("/")


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535:
        message = "must have the form 127.0.0.1:8441"
        raise ValueError(message)
    bare = host.removeprefix("[").removesuffix("]")
    if bare != host or ":" in host:
        try:
            ipaddress.IPv6Address(bare if bare != host else "")
        except ValueError:
            message = "must have the form [::1]:8441"
            raise ValueError(message) from None
    return f"{bare}:{port}"


def _secret(value: object) -> object:
    if isinstance(value, str):
        message = (
            "must not stand in this file; write {file: …}, {credential: …} or {env: …} to say "
            "where it is"
        )
        raise ValueError(message)  # noqa: TRY004 (pydantic collects ValueErrors only)
    return value


def _host(value: str) -> str:
    name, _, port = value.lower().rpartition(":") if _WITH_PORT.search(value) else (value, "", "")
    if port in {"443", "80"}:
        message = f"names the port that {name} has anyway; write {name}"
        raise ValueError(message)
    try:
        usable = urlsplit(f"https://{value}").netloc == value and host_of(f"https://{value}")
    except ValueError:
        usable = ""
    if usable != value.lower() or re.fullmatch(r"[a-z0-9_.:\[\]-]+", usable) is None:
        message = "must be the name of a host, such as hr.example.com or hr.example.com:8443"
        raise ValueError(message)
    return usable


def _reach(value: str) -> str:
    read_reach((value,))  # its error says how to write it
    return value


def _named(value: str) -> str:
    if _NAME.fullmatch(value) is None:
        message = "must be named with 1 to 63 of a-z, 0-9 and -"
        raise ValueError(message)
    return value


# What editors are told; each takes everything that its check above takes.
_PORT: Final = "(?:[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
PATH_PATTERN: Final = patterned(r"^(?!~)[\s\S]*\S")
_URL_PATTERN: Final = patterned(
    rf"^[Hh][Tt][Tt][Pp][Ss]?://(?:\[[^/?#@\]]+\]|[^/?#@:\[\]]+)(?::{_PORT}?)?(?:/[^?#]*)?[?#]*$",
    examples=["https://meet.example.com"],
)
_LISTEN_PATTERN: Final = patterned(
    rf"^(?:\[[0-9A-Fa-f:.]+(?:%[^\]]+)?\]|[^:\[\]]+):{_PORT}$", examples=["127.0.0.1:8441"]
)

PathText = Annotated[str, AfterValidator(written_path), PATH_PATTERN]
Url = Annotated[str, AfterValidator(_url), _URL_PATTERN]
Listen = Annotated[str, AfterValidator(_listen), _LISTEN_PATTERN]
Host = Annotated[str, AfterValidator(_host), patterned(r"^(?!.*:(?:443|80)$)[A-Za-z0-9_.:\[\]-]+$")]
SOMEWHERE: Final = AfterValidator(
    some("so it could be sent nowhere; name at least one")
)  # of a list of receivers
Reachable = Annotated[str, AfterValidator(_reach), patterned(r"^\s*\S+\s*$")]
ShortName = Annotated[str, AfterValidator(_named), patterned(f"^{_NAME.pattern}$")]


class SecretForm(Form):
    """Where a secret is to be found; one of the three."""

    exactly_one: ClassVar = ("file", "credential", "env")

    file: PathText | None = Field(None, description="a file that only the daemon may read")
    credential: PathText | None = Field(
        None, description="a credential that systemd loads (LoadCredential=)"
    )
    env: PathText | None = Field(None, description="a variable of the environment")


SecretField = Annotated[SecretForm, BeforeValidator(_secret)]
