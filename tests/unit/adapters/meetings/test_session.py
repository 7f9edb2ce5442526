"""One request after another: repeats, turns, tokens, API time, and what is told of a call."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from datetime import timedelta
from email.utils import format_datetime
from math import floor
from typing import Any

import jwt
import pytest

from orchestrator.adapters.meetings.apitime import ApiTime
from orchestrator.adapters.meetings.readonly import ReadOnly
from orchestrator.adapters.meetings.retry import Again
from orchestrator.adapters.meetings.rooms import Limits, connect
from orchestrator.adapters.meetings.tempo import Tempo
from orchestrator.adapters.meetings.token import Tokens
from orchestrator.adapters.meetings.transport import NoAnswer, NotSent
from orchestrator.domain.facts import ApiCall
from orchestrator.domain.rooms import NewRoom, Patch, RoomType
from orchestrator.ports.faults import (
    Fault,
    UnansweredError,
    UnauthorizedError,
    UnavailableError,
    WithheldError,
)
from orchestrator.ports.rooms import LAST_CALL, URGENT
from tests.fakes.clock import START, VirtualClock, finish, settle
from tests.fakes.meter import FakeMeter, FakeTracer
from tests.fakes.transport import (
    ACCOUNT,
    ROOM_ID,
    Heard,
    Said,
    ScriptedTransport,
    client,
    room_document,
    said,
)
from tests.meetings import APPLICATION, KEY

ROOM = said(room_document())
NEW = NewRoom("Team", RoomType.LONG_TERM, "", {}, START + timedelta(days=30))
WEATHER = [
    NotSent("refused"), NoAnswer("cut"), TimeoutError(), Said(429), Said(500), Said(502), Said(503),
    Said(200, b"<html>"), Said(200, b'{"id"'),
]  # fmt: skip


# --- repeats ---


@pytest.mark.parametrize("turn", WEATHER, ids=repr)
async def test_reading_is_repeated_until_it_is_answered(turn: Any) -> None:
    """Whatever the weather was."""
    transport = ScriptedTransport(turn, turn, ROOM)
    clock = VirtualClock()
    room = await finish(clock, client(transport, clock).get_room(ROOM_ID))
    assert (room.id, transport.methods) == (ROOM_ID, ["GET"] * 3)
    assert 0 < clock.monotonic() < 1


@pytest.mark.parametrize("turn", WEATHER, ids=repr)
async def test_what_changes_something_is_sent_once(turn: Any) -> None:
    """Whatever the weather was: nobody knows what the first one did."""
    transport = ScriptedTransport(turn)
    clock = VirtualClock()
    rooms = client(transport, clock)
    with pytest.raises((UnansweredError, UnavailableError)):
        await finish(clock, rooms.create_room(NEW))
    with pytest.raises((UnansweredError, UnavailableError)):
        await finish(clock, rooms.update_room(ROOM_ID, Patch({"theme_id": None})))
    # A DELETE needs no body, but no page either.
    readable = isinstance(turn, Said) and turn.status == 200 and not turn.body.startswith(b"<")
    with nullcontext() if readable else pytest.raises((UnansweredError, UnavailableError)):
        await finish(clock, rooms.delete_room(ROOM_ID))
    assert transport.methods == ["POST", "PATCH", "DELETE"]
    assert clock.monotonic() == 0


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 422, 501])
async def test_a_refusal_of_reading_is_not_repeated(status: int) -> None:
    """It would be the same again."""
    transport = ScriptedTransport(Said(status))
    with pytest.raises(Fault):
        await client(transport, VirtualClock()).get_room(ROOM_ID)
    assert len(transport.heard) == 1


async def test_pauses_double_and_end() -> None:
    """Four attempts; the last fault is raised as it is, with its cause."""
    silence = NoAnswer("cut")
    transport = ScriptedTransport(silence)
    clock = VirtualClock()
    with pytest.raises(UnavailableError, match="cut") as caught:
        await finish(clock, client(transport, clock).get_room(ROOM_ID))
    assert caught.value.__cause__ is silence
    assert len(transport.heard) == 4
    assert clock.monotonic() == pytest.approx(0.2 + 0.4 + 0.8)


async def test_jitter_takes_up_to_half_of_a_pause() -> None:
    """Many clients that failed together do not come back together."""
    clock = VirtualClock()
    transport = ScriptedTransport(Said(500))
    rooms = connect(transport, ACCOUNT, clock, Limits(None), jitter=lambda: 0.0)
    with pytest.raises(UnavailableError):
        await finish(clock, rooms.get_room(ROOM_ID))
    assert clock.monotonic() == pytest.approx((0.2 + 0.4 + 0.8) / 2)


async def test_a_pause_is_as_long_as_the_api_asks_for() -> None:
    """Within the seconds that one call may take."""
    clock = VirtualClock()
    transport = ScriptedTransport(Said(429, b"", {"Retry-After": "6"}), ROOM)
    await finish(clock, client(transport, clock).get_room(ROOM_ID))
    assert clock.monotonic() == 6


async def test_a_longer_pause_is_the_engines() -> None:
    """It is told how long, at once."""
    clock = VirtualClock()
    transport = ScriptedTransport(Said(503, b"", {"Retry-After": "60"}), ROOM)
    with pytest.raises(UnavailableError) as caught:
        await finish(clock, client(transport, clock).get_room(ROOM_ID))
    assert caught.value.retry_after == timedelta(minutes=1)
    assert (len(transport.heard), clock.monotonic()) == (1, 0)


async def test_a_slow_api_is_not_asked_for_ever() -> None:
    """No attempt begins beyond the bound, however few there were."""
    clock = VirtualClock()

    def slow(_: Heard) -> Said:
        clock.advance(8)
        return Said(500)

    transport = ScriptedTransport(slow)
    limits = Limits(None, again=Again(attempts=9, within=timedelta(seconds=10)))
    with pytest.raises(UnavailableError):
        await finish(clock, client(transport, clock, limits).get_room(ROOM_ID))
    assert len(transport.heard) == 2


# --- what is told of a call ---


async def test_the_last_attempt_is_told_of() -> None:
    """Its number, its status, its own time without the pauses."""
    clock = VirtualClock()

    def slow(_: Heard) -> Said:
        clock.advance(0.05)
        return ROOM

    transport = ScriptedTransport(Said(500), slow)

    async def work() -> ApiCall | None:
        await client(transport, clock).get_room(ROOM_ID)
        return LAST_CALL.get()

    assert await finish(clock, work()) == ApiCall("GET", 200, 50.0, 2)


async def test_a_silence_is_told_with_no_status() -> None:
    """And what a call before it told is gone."""
    rooms = client(ScriptedTransport(ROOM, NoAnswer("cut")), VirtualClock())
    await rooms.create_room(NEW)
    with pytest.raises(UnansweredError):
        await rooms.delete_room(ROOM_ID)
    assert LAST_CALL.get() == ApiCall("DELETE", 0, 0.0, 1)


async def test_tasks_do_not_see_each_others_calls() -> None:
    """Two workers act at the same time."""
    rooms = client(ScriptedTransport(ROOM), VirtualClock())

    async def create() -> str:
        await rooms.create_room(NEW)
        await settle()
        call = LAST_CALL.get()
        return "" if call is None else call.method

    async def read() -> str:
        await rooms.get_room(ROOM_ID)
        await settle()
        call = LAST_CALL.get()
        return "" if call is None else call.method

    async with asyncio.TaskGroup() as tasks:
        created = tasks.create_task(create(), name="create")
        got = tasks.create_task(read(), name="read")
    assert (created.result(), got.result()) == ("POST", "GET")


# --- observe ---


async def test_a_readonly_transport_lets_only_get_through() -> None:
    """Not even a GET with a body."""
    inside = ScriptedTransport(ROOM)
    readonly = ReadOnly(inside)
    for method, body in (
        ("POST", b"{}"),
        ("PATCH", b"{}"),
        ("DELETE", None),
        ("PUT", None),
        ("get", None),
        ("HEAD", None),
        ("GET", b"{}"),
    ):
        with pytest.raises(WithheldError):
            await readonly.send(method, "/rooms", {}, {}, body)
    assert inside.heard == []
    await readonly.send("GET", "/rooms", {"page_size": "1"}, {"Accept": "*/*"}, None)
    assert inside.heard == [Heard("GET", "/rooms", {"page_size": "1"}, {"Accept": "*/*"}, None)]


# --- tokens ---


def bearer(heard: Heard) -> str:
    scheme, _, token = heard.headers["Authorization"].partition(" ")
    assert scheme == "Bearer"
    return token


def claims(token: str) -> dict[str, Any]:
    options: Any = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(token, KEY.public_key(), algorithms=["RS256"], options=options)


async def test_a_token_says_who_we_are_for_a_quarter_of_an_hour() -> None:
    """Claims and header as the API wants them, and no others."""
    transport = ScriptedTransport(ROOM)
    await client(transport, VirtualClock()).get_room(ROOM_ID)
    token = bearer(transport.heard[0])
    found = claims(token)
    issued = int(START.timestamp())
    assert {**found, "jti": ""} == {
        "application_id": APPLICATION,
        "iat": issued,
        "jti": "",
        "exp": issued + 900,
    }
    assert isinstance(found["iat"], int)
    assert len(found["jti"]) == 36
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}


async def test_a_token_is_kept_while_it_is_fresh() -> None:
    """And made anew minutes before its end."""
    clock = VirtualClock()
    transport = ScriptedTransport(ROOM)
    rooms = client(transport, clock)
    for _ in range(4):
        await rooms.get_room(ROOM_ID)
        clock.advance(301)
    first, second, third, fourth = (bearer(heard) for heard in transport.heard)
    assert first == second
    assert third == fourth != first


async def test_a_refused_token_is_made_anew_once() -> None:
    """401 says that nothing was done, so a POST may go again."""
    transport = ScriptedTransport(Said(401), ROOM)
    await client(transport, VirtualClock()).create_room(NEW)
    first, second = transport.heard
    assert first.method == second.method == "POST"
    assert bearer(first) != bearer(second)


async def test_a_second_401_is_a_fault() -> None:
    """Of reading too, without further repeats."""
    transport = ScriptedTransport(Said(401))
    with pytest.raises(UnauthorizedError):
        await client(transport, VirtualClock()).get_room(ROOM_ID)
    assert len(transport.heard) == 2


async def test_a_wrong_wall_clock_does_not_lock_us_out() -> None:
    """The refusal's own date tells what to write into the next token."""
    clock = VirtualClock()
    there = clock.now() + timedelta(hours=3)

    def strict(heard: Heard) -> Said:
        date = {"Date": format_datetime(there, usegmt=True)}
        timely = abs(claims(bearer(heard))["iat"] - there.timestamp()) < 60
        return Said(200, ROOM.body, date) if timely else Said(401, b"", date)

    rooms = client(ScriptedTransport(strict), clock)
    await rooms.get_room(ROOM_ID)
    assert rooms.clock_difference() == pytest.approx(3 * 3600, abs=1)


