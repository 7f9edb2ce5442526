"""What the file's log adds to the port: its thread, its syncs, being cancelled."""

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.audit.log import JsonlAudit
from orchestrator.adapters.audit.verify import Against, verify
from orchestrator.adapters.audit.writing import LogPlace
from orchestrator.ports.audit import AuditFault
from tests.fakes.facts import recorded, recorded_facts
from tests.fakes.logbook import Logbook


@pytest.fixture
def logbook(tmp_path: Path) -> Logbook:
    """An empty log, unsigned."""
    return Logbook(tmp_path)


def log_of(logbook: Logbook, seconds: float = 0) -> JsonlAudit:
    return JsonlAudit(
        LogPlace(logbook.live, "acme", "7f3a01bc"), sync_every=timedelta(seconds=seconds)
    )


async def test_appends_at_once_are_written_in_their_order(logbook: Logbook) -> None:
    """One thread writes, so that nobody overtakes."""
    audit = log_of(logbook)
    heads = await asyncio.gather(*(audit.append(recorded_facts(last)) for last in range(1, 30)))
    await audit.close()
    assert [head.seq for head in heads] == list(range(1, 30))
    assert verify(logbook.live, Against(heads[-1])).is_whole


async def test_a_cancelled_append_leaves_a_whole_log(logbook: Logbook) -> None:
    """Begun, it is carried out; not begun, it is left; the same facts again complete it."""
    audit = log_of(logbook)
    for last in range(1, 60):
        append = asyncio.ensure_future(audit.append(recorded_facts(last)))
        for _ in range(last % 4):
            await asyncio.wait([append], timeout=0)
        append.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await append
    head = await audit.append(recorded_facts(60))
    await audit.close()
    assert head.lines == 60
    assert verify(logbook.live, Against(head)).is_whole


async def test_a_cancelled_close_closes(logbook: Logbook) -> None:
    """Another may write as soon as the thread has let go."""
    audit = log_of(logbook, seconds=3600)
    await audit.append([recorded(1)])
    closing = asyncio.ensure_future(audit.close())
    await asyncio.wait([closing], timeout=0)
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await closing
    audit._thread.shutdown(wait=True)  # noqa: SLF001 - to see the end of what is not waited for
    other = logbook.writer()
    assert other.head().seq == 1
    other.close()


@pytest.mark.looptime
async def test_lines_are_synced_within_the_interval(logbook: Logbook) -> None:
    """Not at once, not never: once, that much later, for all that was written until then."""
    audit = log_of(logbook, seconds=5)
    await audit.append([recorded(1)])
    await asyncio.sleep(3)
    await audit.append([recorded(2)])
    assert audit.is_behind
    await asyncio.sleep(1.9)
    assert audit.is_behind
    await asyncio.sleep(0.2)
    await audit.head()  # stands in line behind the sync
    assert not audit.is_behind
    await audit.close()


async def test_with_always_no_line_is_ever_unsynced(logbook: Logbook) -> None:
    """The answer of `append` is a durable one."""
    audit = log_of(logbook)
    await audit.append([recorded(1)])
    assert not audit.is_behind
    await audit.close()


async def test_closing_syncs_what_is_left(logbook: Logbook) -> None:
    """And nothing fires after it."""
    audit = log_of(logbook, seconds=3600)
    await audit.append([recorded(1)])
    await audit.close()
    assert not audit.is_behind


async def test_a_fault_is_raised_where_it_is_awaited(logbook: Logbook) -> None:
    """And the log is usable again once its cause is gone."""
    logbook.live.mkdir()
    audit = log_of(logbook)
    with pytest.raises(AuditFault):
        await audit.append([recorded(1)])
    with pytest.raises(AuditFault):
        await audit.head()
    logbook.live.rmdir()
    assert (await audit.append([recorded(1)])).seq == 1
    await audit.close()
