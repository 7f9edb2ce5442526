"""Pages over HTTP: every vector, who is let in, what the sender is told, and what is told of it."""

import asyncio
import base64
import contextlib
import gzip
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from orchestrator.domain.pages import Closed, Ignored, Opened, Signal
from orchestrator.edges.http.intake import IntakeLimits, IntakeRoutes, Report
from orchestrator.edges.intake.authentication import Lock
from orchestrator.edges.intake.options import Options
from orchestrator.edges.intake.signatures import Scheme, Signature
from orchestrator.edges.intake.sources import Kind, Source
from orchestrator.foundation.secret import Secret
from orchestrator.ports.intake import Outcome, OverloadedError, Receipt
from orchestrator.ports.store import StoreFault
from tests.http.served import Answer, Served, served
from tests.properties.test_intake import TELLING, damage, paths
from tests.webhooks import SAMPLES, VECTORS, Vector, declared, kind_of, sample, tree

NOW: Final = datetime(2026, 11, 22, 16, tzinfo=UTC)
BEARER: Final = "b" * 32
END: Final = "e" * 32
AUTH: Final = {"Authorization": f"Bearer {BEARER}"}
LINK: Final = "https://rooms.example/r/oncall/it-1-abc"
OPEN: Final = sample("generic-page-open")
OPENED: Final = Receipt(Outcome.OPENED, link=LINK, room_id="room-1", created=True)


@dataclass
class Desk:
    """Takes signals, or fails."""

    receipt: Receipt = OPENED
    taken: list[Signal] = field(default_factory=list)
    waits: list[timedelta] = field(default_factory=list)
    fault: Exception | None = None
    going_on: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def __post_init__(self) -> None:
        self.going_on.set()

    async def received(
        self, signals: Sequence[Signal], wait: timedelta = timedelta()
    ) -> Sequence[Receipt]:
        self.came.release()
        await self.going_on.wait()
        if self.fault is not None:
            raise self.fault
        self.taken += signals
        self.waits.append(wait)
        return [self.receipt if not isinstance(one, Ignored) else IGNORED for one in signals]

    async def have_come(self, messages: int) -> None:
        """Return when so many more messages are with it."""
        async with asyncio.timeout(5):
            for _ in range(messages):
                await self.came.acquire()


class Watched(IntakeRoutes):
    """Routes that tell when they begin and cease to hold bytes; nothing else does."""

    def __init__(self, now: Callable[[], datetime], report: Report, limits: IntakeLimits) -> None:
        self.holding, self.empty = asyncio.Event(), asyncio.Event()
        super().__init__(now, report, limits)

    @property
    def _held(self) -> int:
        return self._bytes

    @_held.setter
    def _held(self, held: int) -> None:
        self._bytes = held
        (self.holding if held else self.empty).set()
        (self.empty if held else self.holding).clear()


IGNORED: Final = Receipt(Outcome.IGNORED, why="nothing for us")


@dataclass
class Stand:
    """Routes on a server, and the desk behind them."""

    routes: Watched
    desk: Desk
    here: Served
    now: list[datetime]
    told: list[tuple[str, dict[str, object]]]

    async def post(
        self,
        body: bytes = OPEN,
        path: str = "/in/own",
        headers: dict[str, str] | None = None,
        method: str = "POST",
    ) -> Answer:
        """Send one page."""
        return await self.here.ask(method, path, body, AUTH if headers is None else headers)

    @property
    def opened(self) -> list[Opened]:
        """What opened."""
        return [one for one in self.desk.taken if isinstance(one, Opened)]


def source(kind: Kind = Kind.GENERIC, name: str = "own", **more: Any) -> Source:
    """A source that is known by a bearer token, unless the test says otherwise."""
    return Source(name, kind, **{"lock": Lock(bearer=(Secret(BEARER),)), **more})


