"""`links` in config.yaml: how our own links are made, and who may follow one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field

from orchestrator.config.fields import SecretField
from orchestrator.config.proxies import ProxyForm, ProxySettings, build_proxy
from orchestrator.config.secrets import SecretSource
from orchestrator.foundation.forms import Form

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
    return LinkSettings(
        access=Access(form.access),
        secret=secret,
        made=made,
        proxy=build_proxy(form.proxy or ProxyForm.model_validate({})),
    )
