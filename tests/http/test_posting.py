"""Requests to destinations over real sockets: what left, what came back, and what is never told."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from orchestrator.adapters.delivery.posting import (
    ANSWER_MOST,
    Answer,
    Bounds,
    Post,
    header_of,
    json_bytes,
)
from orchestrator.foundation.problems import Place, Problem
from orchestrator.foundation.reach import Reach, read_reach
from orchestrator.foundation.secret import Secret, SecretFault
from orchestrator.ports.deliveries import (
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)
from tests.fakes.chats import Asked, Chat, Reply
from tests.fakes.chats import serving as serving_chat
from tests.fakes.clock import START, VirtualClock
from tests.fakes.service import Said, message, serving
from tests.tls import own_certificate, serving_with

HERE = read_reach(("127.0.0.0/8", "::1"))
BOUNDS = Bounds(connect=30.0, total=30.0)
BRIEF = Bounds(connect=30.0, total=0.3)


async def ask(
    url: str,
    method: str = "POST",
    body: bytes | None = b"{}",
    *,
    reach: Reach = HERE,
    tls: ssl.SSLContext | None = None,
    resolver: AbstractResolver | None = None,
    bounds: Bounds = BOUNDS,
) -> Answer:
    post = Post(reach, VirtualClock(), bounds, tls=tls, resolver=resolver)
    try:
        return await post.ask(method, url, {"Authorization": "Bearer hunter2"}, body)
    finally:
        await post.close()


async def fault_of(url: str, method: str = "POST", **how: object) -> DeliveryFault:
    with pytest.raises(DeliveryFault) as caught:
        await ask(url, method, **how)  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)
    return caught.value


async def test_what_is_sent_is_what_was_given() -> None:
    """Byte for byte, and with no cookie of an earlier answer."""
    chat = Chat()
    chat.reply = lambda _: Reply(200, b"ok", {"Set-Cookie": "session=1"})
    async with serving_chat(chat) as url:
        post = Post(HERE, VirtualClock())
        name = url.replace("127.0.0.1", "localhost")  # of an address by its number none is kept
        await post.ask("POST", name, {}, b"")
        answer = await post.ask("POST", f"{name}/a%2Fb?sig=x%2By&z=%20", {"X-A": "1"}, b"{1}")
        assert (answer.good, answer.text, answer.wait, answer.fields) == (True, "ok", None, {})
        await post.close()
        await post.close()
    assert chat.asked[1].body == b"{1}"
    headers = dict(chat.asked[1].headers)
    assert headers.pop("Host")
    assert headers.pop("Accept-Encoding")
    assert headers == {
        "User-Agent": "room-orchestrator",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-A": "1",
        "Content-Length": "3",
        "Connection": "close",
    }


async def test_the_path_is_not_written_anew() -> None:
    """A workflow's address signs itself."""
    async with serving() as service:
        await ask(f"http://{service.host}/run/a%2fB?sig=x%2By&z=%20", "GET", None)
        assert service.asked[0].path == "/run/a%2fB?sig=x%2By&z=%20"


