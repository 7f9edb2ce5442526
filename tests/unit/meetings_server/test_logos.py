"""Where pictures are kept, and what becomes of them when something fails in the middle."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.meetings_server import Settings, StoreFault
from orchestrator.meetings_server.model.logos import KEPT
from orchestrator.meetings_server.model.refusals import Refused
from orchestrator.meetings_server.model.themes import Theme, ThemeDraft
from orchestrator.meetings_server.ports import Pictures
from orchestrator.meetings_server.server import start
from orchestrator.meetings_server.service import Grant, Logos, Meetings, Themes
from orchestrator.meetings_server.storage import FolderPictures, MemoryPictures, SqliteStore
from tests.fakes.clock import VirtualClock, settle
from tests.meetings import APPLICATION, settings
from tests.pictures import LOGO

ID = "e8b1d80b-8f78-4578-94f2-328596e01387"
KEY = f"logos/white/{ID}"


# --- the port -------------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "memory"])
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Pictures:
    """Both of them."""
    return FolderPictures(tmp_path / "logos") if request.param == "folder" else MemoryPictures()


async def test_what_is_kept_is_read(pictures: Pictures) -> None:
    """Until it is replaced or dropped; what never was is nothing."""
    assert await pictures.read(KEY) is None
    await pictures.keep(KEY, b"one")
    await pictures.keep(KEY, b"two")
    assert await pictures.read(KEY) == b"two"
    await pictures.drop(KEY)
    await pictures.drop(KEY)
    assert await pictures.read(KEY) is None
    assert await pictures.read("../secret") is None


async def test_sweeping(pictures: Pictures) -> None:
    """Leaves what is known, and is fine with nothing."""
    await pictures.sweep(frozenset())
    other = KEY.replace("white", "colored")
    for key in (KEY, other):
        await pictures.keep(key, b"x")
    await pictures.sweep(frozenset({KEY, KEY.replace("white", "favicon")}))
    assert (await pictures.read(KEY), await pictures.read(other)) == (b"x", None)


async def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """Is a fault of the store, whatever was to be done."""
    (tmp_path / "logos").write_text("a file")
    pictures = FolderPictures(tmp_path / "logos")
    acts: list[Callable[[], Awaitable[object]]] = [
        lambda: pictures.keep(KEY, b"x"),
        lambda: pictures.read(KEY),
        lambda: pictures.drop(KEY),
    ]
    for act in acts:
        with pytest.raises(StoreFault):
            await act()


# --- faults in the middle -------------------------------------------------------------------------


class Failing(MemoryPictures):
    """Cannot keep what begins with `refused`; `on_keep` is called after what is kept."""

    refused: str = "nothing"
    on_keep: Callable[[], Awaitable[None]] | None = None

    async def keep(self, key: str, content: bytes) -> None:
        if key.startswith(self.refused):
            message = "disk full"
            raise StoreFault(message)
        await super().keep(key, content)
        if self.on_keep is not None:
            await self.on_keep()

    @property
    def keys(self) -> set[str]:
        """Of all that is there."""
        return set(self._kept)


@dataclass
class Stand:
    """A theme, and an application that uploads for it."""

    logos: Logos
    themes: Themes
    pictures: Failing
    store: SqliteStore
    theme: Theme
    clock: VirtualClock

    async def uploaded(self) -> Grant:
        """Something that waits."""
        grant = self.logos.grants(APPLICATION)[0]
        await self.logos.take(grant, LOGO)
        return grant

    async def finalize(self, *keys: str) -> None:
        await self.logos.finalize(APPLICATION, self.theme.id, keys)


@asynccontextmanager
async def stand() -> AsyncIterator[Stand]:
    told: Settings = settings()
    clock, pictures = VirtualClock(), Failing()
    entropy = random.Random(7).randbytes
    store = await SqliteStore.open(None)
    meetings = Meetings(store, clock, entropy, told, lambda: None)
    logos = Logos(store, pictures, clock, entropy, lambda: None)
    themes = Themes(store, meetings, logos, entropy, told)
    theme = await themes.create(APPLICATION, ThemeDraft(main_color="#fff", brand_text="b"))
    yield Stand(logos, themes, pictures, store, theme, clock)
    await store.close()


async def test_an_upload_that_cannot_be_kept() -> None:
    """Leaves nothing, neither told of nor on the disk."""
    async with stand() as here:
        here.pictures.refused = "auto-expiring"
        with pytest.raises(StoreFault, match="disk full"):
            await here.uploaded()
        assert here.pictures.keys == set()
        assert here.logos.next_due is None


async def test_pictures_that_cannot_be_kept() -> None:
    """The upload goes on waiting, and the theme has what it had."""
    async with stand() as here:
        grant = await here.uploaded()
        here.pictures.refused = "logos/"
        with pytest.raises(StoreFault, match="disk full"):
            await here.finalize(grant.key)
        assert here.pictures.keys == {grant.key}
        assert await here.themes.theme(APPLICATION, here.theme.id) == here.theme
        here.pictures.refused = "nothing"
        await here.finalize(grant.key)
        given = (await here.themes.theme(APPLICATION, here.theme.id)).brand_image_white
        assert here.pictures.keys == {given}


async def test_what_is_taken_by_another_meanwhile() -> None:
    """Is not given twice; nothing is left of the second try."""
    async with stand() as here:
        grant = await here.uploaded()

        async def overtaken() -> None:
            await here.store.write(lambda records: records.uploads.remove(grant.key))

        here.pictures.on_keep = overtaken
        with pytest.raises(Refused, match="could not finalize logos"):
            await here.finalize(grant.key)
        assert here.pictures.keys == {grant.key}
        await here.pictures.sweep(await here.store.read(lambda records: records.uploads.keys()))
        assert here.pictures.keys == set()


async def test_a_theme_that_is_deleted_meanwhile() -> None:
    """Its picture is nobody's; the upload goes on waiting."""
    async with stand() as here:
        grant = await here.uploaded()

        async def overtaken() -> None:
            await here.themes.delete(APPLICATION, here.theme.id, force=True)

        here.pictures.on_keep = overtaken
        with pytest.raises(Refused, match="could not find theme"):
            await here.finalize(grant.key)
        assert here.pictures.keys == {grant.key}


