"""What needs more than one value of a policy: can it ever be met, and is it understood at all?

Each check looks only at parts that could be read, so that every mistake is told once and at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from orchestrator.adapters.policies.building import Source, moves, window_of
from orchestrator.adapters.policies.models import ForEachForm, PolicyForm
from orchestrator.adapters.policies.pages import PageChecks
from orchestrator.adapters.policies.schedules import ScheduleChecks
from orchestrator.adapters.policies.subjects import file_problem, item_problems, item_subjects
from orchestrator.domain.keys import Key
from orchestrator.domain.marker import TEXT_MAX
from orchestrator.domain.policies import Moved, Policy, Template, Window
from orchestrator.domain.rooms import DISPLAY_NAME_MAX, LONGEST_ASK
from orchestrator.foundation.documents import Path
from orchestrator.foundation.forms import Filled
from orchestrator.foundation.instants import format_duration
from orchestrator.foundation.problems import Place, Problem, did_you_mean
from orchestrator.ports.calendar import Calendar
from orchestrator.ports.templates import Templates

_LAST_PART: Final = 20  # the last twentieth of a room's life overrides every wish
_EXAMPLE: Final = "{{type: file, path: {name}.json}}"
_MOVED: Final = "moved"
_MADE_FOR: Final = ("for_each", "on_page", "on_schedule")
_OF_PAGES: Final = ("keep_open", "close", "storm", "fallback")


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one file."""

    form: PolicyForm
    filled: Filled[PolicyForm]
    source: Source
    templates: Templates
    calendar: Calendar
    destinations: frozenset[str] | None
    sources: frozenset[str] | None = None
    open_to_all: frozenset[str] = frozenset()
    calendars: frozenset[str] = frozenset()

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong beyond single values."""
        yield from self._made_for()
        if self._whole("for_each") and self.form.for_each is not None:
            yield from self._for_each(self.form.for_each)
        if self.form.on_schedule is not None and self.form.for_each is None:
            yield from ScheduleChecks(
                self.form, self.filled, self.source, self.templates, self.calendar
            ).problems(self.form.on_schedule)
        elif self.form.on_page is not None and self.form.for_each is None:
            yield from PageChecks(
                self.form, self.filled, self.source, self.templates, self.sources
            ).problems(self.form.on_page)
            yield from self._room_type()
        elif self._whole("room") and not self._asks("on_schedule") and not self._asks("on_page"):
            yield from self._room_type()
        if not self._asks("on_page"):
            yield from self._only_of_pages()
        yield from self._room_values()
        yield from self._renewal()
        yield from self._templates()
        yield from self._deliver()
        yield from self._renames()

    def _whole(self, *path: str) -> bool:
        return self.filled.whole(path)

    def _at(self, message: str, *path: str | int) -> Problem:
        return Problem(self.source.document.place(path), message)

    def _asks(self, *path: str) -> bool:
        """Whether the file has a key, known to this build or not."""
        tree = self.source.document.tree
        for step in path:
            if not isinstance(tree, dict) or step not in tree:
                return False
            tree = tree[step]
        return True

    def _made_for(self) -> Iterator[Problem]:
        """Exactly one of what rooms can be made for."""
        asked = [key for key in _MADE_FOR if self._asks(key)]
        if not asked and all(self._whole(key) for key in _MADE_FOR):
            message = (
                '"for_each", "on_page" or "on_schedule" is missing: it says what rooms are made for'
            )
            yield self._at(message)
        for key in asked[1:]:
            place = self.source.document.key_place((key,))
            yield Problem(place, f"{asked[0]} and {key} exclude each other; keep one")

    def _only_of_pages(self) -> Iterator[Problem]:
        for name in _OF_PAGES:
            if self._asks(name) and self._whole(name):
                message = f"{name} is for policies with on_page only; take it out"
                yield Problem(self.source.document.key_place((name,)), message)

    def _for_each(self, wish: ForEachForm) -> Iterator[Problem]:
        yield from self._subjects(wish)
        if "{{" not in wish.key:
            message = f'key is the same for every subject; write "{{{{ {wish.as_}.… }}}}"'
            yield self._at(message, "for_each", "key")

    def _subjects(self, wish: ForEachForm) -> Iterator[Problem]:
        named = [name for name in ForEachForm.exactly_one if getattr(wish, name) is not None]
        if len(named) > 1:
            message = f"{' and '.join(named)} exclude each other; keep one"
            yield self._at(message, "for_each", named[1])
        elif wish.file is not None:
            wrong = file_problem(wish.file)
            if wrong:
                yield self._at(f"file {wrong}", "for_each", "file")
        elif wish.items is not None:
            yield from item_problems(self.source.written)
        elif wish.http is None:
            message = "for_each needs a file in data/, items, or http"
            yield Problem(self.source.document.key_place(("for_each",)), message)

    def _room_type(self) -> Iterator[Problem]:
        room = self.form.room
        if room.type == "instant":
            if self.form.for_each is not None:
                message = (
                    "type instant: such a room ends after ten minutes; a room that stands needs "
                    "long_term and a lifetime"
                )
                yield self._at(message, "room", "type")
            elif room.lifetime is not None:
                yield self._at("lifetime is for long_term rooms only", "room", "lifetime")
        elif room.lifetime is None:
            message = '"lifetime" is missing in room: a long_term room needs one, such as 365d'
            yield Problem(self.source.document.key_place(("room",)), message)

    def _room_values(self) -> Iterator[Problem]:
        room = self.form.room
        for name, text, most in (
            ("display_name", room.display_name, DISPLAY_NAME_MAX),
            ("metadata", room.metadata or "", TEXT_MAX),
        ):
            if self._whole("room", name) and "{" not in text and len(text) > most:
                message = f"{name} has {len(text)} characters; at most {most} are allowed"
                yield self._at(message, "room", name)
        if room.theme is not None and room.type == "instant" and self._whole("room", "theme"):
            message = "theme is for long_term rooms only: an instant one cannot change its theme"
            yield self._at(f"{message}; take it out", "room", "theme")
        level = room.join_approval_level
        whole = self._whole("room", "join_approval_level") and self._whole("deliver")
        if not whole or level in {None, "none"}:
            return
        if all(deliver.link == "guest" for deliver in self.form.deliver):
            message = (
                f"join_approval_level {level}: nobody could get in, because nobody is told the "
                "link of the host, who lets them in; add one to deliver, such as "
                "{to: NAME, link: host}, or write none"
            )
            yield self._at(message, "room", "join_approval_level")

    def _renewal(self) -> Iterator[Problem]:
        wish, lifetime = self.form.renewal, self.form.room.lifetime
        if wish is None or not self._whole("renewal"):
            return
        window = window_of(wish.window) if wish.window else None
        unlawful = self.calendar.problems(window) if window else {}
        for name, wrong in unlawful.items():
            yield self._at(f"{name} {wrong}", "renewal", "window", name)
        if lifetime is None or not self._whole("room", "lifetime"):
            return
        life = min(lifetime, LONGEST_ASK)
        if wish.before is not None and wish.before > life / 2:
            message = (
                f"before {format_duration(wish.before)}: at most half of the lifetime, "
                f"{_rough(life / 2)}"
            )
            yield self._at(message, "renewal", "before")
        elif window is not None and not unlawful:
            before = life / 3 if wish.before is None else wish.before
            yield from self._openings(window, before - life / _LAST_PART)

    def _openings(self, window: Window, time_left: timedelta) -> Iterator[Problem]:
        closed = self.calendar.longest_wait(window)
        if closed > time_left:
            left = _rough(time_left) if time_left > timedelta() else "no time"
            message = (
                f"cron leaves the window closed for up to {_rough(closed)}, but {left} lies "
                "between a renewal's falling due and the last twentieth of the room's life; "
                'open it more often, or raise "before"'
            )
            yield self._at(message, "renewal", "window", "cron")

    def _templates(self) -> Iterator[Problem]:
        if self.form.for_each is None or not self._whole("for_each"):
            return  # a schedule knows its names, and checks them itself
        if self._asks("on_schedule") or self._asks("on_page"):
            return  # which of them is meant decides what templates know
        names = {self.form.for_each.as_: self._fields(self.form.for_each)}
        for path, text in self._template_texts(self.form.for_each):
            if text is not None and self._whole(*path):
                template = Template(text, self.source.document.place(path))
                problem = self.templates.check(template, names)
                if problem is not None:
                    yield Problem(problem.place, f"{path[-1]} {problem.message}")

    def _template_texts(self, wish: ForEachForm) -> Iterator[tuple[tuple[str, str], str | None]]:
        yield ("for_each", "key"), wish.key
        yield ("for_each", "formerly"), wish.formerly
        yield ("room", "display_name"), self.form.room.display_name
        yield ("room", "metadata"), self.form.room.metadata

    def _fields(self, wish: ForEachForm) -> frozenset[str] | None:
        """All fields that any of the items has; None where only data to come will tell."""
        if wish.items is None or item_problems(self.source.written):
            return None
        subjects = item_subjects(self.source.written)
        if not subjects:
            return None
        return frozenset(
            name
            for subject in subjects
            if isinstance(subject.fields, Mapping)
            for name in subject.fields
        )

    def _deliver(self) -> Iterator[Problem]:
        if not self._whole("deliver"):
            return
        named: set[str] = set()
        for at, deliver in enumerate(self.form.deliver):
            path: Path = ("deliver", at, "to")
            if deliver.to in named:
                yield self._at(f'"{deliver.to}" stands twice in deliver', *path)
            elif self.destinations is not None and deliver.to not in self.destinations:
                near = did_you_mean(deliver.to, self.destinations)
                example = _EXAMPLE.format(name=deliver.to)
                offer = near or f"; add it there: destinations: {{{deliver.to}: {example}}}"
                message = f'"{deliver.to}" is no destination of config.yaml{offer}'
                yield self._at(message, *path)
            elif deliver.to in self.calendars and not self._asks("on_schedule"):
                asked = " and ".join(key for key in _MADE_FOR if self._asks(key)) or "no schedule"
                message = (
                    f'"{deliver.to}" is a calendar, which shows rooms of on_schedule only, and '
                    f"this policy has {asked}; take it out here"
                )
                yield self._at(message, *path)
            elif deliver.link == "host" and deliver.to in self.open_to_all:
                message = (
                    f'"{deliver.to}" shows links to everybody who may look there; '
                    "a host link is told by a message: name another destination"
                )
                yield self._at(message, "deliver", at, "link")
            named.add(deliver.to)

    def _renames(self) -> Iterator[Problem]:
        if self._whole("formerly") and self.form.name in self.form.formerly:
            yield self._at(f'formerly names "{self.form.name}", the policy itself', "formerly")
        if self._whole(_MOVED) and self._whole("name"):
            moved = moves(self.form, self.source.document)
            yield from moved_problems([(self.form.name, move) for move in moved])


def together(policies: Sequence[Policy]) -> Iterator[Problem]:
    """What shows only when policies stand side by side; the first of two keeps a name."""
    names: dict[str, Policy] = {}
    former: dict[str, Policy] = {}
    for policy in policies:
        first = names.setdefault(policy.name, policy)
        if first is not policy:
            where = _place(first, "name")
            message = (
                f'the name "{policy.name}" is taken by {where}; choose another for one of them'
            )
            yield Problem(_place(policy, "name"), message)
        for name in policy.formerly:
            heir = former.setdefault(name, policy)
            if heir.name != policy.name:
                where = _place(heir, "formerly")
                message = f'formerly "{name}" is claimed by {where} too; only one can be its heir'
                yield Problem(_place(policy, "formerly"), message)
    if len(names) > 1:
        own = {
            problem
            for policy in policies
            for problem in moved_problems([(policy.name, move) for move in policy.moved])
        }
        every = [(policy.name, move) for policy in names.values() for move in policy.moved]
        yield from (problem for problem in moved_problems(every) if problem not in own)


def moved_problems(moved: Iterable[tuple[str, Moved]]) -> Iterator[Problem]:
    """Keys that two lines move, that two lines move to, or that come back to where they were."""
    ways: dict[Key, tuple[Key, Place]] = {}
    targets: dict[Key, Place] = {}
    for policy, move in moved:
        old, new = move.old_key(policy), move.new_key(policy)
        if old in ways:
            yield Problem(move.place, f"{old} is already moved at {ways[old][1]}")
        elif new in targets:
            yield Problem(move.place, f"something is already moved to {new} at {targets[new]}")
        else:
            ways[old] = (new, move.place)
            targets[new] = move.place
            if _comes_back(old, ways):
                yield Problem(move.place, f"moved leads {old} in a circle; a key can move only on")


def _comes_back(start: Key, ways: Mapping[Key, tuple[Key, Place]]) -> bool:
    at = start
    # Each key has one way out and one way in, so a walk ends or comes back to its start.
    while at in ways:
        at = ways[at][0]
        if at == start:
            return True
    return False


def _place(policy: Policy, path: str) -> Place:
    return policy.places.get(path, Place(policy.file))


def _rough(length: timedelta) -> str:
    """A length of time in the largest unit that tells enough, cut off."""
    for unit in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)):
        if length >= 2 * unit:
            return format_duration(length // unit * unit)
    return format_duration(length)