async def test_a_redirect_is_an_answer() -> None:
    """Neither message nor secret goes where it points."""
    one, other = Chat(), Chat()
    async with serving_chat(one) as url, serving_chat(other) as elsewhere:
        one.reply = lambda _: Reply(307, b"", {"Location": elsewhere})
        answer = await ask(url)
    assert answer.status == 307
    fault = answer.fault()
    assert isinstance(fault, DeliveryRefusedError)
    assert "redirects are not followed" in str(fault)
    assert not other.asked


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """Its beginning is enough to know."""
    async with serving() as service:
        # It promises more than it says, and is silent then.
        service.says(Said(message(b"x" * (ANSWER_MOST + 1), length=ANSWER_MOST * 9), stays=True))
        answer = await ask(service.url, bounds=BOUNDS)
    assert len(answer.body) == ANSWER_MOST
    assert answer.good


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Said(b"", stays=True), "did not answer within 0.3 s"),
        (Said(b""), "closed the connection before it answered"),
        (Said(message(b"half", length=9)), "answered, and was cut off"),
        (Said(b"SSH-2.0-x\r\n\r\n"), "answered with what is no HTTP, or with a head"),
    ],
    ids=["silent", "closed", "cut off", "no HTTP"],
)
async def test_what_left_without_an_answer_is_told_apart(said: Said, told: str) -> None:
    """Nobody knows whether it was taken; a look has changed nothing either way."""
    bounds = BRIEF if said.stays else BOUNDS
    async with serving() as service:
        service.says(said)
        fault = await fault_of(service.url, bounds=bounds)
        assert isinstance(fault, DeliveryUnansweredError)
        assert told in str(fault)
        assert len(service.asked) == 1
        fault = await fault_of(service.url, "GET", bounds=bounds)
        assert type(fault) is DeliveryFault


async def test_nobody_at_home() -> None:
    """Nothing left."""
    async with serving() as service:
        url = service.url
    fault = await fault_of(url)
    assert type(fault) is DeliveryFault
    assert str(fault) == "cannot be reached: Connection refused"


async def test_nobody_who_speaks_tls() -> None:
    """OpenSSL's number for it is not the system's: that would be "Operation not permitted"."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        fault = await fault_of(f"https://127.0.0.1:{port}/x")
    assert type(fault) is DeliveryFault
    assert str(fault).startswith("cannot be reached: TLS failed (")


class Nobody(ThreadedResolver):
    """Knows no name, or never says so."""

    def __init__(self, *, slow: bool = False) -> None:
        super().__init__()
        self._slow = slow

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if self._slow:
            await asyncio.Event().wait()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_a_name_that_nobody_knows() -> None:
    """The resolver's word for it."""
    fault = await fault_of("http://nowhere.invalid/x", resolver=Nobody())
    assert str(fault) == "cannot be reached: Name or service not known"


async def test_a_connection_that_never_comes_about() -> None:
    """Nothing left."""
    bounds = Bounds(connect=0.1, total=5.0)
    fault = await fault_of("http://x.invalid/x", resolver=Nobody(slow=True), bounds=bounds)
    assert type(fault) is DeliveryFault
    assert str(fault) == "cannot be reached within 0.1 s"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "127.1"])
async def test_a_private_address_is_refused_unless_allowed(host: str) -> None:
    """Not one byte leaves."""
    fault = await fault_of(f"http://{host}:9/x", reach=Reach())
    assert isinstance(fault, DeliveryRefusedError)
    assert "allow_private can allow it" in str(fault)


async def test_a_name_of_a_private_address_is_refused_too() -> None:
    """Judged when it is connected to."""
    async with serving() as service:
        fault = await fault_of(f"http://localhost:{service.port}/x", reach=Reach())
        assert isinstance(fault, DeliveryRefusedError)
        assert "localhost has the address" in str(fault)
        assert service.asked == []


@pytest.mark.parametrize(
    "url", ["", "no address", "http://", "http://a:b:c/", "ftp://x.example/", "http://[::1]@"]
)
async def test_what_is_no_address_is_refused(url: str) -> None:
    """Without quoting it: it may be the secret."""
    fault = await fault_of(url)
    assert isinstance(fault, DeliveryFault)
    assert "is not asked: its url is no address" in str(fault) or "cannot be asked" in str(fault)


