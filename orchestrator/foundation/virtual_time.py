"""Virtual time: an event loop in which time passes only when nothing is left to do.

Years run in seconds, and every run of the same work goes the same way: what a real loop would do in
a thread is done at once, and where a real loop would wait, this one's time moves on to what is due
next.  It refuses to wait for anything but time: where nothing is due and nothing is ready it raises
`NothingDueError` instead of standing still for ever.  Sockets and signals are looked at only
between two moments, so it is not for talking to other processes.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

_Result = TypeVar("_Result")
_Given = TypeVarTuple("_Given")

_HALF_A_MICROSECOND: Final = 5e-7


class NothingDueError(RuntimeError):
    """Everything waits for something that will never come."""


class _Idling(selectors.DefaultSelector):
    """Lets time pass where a loop asks to wait.

    A loop asks for no time at all while callbacks are ready, for the time until its next timer when
    none is, and for ever when it has no timer either (`asyncio.BaseEventLoop`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []
        ready = super().select(0)
        if ready:  # a signal, say
            return ready
        if timeout is None:
            message = "nothing is ready and nothing is due: everything waits for ever"
            raise NothingDueError(message)
        self.passed += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop; its `time` begins at 0."""

    def __init__(self) -> None:
        """Begin at 0 seconds."""
        self._idling = _Idling()
        super().__init__(self._idling)
        # A timer is due when it lies less than this many seconds ahead. The usual nanosecond is
        # less than a float tells apart after some months, and then nothing would ever be due.
        self._clock_resolution = _HALF_A_MICROSECOND

    def time(self) -> float:
        """The seconds that have passed here."""
        return self._idling.passed

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - none is needed
        func: Callable[[Unpack[_Given]], _Result],
        *args: *_Given,
    ) -> asyncio.Future[_Result]:
        """Do the work at once, in this thread: no other order is possible the next time."""
        done: asyncio.Future[_Result] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits the result
            done.set_exception(error)
        return done


def run_virtually(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end on a `VirtualLoop` of its own; its result.

    Raises:
        NothingDueError: it, and all that it began, waits for what cannot come.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
