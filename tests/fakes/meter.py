"""A fake of the meter port that keeps what it was told, and of the tracing port likewise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.ports.tracing import Attribute


class FakeMeter:
    """Counts by words, and keeps the seconds."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.seconds: dict[str, list[float]] = {}

    def called(self, method: str, route: str, status: int, seconds: float, attempt: int) -> None:
        self.counts["called", method, route, str(status)] += 1
        self._took("called", seconds)
        if attempt > 1:
            self.counts["repeated", method, route] += 1

    def listed(self, outcome: str, seconds: float) -> None:
        self.counts["listed", outcome] += 1
        self._took("listed", seconds)

    def committed(self, events: Iterable[str], seconds: float) -> None:
        self.counts["committed",] += 1
        self.counts.update(("fact", event) for event in events)
        self._took("committed", seconds)

    def linked(self, seconds: float) -> None:
        self.counts["linked",] += 1
        self._took("linked", seconds)

    def roomed(self, seconds: float) -> None:
        self.counts["roomed",] += 1
        self._took("roomed", seconds)

    def delivered(self, destination: str, outcome: str, seconds: float) -> None:
        self.counts["delivered", destination, outcome] += 1
        self._took("delivered", seconds)

    def lagged(self, seconds: float) -> None:
        self.counts["lagged",] += 1
        self._took("lagged", seconds)

    def _took(self, what: str, seconds: float) -> None:
        self.seconds.setdefault(what, []).append(max(seconds, 0.0))


@dataclass
class Seen:
    """A span that was seen."""

    name: str
    parent: str
    attributes: dict[str, object]
    seconds: float | None = None
    why: str = ""
    ended: bool = False

    def note(self, name: str, value: Attribute) -> None:
        self.attributes[name] = value

    def failed(self, why: str) -> None:
        self.why = self.why or why


@dataclass
class FakeTracer:
    """Keeps every span; knows no tasks, so it tells a parent where one thing goes on at a time."""

    spans: list[Seen] = field(default_factory=list)
    _open: list[Seen] = field(default_factory=list)

    @contextmanager
    def span(self, name: str, /, **attributes: object) -> Iterator[Seen]:
        parent = self._open[-1].name if self._open else ""
        seen = Seen(name, parent, dict(attributes))
        self.spans.append(seen)
        self._open.append(seen)
        try:
            yield seen
        except BaseException as error:
            seen.failed(type(error).__name__)
            raise
        finally:
            seen.ended = True
            self._open.remove(seen)

    def passed(self, name: str, seconds: float, /, **attributes: object) -> None:
        self.spans.append(Seen(name, "", dict(attributes), max(seconds, 0.0), ended=True))

    def named(self, name: str) -> list[Seen]:
        """Those of a kind."""
        return [seen for seen in self.spans if seen.name == name]
