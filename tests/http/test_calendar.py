"""Calendars over HTTP: who may read one, and what programs make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest

from orchestrator.domain.feed import FeedEvent
from orchestrator.domain.links import LinkScheme
from orchestrator.edges.http.calendar import CalendarRoutes, write_calendar
from orchestrator.foundation.secret import Secret
from tests.http.served import Served, served

PUBLIC = "https://rooms.example.com"
SCHEME = LinkScheme(PUBLIC, Secret("k" * 32))
FEED = SCHEME.feed_of("calendar").removeprefix(PUBLIC)
LINK = SCHEME.series_of("all-hands")
STARTS = datetime(2026, 12, 3, 14, tzinfo=UTC)
CHANGED = datetime(2026, 11, 1, 9, tzinfo=UTC)
EVENT = FeedEvent(
    uid="2026-12-03T1500.all-hands@acme.room-orchestrator",
    sequence=3,
    changed_at=CHANGED,
    title="All hands; größere Runde, 🎉 mit allen, die da sind, und mit denen, die kommen",
    starts=STARTS,
    ends=STARTS + timedelta(minutes=90),
    link=LINK,
    about="Every Thursday; bring tea.\nAnd cake.",
)
GONE = replace(EVENT, uid="gone@acme.room-orchestrator", cancelled=True)


@dataclass
class Desk:
    """A desk with two calendars."""

    calendars: Sequence[str] = ("other", "calendar")
    events: Sequence[FeedEvent] | None = (EVENT, GONE)
    asked: list[str] = field(default_factory=list)

    async def feed(self, destination: str) -> Sequence[FeedEvent] | None:
        """The events."""
        self.asked.append(destination)
        return self.events

    async def series(self, policy: str) -> Sequence[FeedEvent] | None:
        """The first of them."""
        self.asked.append(f"series {policy}")
        return None if self.events is None else self.events[:1]


@asynccontextmanager
async def shown(scheme: LinkScheme = SCHEME) -> AsyncIterator[tuple[Served, Desk]]:
    """A server that shows a desk's calendars."""
    routes, desk = CalendarRoutes(scheme), Desk()
    async with served(routes.routes()) as here:
        with routes.showing(desk):
            yield here, desk


async def test_a_calendar_is_read_by_whoever_knows_its_address() -> None:
    """And by nobody else: the answer is that of any path that is not there."""
    async with shown() as (here, desk):
        answer = await here.ask("GET", FEED)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert desk.asked == ["calendar"]
        nowhere = await here.ask("GET", "/nowhere")
        for wrong in ("/calendar/calendar.ics", f"/calendar/{'a' * 32}.ics", FEED[:-4]):
            refused = await here.ask("GET", wrong)
            assert (refused.status, refused.text) == (404, nowhere.text)
        assert desk.asked == ["calendar"]
        assert FEED not in str(here.told)


async def test_a_series_has_a_calendar_of_its_own() -> None:
    """Whoever knows its address is shown that schedule alone, where there is a calendar at all."""
    async with shown() as (here, desk):
        address = SCHEME.series_feed_of("all-hands").removeprefix(PUBLIC)
        text = (await here.ask("GET", address)).text
        assert desk.asked == ["series all-hands"]
        assert (text.count("BEGIN:VEVENT"), "X-WR-CALNAME:all-hands" in text) == (1, True)
        assert (await here.ask("GET", address.replace("all-hands", "others"))).status == 404
        desk.events = None
        assert (await here.ask("GET", address)).status == 503
        desk.calendars = ()
        assert (await here.ask("GET", address)).status == 404


async def test_programs_read_what_is_meant() -> None:
    """Parsed by a library: link in four places, times in UTC, changes counted."""
    async with shown() as (here, _):
        text = (await here.ask("GET", FEED)).text
    calendar: Any = icalendar.Calendar.from_ical(text)
    assert calendar["version"] == "2.0"
    assert calendar["prodid"]
    event, gone = calendar.walk("VEVENT")
    assert str(event["uid"]) == EVENT.uid
    assert str(event["summary"]) == EVENT.title
    assert str(event["description"]) == f"{EVENT.about}\n\nJoin: {LINK}"
    assert str(event["location"]) == str(event["url"]) == str(event["conference"]) == LINK
    assert event["conference"].params["FEATURE"] == ["AUDIO", "VIDEO"]
    assert (event.start, event.end) == (EVENT.starts, EVENT.ends)
    assert (event["sequence"], event["last-modified"].dt) == (3, CHANGED)
    assert event["dtstamp"].dt == CHANGED
    assert [str(one["status"]) for one in (event, gone)] == ["CONFIRMED", "CANCELLED"]
    assert event.errors == []


def test_lines_are_of_the_length_and_kind_that_is_asked_for() -> None:
    """At most 75 bytes with CRLF between, and no character cut in two."""
    text = write_calendar("calendar", [EVENT, GONE])
    assert text.endswith(b"\r\n")
    lines = text.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert any(line.startswith(b" ") for line in lines)
    assert b"\n" not in text.replace(b"\r\n", b"")
    assert all(line.decode() for line in lines[:-1])
    assert b"DTSTART:20261203T140000Z" in lines
    assert f"URL:{LINK}".encode() in lines


def test_a_hostile_title_stays_in_its_line() -> None:
    """Nothing in it becomes a property of its own."""
    hostile = replace(EVENT, title="x\r\nATTENDEE:mailto:a@b\nEND:VEVENT", about="\\n;,:\x00")
    calendar: Any = icalendar.Calendar.from_ical(write_calendar("c", [hostile]))
    (event,) = calendar.walk("VEVENT")
    assert "attendee" not in event
    assert "ATTENDEE" in str(event["summary"])


async def test_what_did_not_change_is_not_sent_again() -> None:
    """By its ETag, which changes with any event."""
    async with shown() as (here, desk):
        first = await here.ask("GET", FEED)
        etag = first.headers["Etag"]
        for given in (etag, f'"other", W/{etag}', "*"):
            again = await here.ask("GET", FEED, headers={"If-None-Match": given})
            assert (again.status, again.text, again.headers["Etag"]) == (304, "", etag)
        desk.events = (replace(EVENT, sequence=4), GONE)
        changed = await here.ask("GET", FEED, headers={"If-None-Match": etag})
        assert changed.status == 200
        assert changed.headers["Etag"] != etag
        assert "SEQUENCE:4" in changed.text


@pytest.mark.parametrize("when", ["between two lives", "before the policies are read"])
async def test_what_is_not_known_is_no_empty_calendar(when: str) -> None:
    """A program would take every meeting out of people's days."""
    routes, desk = CalendarRoutes(SCHEME), Desk(events=None)
    async with served(routes.routes()) as here:
        if when == "between two lives":
            answer = await here.ask("GET", FEED)
        else:
            with routes.showing(desk):
                answer = await here.ask("GET", FEED)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "60")


async def test_without_a_public_address_there_is_no_calendar() -> None:
    """The secret is empty there, so anybody could make the address."""
    none = LinkScheme("", Secret(""))
    address = LinkScheme("x", Secret("")).feed_of("calendar").removeprefix("x")
    async with shown(none) as (here, desk):
        assert (await here.ask("GET", address)).status == 404
        assert desk.asked == []
