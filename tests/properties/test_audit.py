"""Whatever is done to a log, it is found, and its place is named."""

import gzip
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.audit.verify import Against, FindingKind, verify
from orchestrator.adapters.audit.writing import LogPlace, Writer
from orchestrator.domain.facts import Fact, RecordedFact
from orchestrator.ports.audit import Head
from tests.fakes.facts import BEGAN, recorded_facts

texts = st.text(max_size=20)
facts = st.builds(
    Fact,
    st.just("room.updated"),
    actor=texts,
    key=texts,
    room_id=texts,
    reason=texts,
    before=st.none() | st.dictionaries(st.just("display_name"), texts | st.none()),
    detail=st.dictionaries(st.just("display_name"), texts),
)


def _write(live: Path, recorded: list[RecordedFact]) -> Head:
    writer = Writer(LogPlace(live, "acme", "7f3a01bc"))
    try:
        return writer.append(recorded, sync=False)
    finally:
        writer.close()


@contextmanager
def _folder() -> Iterator[Path]:
    # Not tmp_path: each example needs a folder of its own.
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


with _folder() as _made:
    _HEAD = _write(_made / "audit.jsonl", recorded_facts(7))
    _LOG = (_made / "audit.jsonl").read_bytes()


@given(st.data())
def test_any_byte_changed_is_named_with_its_line(data: st.DataObject) -> None:
    """Everywhere in the log: text, hashes, newlines."""
    at = data.draw(st.integers(0, len(_LOG) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != _LOG[at]))
    line = _LOG[:at].count(b"\n") + 1
    with _folder() as folder:
        live = folder / "audit.jsonl"
        live.write_bytes(_LOG[:at] + bytes([byte]) + _LOG[at + 1 :])
        findings = verify(live, Against(_HEAD)).findings
    assert findings[0].line == line
    # A newline more makes two broken lines of one; a byte changed at the end may hide the anchor.
    assert {finding.line for finding in findings} <= {line, line + 1}


@given(st.integers(0, len(_LOG) - 1))
def test_any_cut_is_found(at: int) -> None:
    """At whatever byte the file ends."""
    with _folder() as folder:
        live = folder / "audit.jsonl"
        live.write_bytes(_LOG[:at])
        report = verify(live, Against(_HEAD))
    assert not report.is_whole
    torn = [one.line for one in report.findings if one.kind is FindingKind.TORN]
    ends_a_line = at == 0 or _LOG[at - 1 : at] == b"\n"
    assert torn == ([] if ends_a_line else [_LOG[:at].count(b"\n") + 1])


@given(st.permutations(range(7)), st.integers(1, 7))
def test_any_other_order_or_selection_of_lines_is_found(order: list[int], kept: int) -> None:
    """Only the log as it was written is whole, and its beginning where no end is asked for."""
    lines = _LOG.splitlines(keepends=True)
    chosen = order[:kept]
    with _folder() as folder:
        live = folder / "audit.jsonl"
        live.write_bytes(b"".join(lines[number] for number in chosen))
        anchored = verify(live, Against(_HEAD))
        alone = verify(live, Against())
    assert anchored.is_whole == (chosen == list(range(7)))
    assert alone.is_whole == (chosen == list(range(kept)))


@given(st.lists(facts, min_size=1, max_size=12), st.data())
def test_any_facts_in_any_batches_with_any_rotations_make_a_whole_log(
    told: list[Fact], data: st.DataObject
) -> None:
    """And every crash in between leaves the very same lines."""
    recorded = [RecordedFact(seq, BEGAN, fact) for seq, fact in enumerate(told, 1)]
    with _folder() as folder:
        live = folder / "audit.jsonl"
        rotations = 0
        head = Head(0, "0" * 64, 0)
        while head.seq < len(recorded):
            until = data.draw(st.integers(head.seq + 1, len(recorded)), "until")
            head = _write(live, recorded[:until])
            if data.draw(st.booleans(), "crash"):
                whole = live.read_bytes()
                live.write_bytes(whole[: data.draw(st.integers(0, len(whole)), "cut")])
                assert _write(live, recorded[:until]) == head
                assert live.read_bytes() == whole
            if data.draw(st.booleans(), "rotate"):
                rotations += 1
                target = folder / f"audit.jsonl-202611{rotations:02}.gz"
                target.write_bytes(gzip.compress(live.read_bytes()))
                live.unlink()
        report = verify(live, Against(head))
    assert report.findings == ()
    assert report.coverage.lines == head.lines