async def test_a_token_from_the_future_is_not_kept() -> None:
    """API time may be corrected backwards."""
    now = START
    tokens = Tokens(APPLICATION, KEY, lambda: now)
    first = tokens.current()
    now = START - timedelta(seconds=4)
    assert tokens.current() == first
    now = START - timedelta(seconds=6)
    assert tokens.current() != first


async def test_refusing_an_old_token_does_not_throw_away_the_new_one() -> None:
    """Many calls may be refused at once; one new token serves them all."""
    tokens = Tokens(APPLICATION, KEY, lambda: START)
    old = tokens.current()
    tokens.refuse(old)
    new = tokens.current()
    tokens.refuse(old)
    assert tokens.current() == new != old


async def test_tokens_do_not_print() -> None:
    """Neither they nor their maker."""
    tokens = Tokens(APPLICATION, KEY, lambda: START)
    assert repr(tokens.current()) == "***"
    assert repr(tokens) == f"Tokens('{APPLICATION}')"


# --- API time ---


def dated(api: float) -> dict[str, str]:
    """The header of an answer given at that second of API time."""
    return {"Date": format_datetime(START + timedelta(seconds=floor(api)), usegmt=True)}


def test_before_the_first_answer_api_time_is_wall_time() -> None:
    """There is nothing better."""
    clock = VirtualClock()
    time = ApiTime(clock)
    clock.jump(5)
    time.learn({}, clock.monotonic())
    time.learn({"Date": "yesterday"}, clock.monotonic())
    assert (time.now(), time.difference()) == (clock.now(), 0.0)


