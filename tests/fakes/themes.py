"""A fake of the themes port: the themes of one application in memory.

It keeps the rules that the engine meets (names are unique, a theme in use is not deleted) and goes
wrong when told to, one call at a time, by the fates of the fake of the rooms port.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from types import MappingProxyType
from typing import TypeVar

from orchestrator.domain.facts import ApiCall
from orchestrator.domain.themes import COLOR, FIELDS, Fields, LogoType, Theme
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnansweredError,
    UnavailableError,
    WithheldError,
)
from orchestrator.ports.rooms import LAST_CALL
from tests.fakes.rooms import REFUSALS, Fate

Result = TypeVar("Result")

METHODS = {
    "list_themes": "GET",
    "get_theme": "GET",
    "create_theme": "POST",
    "update_theme": "PATCH",
    "upload_logos": "PUT",
    "set_default_theme": "PATCH",
    "delete_theme": "DELETE",
}


@dataclass(frozen=True)
class ThemeAsked:
    """One call as it reached the fake."""

    method: str
    theme_id: str
    fate: Fate
    told: object = None

    @property
    def changes(self) -> bool:
        return METHODS[self.method] != "GET"


class FakeThemes:
    """The themes of one application.

    Attributes:
        used: how many rooms have a theme.
        ignores: fields that a POST or PATCH passes over though it answers 2xx.
        swallows: pictures that are taken and never shown.
        default: the id of the application's default theme.
        contents: the pictures of each theme.
        down: every call is refused a connection.
        asked: all calls so far, in order.
        table: the themes by id, whatever calls tell.
        before: awaited before each call is carried out.
        after: awaited after it was carried out, before it is answered.
    """

    def __init__(self, used: Callable[[str], int] = lambda _: 0) -> None:
        self.used = used
        self.ignores: set[str] = set()
        self.swallows = False
        self.default = ""
        self.contents: dict[str, dict[LogoType, bytes]] = {}
        self.down = False
        self.asked: list[ThemeAsked] = []
        self.before: Callable[[ThemeAsked], Awaitable[None]] = _nothing
        self.after: Callable[[ThemeAsked], Awaitable[None]] = _nothing
        self._serial = count(1)
        self.table: dict[str, Theme] = {}
        self._fates: defaultdict[str, deque[Fate]] = defaultdict(deque)
        self._late: list[Callable[[], object]] = []

    def script(self, method: str, *fates: Fate) -> None:
        """What becomes of the next calls of a method; later ones are answered."""
        self._fates[method].extend(fates)

    def act_late(self) -> None:
        """Carry out what was dropped to be carried out later."""
        late, self._late = self._late, []
        for act in late:
            with suppress(Fault):
                act()

    def plant(self, **fields: str | None) -> Theme:
        """A theme that somebody else made."""
        usual = {"theme_name": "by-hand", "main_color": "#000", "brand_text": "Hand"}
        return self._make({**usual, **fields})

    def change(self, theme_id: str, **fields: str | None) -> Theme:
        """Change a theme behind everybody's back."""
        return self._change(theme_id, fields)

    def repaint(self, theme_id: str, kind: LogoType) -> None:
        """Give a theme another picture behind everybody's back."""
        self._paint(theme_id, {kind: b"another's"})

    def vanish(self, theme_id: str) -> None:
        """Take a theme away behind everybody's back."""
        del self.table[theme_id]

    @property
    def themes(self) -> Sequence[Theme]:
        """All of them."""
        return tuple(self.table.values())

    @property
    def changes(self) -> Sequence[ThemeAsked]:
        """The calls so far that would change something, in order."""
        return tuple(one for one in self.asked if one.changes)

    # --- the port ---

    async def list_themes(self) -> Sequence[Theme]:
        return await self._call("list_themes", "", None, lambda: self.themes)

    async def get_theme(self, theme_id: str) -> Theme:
        return await self._call("get_theme", theme_id, None, lambda: self._of(theme_id))

    async def create_theme(self, fields: Fields) -> Theme:
        return await self._call("create_theme", "", fields, lambda: self._make(fields))

    async def update_theme(self, theme_id: str, fields: Fields) -> Theme:
        if not fields:
            raise RefusedError("an update must change something")
        act = lambda: self._change(theme_id, fields)  # noqa: E731 - as the others
        return await self._call("update_theme", theme_id, fields, act)

    async def upload_logos(self, theme_id: str, logos: Mapping[LogoType, bytes]) -> None:
        if not logos:
            raise RefusedError("no picture is named")
        told = tuple(sorted(logos))

        def take() -> None:
            if not all(content.startswith(b"\x89PNG") for content in logos.values()):
                raise RefusedError("could not finalize logos", 400)
            self._paint(theme_id, logos)

        return await self._call("upload_logos", theme_id, told, take)

    async def set_default_theme(self, theme_id: str) -> None:
        return await self._call("set_default_theme", theme_id, None, lambda: self._prefer(theme_id))

    async def delete_theme(self, theme_id: str, *, force: bool = False) -> None:
        act = lambda: self._delete(theme_id, force=force)  # noqa: E731
        return await self._call("delete_theme", theme_id, force, act)

    # --- inside ---

    async def _call(
        self, method: str, theme_id: str, told: object, act: Callable[[], Result]
    ) -> Result:
        LAST_CALL.set(None)
        waiting = self._fates[method]
        fate = waiting.popleft() if waiting else Fate.ANSWERED
        if self.down:
            fate = Fate.UNSENT
        asked = ThemeAsked(method, theme_id, fate, told)
        self.asked.append(asked)
        await self.before(asked)
        try:
            result = self.meet(asked, act)
        except Fault as fault:
            if fate is not Fate.WITHHELD:
                LAST_CALL.set(ApiCall(METHODS[method], fault.status, 1.0, 1))
            raise
        LAST_CALL.set(ApiCall(METHODS[method], 200, 1.0, 1))
        await self.after(asked)
        return result

    def meet(self, asked: ThemeAsked, act: Callable[[], Result]) -> Result:
        match asked.fate:
            case Fate.ANSWERED:
                return act()
            case Fate.ACT_THEN_DROP:
                act()
                raise _silence(asked)
            case Fate.DROP_THEN_ACT:
                self._late.append(act)
                raise _silence(asked)
            case Fate.LOST:
                raise _silence(asked)
            case Fate.WITHHELD:
                if not asked.changes:
                    return act()
                raise WithheldError("not sent")
            case _:
                fault = REFUSALS[asked.fate]()
                raise fault

    def _of(self, theme_id: str) -> Theme:
        theme = self.table.get(theme_id)
        if theme is None:
            raise MissingError(f"could not find theme {theme_id}", 404)
        return theme

    def _make(self, fields: Fields) -> Theme:
        for name in ("main_color", "brand_text"):
            if not fields.get(name):
                raise RefusedError(f'"{name}" is required', 400)
        theme_id = f"00000000-0000-4000-8000-{next(self._serial):012d}"
        whole = dict.fromkeys(FIELDS) | {"theme_name": theme_id} | dict(fields)
        theme = Theme(theme_id, MappingProxyType(whole))
        self._check(theme)
        self.table[theme_id] = theme
        return theme

    def _change(self, theme_id: str, fields: Fields) -> Theme:
        theme = self._of(theme_id)
        taken = {name: value for name, value in fields.items() if name not in self.ignores}
        after = replace(theme, fields=MappingProxyType({**theme.fields, **taken}))
        self._check(after)
        self.table[theme_id] = after
        return after

    def _check(self, theme: Theme) -> None:
        if COLOR.fullmatch(theme.fields["main_color"] or "") is None:
            raise RefusedError('"main_color" is no colour', 400)
        for other in self.table.values():
            if other.id != theme.id and other.name == theme.name:
                raise ForbiddenError("theme_name already exists in application", 409)

    def _paint(self, theme_id: str, logos: Mapping[LogoType, bytes]) -> None:
        theme = self._of(theme_id)
        if self.swallows:
            return
        self.contents.setdefault(theme_id, {}).update(logos)
        keys = {kind: f"logos/{kind}/{next(self._serial)}" for kind in logos}
        pictures = MappingProxyType({**theme.pictures, **keys})
        self.table[theme_id] = replace(theme, pictures=pictures)

    def _prefer(self, theme_id: str) -> None:
        if theme_id not in self.table:
            raise RefusedError(f"theme id {theme_id} not found", 400)
        self.default = theme_id

    def _delete(self, theme_id: str, *, force: bool) -> None:
        self._of(theme_id)
        if self.default == theme_id or (self.used(theme_id) and not force):
            raise RefusedError("could not delete theme", 400)
        del self.table[theme_id]


async def _nothing(asked: ThemeAsked) -> None:
    del asked


def _silence(asked: ThemeAsked) -> Fault:
    if asked.changes:
        return UnansweredError("no answer came")
    return UnavailableError("no answer came")
