"""Causes: everything of an engine that a person should look at, most urgent first.

One list for `status` and for the operators, so that both say the same.  It asks no API and needs no
disk, but for what waits or was not taken, which it reads from the store where that can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from orchestrator.domain.alerts import Cause
from orchestrator.domain.episodes import Episode
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import DeliveryRow, DirectoryRow, FreezeRow, SuspendedRow
from orchestrator.engine.recordingrows import recording_causes
from orchestrator.engine.renewals import Renewals
from orchestrator.engine.showing import suspended_row
from orchestrator.engine.supervisor import Engine
from orchestrator.foundation.pasting import shell_word

_NAMED: Final = 5  # keys that a sentence names
_PROBLEMS: Final = 10
_PAGES: Final = "room-orchestrator page list"
_KEY_MOST: Final = 60  # characters of a page's key in a sentence
_WEATHER: Final = frozenset({"404", "408", "429"})  # no word about what was asked


def causes(engine: Engine) -> list[Cause]:
    """What is known without reading the store."""
    return [Cause(name, message) for name, message in _now(engine)]


async def slower_causes(engine: Engine) -> list[Cause]:
    """What stands in the states: renewals that are late, links that end while nothing is done.

    Only told to operators: what the API refuses, and what it does not take.  Raises `StoreFault`.
    """
    states = await engine.parts.store.states()
    late = Renewals(engine.parts.gathering).overdue(states, engine.parts.clock.now())
    refused = [str(state.key) for state in states if _is_refused(engine, state)]
    untaken = [told for state in states for told in _untaken(state)]
    found = [Cause("overdue", told) for told in late]
    found.extend(Cause("suspended", told) for told in ending_suspended(suspended_rows(states)))
    if refused:
        found.append(Cause("refused", f"The API refuses what is asked for {_named(refused)}"))
    if untaken:
        found.append(Cause("not-taken", f"The API did not take {_named(untaken)}"))
    return found


def suspended_rows(states: Iterable[KeyState]) -> tuple[SuspendedRow, ...]:
    """Those whose room ends meanwhile first."""
    rows = [row for state in states if (row := suspended_row(state)) is not None]
    return tuple(sorted(rows, key=lambda row: (row.ends is None, row.ends or row.until, row.key)))


def ending_suspended(rows: Iterable[SuspendedRow]) -> list[str]:
    """Rooms that end because a person has everything stand still, as sentences."""
    return [
        f"{row.key} ends {row.ends:%d %b %Y %H:%M}Z while it is suspended until "
        f"{row.until:%d %b %Y %H:%M}Z: room-orchestrator rooms resume {shell_word(row.key)} "
        "--reason …"
        for row in rows
        if row.ends is not None
    ]


def _now(engine: Engine) -> Iterator[tuple[str, str]]:
    parts = engine.parts
    if engine.refusal:
        yield "store", engine.refusal
    if engine.rejected:
        yield "config", f"config.yaml is not taken up: {engine.rejected}"
    for told in parts.lineage.needs:
        yield "ownership", told
    late = engine.health().late
    if late:
        yield "hanging", f"Hanging: {', '.join(late)}; the watchdog will restart the daemon"
    yield from _of_the_api(engine)
    verdict = parts.brakes.verdict
    if verdict.brake:
        told = (
            f"Brake {verdict.brake}: {verdict.wished} links would end or change, "
            f"{verdict.limit} may. Nothing ends. "
            f"Meant?  room-orchestrator rooms approve {verdict.brake} --reason …"
        )
        yield "brake", told
    for row in parts.freezes.rows():
        yield f"freeze {row.name}", frozen_sentence(row)
    yield from _of_sources(engine)
    yield from _of_themes(engine)
    recorder, now = parts.recorder, parts.rooms.api_now()
    yield from recording_causes(recorder.plans(), engine.settings.limits, now)
    yield from _of_pages(engine)
    for told in engine.outbox.needs:
        yield "outbox", told
    for one in engine.parts.messages.rows():
        if one.given_up:
            yield f"delivery {one.destination}", _given_up(one)


def frozen_sentence(row: FreezeRow) -> str:
    """A freeze in one sentence, with the command that ends it."""
    whom = f" for {', '.join(row.policies)}" if row.policies else ""
    return (
        f"Changes are frozen{whom} until {row.until:%d %b %Y %H:%M}Z, by {row.by}: {row.reason}. "
        f"Sooner:  room-orchestrator unfreeze {row.name} --reason …"
    )


def _of_the_api(engine: Engine) -> Iterator[tuple[str, str]]:
    parts = engine.parts
    if parts.weather.refused:
        yield "credentials", f"The API refuses our credentials: {parts.weather.refused}"
    elif parts.weather.down_since is not None:
        yield "api", f"The API is {parts.weather.summary}. Nothing is lost yet."
    if parts.weather.canary:
        yield "canary", parts.weather.canary
    conflict = parts.gathering.conflicts.reason
    if conflict:
        yield "ownership", f"{conflict}. Nothing is ended until it is solved"
    if parts.occurrences.apart() and parts.occurrences.upcoming(engine.reconciler.book, 1):
        told = (
            "No room opens by a schedule, because this machine's clock and the API's disagree: "
            "set the clock"
        )
        yield "clock", told
    if parts.observations.doubt:
        yield "listing", f"Nothing is ended: {parts.observations.doubt}"
    if parts.observations.use_unread:
        told = f"Nothing is ended or replaced: {parts.observations.use_unread}"
        yield "sessions", f"{told}. Rooms are made and renewed as always"
    absence = parts.resync.absences.found
    if absence.doubtful:
        told = (
            f"Are they gone at the API?  room-orchestrator rooms approve {absence.name} "
            "--reason …    If not, put the right API back; nothing else is needed"
        )
        yield "listing", told


def _of_themes(engine: Engine) -> Iterator[tuple[str, str]]:
    for name, fault in engine.parts.wardrobe.failing():
        if _is_word_of_no(fault):
            yield f"theme {name}", f"The API does not take theme {name}: {fault}"


def _of_pages(engine: Engine) -> Iterator[tuple[str, str]]:
    pages = engine.parts.pages
    waiting = [_page(one) for one in pages.roomless()]
    if waiting:
        verb = "has" if len(waiting) == 1 else "have"
        named = _named(waiting, rest="")
        yield "no-room", f"{named} {verb} no room yet: {_PAGES}"
    diverted = [
        _page(one)
        for one in pages.standing()
        if one.is_open and one.fallback is not None and one.fallback.used_at is not None
    ]
    if diverted:
        named = _named(diverted, rest="")
        told = f"People were sent to the fallback of {named}, and stay there"
        yield "fallback", f"{told}: {_PAGES}"
    for name, problem in pages.flaws():
        yield f"page-policy {name}", f"For a page {name} could not be worked out: {problem}"


def _page(episode: Episode) -> str:
    page = episode.page
    return f"{page.source} {page.number or page.key[:_KEY_MOST]}"


def _of_sources(engine: Engine) -> Iterator[tuple[str, str]]:
    for row in engine.polling.rows():
        if row.reason:
            yield f"directory {row.url}", _failing(row)
    for problem in engine.reconciler.book.problems[:_PROBLEMS]:
        yield f"policy {problem.place.file}", f"{problem}"


def _failing(row: DirectoryRow) -> str:
    """What a directory's failure means for the policies that stand on it."""
    since = "" if row.failing_since is None else f", since {row.failing_since:%d %b %H:%M:%SZ}"
    if row.last_good is None:
        means = "their rooms stay as they are, and new ones are not made"
    else:
        means = f"the subjects of {row.last_good:%d %b %H:%M:%SZ} stay in force"
    return f"{row.url} {row.reason}{since}. For {', '.join(row.policies)}: {means}"