def test_api_time_does_not_follow_the_wall_clock() -> None:
    """After the first answer it is the monotonic clock's, set right."""
    clock = VirtualClock()
    time = ApiTime(clock)
    time.learn(dated(0), clock.monotonic())
    clock.jump(-3600)
    clock.advance(10)
    assert abs((time.now() - START).total_seconds() - 10) <= 1
    assert time.difference() == pytest.approx(3600, abs=1)


def test_every_answer_narrows_api_time_down() -> None:
    """Whole seconds leave one open; a hundred answers leave hundredths."""
    clock = VirtualClock()
    time = ApiTime(clock)
    ahead = 7.43
    for _ in range(100):
        clock.advance(0.61)
        time.learn(dated(clock.monotonic() + ahead), clock.monotonic())
    assert time.difference() == pytest.approx(ahead, abs=0.02)


def test_a_slow_answer_does_not_blur_what_is_known() -> None:
    """It may have been dated at any moment of its way."""
    clock = VirtualClock()
    time = ApiTime(clock)
    for _ in range(20):
        clock.advance(0.17)
        time.learn(dated(clock.monotonic() + 5), clock.monotonic())
    known = time.difference()
    sent = clock.monotonic()
    header = dated(sent + 29 + 5)
    clock.advance(30)
    time.learn(header, sent)
    assert time.difference() == pytest.approx(known)