@asynccontextmanager
async def stand(*sources: Source, limits: IntakeLimits | None = None) -> AsyncIterator[Stand]:
    """Take pages for the length of the block."""
    now = [NOW]
    told: list[tuple[str, dict[str, object]]] = []
    routes = Watched(
        lambda: now[0],
        lambda event, fields: told.append((event, {**fields})),
        limits or IntakeLimits(),
    )
    routes.sources = {one.name: one for one in sources or (source(),)}
    desk = Desk()
    async with served(routes.routes()) as here:
        with routes.taking(desk):
            yield Stand(routes, desk, here, now, told)


def said(answer: Answer) -> Any:
    """What an answer says."""
    return json.loads(answer.text)


# --- the vectors ----------------------------------------------------------------------------------

_FILES: Final = {"pagerduty_v3": Kind.PAGERDUTY, "grafana_hmac": Kind.GRAFANA}


def source_of(vector: Vector) -> Source:
    """A source that a vector is sent to."""
    if vector.scheme == "bearer":
        return source(lock=Lock(bearer=vector.secrets))
    kind = _FILES.get(vector.scheme, Kind.JSON)
    if vector.scheme == "standard_webhooks":
        kind = Kind.INCIDENTIO if vector.id.startswith("iio") else Kind.STANDARD_WEBHOOKS
    options = declared({"key": "key || data.id || incident || token", "open": "@"})
    return source(kind, lock=Lock(signature=vector.signature), options=options)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one.id)
async def test_a_vector_is_answered_as_it_should_be(vector: Vector) -> None:
    """Good ones 2xx and something is made of them, bad ones 401, and never anything else."""
    async with stand(source_of(vector)) as it:
        it.now[0] = vector.now
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        more = form if vector.scheme == "slack_v0" else {}
        told = await it.post(vector.body, headers=vector.headers | more)
        if vector.valid:
            assert told.status in {200, 201, 202}
            assert len(it.desk.taken) == 1
            closes, ignored = vector.id == "iio-closed", vector.id == "out-room-opened"
            kind = Closed if closes else Ignored if ignored else Opened
            assert isinstance(it.desk.taken[0], kind)
        else:
            assert told.status == 401
            assert it.desk.taken == []


async def test_a_secret_is_exchanged_without_a_restart() -> None:
    """Two at once, then the new one alone."""

    def signed_by(secret: str) -> dict[str, str]:
        made = hmac.new(secret.encode(), OPEN, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={made}"}

    def known_by(*secrets: str) -> Source:
        return source(
            lock=Lock(signature=Signature(Scheme.GITHUB_SHA256, tuple(map(Secret, secrets))))
        )

    async with stand(known_by("old")) as it:
        assert (await it.post(headers=signed_by("old"))).status == 201
        it.routes.sources = {"own": known_by("old", "new")}
        assert (await it.post(headers=signed_by("old"))).status == 201
        assert (await it.post(headers=signed_by("new"))).status == 201
        it.routes.sources = {"own": known_by("new")}
        assert (await it.post(headers=signed_by("old"))).status == 401
        assert (await it.post(headers=signed_by("new"))).status == 201


# --- who is let in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        pytest.param("/in/own", {}, id="nothing"),
        pytest.param("/in/own", {"Authorization": f"Bearer {BEARER[:-1]}"}, id="a-part-of-it"),
        pytest.param(f"/in/own/{END}", AUTH, id="an-end-that-is-not-asked-for"),
        pytest.param("/in/end", AUTH, id="without-the-end"),
        pytest.param("/in/end/", AUTH, id="an-empty-end"),
        pytest.param(f"/in/end/{END[:-1]}", AUTH, id="a-part-of-the-end"),
        pytest.param("/in/end/%F0%9F%94%91", AUTH, id="not-ascii"),
        pytest.param("/in/other", AUTH, id="no-such-source"),
        pytest.param(f"/in/other/{END}", AUTH, id="no-such-source-with-an-end"),
        pytest.param("/in/signed", AUTH, id="unsigned"),
        pytest.param("/in/signed", {"FH-Signature": "0"}, id="signed-by-another"),
    ],
)
async def test_whoever_is_not_let_in_gets_one_answer(path: str, headers: dict[str, str]) -> None:
    """Byte for byte, so that nobody learns which sources there are."""
    end = source(name="end", lock=Lock(bearer=(Secret(BEARER),), tokens=(Secret(END),)))
    signed = source(
        name="signed", lock=Lock(signature=Signature(Scheme.FIREHYDRANT, (Secret("s"),)))
    )
    async with stand(source(), end, signed) as it:
        nobody = await it.post(path="/in/nobody", headers={})
        told = await it.post(path=path, headers=headers)
        assert (told.status, told.text) == (nobody.status, nobody.text) == (401, told.text)
        assert dict(told.headers) | {"Date": ""} == dict(nobody.headers) | {"Date": ""}
        assert it.desk.taken == []
        assert (await it.post(path=f"/in/end/{END}")).status == 201