def _given_up(row: DeliveryRow) -> str:
    """What a destination was not told, why, and how to have it tried again."""
    return (
        f"{row.destination} was not told of {_named(row.given_up)}: {row.given_up_why}. "
        "Tried again by:  room-orchestrator reload"
    )


def _is_refused(engine: Engine, state: KeyState) -> bool:
    """Whether what is due was answered with 4xx: it comes back tomorrow, or when it changes."""
    holds = engine.reconciler.last_holds.get(state.key, ())
    held = any(hold.by == "back-off" and hold.action is not None for hold in holds)
    return held and _is_word_of_no(state.attempts.fault)


def _is_word_of_no(fault: str) -> bool:
    """Whether a fault is an answer about what was asked, and no weather."""
    status = fault[:3]
    return status.isdigit() and status.startswith("4") and status not in _WEATHER


def _untaken(state: KeyState) -> list[str]:
    """What is still asked for and was answered with 2xx and not done, by its path and key."""
    room, wish = state.current, state.wish
    if room is None or wish is None:
        return []
    asked = {**wish.settings, "display_name": wish.display_name, "type": str(wish.type)}
    return [
        f"{path} of {state.key}"
        for path, value in sorted(room.not_taken.items())
        if asked.get(path) == value
    ]


def _named(names: Iterable[str], rest: str = ": room-orchestrator status") -> str:
    """The first few, and how many more, and ``rest`` tells where."""
    told = list(names)
    more = len(told) - _NAMED
    return ", ".join(told[:_NAMED]) + (f" and {more:,} more{rest}" if more > 0 else "")
