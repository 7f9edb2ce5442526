"""Where a secret may be sent: to the hosts that config.yaml names for it, encrypted.

Policies and config.yaml are often written by different people.  Who writes a policy may use a
secret by its name, and can neither read it nor send it anywhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_OWN_PORTS: Final = {"http": 80, "https": 443}
_THIS_MACHINE: Final = re.compile(r"localhost|::1|127(\.[0-9]{1,3}){3}")


def host_of(url: str) -> str:
    """The host of a lawful address, in lower case; with its port, if that is not the scheme's."""
    parts = urlsplit(url)
    name = _name(parts.hostname or "")
    name = f"[{name}]" if ":" in name else name
    port = parts.port
    return name if port in {None, _OWN_PORTS.get(parts.scheme)} else f"{name}:{port}"


@dataclass(frozen=True, slots=True)
class SecretUse:
    """How one secret may be used.

    Attributes:
        hosts: as `host_of` writes them.
        unencrypted: by http as well; to this machine it may always go so.
    """

    hosts: frozenset[str]
    unencrypted: bool = False

    def refusal(self, name: str, url: str) -> str:
        """Why the secret ``name`` may not go to an address, and how to mend it; empty: it may."""
        host = host_of(url)
        if host not in self.hosts:
            return (
                f'the secret "{name}" may not be sent to {host}; config.yaml says where: '
                f"directories: {{secrets: {{{name}: {{hosts: [{host}]}}}}}}"
            )
        parts = urlsplit(url)
        here = _THIS_MACHINE.fullmatch(_name(parts.hostname or ""))
        if parts.scheme == "http" and not (self.unencrypted or here):
            return (
                f'the secret "{name}" may not be sent unencrypted: write https, or in config.yaml '
                "unencrypted: true beside its hosts"
            )
        return ""


def _name(host: str) -> str:
    return host.lower().rstrip(".")