def test_an_answer_that_contradicts_by_a_little_is_believed() -> None:
    """Another machine answers; what was known before is worth nothing."""
    clock = VirtualClock()
    time = ApiTime(clock)
    for _ in range(20):
        clock.advance(0.61)
        time.learn(dated(clock.monotonic()), clock.monotonic())
    time.learn(dated(clock.monotonic() - 60), clock.monotonic())
    assert time.difference() == pytest.approx(-60, abs=1)


@pytest.mark.parametrize("seconds", [-600, 600, -10 * 365 * 86_400, 365 * 86_400])
def test_a_wild_date_is_believed_when_the_next_answer_says_the_same(seconds: int) -> None:
    """One answer moves nothing: graces, ends and waits would be reckoned from it."""
    clock = VirtualClock()
    time = ApiTime(clock)
    time.learn(dated(clock.monotonic()), clock.monotonic())
    for _ in range(3):
        clock.advance(5)
        time.learn(dated(clock.monotonic() + seconds), clock.monotonic())
        assert time.difference() == pytest.approx(0, abs=1)
        clock.advance(5)
        time.learn(dated(clock.monotonic()), clock.monotonic())
    # An honest answer in between takes the word back; two in a row are the API's own clock.
    time.learn(dated(clock.monotonic() + seconds), clock.monotonic())
    clock.advance(5)
    time.learn(dated(clock.monotonic() + seconds), clock.monotonic())
    assert time.difference() == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize("seconds", [-365 * 86_400, 600, 10 * 365 * 86_400])
def test_a_first_answer_with_a_wild_date_is_not_believed_alone(seconds: int) -> None:
    """Each start has a first answer, and there is only the wall clock to compare it with."""
    clock = VirtualClock()
    time = ApiTime(clock)
    time.learn(dated(clock.monotonic() + seconds), clock.monotonic())
    assert (time.now(), time.difference()) == (clock.now(), 0.0)
    clock.advance(5)
    time.learn(dated(clock.monotonic()), clock.monotonic())
    assert time.difference() == pytest.approx(0, abs=1)


