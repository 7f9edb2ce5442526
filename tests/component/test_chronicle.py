"""The chronicle on a store: the latest facts, earlier ones, those that tell of a text, and news."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.facts import ApiCall, Fact
from orchestrator.engine import chronicle as engine
from orchestrator.engine.chronicle import EngineChronicle
from orchestrator.ports.store import Commit
from tests.fakes.store import FakeStore

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten facts are kept, three read at once, nine looked at."""
    monkeypatch.setattr(engine, "KEPT", 10)
    monkeypatch.setattr(engine, "_BITE", 3)
    monkeypatch.setattr(engine, "LOOKED_AT", 9)


async def happen(store: FakeStore, *facts: Fact, at: datetime = NOW) -> None:
    """Commit facts."""
    await store.commit(Commit(facts=facts), at)


def renewals(first: int, last: int) -> Sequence[Fact]:
    """Facts about keys with these numbers."""
    return [Fact("room.renewed", key=f"a/{number}") for number in range(first, last + 1)]


async def test_pages_of_facts_from_the_latest_back() -> None:
    """From memory and, beyond it, from the store; the end says that it is the end."""
    store = FakeStore()
    await happen(store, *renewals(1, 25))
    told = EngineChronicle(store)
    assert await told.last() == 25
    latest = await told.latest(None, 4)
    assert [row.seq for row in latest.rows] == [25, 24, 23, 22]
    assert (latest.looked_back_to, latest.more) == (22, True)
    across = await told.latest(18, 6)
    assert [row.seq for row in across.rows] == [17, 16, 15, 14, 13, 12]
    first = await told.latest(4, 9)
    assert ([row.seq for row in first.rows], first.more) == ([3, 2, 1], False)
    assert await told.latest(1, 9) == await EngineChronicle(FakeStore()).latest(None, 9)
    assert [row.seq for row in (await told.latest(10**9, 1)).rows] == [25]


async def test_a_search_looks_at_so_many_and_says_how_far_it_came() -> None:
    """And goes on from there."""
    store = FakeStore()
    await happen(store, Fact("room.created", key="a/x", detail={"display_name": "Board room"}))
    await happen(store, *renewals(1, 20))
    told = EngineChronicle(store)
    nothing = await told.find("board ROOM", None, 5, secrets=False)
    assert (nothing.rows, nothing.looked_back_to, nothing.more) == ((), 13, True)
    further = await told.find("board ROOM", 13, 5, secrets=False)
    assert (further.rows, further.looked_back_to) == ((), 4)
    there = await told.find("board ROOM", 4, 5, secrets=False)
    assert ([row.name for row in there.rows], there.more) == (["Board room"], False)
    enough = await told.find("room.renewed", None, 2, secrets=False)
    assert ([row.seq for row in enough.rows], enough.looked_back_to) == ([21, 20], 20)


async def test_links_and_codes_are_found_by_those_who_may_see_them() -> None:
    """Nobody else can guess one letter by letter; in no row do they stand."""
    store = FakeStore()
    link, code = "https://meet.example/very-secret", "481 920 374"
    detail = {"display_name": "Room", "guest_url": link, "meeting_code": code}
    changed = {"guest_url": link}
    await happen(
        store,
        Fact("room.created", key="a/x", detail=detail, api=ApiCall("POST", 201, 84.4, 1)),
        Fact("room.updated", key="a/%C3%B6", before=changed, after=changed),
        Fact("page.diverted", key="a/p", detail={"to": link, "title": "Disk full"}),
    )
    told = EngineChronicle(store)
    for text in ("very-secret", "481920374"):
        assert not (await told.find(text, None, 9, secrets=False)).rows
    assert len((await told.find("very-secret", None, 9, secrets=True)).rows) == 3
    rows = (await told.find("481920374", None, 9, secrets=True)).rows
    assert [row.call for row in rows] == ["POST 201, 84 ms"]
    every = (await told.latest(None, 9)).rows
    assert "very-secret" not in str(every)
    assert [row.key for row in every] == ["a/p", "a/ö", "a/x"]
    assert [row.name for row in every] == ["Disk full", "", "Room"]
    unanswered = Fact("room.lost", api=ApiCall("GET", 0, 10_000.0, 1))
    await happen(store, unanswered)
    assert (await told.latest(None, 1)).rows[0].call == "GET unanswered, 10,000 ms"


async def test_news_comes_to_all_who_wait() -> None:
    """Also of what was committed while they looked; what is older is no news."""
    store = FakeStore()
    await happen(store, *renewals(1, 3))
    told = EngineChronicle(store)
    await told.news(2)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        waits = [group.create_task(told.news(3), name=f"wait-{number}") for number in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not any(task.done() for task in waits)
        await happen(store, Fact("room.lost", key="a/1"))
    assert [row.event for row in await told.after(3, 9)] == ["room.lost"]
    assert [row.seq for row in await told.after(1, 2)] == [2, 3]
    await happen(store, *renewals(1, 20))
    assert [row.seq for row in await told.after(1, 2)] == [2, 3]  # by now in the store alone
    assert await told.after(99, 9) == []


async def test_a_day_is_summed_up() -> None:
    """Acts, not what leads to them; and it says where more was done than is remembered."""
    store = FakeStore()
    await happen(store, Fact("room.created", key="a/0"), at=NOW - timedelta(days=1))
    await happen(store, Fact("operation.started"), *renewals(1, 2), Fact("room.created", key="a/3"))
    told = EngineChronicle(store)
    day = await told.since(NOW, 2)
    assert dict(day.counts) == {"room.created": 1, "room.renewed": 2}
    assert [row.key for row in day.rows] == ["a/3", "a/2"]
    assert day.whole
    assert (await told.since(NOW, 0)).rows == ()
    await happen(store, *renewals(1, 20))
    assert not (await told.since(NOW, 2)).whole
