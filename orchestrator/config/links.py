"""`links` in config.yaml: how our own links are made, and who may follow one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from orchestrator.config.fields import SecretField
from orchestrator.config.secrets import SecretSource
from orchestrator.foundation.forms import Form, matching, patterned, some
from orchestrator.foundation.reach import Network

_HEADER: Final = r"[A-Za-z0-9][A-Za-z0-9-]{0,62}"
KEY_FILE: Final = "links.key"


class Access(StrEnum):
    """Who may follow our links.

    `TOKEN`: whoever has the link, which nobody can guess.  `PROXY_AUTH`: whoever a proxy before us
    has let in.  `OPEN`: whoever knows the names of policy and subject.
    """

    TOKEN = "token"  # noqa: S105 (a word of the config)
    PROXY_AUTH = "proxy-auth"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The proxy that sees to who comes in, with ``access: proxy-auth``.

    Attributes:
        header: it sets this one, to the name of whoever it let in. Reload.
        trusted: the networks that it asks us from; elsewhere the header counts for nothing. Reload.
    """

    header: str
    trusted: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Our own links.

    Attributes:
        access: who may follow one. Reload.
        secret: what links are made with; None: what stands in `made`. Another one changes every
            link. Reload; a file is read anew at a reload.
        made: the file that we keep a secret of our own making in. Restart.
        proxy: which proxy is believed. Reload.
    """

    access: Access
    secret: SecretSource | None
    made: Path
    proxy: ProxySettings


_header: Final = matching(_HEADER, "must be the name of a header, such as X-Forwarded-User")


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        message = "must be an address or a network, such as 127.0.0.1 or 10.20.0.0/16"
        raise ValueError(message) from None
    return value


class ProxyForm(Form):
    """The proxy that sees to who comes in (access: proxy-auth)."""

    header: Annotated[str, _header, patterned(f"^{_HEADER}$")] = Field(
        "X-Forwarded-User", description="the header that it sets to the name of whoever it let in"
    )
    trusted: Annotated[
        list[Annotated[str, AfterValidator(_network), patterned(r"^\s*[0-9A-Fa-f:./]+\s*$")]],
        AfterValidator(some("so nobody could follow a link; name the proxy's address")),
    ] = Field(
        ["127.0.0.1", "::1"],
        json_schema_extra={"minItems": 1},
        description="the addresses and networks that it asks us from; no other is believed",
    )


class LinksForm(Form):
    """Our own links: what is given out, for every kind of policy."""

    hints: ClassVar = {"access": "write token, proxy-auth or open"}

    access: Literal["token", "proxy-auth", "open"] = Field(
        "token",
        description="token: whoever has the link; proxy-auth: whoever your proxy lets in; "
        "open: whoever knows the names",
    )
    secret: SecretField | None = Field(
        None,
        description="where the secret is that links are made with, at least 32 characters; "
        "another one changes every link",
    )
    proxy: ProxyForm | None = Field(
        None, description="proxy-auth: which proxy sees to who comes in"
    )


def build_links(form: LinksForm, secret: SecretSource | None, made: Path) -> LinkSettings:
    """Make settings of a form in which everything is lawful.

    Args:
        form: as it was written.
        secret: where the form says that the secret is.
        made: where a secret of our own making is kept.
    """
    proxy = form.proxy or ProxyForm.model_validate({})
    return LinkSettings(
        access=Access(form.access),
        secret=secret,
        made=made,
        proxy=ProxySettings(proxy.header, tuple(ip_network(network) for network in proxy.trusted)),
    )
