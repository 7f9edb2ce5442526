"""Calendars of scheduled rooms, as iCalendar feeds (RFC 5545 and 7986; webhooks guide 4.10).

A feed shows a destination's schedules, or one schedule alone.  Its address is its only lock,
because calendar programs cannot send more; whoever does not know it gets the answer of any path
that is not there.  A calendar that is not known just now is no empty calendar: that would take
every meeting out of people's days.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from aiohttp import hdrs, web
from icalendar import Calendar, Event, vUri

from orchestrator.domain.feed import FeedEvent
from orchestrator.domain.links import FEED_PATH, LinkScheme
from orchestrator.edges.http.answers import refusal
from orchestrator.ports.links import CalendarDesk

_RETRY_AFTER: Final[dict[str, str]] = {hdrs.RETRY_AFTER: "60"}  # seconds
_EVERY: Final = timedelta(minutes=15)  # what programs are asked to look again after; few do


class CalendarRoutes:
    """Answers on /calendar/TOKEN.ics, for one desk after another."""

    def __init__(self, scheme: LinkScheme) -> None:
        """Tell whoever knows an address of ``scheme`` to come again, until `showing`."""
        self.scheme = scheme
        self._desk: CalendarDesk | None = None
        self._written: dict[str, tuple[Sequence[FeedEvent], bytes, str]] = {}

    def routes(self) -> tuple[web.AbstractRouteDef, ...]:
        """For the server."""
        return (web.get(f"{FEED_PATH}{{name}}", self._answer),)

    @contextlib.contextmanager
    def showing(self, desk: CalendarDesk) -> Iterator[None]:
        """Show the calendars of a desk for the length of the block."""
        self._desk = desk
        try:
            yield
        finally:
            self._desk = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        desk, given = self._desk, request.match_info["name"]
        if desk is None:
            return refusal(503, "not now; ask again", _RETRY_AFTER)
        known = self.scheme.public_url != "" and len(desk.calendars) > 0
        # All of them are compared: how long it takes tells nothing.
        found = [name for name in desk.calendars if self.scheme.is_feed(given, name)]
        series = self.scheme.series_of_feed(given)
        if not known or not (found or series):
            return refusal(404, "Not Found")
        events = await (desk.feed(found[0]) if found else desk.series(series))
        if events is None:
            return refusal(503, "not now; ask again", _RETRY_AFTER)
        text, etag = self._text(found[0] if found else series, events)
        headers = {
            hdrs.CACHE_CONTROL: "private, no-cache",
            hdrs.ETAG: etag,
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex, nofollow",
        }
        asked = {one.strip() for one in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")}
        if asked & {etag, f"W/{etag}", "*"}:
            return web.Response(status=304, headers=headers)
        headers[hdrs.CONTENT_TYPE] = "text/calendar; charset=utf-8"
        return web.Response(body=text, headers=headers)

    def _text(self, name: str, events: Sequence[FeedEvent]) -> tuple[bytes, str]:
        """A calendar as text, with its ETag; written once for as long as nothing changes."""
        written = self._written.get(name)
        if written is None or written[0] != events:
            text = write_calendar(name, events)
            etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
            written = self._written[name] = (events, text, etag)
        return written[1], written[2]


def write_calendar(name: str, events: Sequence[FeedEvent]) -> bytes:
    """A calendar of events, the same to the byte for the same events."""
    calendar = Calendar()
    calendar.add("prodid", "-//Room Orchestrator//Scheduled rooms//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", _EVERY, {"value": "DURATION"})
    calendar.add("x-published-ttl", "PT15M")
    for event in events:
        calendar.add_component(_event(event))
    return bytes(calendar.to_ical())


def _event(event: FeedEvent) -> Event:
    shown = Event()
    shown.add("uid", event.uid)
    shown.add("sequence", event.sequence)
    shown.add("dtstamp", event.changed_at)
    shown.add("last-modified", event.changed_at)
    shown.add("dtstart", event.starts)
    shown.add("dtend", event.ends)
    shown.add("summary", event.title)
    shown.add("status", "CANCELLED" if event.cancelled else "CONFIRMED")
    about = f"{event.about}\n\n" if event.about else ""
    shown.add("description", f"{about}Join: {event.link}")
    shown.add("location", event.link)
    shown.add("url", event.link)
    # Few programs show it, so the link stands in the three above as well.
    conference = {"VALUE": "URI", "FEATURE": ["AUDIO", "VIDEO"], "LABEL": "Join the room"}
    shown["conference"] = vUri(event.link, params=conference)
    return shown