async def test_a_token_may_stand_in_the_query_of_cloudevents() -> None:
    """Where the source says so."""
    lock = Lock(bearer=(Secret(BEARER),), in_query=True)
    async with stand(source(Kind.CLOUDEVENTS, lock=lock)) as it:
        body, kind = sample("cloudevents-structured-page-opened"), "application/cloudevents+json"
        headers = {"Content-Type": kind}
        path = f"/in/own?access_token={BEARER}"
        assert (await it.post(body, path, headers)).status == 202
        assert (await it.post(body, path + "x", headers)).status == 401
        assert (await it.post(body, "/in/own", headers)).status == 401
    async with stand() as it:
        assert (await it.post(path=f"/in/own?access_token={BEARER}", headers={})).status == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH", "OPTIONS"])
async def test_pages_are_posted(method: str) -> None:
    """The same is said of sources that are there and of those that are not."""
    async with stand() as it:
        for path in ("/in/own", "/in/nobody", f"/in/own/{END}"):
            told = await it.here.ask(method, path, None, AUTH)
            assert (told.status, told.headers["Allow"]) == (405, "POST, PUT")


async def test_grafana_may_put() -> None:
    """Its contact points have the choice; so has the slash at the end."""
    async with stand(source(Kind.GRAFANA)) as it:
        body = sample("grafana-alerting-firing")
        assert (await it.post(body, method="PUT")).status == 202
        assert (await it.post(body, path="/in/own/")).status == 202
        assert len(it.opened) == 2


# --- CloudEvents ----------------------------------------------------------------------------------


async def test_the_handshake_of_cloudevents() -> None:
    """Consent for whoever knows the address; it lets nobody in."""
    lock = Lock(bearer=(Secret(BEARER),), tokens=(Secret(END),))
    async with stand(source(Kind.CLOUDEVENTS, lock=lock), source(name="generic")) as it:
        asks = {"WebHook-Request-Origin": "events.example.com", "WebHook-Request-Rate": "120"}
        told = await it.here.ask("OPTIONS", f"/in/own/{END}", None, asks)
        assert (told.status, told.text) == (200, "")
        assert told.headers["WebHook-Allowed-Origin"] == "events.example.com"
        assert told.headers["WebHook-Allowed-Rate"] == "*"
        for path in ("/in/own", f"/in/own/{END[:-1]}", "/in/generic", "/in/nobody"):
            assert (await it.here.ask("OPTIONS", path, None, asks)).status == 401
        for origin in ("", "x" * 254, "é"):
            bad = {"WebHook-Request-Origin": origin}
            assert (await it.here.ask("OPTIONS", f"/in/own/{END}", None, bad)).status == 405


async def test_a_batch_is_not_understood() -> None:
    """Nobody may send one unasked; whoever is not let in does not learn it."""
    async with stand(source(Kind.CLOUDEVENTS)) as it:
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        assert (await it.post(b"[]", headers=AUTH | headers)).status == 415
        assert (await it.post(b"[]", headers=headers)).status == 401
        assert it.desk.taken == []


