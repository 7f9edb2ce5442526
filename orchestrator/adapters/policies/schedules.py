"""What can be wrong with a policy that makes rooms by a schedule.

A room's whole life is planned there: whatever says how long rooms live, how they are renewed or
what replaces them is refused, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from orchestrator.adapters.policies.building import Source, schedule_of
from orchestrator.adapters.policies.models import PolicyForm, ScheduleForm
from orchestrator.domain.occurrences import (
    FIELDS,
    NAME,
    life_problem,
    occurrence_of,
    values_of,
)
from orchestrator.domain.policies import Schedule, Template
from orchestrator.foundation.documents import Path
from orchestrator.foundation.forms import Filled
from orchestrator.foundation.instants import format_duration
from orchestrator.foundation.problems import Problem
from orchestrator.ports.calendar import Calendar
from orchestrator.ports.templates import TemplateFault, Templates

_KEY: Final = "on_schedule"
# Whoever writes * for the minute means one moment and gets sixty.
AT_ONCE_MOST: Final = 50
_SHORTEST: Final = timedelta(minutes=1)
# Any moment will do: what a template makes of an occurrence hardly depends on which it is.
_SOME_TIME: Final = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of the room, and what it is called."""

    name: str
    template: Template


@dataclass(frozen=True, slots=True)
class ScheduleChecks:
    """The checks of one file that has a schedule."""

    form: PolicyForm
    filled: Filled[PolicyForm]
    source: Source
    templates: Templates
    calendar: Calendar

    def problems(self, wish: ScheduleForm) -> Iterator[Problem]:
        """Everything that is wrong with a schedule, and with what stands beside it."""
        yield from self._senseless()
        yield from self._room(wish)
        if not self.filled.whole((_KEY,)):
            return
        unlawful = self.calendar.line_problems(wish.cron, wish.timezone)
        for name, wrong in unlawful.items():
            yield self._at(f"{name} {wrong}", _KEY, name)
        too_long = [*self._lengths(wish)]
        yield from too_long
        for template in self._texts():
            problem = self.templates.check(template.template, {NAME: FIELDS})
            if problem is None and not unlawful:
                problem = self._unrenderable(template.template, schedule_of(wish))
            if problem is not None:
                yield Problem(problem.place, f"{template.name} {problem.message}")
        if not unlawful and not too_long:
            yield from self._crowded(schedule_of(wish))

    def _at(self, message: str, *path: str) -> Problem:
        return Problem(self.source.document.place(path), message)

    def _at_key(self, message: str, *path: str) -> Problem:
        return Problem(self.source.document.key_place(path), message)

    def _senseless(self) -> Iterator[Problem]:
        for name, there, why in (
            (
                "renewal",
                self.form.renewal is not None,
                "an occurrence's room lives from its opening to its end",
            ),
            (
                "replace",
                self.form.replace is not None,
                "a changed policy takes effect with the next occurrence, and no room is replaced",
            ),
            ("moved", bool(self.form.moved), "occurrences are named by their start"),
        ):
            if there and self.filled.whole((name,)):
                yield self._at_key(f"{name} is not for schedules: {why}; take it out", name)

    def _room(self, wish: ScheduleForm) -> Iterator[Problem]:
        room = self.form.room
        if self.filled.whole(("room", "type")) and room.type == "instant":
            message = (
                "type instant: such a room ends after ten minutes without anybody, so it cannot "
                "wait for people; write long_term"
            )
            yield self._at(message, "room", "type")
        if self.filled.whole(("room", "lifetime")) and room.lifetime is not None:
            message = "lifetime is not for schedules: open_before, duration and stay make it"
            if self.filled.whole((_KEY,)):
                message += f", here {format_duration(schedule_of(wish).life)}"
            yield self._at(f"{message}; take it out", "room", "lifetime")
        if room.expire_after_use:
            message = (
                "expire_after_use would end the room once its first visitor has left, perhaps "
                "before the start; an occurrence's room ends by itself after its stay"
            )
            yield self._at(message, "room", "expire_after_use")

    def _lengths(self, wish: ScheduleForm) -> Iterator[Problem]:
        if wish.duration < _SHORTEST:
            yield self._at("duration must be at least 1m", _KEY, "duration")
            return
        schedule = schedule_of(wish)
        wrong = life_problem(schedule)
        if wrong:
            life = format_duration(schedule.life)
            message = f"open_before, duration and stay make {life} together; {wrong}"
            yield self._at(message, _KEY, "duration")

    def _crowded(self, schedule: Schedule) -> Iterator[Problem]:
        """Overlapping occurrences are lawful, each with its room; a crowd of them is a mistake."""
        if self.calendar.crowds(schedule.cron, schedule.life, AT_ONCE_MOST):
            message = (
                f"cron asks for more than {AT_ONCE_MOST} rooms at once, because so many begin "
                f"within {format_duration(schedule.life)}; write a minute and an hour, as in "
                '"0 15 * * THU"'
            )
            yield self._at(message, _KEY, "cron")

    def _texts(self) -> Iterator[_Text]:
        for name in ("display_name", "metadata"):
            text = getattr(self.form.room, name)
            path: Path = ("room", name)
            if text is not None and self.filled.whole(path):
                yield _Text(name, Template(text, self.source.document.place(path)))

    def _unrenderable(self, template: Template, schedule: Schedule) -> Problem | None:
        """What a template that is well written cannot make of an occurrence."""
        start = self.calendar.next_start(schedule.cron, schedule.timezone, _SOME_TIME)
        values = values_of(
            occurrence_of(schedule, start),
            lambda moment: self.calendar.local(moment, schedule.timezone),
        )
        try:
            self.templates.render(template, values)
        except TemplateFault as fault:
            return fault.problem
        return None
