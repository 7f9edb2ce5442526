"""/metrics: who is told, in which form, and nobody else."""

from collections.abc import Mapping

import pytest

from orchestrator.edges.http.metrics import MetricsAccess, MetricsRoutes
from orchestrator.foundation.secret import Secret
from tests.http.served import Answer, served

TOKEN = "7f" * 16
TEXT = b"room_orchestrator_ready 1.0\n"


async def text(accept: str) -> tuple[str, bytes]:
    """What is told, by what the asker can read."""
    return f"text/plain; version=0.0.4; accept={accept.partition(';')[0]}", TEXT


async def ask(
    access: MetricsAccess, headers: Mapping[str, str] | None = None, *, telling: bool = True
) -> Answer:
    """One scrape."""
    routes = MetricsRoutes(access)
    async with served(routes.routes()) as here:
        if not telling:
            return await here.ask("GET", "/metrics", headers=headers)
        with routes.telling(text):
            return await here.ask("GET", "/metrics", headers=headers)


async def test_this_machine_is_told() -> None:
    """The text as it is made, for what it can read; kept by nobody."""
    answer = await ask(MetricsAccess(), {"Accept": "application/openmetrics-text; version=1.0.0"})
    assert (answer.status, answer.text) == (200, TEXT.decode())
    assert answer.headers["Content-Type"].endswith("accept=application/openmetrics-text")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("access", "headers"),
    [
        (MetricsAccess(public=True), {}),
        (MetricsAccess(), {"X-Forwarded-For": "192.0.2.7"}),
        (MetricsAccess(), {"Forwarded": "for=192.0.2.7"}),
        (MetricsAccess(), {"Host": "rooms.example.com"}),
        (MetricsAccess(), {"Host": "192.0.2.7:8440"}),
    ],
    ids=["public address", "proxy", "proxy by RFC 7239", "rebound name", "another address"],
)
async def test_without_a_token_nobody_else_is(
    access: MetricsAccess, headers: Mapping[str, str]
) -> None:
    """What a proxy beside us sends on comes from this machine, too."""
    answer = await ask(access, headers)
    assert answer.status == 403
    assert "http.metrics.token" in answer.text
    assert TEXT.decode() not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:8440"])
async def test_this_machine_has_several_names(host: str) -> None:
    """All of its own."""
    assert (await ask(MetricsAccess(), {"Host": host})).status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
        (f"Bearer {TOKEN}0", 401),
        ("Bearer ", 401),
        (f"Basic {TOKEN}", 401),
        ("Bearer \udcff", 401),
        (None, 401),
    ],
)
@pytest.mark.parametrize("public", [False, True])
async def test_where_there_is_a_token_it_is_asked_for(
    sent: str | None, status: int, public: bool
) -> None:
    """From everywhere, and never told back."""
    access = MetricsAccess(token=Secret(TOKEN), public=public)
    headers = {} if sent is None else {"Authorization": sent}
    if sent is not None and "\udcff" in sent:
        routes = MetricsRoutes(access)
        async with served(routes.routes()) as here:
            raw = await here.raw(
                b"GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\r\n"
                b"Connection: close\r\n\r\n"
            )
        assert raw.startswith(b"HTTP/1.1 401")
        return
    answer = await ask(access, headers)
    assert answer.status == status
    assert TOKEN not in answer.text
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_before_and_after_it_is_to_be_asked_again() -> None:
    """There is nothing to tell yet."""
    answer = await ask(MetricsAccess(), telling=False)
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"


async def test_where_metrics_are_off_there_is_no_such_path() -> None:
    """Not even for this machine."""
    assert (await ask(MetricsAccess(enabled=False))).status == 404
