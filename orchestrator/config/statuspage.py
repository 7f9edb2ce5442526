"""`http.status` in config.yaml: who may look at the status page, and who may act there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from orchestrator.config.fields import SecretField
from orchestrator.config.proxies import ProxyForm, ProxySettings
from orchestrator.config.secrets import SecretSource
from orchestrator.foundation.forms import Form, matching, patterned

_PERSON: Final = r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,62}"


def is_person(name: str) -> bool:
    """Whether somebody can be named so."""
    return re.fullmatch(_PERSON, name) is not None


_person: Final = matching(
    _PERSON, "must name a person with 1 to 63 of A-Z, a-z, 0-9, space and . _ @ + -"
)


@dataclass(frozen=True, slots=True)
class StatusSettings:
    """The status page.

    Attributes:
        loopback: whoever asks from this machine may look without logging in. Reload.
        tokens: with which people log in, by the name that the audit log gets. Reload; a file is
            read anew at a reload.
        proxy: which proxy tells who comes; None: none is believed. Reload.
    """

    loopback: bool
    tokens: Mapping[str, SecretSource]
    proxy: ProxySettings | None


class StatusForm(Form):
    """The status page: who may look, and who may act."""

    hints: ClassVar = {
        "loopback": "write read or closed",
        "tokens": "write the names of people, each with {file: …}, {credential: …} or {env: …}",
    }

    loopback: Literal["read", "closed"] | None = Field(
        None,
        description="read: whoever asks from this machine may look without logging in, the usual; "
        "closed: nobody may, the usual once http.public_url leads elsewhere",
    )
    tokens: dict[Annotated[str, _person, patterned(f"^{_PERSON}$")], SecretField] = Field(
        {},
        description="with which people log in, each at least 32 characters, by the name that the "
        "audit log gets",
    )
    proxy: ProxyForm | None = Field(None, description="which proxy tells who comes")
