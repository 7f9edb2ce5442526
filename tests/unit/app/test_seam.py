"""Where store and audit log meet: what a start refuses, on the real files of both."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator.adapters.audit.log import JsonlAudit
from orchestrator.adapters.audit.writing import LogPlace
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.app.seam import (
    SeamError,
    learn_lineage,
    read_head,
    refuse_older,
    remembered_head,
    write_head,
)
from orchestrator.domain.facts import Fact
from orchestrator.engine.lineage import LINEAGE
from orchestrator.engine.outbox import AUDIT_HEAD
from orchestrator.ports.audit import Head
from orchestrator.ports.store import Commit
from tests.fakes.clock import VirtualClock

CLOCK = VirtualClock()


class Files:
    """A store and a log in one folder."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store.db"
        self.log = folder / "audit.jsonl"

    @property
    def paths(self) -> tuple[Path, Path]:
        return self.store, self.log

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[SqliteStore, JsonlAudit]]:
        """Both, as a start opens them."""
        store = await SqliteStore.open(self.store)
        resume = await remembered_head(store)
        audit = JsonlAudit(LogPlace(self.log, "acme", store.incarnation, None, resume))
        try:
            yield store, audit
        finally:
            await audit.close()
            await store.close()

    async def life(self, facts: int) -> str:
        """A daemon's life that records some facts; the store's incarnation."""
        async with self.opened() as (store, audit):
            await refuse_older(store, audit, self.paths)
            await store.commit(Commit(facts=[Fact("daemon.stopped")] * facts), CLOCK.now())
            head = await audit.head()
            head = await audit.append(await store.facts(head.seq, 100))
            note = {AUDIT_HEAD: write_head(head)}
            await store.commit(Commit(notes=dict(note)), CLOCK.now())
            return store.incarnation

    def drop_store(self) -> None:
        for path in self.store.parent.glob("store.db*"):
            path.unlink()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_head_is_kept_as_text() -> None:
    """As it was, to the letter."""
    head = Head(7, "ab" * 32, 9)
    assert read_head(write_head(head)) == head


async def test_what_goes_on_is_let_on(files: Files) -> None:
    """One life after the other, a lost store's successor among them."""
    await files.life(2)
    await files.life(3)
    files.drop_store()
    await files.life(1)
    await files.life(1)


async def test_a_log_that_was_moved_away_is_let_on(files: Files) -> None:
    """It is an operator's right; the chain goes on from what the store remembers."""
    await files.life(2)
    files.log.unlink()
    await files.life(2)


async def test_a_copy_of_yesterday_is_refused(files: Files) -> None:
    """It names the fact, and the command."""
    await files.life(2)
    shutil.copy(files.store, files.store.with_name("yesterday"))
    await files.life(2)
    files.drop_store()
    files.store.with_name("yesterday").rename(files.store)
    with pytest.raises(SeamError, match=r"older than its audit log \(fact 4 is .* state rebuild"):
        await files.life(1)


async def test_a_store_that_has_a_successor_is_refused(files: Files) -> None:
    """Its facts would be written into the log behind those of the one that came after it."""
    await files.life(2)
    shutil.copy(files.store, files.store.with_name("before"))
    files.drop_store()
    await files.life(1)
    files.drop_store()
    files.store.with_name("before").rename(files.store)
    with pytest.raises(SeamError, match=r"another store has written .* since this one did"):
        await files.life(1)


async def test_a_log_that_cannot_be_written_is_refused(files: Files) -> None:
    """Nothing is done that cannot be told."""
    files.log.mkdir()
    with pytest.raises(SeamError, match=r"cannot be written, so nothing is done: .*audit\.jsonl"):
        await files.life(1)


async def test_a_stores_lineage_is_learnt_once(files: Files) -> None:
    """From the log at its birth; what others write there later does not count."""
    first = await files.life(2)
    files.drop_store()
    async with files.opened() as (store, _):
        await learn_lineage(store, "acme", files.paths, CLOCK, was_there=False)
        learnt = json.loads(await store.note(LINEAGE) or "")
        assert sorted(learnt) == sorted({first, store.incarnation})
        files.log.unlink()
        await learn_lineage(store, "acme", files.paths, CLOCK, was_there=False)
        assert json.loads(await store.note(LINEAGE) or "") == learnt


@pytest.mark.parametrize("was_there", [True, False])
async def test_a_store_that_was_cut_off_is_refused(files: Files, was_there: bool) -> None:
    """A file of no bytes is to SQLite a new one; one that is not there is a new store indeed."""
    await files.life(2)
    files.drop_store()
    async with files.opened() as (store, _):
        if was_there:
            with pytest.raises(SeamError, match=r"there but empty.* state rebuild"):
                await learn_lineage(store, "acme", files.paths, CLOCK, was_there=True)
            assert await store.note(LINEAGE) is None
        else:
            await learn_lineage(store, "acme", files.paths, CLOCK, was_there=False)


async def test_a_first_start_that_was_killed_is_let_on(files: Files) -> None:
    """An empty file and an empty log: there is nothing that could be lost."""
    async with files.opened() as (store, _):
        await learn_lineage(store, "acme", files.paths, CLOCK, was_there=True)
        assert json.loads(await store.note(LINEAGE) or "") == [store.incarnation]
