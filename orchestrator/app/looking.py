"""Who may look at the status page of this installation: from settings, with secrets taken in."""

from __future__ import annotations

from typing import Final

from orchestrator.app.refusing import StartError
from orchestrator.config import Settings
from orchestrator.edges.http.proxies import Proxy
from orchestrator.edges.http.status import Access
from orchestrator.foundation.secret import Secret

_LEAST: Final = 32  # characters


def read_page_access(settings: Settings) -> Access:
    """Who may look and act by these settings.

    Raises:
        StartError: a token is too weak, or two people have the same; the text quotes none.
        SecretFault: one is not where the config says that it is.
    """
    status = settings.http.status
    tokens: dict[str, Secret] = {}
    for name, source in sorted(status.tokens.items()):
        token = source.read()
        if len(token.reveal()) < _LEAST:
            message = (
                f"http.status.tokens.{name} has less than {_LEAST} characters; make one with:  "
                "openssl rand -hex 32"
            )
            raise StartError(message)
        same = next((other for other, known in tokens.items() if known == token), None)
        if same is not None:
            message = (
                f"http.status.tokens: {same} and {name} have the same token, so nobody could tell "
                "who acts; give each their own"
            )
            raise StartError(message)
        tokens[name] = token
    proxy = status.proxy
    return Access(
        loopback=status.loopback,
        tokens=tokens,
        proxy=None if proxy is None else Proxy(proxy.header, proxy.trusted),
        public_url=settings.http.public_url or "",
    )
