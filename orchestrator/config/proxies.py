"""A proxy that sees to who comes in: the header that it sets, and from where it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from orchestrator.foundation.forms import Form, matching, patterned, some
from orchestrator.foundation.reach import Network

_HEADER: Final = r"[A-Za-z0-9][A-Za-z0-9-]{0,62}"


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The proxy that sees to who comes in.

    Attributes:
        header: it sets this one, to the name of whoever it let in. Reload.
        trusted: the networks that it asks us from; elsewhere the header counts for nothing. Reload.
    """

    header: str
    trusted: tuple[Network, ...]


_header: Final = matching(_HEADER, "must be the name of a header, such as X-Forwarded-User")


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        message = "must be an address or a network, such as 127.0.0.1 or 10.20.0.0/16"
        raise ValueError(message) from None
    return value


class ProxyForm(Form):
    """The proxy that sees to who comes in."""

    header: Annotated[str, _header, patterned(f"^{_HEADER}$")] = Field(
        "X-Forwarded-User", description="the header that it sets to the name of whoever it let in"
    )
    trusted: Annotated[
        list[Annotated[str, AfterValidator(_network), patterned(r"^\s*[0-9A-Fa-f:./]+\s*$")]],
        AfterValidator(some("so nobody could come in; name the proxy's address")),
    ] = Field(
        ["127.0.0.1", "::1"],
        json_schema_extra={"minItems": 1},
        description="the addresses and networks that it asks us from; no other is believed",
    )


def build_proxy(form: ProxyForm) -> ProxySettings:
    """Make settings of a form in which everything is lawful."""
    return ProxySettings(form.header, tuple(ip_network(network) for network in form.trusted))
