"""A life that can end at every await of the engine, and what was being waited for when it did.

A port is wrapped so that each of its calls is two moments at which the process may die: before it
is carried out, and after.  Whatever the dead life's tasks do afterwards reaches nobody.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Final

import orchestrator.engine

ENGINE: Final = Path(orchestrator.engine.__file__).parent


class Crash(BaseException):
    """The process ends here."""


class Life:
    """One life of the daemon.

    It ends at the `at`-th moment from now, or at the first one at which `site` is being waited for;
    `standing` then holds all the awaits of the engine at which its tasks stood.
    """

    def __init__(self) -> None:
        self.over = False
        self.ended = asyncio.Event()
        self.standing: frozenset[str] = frozenset()
        self._at: int | None = None
        self._site = ""

    def arm(self, at: int | None = None, site: str = "") -> None:
        """Die so many moments from now, or at an await; the last call counts."""
        self._at, self._site = at, site

    def end(self) -> None:
        """Die now."""
        if not self.over:
            self.over = True
            self.standing = frozenset(_standing())
            self.ended.set()

    async def step(self) -> None:
        """A moment at which it may die."""
        if self.over:
            raise Crash
        if self._at is not None:
            self._at -= 1
        if self._at == 0 or (self._site and self._site in set(_of_frames(sys._getframe(1)))):
            self.end()
            raise Crash


class Mortal:
    """A port whose every call is two moments of a life; what is no coroutine passes through."""

    def __init__(self, port: Any, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._mortal(found) if inspect.iscoroutinefunction(found) else found

    def _mortal(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **named: Any) -> Any:
            await self._life.step()
            result = await method(*args, **named)
            await self._life.step()
            return result

        return call


# --- where the engine stands ----------------------------------------------------------------------


@cache
def awaits() -> dict[str, dict[int, str]]:
    """By file of the engine: the await that each line belongs to, if it belongs to one."""
    found: dict[str, dict[int, str]] = {}
    for path in sorted(ENGINE.glob("*.py")):
        lines: dict[int, str] = {}
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = [node for node in ast.walk(tree) if isinstance(node, _Waiting)]
        # The innermost of nested ones counts: it comes later, as it begins later or is shorter.
        for node in sorted(nodes, key=lambda node: (node.lineno, -_last(node))):
            site = f"{path.name}:{node.lineno}"
            lines.update(dict.fromkeys(range(node.lineno, _last(node) + 1), site))
        found[str(path)] = lines
    return found


_Waiting = (ast.Await, ast.AsyncWith, ast.AsyncFor)


def _last(node: ast.Await | ast.AsyncWith | ast.AsyncFor) -> int:
    """The last line of what is awaited, without the body of a block."""
    if isinstance(node, ast.AsyncWith):
        return max(item.context_expr.end_lineno or 0 for item in node.items)
    if isinstance(node, ast.AsyncFor):
        return node.iter.end_lineno or node.lineno
    return node.end_lineno or node.lineno


# Where a daemon by itself never stands: what a person asks and commands, what one command does
# without a daemon, and what needs a directory or callbacks, of which there are none here.
NOT_HERE: Final = frozenset(
    {
        *("desk.py", "steering.py", "preview.py", "overview.py", "hints.py", "polling.py"),
        *("supervisor.py look", "supervisor.py ask_directories", "supervisor.py one_pass"),
        *("supervisor.py carry_out", "supervisor.py _poll", "reload.py preview", "reload.py read"),
    }
)


@cache
def every_await() -> frozenset[str]:
    """All at which the daemon may die here, as ``file:line``."""
    found: set[str] = set()
    for file, lines in awaits().items():
        path = Path(file)
        functions = _functions(path)
        for line, site in lines.items():
            if not {path.name, f"{path.name} {functions.get(line, '')}"} & NOT_HERE:
                found.add(site)
    return frozenset(found)


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