def test_a_wall_clock_that_is_wrong_at_the_start_is_set_right_by_two_answers() -> None:
    """They agree with each other and not with it."""
    clock = VirtualClock()
    time = ApiTime(clock)
    for _ in range(2):
        clock.advance(5)
        time.learn(dated(clock.monotonic() + 86_400), clock.monotonic())
    assert time.difference() == pytest.approx(86_400, abs=1)


def test_taking_its_word_without_one_changes_nothing() -> None:
    """A 401 with a date that agrees, or with none."""
    clock = VirtualClock()
    time = ApiTime(clock)
    time.take_its_word()
    assert time.difference() == 0.0
    time.learn(dated(clock.monotonic()), clock.monotonic())
    known = time.difference()
    time.take_its_word()
    assert time.difference() == known


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 05 Jan 2026 09:00:00 GMT",
        "Mon, 05 Jan 2026 10:00:00 +0100",
        "5 Jan 2026 09:00:00 -0000",
    ],
)
async def test_dates_are_read_in_each_of_their_spellings(date: str) -> None:
    """Also where the header's name is in lower case, as some transports give it."""
    clock = VirtualClock()
    clock.jump(90)
    rooms = client(ScriptedTransport(Said(200, ROOM.body, {"date": date})), clock)
    await rooms.get_room(ROOM_ID)
    assert rooms.api_now() == pytest.approx(START, abs=timedelta(seconds=1))


# --- turns ---


async def turns(tempo: Tempo, clock: VirtualClock, number: int) -> list[float]:
    """When each of so many calls left that were asked for at once."""
    left: list[float] = []

    async def call() -> None:
        async with tempo.turn():
            left.append(clock.monotonic())

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as tasks:
            for index in range(number):
                tasks.create_task(call(), name=f"call {index}")

    await finish(clock, all_of_them())
    return left


async def test_calls_leave_evenly() -> None:
    """Without a burst, one an interval."""
    clock = VirtualClock()
    assert await turns(Tempo(clock, 2, 100), clock, 5) == [0, 0.5, 1, 1.5, 2]


async def test_a_pause_earns_a_burst_and_no_more() -> None:
    """The mean rate holds over any longer time."""
    clock = VirtualClock()
    tempo = Tempo(clock, 2, 100, burst=3)
    assert await turns(tempo, clock, 5) == [0, 0, 0, 0.5, 1]
    clock.advance(3600)
    assert await turns(tempo, clock, 4) == [3601, 3601, 3601, 3601.5]


async def test_without_a_rate_calls_leave_as_they_come() -> None:
    """The embedded server needs no mercy."""
    clock = VirtualClock()
    assert await turns(Tempo(clock, None, 100), clock, 5) == [0] * 5


async def test_only_so_many_calls_are_under_way_at_once() -> None:
    """The next one leaves when one has come back, in the order of asking."""
    clock = VirtualClock()
    tempo = Tempo(clock, None, 2)
    order: list[str] = []

    async def call(name: str) -> None:
        async with tempo.turn():
            order.append(f"{name} out at {clock.monotonic():g}")
            await clock.sleep(10)

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as tasks:
            for name in "abc":
                tasks.create_task(call(name), name=name)

    await finish(clock, all_of_them())
    assert order == ["a out at 0", "b out at 0", "c out at 10"]


async def test_a_page_waits_behind_nothing_but_pages() -> None:
    """Neither for a turn nor for the rate; the others pay back what it took."""
    clock = VirtualClock()
    tempo = Tempo(clock, 1, 4)
    left: list[tuple[str, float]] = []

    async def call(name: str, *, urgent: bool = False) -> None:
        URGENT.set(urgent)
        async with tempo.turn():
            left.append((name, clock.monotonic()))
            await clock.sleep(100)

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as tasks:
            for name in "abcd":
                tasks.create_task(call(name), name=name)
            for name in ("page", "second page"):
                tasks.create_task(call(name, urgent=True), name=name)
            tasks.create_task(call("e"), name="e")

    await finish(clock, all_of_them())
    assert dict(left) == {
        "a": 0,
        "page": 0,
        "b": 1,
        "c": 2,
        "d": 3,
        "second page": 100,
        "e": 100,
    }


