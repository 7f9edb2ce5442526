"""The three steps by which a theme gets pictures, and what becomes of those that take but two.

What a picture holds is written before it is told of, and taken away after it is forgotten, so that
a kill leaves at most a file that nobody needs; the next start sweeps it away.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from orchestrator.foundation.instants import EPOCH, truncate
from orchestrator.meetings_server.model.logos import (
    GRANTED,
    KEPT,
    MOST_WAITING,
    LogoType,
    Upload,
    flaw_of,
    flawed,
    keys_of,
    no_upload,
    unfinished,
)
from orchestrator.meetings_server.model.refusals import Refused
from orchestrator.meetings_server.model.themes import Theme
from orchestrator.meetings_server.ports import (
    Clock,
    Entropy,
    Pictures,
    Records,
    Store,
    StoreFault,
)
from orchestrator.meetings_server.service.naming import draw_id
from orchestrator.meetings_server.service.theming import needed_theme

#: What keys of pictures begin with: those that wait, and those of themes.
WAITING: Final = "auto-expiring-temp/logos"
PUBLIC: Final = "logos"


class TooManyWaiting(Exception):
    """An application has uploaded more than may wait; what becomes a theme's waits no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Leave to upload one picture under one key, until a moment."""

    application_id: str
    type: LogoType
    key: str
    granted_at: datetime
    expires_at: datetime


class Logos:
    """Pictures of themes, over the store that has the themes."""

    def __init__(
        self,
        store: Store,
        pictures: Pictures,
        clock: Clock,
        entropy: Entropy,
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called when something may come due earlier."""
        self._store = store
        self._pictures = pictures
        self._clock = clock
        self._entropy = entropy
        self._wake = wake
        # No later than the next expiry; None: nothing waits.
        self._due: datetime | None = EPOCH

    async def sweep(self) -> None:
        """Take away what an earlier run left behind; before anything is asked."""
        await self._pictures.sweep(await self._store.read(lambda records: records.uploads.keys()))

    def grants(self, application_id: str) -> tuple[Grant, ...]:
        """Leave to upload one picture of each type; nothing of it is stored."""
        now = self.now
        return tuple(
            Grant(
                application_id=application_id,
                type=logo_type,
                key=f"{WAITING}/{logo_type}/{draw_id(self._entropy)}",
                granted_at=now,
                expires_at=now + GRANTED,
            )
            for logo_type in LogoType
        )

    async def take(self, grant: Grant, content: bytes) -> None:
        """Keep what was uploaded by a grant, which the caller has found to be ours.

        Raises:
            TooManyWaiting: of this application.
        """
        await self.advance()
        upload = Upload(
            key=grant.key,
            application_id=grant.application_id,
            type=grant.type,
            expires_at=self.now + KEPT,
        )

        def work(records: Records) -> None:
            is_new = records.uploads.get(upload.key) is None
            if is_new and records.uploads.count(upload.application_id) >= MOST_WAITING:
                raise TooManyWaiting
            records.uploads.put(upload)

        try:
            await self._pictures.keep(upload.key, content)
            await self._store.write(work)
        except (TooManyWaiting, StoreFault):
            await self._pictures.drop(upload.key)
            raise
        if self._due is None or upload.expires_at < self._due:
            self._due = upload.expires_at
            self._wake()

    async def finalize(self, application_id: str, theme_id: str, keys: Sequence[str]) -> None:
        """Give a theme the pictures that wait under these keys: all of them, or none.

        Raises:
            Refused: no such theme, nothing waits under a key, or it is no picture for a theme.
        """
        await self.advance()
        waiting = await self._store.read(
            lambda records: _waiting(records, application_id, theme_id, keys)
        )
        contents = {key: await self._pictures.read(key) for key in waiting}
        errors: list[Mapping[str, str]] = []
        for key in keys:
            content = contents.get(key)
            if content is None:
                errors.append(no_upload(key))
                continue
            # Large ones take a while to be looked at, in which others are answered.
            flaw = await asyncio.to_thread(flaw_of, waiting[key].type, content)
            if flaw is not None:
                errors.append(flawed(key, flaw))
        if errors:
            raise unfinished(errors)
        # Of two pictures of one type the later one stays.
        chosen = {upload.type: upload for upload in waiting.values()}
        given = {one: f"{PUBLIC}/{one}/{draw_id(self._entropy)}" for one in chosen}
        try:
            for logo_type, key in given.items():
                await self._pictures.keep(key, contents[chosen[logo_type].key] or b"")
            left = await self._store.write(
                lambda records: _given(records, application_id, theme_id, keys, given)
            )
        except (Refused, StoreFault):
            await self._drop(given.values())
            raise
        await self._drop([*left, *waiting])

    async def public(self, key: str) -> bytes | None:
        """A picture of a theme; None: there is none under that key, or it is no theme's yet."""
        return await self._pictures.read(key) if key.startswith(f"{PUBLIC}/") else None

    async def forget(self, theme: Theme) -> None:
        """Take away the pictures of a theme that was deleted."""
        await self._drop(keys_of(theme))

    async def advance(self) -> None:
        """Forget what has waited too long."""
        now = self.now
        if self._due is None or self._due > now:
            return

        def work(records: Records) -> tuple[tuple[Upload, ...], datetime | None]:
            expired = records.uploads.expired(now)
            for upload in expired:
                records.uploads.remove(upload.key)
            return expired, records.uploads.next_expiry()

        expired, self._due = await self._store.write(work)
        await self._drop([upload.key for upload in expired])

    @property
    def next_due(self) -> datetime | None:
        """No later than the next expiry; None: nothing waits."""
        return self._due

    @property
    def now(self) -> datetime:
        """The moment, as this server sees it."""
        return truncate(self._clock.now())

    async def _drop(self, keys: Iterable[str]) -> None:
        for key in keys:
            await self._pictures.drop(key)


def _waiting(
    records: Records, application_id: str, theme_id: str, keys: Sequence[str]
) -> dict[str, Upload]:
    """Those of the keys under which something of the application waits."""
    needed_theme(records, application_id, theme_id)
    found = {key: records.uploads.get(key) for key in keys}
    return {
        key: upload
        for key, upload in found.items()
        if upload is not None and upload.application_id == application_id
    }


def _given(
    records: Records,
    application_id: str,
    theme_id: str,
    keys: Sequence[str],
    given: Mapping[LogoType, str],
) -> list[str]:
    """Give the theme its pictures; the keys of those that it had before in their places.

    Looked at again, for much may have happened since: another may have taken them.
    """
    theme = needed_theme(records, application_id, theme_id)
    waiting = _waiting(records, application_id, theme_id, keys)
    errors = [no_upload(key) for key in keys if key not in waiting]
    if errors:
        raise unfinished(errors)
    for key in waiting:
        records.uploads.remove(key)
    had = [getattr(theme, logo_type.field) for logo_type in given]
    records.themes.save(replace(theme, **{one.field: key for one, key in given.items()}))
    return [key for key in had if key is not None]