# --- what the sender is told ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "receipt", "status", "content"),
    [
        pytest.param(
            Kind.GENERIC,
            OPENED,
            201,
            {"outcome": "opened", "created": True, "join_url": LINK, "room_id": "room-1"},
            id="a-new-room",
        ),
        pytest.param(
            Kind.GENERIC,
            Receipt(Outcome.KNOWN, link=LINK, room_id="room-1"),
            200,
            {"outcome": "known", "created": False, "join_url": LINK, "room_id": "room-1"},
            id="the-same-room",
        ),
        pytest.param(
            Kind.GENERIC,
            Receipt(Outcome.OPENED, link=LINK, created=True),
            202,
            {"outcome": "opened", "created": True, "join_url": LINK},
            id="the-room-is-still-made",
        ),
        pytest.param(
            Kind.GENERIC,
            Receipt(Outcome.CLOSED, link=LINK),
            200,
            {"outcome": "closed", "created": False, "join_url": LINK},
            id="closed",
        ),
        pytest.param(
            Kind.GENERIC,
            Receipt(Outcome.WITHHELD, why="the mode is observe"),
            200,
            {"outcome": "withheld", "why": "the mode is observe", "created": False},
            id="observe",
        ),
        pytest.param(
            Kind.ONCALL,
            OPENED,
            200,
            {"outcome": "opened", "created": True, "join_url": LINK, "room_id": "room-1"},
            id="oncall-shows-it",
        ),
        pytest.param(
            Kind.ONCALL,
            Receipt(Outcome.OPENED, link=LINK, created=True),
            202,
            {"outcome": "opened", "created": True, "join_url": LINK},
            id="oncall-shows-our-link",
        ),
        pytest.param(Kind.PAGERDUTY, OPENED, 202, {"outcome": "opened"}, id="nobody-reads-it"),
        pytest.param(
            Kind.PAGERDUTY,
            Receipt(Outcome.WITHHELD, why="the mode is observe"),
            202,
            {"outcome": "withheld", "why": "the mode is observe"},
            id="pagerduty-in-observe",
        ),
    ],
)
async def test_the_answer(
    kind: Kind, receipt: Receipt, status: int, content: dict[str, object]
) -> None:
    """The room where it is asked for, the link where it is shown, and else the outcome."""
    bodies = {
        Kind.GENERIC: OPEN,
        Kind.ONCALL: sample("grafana-oncall-alert-group-created"),
        Kind.PAGERDUTY: sample("pagerduty-v3-incident-triggered"),
    }
    async with stand(source(kind, wait=timedelta(seconds=1.5))) as it:
        it.desk.receipt = receipt
        told = await it.post(bodies[kind])
        assert (told.status, said(told)) == (status, content)
        assert told.headers["Cache-Control"] == "no-store"
        assert it.desk.waits == [timedelta(seconds=1.5)]


async def test_what_is_not_used_is_accepted() -> None:
    """Never a 4xx for a message that was let in, whatever it says."""
    async with stand(source(), source(Kind.PAGERDUTY, "pd")) as it:
        for body in (b"", b"{", b"\xff", b"[]", b"7", b'{"action": null}', b'{"action": "close"}'):
            told = await it.post(body)
            assert (told.status, said(told)["outcome"]) == (200, "ignored")
            assert said(told)["why"] == "nothing for us"
            assert (await it.post(body, "/in/pd")).status == 202
        assert all(isinstance(one, Ignored) for one in it.desk.taken)


async def test_nothing_is_told_of_no_receipts() -> None:
    """A desk that says nothing has ignored it."""
    async with stand() as it:

        async def silent(*_: object) -> Sequence[Receipt]:
            return []

        it.desk.received = silent  # type: ignore[method-assign, assignment]
        told = await it.post()
        assert (told.status, said(told)) == (200, {"outcome": "ignored", "created": False})


