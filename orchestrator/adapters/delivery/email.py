"""Email by SMTP: one mail when a link is there and one at the end (webhooks guide 4.9).

Each is plain text and HTML with a Message-ID that stays over its attempts, so that readers see one
mail where a lost answer made it two, and the last one answers the first.  ``Auto-Submitted`` keeps
autoresponders still.  The connection is encrypted and the server's certificate is checked, unless
config.yaml says otherwise.

Who of several receivers has it is remembered while the daemon runs: a retry goes to the others.
Refuses nothing for its text: header lines are made of one line each.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from enum import StrEnum
from html import escape
from typing import Any, Final

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from orchestrator.adapters.delivery.posting import ReadSecret
from orchestrator.domain.wording import Message, cut
from orchestrator.foundation.outbound import unreached
from orchestrator.foundation.reach import NotAllowedError, Reach
from orchestrator.foundation.secret import SecretFault
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import (
    DeliveredInPartError,
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)

_SUBJECT_MOST: Final = 200
_QUIT: Final = 1.0  # second for a goodbye
_REMEMBERED: Final = 1_000  # mails of which it is known who has them
_POLICY: Final = SMTP_POLICY.clone(cte_type="7bit")  # passes every server


class Security(StrEnum):
    """How the connection is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Account:
    """Where mail is handed in.

    Attributes:
        username: None: nobody logs in.
        password: reads it; None together with `username`.
        timeout: seconds, for connecting and for each answer.
    """

    host: str
    port: int
    security: Security = Security.STARTTLS
    username: str | None = None
    password: ReadSecret | None = None
    timeout: float = 10.0


class EmailPoster:
    """Implements `orchestrator.adapters.delivery.telling.Poster`.

    Args:
        sender: a bare address; the Message-IDs are of its domain.
        to: bare addresses.
        tls: for a certificate authority of one's own; by default the system's.
    """

    edits: Final = False
    spacing: Final = 0.2

    def __init__(
        self,
        account: Account,
        sender: str,
        to: tuple[str, ...],
        reach: Reach,
        clock: Clock,
        *,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._account = account
        self._sender = sender
        self._to = to
        self._reach = reach
        self._clock = clock
        self._tls = tls
        self._has: OrderedDict[str, set[str]] = OrderedDict()

    def __repr__(self) -> str:
        return f"EmailPoster({self._account.host!r}, {len(self._to)} receivers)"

    async def post(self, message: Message, attempt: int) -> str:
        """Send the first mail; the handle is its id. Raises `DeliveryFault`."""
        del attempt
        await self._send(self._mail(message, message.id, None), message.id)
        return message.id

    async def amend(self, message: Message, handle: str, attempt: int) -> str:
        """Send the mail of the end, which answers the first. Raises `DeliveryFault`."""
        del attempt
        name = f"{message.id}-end"
        await self._send(self._mail(message, name, message.id), handle or message.id, name)
        return handle

    async def check(self) -> str:
        """Log in and say NOOP. Raises `DeliveryFault`."""
        async with self._connected() as smtp:
            with _translated():
                await smtp.noop()
        how = "without encryption" if self._account.security is Security.NONE else "encrypted"
        return f"the server takes us, {how}; receivers are seen with the first mail"

    async def close(self) -> None:
        """Nothing is held between mails."""

    async def _send(self, mail: EmailMessage, handle: str, name: str | None = None) -> None:
        name = name or handle
        has = self._has.setdefault(name, set())
        while len(self._has) > _REMEMBERED:
            self._has.popitem(last=False)
        rest = [one for one in self._to if one not in has]
        refused: Mapping[str, tuple[int, str]] = {}
        if rest:
            async with self._connected() as smtp:
                with _translated(sent=True):
                    try:
                        text = mail.as_bytes(policy=_POLICY)
                        refused, _ = await smtp.sendmail(self._sender, rest, text)
                    except SMTPRecipientsRefused as all_of_them:
                        refused = {one.recipient: (one.code, "") for one in all_of_them.recipients}
        has.update(one for one in rest if one not in refused)
        if refused:
            raise _refusal({who: code for who, (code, _) in refused.items()}, has, handle)

    def _mail(self, message: Message, name: str, answers: str | None) -> EmailMessage:
        domain = self._sender.rpartition("@")[2]
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._to)
        mail["Subject"] = cut(message.subject, _SUBJECT_MOST)
        mail["Date"] = format_datetime(self._now())
        mail["Message-ID"] = f"<{name}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        if answers is not None:
            mail["In-Reply-To"] = mail["References"] = f"<{answers}@{domain}>"
        mail.set_content(plain(message))
        mail.add_alternative(html(message), subtype="html")
        return mail

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[SMTP]:
        account = self._account
        password = await asyncio.to_thread(_password, account.password)
        plain = account.security is Security.NONE
        # It reads all authorities of the system, from the disk.
        tls = None if plain else await asyncio.to_thread(self._tls)
        smtp = SMTP(
            hostname=account.host,
            # Never the name of this machine, which the resolver might be asked for.
            local_hostname=self._sender.rpartition("@")[2],
            timeout=account.timeout,
            use_tls=account.security is Security.TLS,
            start_tls=account.security is Security.STARTTLS,
            tls_context=tls,
            username=account.username,
            password=password,
        )
        connection = await _connect(account, self._reach)
        try:
            with _translated():
                # From here on the connection is asyncio's, which closes it in its own time.
                await smtp.connect(sock=connection)
                if smtp.is_ehlo_or_helo_needed:
                    await smtp.ehlo()
            yield smtp
            with contextlib.suppress(SMTPException, OSError, TimeoutError):
                # Whatever it says now, what it took before is taken.
                await smtp.quit(timeout=_QUIT)
        finally:
            smtp.close()


