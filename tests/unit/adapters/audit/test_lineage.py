"""Which stores have written a log."""

import pytest

from orchestrator.adapters.audit.lineage import incarnations
from orchestrator.adapters.audit.reading import LogMovedError
from orchestrator.domain.facts import Fact
from tests.fakes.facts import recorded, recorded_facts
from tests.fakes.logbook import Logbook


def test_each_store_counts_through_all_files(logbook: Logbook) -> None:
    """Rotated and packed ones too; what looks like a field inside of another is none."""
    logbook.write(recorded_facts(3), "firstone")
    logbook.rotate(packed=True)
    logbook.write([recorded(1, Fact("daemon.started", detail={"store": "/a/b"}))], "othertwo")
    logbook.rotate()
    told = Fact("daemon.stopped", reason='{"owner":"acme","store":"spoofed1"')
    logbook.write([recorded(2, told)], "othertwo")
    assert incarnations(logbook.live, "acme") == {"firstone", "othertwo"}


def test_lines_of_others_and_no_lines_tell_nothing(logbook: Logbook) -> None:
    """Another owner's, a damaged one, no log at all."""
    assert incarnations(logbook.live, "acme") == frozenset()
    logbook.write(recorded_facts(2), "firstone")
    logbook.put([*logbook.lines(), b"no line\n"])
    assert incarnations(logbook.live, "globex") == frozenset()
    assert incarnations(logbook.live, "acme") == {"firstone"}


def test_a_log_that_is_rotated_meanwhile_is_read_again(logbook: Logbook) -> None:
    """A few times, and no more."""
    logbook.write(recorded_facts(2), "firstone")
    logbook.rotate()
    logbook.write(recorded_facts(1), "othertwo")
    rotations = iter([True])

    def once(*_: int) -> None:
        if next(rotations, False):
            logbook.rotate()
            logbook.write(recorded_facts(1), "third000")

    assert incarnations(logbook.live, "acme", once) == {"firstone", "othertwo", "third000"}

    def always(*_: int) -> None:
        for path in logbook.folder.iterdir():
            copy = path.read_bytes()
            path.rename(path.with_suffix(".old"))
            path.write_bytes(copy)

    with pytest.raises(LogMovedError):
        incarnations(logbook.live, "acme", always)
