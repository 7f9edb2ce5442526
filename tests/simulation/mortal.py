"""A life that can end at every await of the engine, and what was being waited for when it did.

A port is wrapped so that each of its calls is two moments at which the process may die: before it
is carried out, and after.  Whatever the dead life's tasks do afterwards reaches nobody.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Final
from zlib import crc32

import orchestrator.engine

ENGINE: Final = Path(orchestrator.engine.__file__).parent
_RUN: Final = asyncio.Handle._run.__code__


class Crash(BaseException):
    """The process ends here."""


class Targets:
    """The awaits at which the daemon is to die, each once, however many lives that takes.

    Kept over a start: at some awaits it stands only while it begins.
    """

    def __init__(self) -> None:
        """None yet."""
        self.paused = False
        self.only = ""  # the file at whose awaits it may die for now; empty: at any
        self._by_file: dict[str, dict[int, str]] = {}
        self._sites: set[str] = set()

    def add(self, site: str) -> None:
        file = str(ENGINE / site.partition(":")[0])
        lines = {line for line, found in awaits()[file].items() if found == site}
        self._by_file.setdefault(file, {}).update(dict.fromkeys(lines, site))
        self._sites.add(site)

    def strike(self, sites: Collection[str]) -> None:
        """These were hit."""
        self._sites.difference_update(sites)
        for file, lines in list(self._by_file.items()):
            left = {line: site for line, site in lines.items() if site not in sites}
            self._by_file[file] = left
            if not left:
                del self._by_file[file]

    def met(self, frame: FrameType | None, *, rests: bool = False) -> bool:
        """Whether what runs now is being waited for at one; asked at every moment of a life.

        Where it ``rests``, in a task of its own, also whether another task waits for that at one.
        """
        if self.paused or not self._by_file:
            return False
        if rests and not self.only and (wanted := self._sites & _resting_awaits()):
            # To look at what every task waits for would cost more than all else here.
            waiting = _waiting_for_this()
            if waiting is not None and wanted & set(_of_task(waiting)):
                return True
        while frame is not None:
            if frame.f_code is _RUN:  # what follows is the loop
                return False
            lines = self._by_file.get(frame.f_code.co_filename)
            if lines is not None and frame.f_lineno in lines and self._may(frame):
                return True
            frame = frame.f_back
        return False

    def _may(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename.endswith(self.only)


class Life:
    """One life of the daemon.

    It ends at the `at`-th moment from now, or at the first one that waits at one of the targets;
    `standing` then holds all the awaits of the engine at which its tasks stood.
    """

    def __init__(self, targets: Targets | None = None) -> None:
        self.over = False
        self.ended = asyncio.Event()
        self.standing: frozenset[str] = frozenset()
        self._targets = targets or Targets()
        self._at: int | None = None

    def arm(self, at: int | None = None) -> None:
        """Die so many moments from now, or not; the last call counts."""
        self._at = at

    def end(self) -> None:
        """Die now."""
        if not self.over:
            self.over = True
            self.standing = frozenset(_standing())
            self._targets.strike(self.standing)
            self.ended.set()

    def step(self, *, rests: bool = False, again: bool = False) -> None:
        """A moment at which it may die; ``again``: where it just was and did not."""
        if self.over:
            raise Crash
        if self._at is not None:
            self._at -= 1
        met = not again and self._targets.met(sys._getframe(1), rests=rests)
        if met or self._at == 0:
            self.end()
            raise Crash


class Mortal:
    """A port whose every call is two moments of a life; what is no coroutine passes through."""

    def __init__(self, port: Any, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not inspect.iscoroutinefunction(found):
            return found
        mortal = self.__dict__[name] = self._mortal(found)  # it is asked for thousands of times
        return mortal

    def _mortal(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **named: Any) -> Any:
            self._life.step()
            result = await method(*args, **named)
            self._life.step(again=True)
            return result

        return call


# --- where the engine stands ----------------------------------------------------------------------


@cache
def awaits() -> dict[str, dict[int, str]]:
    """By file of the engine: the await that each line belongs to, if it belongs to one.

    What an ``async with`` waits for is another task of the same process, which dies with it; and
    what goes to a thread is done at once in virtual time, so that nobody can die meanwhile.
    """
    found: dict[str, dict[int, str]] = {}
    for path in sorted(ENGINE.glob("*.py")):
        lines: dict[int, str] = {}
        # The innermost of nested ones counts: it comes later, as it begins later or is shorter.
        for node in sorted(_awaits_of(path), key=lambda node: (node.lineno, -_last(node))):
            site = f"{path.name}:{node.lineno}"
            lines.update(dict.fromkeys(range(node.lineno, _last(node) + 1), site))
        found[str(path)] = lines
    return found


def _awaits_of(path: Path) -> list[ast.Await]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Await)]
    return [node for node in nodes if _called(node) not in {"to_thread", "enter_async_context"}]


def _called(node: ast.Await) -> str:
    """The name of the function that is awaited, or an empty text."""
    function = node.value.func if isinstance(node.value, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _told(node: ast.Await) -> str:
    """What is awaited, as it is written up to its arguments."""
    return ast.unparse(node.value.func) if isinstance(node.value, ast.Call) else ""


def _last(node: ast.expr) -> int:
    return node.end_lineno or node.lineno


# Functions in which a daemon by itself never stands: what a person asks and commands, what one
# command does without a daemon, what needs a directory, callbacks, links of ours, messages to
# people, another daemon beside this one or a store that was put back: there are none here.
NOT_HERE: Final = frozenset(
    {
        *("desk.py", "steering.py", "preview.py", "overview.py", "hints.py", "polling.py"),
        *("messages.py", "courier.py", "post.py", "attempt.py", "approvals.py", "feed.py"),
        *("links.py", "pagedesk.py", "pagelinks.py", "linking.py", "names.py"),
        *("reasons.py", "finding.py", "chronicle.py", "measuring.py"),
        *("applying.py", "reviewing.py"),
        # Nobody freezes anything, or has a plan reviewed: `tests/component/test_freezes.py` and
        # `test_reviewed_plans.py` do.
        "reconciler.py did",
        *("freezes.py begin", "freezes.py end", "freezes.py settle", "freezes.py _commit"),
        *("freezes.py asyncio.wait", "supervisor.py pauses_changed"),
        "supervisor.py self.parts.freezes.settle",
        # There are no themes here: `tests/component/test_themes.py` has them.
        *("tailor.py", "themerecords.py", "wardrobe.py"),
        # Nobody records here: `tests/component/test_recordings.py` dies at these.
        *("recorder.py", "archivist.py", "sessions.py", "promises.py", "shelf.py", "places.py"),
        "supervisor.py self.parts.recorder.recall",
        # Nobody looks at a page's link here, and there is nobody to be sent to elsewhere.
        *("pages.py ask", "pages.py ask_for_one", "pages.py divert"),
        # No destination shows lists of links, and nobody asks for measurements.
        *("outbox.py self.listing", "outbox.py destination.lead", "outbox.py unwritten_since"),
        # No store is told by a log, and nothing stands in a list of adopted rooms.
        *("pages.py complete", "supervisor.py self.parts.pages.complete"),
        "gathering.py _listed",
        # There are no messages to recall, and none whose senders are told of a book.
        *("supervisor.py self.parts.messages.recall", "reload.py self.meet"),
        *("supervisor.py look", "supervisor.py ask_directories", "supervisor.py one_pass"),
        *(
            "reconciler.py _read_doubted",
            "supervisor.py carry_out",
            "supervisor.py work_on",
            "supervisor.py _poll",
            "reload.py preview",
            "reload.py read",
        ),
        *(
            "inbox.py idle",
            "gathering.py state",
            "lineage.py _judge_strange",
            "lineage.py _doubt",
            "lineage.py _tell",
        ),
    }
)


# Functions in which it stands so seldom that it is to die there more often than elsewhere.
SELDOM: Final = frozenset(
    {
        *("executor.py _act_first", "executor.py _delete"),
        *("executor.py verify", "gathering.py situation", "gathering.py _claims"),
        *("gathering.py _lookalikes", "gathering.py _is_anothers", "lineage.py _is_known"),
        *("occurrences.py with_former", "outbox.py keep_adoptions", "outbox.py deliver"),
        *("reconciler.py _turn", "reload.py _put_in_force", "reload.py _removed"),
        *("reload.py follow", "resync.py _fail", "resync.py look", "resync.py shows"),
        *("supervisor.py _recall", "supervisor.py _probe", "supervisor.py _resync"),
        *("supervisor.py _rest_until_wanted", "supervisor.py prepare"),
        *("pages.py _look", "pages.py _with_room", "pages.py record"),
        *("pages.py _take", "pages.py _welcomed", "pages.py _taken_by", "pages.py _decide"),
        *("pages.py _with_a_room", "pages.py _shared_room"),
        *("reload.py _tell_missed", "reload.py _rekey", "reload.py _move"),
        *("brakes.py recall", "executor.py act", "lineage.py recall", "reload.py _swap"),
    }
)


# Awaits, by function and place in it, that are met once in hundreds of runs if nothing helps: two
# things must come together there that seldom do, such as a look at the clocks and a canary that
# lives.  An await that comes right before one of them is not among them: it would end there.
RARE: Final = frozenset(
    {
        *("executor.py _act 3", "executor.py _delete 6", "reconciler.py _step 1"),
        *("reconciler.py _judge 1", "reconciler.py _close_interrupted 2", "reload.py _wake 3"),
        *("supervisor.py _keep 2", "supervisor.py _probe 6"),
    }
)


# Functions that wait for a pause which is a task of its own.
_RESTING: Final = frozenset({"supervisor.py _rest_until_wanted", "pages.py _arrives"})


def _waiting_for_this() -> asyncio.Task[Any] | None:
    """The task that waits for the present one at the end of its group, if one does."""
    present: Any = asyncio.current_task()
    for callback, _ in present._callbacks or ():
        group = getattr(callback, "__self__", None)
        if isinstance(group, asyncio.TaskGroup):
            return getattr(group, "_parent_task", None)
    return None


@cache
def _resting_awaits() -> frozenset[str]:
    names = _names().items()
    return frozenset(site for site, name in names if name.rpartition(" ")[0] in _RESTING)


@cache
def seldom_awaits() -> tuple[str, ...]:
    """Those of `every_await` at which it seldom stands, in order."""
    names = _names()
    return tuple(site for site in sorted(every_await()) if names[site].rpartition(" ")[0] in SELDOM)


@cache
def rare_awaits() -> tuple[str, ...]:
    """Those of `every_await` at which it nearly never stands, in order."""
    names = _names()
    return tuple(site for site in sorted(every_await()) if names[site] in RARE)


@cache
def every_await() -> frozenset[str]:
    """All at which the daemon may die here, as ``file:line``; calls of what is not here neither."""
    found: set[str] = set()
    for path in sorted(ENGINE.glob("*.py")):
        functions = _functions(path)
        for node in _awaits_of(path):
            names = {functions.get(node.lineno, ""), _called(node), _told(node)}
            if not ({path.name} | {f"{path.name} {name}" for name in names}) & NOT_HERE:
                found.add(f"{path.name}:{node.lineno}")
    return frozenset(found)


def chosen(sites: Collection[str], draw: float) -> str:
    """One of these, by a number from 0 to 1; another one beside them seldom changes which.

    Lines move whenever anything above them changes: they are known by their functions.
    """
    names = _names()
    return min(sites, key=lambda site: crc32(f"{names[site]} {draw}".encode()))


@cache
def _names() -> dict[str, str]:
    """By site: its function, and which of its awaits it is."""
    found: dict[str, str] = {}
    for path in sorted(ENGINE.glob("*.py")):
        functions, counts = _functions(path), Counter[str]()
        for node in sorted(_awaits_of(path), key=lambda node: node.lineno):
            function = f"{path.name} {functions.get(node.lineno, '')}"
            counts[function] += 1
            found[f"{path.name}:{node.lineno}"] = f"{function} {counts[function]}"
    return found


def _functions(path: Path) -> dict[int, str]:
    """The function that each line stands in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        line: node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def _standing() -> Iterator[str]:
    yield from _of_frames(sys._getframe(1))
    for task in asyncio.all_tasks():
        yield from _of_task(task)


def _of_frames(frame: FrameType | None) -> Iterator[str]:
    """The awaits on the stack of what runs now."""
    while frame is not None:
        site = _site(frame)
        if site:
            yield site
        frame = frame.f_back


def _of_task(task: asyncio.Task[Any]) -> Iterator[str]:
    """The awaits at which a task that does not run stands, the outermost first."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            site = _site(frame)
            if site:
                yield site
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def _site(frame: FrameType) -> str:
    lines = awaits().get(frame.f_code.co_filename)
    return "" if lines is None else lines.get(frame.f_lineno, "")