@pytest.mark.parametrize(
    "fault", [StoreFault("disk full"), OverloadedError()], ids=["store", "full"]
)
async def test_what_cannot_be_recorded_comes_again(fault: Exception) -> None:
    """503 and when: every sender that tries again at all tries again after it."""
    async with stand(source(Kind.ALERTMANAGER)) as it:
        it.desk.fault = fault
        told = await it.post(sample("alertmanager-v4-firing"))
        assert (told.status, told.headers["Retry-After"]) == (503, "5")
        assert "disk" not in told.text
        it.desk.fault = None
        assert (await it.post(sample("alertmanager-v4-firing"))).status == 202
        assert len(it.told) == 1
        assert it.told[0][1]["source"] == "own"


async def test_between_two_lives_pages_come_again() -> None:
    """Also while there is no desk yet, and only for those who are let in."""
    async with stand() as it:
        with it.routes.taking(None):
            told = await it.post()
            assert (told.status, told.headers["Retry-After"]) == (503, "5")
            assert (await it.post(headers={})).status == 401
        assert (await it.post()).status == 503


async def test_more_at_once_than_are_of_use_come_again() -> None:
    """And there is room again afterwards."""
    async with stand(limits=IntakeLimits(at_once=2)) as it:
        it.desk.going_on.clear()
        async with asyncio.TaskGroup() as group:
            first = [group.create_task(it.post()) for _ in range(2)]
            await it.desk.have_come(2)
            told = await it.post()
            assert (told.status, told.headers["Retry-After"]) == (503, "5")
            it.desk.going_on.set()
        assert {one.result().status for one in first} == {201}
        assert (await it.post()).status == 201


async def test_where_many_wait_for_their_room_others_are_not_turned_away() -> None:
    """Half of the places are for those who want to be recorded and no more."""
    waiting = source(wait=timedelta(seconds=1))
    async with stand(waiting, limits=IntakeLimits(at_once=4)) as it:
        it.desk.going_on.clear()
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(it.post())
            await it.desk.have_come(4)
            it.desk.going_on.set()
        assert sorted(it.desk.waits) == [timedelta(), timedelta(), *[timedelta(seconds=1)] * 2]


async def test_a_desk_that_hangs_is_not_waited_for() -> None:
    """503 before the server's own time is over, which would be a 408."""
    async with stand(limits=IntakeLimits(recording=0.05)) as it:
        it.desk.going_on.clear()
        assert (await it.post()).status == 503
        assert it.told[-1][0] == "intake.slow"
        it.desk.going_on.set()
        assert (await it.post()).status == 201


# --- bodies ---------------------------------------------------------------------------------------


def large(size: int) -> bytes:
    """A page of about so many bytes."""
    body = tree("generic-page-open") | {"text": "x" * size}
    return json.dumps(body).encode()


async def test_a_large_body_is_taken_and_a_huge_one_is_the_operators_error() -> None:
    """Beyond the server's own limit, up to that of pages; inflated, it counts as it is then."""
    async with stand() as it:
        assert (await it.post(large(3 * 1024 * 1024))).status == 201
        squeezed = gzip.compress(large(3 * 1024 * 1024))
        told = await it.post(squeezed, headers=AUTH | {"Content-Encoding": "gzip"})
        assert told.status == 201
        assert [one.page.raw for one in it.opened] == [{}, {}]
        assert it.told == []
        assert (await it.post(large(8 * 1024 * 1024))).status == 413
        assert it.told == [("intake.too_large", {"source": "own", "most": 8 * 1024 * 1024})]
        bomb = gzip.compress(large(9 * 1024 * 1024))
        told = await it.post(bomb, headers=AUTH | {"Content-Encoding": "gzip"})
        assert told.status == 413
        assert len(it.opened) == 2
        assert it.routes._held == 0  # noqa: SLF001 (what was held is given back)