async def test_a_file_that_is_gone() -> None:
    """Is told of as a key under which nothing waits."""
    async with stand() as here:
        grant = await here.uploaded()
        await here.pictures.drop(grant.key)
        with pytest.raises(Refused) as caught:
            await here.finalize(grant.key)
        assert caught.value.errors == ({"logoKey": grant.key, "code": "key_not_found"},)


async def test_what_comes_due() -> None:
    """The earliest of what waits, and nothing where nothing does."""
    async with stand() as here:
        assert here.logos.next_due is not None  # it has not looked yet
        await here.logos.advance()
        assert here.logos.next_due is None
        first = await here.uploaded()
        here.clock.advance(60)
        second = await here.uploaded()
        assert here.logos.next_due == here.clock.now() + KEPT - timedelta(seconds=60)
        here.clock.advance(KEPT.total_seconds() - 60)
        await here.logos.advance()
        assert here.pictures.keys == {second.key}
        assert here.logos.next_due == here.clock.now() + timedelta(seconds=60)
        await here.finalize(second.key)
        assert first.key not in here.pictures.keys


async def test_a_server_forgets_what_waits_by_itself(tmp_path: Path) -> None:
    """While nobody asks for anything."""
    clock = VirtualClock()
    database = tmp_path / "meetings.db"
    folder = tmp_path / "meetings.db-logos"
    pictures = FolderPictures(folder)
    store = await SqliteStore.open(database)
    logos = Logos(store, pictures, clock, random.Random(7).randbytes, lambda: None)
    await logos.take(logos.grants(APPLICATION)[0], LOGO)
    await store.close()
    server = await start(settings(database=database), clock)
    assert len(list(folder.iterdir())) == 1
    clock.advance(KEPT.total_seconds())
    while list(folder.iterdir()):
        await settle()
    await server.close()