def plain(message: Message) -> str:
    """The mail as text."""
    lines = [message.headline, message.title, ""]
    lines += [f"{label}: {value}" for label, value in message.facts]
    lines += ["", *(f"{door.label}: {door.url}" for door in message.doors)]
    if message.host is not None:
        lines.append(f"Join as the host: {message.host.reveal()}")
    return "\n".join([*lines, "", *message.sentences, ""])


def html(message: Message) -> str:
    """The same as HTML; no picture, no style from elsewhere."""
    doors = [(door.label, door.url) for door in message.doors]
    if message.host is not None:
        doors.append(("Join as the host", message.host.reveal()))
    facts = "".join(
        f"<tr><td>{escape(label)}</td><td>{escape(value)}</td></tr>"
        for label, value in message.facts
    )
    links = "".join(
        f'<p><a href="{escape(url)}"><strong>{escape(label)}</strong></a></p>'
        for label, url in doors
    )
    notes = "".join(f"<p>{escape(one)}</p>" for one in message.sentences)
    return (
        "<!DOCTYPE html><html><body>"
        f"<h2>{escape(message.headline)}</h2><p>{escape(message.title)}</p>"
        f'<table cellpadding="4">{facts}</table>{links}{notes}</body></html>\n'
    )


def _password(read: ReadSecret | None) -> str | None:
    if read is None:
        return None
    try:
        return read().reveal()
    except SecretFault as error:
        message = f"is not asked: {error}"
        raise DeliveryRefusedError(message) from None


async def _connect(account: Account, reach: Reach) -> socket.socket:
    """Connect to an address that may be connected to. Raises `DeliveryFault`."""
    loop = asyncio.get_running_loop()
    try:
        reach.check_literal(account.host)
        async with asyncio.timeout(account.timeout):
            found = await loop.getaddrinfo(account.host, account.port, type=socket.SOCK_STREAM)
            for *_, where in found:
                reach.check(account.host, str(where[0]))
            return await _first(loop, found, account)
    except NotAllowedError as refusal:
        message = f"is not asked: {refusal}; allow_private can allow it"
        raise DeliveryRefusedError(message) from None
    except TimeoutError:
        message = f"cannot be reached within {account.timeout:g} s"
        raise DeliveryFault(message) from None
    except OSError as error:
        raise DeliveryFault(f"cannot be reached: {unreached(error)}") from None


async def _first(
    loop: asyncio.AbstractEventLoop,
    found: Sequence[tuple[int, int, int, str, Any]],
    account: Account,
) -> socket.socket:
    """A connection to the first address that takes one."""
    failure = OSError(f"{account.host} has no address")
    for family, kind, protocol, _, where in found:
        attempt = socket.socket(family, kind, protocol)
        try:
            attempt.setblocking(False)  # noqa: FBT003 (the socket module's own signature)
            await loop.sock_connect(attempt, where)
        except OSError as error:
            attempt.close()
            failure = error
        except BaseException:
            attempt.close()
            raise
        else:
            return attempt
    raise failure


@contextmanager
def _translated(*, sent: bool = False) -> Iterator[None]:
    """Tell SMTP's errors in the port's words; texts of the server are never shown."""
    try:
        yield
    except (SMTPException, OSError, ValueError) as error:
        raise _fault(error, sent=sent) from None


def _fault(error: Exception, *, sent: bool) -> DeliveryFault:
    if isinstance(error, SMTPAuthenticationError):
        return _by_code(error.code, "does not let us in", "check username and password")
    if isinstance(error, SMTPResponseException):
        return _by_code(error.code, "refuses the mail", "check sender and receivers")
    if _is_about_certificates(error):
        return DeliveryFault("has a certificate that is not trusted")
    if isinstance(error, SMTPException) and "STARTTLS" in str(error):
        return DeliveryRefusedError(
            "does not speak STARTTLS; set security to tls, or to none in a network of your own"
        )
    if sent:
        return DeliveryUnansweredError("broke the connection, or was silent, over the mail")
    return DeliveryFault("cannot be talked to: it broke the connection, or was silent")


def _by_code(code: int, told: str, hint: str) -> DeliveryFault:
    if 400 <= code < 500:
        return DeliveryFault(f"{told} for now ({code})")
    return DeliveryRefusedError(f"{told} ({code}); {hint}")


def _refusal(codes: Mapping[str, int], has: set[str], handle: str) -> DeliveryFault:
    """What refused receivers mean; the addresses are those of config.yaml."""
    named = ", ".join(f"{who} ({code})" for who, code in sorted(codes.items()))
    if any(400 <= code < 500 for code in codes.values()):
        return DeliveryFault(f"does not take it for {named} for now")
    told = f"refuses {named}; mend or remove them in `to`"
    return DeliveredInPartError(told, handle) if has else DeliveryRefusedError(told)


def _is_about_certificates(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
