"""Port: traces. What the daemon does, as spans in time, for whoever follows one act through it.

A span knows its parent by the task that it is begun in.  Its attributes are names, numbers and
keys; no link, no token and no text of another system is ever one (promise P11).  No method raises,
and where traces are off none costs more than its call.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol

Attribute = str | int | float | bool


class Span(Protocol):
    """Something that goes on."""

    def note(self, name: str, value: Attribute) -> None:
        """Attach what became known meanwhile."""
        ...

    def failed(self, why: str) -> None:
        """It did not succeed; ``why`` is one of few words, such as a status or a kind of fault."""
        ...


class Tracer(Protocol):
    """Begins spans."""

    def span(self, name: str, /, **attributes: object) -> AbstractContextManager[Span]:
        """Something that goes on for the length of the block.

        Args:
            name: of the kind of act, one of few.
            attributes: by name; what is neither text nor number is told as `str` writes it.
        """
        ...

    def passed(self, name: str, seconds: float, /, **attributes: object) -> None:
        """Something that ended now and took so long."""
        ...


class _Unseen:
    """A span that nobody sees; one serves all."""

    def __enter__(self) -> _Unseen:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def note(self, name: str, value: Attribute) -> None:
        """See `Span.note`."""

    def failed(self, why: str) -> None:
        """See `Span.failed`."""


_UNSEEN: Final = _Unseen()


class Untraced:
    """Traces nothing."""

    def span(self, _name: str, /, **_attributes: object) -> AbstractContextManager[Span]:
        """See `Tracer.span`."""
        return _UNSEEN

    def passed(self, _name: str, _seconds: float, /, **_attributes: object) -> None:
        """See `Tracer.passed`."""


UNTRACED: Final = Untraced()
