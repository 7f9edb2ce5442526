"""A mail server on a real socket of this machine (aiosmtpd), which refuses as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.fakes.chats import Mishap


class MailServer:
    """Keeps the mail that it took.

    Attributes:
        refuses: receivers that are refused, and how: ``550 no such mailbox``.
        data: what is answered to a whole mail; by default it is taken.
        tls: with a certificate it speaks STARTTLS, or TLS from the start.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, from_the_start: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.receivers: list[list[str]] = []
        self.refuses: dict[str, str] = {}
        self.data = ""
        self.mishap: Mishap | None = None
        self.logins: list[tuple[str, str]] = []
        self.port = 0
        self._tls = tls
        self._from_the_start = from_the_start

    def seen(self) -> list[str]:
        """Each mail, all words of its two forms and of its subject."""
        return [
            "\n".join([mail["Subject"], *(part.get_content() for part in mail.iter_parts())])
            for mail in self.mails
        ]

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.mishap is not Mishap.KEY, handled=False)

    async def handle_MAIL(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.mishap in {Mishap.AWAY, Mishap.BUSY}:
            return "451 hunter2 is busy"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.data:
            return self.data
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.receivers.append(list(envelope.rcpt_tos))
        if self.mishap is Mishap.LOST:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 OK"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[MailServer]:
        """Serve for the length of the block."""
        loop = asyncio.get_running_loop()

        def protocol() -> SMTP:
            return SMTP(
                self,
                hostname="mail.test",
                authenticator=self.authenticate,
                auth_require_tls=False,
                tls_context=None if self._from_the_start else self._tls,
                loop=loop,
            )

        tls = self._tls if self._from_the_start else None
        server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()