async def test_more_bytes_than_may_be_held_come_again() -> None:
    """Many large bodies at once do not fill the memory."""
    async with stand(limits=IntakeLimits(body=2_000_000, held=100_000)) as it:
        told = await it.post(large(1_000_000))
        assert (told.status, told.headers["Retry-After"]) == (503, "5")
        assert (await it.post(large(10_000))).status == 201


async def test_a_body_that_trickles_in_comes_again() -> None:
    """503, because a 408 would be for ever to some; meanwhile others are served."""
    async with stand(limits=IntakeLimits(reading=0.2, at_once=1)) as it:
        head = f"POST /in/own HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {BEARER}\r\n"
        sent = f"{head}Connection: close\r\nContent-Length: 1000\r\n\r\n{{".encode()
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(it.here.raw(sent))
            assert (await it.post()).status == 201
        assert slow.result().startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5" in slow.result()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "unknown"])
async def test_a_body_that_cannot_be_inflated_is_no_failure_of_ours(encoding: str) -> None:
    """400, and no 5xx: nobody could have been let in by it."""
    async with stand() as it:
        head = f"POST /in/own HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {BEARER}\r\n"
        more = f"Connection: close\r\nContent-Encoding: {encoding}\r\nContent-Length: 9\r\n\r\n"
        answer = await it.here.raw(f"{head}{more}not that!".encode())
        assert answer.split(b" ")[1] in {b"400", b"200"}
        assert not it.opened


async def test_a_sender_that_goes_away_leaves_nothing_behind() -> None:
    """In the middle of its body."""
    async with stand() as it:
        host, _, port = it.here.url.removeprefix("http://").rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /in/own HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {BEARER}\r\n"
        writer.write(f"{head}Content-Length: 100000\r\n\r\n{'x' * 50_000}".encode())
        await writer.drain()
        await asyncio.wait_for(it.routes.holding.wait(), 5)
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        await asyncio.wait_for(it.routes.empty.wait(), 5)
        assert it.desk.taken == []


# --- what is told of it ---------------------------------------------------------------------------


async def test_no_path_token_or_body_is_told() -> None:
    """To the log, or to whoever is not let in."""
    lock = Lock(bearer=(Secret(BEARER),), tokens=(Secret(END),))
    async with stand(source(lock=lock)) as it:
        for path in (f"/in/own/{END}", f"/in/own/{END}x", f"/in/secret-name/{END}"):
            await it.post(path=path)
            await it.post(path=path, headers={"Authorization": "Bearer guessed"})
            await it.post(b"{" + OPEN, path)
        text = f"{it.told} {it.here.told}"
        for secret in (END, BEARER, "secret-name", "guessed", "checkout"):
            assert secret not in text
        assert {event for event, _ in it.told} == {"intake.refused"}


async def test_what_a_person_has_to_do_there_is_told() -> None:
    """GoAlert's code has to be typed by somebody: nobody sees our answer to it."""
    async with stand(source(Kind.GOALERT)) as it:
        assert (await it.post(sample("goalert-verification"))).status == 202
        assert it.told == [("intake.asks", {"source": "own", "what": "type the code 407193 there"})]
        assert (await it.post(sample("goalert-test"))).status == 202
        assert len(it.told) == 1


