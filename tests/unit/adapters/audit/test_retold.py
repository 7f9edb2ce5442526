"""The log's lines as facts again."""

from pathlib import Path

from orchestrator.adapters.audit.retold import log_end, retold
from orchestrator.domain.facts import Fact
from orchestrator.ports.audit import Head
from tests.fakes.facts import recorded, recorded_facts
from tests.fakes.logbook import Logbook


def test_facts_come_back_as_they_were(logbook: Logbook) -> None:
    """Through rotated files, without checkpoints, and with all that a rebuild needs."""
    logbook.write(recorded_facts(2), "firstone")
    logbook.rotate(packed=True)
    logbook.write([recorded(3, Fact("daemon.stopped", detail={"why": "asked to"}))], "firstone")
    told = list(retold(logbook.live, "acme"))
    assert [(one.seq, one.store, one.fact.event) for one in told] == [
        (1, "firstone", "room.renewed"),
        (2, "firstone", "room.renewed"),
        (3, "firstone", "daemon.stopped"),
    ]
    before = recorded(1).fact
    after = told[0].fact
    assert (after.key, after.room_id, after.actor) == (before.key, before.room_id, before.actor)
    assert after.detail == before.detail
    assert after.after == before.after
    assert list(retold(logbook.live, "globex")) == []


def test_what_another_version_wrote_is_passed_over(logbook: Logbook) -> None:
    """An event or a field that this one does not know; the rest is read."""
    logbook.write(recorded_facts(2), "firstone")
    first, second = logbook.lines()
    strange = first.replace(b"room.renewed", b"room.painted")
    wider = second.replace(b'"detail":{', b'"detail":{"colour":"red",')
    wider = wider.replace(b'"after":{', b'"after":{"colour":"red",')
    logbook.put([strange, wider, b"no line\n"])
    (told,) = retold(logbook.live, "acme")
    assert "colour" not in told.fact.detail
    assert told.fact.after == {"expires_at": "2027-11-20T09:00:00.000Z"}


def test_where_the_log_ends(logbook: Logbook, tmp_path: Path) -> None:
    """The next line's chain; nothing is opened to write, and nothing is made."""
    assert log_end(logbook.live) == Head(0, "0" * 64, 0)
    assert not logbook.live.exists()
    head = logbook.write(recorded_facts(3), "firstone")
    assert log_end(logbook.live) == Head(0, head.hash, 3)
    logbook.rotate()
    assert log_end(logbook.live) == Head(0, head.hash, 3)
    assert list(tmp_path.iterdir()) == [tmp_path / "audit.jsonl.1"]