async def test_a_certificate_that_nobody_signed(tmp_path: Path) -> None:
    """The secret does not leave for a stranger; one's own authority can be trusted."""
    own = own_certificate(tmp_path / "own.pem")
    chat = Chat()
    async with serving_chat(chat, serving_with(own)) as url:
        fault = await fault_of(url, bounds=Bounds())
        assert str(fault) == "has a certificate that is not trusted"
        assert not chat.asked
        trusted = ssl.create_default_context(cafile=str(own))
        assert (await ask(url, tls=trusted, bounds=Bounds())).good


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", 120.0),
        ("1.5", 1.5),
        ("Mon, 05 Jan 2026 09:01:00 GMT", 60.0),
        ("Mon, 05 Jan 2026 09:01:00", 60.0),
        ("Mon, 05 Jan 2026 08:00:00 GMT", 0.0),
        ("999999999", 86_400.0),
        ("soon", None),
        ("-5", None),
        ("9" * 40, None),
        ("Mon, 99 Jan 2026 08:00:00 GMT", None),
        pytest.param("Mon, 05 Jan 2026 08:00:00 +" + "9" * 30, None, id="a zone without end"),
    ],
)
async def test_it_says_when_to_come_back(text: str, wait: float | None) -> None:
    """In either form, at most a day."""
    assert START.hour == 9
    chat = Chat()
    chat.reply = lambda _: Reply(503, b"", {"Retry-After": text})
    async with serving_chat(chat) as url:
        answer = await ask(url)
    assert answer.wait == wait
    assert answer.fault().retry_after == wait


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_weather_is_tried_again(status: int) -> None:
    """With what it asks to wait."""
    fault = Answer(status, {}, b"hunter2", 7.0).fault("mend it", "code")
    assert type(fault) is DeliveryFault
    assert str(fault).startswith(f"answered {status}")
    assert fault.retry_after == 7.0
    assert "hunter2" not in str(fault)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (301, "answered 301 Moved Permanently; redirects are not followed"),
        (400, "answered 400 Bad Request; check the url"),
        (401, "answered 401 Unauthorized; check the secret"),
        (413, "the message is too long for it"),
        (418, "check the url"),
        (299, "answered 299; check the url"),
    ],
)
def test_the_rest_is_refused_with_what_to_mend(status: int, told: str) -> None:
    """By the status alone, or as the destination knows better."""
    fault = Answer(status, {}, b"hunter2").fault()
    assert isinstance(fault, DeliveryRefusedError)
    assert told in str(fault)
    known = str(Answer(400, {}, b"").fault("mend it", "its_code"))
    assert known == "answered 400 Bad Request (its_code); mend it"


@pytest.mark.parametrize("body", [b"", b"[1]", b"no json", b"\xff", b"[" * 100_000])
def test_an_answer_that_holds_no_object_has_no_fields(body: bytes) -> None:
    """Whatever it holds."""
    assert Answer(200, {}, body).fields == {}
    assert isinstance(Answer(200, {}, body).text, str)


def test_json_is_sent_whatever_the_text_holds() -> None:
    """Half a character too."""
    assert json_bytes({"a": "ü\ud800"}) == '{"a":"ü?"}'.encode()


@pytest.mark.parametrize("text", ["with space", "new\nline", "ümlaut"])
def test_a_secret_that_no_header_may_hold_is_refused(text: str) -> None:
    """And not quoted."""
    with pytest.raises(DeliveryRefusedError) as caught:
        header_of(lambda: Secret(text))
    assert text not in str(caught.value)


def test_a_secret_that_is_not_there_is_told_by_its_place() -> None:
    """As whoever reads it says."""

    def read() -> Secret:
        raise SecretFault(Problem(Place("config.yaml", 9, 3), "secrets/x cannot be read"))

    with pytest.raises(DeliveryRefusedError, match=r"is not asked: config\.yaml:9:3"):
        header_of(read)


async def test_what_a_request_was_is_never_in_an_error() -> None:
    """Not by way of what raised it, either (P11)."""

    def silent(_: Asked) -> Reply | None:
        return Reply(500, b"hunter2")

    chat = Chat()
    chat.reply = silent
    async with serving_chat(chat) as url:
        answer = await ask(f"{url}/hooks/hunter2")
    assert "hunter2" not in str(answer.fault())
    with pytest.raises(DeliveryFault) as caught:
        await ask("http://127.0.0.1:9/hunter2")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