async def test_pages_keep_to_the_rate_among_themselves() -> None:
    """And whoever comes after them waits for what they took."""
    clock = VirtualClock()
    tempo = Tempo(clock, 2, 100)
    URGENT.set(True)
    assert await turns(tempo, clock, 3) == [0, 0.5, 1]
    URGENT.set(False)
    assert await turns(tempo, clock, 2) == [1.5, 2]


async def test_a_call_that_is_given_up_leaves_its_turn_to_others() -> None:
    """Cancelled while waiting or under way."""
    clock = VirtualClock()
    tempo = Tempo(clock, 1, 1)

    async def call() -> None:
        async with tempo.turn():
            await clock.sleep(100)

    tasks = [asyncio.get_running_loop().create_task(call(), name=f"call {n}") for n in range(2)]
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await turns(tempo, clock, 1) == [1]


@pytest.mark.parametrize(("rate", "many", "burst"), [(0, 1, 1), (-1, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_a_tempo_at_which_nothing_leaves_is_refused(rate: float, many: int, burst: int) -> None:
    """Everything would wait for ever."""
    with pytest.raises(ValueError, match="positive"):
        Tempo(VirtualClock(), rate, many, burst)


async def test_all_calls_of_a_client_share_one_rate() -> None:
    """Pages of a listing and repeats of a call included."""
    clock = VirtualClock()
    left: list[float] = []

    def answer(heard: Heard) -> Said:
        left.append(clock.monotonic())
        start = int(heard.query.get("start_id", "0"))
        links = {"next": {"href": f"?start_id={start + 1}"}} if start < 3 else {}
        rooms = [room_document(id=f"room-{start}")]
        return said({"_embedded": rooms, "_links": links, "total_items": 4})

    limits = Limits(per_second=4, burst=1)
    await finish(clock, client(ScriptedTransport(answer), clock, limits).list_rooms())
    assert left == [0, 0.25, 0.5, 0.75]


# --- what is counted and followed ---


async def test_every_request_is_counted_and_followed_by_its_route() -> None:
    """With its attempt; of a fault its status or that none came, and of no id or token a word."""
    transport = ScriptedTransport(NotSent("refused"), Said(503), ROOM, Said(404))
    clock, meter, tracer = VirtualClock(), FakeMeter(), FakeTracer()
    rooms = client(transport, clock)
    rooms.session.meter, rooms.session.tracer = meter, tracer
    await finish(clock, rooms.get_room(ROOM_ID))
    with pytest.raises(Fault):
        await finish(clock, rooms.get_room(ROOM_ID))
    route = "/rooms/{id}"
    assert meter.counts == {
        ("called", "GET", route, "0"): 1,
        ("called", "GET", route, "503"): 1,
        ("called", "GET", route, "200"): 1,
        ("called", "GET", route, "404"): 1,
        ("repeated", "GET", route): 2,
    }
    assert [(seen.attributes["attempt"], seen.why) for seen in tracer.spans] == [
        *((1, "no answer"), (2, "503"), (3, ""), (1, "404")),
    ]
    assert all(seen.ended and seen.attributes["route"] == route for seen in tracer.spans)
    assert ROOM_ID not in repr(tracer.spans)
    assert "Bearer" not in repr(tracer.spans)


async def test_both_requests_of_a_refused_token_are_counted() -> None:
    """The one with the old token, and the one with the new."""
    transport = ScriptedTransport(Said(401), ROOM)
    clock, meter = VirtualClock(), FakeMeter()
    rooms = client(transport, clock)
    rooms.session.meter = meter
    await finish(clock, rooms.get_room(ROOM_ID))
    assert meter.counts["called", "GET", "/rooms/{id}", "401"] == 1
    assert meter.counts["called", "GET", "/rooms/{id}", "200"] == 1


async def test_what_was_withheld_is_no_request() -> None:
    """In observe nothing left, so there is nothing to count."""
    meter = FakeMeter()
    rooms = client(ReadOnly(ScriptedTransport(ROOM)), VirtualClock())
    rooms.session.meter = meter
    with pytest.raises(WithheldError):
        await rooms.create_room(NEW)
    assert not meter.counts
