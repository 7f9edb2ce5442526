"""Mail handed in to a real server: what it holds, who has it, and what each refusal means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.adapters.delivery.email import Account, EmailPoster, Security
from orchestrator.adapters.delivery.posting import ReadSecret
from orchestrator.domain.wording import message_of
from orchestrator.foundation.problems import Place, Problem
from orchestrator.foundation.reach import Reach, read_reach
from orchestrator.foundation.secret import Secret, SecretFault
from orchestrator.ports.deliveries import (
    DeliveredInPartError,
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)
from tests.contract.messenger_stands import CLOSED, HERE, LINK, OPEN, PAGE, WAITING, secret
from tests.fakes.chats import Mishap
from tests.fakes.clock import VirtualClock
from tests.fakes.mail import MailServer
from tests.tls import own_certificate, serving_with

ANNA, BERT, CARA = "anna@example.com", "bert@example.com", "cara@example.com"


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer().serving() as server:
        yield server


def mailing(
    server: MailServer,
    *to: str,
    security: Security = Security.NONE,
    login: tuple[str, ReadSecret] | None = None,
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    reach: Reach = HERE,
    host: str = "127.0.0.1",
) -> EmailPoster:
    username, password = login or (None, None)
    account = Account(host, server.port, security, username, password, timeout=30.0)
    return EmailPoster(account, "rooms@example.com", to or (ANNA,), reach, VirtualClock(), tls=tls)


async def test_a_mail_has_two_forms_and_the_heads_that_it_needs(server: MailServer) -> None:
    """Read as people and their programs would."""
    told = replace(OPEN, host_link=Secret("https://host"))
    await mailing(server, ANNA, BERT).post(message_of(told), 1)
    (mail,) = server.mails
    assert dict(mail.items()) == {
        "From": "rooms@example.com",
        "To": f"{ANNA}, {BERT}",
        "Subject": "The room is open: Checkout error rate above 14 % in eu1",
        "Date": "Mon, 05 Jan 2026 09:00:00 +0000",
        "Message-ID": "<a1b2c3d4-1@example.com>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": mail["Content-Type"],
    }
    plain, html = mail.iter_parts()
    assert plain.get_content().splitlines() == [
        "The room is open",
        "Checkout error rate above 14 % in eu1",
        "",
        "Severity: critical",
        "Service: checkout-api",
        "Page: pagerduty 4182",
        "Opened: 2026-11-22 15:58 UTC",
        "",
        f"Join the room: {LINK}",
        f"Open the page: {PAGE.url}",
        "Join as the host: https://host",
        "",
    ]
    assert html.get_content_type() == "text/html"
    assert f'<a href="{LINK}"><strong>Join the room</strong></a>' in html.get_content()
    assert '<a href="https://host">' in html.get_content()
    assert server.receivers == [[ANNA, BERT]]


async def test_the_mail_of_the_end_answers_the_first(server: MailServer) -> None:
    """So that they stand together, whatever the title is by then."""
    poster = mailing(server)
    assert not poster.edits
    handle = await poster.post(message_of(WAITING), 1)
    await poster.amend(message_of(replace(CLOSED, title="Another")), handle, 1)
    end = server.mails[1]
    assert end["Message-ID"] == "<a1b2c3d4-1-end@example.com>"
    assert end["In-Reply-To"] == end["References"] == "<a1b2c3d4-1@example.com>"
    assert "The link says what was." in server.seen()[1]


@pytest.mark.parametrize(
    "title",
    [
        "x\r\nBcc: evil@example.com\r\n\r\nbody",
        "x\nSubject: other",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "Ümläut 🔥 \ud800 \u202e",
        "x" * 5_000,
        ".\r\n.\r\nQUIT",
        "=?utf-8?q?evil?=",
    ],
    ids=["header", "subject", "html", "letters", "long", "dot", "encoded"],
)
async def test_a_title_does_nothing(server: MailServer, title: str) -> None:
    """No header, no markup, no end of the mail; and it arrives whatever letters it has."""
    told = replace(OPEN, title=title, page=replace(PAGE, service=title))
    await mailing(server).post(message_of(told), 1)
    (mail,) = server.mails
    assert "Bcc" not in mail
    assert len(mail.get_all("Subject") or []) == 1
    assert len(mail["Subject"]) <= 200
    plain, html = mail.iter_parts()
    assert LINK in plain.get_content()
    assert "<script" not in html.get_content()
    assert "<img" not in html.get_content()
    assert server.receivers == [[ANNA]]


async def test_some_who_are_refused_for_good_are_told_of(server: MailServer) -> None:
    """The others have it, and have it once."""
    server.refuses = {BERT: "550 hunter2 no such mailbox"}
    poster = mailing(server, ANNA, BERT)
    with pytest.raises(DeliveredInPartError) as caught:
        await poster.post(message_of(OPEN), 1)
    assert str(caught.value) == "refuses bert@example.com (550); mend or remove them in `to`"
    assert caught.value.handle == "a1b2c3d4-1"
    with pytest.raises(DeliveredInPartError) as caught:
        await poster.amend(message_of(CLOSED), "a1b2c3d4-1", 1)
    assert caught.value.handle == "a1b2c3d4-1"
    assert server.receivers == [[ANNA], [ANNA]]


async def test_some_who_are_refused_for_now_are_tried_again_alone(server: MailServer) -> None:
    """Greylisting: whoever has it does not get it twice."""
    server.refuses = {BERT: "451 hunter2 greylisted", CARA: "550 gone"}
    poster = mailing(server, ANNA, BERT, CARA)
    with pytest.raises(DeliveryFault) as caught:
        await poster.post(message_of(OPEN), 1)
    assert type(caught.value) is DeliveryFault
    assert "hunter2" not in str(caught.value)
    server.refuses = {}
    await poster.post(message_of(OPEN), 2)
    await poster.post(message_of(OPEN), 3)
    assert server.receivers == [[ANNA], [BERT, CARA]]
    assert server.mails[0]["Message-ID"] == server.mails[1]["Message-ID"]


async def test_all_who_are_refused(server: MailServer) -> None:
    """For good, or for now."""
    poster = mailing(server, ANNA, BERT)
    server.refuses = {ANNA: "550 no", BERT: "550 no"}
    with pytest.raises(DeliveryRefusedError) as caught:
        await poster.post(message_of(OPEN), 1)
    assert not isinstance(caught.value, DeliveredInPartError)
    server.refuses = {ANNA: "550 no", BERT: "450 later"}
    with pytest.raises(DeliveryFault) as later:
        await poster.post(message_of(OPEN), 1)
    assert type(later.value) is DeliveryFault
    assert server.mails == []


@pytest.mark.parametrize(
    ("answer", "refused"), [("452 hunter2 full", False), ("554 hunter2 spam", True)]
)
async def test_a_whole_mail_that_is_refused(server: MailServer, answer: str, refused: bool) -> None:
    """By its number; the server's words may quote anything."""
    server.data = answer
    with pytest.raises(DeliveryFault) as caught:
        await mailing(server).post(message_of(OPEN), 1)
    assert isinstance(caught.value, DeliveryRefusedError) == refused
    assert answer[:3] in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_mail_that_is_too_much_to_remember_is_forgotten(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has which mail is held for the last ones."""
    monkeypatch.setattr("orchestrator.adapters.delivery.email._REMEMBERED", 1)
    poster = mailing(server)
    await poster.post(message_of(OPEN), 1)
    await poster.post(message_of(replace(OPEN, id="other")), 1)
    await poster.post(message_of(OPEN), 2)
    assert len(server.mails) == 3


# --- the connection -----------------------------------------------------------------------------


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_it_is_encrypted_and_the_certificate_is_checked(
    tmp_path: Path, security: Security
) -> None:
    """A stranger is told neither password nor mail."""
    own = own_certificate(tmp_path / "own.pem")
    serving = MailServer(serving_with(own), from_the_start=security is Security.TLS).serving()
    async with serving as server:
        login = ("rooms", secret("hunter2"))
        stranger = mailing(server, security=security, login=login)
        with pytest.raises(DeliveryFault) as caught:
            await stranger.post(message_of(OPEN), 1)
        assert str(caught.value) == "has a certificate that is not trusted"
        assert not server.logins

        def trusted() -> ssl.SSLContext:
            return ssl.create_default_context(cafile=str(own))

        poster = mailing(server, security=security, login=login, tls=trusted)
        await poster.post(message_of(OPEN), 1)
        assert server.logins == [("rooms", "hunter2")]
        assert len(server.mails) == 1
        assert await poster.check() == (
            "the server takes us, encrypted; receivers are seen with the first mail"
        )


async def test_a_server_without_starttls_is_refused(server: MailServer) -> None:
    """It is not talked to in the clear instead."""
    login = ("rooms", secret("hunter2"))
    poster = mailing(server, security=Security.STARTTLS, login=login)
    with pytest.raises(DeliveryRefusedError, match="does not speak STARTTLS"):
        await poster.post(message_of(OPEN), 1)
    assert not server.logins
    assert not server.mails


async def test_a_login_that_is_refused(server: MailServer) -> None:
    """With what to mend; a password that is not there is told by its place."""
    server.mishap = Mishap.KEY
    poster = mailing(server, login=("rooms", secret("hunter2 with blanks")))
    with pytest.raises(DeliveryRefusedError) as caught:
        await poster.check()
    assert str(caught.value) == "does not let us in (535); check username and password"
    assert "hunter2" not in repr(poster)

    def missing() -> Secret:
        raise SecretFault(Problem(Place("config.yaml", 9, 3), "secrets/x is empty"))

    with pytest.raises(DeliveryRefusedError, match=r"is not asked: config\.yaml:9:3"):
        await mailing(server, login=("rooms", missing)).check()


async def test_a_look_sends_nothing(server: MailServer) -> None:
    """NOOP."""
    assert "without encryption" in await mailing(server).check()
    assert server.mails == []
    await mailing(server).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "::1"])
async def test_a_private_server_has_to_be_allowed(server: MailServer, host: str) -> None:
    """Not one byte leaves."""
    with pytest.raises(DeliveryRefusedError, match="allow_private can allow it"):
        await mailing(server, host=host, reach=Reach()).post(message_of(OPEN), 1)
    assert not server.mails


async def test_a_name_that_is_allowed_may_be_private(server: MailServer) -> None:
    """The first of its addresses that takes a connection is taken."""
    reach = read_reach(("localhost",))
    await mailing(server, host="localhost", reach=reach).post(message_of(OPEN), 1)
    assert len(server.mails) == 1


async def test_nobody_at_home() -> None:
    """Told without the address that asyncio adds."""
    async with MailServer().serving() as server:
        pass
    with pytest.raises(DeliveryFault) as caught:
        await mailing(server).post(message_of(OPEN), 1)
    assert type(caught.value) is DeliveryFault
    assert str(caught.value) == "cannot be reached: Connection refused"


async def test_a_name_that_nobody_knows(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or that has no address, or none in time."""
    loop = asyncio.get_running_loop()

    async def none(*_: object, **__: object) -> list[object]:
        return []

    async def unknown(*_: object, **__: object) -> list[object]:
        raise OSError(-2, "Name or service not known")

    async def slow(*_: object, **__: object) -> list[object]:
        raise TimeoutError

    for answer, told in (
        (none, "cannot be reached: no connection"),
        (unknown, "cannot be reached: Name or service not known"),
        (slow, "cannot be reached within 30 s"),
    ):
        monkeypatch.setattr(loop, "getaddrinfo", answer)
        with pytest.raises(DeliveryFault, match=told):
            await mailing(server, host="smtp.invalid").post(message_of(OPEN), 1)


async def test_a_connection_that_is_given_up_is_closed(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever gives it up."""
    loop = asyncio.get_running_loop()

    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(loop, "sock_connect", cancelled)
    with pytest.raises(asyncio.CancelledError):
        await mailing(server).post(message_of(OPEN), 1)


@asynccontextmanager
async def speaking(*lines: bytes) -> AsyncIterator[MailServer]:
    """What says these lines, one for each that it hears, and then is silent or gone."""
    silent = asyncio.Event()
    speakers: list[asyncio.Task[None] | None] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        speakers.append(asyncio.current_task())
        for line in lines:
            writer.write(line)
            await writer.drain()
            if not line:
                break
            await reader.readline()
        else:
            await silent.wait()
        writer.close()

    listening = await asyncio.start_server(speak, "127.0.0.1", 0)
    server = MailServer()
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        silent.set()
        await asyncio.gather(*filter(None, speakers))
        listening.close()
        await listening.wait_closed()


OK = b"250 ok\r\n"


@pytest.mark.parametrize(
    ("lines", "unanswered"),
    [
        ((b"",), False),
        ((b"SSH-2.0\r\n",), False),
        ((b"220 hi\r\n", b""), False),
        ((b"220 hi\r\n", OK, OK, OK, b"354 go\r\n", b""), True),
        ((b"554 hunter2 go away\r\n",), False),
    ],
    ids=["gone at once", "no SMTP", "gone after a word", "gone over the mail", "unwelcome"],
)
async def test_a_conversation_that_breaks(lines: tuple[bytes, ...], unanswered: bool) -> None:
    """Nobody knows only where the mail was on its way."""
    async with speaking(*lines) as server:
        with pytest.raises(DeliveryFault) as caught:
            await mailing(server).post(message_of(OPEN), 1)
    assert isinstance(caught.value, DeliveryUnansweredError) == unanswered
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_is_silent() -> None:
    """Its time is bounded."""
    async with speaking() as server:
        poster = EmailPoster(
            Account("127.0.0.1", server.port, Security.NONE, timeout=0.5),
            "rooms@example.com",
            (ANNA,),
            HERE,
            VirtualClock(),
        )
        with pytest.raises(DeliveryFault, match=r"was silent|cannot be reached"):
            await poster.post(message_of(OPEN), 1)