async def test_a_refusal_is_told_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is refused can not fill the log; a source by its name, others without."""
    async with stand() as it:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for seconds in (0, 1, 59, 61):
            monkeypatch.setattr(loop, "time", lambda s=seconds: begun + s)
            for path in ("/in/own", "/in/a", "/in/b"):
                request = _Asked(path)
                await it.routes._answer(request)  # type: ignore[arg-type] # noqa: SLF001
        monkeypatch.undo()
        assert (
            it.told
            == [
                ("intake.refused", {"source": "own", "why": "no credential, or a wrong one"}),
                ("intake.refused", {"why": "no such source"}),
            ]
            * 2
        )


class _Asked:
    """A request as far as a refusal looks at it."""

    def __init__(self, path: str) -> None:
        self.method = "POST"
        self.match_info = {"source": path.rpartition("/")[2]}
        self.headers: dict[str, str] = {}
        self.query: dict[str, str] = {}


# --- every sample ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
async def test_every_sample_is_accepted(name: str) -> None:
    """As its sender sends it, through the whole door; ten at once are ten openings."""
    body, headers, kind = sample(name), dict(AUTH), kind_of(name)
    if name == "cloudevents-binary-page-opened":
        body = tree(name)["body"].encode()
        headers |= {str(k): str(v) for k, v in tree(name)["headers"].items()}
    elif kind is Kind.CLOUDEVENTS:
        headers["Content-Type"] = "application/cloudevents+json"
    options = declared({"key": "incident || data.id || data.incident.id", "open": "@"})
    async with stand(source(kind, options=options if kind is Kind.JSON else Options())) as it:
        async with asyncio.TaskGroup() as group:
            sent = [group.create_task(it.post(body, headers=headers)) for _ in range(10)]
        assert {one.result().status for one in sent} <= {200, 201, 202}
        assert len(it.desk.taken) == 10
        assert len({repr(one) for one in it.desk.taken}) == 1


async def test_basic_over_http() -> None:
    """As Alertmanager sends it."""
    async with stand(source(Kind.ALERTMANAGER, lock=Lock(basic=(Secret("am:pass:word"),)))) as it:
        given = base64.b64encode(b"am:pass:word").decode()
        body = sample("alertmanager-v4-firing")
        assert (await it.post(body, headers={"Authorization": f"Basic {given}"})).status == 202
        assert (await it.post(body, headers={"Authorization": "Basic x"})).status == 401


async def test_damaged_samples_never_fail_and_openings_open() -> None:
    """Keys removed and nulled at random, through the whole door, five hundred times."""
    chance = random.Random(27)
    options = declared({"key": "incident || data.id || data.incident.id", "open": "@"})
    sources = {
        kind: source(kind, str(kind), options=options if kind is Kind.JSON else Options())
        for kind in map(kind_of, SAMPLES)
    }
    opened = 0
    async with stand(*sources.values()) as it:
        for _ in range(500):
            name = chance.choice([one for one in SAMPLES if not one.startswith("cloudevents-b")])
            kind, body = kind_of(name), tree(name)
            headers = AUTH | {"Content-Type": "application/cloudevents+json"}
            headers |= {} if kind is Kind.CLOUDEVENTS else {"Content-Type": "application/json"}
            path = f"/in/{kind}"
            it.desk.taken.clear()
            await it.post(json.dumps(body).encode(), path, headers)
            (whole,) = it.desk.taken
            telling = next(steps for start, steps in TELLING.items() if name.startswith(start))
            places = [place for place in paths(body) if place != telling[: len(place)]]
            for place in chance.sample(places, chance.randint(1, min(6, len(places)))):
                damage(body, place, chance.choice((..., None)))
            told = await it.post(json.dumps(body).encode(), path, headers)
            assert told.status in {200, 201, 202}
            if isinstance(whole, Opened):
                assert isinstance(it.desk.taken[-1], Opened), (name, body)
                opened += 1
    assert opened > 100


async def test_what_came_of_each_source_is_counted() -> None:
    """Taken, refused and told to come again, with the moments; of no source nothing is kept."""
    quiet = source(name="quiet")
    async with stand(source(), quiet) as one:
        await one.post()
        one.now[0] += timedelta(minutes=1)
        await one.post()
        await one.post(headers={"Authorization": "Bearer wrong"})
        await one.post(path="/in/nobody")
        one.desk.fault = StoreFault("the disk is full")
        await one.post()
        own, other = one.routes.rows()
        assert (own.name, own.kind, own.taken, own.refused, own.put_off) == (
            *("own", "generic"),
            *(2, 1, 1),
        )
        assert own.last_at == own.refused_at == NOW + timedelta(minutes=1)
        assert (other.name, other.taken, other.last_at) == ("quiet", 0, None)
